# SPDX-License-Identifier: Apache-2.0
"""The operators that can be checked: how their cases are drawn, and which reference kernel says what is right.

A family of operators is a module here with a tuple `OPERATORS`.
"""

from __future__ import annotations

from mcusim.checking.case import Operator
from mcusim.checking.operators import elementwise, moves, products, sequences, training, windows

OPERATORS: dict[str, Operator] = {
    operator.name: operator for family in (windows, products, elementwise, moves, sequences, training)
    for operator in family.OPERATORS
}  # fmt: skip
