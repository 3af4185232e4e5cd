# SPDX-License-Identifier: Apache-2.0
"""Functions of a firmware, called from Python: `Firmware` (docs/calling-firmware.md)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy.typing as npt

from mcusim.board import Board
from mcusim.calling.arguments import Arguments, result_of
from mcusim.calling.prototype import UNKNOWN, Prototype, resolve, spelled
from mcusim.calling.room import Room, make_room, stack_room
from mcusim.calling.startup import make_loop, open_firmware
from mcusim.calling.stubs import Stub
from mcusim.calling.values import GuestPointer, described
from mcusim.errors import McusimError
from mcusim.image import Symbol, place_result, returned_in_memory
from mcusim.machine.callable import CallLoop, Snapshot, Spending, copied
from mcusim.machine.settings import Settings

MAX_CYCLES = 2_000_000_000  # of one call: some ten seconds of wall time
_RETURN = bytes.fromhex("70477047")  # bx lr, where a callback is
_CLONE = re.compile(r"\.(?:constprop|isra|part|cold)")  # what GCC makes of a function, with other parameters


@dataclass(frozen=True)
class CallResult:
    """What a call did.

    `arguments` are the arguments as the call left them, in order; `arrays` the NumPy arrays among them, by parameter
    (`x`, or `ctx.buf` inside a structure), which are the caller's own. `stack_bytes` is how far the stack went below
    where it was at the function's first instruction. `output` is what the firmware printed.
    """

    function: str
    cycles: int
    instructions: int
    stack_bytes: int
    arguments: tuple[Any, ...]
    arrays: dict[str, npt.NDArray[Any]]
    output: bytes
    returned: Any = UNKNOWN

    @property
    def value(self) -> Any:
        """What the function returned; None for void. Raises McusimError where nothing says what type it has."""
        if self.returned is UNKNOWN:
            raise McusimError(
                f"nothing says what {self.function} returns: compile with -g, or give restype= (None for nothing)"
            )
        return self.returned


class Function:
    """A function of the firmware. `argtypes` and `restype` (ctypes or NumPy types) go before debug information."""

    def __init__(self, firmware: Firmware, name: str) -> None:
        self._firmware, self.name = firmware, name
        self.argtypes: Sequence[Any] | None = None
        self.restype: Any = UNKNOWN

    def __call__(self, *values: Any, **options: Any) -> CallResult:
        """Call it; options as in `Firmware.call`."""
        given = {"argtypes": self.argtypes, "restype": self.restype, **options}
        return self._firmware.call(self.name, *values, **given)

    @property
    def address(self) -> GuestPointer:
        """Its address with the Thumb bit, to be passed as a function pointer."""
        return self._firmware.pointer(self.name)


class Firmware:
    """A firmware image on a board, whose functions are called from Python.

    `path` is an ELF, which needs neither `main` nor a vector table; `board` the name of a board, one's own TOML file,
    or None to guess it. Each call starts from the same memory and registers (`isolated`), unless that is switched off
    here or for the call. `boot` runs the firmware's own start-up code first; `settings` are those of a run (wait
    states, clock). `stack_bytes` below the stack's top are kept free of arguments (16 KiB, or a quarter of what is
    free), and `arrays_in` names the board's memory that they are copied into. Raises McusimError.
    """

    def __init__(
        self,
        path: str | Path,
        board: Board | str | Path | None = None,
        *,
        boot: bool = False,
        isolated: bool = True,
        stack_bytes: int | None = None,
        arrays_in: str | None = None,
        max_cycles: int = MAX_CYCLES,
        settings: Settings | None = None,
    ) -> None:
        self.image, self.board = open_firmware(Path(path), board)
        self.boot, self.isolated, self.max_cycles = boot, isolated, max_cycles
        if settings is not None and not isinstance(settings, Settings):
            raise McusimError(f"settings: is {described(settings)}, it must be a mcusim.machine.Settings")
        self._settings = settings or Settings()
        self._stack_bytes = stack_room(self.image, self.board) if stack_bytes is None else stack_bytes
        self._arrays_in = arrays_in
        self._room = self._make_room()
        self._functions: dict[str, Function] = {}
        self._symbols: dict[str, Symbol] = {}  # by the names that were asked for
        self._stubs: dict[int, Stub] = {}
        self._loop_or_none: CallLoop | None = None
        self._kept: Snapshot | None = None  # what isolated calls start from
        self._first: Snapshot | None = None  # after start-up
        self._sp = 0
        self._in_call = False

    def _make_room(self) -> Room:
        return make_room(self.image, self.board, self._stack_bytes, self._arrays_in)

    # functions and variables

    def __getattr__(self, name: str) -> Function:
        if name.startswith("_") and self.__dict__.get("image") is None:
            raise AttributeError(name)
        try:
            symbol = self._symbol(name)
        except McusimError as error:
            raise AttributeError(str(error)) from None
        if symbol.kind != "function":
            raise AttributeError(f"{self.image.name}: '{name}' is a variable: see pointer()")
        return self._functions.setdefault(name, Function(self, name))

    def __dir__(self) -> list[str]:
        names = [symbol.raw_name for symbol in self.image.functions if symbol.raw_name.isidentifier()]
        return sorted({*super().__dir__(), *names})

    def _symbol(self, name: str) -> Symbol:
        if name in self._symbols:
            return self._symbols[name]
        named = [s for s in self.image.symbols if name in (s.name, s.raw_name) or name in s.aliases]
        if len(named) > 1:
            raise McusimError(f"{self.image.name}: several are called '{name}': say {', '.join(s.name for s in named)}")
        symbol = self.image.find_symbol(name)
        if symbol is None:
            near = get_close_matches(name, [s.name for s in self.image.symbols], n=3, cutoff=0.5)
            hint = f"did you mean {' or '.join(near)}?" if near else "the linker may have left it out (--gc-sections)"
            raise McusimError(f"{self.image.name} has no function or variable '{name}': {hint}")
        self._symbols[name] = symbol
        return symbol

    def pointer(self, name: str) -> GuestPointer:
        """Return the address of a variable or of a function (with its Thumb bit)."""
        symbol = self._symbol(name)
        return GuestPointer.make(symbol.address | (symbol.kind == "function"), self._loop.machine.memory)

    def allocate(self, values: npt.NDArray[Any] | bytes | int) -> GuestPointer:
        """Return guest memory that stays until `reset`, with these contents (an int: so many zero bytes).

        What isolated calls start from holds it as well.
        """
        data = bytes(values) if isinstance(values, (int, bytes)) else values.tobytes()
        loop = self._loop
        address = self._room.take(len(data), 16, "allocate")
        loop.machine.memory.write(address, data)
        if self._kept is not None:
            if self._kept is self._first:
                self._kept = copied(self._kept)
            self._kept.write(address, data)
        return GuestPointer.make(address, loop.machine.memory)

    # state

    @property
    def _loop(self) -> CallLoop:
        loop = self._loop_or_none
        if loop is not None and not self._in_call and not loop.reusable:
            loop = None
        if loop is None:
            loop = make_loop(
                self.image, self.board, self._settings, boot=self.boot, limit_cycles=self.max_cycles
            )  # fmt: skip
            self._loop_or_none = loop
            self._sp = (loop.machine.engine.read_register("sp") if self.boot else self.image.vectors.initial_sp) & ~7
            if self._kept is not None:
                loop.restore(self._kept)
            else:
                self._kept = self._first = loop.snapshot()
            for stub in self._stubs.values():
                stub.install(loop)
        return loop

    def snapshot(self) -> None:
        """Take the present state, which calls with isolated=False have led to, as what isolated calls start from."""
        self._kept = self._loop.snapshot()

    def reset(self) -> None:
        """Begin again as after loading: memory, devices, allocations. Stubs stay."""
        self._loop_or_none = self._kept = None
        code = {symbol.address for symbol in self.image.functions}
        self._stubs = {address: stub for address, stub in self._stubs.items() if address in code}
        self._room = self._make_room()

    def forget(self) -> None:
        """Be as after loading, for whoever uses it next: no stubs, no prototypes, no allocations, memory as at first.

        What is decoded and priced stays. Devices go on, as they do from call to call: `reset` begins anew.
        """
        for stub in self._stubs.values():
            stub.remove()
        self._stubs.clear()
        self._functions.clear()
        self._room = self._make_room()
        if self._first is not None:
            self._kept = self._first
            self._loop.restore(self._first)

    # stubs

    def stub(
        self, name: str, function: Callable[..., Any], *, argtypes: Sequence[Any] | None = None, restype: Any = UNKNOWN
    ) -> None:
        """From now on call a Python function in the place of a function of the firmware.

        It gets the arguments by debug information or `argtypes`, pointers as `GuestPointer`, and returns the result.
        """
        symbol = self._symbol(name)
        self.unstub(name)
        hard_float = self.image.cpu.hard_float
        stub = Stub(
            name, symbol.address, function, self.image.signature_at(symbol.address), argtypes, restype, hard_float
        )
        loop = self._loop
        self._stubs[symbol.address] = stub
        stub.install(loop)

    def callback(
        self, function: Callable[..., Any], *, argtypes: Sequence[Any] | None = None, restype: Any = UNKNOWN
    ) -> GuestPointer:
        """Return a function pointer that the firmware can call, which calls a Python function. It stays until `reset`.

        Types as for `stub`; without `argtypes` the function gets as many words as it takes.
        """
        address = self.allocate(_RETURN)
        stub = Stub("a callback", int(address), function, None, argtypes, restype, self.image.cpu.hard_float)
        self._stubs[int(address)] = stub
        stub.install(self._loop)
        return GuestPointer.make(int(address) | 1, self._loop.machine.memory)

    def unstub(self, name: str) -> None:
        """Let the firmware's own function run again."""
        stub = self._stubs.pop(self._symbol(name).address, None)
        if stub is not None:
            stub.remove()

    # calls

    def call(
        self,
        name: str,
        *values: Any,
        argtypes: Sequence[Any] | None = None,
        restype: Any = UNKNOWN,
        isolated: bool | None = None,
        max_cycles: int | None = None,
        **named: Any,
    ) -> CallResult:
        """Call a function and return what it did; its arguments go by their places, none by its name.

        Arrays are copied into guest memory and back into the caller's arrays. Raises McusimError where the arguments do
        not fit the function, it faults, does not return within `max_cycles`, or writes beside its arguments.
        """
        symbol = self._symbol(name)
        if symbol.kind != "function":
            raise McusimError(f"{self.image.name}: '{name}' is a variable, not a function")
        if named:
            signature = self.image.signature_at(symbol.address)
            order = f": {spelled(name, signature)}" if signature is not None else ""
            raise McusimError(
                f"{name}: '{next(iter(named))}' is given by its name, arguments go by their places{order}"
            )
        if _CLONE.search(symbol.raw_name):
            raise McusimError(
                f"{name} is a copy that the compiler made for some callers, with parameters of its own: "
                "call the function itself, compiled with __attribute__((noinline, used))"
            )
        prototype = resolve(name, self.image.signature_at(symbol.address), values, argtypes, restype)
        loop = self._loop
        if self._in_call:
            raise McusimError(f"{name}: a stub cannot call the firmware, which waits for it")
        if (self.isolated if isolated is None else isolated) and self._kept is not None:
            loop.restore(self._kept)
        mark, self._in_call = self._room.mark(), True
        try:
            return self._perform(loop, symbol, name, prototype, values, max_cycles or self.max_cycles)
        finally:
            self._room.release(mark)
            self._in_call = False

    def _perform(
        self, loop: CallLoop, symbol: Symbol, name: str, prototype: Prototype, values: tuple[Any, ...], limit: int
    ) -> CallResult:
        memory, hard_float = loop.machine.memory, self.image.cpu.hard_float
        arguments = Arguments(memory, self._room, values, prototype.names)
        result = None if prototype.result is UNKNOWN else prototype.result
        registers = arguments.prepare(prototype.kinds, result, hard_float)
        sp = self._sp - (len(registers.stack) + 7 & ~7)
        memory.write(sp, registers.stack)
        spent = loop.call(symbol.address, registers.values, sp, limit)
        if spent.end.kind != "return":
            nulls = [each for each, value in zip(prototype.names, values, strict=True) if value is None]
            raise McusimError(self._why(loop, name, spent, limit, nulls))
        self._check_stack(name, spent)
        returned = prototype.result
        if result is not None:
            returned = self._result(loop, arguments, prototype)
        after = arguments.finish(name)
        return CallResult(
            name, spent.cycles, spent.instructions, spent.stack_bytes, after, arguments.arrays, spent.output, returned
        )

    def _result(self, loop: CallLoop, arguments: Arguments, prototype: Prototype) -> Any:
        kind, hard_float = prototype.result, self.image.cpu.hard_float
        if returned_in_memory(kind, hard_float):
            data = arguments.result_bytes(kind.size_bytes)
        else:
            data = loop.read_location(place_result(kind, hard_float))
        return result_of(data, kind, prototype.restype, loop.machine.memory)

    def _check_stack(self, name: str, spent: Spending) -> None:
        """Refuse a result that came about with the stack in other things."""
        stack = self._loop.machine.stacks.main
        if spent.stack_bytes > self._stack_bytes or stack.overflow_sp is not None:
            stack.overflow_sp = None
            raise McusimError(
                f"{name} took {spent.stack_bytes} bytes of stack, and {self._stack_bytes} are kept free for it: "
                "raise stack_bytes=, or give it less to do"
            )

    def _why(self, loop: CallLoop, name: str, spent: Spending, limit: int, nulls: Sequence[str]) -> str:
        """Say why a function has not returned; `nulls` are the parameters that it got null pointers for."""
        end, record = spent.end, loop.faulting.record
        where = loop.place(end.address)
        line = self.image.line_at(end.address)
        where += f", {line.file}:{line.line}" if line is not None else ""
        if end.kind == "max-cycles":
            return f"{name} did not return within {limit:,} cycles, it is in {where}: raise max_cycles=, or it hangs"
        if end.kind == "fault" and record is not None:
            cause = f": {record.cause}" if record.cause else ""
            given = f"; its {', '.join(nulls)} {'is a null pointer' if len(nulls) == 1 else 'are null pointers'}"
            return f"{name}: {record.exception} in {where}: {record.words}{cause}{given if nulls else ''}"
        return f"{name} did not return: {end.text}, in {where}"
