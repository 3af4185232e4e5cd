# SPDX-License-Identifier: Apache-2.0
"""Types of parameters as debug information gives them: what is needed to find and read arguments, no more.

Typedefs, const and volatile are looked through. Types refer to each other in circles (a list's node), so what a pointer
points to and what a structure holds are asked for, not stored.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

POINTER_BYTES = 4


@dataclass(frozen=True)
class Base:
    """A number: integer, bool, character, enumeration (`floating` false) or floating point."""

    name: str
    size_bytes: int
    signed: bool = False
    floating: bool = False


@dataclass(frozen=True)
class Pointer:
    """A pointer or reference; `target_of()` is None where it points to void, a function, or something unknown."""

    target_of: Callable[[], Type | None] = field(default=lambda: None, compare=False, repr=False)

    @property
    def size_bytes(self) -> int:
        """Bytes of the pointer itself."""
        return POINTER_BYTES

    @cached_property
    def target(self) -> Type | None:
        """What it points to."""
        return self.target_of()


@dataclass(frozen=True)
class Member:
    """A member of a structure, `offset` bytes after its start."""

    name: str
    offset: int
    type: Type


@dataclass(frozen=True)
class Struct:
    """A struct, class or union. Members of base classes are among its members; bit fields are left out.

    `by_reference`: a class with a copy constructor, of which a function that takes one gets the address of a copy.
    """

    name: str
    size_bytes: int
    by_reference: bool = False
    members_of: Callable[[], tuple[Member, ...]] = field(default=lambda: (), compare=False, repr=False)

    @cached_property
    def members(self) -> tuple[Member, ...]:
        """The members in order."""
        return self.members_of()

    @cached_property
    def alignment_bytes(self) -> int:
        """The alignment of its most aligned member."""
        self.__dict__["alignment_bytes"] = POINTER_BYTES  # meanwhile: damaged, it may hold itself
        return max((alignment_bytes(member.type) for member in self.members), default=1)


@dataclass(frozen=True)
class Array:
    """`count` elements, 0 where that is not known."""

    element: Type
    count: int

    @property
    def size_bytes(self) -> int:
        """Bytes of all elements."""
        return self.element.size_bytes * self.count


Type = Base | Pointer | Struct | Array


def alignment_bytes(kind: Type) -> int:
    """Return the natural alignment of a type (AAPCS32 5.1, 5.3: of a structure its most aligned member's)."""
    if isinstance(kind, Base):
        return max(1, min(kind.size_bytes, 8))
    if isinstance(kind, Pointer):
        return POINTER_BYTES
    return alignment_bytes(kind.element) if isinstance(kind, Array) else kind.alignment_bytes


@dataclass(frozen=True)
class Place:
    """Where debug information says that an argument is as the function begins.

    `kind` is "register" (`value` its number: r0 is 0), "stack" (`value` bytes above SP) or "constant" (`value` is it).
    """

    kind: str
    value: int


@dataclass(frozen=True)
class Parameter:
    """A parameter of a function; `type` is None where it is unknown, `place` where debug information does not say."""

    name: str
    type: Type | None
    place: Place | None = None


@dataclass(frozen=True)
class Signature:
    """What a function takes and returns (None: nothing). `this` is the first parameter of a method."""

    parameters: tuple[Parameter, ...]
    result: Type | None = None
