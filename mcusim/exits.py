# SPDX-License-Identifier: Apache-2.0
"""Exit codes: one place for what a shell, a CI job or gdb is told."""

from __future__ import annotations

DONE = 0
FAILED = 1  # a bug in mcusim, a firmware that ended in a fault, a check that found something, a broken budget
BAD_INPUT = 2  # bad input or usage: a `McusimError`
CUT = 124  # by a limit: what timeout(1) gives
INTERRUPTED = 130  # by Ctrl-C: 128 and the signal's number
READER_GONE = 141  # the reader of the output went away: 128 and SIGPIPE

# How a run ended -> exit code, where the firmware gave no status of its own; what is not here came to its end.
OF_END = {"fault": FAILED, "max-cycles": CUT, "timeout": CUT, "interrupted": INTERRUPTED, "killed": INTERRUPTED}
