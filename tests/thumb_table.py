# SPDX-License-Identifier: Apache-2.0
"""Instructions to generate, from the encodings of the Armv7-M ARM (DDI 0403E, A5 to A7), one row each.

This table is its own, not the decoder's: it names every operation, and says what would be UNPREDICTABLE. A row is
`Row(name, needs, pattern, check, kind)`. In a pattern 0 and 1 are fixed, `x` is any bit, letters are fields:

    d e  core registers written     n m a  core registers read     t u  core registers loaded or stored
    l    register list              i j w  numbers, to which a check or the address may refer
    D d, N n, M m in floating-point rows: register numbers, as the pieces lie

Core registers of four bits are never SP or PC, unless a check with `sp` in its kind's name says so. `needs` is what
the core must have: 6 (Armv6-M), 7 (Armv7-M), 8 (Armv8-M, DDI 0553B), "dsp", "fp" (FPv4 single), "fp5" (FPv5), "dp"
(FPv5 double). `check` is an expression over the fields.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import CodeType

FEATURES = {
    "cortex-m0plus": frozenset({"6"}),
    "cortex-m3": frozenset({"6", "7"}),
    "cortex-m4": frozenset({"6", "7", "dsp", "fp"}),
    "cortex-m33": frozenset({"6", "7", "8", "dsp", "fp", "fp5"}),
    "cortex-m7": frozenset({"6", "7", "dsp", "fp", "fp5", "dp"}),
}

NARROW_OPERATIONS = ("ands", "eors", "lsls", "lsrs", "asrs", "adcs", "sbcs", "rors", "tst", "rsbs", "cmp", "cmn",
                     "orrs", "muls", "bics", "mvns")  # fmt: skip
# A memory hint that is no literal: a positive offset, a negative one, or a register.
HINT = "i or j >> 8 == 12 or j < 64 and j & 15 not in (13, 15)"


@dataclass(frozen=True)
class Row:
    """An encoding. `kind` is "plain", or how the generator finds its address (see `random_code`)."""

    name: str
    needs: str
    pattern: str
    check: str = ""
    kind: str = "plain"
    bits: str = field(init=False)
    fields: dict[str, tuple[tuple[int, int], ...]] = field(init=False)  # letter -> (shift, width) from the top
    code: CodeType | None = field(init=False)

    def __post_init__(self) -> None:
        bits = self.pattern.replace(" ", "").replace("|", "")
        assert len(bits) in (16, 32), (self.name, self.pattern, len(bits))
        pieces: dict[str, list[tuple[int, int]]] = {}
        position = 0
        while position < len(bits):
            letter, start = bits[position], position
            while position < len(bits) and bits[position] == letter:
                position += 1
            if letter not in "01":
                pieces.setdefault(letter, []).append((len(bits) - position, position - start))
        object.__setattr__(self, "bits", bits)
        object.__setattr__(self, "fields", {letter: tuple(found) for letter, found in pieces.items()})
        object.__setattr__(self, "code", compile(self.check, self.name, "eval") if self.check else None)

    @property
    def size_bytes(self) -> int:
        """Return 2 or 4."""
        return len(self.bits) // 8

    def width(self, letter: str) -> int:
        """Return the bits of a field."""
        return sum(width for _, width in self.fields[letter])

    def encode(self, values: dict[str, int]) -> int:
        """Return the opcode with these fields (first halfword uppermost)."""
        opcode = int("".join(bit if bit in "01" else "0" for bit in self.bits), 2)
        for letter, pieces in self.fields.items():
            value = values[letter]
            for shift, width in reversed(pieces):
                opcode |= (value & (1 << width) - 1) << shift
                value >>= width
        return opcode


def _rows() -> list[Row]:
    rows = [
        # 16-bit: shift, add, subtract, move, compare (A5.2.1); LSL #0 is MOVS
        Row("movs", "6", "00000 00000 mmm ddd"), Row("lsls", "6", "00000 iiiii mmm ddd"),
        Row("lsrs", "6", "00001 iiiii mmm ddd"), Row("asrs", "6", "00010 iiiii mmm ddd"),
        Row("adds", "6", "0001100 mmm nnn ddd"), Row("subs", "6", "0001101 mmm nnn ddd"),
        Row("adds imm3", "6", "0001110 iii nnn ddd"), Row("subs imm3", "6", "0001111 iii nnn ddd"),
        Row("movs imm8", "6", "00100 ddd iiiiiiii"), Row("cmp imm8", "6", "00101 nnn iiiiiiii"),
        Row("adds imm8", "6", "00110 ddd iiiiiiii"), Row("subs imm8", "6", "00111 ddd iiiiiiii"),
        # hi registers (A5.2.3): destination Dddd; the PC may be read
        Row("add hi", "6", "01000100 D mmmm ddd", "m != 13 and D * 8 + d not in (13, 15)", "hi"),
        Row("cmp hi", "6", "01000101 D mmmm ddd",
            "m != 15 and D * 8 + d != 15 and (D or m > 7) and m != 13 and D * 8 + d != 13", "hi"),
        Row("mov hi", "6", "01000110 D mmmm ddd", "D * 8 + d not in (13, 15)", "hi"),
        Row("adr", "6", "10100 ddd iiiiiiii"), Row("add sp", "6", "10101 ddd iiiiiiii"),
        Row("push", "6", "1011010 w llllllll", "l or w", "push"), Row("pop", "6", "10111100 llllllll", "l", "pop"),
        Row("add sp, imm7", "6", "101100000 iiiiiii", "i < 9", "sp up"),
        Row("sub sp, imm7", "6", "101100001 iiiiiii", "i < 9", "sp down"),
        Row("cps", "6", "10110110011 i 0 010"), Row("cps f", "7", "10110110011 i 0 001"),
        Row("cps if", "7", "10110110011 i 0 011"),
        Row("nop", "6", "1011111100000000"), Row("yield", "6", "1011111100010000"),
        Row("sev", "6", "1011111101000000"), Row("hint", "7", "10111111 iiii 0000", "i > 4"),
        # 16-bit loads and stores
        Row("ldr literal", "6", "01001 ttt iiiiiiii"),
        Row("str sp", "6", "10010 ttt iiiiiiii", "i < 14"), Row("ldr sp", "6", "10011 ttt iiiiiiii", "i < 14"),
        Row("stm", "6", "11000 nnn llllllll", "l and (l & -l == 1 << n or not l >> n & 1)", "multiple ia w"),
        Row("ldm", "6", "11001 nnn llllllll", "l and not l >> n & 1", "multiple ia w"),
        Row("ldm base", "6", "11001 nnn llllllll", "l >> n & 1", "multiple ia"),
    ]  # fmt: skip
    for op, name in enumerate(NARROW_OPERATIONS):
        rows.append(Row(f"{name} reg", "6", f"010000 {op:04b} mmm ddd"))
    for op, name in enumerate(["sxth", "sxtb", "uxth", "uxtb"]):
        rows.append(Row(name, "6", f"10110010 {op:02b} mmm ddd"))
    for op, name in ((0, "rev"), (1, "rev16"), (3, "revsh")):
        rows.append(Row(name, "6", f"10111010 {op:02b} mmm ddd"))
    for op, name, size in ((0, "str", 4), (1, "strh", 2), (2, "strb", 1), (3, "ldrsb", 1), (4, "ldr", 4),
                           (5, "ldrh", 2), (6, "ldrb", 1), (7, "ldrsh", 2)):  # fmt: skip
        rows.append(Row(f"{name} reg", "6", f"0101 {op:03b} mmm nnn ttt", "m != n", f"index {size}"))
    for op, name, size in (("01100", "str", 4), ("01101", "ldr", 4), ("01110", "strb", 1), ("01111", "ldrb", 1),
                           ("10000", "strh", 2), ("10001", "ldrh", 2)):  # fmt: skip
        rows.append(Row(name, "6", f"{op} iiiii nnn ttt", "", f"offset {size} {size}"))
    return rows + _wide_data() + _wide_dsp() + _wide_memory() + _system() + _fp()


def _wide_data() -> list[Row]:
    names = {0: "and", 1: "bic", 2: "orr", 3: "orn", 4: "eor", 8: "add", 10: "adc", 11: "sbc", 13: "sub", 14: "rsb"}
    tests = {0: "tst", 4: "teq", 8: "cmn", 13: "cmp"}
    # A modified constant of zero bytes is UNPREDICTABLE for the replicated forms (A5.3.2).
    constant = "(i >> 8 not in (1, 2, 3) or i & 255)"
    rows = []
    for op, name in names.items():
        kind = "plain sp" if op in (8, 13) else "plain"
        rows.append(Row(f"{name}.w", "7", f"1110101 {op:04b} w nnnn | 0iii dddd iiii mmmm", "", kind))
        rows.append(Row(f"{name}.w imm", "7", f"11110 i 0 {op:04b} w nnnn | 0iii dddd iiiiiiii", constant, kind))
    for op, name in tests.items():
        rows.append(Row(f"{name}.w", "7", f"1110101 {op:04b} 1 nnnn | 0iii 1111 iiii mmmm"))
        rows.append(Row(f"{name}.w imm", "7", f"11110 i 0 {op:04b} 1 nnnn | 0iii 1111 iiiiiiii", constant))
    for op, name in ((2, "mov"), (3, "mvn")):
        rows.append(Row(f"{name}.w", "7", f"1110101 {op:04b} w 1111 | 0iii dddd iiii mmmm"))
        rows.append(Row(f"{name}.w imm", "7", f"11110 i 0 {op:04b} w 1111 | 0iii dddd iiiiiiii", constant))
    rows += [
        Row("adr.w", "7", "11110 i 1 0000 0 1111 | 0iii dddd iiiiiiii"),
        Row("adr.w sub", "7", "11110 i 1 0101 0 1111 | 0iii dddd iiiiiiii"),
        Row("addw", "7", "11110 i 1 0000 0 nnnn | 0iii dddd iiiiiiii", "", "plain sp"),
        Row("subw", "7", "11110 i 1 0101 0 nnnn | 0iii dddd iiiiiiii", "", "plain sp"),
        Row("movw", "7", "11110 i 1 0010 0 iiii | 0iii dddd iiiiiiii"),
        Row("movt", "7", "11110 i 1 0110 0 iiii | 0iii dddd iiiiiiii"),
        Row("ssat lsl", "7", "11110 0 1 1000 0 nnnn | 0iii dddd ii0 jjjjj"),
        Row("ssat asr", "7", "11110 0 1 1001 0 nnnn | 0iii dddd ii0 jjjjj", "i"),
        Row("usat lsl", "7", "11110 0 1 1100 0 nnnn | 0iii dddd ii0 jjjjj"),
        Row("usat asr", "7", "11110 0 1 1101 0 nnnn | 0iii dddd ii0 jjjjj", "i"),
        Row("ssat16", "dsp", "11110 0 1 1001 0 nnnn | 0000 dddd 0000 jjjj"),
        Row("usat16", "dsp", "11110 0 1 1101 0 nnnn | 0000 dddd 0000 jjjj"),
        Row("sbfx", "7", "11110 0 1 1010 0 nnnn | 0iii dddd ii0 jjjjj", "i + j < 32"),
        Row("ubfx", "7", "11110 0 1 1110 0 nnnn | 0iii dddd ii0 jjjjj", "i + j < 32"),
        Row("bfc", "7", "11110 0 1 1011 0 1111 | 0iii dddd ii0 jjjjj", "j >= i"),
        Row("bfi", "7", "11110 0 1 1011 0 nnnn | 0iii dddd ii0 jjjjj", "j >= i"),
        Row("clz", "7", "11111010 1011 mmmm | 1111 dddd 1000 mmmm", kind="twice"),
        Row("mul", "7", "11111011 0000 nnnn | 1111 dddd 0000 mmmm"),
        Row("mla", "7", "11111011 0000 nnnn | aaaa dddd 0000 mmmm"),
        Row("mls", "7", "11111011 0000 nnnn | aaaa dddd 0001 mmmm"),
        Row("sdiv", "7", "11111011 1001 nnnn | 1111 dddd 1111 mmmm"),
        Row("udiv", "7", "11111011 1011 nnnn | 1111 dddd 1111 mmmm"),
    ]  # fmt: skip
    for op, name in enumerate(["lsl", "lsr", "asr", "ror"]):
        rows.append(Row(f"{name}.w reg", "7", f"11111010 0{op:02b} w nnnn | 1111 dddd 0000 mmmm"))
    for op, name in enumerate(["rev.w", "rev16.w", "rbit", "revsh.w"]):
        rows.append(Row(name, "7", f"11111010 1001 mmmm | 1111 dddd 10{op:02b} mmmm", kind="twice"))
    for op, name in ((0, "sxth"), (1, "uxth"), (4, "sxtb"), (5, "uxtb")):
        rows.append(Row(f"{name}.w", "7", f"11111010 0{op:03b} 1111 | 1111 dddd 10ii mmmm"))
    for op, name in ((0, "smull"), (2, "umull"), (4, "smlal"), (6, "umlal")):
        rows.append(Row(name, "7", f"11111011 1{op:03b} nnnn | eeee dddd 0000 mmmm", "d != e"))
    return rows


def _wide_dsp() -> list[Row]:
    rows = []
    parallel = {0: "add8", 1: "add16", 2: "asx", 4: "sub8", 5: "sub16", 6: "sax"}
    for op, name in parallel.items():
        for prefix, kind in (("s", "000"), ("q", "001"), ("sh", "010"), ("u", "100"), ("uq", "101"), ("uh", "110")):
            rows.append(Row(prefix + name, "dsp", f"11111010 1{op:03b} nnnn | 1111 dddd 0{kind} mmmm"))
    for op, name in enumerate(["qadd", "qdadd", "qsub", "qdsub"]):
        rows.append(Row(name, "dsp", f"11111010 1000 nnnn | 1111 dddd 10{op:02b} mmmm"))
    for op, name in ((0, "sxtah"), (1, "uxtah"), (2, "sxtab16"), (3, "uxtab16"), (4, "sxtab"), (5, "uxtab")):
        rows.append(Row(name, "dsp", f"11111010 0{op:03b} nnnn | 1111 dddd 10ii mmmm"))
    rows += [
        Row("sxtb16", "dsp", "11111010 0010 1111 | 1111 dddd 10ii mmmm"),
        Row("uxtb16", "dsp", "11111010 0011 1111 | 1111 dddd 10ii mmmm"),
        Row("pkhbt", "dsp", "11101010 1100 nnnn | 0iii dddd ii00 mmmm"),
        Row("pkhtb", "dsp", "11101010 1100 nnnn | 0iii dddd ii10 mmmm"),
        Row("sel", "dsp", "11111010 1010 nnnn | 1111 dddd 1000 mmmm"),
        Row("smlaxy", "dsp", "11111011 0001 nnnn | aaaa dddd 00 ii mmmm"),
        Row("smulxy", "dsp", "11111011 0001 nnnn | 1111 dddd 00 ii mmmm"),
        Row("smlad", "dsp", "11111011 0010 nnnn | aaaa dddd 000 i mmmm"),
        Row("smuad", "dsp", "11111011 0010 nnnn | 1111 dddd 000 i mmmm"),
        Row("smlaw", "dsp", "11111011 0011 nnnn | aaaa dddd 000 i mmmm"),
        Row("smulw", "dsp", "11111011 0011 nnnn | 1111 dddd 000 i mmmm"),
        Row("smlsd", "dsp", "11111011 0100 nnnn | aaaa dddd 000 i mmmm"),
        Row("smusd", "dsp", "11111011 0100 nnnn | 1111 dddd 000 i mmmm"),
        Row("smmla", "dsp", "11111011 0101 nnnn | aaaa dddd 000 i mmmm"),
        Row("smmul", "dsp", "11111011 0101 nnnn | 1111 dddd 000 i mmmm"),
        Row("smmls", "dsp", "11111011 0110 nnnn | aaaa dddd 000 i mmmm"),
        Row("usada8", "dsp", "11111011 0111 nnnn | aaaa dddd 0000 mmmm"),
        Row("usad8", "dsp", "11111011 0111 nnnn | 1111 dddd 0000 mmmm"),
        Row("smlalxy", "dsp", "11111011 1100 nnnn | eeee dddd 10 ii mmmm", "d != e"),
        Row("smlald", "dsp", "11111011 1100 nnnn | eeee dddd 110 i mmmm", "d != e"),
        Row("smlsld", "dsp", "11111011 1101 nnnn | eeee dddd 110 i mmmm", "d != e"),
        Row("umaal", "dsp", "11111011 1110 nnnn | eeee dddd 0110 mmmm", "d != e"),
    ]  # fmt: skip
    return rows


def _wide_memory() -> list[Row]:
    rows = []
    accesses = (("strb", "0", "00", 0, 1), ("strh", "0", "01", 0, 2), ("str", "0", "10", 0, 4),
                ("ldrb", "0", "00", 1, 1), ("ldrh", "0", "01", 1, 2), ("ldr", "0", "10", 1, 4),
                ("ldrsb", "1", "00", 1, 1), ("ldrsh", "1", "01", 1, 2))  # fmt: skip
    for name, sign, op, load, size in accesses:
        head = f"1111100 {sign}"
        rows += [
            Row(f"{name}.w", "7", f"{head} 1 {op} {load} nnnn | tttt iiiiiiiiiiii", "", f"offset {size} 1"),
            Row(f"{name}.w sp", "7", f"{head} 1 {op} {load} 1101 | tttt iiiiiiiiiiii", "i < 57"),
            Row(f"{name}.w neg", "7", f"{head} 0 {op} {load} nnnn | tttt 1100 iiiiiiii", "", f"offset {size} -1"),
            Row(f"{name}t", "7", f"{head} 0 {op} {load} nnnn | tttt 1110 iiiiiiii", "", f"offset {size} 1"),
            Row(f"{name} pre", "7", f"{head} 0 {op} {load} nnnn | tttt 11 w 1 iiiiiiii", "n != t", f"pre {size} 1"),
            Row(f"{name} post", "7", f"{head} 0 {op} {load} nnnn | tttt 10 w 1 iiiiiiii", "n != t", f"post {size} 1"),
            Row(f"{name}.w reg", "7", f"{head} 0 {op} {load} nnnn | tttt 000000 jj mmmm", "m != n", f"index {size}"),
        ]
        if load:
            rows.append(Row(f"{name}.w literal", "7", f"{head} w {op} 1 1111 | tttt iiiiiiiiiiii"))
    for name, load in (("strd", 0), ("ldrd", 1)):
        different = "t != u and" if load else ""
        rows += [
            Row(name, "7", f"1110100 1 w 1 0 {load} nnnn | tttt uuuu iiiiiiii", f"{different} True".strip(),
                "offset 8 4"),
            Row(f"{name} pre", "7", f"1110100 1 w 1 1 {load} nnnn | tttt uuuu iiiiiiii",
                f"{different} n not in (t, u)".strip(), "pre 8 4"),
            Row(f"{name} post", "7", f"1110100 0 w 1 1 {load} nnnn | tttt uuuu iiiiiiii",
                f"{different} n not in (t, u)".strip(), "post 8 4"),
        ]  # fmt: skip
        # The list: LR, then R12 to R0; at least two registers, the base not among them.
        for mode, bits in (("ia", "01"), ("db", "10")):
            pattern = f"1110100 {bits} 0 w {load} nnnn | 0 l 0 lllllllllllll"
            rows.append(
                Row(
                    f"{name[:2]}m{mode}.w",
                    "7",
                    pattern,
                    "l & (l - 1) and (n == 14 or not l >> n & 1) and not (n == 14 and l >> 13)",
                    f"multiple {mode} w list",
                )
            )
    rows += [
        Row("ldrd literal", "7", "1110100 1 w 1 0 1 1111 | tttt uuuu iiiiiiii", "t != u"),
        Row("push.w", "7", "1110100100101101 | 0 w 0 lllllllllllll", "l & (l - 1) or l and w", "push"),
        Row("pop.w", "7", "1110100010111101 | 0 w 0 lllllllllllll", "l & (l - 1) or l and w", "pop"),
        Row("push one", "7", "1111100001001101 | tttt 1101 00000100", "", "sp down one"),
        Row("pop one", "7", "1111100001011101 | tttt 1011 00000100", "", "sp up one"),
        Row("pld", "7", "1111100 0 i 00 1 nnnn | 1111 jjjjjjjjjjjj", HINT),
        Row("pld literal", "7", "1111100 0 i 0 0 1 1111 | 1111 jjjjjjjjjjjj"),
        Row("pli", "7", "1111100 1 i 00 1 nnnn | 1111 jjjjjjjjjjjj", HINT),
        # load-acquire, store-release
        Row("stlb", "8", "111010001100 nnnn | tttt 1111 1000 1111", "", "exact 1"),
        Row("stlh", "8", "111010001100 nnnn | tttt 1111 1001 1111", "", "exact 2"),
        Row("stl", "8", "111010001100 nnnn | tttt 1111 1010 1111", "", "exact 4"),
        Row("ldab", "8", "111010001101 nnnn | tttt 1111 1000 1111", "", "exact 1"),
        Row("ldah", "8", "111010001101 nnnn | tttt 1111 1001 1111", "", "exact 2"),
        Row("lda", "8", "111010001101 nnnn | tttt 1111 1010 1111", "", "exact 4"),
        # halfword loads to PC: unallocated memory hints (A5.3.9)
        Row("hint ldrh", "7", "1111100 w i 01 1 nnnn | 1111 jjjjjjjjjjjj", HINT),
    ]  # fmt: skip
    return rows


def _system() -> list[Row]:
    return [
        Row("mrs apsr", "6", "11110011111 0 1111 | 1000 dddd 000000 ii"),
        Row("mrs ipsr", "6", "11110011111 0 1111 | 1000 dddd 000001 ii", "i != 0"),
        Row("mrs sp", "6", "11110011111 0 1111 | 1000 dddd 0000100 i"),
        Row("mrs primask", "6", "11110011111 0 1111 | 1000 dddd 00010000"),
        Row("mrs basepri", "7", "11110011111 0 1111 | 1000 dddd 000100 ii", "i != 0"),
        Row("mrs control", "6", "11110011111 0 1111 | 1000 dddd 00010100"),
        Row("msr apsr", "6", "11110011100 0 nnnn | 1000 1000 000000 ii"),
        Row("msr apsr g", "dsp", "11110011100 0 nnnn | 1000 i 1 00 00000000"),
        Row("msr primask", "6", "11110011100 0 nnnn | 1000 1000 00010000"),
        Row("msr basepri", "7", "11110011100 0 nnnn | 1000 1000 000100 ii", "i != 0"),
        Row("nop.w", "7", "11110011101 0 1111 | 1000 0000 0000 0000"),
        Row("yield.w", "7", "11110011101 0 1111 | 1000 0000 0000 0001"),
        Row("sev.w", "7", "11110011101 0 1111 | 1000 0000 0000 0100"),
        Row("hint.w", "7", "11110011101 0 1111 | 1000 0000 iiii iiii", "i > 5 and i & 0xF0 != 0xF0 and i != 20"),
        Row("dbg", "7", "11110011101 0 1111 | 1000 0000 1111 iiii"),
        Row("clrex", "7", "11110011101 1 1111 | 1000 1111 0010 1111"),
        Row("dsb", "6", "11110011101 1 1111 | 1000 1111 0100 1111"),
        Row("dmb", "6", "11110011101 1 1111 | 1000 1111 0101 1111"),
        Row("isb", "6", "11110011101 1 1111 | 1000 1111 0110 1111"),
    ]  # fmt: skip


def _fp() -> list[Row]:
    rows = [
        # moves between the register files
        Row("vmov s, r", "fp", "111011100000 NNNN | tttt 1010 N 001 0000"),
        Row("vmov r, s", "fp", "111011100001 NNNN | tttt 1010 N 001 0000"),
        Row("vmov d[x], r", "fp", "11101110 00 i 0 NNNN | tttt 1011 0 001 0000"),
        Row("vmov r, d[x]", "fp", "11101110 00 i 1 NNNN | tttt 1011 0 001 0000"),
        Row("vmov ss, rr", "fp", "111011000100 uuuu | tttt 1010 00M1 MMMM", "M != 31"),
        Row("vmov rr, ss", "fp", "111011000101 uuuu | tttt 1010 00M1 MMMM", "M != 31 and t != u"),
        Row("vmov d, rr", "fp", "111011000100 uuuu | tttt 1011 0001 MMMM"),
        Row("vmov rr, d", "fp", "111011000101 uuuu | tttt 1011 0001 MMMM", "t != u"),
        Row("vmrs", "fp", "111011101111 0001 | tttt 1010 0001 0000"),
        Row("vmrs apsr", "fp", "111011101111 0001 | 1111 1010 0001 0000"),
        Row("vmsr", "fp", "111011101110 0001 | tttt 1010 0001 0000", "", "fpscr"),
        # loads and stores
        Row("vldr", "fp", "11101101 wD01 nnnn | DDDD 1010 iiiiiiii", "", "offset 4 4"),
        Row("vldr.64", "fp", "11101101 w001 nnnn | DDDD 1011 iiiiiiii", "", "offset 8 4"),
        Row("vstr", "fp", "11101101 wD00 nnnn | DDDD 1010 iiiiiiii", "", "offset 4 4"),
        Row("vstr.64", "fp", "11101101 w000 nnnn | DDDD 1011 iiiiiiii", "", "offset 8 4"),
        Row("vldr literal", "fp", "11101101 wD01 1111 | DDDD 1010 iiiiiiii"),
        Row("vldr.64 literal", "fp", "11101101 w001 1111 | DDDD 1011 iiiiiiii"),
        Row("vldr sp", "fp", "11101101 1D01 1101 | DDDD 1010 iiiiiiii", "i < 14"),
        Row("vstr sp", "fp", "11101101 1D00 1101 | DDDD 1010 iiiiiiii", "i < 14"),
    ]  # fmt: skip
    # D is the whole register number: D:dddd for doubles, dddd:D for singles; see `fields_of_fp`.
    for load, name in ((0, "vstm"), (1, "vldm")):
        some = "0 < i <= 32 - S"
        rows += [
            Row(f"{name}ia", "fp", f"1110110 01 D w {load} nnnn | DDDD 1010 iiiiiiii", some, "vector ia w"),
            Row(f"{name}db", "fp", f"1110110 10 D 1 {load} nnnn | DDDD 1010 iiiiiiii", some, "vector db w"),
            Row(f"{name}ia.64", "fp", f"1110110 01 0 w {load} nnnn | DDDD 1011 iiiiiiii",
                "0 < i <= 32 - 2 * D and i % 2 == 0", "vector ia w"),
            Row(f"{name}db.64", "fp", f"1110110 10 0 1 {load} nnnn | DDDD 1011 iiiiiiii",
                "0 < i <= 32 - 2 * D and i % 2 == 0", "vector db w"),
        ]  # fmt: skip
    rows += [
        Row("vpush", "fp", "11101101 0D10 1101 | DDDD 1010 0000iiii", "0 < i <= 32 - S and i < 8", "sp down"),
        Row("vpop", "fp", "11101100 1D11 1101 | DDDD 1010 0000iiii", "0 < i <= 32 - S and i < 8", "sp up"),
        Row("vpush.64", "fp", "11101101 0010 1101 | DDDD 1011 0000iiii", "0 < i <= 6 and i % 2 == 0 and 2 * D + i < 33",
            "sp down"),
        Row("vpop.64", "fp", "11101100 1011 1101 | DDDD 1011 0000iiii", "0 < i <= 6 and i % 2 == 0 and 2 * D + i < 33",
            "sp up"),
    ]  # fmt: skip
    fraction = "(i & 15) * 2 + (i >> 4) <= 16"
    for needs, size, d, n, m in (("fp", "1010", "D", "N", "M"), ("dp", "1011", "0", "0", "0")):
        tail = "" if needs == "fp" else ".f64"
        three = (("vmla", "0", "00", 0), ("vmls", "0", "00", 1), ("vnmla", "0", "01", 1), ("vnmls", "0", "01", 0),
                 ("vmul", "0", "10", 0), ("vnmul", "0", "10", 1), ("vadd", "0", "11", 0), ("vsub", "0", "11", 1),
                 ("vdiv", "1", "00", 0), ("vfnma", "1", "01", 1), ("vfnms", "1", "01", 0), ("vfma", "1", "10", 0),
                 ("vfms", "1", "10", 1))  # fmt: skip
        for name, high, low, op in three:
            rows.append(Row(name + tail, needs, f"11101110 {high} {d} {low} NNNN | DDDD {size} {n} {op} {m} 0 MMMM"))
        two = (("vmov", "0000", "01"), ("vabs", "0000", "11"), ("vneg", "0001", "01"), ("vsqrt", "0001", "11"),
               ("vcmp", "0100", "01"), ("vcmpe", "0100", "11"))  # fmt: skip
        for name, op, low in two:
            rows.append(Row(name + tail, needs, f"111011101 {d} 11 {op} | DDDD {size} {low} {m} 0 MMMM"))
        rows += [
            Row(f"vmov imm{tail}", needs, f"111011101 {d} 11 iiii | DDDD {size} 0000 iiii"),
            Row(f"vcmp zero{tail}", needs, f"111011101 {d} 11 0101 | DDDD {size} i100 0000"),
            # between floating point and integer: the integer's register is always single
            Row(f"vcvt f, int{tail}", needs, f"111011101 {d} 11 1000 | DDDD {size} i1 M 0 MMMM"),
            Row(f"vcvt int, f{tail}", needs, f"111011101 D 11 110 w | DDDD {size} i1 {m} 0 MMMM"),
            Row(f"vcvt to fixed 16{tail}", needs, f"111011101 {d} 11 1 1 1 w | DDDD {size} 01 i 0 iiii", fraction),
            Row(f"vcvt to fixed 32{tail}", needs, f"111011101 {d} 11 1 1 1 w | DDDD {size} 11 i 0 iiii"),
            Row(f"vcvt from fixed 16{tail}", needs, f"111011101 {d} 11 1 0 1 w | DDDD {size} 01 i 0 iiii", fraction,
                "nearest"),
            Row(f"vcvt from fixed 32{tail}", needs, f"111011101 {d} 11 1 0 1 w | DDDD {size} 11 i 0 iiii", "",
                "nearest"),
        ]  # fmt: skip
        five = "fp5" if needs == "fp" else "dp"
        rows += [
            Row(f"vsel{tail}", five, f"111111100 {d} ii NNNN | DDDD {size} {n} 0 {m} 0 MMMM", kind="never in it"),
            Row(f"vmaxnm{tail}", five, f"111111101 {d} 00 NNNN | DDDD {size} {n} i {m} 0 MMMM", kind="never in it"),
            Row(f"vrint a,n,p,m{tail}", five, f"111111101 {d} 11 10ii | DDDD {size} 01 {m} 0 MMMM", kind="never in it"),
            Row(f"vcvt a,n,p,m{tail}", five, f"111111101 D 11 11ii | DDDD {size} i1 {m} 0 MMMM", kind="never in it"),
            Row(f"vrint r,z{tail}", five, f"111011101 {d} 11 0110 | DDDD {size} i1 {m} 0 MMMM"),
            Row(f"vrint x{tail}", five, f"111011101 {d} 11 0111 | DDDD {size} 01 {m} 0 MMMM"),
        ]  # fmt: skip
    rows += [
        Row("vcvt f32, f16", "fp", "111011101 D 11 0010 | DDDD 1010 i1 M 0 MMMM"),
        Row("vcvt f16, f32", "fp", "111011101 D 11 0011 | DDDD 1010 i1 M 0 MMMM"),
        Row("vcvt f64, f16", "dp", "111011101 0 11 0010 | DDDD 1011 i1 M 0 MMMM"),
        Row("vcvt f16, f64", "dp", "111011101 D 11 0011 | DDDD 1011 i1 0 0 MMMM"),
        Row("vcvt f64, f32", "dp", "111011101 0 11 0111 | DDDD 1010 11 M 0 MMMM"),
        Row("vcvt f32, f64", "dp", "111011101 D 11 0111 | DDDD 1011 11 0 0 MMMM"),
    ]  # fmt: skip
    return rows


ROWS = tuple(_rows())
