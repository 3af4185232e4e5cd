# SPDX-License-Identifier: Apache-2.0
"""`mcusim check`: what is drawn, what is called, what is found wrong and named, baselines, JUnit XML, exit codes."""

from __future__ import annotations

import json
import shutil
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from machines import EXAMPLES, FIRMWARE

from mcusim import Firmware, McusimError
from mcusim.checking import Suite, Target, check_target, load_suite, suite_of_bindings
from mcusim.checking.baseline import Conditions, baseline_bytes, compare, figures_of, load_baseline
from mcusim.checking.binding import Binding, built, structure_of
from mcusim.checking.bindings import BINDINGS, LIBRARIES
from mcusim.checking.case import FILL, Style
from mcusim.checking.operators import OPERATORS
from mcusim.checking.run import check_case, make_case, mistakes_that_give
from mcusim.checking.space import choices, draw, spaces
from mcusim.checking.suite import changed, make_target
from mcusim.cli.main import main
from mcusim.differences import first_difference

PROJECT = EXAMPLES / "kernel_tests"
KERNELS, SUITE = PROJECT / "kernels.elf", PROJECT / "suite.toml"
CALLABLE = FIRMWARE / "callable" / "callable-hard.elf"


def the_target(cases: int = 4) -> Target:
    return replace(load_suite(SUITE).targets[0], cases=cases)


def target_of(operator: str, **style: Any) -> Target:
    return make_target(Binding("function", operator, ("output",), style=Style(**style)))


# sizes


def test_sizes_in_every_spelling() -> None:
    assert choices("c", 3) == (3,)
    assert choices("c", [1, 5]) == (1, 5)
    assert choices("c", "2..4") == (2, 3, 4)
    assert choices("c", "4..16:4") == (4, 8, 12, 16)
    assert choices("stride_h", "kernel_h") == "kernel_h"
    for wrong in ("1-4", [], True, -1, "9..3", 1.5):
        with pytest.raises(McusimError, match=r"^c: "):
            choices("c", wrong)  # type: ignore[arg-type]


def test_dimensions_must_exist() -> None:
    with pytest.raises(McusimError, match="no dimension 'hight': there are h, w"):
        spaces({"hight": 1}, {"h": (1,), "w": (2,)}, "conv")
    with pytest.raises(McusimError, match="'x' is no dimension"):
        spaces({"h": "x"}, {"h": (1,)}, "conv")


def test_the_first_cases_are_the_smallest_and_the_largest() -> None:
    space = {"input_h": (1, 2, 9), "kernel_h": (1, 3), "stride_h": "kernel_h", "dilation_h": (1, 2)}
    rng = np.random.default_rng(1)
    assert draw(space, rng, 0) == {"input_h": 1, "kernel_h": 1, "stride_h": 1, "dilation_h": 1}
    assert draw(space, rng, 1) == {"input_h": 9, "kernel_h": 3, "stride_h": 3, "dilation_h": 1}
    for number in range(2, 30):
        sizes = draw(space, rng, number)
        assert sizes["stride_h"] == sizes["kernel_h"]
        assert all(sizes[name] in values for name, values in space.items() if not isinstance(values, str))


# cases


@pytest.mark.parametrize("operator", OPERATORS)
def test_cases_are_the_same_each_time_and_their_references_vary(operator: str) -> None:
    target = target_of(operator)
    spread, elements = set(), 0
    for number in range(12):
        case, again = make_case(target, number, 1), make_case(target, number, 1)
        assert case.name == again.name
        np.testing.assert_array_equal(case.expected, again.expected)
        assert case.expected.shape == case.values["output"].shape
        spread |= set(case.expected.ravel().tolist())
        elements += case.expected.size
    assert len(spread) > min(40, elements // 2)
    assert make_case(target, 3, 2).values["output"].shape or make_case(target, 3, 2).name


@pytest.mark.parametrize(
    ("operator", "style"),
    [("conv2d", {}), ("conv2d", {"rounding": "float"}), ("depthwise_conv2d", {}), ("fully_connected", {}), ("add", {}),
     ("mul", {}), ("batch_matmul", {}), ("relu", {}), ("max_pool2d", {})],
)  # fmt: skip
def test_each_mistake_is_named(operator: str, style: dict[str, Any]) -> None:
    """The firmware's result is made by the reference with the mistake: it, or one that gives the same, is named."""
    target = target_of(operator, **style)
    named: set[str] = set()
    for number in range(25):
        case = make_case(target, number, 1)
        assert mistakes_that_give(case, case.expected) == ()
        for variant in case.operator.variants:
            wrong = variant.change(case.values)
            if wrong is None:
                continue
            try:
                got = case.operator.reference(wrong)
            except ValueError:
                continue
            if not np.array_equal(got, case.expected):
                found = mistakes_that_give(case, got)
                assert variant.words in found
                named |= set(found)
    own = style.get("rounding", "double")
    expected = {v.words for v in OPERATORS[operator].variants}
    unreachable = {words for words in expected if own in words.split(",")[0]}
    if own == "float":
        unreachable |= {words for words in expected if "left and right" in words}  # there are no shifts
    assert len(named) >= len(expected - unreachable) - 2


# Not those of int16 that scale 64-bit sums, once whatever the option says; not softmax of int8, which shifts to the
# left only; not svdf of int16 and LSTM, of whose 15 to 30 bits that are cut off hardly any are a half.
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(
    ("operator", "dtype"),
    [("conv2d", "int8"), ("depthwise_conv2d", "int8"), ("transpose_conv", "int8"), ("fully_connected", "int8"),
     ("batch_matmul", "int8"), ("add", "int8"), ("add", "int16"), ("mul", "int8"), ("mul", "int16"),
     ("softmax", "int16"), ("svdf", "int8")],
)  # fmt: skip
def test_either_rounding_is_told_from_the_other_in_every_run(operator: str, dtype: str, seed: int) -> None:
    for right, wrong in (("double", "single"), ("single", "double")):
        target = target_of(operator, dtype=dtype, rounding=right)
        cases = [make_case(target, number, seed) for number in range(target.cases)]
        got = [case.operator.reference(case.values | {"rounding": wrong}) for case in cases]
        assert any(not np.array_equal(each, case.expected) for each, case in zip(got, cases, strict=True))


def halves_up(values: Any, multiplier: int, shift: int) -> Any:
    """A mistake that kernels make: gemmlowp's first rounding, and a second one that takes halves up."""
    high = (values.astype(object) * (1 << max(shift, 0)) * multiplier + (1 << 30)) >> 31
    right = max(-shift, 0)
    return (high + (1 << right >> 1)) >> right


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_halves_that_are_rounded_up_are_told(seed: int) -> None:
    for operator in ("add", "mul"):
        target, found = target_of(operator), 0
        for number in range(target.cases):
            case = make_case(target, number, seed)
            v = case.values
            first, second = (v[f"input{n}"].astype(np.int64) - v[f"input{n}_zero_point"] for n in (1, 2))
            if operator == "add":
                parts = [
                    halves_up(each << v["left_shift"], v[f"input{n}_multiplier"], v[f"input{n}_shift"])
                    for n, each in ((1, first), (2, second))
                ]
                scaled = halves_up(parts[0] + parts[1], v["output_multiplier"], v["output_shift"])
            else:
                scaled = halves_up(first * second, v["multiplier"], v["shift"])
            got = np.clip(scaled + v["output_zero_point"], v["activation_min"], v["activation_max"]).astype(np.int8)
            found += not np.array_equal(got, case.expected)
            assert np.abs(got.astype(int) - case.expected).max() <= 2  # the twin is right but for its mistake
        assert found >= 2


# bindings


def test_words_of_a_binding() -> None:
    values = {"pad_top": 2, "input": np.zeros(3, np.int8)}
    made = built({"stride": {"h": "pad_top", "n": 7}, "data": "input", "offset": "-pad_top"}, values, "f")
    assert made["stride"] == {"h": 2, "n": 7}
    assert made["offset"] == -2
    kind = structure_of(made)
    assert [(member.name, member.offset) for member in kind.members] == [("stride", 0), ("data", 8), ("offset", 12)]
    with pytest.raises(McusimError, match=r"unknown word \(f\) 'padtop': did you mean pad_top"):
        built("padtop", values, "f")
    with pytest.raises(McusimError, match="only a number can be negated"):
        built("-input", values, "f")


@pytest.mark.parametrize("function", BINDINGS)
def test_every_binding_makes_cases_and_knows_its_words(function: str) -> None:
    binding = BINDINGS[function]
    target = make_target(binding)
    for number in range(6):
        values = make_case(target, number, 1).values | {"scratch": np.zeros(4, np.int8), "scratch_bytes": 4}
        for spec in binding.arguments:
            built(spec, values, function)
        assert binding.scratch_limit(values) >= 0
        assert binding.result in values


def test_libraries_share_no_function() -> None:
    assert sum(map(len, LIBRARIES.values())) == len(BINDINGS)


# suites


def test_the_example_suite_passes_with_and_without_debug_information() -> None:
    outcome = check_target(Firmware(KERNELS, "nucleo-l4r5zi"), the_target(8), 1)
    assert outcome.passed == len(outcome.cases) == 8
    largest = outcome.largest
    assert largest is not None
    assert largest.macs == 64 * 16
    assert largest.cycles > largest.instructions > largest.macs


def test_cases_do_not_depend_on_how_many_there_are() -> None:
    firmware = Firmware(KERNELS, "nucleo-l4r5zi")
    few, more = check_target(firmware, the_target(3), 1), check_target(firmware, the_target(6), 1)
    assert few.cases == more.cases[:3]


def test_a_python_suite(tmp_path: Path) -> None:
    path = tmp_path / "suite.py"
    path.write_text(
        "from mcusim.checking import Suite\n"
        "from mcusim.checking.binding import Binding\n"
        "from mcusim.checking.suite import make_target\n"
        "b = Binding('f', 'add', ('size', 'input1', 'input2', 'output'), space={'size': 5})\n"
        "SUITE = Suite((make_target(b),), 'mine')\n"
    )
    suite = load_suite(path)
    assert isinstance(suite, Suite)
    assert suite.targets[0].space["size"] == (5,)
    path.write_text("SUITE = 3")
    with pytest.raises(McusimError, match="makes no SUITE"):
        load_suite(path)
    path.write_text("1 / 0")
    with pytest.raises(McusimError, match="ZeroDivisionError"):
        load_suite(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", r"no \[\[target\]\]"),
        ("seeds = 1", "unknown key 'seeds': did you mean seed"),
        ("[[target]]\nfunction = 'f'\nargument = []", "target 1, unknown key 'argument': did you mean arguments"),
        ("[[target]]\nfunction = 'f'", "no binding 'f' .*: say operator and arguments"),
        ("[[target]]\nfunction = 'f'\narguments = ['output']", "arguments need an operator"),
        ("[[target]]\nfunction = 'f'\noperator = 'conv3d'\narguments = []", "unknown operator .* did you mean conv2d"),
        ("[[target]]\nfunction = 'arm_softmax_s8'\noperator = 'add'", "arm_softmax_s8 is softmax, not add"),
        ("[[target]]\nfunction = 'arm_softmax_s8'\nrounding = 'up'", "unknown rounding"),
        ("[[target]]\nfunction = 'arm_softmax_s8'\npadding = 'wide'", "unknown padding"),
        ("[[target]]\nfunction = 'arm_softmax_s8'\nspace = { h = 1 }", "no dimension 'h': there are row_size, rows"),
        ("[[target]]\nfunction = 'arm_softmax_s8'\nspace = { row = 1 }", "no dimension 'row': did you mean rows"),
        ("[[target]]\nfunction = 'arm_softmax_s8'\ncases = -1", "-1 cases check nothing"),
        ("[[target", "suite.toml: "),
    ],
)
def test_what_is_wrong_with_a_suite_is_said(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "suite.toml"
    path.write_text(text)
    with pytest.raises(McusimError, match=words):
        load_suite(path)


def test_a_binding_under_another_name(tmp_path: Path) -> None:
    path = tmp_path / "suite.toml"
    path.write_text("seed = 9\n[[target]]\nfunction = 'my_softmax'\nbinding = 'arm_softmax_s8'\ncases = 7\n")
    suite = load_suite(path)
    assert (suite.seed, suite.targets[0].function, suite.targets[0].cases) == (9, "my_softmax", 7)
    assert changed(suite, rounding="single", cases=2).targets[0].binding.style.rounding == "single"


def test_an_image_without_known_functions_needs_a_suite() -> None:
    with pytest.raises(McusimError, match="has no function that the bindings"):
        suite_of_bindings(Firmware(CALLABLE, "nucleo-l4r5zi").image)


# wrong kernels


def wrong_kernel(firmware: Firmware, target: Target, number: int, **changes: Any) -> str:
    """Put a kernel with a mistake in the firmware's place, check one case, and return what is said."""
    case = make_case(target, number, 1)
    got = case.operator.reference(case.values | changes)

    def kernel(_layer: Any, _input: Any, _weights: Any, _bias: Any, output: Any) -> None:
        output.write(got)

    firmware.stub("fully_connected_s8", kernel)
    outcome = check_case(firmware, target, case)
    firmware.unstub("fully_connected_s8")
    assert outcome.status == "failed"
    return outcome.message


def test_the_cause_is_said_with_the_first_element() -> None:
    firmware, target = Firmware(KERNELS, "nucleo-l4r5zi"), the_target()
    number = next(n for n in range(2, 99) if make_case(target, n, 1).values["input_zero_point"] not in (0, -128))
    assert "zero point: the input's is ignored" in wrong_kernel(firmware, target, number, input_zero_point=0)
    assert "the bias is ignored" in wrong_kernel(firmware, target, number, bias=None)
    text = wrong_kernel(firmware, target, 1, activation_min=-128, activation_max=-127)
    assert text.startswith("output[0, 0]: expected ")
    assert "of 16 elements differ" in text


def test_the_case_that_says_most_is_told_and_the_mistake_that_most_cases_show() -> None:
    firmware, target = Firmware(KERNELS, "nucleo-l4r5zi"), the_target(16)
    pending: list[Any] = []

    def kernel(_layer: Any, _input: Any, _weights: Any, _bias: Any, output: Any) -> None:
        output.write(pending.pop(0))

    cases = [make_case(target, number, 1) for number in range(target.cases)]
    pending = [case.operator.reference(case.values | {"input_zero_point": 0}) for case in cases]
    firmware.stub("fully_connected_s8", kernel)
    firmware.reset = lambda: None  # type: ignore[method-assign]  # it would take the stub away
    outcome = check_target(firmware, target, 1)
    told = outcome.wrong
    assert len(told) > 3
    assert all(case.difference and case.difference.cause == "zero point: the input's is ignored" for case in told)
    counts = [case.difference.count for case in told if case.difference]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1]


def test_what_is_not_clamped_and_wraps_is_named() -> None:
    target = target_of("add")
    case = next(
        c for c in (make_case(target, n, 1) for n in range(2, 60))
        if np.isin(c.expected, (c.values["activation_min"], c.values["activation_max"])).sum() > 4
        and c.values["activation_max"] == 127 and (c.expected == 127).sum() > 4
    )  # fmt: skip
    wrapped = case.expected.copy()
    wrapped[wrapped == 127] = np.arange(-128, -128 + (wrapped == 127).sum())
    assert "not clamped" in mistakes_that_give(case, wrapped)[0]
    beside = np.where(case.expected == 127, 126, case.expected).astype(np.int8)
    assert not any("clamped" in words for words in mistakes_that_give(case, beside))  # that is rounding


def test_differences_of_one_are_never_padding() -> None:
    wanted = np.zeros((1, 4, 4, 1), np.int8) + np.arange(16, dtype=np.int8).reshape(1, 4, 4, 1) * 3
    for gap, words in ((1, "rounding mode"), (5, "padding")):
        got = wanted.copy()
        got[0, 0, ::2] += gap
        found = first_difference(got, wanted)
        assert found is not None
        assert found.cause.startswith(words)


def test_scratch_memory_is_not_zero_before_a_call() -> None:
    seen: list[bytes] = []
    firmware, target = Firmware(KERNELS, "nucleo-l4r5zi"), the_target()
    arguments = (*target.binding.arguments[:1], "scratch", *target.binding.arguments[2:])
    target = replace(target, binding=replace(target.binding, arguments=arguments, scratch=32))
    case = make_case(target, 1, 1)

    def needs_zeros(_layer: Any, scratch: Any, _weights: Any, _bias: Any, output: Any) -> None:
        seen.append(scratch.array(np.int8, 32).tobytes())
        wrong = np.frombuffer(seen[-1], np.int8)[: case.expected.size]
        output.write(case.expected + wrong.reshape(case.expected.shape))

    firmware.stub("fully_connected_s8", needs_zeros)
    assert check_case(firmware, target, case).status == "failed"
    assert set(seen[0]) == {FILL}


def of_layer(**members: str | int) -> tuple[Any, ...]:
    """Return the arguments of the example's kernel with other members of its structure."""
    first = dict(the_target().binding.arguments[0])  # type: ignore[arg-type]
    first.update(members)
    return ({name: word for name, word in first.items() if word != "drop"}, "input", "weights", "bias", "output")


def test_members_are_the_firmwares() -> None:
    firmware, target = Firmware(KERNELS, "nucleo-l4r5zi"), the_target()

    def checked(arguments: tuple[Any, ...]) -> Any:
        return check_target(firmware, replace(target, binding=replace(target.binding, arguments=arguments)), 1)

    turned = dict(reversed(list(of_layer()[0].items())))
    assert checked((turned, *of_layer()[1:])).passed == 4  # the order is the firmware's
    for members, said in (
        ({"shift": "drop", "shifts": "shift"}, "is where the firmware has '"),
        ({"shift": "drop"}, "the binding's structure has 28 bytes, the firmware's 32"),
        ({"shift": "bias"}, "member 'shift': 'bias' is an array, not a number"),
    ):
        with pytest.raises(McusimError, match=said):
            checked(of_layer(**members))


def test_a_status_of_a_function_that_returns_nothing_is_refused() -> None:
    firmware, target = Firmware(KERNELS, "nucleo-l4r5zi"), the_target()
    with pytest.raises(McusimError, match=r"fully_connected_s8: returns nothing \(void\), so success = 0"):
        check_target(firmware, replace(target, binding=replace(target.binding, success=0)), 1)


def test_a_space_without_elements_is_a_mistake() -> None:
    firmware, target = Firmware(KERNELS, "nucleo-l4r5zi"), the_target()
    empty = make_target(replace(target.binding, space={"batches": 0}))
    with pytest.raises(McusimError, match="space: outputs have no elements, so nothing would be compared"):
        check_target(firmware, empty, 1)


def test_a_call_that_fails_is_an_error_of_its_case() -> None:
    firmware, target = Firmware(KERNELS, "nucleo-l4r5zi"), the_target()
    arguments = (*target.binding.arguments[:-1], 16)  # an address that is no RAM
    outcome = check_case(
        firmware, replace(target, binding=replace(target.binding, arguments=arguments)), make_case(target, 1, 1)
    )
    assert outcome.status == "error"
    assert "fully_connected_s8" in outcome.message
    refused = replace(target, binding=replace(target.binding, success=-77))
    assert "it refuses the case" in check_case(firmware, refused, make_case(target, 1, 1)).message


# baselines


def test_baselines_compare_case_by_case(tmp_path: Path) -> None:
    old = {"f": {"a": {"cycles": 100, "stack_bytes": 8}, "b": {"cycles": 100, "stack_bytes": 8}}}
    new = {"f": {"a": {"cycles": 103, "stack_bytes": 8}, "b": {"cycles": 90, "stack_bytes": 8},
                 "c": {"cycles": 1, "stack_bytes": 0}}}  # fmt: skip
    strict = compare(new, old, 0, 0)
    assert [each.text for each in strict.regressions] == ["103 cycles, baseline 100 (+3.0 %)"]
    assert (strict.better, strict.same, strict.unknown) == (1, 0, 1)
    assert compare(new, old, 3, 0).regressions == ()
    deeper = {"f": {"a": {"cycles": 100, "stack_bytes": 16}}}
    assert [each.text for each in compare(deeper, old, 0, 4).regressions] == ["16 bytes of stack, baseline 8"]
    assert compare(deeper, old, 0, 8).regressions == ()
    path = tmp_path / "b.json"
    here = Conditions("nucleo-l4r5zi", 1, 2, ("flash.cache=on",), True)
    path.write_bytes(baseline_bytes(old, here))
    assert load_baseline(path, here) == old
    for other, said in (
        (replace(here, board="nucleo-h743zi"), r"made with board nucleo-l4r5zi, not nucleo-h743zi \(--board\)"),
        (replace(here, seed=7), r"made with seed 1, not 7 \(--seed\)"),
        (replace(here, wait_states=None), r"made with wait states 2, not none \(--wait-states\)"),
        (replace(here, memory=()), r"made with memory flash.cache=on, not as it is \(--set\)"),
        (replace(here, boot=False), r"made with start-up code run, not left out \(--boot\)"),
    ):
        with pytest.raises(McusimError, match=said):
            load_baseline(path, other)
    kept = json.loads(path.read_text())
    for text in ("[]", "{", json.dumps(kept | {"targets": {"f": 3}}), json.dumps(kept | {"conditions": {}})):
        path.write_text(text)
        with pytest.raises(McusimError, match="baseline"):
            load_baseline(path, here)


def test_figures_leave_out_what_gave_no_result() -> None:
    outcome = check_target(Firmware(KERNELS, "nucleo-l4r5zi"), the_target(2), 1)
    failed = replace(outcome, cases=(replace(outcome.cases[0], status="error"), outcome.cases[1]))
    assert list(figures_of([failed])["fully_connected_s8"]) == [outcome.cases[1].name]


# the command


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example project in a folder of its own, which is the current one."""
    for path in (KERNELS, SUITE):
        shutil.copy(path, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_command_passes_keeps_a_baseline_and_finds_what_got_worse(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["check", "kernels.elf", "--suite", "suite.toml", "--cases", "3", "-q", "--baseline", "b.json"]
    assert main([*words, "--update-baseline", "--junit", "check.xml"]) == 0
    text = capsys.readouterr().out
    assert "fully_connected_s8" in text
    assert " 3  3 " in " ".join(text.split(" ")) or "3   3" in text
    assert main(words) == 0
    assert "Against the baseline: 0 cases take more, 0 less, 3 the same, 0 are not in it" in capsys.readouterr().out

    kept = json.loads((project / "b.json").read_text())
    name, row = next(iter(kept["targets"]["fully_connected_s8"].items()))
    row["cycles"] = row["cycles"] * 97 // 100
    (project / "b.json").write_text(json.dumps(kept))
    assert main([*words, "--junit", "check.xml"]) == 1
    assert "cycles, baseline" in " ".join(capsys.readouterr().out.split())  # wherever a line ends
    assert main([*words, "--tolerance", "10"]) == 0

    root = ElementTree.parse(project / "check.xml").getroot()
    assert (root.get("tests"), root.get("failures"), root.get("errors"), root.get("skipped")) == ("3", "1", "0", "0")
    (suite,) = root.findall("testsuite")
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "1", "0")
    (failure,) = suite.iter("failure")
    assert "baseline" in str(failure.get("message"))
    assert suite.findall("testcase")[0].get("name") == name


def test_only_keeps_the_rest_of_a_baseline_and_show_limits_what_is_slower(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = SUITE.read_text().partition("[[target]]")[2]
    (project / "suite.toml").write_text(f'{SUITE.read_text()}\n[[target]]\nname = "again"{target}')
    words = ["check", "kernels.elf", "--suite", "suite.toml", "--cases", "3", "-q", "--baseline", "b.json"]
    assert main([*words, "--update-baseline"]) == 0
    kept = json.loads((project / "b.json").read_text())
    for row in (*kept["targets"]["again"].values(), *kept["targets"]["fully_connected_s8"].values()):
        row["cycles"] //= 2
    (project / "b.json").write_text(json.dumps(kept))
    capsys.readouterr()
    assert main(words) == 1
    said = " ".join(capsys.readouterr().out.split())  # lines may be wrapped
    assert said.count("cycles, baseline") == 2
    assert "again: 2 more cases take more than the baseline" in said
    assert main([*words, "--update-baseline", "--only", "again"]) == 0
    now = json.loads((project / "b.json").read_text())["targets"]
    assert now["fully_connected_s8"] == kept["targets"]["fully_connected_s8"]
    assert now["again"] != kept["targets"]["again"]


def test_the_command_says_what_is_wrong(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = SUITE.read_text().replace('"input_zero_point"', '"-input_zero_point"')
    (project / "suite.toml").write_text(text)
    assert main(["check", "kernels.elf", "--suite", "suite.toml", "-q", "--junit", "check.xml", "--cases", "5"]) == 1
    out = " ".join(capsys.readouterr().out.split())
    assert "likely cause: zero point: the input's is added, not subtracted (the offset is its negative)" in out
    assert "more cases are wrong (see --show)" in out
    assert len(list(ElementTree.parse(project / "check.xml").iter("failure"))) >= 3


def test_the_command_in_data_formats(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["check", "kernels.elf", "--suite", "suite.toml", "--cases", "2", "-q"]
    assert main([*words, "--format", "json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert [case["status"] for case in data["cases"]] == ["passed", "passed"]
    assert main([*words, "--format", "csv"]) == 0
    assert capsys.readouterr().out.startswith("function,operator,case,status,cycles,")


def test_bad_usage_is_one_line(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, said in (
        (["--update-baseline"], "needs --baseline"),
        (["--suite", "suite.toml", "--only", "nothing"], "unknown target of the suite 'nothing'"),
        (["--suite", "none.toml"], "cannot read the suite"),
        (["--suite", "suite.toml", "--baseline", "none.json", "--cases", "1"], "make it with --update-baseline"),
    ):
        assert main(["check", "kernels.elf", "-q", *words]) == 2
        assert said in capsys.readouterr().err
