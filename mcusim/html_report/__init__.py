# SPDX-License-Identifier: Apache-2.0
"""The report as one HTML page that needs nothing else: tables, charts, annotated code, all in the file.

`report.render` makes the page of a profile. What other pages are made from: `shell` (the page: theme, navigation,
scripts), `markup` (facts and tables), `charts` (a chart from plain data) and `flame` (flame graphs with a value and a
colour for each node). Tables and texts are those of `mcusim.reports`; the page's scripts, in `page/`, only show what
Python has computed.
"""
