# SPDX-License-Identifier: Apache-2.0
"""Put a Markdown file on the pull or merge request of a CI job, in one comment that is updated each time.

In GitHub Actions and GitLab CI the environment says which request it is; the token is GITHUB_TOKEN or GITLAB_TOKEN. The
comment begins with a hidden marker, by which it is found again (docs/ci.md).

Examples:
  mcusim comment budgets.md                                 in a CI job
  mcusim comment budgets.md --marker nucleo-l4r5zi          a comment of its own for each board
  mcusim comment report.md --host github --repository owner/name --number 12
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from mcusim.ci.comments import DEFAULT_MARKER, HOSTS, find_thread, put_comment
from mcusim.cli import console, inputs, options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mcusim comment`."""
    parser.add_argument("file", type=Path, metavar="FILE.md", help="what the comment says")
    parser.add_argument(
        "--marker", default=DEFAULT_MARKER, metavar="NAME", help=f"which comment it is (default: {DEFAULT_MARKER})"
    )
    group = parser.add_argument_group("where (default: as the CI job's environment says)")
    group.add_argument("--host", type=options.one_of("host", HOSTS), metavar="HOST", help=" or ".join(HOSTS))
    group.add_argument("--repository", metavar="NAME", help="owner/name, or a GitLab project's number or path")
    group.add_argument("--number", type=options.count, metavar="N", help="of the pull or merge request")
    group.add_argument("--api", metavar="URL", help="address of the host's REST API")


def run(args: argparse.Namespace) -> int:
    """Read the file, find the request, write the comment."""
    text = inputs.read_text("comment", str(args.file))
    thread = find_thread(os.environ, host=args.host, api=args.api, repository=args.repository, number=args.number)
    done = put_comment(thread, text, args.marker)
    console.say(f"{done} the comment '{args.marker}' on {thread.repository}, number {thread.number}")
    return 0
