# SPDX-License-Identifier: Apache-2.0
"""The GitHub Action, run as GitHub would: its shell steps in a folder like a checkout, against a fake of the API."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from fake_forge import TOKEN, Forge, forge

ROOT = Path(__file__).resolve().parents[1]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
FAILS = """firmware = "hello.elf"
baseline = "base.json"
[run]
board = "nucleo-l4r5zi"
[[budget]]
cycles = { max = 1000, max_increase = "1%" }
"""


@dataclass
class Job:
    """A job of a workflow: where it runs, and what its steps have said."""

    folder: Path
    there: Forge
    fork: bool = False
    log: str = ""
    errors: str = ""
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)

    def run(self, **inputs: str) -> int:
        """Run the steps of the action; return the exit code of the first that fails, or 0."""
        given = {name.replace("-", "_"): each["default"] for name, each in ACTION["inputs"].items()}
        assert set(inputs) <= set(given)
        values = {f"inputs.{name}": text for name, text in {**given, **inputs}.items()}
        values |= {"github.event_name": "pull_request", "github.action_path": str(ROOT), "github.token": TOKEN,
                   "github.event.pull_request.head.repo.fork": "true" if self.fork else "false"}  # fmt: skip
        for step in ACTION["runs"]["steps"]:
            assert step["shell"] == "bash"
            assert "${{" not in step["run"], "inputs must not become text of a script"
            if "if" in step and not self.holds(step["if"], values):
                continue
            code = self.step(step, values)
            if code:
                return code
        return 0

    def holds(self, condition: str, values: dict[str, str]) -> bool:
        """Evaluate a condition of equalities that are joined by 'and'."""
        for part in condition.split("&&"):
            name, value = (side.strip() for side in part.split("=="))
            if self.expand(f"${{{{ {name} }}}}", values) != value.strip("'"):
                return False
        return True

    def expand(self, text: str, values: dict[str, str]) -> str:
        """Replace expressions by their values."""

        def value(found: re.Match[str]) -> str:
            name = found[1].replace("-", "_")
            if name.startswith("steps."):
                _, step, _, output = name.split(".")
                return self.outputs[step].get(output, "")
            return self.expand(values[name], values)

        return re.sub(r"\$\{\{ *([\w.-]+) *\}\}", value, text)

    def step(self, step: dict[str, Any], values: dict[str, str]) -> int:
        output = self.folder / "output"
        output.write_text("")
        environment = {name: text for name, text in os.environ.items() if not name.lower().endswith("_proxy")}
        environment |= {name: self.expand(text, values) for name, text in step.get("env", {}).items()}
        environment |= {
            "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
            "GITHUB_ACTIONS": "true", "GITHUB_API_URL": self.there.url, "GITHUB_REPOSITORY": "me/net",
            "GITHUB_EVENT_PATH": str(self.folder / "event.json"), "GITHUB_OUTPUT": str(output),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary.md"), "RUNNER_TEMP": str(self.folder / "temp"),
            "GITHUB_WORKSPACE": str(self.folder / "checkout"),
        }  # fmt: skip
        script = self.folder / "script.sh"
        script.write_text(step["run"])
        where = self.folder / "checkout" / self.expand(step.get("working-directory", "."), values)
        shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)]
        done = subprocess.run(shell, cwd=where, env=environment, capture_output=True, text=True, timeout=120)
        self.log += done.stdout
        self.errors += done.stderr
        if "id" in step:
            lines = output.read_text().splitlines()
            self.outputs[step["id"]] = dict(line.split("=", 1) for line in lines)
        return done.returncode


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Job]:
    """A checkout with the examples and a pull request."""
    checkout = tmp_path / "checkout"
    for name in ("ci/mcusim.toml", "keyword_spotting/keyword_spotting-nucleo-l4r5zi.elf", "keyword_spotting/crc32.c"):
        (checkout / "examples" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "examples" / name, checkout / "examples" / name)
    shutil.copy(ROOT / "examples" / "hello" / "hello-nucleo-l4r5zi.elf", checkout / "hello.elf")
    shutil.copy(ROOT / "traces" / "golden" / "profiles" / "hello.json", checkout / "base.json")
    (checkout / "fails.toml").write_text(FAILS)
    (tmp_path / "event.json").write_text(json.dumps({"pull_request": {"number": 7}}))
    (tmp_path / "temp").mkdir()
    with forge() as there:
        yield Job(tmp_path, there)


def test_the_action_on_our_examples(job: Job) -> None:
    """A run whose budgets hold, then one whose budgets break and that has a baseline: one comment, written twice."""
    assert job.run(install="false", config="ci/mcusim.toml", working_directory="examples") == 0, job.errors
    assert job.outputs["check"]["passed"] == "true"
    (comment,) = job.there.comments.values()
    assert comment.startswith("<!-- mcusim: report -->\n## Budgets of keyword")
    assert ": all " in comment
    assert "Budgets of keyword_spotting" in job.log
    for name in ("profile", "report", "junit"):
        assert Path(job.outputs["check"][name]).stat().st_size > 0
    assert (job.folder / "summary.md").read_text().count("## Budgets") == 1
    assert "::error" not in job.errors

    assert job.run(install="false", config="fails.toml", baseline="base.json") == 1
    assert job.outputs["check"]["passed"] == "false"
    (comment,) = job.there.comments.values()
    assert "1 of 1 broken" in comment
    assert "from base.json to" in comment
    assert job.errors.count("::error file=fails.toml,line=5,title=mcusim budget::run: cycles") == 1
    assert "A budget is broken" in job.errors
    assert "## hello" in (job.folder / "summary.md").read_text()


def test_mistakes_end_the_step_with_their_own_words(job: Job) -> None:
    assert job.run(install="false", config="none.toml") == 2
    assert "none.toml: cannot be read" in job.errors
    assert job.there.comments == {}


def test_what_is_given_is_not_run(job: Job) -> None:
    name = "$(touch broken) `touch broken`; touch broken"
    assert job.run(install="false", config="fails.toml", firmware=name) == 2
    assert not list(job.folder.rglob("broken"))
    assert f"{name}: " in job.errors


def test_conditions_leave_steps_out(job: Job) -> None:
    job.fork = True
    steps = {step["name"]: step for step in ACTION["runs"]["steps"]}
    values = {"inputs.comment": "true", "inputs.install": "false", "github.event_name": "pull_request",
              "github.event.pull_request.head.repo.fork": "true"}  # fmt: skip
    assert not job.holds(steps["Comment"]["if"], values)
    assert job.holds(steps["Comment"]["if"], {**values, "github.event.pull_request.head.repo.fork": "false"})
    assert not job.holds(steps["Install mcusim"]["if"], values)
    assert all("${{ inputs." not in str(step.get("if", "")) for step in steps.values())


# The examples of the documentation


def examples() -> list[Any]:
    """Return the YAML of docs/ci.md."""
    found = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "ci.md").read_text("utf-8"), re.DOTALL)
    return [yaml.safe_load(text) for text in found]


def test_the_documented_workflow_gives_inputs_that_exist() -> None:
    workflow, base, _ = examples()
    (step,) = [each for each in workflow["jobs"]["budgets"]["steps"] if "/mcusim@" in each.get("uses", "")]
    assert set(step["with"]) <= set(ACTION["inputs"])
    assert workflow["jobs"]["budgets"]["permissions"]["pull-requests"] == "write"
    assert "steps.mcusim.outputs.profile" in str(workflow)
    assert "profile" in ACTION["outputs"]
    assert any("mcusim profile" in each.get("run", "") for each in base)
    page = (ROOT / "docs" / "ci.md").read_text("utf-8")
    assert all(f"`{name}`" in page for name in (*ACTION["inputs"], *ACTION["outputs"]))


def test_the_documented_gitlab_job(job: Job) -> None:
    """Its script in one shell, as GitLab's runner does, on a budget that is broken: a note, JUnit XML, exit code 1."""
    script = [line for line in examples()[2]["budgets"]["script"] if not line.startswith("pip ")]
    checkout = job.folder / "checkout"
    (checkout / "mcusim.toml").write_text(FAILS)
    environment = {name: text for name, text in os.environ.items() if not name.startswith(("GITHUB_", "http"))}
    environment |= {
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
        "GITLAB_CI": "true", "GITLAB_TOKEN": TOKEN, "CI_API_V4_URL": job.there.url, "CI_PROJECT_ID": "42",
        "CI_MERGE_REQUEST_IID": "7",
    }  # fmt: skip
    shell = ["bash", "-eo", "pipefail", "-c", "\n".join(script)]
    done = subprocess.run(shell, cwd=checkout, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1, done.stderr
    (note,) = job.there.comments.values()
    assert "1 of 1 broken" in note
    assert "<failure" in (checkout / "budgets.xml").read_text()
