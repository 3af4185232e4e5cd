# SPDX-License-Identifier: Apache-2.0
"""Random exception scenarios, triggered by software alone, so that nothing depends on time.

A scenario is a script for thread mode and scripts for the first activations of each exception. A script is a list of
random actions: make something pending, change priorities and masks, call the supervisor, fault, use the floating-point
unit, change stacks. Every handler writes a log: exception number, EXC_RETURN, stack pointers, the stacked frame; and
after actions the state of the exception model is logged too. r11 is the log's end and r9, r10 belong to the dispatcher.

All actions end in DSB, ISB, so that an exception is taken at one place only, whatever an engine's blocks are.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from elf_writer import ALLOC, EXEC, Elf, Section
from thumb_code import Code

RAM = 0x2000_0000
MAIN_STACK, PROCESS_STACK = RAM + 0x4000, RAM + 0x8000
COUNTERS, STATE, LOG = RAM + 0x100, RAM + 0x200, RAM + 0x1_0000
LOG_LIMIT_BYTES = 0x20_0000
VECTOR_WORDS = 64
NMI, HARD_FAULT, USAGE_FAULT, SVCALL, PENDSV, SYSTICK, FIRST_EXTERNAL = 2, 3, 6, 11, 14, 15, 16
IRQS = 6
EXCEPTIONS = FIRST_EXTERNAL + IRQS
ACTIVATIONS = 4  # with a script of their own; later ones do nothing
ISER, ICER, ISPR, ICPR, IPR = 0xE000_E100, 0xE000_E180, 0xE000_E200, 0xE000_E280, 0xE000_E400
ICSR, AIRCR, CCR, SHPR, SHCSR, CFSR, STIR, FPCCR = (
    0xE000_ED04, 0xE000_ED0C, 0xE000_ED14, 0xE000_ED18, 0xE000_ED24, 0xE000_ED28, 0xE000_EF00, 0xE000_EF34
)  # fmt: skip
PENDSV_SET, PENDSV_CLEAR, SYSTICK_SET, SYSTICK_CLEAR, NMI_SET = 1 << 28, 1 << 27, 1 << 26, 1 << 25, 1 << 31
CCR_RESET, DIV_0_TRP, UNALIGN_TRP = 0x200, 1 << 4, 1 << 3
NOWHERE = 0xA000_0000  # no memory and no device there
PRIORITIES = (0x00, 0x20, 0x40, 0x60, 0x80, 0xA0, 0xC0, 0xE0)
SYNC = "f3bf8f4f f3bf8f6f ; dsb; isb"
TAG_ENTRY, TAG_EXIT, TAG_FAULT, TAG_STATE, TAG_SCENARIO, TAG_FP, TAG_MASK = (
    0xE000_0000, 0x4000_0000, 0xC000_0000, 0x8000_0000, 0xF000_0000, 0xD000_0000, 0xF000_0000
)  # fmt: skip
# What follows each tag in the log.
ENTRIES = {
    TAG_ENTRY: ("exception", "lr", "sp", "frame", "r0", "r1", "r2", "r3", "r12", "stacked lr", "stacked pc", "xpsr"),
    TAG_EXIT: ("left", "lr"),
    TAG_FAULT: ("fault", "cfsr", "hfsr"),
    TAG_STATE: ("state", "ipsr", "primask", "basepri", "faultmask", "control", "sp", "icsr", "shcsr", "hfsr", "iser",
                "ispr", "iabr"),
    TAG_SCENARIO: ("scenario",),
    TAG_FP: ("fp", "s0", "s15", "s16", "fpscr"),
}  # fmt: skip

HANDLER = """
f3ef8405 f0444460   ; mrs r4, ipsr; orr r4, r4, #TAG_ENTRY
4675 466e 466f      ; mov r5, lr; mov r6, sp; mov r7, sp
f0150f04 bf18 f3ef8709 ; tst r5, #4; it ne; mrsne r7, psp
e8ab00f0            ; stmia r11!, {r4-r7}
e897000f e8ab000f   ; ldmia r7, {r0-r3}; stmia r11!, {r0-r3}
f1070810            ; add r8, r7, #16
e898000f e8ab000f   ; ldmia r8, {r0-r3}; stmia r11!, {r0-r3}
f3ef8405            ; mrs r4, ipsr
"""
# r0 is CFSR's address: if something faulted, log, clear, and step over the instruction.
HANDLER_FAULT = """
6801 2900           ; ldr r1, [r0]; cmp r1, #0
d010                ; beq over
f04f4340 f84b3b04   ; mov r3, #TAG_FAULT; str r3, [r11], #4
6842 e8ab0006       ; ldr r2, [r0, #4]; stmia r11!, {r1, r2}
6001 6042           ; str r1, [r0]; str r2, [r0, #4]
69b9 880a 3102      ; ldr r1, [r7, #24]; ldrh r2, [r1]; adds r1, #2
0ad2 2a1d bfa8 3102 ; lsrs r2, r2, #11; cmp r2, #29; it ge; addge r1, #2
61b9                ; str r1, [r7, #24]
"""
HANDLER_DISPATCH = """
f8190004 1c41 f8091004  ; ldrb r0, [r9, r4]; adds r1, r0, #1; strb r1, [r9, r4]
2804 bfa8 2004          ; cmp r0, #ACTIVATIONS; it ge; movge r0, #ACTIVATIONS
eb040184 4401           ; add r1, r4, r4, lsl #2; add r1, r0
f85a1021                ; ldr r1, [r10, r1, lsl #2]
b510 4788 e8bd4010      ; push {r4, lr}; blx r1; pop {r4, lr}
f0444480 e8ab4010       ; orr r4, r4, #TAG_EXIT; stmia r11!, {r4, lr}
"""
# r0 is the tag with the number of the action.
SNAPSHOT_MASKS = """
f3ef8105 f3ef8210 f3ef8311 e8ab000f ; mrs r1, ipsr; mrs r2, primask; mrs r3, basepri; stmia r11!, {r0-r3}
f3ef8013 f3ef8114 466a 682b         ; mrs r0, faultmask; mrs r1, control; mov r2, sp; ldr r3, [r5]: ICSR
e8ab000f                            ; stmia r11!, {r0-r3}
6a28 6aa9 6822                      ; ldr r0, [r5, #0x20]: SHCSR; ldr r1, [r5, #0x28]: HFSR; ldr r2, [r4]: ISER
f8d43100 e8ab000f                   ; ldr r3, [r4, #0x100]: ISPR; stmia r11!, {r0-r3}
f8d40200 f84b0b04                   ; ldr r0, [r4, #0x200]: IABR; str r0, [r11], #4
2000 2100 2200 2300 bd30            ; movs r0, #0 to movs r3, #0: what is logged is not stacked; pop {r4, r5, pc}
"""


@dataclass
class Firmware:
    """Scenarios being written into one image."""

    source: random.Random
    faults: bool
    code: Code = field(default_factory=Code)
    number: int = 0  # of the action
    unique: int = 0  # of the label
    thread: bool = False  # whether the script is thread mode's

    def label(self) -> str:
        """Return a name for a new label."""
        self.unique += 1
        return f"l{self.unique}"

    def store(self, address: int, value: int, *, byte: bool = False) -> None:
        """Write a register and wait until it has taken effect."""
        self.code.load(0, address)
        self.code.load(1, value)
        self.code.hex(f"{'7001' if byte else '6001'} {SYNC}")

    def snapshot(self) -> None:
        """Log the state of the exception model."""
        self.number += 1
        self.code.load(0, TAG_STATE | self.number)
        self.code.branch_wide("snapshot", link=True)

    # actions

    def action(self) -> None:
        """Add a random action."""
        choices: list[tuple[int, Callable[[], None]]] = [
            (8, self._pend), (2, self._clear), (3, self._enable), (3, self._priority), (3, self._mask), (3, self._svc),
            (2, self._system_pend), (1, self._group), (2, self._fp), (1, self._odd_stack), (1, self._registers),
        ]  # fmt: skip
        if self.thread:
            choices += [(1, self._stack_pointer), (1, self._wfi), (1, self._fp_control)]
        if self.faults:
            choices += [(3, self._fault)]
        weights = [weight for weight, _ in choices]
        self.source.choices([act for _, act in choices], weights)[0]()
        if self.source.random() < 0.5:
            self.snapshot()

    def _irqs(self) -> int:
        return self.source.getrandbits(IRQS) & self.source.getrandbits(IRQS) or 1 << self.source.randrange(IRQS)

    def _pend(self) -> None:
        if self.source.random() < 0.3:
            self.store(STIR, self.source.randrange(IRQS))
        else:
            self.store(ISPR, self._irqs())

    def _clear(self) -> None:
        self.store(ICPR, self._irqs())

    def _enable(self) -> None:
        self.store(self.source.choice((ISER, ISER, ICER)), self._irqs())

    def _priority(self) -> None:
        if self.source.random() < 0.4:
            self.store(SHPR + self.source.choice((2, 7, 10, 11)), self.source.choice(PRIORITIES), byte=True)
        else:
            self.store(IPR + self.source.randrange(IRQS), self.source.choice(PRIORITIES), byte=True)

    def _mask(self) -> None:
        kind = self.source.randrange(5)
        if kind < 2:
            self.code.hex(f"{'b672' if kind else 'b662'} {SYNC}")  # cpsid i, cpsie i
        elif kind == 2:
            self.code.hex(f"{self.source.choice(('b671', 'b661'))} {SYNC}")  # cpsid f, cpsie f
        else:
            self.code.load(0, self.source.choice(PRIORITIES))
            self.code.hex(f"{self.source.choice(('f3808811', 'f3808812'))} {SYNC}")  # msr basepri, basepri_max

    def _unless_locked_up(self, act: Callable[[], None]) -> None:
        """Add an action unless a fault would now lock up: in NMI, HardFault, or with FAULTMASK set."""
        over = self.label()
        self.code.hex("f3ef8105 3902 2902 ; mrs r1, ipsr; subs r1, #2; cmp r1, #2")
        self.code.branch(over, 3)
        self.code.hex("f3ef8013 2800 ; mrs r0, faultmask; cmp r0, #0")
        self.code.branch(over, 1)
        act()
        self.code.label(over)

    def _svc(self) -> None:
        self._unless_locked_up(lambda: self.code.hex("df05"))

    def _system_pend(self) -> None:
        bits = (PENDSV_SET, SYSTICK_SET, PENDSV_SET | SYSTICK_SET, NMI_SET, PENDSV_CLEAR, SYSTICK_CLEAR)
        self.store(ICSR, self.source.choice(bits))

    def _group(self) -> None:
        self.store(AIRCR, 0x05FA_0000 | self.source.randrange(8) << 8)

    def _fp(self) -> None:
        # In a handler the registers are UNKNOWN until written, where their saving is put off (B1.5.7).
        if not self.thread or self.source.random() < 0.6:
            self.code.load(2, self.source.getrandbits(32))
            self.code.hex("ee002a10 ee072a90 ee082a10 ; vmov s0, r2; vmov s15, r2; vmov s16, r2")
            self.code.load(2, self.source.getrandbits(32) & 0xF7C0_009F)
            self.code.hex("eee12a10 ; vmsr fpscr, r2")
        self.code.load(4, TAG_FP)
        self.code.hex("ee100a10 ee171a90 ee182a10 eef13a10 ; vmov r0, s0; vmov r1, s15; vmov r2, s16; vmrs r3, fpscr")
        self.code.hex("f84b4b04 e8ab000f ; str r4, [r11], #4; stmia r11!, {r0-r3}")

    def _fp_control(self) -> None:
        # Not ASPEN = 0: CONTROL.FPCA then stays clear on silicon, which the engine does not know (B1.5.7).
        self.store(FPCCR, self.source.choice((0xC000_0000, 0x8000_0000)))

    def _odd_stack(self) -> None:
        self.code.hex("b401 ; push {r0}")
        self._pend()
        self.code.hex("bc01 ; pop {r0}")

    def _registers(self) -> None:
        """Put values into the registers that are stacked, and something pending behind them."""
        self.code.load(2, self.source.getrandbits(32))
        self.code.load(3, self.source.getrandbits(32))
        self.code.hex("4694 ; mov r12, r2")
        self._pend()

    def _stack_pointer(self) -> None:
        self.code.load(0, PROCESS_STACK - 4 * self.source.randrange(4))
        on = self.source.getrandbits(1)
        self.code.hex("f3808809 f3ef8014 ; msr psp, r0; mrs r0, control")
        self.code.hex("f0400002" if on else "f0200002")  # orr, bic r0, r0, #2
        # CONTROL is written in thread mode on the stack pointer that is in use: what is on the stacks stays.
        self.code.hex("f3808814 f3bf8f6f ; msr control, r0; isb")

    def _wfi(self) -> None:
        self.code.hex(f"b672 {SYNC}")  # first: handlers that come now may mask what would end the wait
        self.code.hex("2000 f3808811 b661 ; movs r0, #0; msr basepri, r0; cpsie f")
        self.store(AIRCR, 0x05FA_0000)
        self.store(IPR, 0x20, byte=True)
        self.store(ISER, 1)
        self.store(ISPR, 1)
        self.code.hex(f"bf30 {SYNC}")
        self.snapshot()
        self.code.hex(f"b662 {SYNC}")

    def _enable_faults(self) -> None:
        """Enable any of UsageFault, BusFault and MemManage. The lower bits say what is active: they stay."""
        self.code.load(0, SHCSR)
        self.code.load(2, ~(7 << 16) & 0xFFFF_FFFF)
        self.code.hex("6801 4011 ; ldr r1, [r0]; ands r1, r2")
        self.code.load(2, self.source.getrandbits(3) << 16)
        self.code.hex(f"4311 6001 {SYNC} ; orrs r1, r2; str r1, [r0]")

    def _fault(self) -> None:
        if self.source.random() < 0.3:
            self._enable_faults()
        kind = self.source.randrange(4)

        def fault() -> None:
            if kind == 0:
                self.code.hex("de00 ; udf")
            elif kind == 1:
                self.store(CCR, CCR_RESET | DIV_0_TRP)
                self.code.hex("2200 ; movs r2, #0")
                self.code.branch_wide("divide", link=True)
            elif kind == 2:
                self.code.load(0, RAM + 1)
                self.code.hex("e890000c ; ldmia r0, {r2, r3}")
            else:
                self.code.load(0, NOWHERE)
                self.code.hex("6802 ; ldr r2, [r0]")

        self._unless_locked_up(fault)

    # scripts

    def script(self, name: str, actions: int, thread: bool = False) -> None:
        """Add a script: a function."""
        self.thread = thread
        self.code.align()
        self.code.label(name)
        self.code.hex("b510 ; push {r4, lr}")
        for _ in range(actions):
            self.action()
        if thread:
            self.code.hex(f"b662 b661 2000 f3808811 {SYNC}")  # everything that is enabled may come now
            self.code.hex("f3ef8014 f0200002 f3808814 f3bf8f6f ; back to the main stack")
            self.snapshot()
        self.code.hex("bd10 ; pop {r4, pc}")
        self.code.pool()

    def scenario(self, number: int) -> None:
        """Add the scripts of a scenario and its table."""
        source, scripts = self.source, {}
        self.script(f"thread{number}", source.randrange(4, 14), thread=True)
        for exception in (NMI, HARD_FAULT, 4, 5, USAGE_FAULT, SVCALL, PENDSV, SYSTICK, *range(16, EXCEPTIONS)):
            for activation in range(ACTIVATIONS):
                if source.random() < 0.5:
                    name = f"s{number}e{exception}a{activation}"
                    self.script(name, source.randrange(1, 4))
                    scripts[exception, activation] = name
        self.code.align()
        self.code.label(f"table{number}")
        for exception in range(EXCEPTIONS):
            for activation in range(ACTIVATIONS + 1):
                self.code.word(scripts.get((exception, activation), "nothing"))

    def run_scenario(self, number: int) -> None:
        """Add the code that prepares and runs a scenario."""
        source, code = self.source, self.code
        code.align()
        code.label(f"run{number}")
        code.load(0, TAG_SCENARIO | number)
        code.hex("f84b0b04 ; str r0, [r11], #4")
        code.load(0, COUNTERS)
        code.hex("4681 2100 ; mov r9, r0; movs r1, #0")
        code.hex(" ".join(f"{0x6001 | word << 6:04x}" for word in range(EXCEPTIONS // 4 + 1)))
        code.load(0, f"table{number}")
        code.hex("3801 4682 ; subs r0, #1; mov r10, r0")
        code.hex("b672 b661 2000 f3808811 ; cpsid i; cpsie f; movs r0, #0; msr basepri, r0")
        code.hex("f3808814 f3bf8f6f ; msr control, r0; isb")
        self.store(ICER, 0xFFFF_FFFF)
        self.store(ICPR, 0xFFFF_FFFF)
        self.store(ICSR, PENDSV_CLEAR | SYSTICK_CLEAR)
        self.store(CCR, CCR_RESET | source.choice((0, UNALIGN_TRP if self.faults else 0)))
        self.store(SHCSR, source.getrandbits(3) << 16 if self.faults else 0)
        self.store(CFSR + 4, 0xFFFF_FFFF)
        self.store(FPCCR, 0xC000_0000)
        self.store(AIRCR, 0x05FA_0000 | source.choice((0, 0, 0, 5, 6, 7)) << 8)
        for word in range(IRQS // 4 + 1):
            self.store(IPR + 4 * word, self._priorities())
        for word in range(3):
            self.store(SHPR + 4 * word, self._priorities())
        self.store(ISER, source.getrandbits(IRQS) | source.getrandbits(IRQS))
        code.hex(f"b662 {SYNC}")
        code.branch_wide(f"thread{number}", link=True)
        after = self.label()
        code.branch(after)
        code.pool()
        code.label(after)

    def _priorities(self) -> int:
        return int.from_bytes(bytes(self.source.choice(PRIORITIES) for _ in range(4)), "little")


def _common(code: Code) -> None:
    """Add the handler of all exceptions and what logs the state."""
    code.align()
    code.label("handler")
    code.hex(HANDLER)
    code.load(0, CFSR)
    code.hex(HANDLER_FAULT)
    code.hex(HANDLER_DISPATCH)
    code.hex("4770 ; bx lr")
    code.pool()
    code.label("snapshot")
    code.hex("b530 ; push {r4, r5, lr}")
    code.load(5, ICSR)
    code.load(4, ISER)
    code.hex(SNAPSHOT_MASKS)
    code.pool()
    # mcusim notices a division by zero when its block has ended, and then says so: here ISB ends it, and r0 is already
    # what the division would give without the trap. QEMU 7.2 loses what its block wrote before the division: ISB again.
    code.label("divide")
    code.hex("2000 f3bf8f6f fb91f0f2 f3bf8f6f 4770 ; movs r0, #0; isb; sdiv r0, r1, r2; isb; bx lr")
    code.label("nothing")
    code.hex("4770 bf00 ; bx lr")


def build(seed: int, scenarios: int, *, faults: bool) -> bytes:
    """Return an image of random scenarios that dumps its log into a file."""
    firmware = Firmware(random.Random(f"exceptions {seed} {faults}"), faults)
    code = firmware.code
    code.load(0, 0xE000_ED88)
    code.load(1, 0x00F0_0000)
    code.hex(f"6001 {SYNC}")
    code.load(0, LOG)
    code.hex("4683 ; mov r11, r0")
    code.branch_wide("run0")
    code.pool()
    _common(code)
    for number in range(scenarios):
        firmware.scenario(number)
    for number in range(scenarios):
        firmware.run_scenario(number)
    code.load(0, STATE)
    code.load(1, "name")
    code.hex("3901 6001 2105 6041 2104 6081 ; subs r1, #1; str r1, [r0]; mode 5; length 4")
    code.hex("0001 2001 beab ; movs r1, r0; SYS_OPEN")
    code.load(1, STATE)
    code.load(2, LOG)
    code.hex("6008 604a 465b 1a9b 608b ; handle, start; mov r3, r11; subs r3, r3, r2: length")
    code.hex("2005 beab 2002 beab 2018 ; SYS_WRITE; SYS_CLOSE; SYS_EXIT")
    code.load(1, 0x2_0026)
    code.hex("beab e7fe")
    code.pool()
    code.label("name")
    code.data += b"dump"
    start = 4 * VECTOR_WORDS
    text = code.build(start)
    vectors = [MAIN_STACK, start | 1] + [start + code.labels["handler"] | 1] * (VECTOR_WORDS - 2)
    elf = Elf(entry=start | 1)
    elf.sections = [Section(".text", 0, struct.pack(f"<{VECTOR_WORDS}I", *vectors) + text, ALLOC | EXEC)]
    elf.symbol("g_pfnVectors", 0, 4 * VECTOR_WORDS, 1, 1)
    elf.symbol("Reset_Handler", start | 1, 0, 2, 1)
    return elf.build()


def entries(log: bytes) -> list[dict[str, int]]:
    """Return the entries of a log; the first name of each says what it is."""
    words = list(struct.unpack(f"<{len(log) // 4}I", log))
    found, position = [], 0
    while position < len(words):
        names = ENTRIES.get(words[position] & TAG_MASK)
        if names is None:
            found.append({"garbage": words[position]})
            break
        values = words[position : position + len(names)]
        values[0] &= ~TAG_MASK
        found.append(dict(zip(names, values, strict=False)))
        position += len(names)
    return found
