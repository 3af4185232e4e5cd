# SPDX-License-Identifier: Apache-2.0
"""A profile built by hand, so that reports are tested with no simulator running.

It has what real ones have and what breaks reports: statics of one name in two files, a long C++ name, an operator with
brackets, a tail call, recursion, an interrupt handler, a source line nobody knows. Its sums are right by construction.
"""

from __future__ import annotations

from mcusim.profile import (
    SCHEMA_VERSION,
    Accuracy,
    BoardInfo,
    ClockPhase,
    EndInfo,
    FunctionCost,
    GuessedRegister,
    ImageInfo,
    InstructionCost,
    Note,
    Profile,
    SectionInfo,
    Totals,
    TreeNode,
)
from mcusim.profile_code import Branch, Code, CodeFile, CodeFunction

CAUSE_TITLES = {
    "issue": "an instruction issued",
    "load": "data cycle of a load that the next instruction did not hide",
    "transfer": "further words of a load or store of several registers",
    "division": "divide beyond its shortest time",
    "branch": "pipeline refill after a taken branch",
    "fetch": "instruction fetch fell behind (32-bit instructions at halfword addresses)",
    "exception": "exception entry and return",
}

LONG_NAME = (
    "tflite::reference_integer_ops::DepthwiseConvPerChannel(tflite::DepthwiseParams const&, int const*, int const*, "
    "tflite::RuntimeShape const&, signed char const*)"
)

# name, file, address, bytes, calls, instructions, causes
_FUNCTIONS: list[tuple[str, str | None, int, int, int, int, dict[str, int]]] = [
    ("Reset_Handler", "startup.c", 0x08000400, 96, 1, 4_210, {"issue": 4_210, "load": 812, "branch": 2_104}),
    ("main", "main.c", 0x08000460, 212, 1, 318, {"issue": 318, "load": 40, "branch": 96, "fetch": 27}),
    ("network_run", "network.c", 0x08000540, 640, 1, 1_902, {"issue": 1_902, "load": 211, "branch": 388}),
    (
        "conv2d_1x1",
        "conv2d_1x1.c",
        0x080007C0,
        388,
        4,
        5_120_440,
        {"issue": 5_120_440, "load": 812_220, "branch": 640_118, "fetch": 91_004},
    ),
    (
        LONG_NAME,
        "depthwise_conv2d.cc",
        0x08000950,
        1_204,
        4,
        2_310_004,
        {"issue": 2_310_004, "load": 402_113, "transfer": 80_400, "branch": 301_552, "fetch": 40_100},
    ),
    ("init (uart.c)", "uart.c", 0x08000E10, 44, 1, 31, {"issue": 31, "fetch": 4}),
    ("init (timer.c)", "timer.c", 0x08000E40, 52, 1, 38, {"issue": 38, "fetch": 4}),
    ("requantize", "src/quantize.h", 0x08000E80, 60, 61_000, 976_000, {"issue": 976_000, "branch": 183_000}),
    ("Tensor<signed char>::operator[](int) const", "tensor.h", 0x08000EC0, 18, 12, 96, {"issue": 96, "load": 24}),
    ("print_number", "print.c", 0x08000EE0, 70, 22, 410, {"issue": 410, "division": 118, "branch": 66}),
    ("SysTick_Handler", "main.c", 0x08000F40, 12, 12, 60, {"issue": 60, "load": 12, "exception": 288}),
    ("__aeabi_memcpy", None, 0x08000F60, 130, 9, 3_310, {"issue": 3_310, "transfer": 1_204, "branch": 410}),
    ("fn_08001000", None, 0x08001000, 0, 1, 0, {"exception": 3}),
]

# parent, function, kind, calls, share of the function's own cycles in hundredths
_TREE: list[tuple[int, int, str, int, int]] = [
    (-1, 0, "thread", 1, 100),
    (0, 1, "call", 1, 100),
    (0, 11, "call", 1, 40),
    (1, 2, "call", 1, 100),
    (1, 5, "call", 1, 100),
    (1, 6, "call", 1, 100),
    (1, 9, "call", 10, 50),
    (6, 9, "call", 12, 50),
    (3, 3, "call", 4, 100),
    (3, 4, "call", 4, 100),
    (3, 11, "call", 8, 60),
    (8, 7, "call", 45_000, 75),
    (9, 7, "call", 16_000, 25),
    (9, 8, "call", 12, 100),
    (-1, 10, "handler", 12, 100),
    (0, 12, "call", 1, 100),
]

_LOOP: list[tuple[int, str, str, int, dict[str, int], int | None]] = [
    (0x080007C0, "stmdb sp!, {r4, r5, r6, r7, r8, lr}", "e92d41f0", 4, {"issue": 4, "transfer": 24}, 31),
    (0x080007C4, "ldrsb.w r3, [r0], #1", "f9103b01", 512_000, {"issue": 512_000, "load": 406_110}, 34),
    (0x080007C8, "ldrsb.w r4, [r1], #1", "f9114b01", 512_000, {"issue": 512_000, "load": 406_110}, 34),
    (0x080007CC, "smlabb r2, r3, r4, r2", "fb132204", 512_000, {"issue": 512_000}, 35),
    (0x080007D0, "subs r5, #1", "3d01", 512_000, {"issue": 512_000}, None),
    (0x080007D2, "bne 0x80007c4", "d1f7", 512_000, {"issue": 512_000, "branch": 640_114, "fetch": 91_004}, 33),
    (0x080007D4, "ldmia.w sp!, {r4, r5, r6, r7, r8, pc}", "e8bd81f0", 4, {"issue": 4, "branch": 4}, 39),
]


def make_profile() -> Profile:
    """Return the profile of a keyword-spotting run on a NUCLEO-L4R5ZI."""
    functions = [
        FunctionCost(name, file, address, size, calls, instructions, sum(causes.values()), 0, dict(causes))
        for name, file, address, size, calls, instructions, causes in _FUNCTIONS
    ]
    tree = _make_tree(functions)
    causes = {cause: sum(f.causes.get(cause, 0) for f in functions) for cause in CAUSE_TITLES}
    cycles = sum(causes.values())
    return Profile(
        schema_version=SCHEMA_VERSION,
        tool="mcusim 0.1.0",
        image=ImageInfo(
            "keyword_spotting.elf",
            "9f" * 32,
            "elf",
            46_120,
            18_432,
            [
                SectionInfo(".text", 0x08000400, 21_204, "code", 21_204, 0),
                SectionInfo(".rodata", 0x08005700, 24_660, "rodata", 24_660, 0),
                SectionInfo(".data", 0x20000000, 256, "data", 256, 256),
                SectionInfo(".bss", 0x20000100, 18_176, "bss", 0, 18_176),
            ],
        ),
        board=BoardInfo(
            "nucleo-l4r5zi",
            "NUCLEO-L4R5ZI",
            "cortex-m4",
            "Arm Cortex-M4 with FPU",
            "guessed: the build attributes say Cortex-M4 with FPU, the code is at 0x08000000 and the stack ends at "
            "0x200a0000; --board overrides",
            2 << 20,
            640 << 10,
        ),
        settings={"until": None, "max_cycles": 1_000_000_000, "timeout": None, "allow_unknown": False},
        end=EndInfo("exit", "the firmware called exit(0)", 0, 0x08000F9A, "_exit"),
        totals=Totals(
            cycles, sum(f.instructions for f in functions), cycles / 20e6, causes, [ClockPhase(0, 20_000_000)]
        ),
        functions=functions,
        tree=tree,
        instructions=_make_instructions(),
        sources={
            "conv2d_1x1.c": {
                31: "void conv2d_1x1(const struct layer *layer, const int8_t *in, int8_t *out) {",
                34: "\t\tconst int32_t x = *in++, w = *weights++;",
                35: "\t\tsum += x * w;",
                39: "}",
            }
        },
        notes=[
            Note("not-modelled", "bus contention between the core and DMA", 0),
            Note("not-modelled", "the device at 0x40022000 (FLASH interface): reads gave 0, writes were ignored", 14),
            Note("guessed", "the size of 3 functions that the file gives none for: up to the next symbol", 0),
            Note("assumed", "division takes the longest time where the operand size is unknown", 1),
        ],
        guessed=[
            GuessedRegister(
                0x40023800,
                "RCC.CR",
                "guessed",
                53,
                5,
                "rcc_osc_on+0x2e",
                0x0800029E,
                10,
                0x03030003,
                "yes",
                3,
                "rcc_is_osc_ready+0x2a",
                0x02020002,
                False,
            ),
            GuessedRegister(
                0x40023804,
                "RCC.PLLCFGR",
                "guessed",
                0,
                1,
                "rcc_set_main_pll_hse",
                0x080002C0,
                1,
                None,
                "",
                0,
                "",
                0,
                False,
            ),
            GuessedRegister(
                0x40011000, "", "guessed", 16_384, 0, "wait_for_card", 0x08001000, 2, 0, "not seen", 0, "", 0, True
            ),
            GuessedRegister(0x50060808, "RNG_DR", "sequence", 2, 0, "seed", 0x08001100, 1, 7, "no", 0, "", 0, False),
        ],
        accuracy=Accuracy(
            "measured",
            3.0,
            "Cortex-M4: median error 1.1%, worst 2.9% against published cycle counts of 23 programs on this board at "
            "20 MHz without wait states. With wait states nothing was measured.",
        ),
        output="class 3: 0.91\ncycles 11,000,000\n",
        cause_titles=dict(CAUSE_TITLES),
        code=_make_code(functions),
    )


def _make_tree(functions: list[FunctionCost]) -> list[TreeNode]:
    """Return the call tree; fills in the total cycles of nodes and of functions (recursion counted once)."""
    nodes = [
        TreeNode(parent, function, kind, calls, functions[function].self_cycles * part // 100, 0)
        for parent, function, kind, calls, part in _TREE
    ]
    for function in {node.function for node in nodes}:  # hundredths may not divide evenly: the last node takes the rest
        mine = [node for node in nodes if node.function == function]
        mine[-1].self_cycles += functions[function].self_cycles - sum(node.self_cycles for node in mine)
    for node in reversed(nodes):
        node.total_cycles += node.self_cycles
        if node.parent >= 0:
            nodes[node.parent].total_cycles += node.total_cycles
    for node in nodes:
        parent, above = node.parent, set()
        while parent >= 0:
            above.add(nodes[parent].function)
            parent = nodes[parent].parent
        if node.function not in above:
            functions[node.function].total_cycles += node.total_cycles
    return nodes


def _make_code(functions: list[FunctionCost]) -> Code:
    """Return the lines of two files, one of which never ran, and the one branch of the loop."""
    numbers = {function.name: index for index, function in enumerate(functions)}
    return Code(
        [CodeFile("conv2d_1x1.c", [31, 33, 34, 35, 37, 39]), CodeFile("selftest.c", [5, 6])],
        [
            CodeFunction("main", "main.c", 12, numbers["main"]),
            CodeFunction("conv2d_1x1", "conv2d_1x1.c", 31, numbers["conv2d_1x1"]),
            CodeFunction("self_test", "selftest.c", 5, -1),
            CodeFunction("__aeabi_memcpy", None, None, numbers["__aeabi_memcpy"]),
        ],
        [Branch(0x080007D2, 511_996, 4)],
    )


def _make_instructions() -> list[InstructionCost]:
    return [
        InstructionCost(
            address, 3, text, encoding, count, sum(causes.values()), causes, "conv2d_1x1.c" if line else None, line
        )
        for address, text, encoding, count, causes, line in _LOOP
    ]
