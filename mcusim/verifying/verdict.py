# SPDX-License-Identifier: Apache-2.0
"""What it most likely means that layers differ everywhere: another model, another input, another rounding.

A layer by itself (its operator on what the layer read) tells an input that is different from weights that are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mcusim.verifying.verify import Compared

FEW = 0.5  # of the operators that compute something: with fewer layers that fit, it is hardly the model
MANY = 0.5  # of the elements of a layer by itself: other weights; rounding shows in fewer, and by 1
ROUNDED = (
    "Nothing agrees, but all of it by 1 at most where a layer is looked at by itself: most likely sums are rounded "
    "another way (see --rounding)"
)
MODEL = "is it the model that the firmware was made from?"


def verdict(compared: Sequence[Compared], matched: int, wanted: int, given: bool) -> str:
    """Return what is most likely wrong, or "" where something agrees or nothing can be told.

    `matched` of the `wanted` operators that compute something have a layer. `given`: the input is from a file.
    """
    judged = [each for each in compared if not each.problem]
    differing = [each for each in judged if each.difference is not None]
    if not differing or len(differing) < len(judged):
        return ""
    if matched < FEW * wanted:
        return (
            f"Nothing agrees, and for only {matched} of {wanted} operators that compute something (reshapes do not) "
            f"there is a layer of their kind and size: most likely this is another model ({MODEL})"
        )
    first = differing[0]
    if first.alone is True:
        if given:
            return (
                "Nothing agrees, but the first layer computes what the model says on what it read: most likely the "
                "firmware's input is not that of the given file"
            )
        return "Nothing agrees from the first layer on, though it computes by itself what the model says"
    alone = [each for each in differing if each.alone is False]
    if len(alone) < len(differing) / 2:
        return ""
    if all(each.difference is not None and each.difference.largest <= 1 for each in alone):
        return ROUNDED
    many = [each for each in alone if each.difference is not None and each.difference.count >= MANY * each.elements]
    if len(many) >= len(alone) / 2:
        return (
            "Nothing agrees, not even layers by themselves, on what they read: shapes are the model's, weights or "
            f"scales are not: most likely this is another version of the model ({MODEL})"
        )
    return ""
