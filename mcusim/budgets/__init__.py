# SPDX-License-Identifier: Apache-2.0
"""Budgets: how much a run, an inference, a layer or a function may take, and whether it keeps to that.

`project` reads the file that says so, `amounts` the figures in it, `quantities` those of a profile; `check` holds one
against the other. docs/budgets.md is for users.
"""
