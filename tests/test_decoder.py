# SPDX-License-Identifier: Apache-2.0
"""The decoder against Capstone, which reads the same manuals: sizes, registers read and written, what is undefined.

The two differ where Capstone is wrong or knows more (NEON, Armv8-M), and where an encoding is UNPREDICTABLE. Every such
difference is in a table here with its reason, and an entry that explains nothing any more fails.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from functools import cache

import capstone
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcusim.core import load_core
from mcusim.engine.pricing import sets_flags
from mcusim.isa import decode as isa
from mcusim.isa.encodings import NARROW, WIDE

SAMPLES_PER_ROW = 120
RARE = (0xECBD0A02, 0xF3FD8730, 0xF3918A20, 0xE9330000)  # VPOP, MRS, MSR, LDMDB: explained, but seldom hit by chance
FLAGS = 1 << 16  # beside the core registers: the condition flags

# Capstone's mnemonic -> what may differ (r: core reads, w: core writes, F: floating-point reads, W: ... writes), why.
DIFFERENCES: dict[str, tuple[str, str]] = {
    r"adr(\.w)?|addw|subw": ("r", "ADR reads PC; Capstone leaves it out"),
    r"b|b\.w|b[a-z]{2}(\.w)?|cbn?z|tb[bh]": ("w", "a branch writes PC; Capstone leaves it out"),
    r"blx?": ("r", "Capstone says that a call reads PC"),
    r"svc": ("rw", "Capstone says that SVC reads PC and writes LR; the exception does, not the instruction"),
    r"b(l?)xns": ("rw", "Armv8-M; in Armv7-M the bit is to be zero and the instruction a BX or BLX"),
    r"pld|pldw|pli": ("r", "a hint here: its address is not waited for"),
    r"ldrs?[bh]t?": ("rw", "a byte or halfword load to PC: a preload hint or UNPREDICTABLE"),
    r"clz|rbit|rev(16|sh)?\.w": ("r", "the register is in both halves; where they differ it is UNPREDICTABLE"),
    r"msr[a-z]*": ("r", "Capstone reads the register of MSR as an immediate"),
    r"pkhbt|pkhtb": ("r", "Capstone leaves out the shifted operand"),
    r"[su]xta[bh](16)?": ("r", "Capstone leaves out the rotated operand"),
    r"[su]sat(16)?": ("r", "Capstone leaves out the saturated operand"),
    r"[su]mlal|smlal[bt][bt]|sml[as]ldx?|umaal": ("r", "Capstone leaves out the accumulator"),
    r"smmls(r?)|smmla(r?)": ("r", "with accumulator 15: UNPREDICTABLE"),
    r"stmdb": ("w", "Capstone leaves out the write-back"),
    r"str[bh]?t": ("rw", "Capstone says that STRT writes its data register"),
    r"tta?t?": ("rw", "Armv8-M test target; in Armv7-M a STREX with PC"),
    r"vpush|vpop": ("rwFW", "Capstone leaves out SP; a list beyond S31 is UNPREDICTABLE"),
    r"v(ld|st)m(ia|db)|f(ld|st)m(ia|db)x": ("FW", "a list beyond S31 is UNPREDICTABLE; the x forms are deprecated"),
    r"vmsr": ("r", "Capstone leaves out the core register"),
    r"vmov\.(32|16|8|s16|s8|u16|u8)": ("FW", "one half of a double: we take both"),
    r"vcvt[a-z]*\.(\w+\.f64|f64\.\w+)": ("FW", "double precision, which no core here has: one of the two is single"),
}
# Rows of ours (mnemonic) that Capstone does not know, whatever the registers.
CAPSTONE_REJECTS = {
    "cps": "CPS with neither I nor F",
    "hint": "unallocated hints", "clrex": "bits to be one are not", "dsb": "bits to be one are not",
    "dmb": "bits to be one are not", "isb": "bits to be one are not", "wfe": "bits to be one are not",
    "wfi": "bits to be one are not", "yield": "bits to be one are not", "mrs": "bits to be one are not",
    "msr": "bits to be one are not, or no mask", "vcmp": "bits to be zero are not",
    "vldm": "no registers, or beyond D31", "vstm": "no registers, or beyond D31",
    "ldr": "writes back to its own target, or bits to be zero are not", "str": "writes back to its own source",
    "ldm": "empty list", "stm": "empty list, SP or PC in it", "stmdb": "empty list, SP or PC in it",
    "ldmdb": "empty list", "push": "empty list, SP or PC in it", "pop": "empty list",
    "bfi": "ends before it starts", "bfc": "ends before it starts",
    "sat_bfx": "ends after bit 31, SSAT16 with bits to be zero", "dp": "no such operation",
    "smul": "no such operation", "smla": "no such operation", "smlalxy": "no such operation",
    "parallel": "no such operation", "sat_sel": "no such operation", "vrint": "no such rounding",
    "vmov": "no such lane",
    "xt": "no such operation", "xta": "no such operation", "pkh": "TBB in place of T", "sdiv": "bits to be one are not",
    "udiv": "bits to be one are not", "pld": "bits to be zero are not",
    "blx": "bits to be zero are not",
}  # fmt: skip
# What Capstone decodes and we call undefined, by its mnemonic.
WE_REJECT: dict[str, str] = {
    r"(cdp|mcr|mrc|mcrr|mrrc|ldc|stc)2?l?": "coprocessors other than the FPU: a usage fault (NOCP)",
    r"v.*": "NEON, half precision and Armv8 floating point: no Cortex-M4 instruction",
    r"hvc\.w|smc": "profile A",
    r"(adc|add|and|bic|eor|orr|orn|rsb|sbc|sub|mov|mvn|lsl|lsr|asr|ror|rrx)s?(\.w)?": "bit 15 is to be zero",
    r"(cmn|cmp|teq|tst)\.w|pkhbt|pkhtb": "bit 15 is to be zero",
    r"[us]bfx|bfc|bfi|ssat|usat": "bit 10 of the first half is to be zero",
    r"trap|udf(\.w)?": "permanently undefined",
}  # fmt: skip


@cache
def _capstone() -> capstone.Cs:
    engine = capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS)
    engine.detail = True
    return engine


_ALIASES = {"sb": 9, "sl": 10, "fp": 11, "ip": 12, "sp": 13, "lr": 14, "pc": 15}


def _masks(numbers: list[int]) -> tuple[int, int]:
    """Return core registers and single floating-point registers as masks."""
    core = single = 0
    for number in numbers:
        name = _capstone().reg_name(number)
        if name in _ALIASES:
            core |= 1 << _ALIASES[name]
        elif re.fullmatch(r"r\d+", name):
            core |= 1 << int(name[1:])
        elif re.fullmatch(r"s\d+", name):
            single |= 1 << int(name[1:])
        elif re.fullmatch(r"d\d+", name) and int(name[1:]) < 16:
            single |= 3 << 2 * int(name[1:])
    return core, single


def _halves(opcode: int, size: int) -> bytes:
    words = [opcode] if size == 2 else [opcode >> 16, opcode & 0xFFFF]
    return b"".join(word.to_bytes(2, "little") for word in words)


def _explained(table: dict[str, str], mnemonic: str, used: Counter[str]) -> bool:
    for pattern in table:
        if re.fullmatch(pattern, mnemonic):
            used[pattern] += 1
            return True
    return False


def _differences(ours: isa.Decoded, instruction: capstone.CsInsn) -> str:
    reads, writes = instruction.regs_access()
    (core_reads, fp_reads), (core_writes, fp_writes) = _masks(reads), _masks(writes)
    our_fp_reads = ours.fp_reads | ours.fp_addend
    pairs = {"r": (ours.reads, core_reads), "w": (ours.writes, core_writes), "F": (our_fp_reads, fp_reads),
             "W": (ours.fp_writes, fp_writes)}  # fmt: skip
    return "".join(letter for letter, (mine, theirs) in pairs.items() if mine != theirs)


def check(opcode: int, size: int, used: Counter[str]) -> None:
    """Hold one opcode against Capstone; count in `used` the entries of the tables that explain a difference."""
    ours = isa.decode(opcode, size)
    theirs = next(_capstone().disasm(_halves(opcode, size), 0x1000, 1), None)
    name = f"{opcode:0{2 * size}x}"
    undefined = ours.klass == isa.CLASS_NUMBER["undefined"]
    if theirs is None:
        if not undefined:
            named = ours.reads | ours.writes
            unpredictable = size == 4 and bool(named & (1 << isa.SP | 1 << isa.PC))
            assert unpredictable or ours.mnemonic in CAPSTONE_REJECTS, f"{name}: {ours.mnemonic}, Capstone: undefined"
            used["" if unpredictable else ours.mnemonic] += 1
        return
    text = f"{name}: {theirs.mnemonic} {theirs.op_str}"
    assert theirs.size == size, text
    if undefined:
        assert _explained(WE_REJECT, theirs.mnemonic, used), f"{text} is undefined to us"
        return
    different = _differences(ours, theirs)
    if not different:
        return
    for pattern, (allowed, _) in DIFFERENCES.items():
        if re.fullmatch(pattern, theirs.mnemonic) and set(different) <= set(allowed):
            used[pattern] += 1
            return
    pytest.fail(f"{text}: we differ in {different}: {ours}")


def _rows(wide: bool) -> list[isa._Row]:
    found: list[isa._Row] = []
    for rows in isa._tables()[wide]:
        found += [row for row in rows if row not in found]
    return found


def _samples(row: isa._Row, width: int, count: int, source: random.Random) -> list[int]:
    free = (1 << width) - 1 & ~row.mask
    return [row.value | source.getrandbits(width) & free for _ in range(count)]


def test_every_narrow_opcode_agrees_with_capstone() -> None:
    used: Counter[str] = Counter()
    for opcode in range(0xE800):
        check(opcode, 2, used)
    assert len(used) < 14, "many explanations for 16-bit code"


def test_wide_opcodes_agree_with_capstone_row_by_row() -> None:
    used: Counter[str] = Counter()
    source = random.Random(0)
    for row in _rows(wide=True):
        for opcode in _samples(row, 32, SAMPLES_PER_ROW, source):
            if isa.is_wide(opcode >> 16):
                check(opcode, 4, used)
    for _ in range(6000):
        check(source.randrange(0xE800_0000, 1 << 32), 4, used)
    for opcode in RARE:
        check(opcode, 4, used)
    for opcode in (*range(0, 0xE800, 5), 0xBC00):
        check(opcode, 2, used)
    unused = [entry for entry in (*DIFFERENCES, *CAPSTONE_REJECTS, *WE_REJECT) if not used[entry]]
    assert not unused, f"these explain nothing: {unused}"


@given(st.integers(0xE800_0000, (1 << 32) - 1))
def test_any_wide_opcode_agrees_with_capstone(opcode: int) -> None:
    check(opcode, 4, Counter())


@pytest.mark.parametrize("wide", [False, True])
def test_every_row_is_reachable(wide: bool) -> None:
    """Each row of the table is the first that matches some opcode."""
    source = random.Random(0)
    width = 32 if wide else 16
    for row in _rows(wide):
        rows = isa._tables()[wide]
        for opcode in [row.value, *_samples(row, width, 4000, source)]:
            first = next(other for other in rows[opcode >> width - 7] if opcode & other.mask == other.value)
            if first is row and (not wide or isa.is_wide(opcode >> 16)):
                break
        else:
            pytest.fail(f"{row.mnemonic} {row.mask:x} {row.value:x} is hidden by earlier rows")


def test_the_tables_hold_every_row() -> None:
    assert len(_rows(wide=False)) == len(NARROW)
    assert len(_rows(wide=True)) == len(WIDE)


def test_every_class_has_a_timing_on_cortex_m4() -> None:
    assert set(load_core("cortex-m4").file.class_) == set(isa.CLASSES) - {"undefined"}


def _is_arm_v6m(opcode: int, size: int) -> bool:
    """Return whether Armv6-M has this instruction (DDI 0419E, A5.2, A5.3)."""
    if size == 4:
        first, second = opcode >> 16, opcode & 0xFFFF
        barrier = first == 0xF3BF and second & 0xFF00 == 0x8F00 and second >> 4 & 15 in (4, 5, 6)
        return first >> 11 == 0b11110 and (second >> 12 & 0xD == 0xD or barrier or first & 0xFFE0 in (0xF380, 0xF3E0))
    return not (opcode & 0xF500 == 0xB100 or (opcode & 0xFF00 == 0xBF00 and opcode & 15))  # CBZ, CBNZ, IT


def test_cortex_m0plus_times_what_armv6m_has_and_nothing_else() -> None:
    timed = set(load_core("cortex-m0plus").file.class_)
    missing, extra = set(), set()
    for opcode in range(0xE800):
        op = isa.decode(opcode, 2)
        klass = isa.CLASSES[op.klass]
        if klass == "undefined":
            continue
        if _is_arm_v6m(opcode, 2):
            missing |= {klass} - timed
        else:
            extra |= {klass} & timed
    assert (missing, extra) == (set(), set())
    for opcode, klass in ((0xF000F800, "branch_link"), (0xF3BF8F4F, "barrier"), (0xF3BF8F6F, "instruction_barrier"),
                          (0xF3EF8005, "system_read"), (0xF3808808, "system_write")):  # fmt: skip
        assert _is_arm_v6m(opcode, 4)
        assert isa.CLASSES[isa.decode(opcode, 4).klass] == klass
        assert klass in timed
    assert not {"divide", "it", "load_pair", "table_branch", "dsp", "fp_alu", "compare_branch"} & timed


def _sets_flags_by_name(instruction: capstone.CsInsn) -> bool:
    """Return whether the assembler's name says so (Capstone's own `update_flags` is wrong for ADC and SBC)."""
    name = instruction.mnemonic.removesuffix(".w")
    compares = name in ("cmp", "cmn", "tst", "teq") or instruction.op_str.startswith("apsr_nzcv")
    return compares or bool(
        re.fullmatch(r"(adc|add|and|bic|eor|or[rn]|rsb|sbc|sub|mov|mvn|ls[lr]|asr|ror|rrx|mul)s", name)
    )


@pytest.mark.parametrize("size", [2, 4])
def test_which_instructions_set_the_flags(size: int) -> None:
    """`sets_flags` decides whether the outcome of an IT group can still be read from the flags after the block."""
    source = random.Random(1)
    opcodes = list(range(0xE800)) if size == 2 else [
        opcode for row in _rows(wide=True) for opcode in _samples(row, 32, 60, source) if isa.is_wide(opcode >> 16)
    ]  # fmt: skip
    for opcode in opcodes:
        ours = isa.decode(opcode, size)
        theirs = next(_capstone().disasm(_halves(opcode, size), 0x1000, 1), None)
        if theirs is None or ours.klass == isa.CLASS_NUMBER["undefined"]:
            continue
        op = isa.decode_block(_halves(opcode, size), 0)[0][0]
        if isa.CLASSES[ours.klass] in ("system_write", "fp_status"):
            assert sets_flags(op)  # it may: which register is written is not looked at
            continue
        assert sets_flags(op) == _sets_flags_by_name(theirs), f"{opcode:x}: {theirs.mnemonic} {theirs.op_str}"


def test_an_if_then_block_gives_its_conditions() -> None:
    # itete ne; moveq-style movs r0..r3, then one outside
    ops, pending = isa.decode_block(bytes.fromhex("15bf00200121022203230424"), 0)
    assert [int(op["condition"]) for op in ops] == [14, 1, 0, 1, 0, 14]
    assert pending == ()
    assert [bool(op["flags"] & isa.CONDITIONAL) for op in ops] == [False, True, True, True, True, False]


def test_conditions_carry_over_the_end_of_a_block() -> None:
    ops, pending = isa.decode_block(bytes.fromhex("15bf0020"), 0)
    assert pending == (0, 1, 0)
    ops, pending = isa.decode_block(bytes.fromhex("01210222"), 4, pending)
    assert [int(op["condition"]) for op in ops] == [0, 1]
    assert pending == (0,)


def test_a_block_that_ends_inside_an_instruction_stops_before_it() -> None:
    ops, _ = isa.decode_block(bytes.fromhex("0020dff8"), 0)
    assert len(ops) == 1
