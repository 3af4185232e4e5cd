# SPDX-License-Identifier: Apache-2.0
"""The rules of the house, read from the sources: which way imports point, who owns which package, what every file has.

When a rule fails because the architecture has grown, change the rule here and `docs/architecture.md` together.
"""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

from mcusim.board import board_names, load_board
from mcusim.core import core_names, load_core
from mcusim.devices import DEVICES, make_device
from mcusim.devices.base import Host
from mcusim.pipelines import PIPELINES

# What device models are made from: modules of the folder that hold no model.
SHARED_BY_DEVICES = ("base", "ticks", "nrf_peripheral", "rp2040_peripheral", "stm32_clocks", "stm32_flash",
                     "stm32h7_clocks")  # fmt: skip

ROOT = Path(__file__).resolve().parents[1]
MAX_LINES = 450

# From the bottom up: a package imports those on lines above its own, and nothing else. Names on one line do not import
# each other. (Imports for the type checker alone do not count: they make no order at run time.)
LAYERS = (
    (
        "errors",
        "exits",
        "headers",
        "processes",
        "profile_caches",
        "profile_code",
        "profile_events",
        "profile_memory",
        "profile_power",
    ),
    ("output", "jit", "image", "layer_trace", "slice_trace", "differences", "junit", "ci"),
    ("isa",),
    ("pipelines", "board_power", "board_timing"),
    ("board", "core", "microbenchmark", "overlay", "svd"),
    ("guess", "engine", "devices", "layers"),
    ("access_trace",),
    ("trace",),
    ("machine",),
    ("calling", "gdb"),
    ("testing", "checking", "verifying"),
    ("pytest_plugin",),
    ("profile", "disassembly"),
    ("advice", "energy", "profile_io", "sources"),
    ("attribution", "figures", "summary"),
    ("batch",),
    ("comparison", "validation", "diff"),
    ("budgets", "sweeping"),
    ("reports",),
    ("plots",),
    ("html_report",),
    ("cli",),
)
# Nothing right of Profile knows the machine: these import only what is named here.
NARROW = {
    "profile_caches": set(),
    "profile_code": set(),
    "profile_events": set(),
    "profile_memory": set(),
    "profile_power": set(),
    "profile": {"profile_caches", "profile_code", "profile_memory", "profile_power"},
    "profile_io": {"errors", "output", "profile", "profile_caches", "profile_code", "profile_memory"},
    "energy": {"errors", "profile", "profile_memory", "profile_power"},
    "advice": {"profile", "profile_memory"},
    "summary": {"energy", "profile"},
    "diff": {"errors", "profile", "profile_memory"},
    "budgets": {"diff", "energy", "errors", "profile", "profile_io", "profile_memory"},
    "ci": {"errors"},
    "reports": {
        "advice",
        "budgets",
        "ci",
        "diff",
        "energy",
        "errors",
        "junit",
        "profile",
        "profile_caches",
        "profile_code",
        "profile_events",
        "profile_io",
        "profile_memory",
        "profile_power",
    },
    "plots": {"errors", "profile", "profile_memory", "reports"},
    "html_report": {"diff", "errors", "plots", "profile", "profile_memory", "reports"},
    "board_power": set(),
    "board_timing": set(),
    "processes": set(),
    "devices": {"errors", "board"},
    "image": {"errors"},
    "layers": {"errors", "image"},
    "isa": set(),
    "pipelines": {"isa", "jit"},
}
# Third-party package -> the packages of ours that may import it.
OWNERS = {
    "argcomplete": {"cli"},
    "capstone": {"disassembly"},
    "distributed": {"sweeping"},
    "elftools": {"image"},
    "intelhex": {"image"},
    "itanium_demangler": {"image"},
    "llvmlite": {"jit"},
    "matplotlib": {"plots"},
    "msgspec": {
        "board",
        "board_power",
        "board_timing",
        "budgets",
        "checking",
        "core",
        "figures",
        "microbenchmark",
        "overlay",
        "profile_io",
        "sweeping",
    },
    "numba": {"jit", "kernels"},
    "numpy": {
        "access_trace",
        "attribution",
        "calling",
        "checking",
        "core",
        "differences",
        "engine",
        "isa",
        "jit",
        "kernels",
        "layer_trace",
        "machine",
        "pipelines",
        "slice_trace",
        "testing",
        "verifying",
    },
    "plotly": {"html_report"},
    "pytest": {"pytest_plugin"},
    "rich": {"reports"},
    "tflite": {"kernels"},
    "unicorn": {"engine"},
}
HEAVY = ("argcomplete", "numba", "llvmlite", "unicorn", "numpy", "matplotlib", "capstone", "elftools", "msgspec",
         "rich", "intelhex", "plotly", "tflite", "distributed")  # fmt: skip


@dataclass(frozen=True)
class Import:
    """One import statement: from which of our packages, in which file, of what; `typing_only` for the type checker."""

    package: str
    place: str
    module: str
    typing_only: bool


@cache
def sources() -> tuple[Path, ...]:
    """Return every Python file that ships."""
    return tuple(sorted(path for folder in ("mcusim", "kernels", "cores") for path in (ROOT / folder).rglob("*.py")))


def package_of(path: Path) -> str:
    """Return the name that the tables above use: the file or folder below mcusim/, or 'kernels', 'cores'."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    if parts[0] != "mcusim":
        return parts[0]
    return "mcusim" if parts[1] in ("__init__", "__main__") else parts[1]


def is_module(name: str) -> bool:
    """Return whether a dotted name below mcusim is a module or a package, and not something inside one."""
    path = ROOT.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def imported(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    """Yield the modules that a statement imports."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
        return
    assert node.level == 0, "imports are absolute"
    for alias in node.names:
        inner = f"{node.module}.{alias.name}"
        yield inner if node.module == "mcusim" and is_module(inner) else str(node.module)


@cache
def imports() -> tuple[Import, ...]:
    """Return every import of every file that ships, those inside functions too."""
    found = []
    for path in sources():
        tree = ast.parse(path.read_text("utf-8"))
        guarded = {
            id(inner)
            for node in ast.walk(tree)
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
            for inner in ast.walk(node)
        }
        for node in ast.walk(tree):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                place = f"{path.relative_to(ROOT)}:{node.lineno}"
                for module in imported(node):
                    found.append(Import(package_of(path), place, module, id(node) in guarded))
    return tuple(found)


def of_ours(module: str) -> str | None:
    """Return our package that a module is in; None for others. The top package holds only the version for them."""
    if module in ("mcusim", "mcusim.__init__"):
        return None
    head, _, rest = module.partition(".")
    return rest.partition(".")[0] if head == "mcusim" else None


def test_imports_point_one_way() -> None:
    height = {"kernels": -1} | {name: level for level, names in enumerate(LAYERS) for name in names}
    wrong = []
    for each in imports():
        target = of_ours(each.module)
        if target is None or each.typing_only or each.package in ("mcusim", "kernels") or target == each.package:
            continue
        if target not in height or each.package not in height or height[target] >= height[each.package]:
            wrong.append(f"{each.place}: {each.package} imports {target}")
    assert not wrong


def test_every_package_has_its_layer() -> None:
    listed = {name for names in LAYERS for name in names}
    assert {package_of(path) for path in sources()} - {"mcusim", "kernels", "cores"} == listed


@pytest.mark.parametrize("package", NARROW)
def test_narrow_packages_know_little(package: str) -> None:
    targets = {of_ours(each.module) for each in imports() if each.package == package and not each.typing_only}
    assert targets - {None, package} <= NARROW[package]


def test_kernels_stand_alone() -> None:
    allowed = {"numpy", "numba", "tflite", *sys.stdlib_module_names}
    wrong = [
        f"{each.place}: {each.module}"
        for each in imports()
        if each.package == "kernels"
        and each.module.split(".")[0] not in allowed
        and not each.module.startswith("mcusim.kernels")
    ]
    assert not wrong


def test_kernels_work_without_the_package_that_reads_models() -> None:
    """It is optional: only reading a model asks for it, and says how to get it."""
    code = (
        "import sys\nsys.modules['tflite'] = None\nfrom mcusim.kernels.tflite_file import read_model\n"
        "import mcusim.kernels.requantize\n"
        "try:\n    read_model(b'....TFL3')\nexcept ImportError as error:\n    print(error)"
    )
    said = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert said == "reading a .tflite file needs the package 'tflite': pip install 'mcusim[models]'\n"


def test_only_checks_look_at_the_kernels() -> None:
    users = {each.package for each in imports() if of_ours(each.module) == "kernels"}
    assert users - {"kernels"} == {"checking", "verifying"}


def test_data_folders_hold_no_code() -> None:
    assert not [each for each in imports() if each.package == "cores"]


def test_each_third_party_package_has_its_owner() -> None:
    used: dict[str, set[str]] = {name: set() for name in OWNERS}
    for each in imports():
        top = each.module.split(".")[0]
        if top not in sys.stdlib_module_names and top != "mcusim":
            used.setdefault(top, set()).add(each.package)
    assert used == OWNERS


@pytest.mark.parametrize(
    "words", [["--help"], ["--version"], ["list", "formats"], ["profile", "--help"], ["plot", "--help"]]
)
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    code = (
        "import sys\nfrom mcusim.cli import entry_point\n"
        f"sys.argv = ['mcusim', *{words!r}]\n"
        "try:\n    entry_point()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        f"print('heavy:', *sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "heavy:"


def test_importing_the_package_is_cheap() -> None:
    code = f"import sys, mcusim; print(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "\n"


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_are_short_and_say_what_they_are(path: Path) -> None:
    text = path.read_text("utf-8")
    assert len(text.splitlines()) <= MAX_LINES
    assert ast.get_docstring(ast.parse(text))


# Tables and folders


def modules_in(package: str, *without: str) -> set[str]:
    """Return the modules of a package by file name."""
    return {path.stem for path in (ROOT / "mcusim" / package).glob("*.py")} - {"__init__", *without}


def test_devices_table_equals_the_folder() -> None:
    classes = [model for model in DEVICES.values() if isinstance(model, type)]
    assert len(classes) == len(DEVICES)
    assert {model.__module__ for model in classes} == {
        f"mcusim.devices.{name}" for name in modules_in("devices", *SHARED_BY_DEVICES)
    }


def test_pipelines_table_equals_the_folder() -> None:
    parts_of_dual_issue = {f"dual_issue_{part}" for part in ("core", "fp", "operands", "rules")}
    assert set(PIPELINES) == modules_in("pipelines", "causes", "fetch_unit", "operands", *parts_of_dual_issue)
    for name, module in PIPELINES.items():
        assert module is import_module(f"mcusim.pipelines.{name}")


@pytest.mark.parametrize("name", core_names())
def test_every_core_loads(name: str) -> None:
    core = load_core(name)
    assert (ROOT / "cores" / f"{core.name}.toml").is_file()
    assert core.rules.min() >= 0


class _Clock:
    cycles, core_hz = 0, 1_000_000

    def set_core_hz(self, core_hz: int) -> None:
        """A clock that stands still."""


@pytest.mark.parametrize("name", board_names())
def test_every_board_loads_with_its_core_and_devices(name: str) -> None:
    board = load_board(name)
    assert board.name == name
    load_core(board.core)
    host = Host(_Clock(), lambda _data: None, lambda _number, _level: None)
    for entry in board.device:
        make_device(entry, host)


def test_every_data_file_is_a_core_or_a_board() -> None:
    assert {path.stem for path in (ROOT / "cores").glob("*.toml")} == set(core_names())
    assert {path.stem for path in (ROOT / "cores" / "boards").glob("*.toml")} == set(board_names())


# Files


@cache
def files() -> tuple[str, ...]:
    """Return the files of the project: what git tracks or would."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    command = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    return tuple(sorted({name for name in listed if name and (ROOT / name).is_file()}))


def test_sources_carry_their_licence() -> None:
    endings = (".py", ".toml", ".c", ".h", ".s", ".S", ".ld", ".mk", ".sh", "Makefile", ".ci/run")
    missing = [
        name
        for name in files()
        if name.endswith(endings)
        and name != "pyproject.toml"
        and "SPDX-License-Identifier: Apache-2.0" not in (ROOT / name).read_text("utf-8")[:300]
    ]
    assert not missing


def test_no_file_names_a_folder_of_somebodys_machine() -> None:
    folders = [f"/{name}/".encode() for name in ("work", "root", "home", "Users")]
    wrong = [name for name in files() if any(folder in (ROOT / name).read_bytes() for folder in folders)]
    assert not wrong
