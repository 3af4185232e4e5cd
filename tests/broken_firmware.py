# SPDX-License-Identifier: Apache-2.0
"""Firmware that is broken on purpose: one way of breaking each function of `BREAKAGES`, with random details.

A firmware has a vector table, a reset handler with a random prelude (faults enabled, the floating-point unit, SysTick,
the process stack), handlers of a random style, and then what is broken.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from elf_writer import ALLOC, EXEC, FLASH, FUNC, GLOBAL, OBJECT, Elf, Section, attributes
from thumb_code import Code

RAM, RAM_BYTES, FLASH_BYTES = 0x2000_0000, 0x3_0000, 0x20_0000
STACK = RAM + RAM_BYTES
VECTORS = 48
CODE = FLASH + 4 * VECTORS
PERIPHERAL, NOWHERE, PPB, DEVICE_HOLE = 0x4000_0000, 0x6000_0000, 0xE000_E000, 0xE010_0000
ICSR, VTOR, AIRCR, SCR, CCR, SHCSR, CPACR = (
    0xE000_ED04, 0xE000_ED08, 0xE000_ED0C, 0xE000_ED10, 0xE000_ED14, 0xE000_ED24, 0xE000_ED88
)  # fmt: skip
ISER, ISPR, SYSTICK = 0xE000_E100, 0xE000_E200, 0xE000_E010
SPIN = "e7fe ; b ."


@dataclass
class Broken:
    """A firmware in the making."""

    source: random.Random
    armv7: bool
    code: Code = field(default_factory=Code)
    vectors: dict[int, int | str] = field(default_factory=dict)  # exception -> address, or label
    stack: int = STACK
    data: dict[int, bytes] = field(default_factory=dict)  # more sections, by address
    labels: int = 0

    def label(self) -> str:
        """Return a name for a label."""
        self.labels += 1
        return f"l{self.labels}"

    def store(self, address: int, value: int) -> None:
        """Write a word."""
        self.code.load(0, address)
        self.code.load(1, value & 0xFFFF_FFFF)
        self.code.hex("6001 ; str r1, [r0]")

    def anywhere(self) -> int:
        """Return an address, most of them wrong in some way."""
        source = self.source
        starts = (0, FLASH, FLASH + FLASH_BYTES, RAM, STACK, PERIPHERAL, NOWHERE, PPB, DEVICE_HOLE, 0xFFFF_FF00)
        if source.random() < 0.2:
            return source.getrandbits(32)
        return source.choice(starts) + source.randrange(-16, 64) & 0xFFFF_FFFF

    def build(self) -> bytes:
        """Return the ELF file."""
        text = self.code.build(CODE)
        words = [self.stack, CODE | 1] + [CODE + self.code.labels["spin"] | 1] * (VECTORS - 2)
        for number, where in self.vectors.items():
            words[number] = CODE + self.code.labels[where] | 1 if isinstance(where, str) else where
        elf = Elf(entry=CODE | 1)
        elf.sections = [
            Section(".isr_vector", FLASH, struct.pack(f"<{VECTORS}I", *words), ALLOC),
            Section(".text", CODE, text, ALLOC | EXEC),
            *(Section(f".data{at:x}", at, data, ALLOC) for at, data in self.data.items()),
            Section(".ARM.attributes", data=attributes(*(() if self.armv7 else ("6S-M", 12, "M", 0, 0))),
                    type=0x7000_0003),
        ]  # fmt: skip
        elf.symbol("g_pfnVectors", FLASH, 4 * VECTORS, OBJECT, GLOBAL, ".isr_vector")
        names = sorted((offset, name) for name, offset in self.code.labels.items() if not name.startswith("l"))
        ends = [offset for offset, _ in names[1:]] + [len(text)]
        for (offset, name), end in zip(names, ends, strict=True):
            elf.symbol(name, CODE + offset | 1, end - offset, FUNC, GLOBAL)
        return elf.build()


# handlers


def _add_handlers(firmware: Broken) -> None:
    """Add handlers of all styles, and give each exception one of them or something that is none."""
    code = firmware.code
    code.align()
    code.label("spin")
    code.hex(SPIN)
    code.label("returns")
    code.hex("4770 ; bx lr")
    code.label("skips")
    code.hex("9806 3002 9006 4770 ; ldr r0, [sp, #24]; adds r0, #2; str r0, [sp, #24]; bx lr")
    code.label("resets")
    firmware.store(AIRCR, 0x05FA_0004)
    code.hex(SPIN)
    code.label("faults")
    code.hex("de00 4770")
    code.label("recurses")
    code.hex("b5ff ; push {r0-r7, lr}")
    code.branch("recurses")
    code.label("supervisor")
    code.hex("df00 4770 ; svc 0; bx lr")
    code.pool()
    styles = ("spin", "spin", "spin", "returns", "skips", "resets", "faults", "recurses", "supervisor")
    for number in range(2, VECTORS):
        if number not in firmware.vectors:
            firmware.vectors[number] = firmware.source.choice(styles)


def _prelude(firmware: Broken) -> None:
    source, code = firmware.source, firmware.code
    if source.random() < 0.5:
        firmware.store(SHCSR, source.getrandbits(3) << 16)
    if source.random() < 0.4:
        firmware.store(CCR, 0x200 | source.choice((0x10, 0x08, 0x18, 0x01)))
    if firmware.armv7 and source.random() < 0.3:
        firmware.store(CPACR, 0x00F0_0000)
        code.hex("ee300a81 ; vadd.f32 s0, s1, s2")
    if source.random() < 0.2:
        firmware.store(SYSTICK + 4, source.choice((0, 1, 10, 1000)))
        firmware.store(SYSTICK, 7)
    if source.random() < 0.2:
        code.load(0, RAM + 0x8000)
        code.hex("f3808809 2002 f3808814 f3bf8f6f ; msr psp, r0; movs r0, #2; msr control, r0; isb")


# what is broken


def wild_read(firmware: Broken) -> None:
    """Read through a bad pointer."""
    firmware.code.load(0, firmware.anywhere())
    firmware.code.hex(firmware.source.choice(("6802", "8802", "7802", "c80c")))


def wild_write(firmware: Broken) -> None:
    """Write through a bad pointer, again and again."""
    code, again = firmware.code, firmware.label()
    code.load(0, firmware.anywhere())
    code.load(1, firmware.source.getrandbits(32))
    code.label(again)
    code.hex(firmware.source.choice(("6001 3004", "8001 3002", "7001 3001", "c002")))
    code.branch(again)


def stack_smash(firmware: Broken) -> None:
    """Write beyond a buffer on the stack, and return."""
    code, again, smashed = firmware.code, firmware.label(), firmware.label()
    code.branch_wide(smashed, link=True)
    code.hex(SPIN)
    code.label(smashed)
    code.hex("b510 b090 4669 ; push {r4, lr}; sub sp, #64; mov r1, sp")
    code.load(0, firmware.anywhere())
    code.hex(f"22{firmware.source.choice((18, 20, 100, 255)):02x} ; movs r2, #words")
    code.label(again)
    code.hex("c101 3a01 ; stmia r1!, {r0}; subs r2, #1")
    code.branch(again, 1)
    code.hex("b010 bd10 ; add sp, #64; pop {r4, pc}")


def bad_vector(firmware: Broken) -> None:
    """Take an exception whose vector is bad."""
    number = firmware.source.choice((2, 3, 6, 11, 14, 15, 16, 20))
    firmware.vectors[number] = firmware.source.choice((0, firmware.anywhere(), CODE, RAM | 1, PERIPHERAL | 1))
    if number == 3:
        firmware.code.hex("de00")
    elif number == 6:
        firmware.store(SHCSR, 7 << 16)
        firmware.code.hex("de00")
    elif number == 11:
        firmware.code.hex("df00")
    elif number >= 16:
        firmware.store(ISER, 1 << number - 16)
        firmware.store(ISPR, 1 << number - 16)
    else:
        firmware.store(ICSR, {2: 1 << 31, 14: 1 << 28, 15: 1 << 26}[number])


def vectors_nowhere(firmware: Broken) -> None:
    """Move the vector table to where there is none, and take an exception."""
    firmware.store(VTOR, firmware.anywhere() & ~0x7F)
    firmware.code.hex(firmware.source.choice(("df00", "de00")))


def infinite_recursion(firmware: Broken) -> None:
    """Call until the stack is everywhere."""
    code, again = firmware.code, firmware.label()
    code.label(again)
    code.hex(firmware.source.choice(("b500", "b5ff", "b5ff b0ff", "b500 b0ff b0ff")))
    code.branch_wide(again, link=True)


def interrupt_storm(firmware: Broken) -> None:
    """Interrupts that never stop: SysTick each cycle, or a handler that makes itself pending."""
    code = firmware.code
    if firmware.source.random() < 0.5:
        firmware.store(SYSTICK + 4, firmware.source.choice((0, 1, 2, 12)))
        firmware.store(SYSTICK + 8, 0)
        firmware.store(SYSTICK, 7)
        firmware.vectors[15] = "returns"
        code.hex(SPIN)
        return
    handler = f"storm{firmware.label()}"
    firmware.vectors[16] = handler
    firmware.store(ISER, 1)
    firmware.store(ISPR, 1)
    code.hex(SPIN)
    code.label(handler)
    firmware.store(ISPR, 1)
    code.hex(firmware.source.choice(("4770", "df00 4770", "b662 4770")))


def endless_poll(firmware: Broken) -> None:
    """Wait for a bit that never comes."""
    code, again = firmware.code, firmware.label()
    code.load(0, firmware.source.choice((RAM, PERIPHERAL, PERIPHERAL + 0x1_3800, 0x4002_3800, PPB + 0x10, PPB + 0xD04)))
    code.load(2, 1 << firmware.source.randrange(32))
    code.label(again)
    code.hex("6801 4211 ; ldr r1, [r0]; tst r1, r2")
    code.branch(again, firmware.source.choice((0, 1)))
    code.branch(again)


def wild_jump(firmware: Broken) -> None:
    """Jump to an even address, into data, into a peripheral."""
    firmware.code.load(0, firmware.anywhere())
    firmware.code.hex(firmware.source.choice(("4700", "4780", "4687", "b401 bd00")))


def fpu_off(firmware: Broken) -> None:
    """Use a floating-point unit that is off, or is not there."""
    firmware.store(CPACR, 0)
    firmware.code.hex(firmware.source.choice(("ee300a81", "ed900a00", "eef10a10", "ec510b10")))


def undefined(firmware: Broken) -> None:
    """Execute an undefined instruction."""
    opcodes = ("de00", "f7f0a000", "ffffffff", "b600", "e800e800", "ee000010", "fb00f0ff", "bf08 de00")
    firmware.code.hex(firmware.source.choice(opcodes))


def off_the_end(firmware: Broken) -> None:
    """Run beyond the last byte of flash or RAM."""
    nops = b"\x00\xbf" * 8
    if firmware.source.random() < 0.5:
        end = FLASH + FLASH_BYTES
        firmware.data[end - len(nops)] = nops
        firmware.code.load(0, end - len(nops) | 1)
    else:
        again, end = firmware.label(), RAM + firmware.source.choice((RAM_BYTES, 0x100, 0x3FE))
        firmware.code.load(0, end - 16)
        firmware.code.load(1, 0xBF00_BF00)
        firmware.code.hex("2204 ; movs r2, #4")
        firmware.code.label(again)
        firmware.code.hex("c002 3a01 ; stmia r0!, {r1}; subs r2, #1")
        firmware.code.branch(again, 1)
        firmware.code.load(0, end - 16 | 1)
    firmware.code.hex("4700")


def bad_return(firmware: Broken) -> None:
    """Return from an exception with a corrupt EXC_RETURN, stack pointer or frame."""
    code, source = firmware.code, firmware.source
    handler = f"bad{firmware.label()}"
    firmware.vectors[11] = handler
    code.hex(f"df00 {SPIN}".split(";")[0])
    code.label(handler)
    kind = source.randrange(4)
    if kind == 0:
        code.load(0, source.choice((0xFFFF_FFF0, 0xFFFF_FFF1, 0xFFFF_FFF5, 0xFFFF_FFE1, 0xFFFF_FF00, 0xFFFF_FFFD)))
        code.hex("4700")
    elif kind == 1:
        code.load(0, firmware.anywhere() & ~3)
        code.hex("4685 4770 ; mov sp, r0; bx lr")
    elif kind == 2:  # another xPSR: no Thumb bit, an exception number, IT bits
        code.load(0, source.choice((0, 0x0100_0003, 0x0700_FC00, source.getrandbits(32))))
        code.hex("9007 4770 ; str r0, [sp, #28]; bx lr")
    else:
        code.load(0, firmware.anywhere())
        code.hex("9006 4770 ; str r0, [sp, #24]; bx lr")


def return_outside(firmware: Broken) -> None:
    """Branch to EXC_RETURN in thread mode."""
    firmware.code.load(0, firmware.source.choice((0xFFFF_FFF9, 0xFFFF_FFFD, 0xFFFF_FFF1, 0xFFFF_FFFF, 0xFFFF_FFE9)))
    firmware.code.hex("4700")


def division_by_zero(firmware: Broken) -> None:
    """Divide by zero with the trap."""
    firmware.store(CCR, 0x210)
    firmware.code.hex(f"2100 {'fb90f0f1' if firmware.armv7 else 'de00'} ; movs r1, #0; sdiv r0, r0, r1")


def unaligned(firmware: Broken) -> None:
    """Use accesses that must be aligned."""
    firmware.code.load(0, RAM + firmware.source.randrange(1, 4))
    narrow = ("c80c", "c00c")
    wide = ("e9d02300", "e890000c", "e9c02300", "ed900a00", "e8502f00")
    firmware.code.hex(firmware.source.choice(narrow + wide * firmware.armv7))


def lockup(firmware: Broken) -> None:
    """Fault where no fault can be taken."""
    firmware.vectors[3] = "faults"
    firmware.code.hex(firmware.source.choice(("de00", "b672 df00", "b671 de00" if firmware.armv7 else "b672 de00")))


def self_modifying(firmware: Broken) -> None:
    """Write random words into RAM, run them, with the code changing them again."""
    code, source, again, fill = firmware.code, firmware.source, firmware.label(), firmware.label()
    code.load(0, RAM + 0x100)
    code.load(1, source.getrandbits(32))
    code.load(3, 0x0019_660D)
    code.label(again)
    code.hex(f"22{source.choice((4, 16, 255)):02x} ; movs r2, #words")
    code.label(fill)
    code.hex("4359 3101 c002 3a01 ; muls r1, r3, r1; adds r1, #1; stmia r0!, {r1}; subs r2, #1")
    code.branch(fill, 1)
    code.load(0, RAM + 0x101)
    code.hex("4780 3801 ; blx r0; subs r0, #1")
    code.branch(again)


def bad_stack(firmware: Broken) -> None:
    """Put SP where no stack can be, and use it."""
    if firmware.source.random() < 0.3:
        firmware.stack = firmware.source.choice((RAM + 4, RAM + 8, STACK - 4, STACK + 3))
    firmware.code.load(
        0, firmware.source.choice((0, 4, FLASH, FLASH + 0x1000, RAM + 2, RAM, PERIPHERAL, firmware.anywhere()))
    )
    firmware.code.hex(firmware.source.choice(("4685", "f3808808", "f3808808 f3bf8f6f")))
    firmware.code.hex(firmware.source.choice(("b5ff", "df00", "de00", "bdff", "b0ff b510")))


def sleep_forever(firmware: Broken) -> None:
    """Wait for an interrupt that cannot come."""
    firmware.code.hex(firmware.source.choice(("b672 bf30", "bf30", "bf20 bf20")))
    firmware.code.hex("e7fd")


def random_code(firmware: Broken) -> None:
    """Run random halfwords."""
    firmware.code.hex(
        " ".join(f"{firmware.source.getrandbits(16):04x}" for _ in range(firmware.source.randrange(1, 40)))
    )


def bad_semihosting(firmware: Broken) -> None:
    """Call semihosting with nonsense."""
    firmware.code.load(1, firmware.anywhere())
    firmware.code.hex(f"20{firmware.source.randrange(0x35):02x} beab")


def priority_inversion(firmware: Broken) -> None:
    """Call the supervisor where it may not come: masked, or from its own handler."""
    firmware.vectors[11] = "supervisor"
    masks = ("b672", "b672 f3ef8010", "20ff f3808811" if firmware.armv7 else "b672")
    firmware.code.hex(firmware.source.choice(masks))
    firmware.code.hex("df00")


BREAKAGES: tuple[Callable[[Broken], None], ...] = (
    wild_read, wild_write, stack_smash, bad_vector, vectors_nowhere, infinite_recursion, interrupt_storm, endless_poll,
    wild_jump, fpu_off, undefined, off_the_end, bad_return, return_outside, division_by_zero, unaligned, lockup,
    self_modifying, bad_stack, sleep_forever, random_code, bad_semihosting, priority_inversion,
)  # fmt: skip


def broken(breakage: Callable[[Broken], None], source: random.Random, *, armv7: bool) -> bytes:
    """Return a firmware that is broken this way; what follows the breakage is broken in other ways."""
    firmware = Broken(source, armv7)
    firmware.code.label("Reset_Handler")
    _prelude(firmware)
    breakage(firmware)
    if source.random() < 0.5:
        source.choice((wild_write, undefined, wild_jump, division_by_zero))(firmware)
    firmware.code.hex(SPIN)
    firmware.code.pool()
    _add_handlers(firmware)
    return firmware.build()
