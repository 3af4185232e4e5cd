# SPDX-License-Identifier: Apache-2.0
"""--budget, as `profile` and `report` both have it: check, print, JUnit XML, annotations."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mcusim import exits, output
from mcusim.cli import console, options, project
from mcusim.errors import McusimError
from mcusim.reports import RenderOptions
from mcusim.reports.options import DEFAULT_WIDTH, DOCUMENT_FORMATS

if TYPE_CHECKING:
    from mcusim.budgets.check import Verdict
    from mcusim.budgets.project import Project
    from mcusim.profile import Profile
    from mcusim.reports.document import Document


def add_budget_options(parser: argparse.ArgumentParser) -> None:
    """Add --budget and what belongs to it."""
    group = parser.add_argument_group("budgets (docs/budgets.md)")
    group.add_argument(
        "--budget",
        action="store_true",
        help="print what the budgets of the project's file say; exit with 1 if one is broken",
    )
    project.add_config_option(group)
    group.add_argument("--baseline", type=Path, metavar="RUN.json", help="baseline of budgets that allow an increase")
    group.add_argument("--junit", type=options.output_file, metavar="FILE", help="write the budgets as JUnit XML")
    group.add_argument(
        "--github", action=argparse.BooleanOptionalAction, default=None,
        help="annotations and summary of a GitHub workflow (default: where GITHUB_ACTIONS is set)",
    )  # fmt: skip


class Budgeting:
    """The budgets of a command, found and checked before anything is waited for."""

    def __init__(self, args: argparse.Namespace, asked: RenderOptions, inputs: Iterable[Path]) -> None:
        from mcusim.budgets.check import load_baselines

        self._args = args
        if args.format not in DOCUMENT_FORMATS:
            raise McusimError(f"--budget: there is no format {args.format}: give one of {', '.join(DOCUMENT_FORMATS)}")
        if replace(asked, width=0, color=False) != RenderOptions(width=0):
            raise McusimError("--budget prints budgets: drop --show, --sort, --tree and what else chooses of a report")
        self.project = _project(args)
        self.budgets = self.project.budgets
        if args.baseline is not None:
            self.budgets = tuple(replace(budget, baseline=args.baseline) for budget in self.budgets)
        self._baselines = load_baselines(self.budgets)
        if args.junit is not None:
            output.check(args.junit, force=True, inputs=[*inputs, *self._baselines])

    @property
    def tracked(self) -> bool:
        """Whether a budget needs memory to be tracked."""
        from mcusim.budgets.check import tracked

        return tracked(self.budgets)

    def check(self, profile: Profile) -> tuple[Document, int]:
        """Hold the profile against the budgets, tell CI; return what to print, and the exit code."""
        from mcusim.budgets.check import check_budgets
        from mcusim.reports.budgeted import budget_document, budget_junit

        verdict = check_budgets(profile, self.budgets, self._baselines)
        document = budget_document(profile, verdict, self.project.path.name)
        if self._args.junit is not None:
            output.write(self._args.junit, budget_junit(profile, verdict), force=True)
        github = self._args.github
        if os.environ.get("GITHUB_ACTIONS") == "true" if github is None else github:
            _tell_github(verdict, document, self.project)
        return document, exits.DONE if verdict.passed else exits.FAILED


def check_alone(args: argparse.Namespace) -> None:
    """Raise for an option that belongs to --budget, which is not given."""
    for name in ("baseline", "junit", "github"):
        if getattr(args, name) not in (None, False):
            raise McusimError(f"--{name} belongs to --budget: give both")


def _project(args: argparse.Namespace) -> Project:
    found = project.find(args.config)
    if found is None:
        raise McusimError("--budget: no mcusim.toml here or above (docs/budgets.md): make one, or give --config FILE")
    if not found.budgets:
        raise McusimError(f"{found.path}: has no budgets: add a [[budget]] (docs/budgets.md)")
    return found


def _tell_github(verdict: Verdict, document: Document, project: Project) -> None:
    """Print annotations to stderr, which GitHub reads as well as stdout, and add the table to the step's summary."""
    from mcusim.ci.workflow import add_summary, commands
    from mcusim.reports.budgeted import budget_annotations, near_the_file
    from mcusim.reports.document import render_document

    place = near_the_file(project, _top(project.folder))
    for line in commands(budget_annotations(verdict, project, place)):
        print(line, file=sys.stderr)
    add_summary(render_document(document, "markdown", width=DEFAULT_WIDTH))


def _top(folder: Path) -> Path:
    """Return the top of the repository: GitHub's workspace, or the folder with .git above the project's file."""
    workspace = os.environ.get("GITHUB_WORKSPACE")
    folder = folder.resolve()
    if workspace and folder.is_relative_to(Path(workspace).resolve()):
        return Path(workspace)
    return next((place for place in (folder, *folder.parents) if (place / ".git").exists()), folder)


def say_project(args: argparse.Namespace) -> None:
    """Say which file gave defaults, unless it gave none."""
    found = getattr(args, "project", None)
    if found is not None and not args.quiet and (found.firmware or found.defaults != type(found.defaults)()):
        console.say(f"defaults from {os.path.relpath(found.path)}")
