# SPDX-License-Identifier: Apache-2.0
"""What CI systems are told: annotations and summaries of a GitHub workflow, comments on pull and merge requests.

docs/ci.md is for users.
"""
