# SPDX-License-Identifier: Apache-2.0
"""Branch prediction: the native predictor against its plain twin, what decides a kind, and firmware as a whole."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from machines import CODE, assemble, firmware_elf, run_loop, run_profile, write_image
from naive_predictor import NaivePredictor

from mcusim import core as core_module
from mcusim.core import Core, load_core, parse_core
from mcusim.engine import branches
from mcusim.engine import records as rec
from mcusim.engine.branch_tables import ABSENT, BACKWARD, CONDITIONAL, DIRECT, NO_BRANCH, branch_kind
from mcusim.engine.pricing import Pricer
from mcusim.engine.tables import Tables
from mcusim.errors import McusimError
from mcusim.isa.decode import decode_block
from mcusim.machine import machine as machine_module
from mcusim.pipelines import PIPELINES, single_issue

WRONG_CYCLES, REDIRECT_CYCLES = 8, 3
RESULT_CYCLES = {"right": 0, "redirected": REDIRECT_CYCLES, "wrong": WRONG_CYCLES}
KINDS = [CONDITIONAL | DIRECT, CONDITIONAL | DIRECT | BACKWARD, DIRECT, 0, CONDITIONAL]
TURNS = st.tuples(st.integers(0, 7), st.booleans(), st.integers(0, 2))  # branch, taken, which target


def _tables(size: int, highest: int, first: int) -> Tables:
    tables = Tables()
    tables.set_predictor(size, highest, first, REDIRECT_CYCLES)
    for branch in range(8):
        tables.add_branch(0x100 * branch, KINDS[branch % len(KINDS)])
    branches.refresh(tables.machine, 0, tables.branch_count)
    block = tables.add_block(0x100, 4)
    entry = tables.add_entry(block, 0, 0)
    tables.arrays["outcomes"][2 * entry]["mispredict_cycles"] = WRONG_CYCLES
    return tables


@given(
    size=st.integers(1, 6),
    highest=st.sampled_from([1, 3, 7]),
    turns=st.lists(TURNS, max_size=80),
    switches=st.dictionaries(st.integers(0, 79), st.tuples(st.booleans(), st.booleans(), st.booleans())),
)
def test_native_predictor_equals_its_twin(
    size: int, highest: int, turns: list[tuple[int, bool, int]], switches: dict[int, tuple[bool, bool, bool]]
) -> None:
    first = (highest + 1) // 2
    tables, naive = _tables(size, highest, first), NaivePredictor(size, highest, first)
    row = tables.arrays["outcomes"][0]
    counts = {"right": 0, "redirected": 0, "wrong": 0}
    for turn, (branch, wanted, which) in enumerate(turns):
        if turn in switches:
            naive.reads, naive.allocates, empties = switches[turn]
            tables.m["btac_reads"], tables.m["btac_allocates"] = naive.reads, naive.allocates
            branches.refresh(tables.machine, 0, tables.branch_count)
            if empties:
                naive.entries.clear()
                branches.forget_all(tables.machine, tables.branch_count)
        kind = KINDS[branch % len(KINDS)]
        taken = wanted or not kind & CONDITIONAL
        target = 0x1000 * branch + 0x10 * (0 if kind & DIRECT else which) if taken else 0x100 * branch + 4
        row["branch"] = branch
        quiet = tables.arrays["branches"][branch]["quiet_taken" if taken else "quiet_not_taken"]
        before = {name: (entry.counter, entry.target) for name, entry in naive.entries.items()}
        expected = naive.run(
            str(branch), bool(kind & CONDITIONAL), bool(kind & DIRECT), bool(kind & BACKWARD), taken, target
        )
        after = {name: (entry.counter, entry.target) for name, entry in naive.entries.items()}
        if quiet:  # the hot path does nothing here: it must be right, and nothing may change
            assert expected == "right"
            assert before == after
        assert branches.resolve_from(tables.machine, 0, int(taken), target) == RESULT_CYCLES[expected]
        counts[expected] += 1
    rows = tables.arrays["branches"]
    assert rows["mispredictions"].sum() == counts["wrong"]
    assert rows["redirects"].sum() == counts["redirected"]
    assert rows["extra_cycles"].sum() == sum(RESULT_CYCLES[name] * count for name, count in counts.items())


def test_a_steady_loop_is_quiet() -> None:
    tables = _tables(4, 3, 2)
    tables.arrays["outcomes"][0]["branch"] = 1
    cycles = [branches.resolve_from(tables.machine, 0, 1, 0x1000) for _ in range(4)]
    assert cycles == [REDIRECT_CYCLES, 0, 0, 0]  # backward: the decoder takes it; then its entry does
    assert tables.arrays["branches"][1]["quiet_taken"] == 1
    assert branches.resolve_from(tables.machine, 0, 0, 0x104) == WRONG_CYCLES  # the loop ends
    assert branches.resolve_from(tables.machine, 0, 1, 0x1000) == 0  # and is predicted when it comes again


def test_exception_returns_are_neither_predicted_nor_learnt() -> None:
    tables = _tables(4, 3, 2)
    tables.arrays["outcomes"][0]["branch"] = 3
    assert branches.resolve_from(tables.machine, 0, 1, 0xFFFF_FFF8) == 0
    assert tables.arrays["branches"][3]["counter"] == -1


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("d1fd", CONDITIONAL | DIRECT | BACKWARD),  # bne .-2
        ("d101", CONDITIONAL | DIRECT),  # bne .+6
        ("f47fafff", CONDITIONAL | DIRECT | BACKWARD),  # bne.w .+2
        ("f0408001", CONDITIONAL | DIRECT),  # bne.w forward
        ("b101", CONDITIONAL | DIRECT),  # cbz r1, .+4
        ("e7fe", DIRECT | BACKWARD),  # b .
        ("e001", DIRECT),  # b .+6
        ("f7ffbffe", DIRECT | BACKWARD),  # b.w .
        ("f000f801", DIRECT),  # bl .+6
        ("4770", 0),  # bx lr
        ("4788", 0),  # blx r1
        ("bd10", 0),  # pop {r4, pc}
        ("e8dff000", 0),  # tbb [pc, r0]
    ],
)
def test_kind_of_a_branch(code: str, kind: int) -> None:
    ops, _ = decode_block(assemble(code), CODE, ())
    assert branch_kind(ops[-1]) == kind


def test_a_branch_in_an_it_block_is_conditional() -> None:
    ops, _ = decode_block(assemble("bf08 4770"), CODE, ())  # it eq; bxeq lr
    assert branch_kind(ops[-1]) == CONDITIONAL
    ops, _ = decode_block(assemble("bf08 e7fc"), CODE, ())  # it eq; beq.n (encoded as b)
    assert branch_kind(ops[-1]) == CONDITIONAL | DIRECT | BACKWARD


# Firmware as a whole, on a core whose pipeline is the Cortex-M4's and whose branches are predicted.


def _priced_like_m4(ops: Any, executed: Any, taken: bool, state_in: Any, *rest: Any) -> int:
    *numbers, state_out, costs = rest
    inner = np.zeros(single_issue.STATE_SIZE, np.int64)
    total = int(single_issue.price(ops, executed, taken, state_in[:-1], *numbers, inner, costs))
    state_out[:-1], state_out[-1] = inner, WRONG_CYCLES if len(ops) and ops[-1]["flow"] else 0
    return total


def _with_prediction() -> SimpleNamespace:
    return SimpleNamespace(
        RULES=(*single_issue.RULES, "misprediction_decoded_cycles"),
        STATE_SIZE=single_issue.STATE_SIZE + 1,
        MISPREDICTION=single_issue.STATE_SIZE,
        reset_state=lambda: np.append(single_issue.reset_state(), 0),
        skipping_matters=single_issue.skipping_matters,
        price=_priced_like_m4,
    )


PREDICTOR = "".join(
    f'{name} = {{ value = {value}, source = "made up" }}\n'
    for name, value in (
        ("btac_entries", 4), ("counter_highest", 3), ("counter_first", 2)
    )
)  # fmt: skip


@pytest.fixture
def predicting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the board of the tests have a core that predicts branches."""
    monkeypatch.setitem(PIPELINES, "with_prediction", _with_prediction())
    original = (Path(core_module.__file__).parents[1] / "cores/cortex-m4.toml").read_text()
    text = original.replace('pipeline = "single_issue"', 'pipeline = "with_prediction"')
    rule = f'misprediction_decoded_cycles = {{ value = {REDIRECT_CYCLES}, source = "made up" }}'
    text = text.replace("[rule]\n", f"[rule]\n{rule}\n")
    core = parse_core(text + "\n[predictor]\n" + PREDICTOR, "cortex-m4.toml")

    def load(name: str) -> Core:
        return core if name == "cortex-m4" else load_core(name)

    monkeypatch.setattr(machine_module, "load_core", load)


# movs r4, #0; outer: movs r5, #7; inner: subs r5, #1; bne inner; bl leaf; adds r4, #1; cmp r4, #9; bne outer;
# bkpt (the end); leaf: lsls r0, r4, #31; beq even; nop; even: bx lr
LOOPS = "2400 2507 3d01 d1fd f000f804 3401 2c09 d1f7 be00 07e0 d000 bf00 4770"


def _profile(folder: Path, text: str = LOOPS, **settings: object) -> Any:
    elf = firmware_elf(assemble(text), symbols={"leaf": 20})
    return run_profile(write_image(folder, elf), "nucleo-l4r5zi", core="cortex-m4", **settings)


@pytest.mark.usefixtures("predicting")
def test_mispredictions_are_charged_to_their_branches(tmp_path: Path) -> None:
    profile = _profile(tmp_path)
    by_text = {
        row.text.split()[0] + f" {row.address - CODE:x}": row.causes.get("misprediction", 0)
        for row in profile.instructions
        if "misprediction" in row.causes
    }
    # inner loop: met backward and absent once (redirect), then wrong at each of nine ends
    assert by_text["bne 6"] >= REDIRECT_CYCLES + 9 * WRONG_CYCLES
    assert profile.totals.causes["misprediction"] == sum(by_text.values())
    functions = {function.name: function.causes.get("misprediction", 0) for function in profile.functions}
    assert functions["leaf"] > 0
    assert sum(functions.values()) == profile.totals.causes["misprediction"]


def _twin_of_run(loop: Any) -> int:
    """Let the plain twin run over the branches of `LOOPS` as they must come; return the cycles it charges."""
    naive, cycles = NaivePredictor(4, 3, 2), 0

    def go(name: str, conditional: bool, direct: bool, backward: bool, taken: bool, target: int) -> None:
        nonlocal cycles
        cycles += RESULT_CYCLES[naive.run(name, conditional, direct, backward, taken, target)]

    for outer in range(9):
        for inner in range(7):
            go("inner", True, True, True, inner < 6, 1)
        go("call", False, True, False, True, 2)
        go("even", True, True, False, outer % 2 == 0, 3)
        go("return", False, False, False, True, 4)
        go("outer", True, True, True, outer < 8, 5)
    return cycles


def _is_linked(loop: Any) -> bool:
    tables = loop.machine.tables
    return bool((tables.arrays["outcomes"][: 2 * tables.entry_count]["link_entry"] >= 0).any())


@pytest.mark.usefixtures("predicting")
def test_linked_blocks_are_charged_as_the_twin_says(tmp_path: Path) -> None:
    loop = run_loop(write_image(tmp_path, firmware_elf(assemble(LOOPS))), core="cortex-m4")
    rows = loop.machine.tables.arrays["branches"]
    assert int(rows["extra_cycles"].sum()) == _twin_of_run(loop)
    assert _is_linked(loop)


@pytest.mark.usefixtures("predicting")
def test_links_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    linked = _profile(tmp_path)
    flags = Pricer._flags
    monkeypatch.setattr(Pricer, "_flags", lambda *given: flags(*given) | rec.SETS_SP)  # of those that are never linked
    image = write_image(tmp_path, firmware_elf(assemble(LOOPS), symbols={"leaf": 20}))
    loop = run_loop(image, core="cortex-m4")
    assert not _is_linked(loop)
    assert _profile(tmp_path).instructions == linked.instructions


# ldr r0, =ACTLR; ldr r1, =value; str r1, [r0]; then LOOPS
def _switching(actlr: int) -> str:
    words = (0xE000_E008, actlr)
    literals = "".join(word.to_bytes(4, "little").hex() for word in words)
    halves = " ".join(literals[i + 2 : i + 4] + literals[i : i + 2] for i in range(0, len(literals), 4))
    return f"4801 4902 6001 e003 {halves} " + LOOPS


@pytest.mark.usefixtures("predicting")
def test_firmware_switches_the_predictor(tmp_path: Path) -> None:
    cycles = {
        bits: _profile(tmp_path, _switching(bits)).totals.causes["misprediction"] for bits in (0, 1 << 13, 1 << 14)
    }
    # 9 * 6 turns of the inner loop, 8 of the outer, 9 calls: redirects; 9 + 1 ends, 5 forward, 9 returns: wrong
    static = (54 + 8 + 9) * REDIRECT_CYCLES + (10 + 5 + 9) * WRONG_CYCLES
    assert cycles[1 << 13] == cycles[1 << 14] == static + REDIRECT_CYCLES  # and the branch over the literals
    assert cycles[0] < static


@pytest.mark.usefixtures("predicting")
def test_bpiall_forgets_all_branches(tmp_path: Path) -> None:
    loop = run_loop(write_image(tmp_path, firmware_elf(assemble(LOOPS))), core="cortex-m4")
    tables = loop.machine.tables
    counters = tables.arrays["branches"]["counter"][: tables.branch_count]
    assert (counters >= 0).any()
    loop.machine.system.write_register(0xF78, 0)
    assert (counters == ABSENT).all()
    assert (tables.arrays["btac"] == NO_BRANCH).all()


def test_branch_prediction_reads_as_on_and_cannot_be_turned_off(tmp_path: Path) -> None:
    for board, on in (("nucleo-h743zi", True), ("nucleo-l4r5zi", False)):
        system = run_loop(write_image(tmp_path, firmware_elf(assemble("be00"))), board).machine.system
        system.write_register(0xD14, 0)
        assert bool(system.read_register(0xD14) >> 18 & 1) == on


def test_a_predictor_needs_a_pipeline_that_prices_mispredictions() -> None:
    text = (Path(core_module.__file__).parents[1] / "cores/cortex-m4.toml").read_text()
    with pytest.raises(McusimError, match="single_issue does not price mispredictions"):
        parse_core(text + "\n[predictor]\n" + PREDICTOR, "cortex-m4.toml")
