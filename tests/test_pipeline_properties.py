# SPDX-License-Identifier: Apache-2.0
"""What must hold for any block and any program, whatever the numbers: prices compose, states are few, sums add up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import LONG
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from machines import CODE, Price, assemble, cortex_m0plus, cortex_m4, firmware_elf, price, run_profile, write_image

from mcusim import profile_io
from mcusim.core import Core, load_core
from mcusim.isa import decode as isa
from mcusim.isa.encodings import NARROW, WIDE
from mcusim.pipelines import PIPELINES
from mcusim.profile import Profile

CORES = {"cortex-m4": cortex_m4(), "cortex-m0plus": cortex_m0plus(), "cortex-m33": load_core("cortex-m33"),
         "cortex-m7": load_core("cortex-m7")}  # fmt: skip
_ENDS_BLOCK = {"undefined", "udf", "bkpt", "svc"}


def _timed(core: Core, opcode: int, size: int) -> bool:
    op = isa.decode(opcode, size)
    return core.class_cycles[op.klass] >= 0 and op.flow == isa.FLOW_NEXT and op.mnemonic not in _ENDS_BLOCK


@st.composite
def instructions(draw: st.DrawFn, core: Core) -> bytes:
    """One instruction that the core has a timing for and that does not branch; every row is equally likely."""
    wide = draw(st.booleans()) and core.name != "cortex-m0plus"
    width = 32 if wide else 16
    rows = isa._tables()[wide]
    top = draw(st.integers(0x74, 127) if wide else st.integers(0, 0x73))
    if not rows[top]:
        return assemble("46c0")
    row = draw(st.sampled_from(rows[top]))
    bits = draw(st.integers(0, (1 << width) - 1))
    opcode = row.value | (bits & ~row.mask & (1 << width - 7) - 1) | top << width - 7
    if not _timed(core, opcode, width // 8) or (wide and not isa.is_wide(opcode >> 16)):
        return assemble("46c0")
    return assemble(f"{opcode:0{width // 4}x}")


@st.composite
def blocks(draw: st.DrawFn, core: Core, length: int = 12) -> list[bytes]:
    """A straight run of instructions, sometimes with a few that depend on one another."""
    return draw(st.lists(instructions(core), min_size=1, max_size=length))


def conditions_after(code: bytes, address: int) -> tuple[int, ...]:
    return isa.decode_block(code, address)[1]


def assert_composes(core: Core, parts: list[bytes], offset: int) -> None:
    address = CODE + offset
    whole = price(core, b"".join(parts), address=address)
    assert whole.cycles == whole.costs.sum()
    for split in range(1, len(parts)):
        first, second = b"".join(parts[:split]), b"".join(parts[split:])
        before = price(core, first, address=address)
        after = price(
            core, second, address=address + len(first), state=before.state, pending_it=conditions_after(first, address)
        )
        assert before.cycles + after.cycles == whole.cycles
        assert np.array_equal(np.concatenate([before.costs, after.costs]), whole.costs)
        assert np.array_equal(after.state, whole.state)


@pytest.mark.parametrize("name", CORES)
@given(data=st.data(), offset=st.sampled_from([0, 2]))
@settings(max_examples=600 if LONG else 150)
def test_prices_compose(name: str, data: st.DataObject, offset: int) -> None:
    core = CORES[name]
    assert_composes(core, data.draw(blocks(core)), offset)


@pytest.mark.parametrize("name", CORES)
@given(data=st.data())
def test_costs_are_never_negative_and_prices_repeat(name: str, data: st.DataObject) -> None:
    core = CORES[name]
    code = b"".join(data.draw(blocks(core)))
    once, again = price(core, code), price(core, code)
    assert (once.costs >= 0).all()
    assert np.array_equal(once.costs, again.costs)
    # A skipped IT or a folded one is free; everything else takes a cycle at least.
    ops, _ = isa.decode_block(code, CODE)
    free = ops["klass"] == isa.CLASS_NUMBER["it"]
    if "supervisor_call" in core.file.class_:
        free |= ops["klass"] == isa.CLASS_NUMBER["supervisor_call"]
    if core.file.pipeline == "limited_dual_issue":
        free |= ops["klass"] == isa.CLASS_NUMBER["nop"]  # in the second slot
    if core.file.pipeline != "dual_issue":  # where any instruction may be the second one of a pair
        assert (once.costs.sum(axis=1)[~free] >= 1).all()


def reachable_states(core: Core, codes: list[bytes], rounds: int) -> set[bytes]:
    """Return the states that some sequence of the blocks reaches from reset."""
    pipeline = PIPELINES[core.file.pipeline]
    seen = {pipeline.reset_state().tobytes()}
    frontier = list(seen)
    for _ in range(rounds):
        found = set()
        for state in frontier:
            for code in codes:
                found |= _after(core, code, state)
        frontier = sorted(found - seen)
        seen |= found
        if not frontier:
            break
    else:
        pytest.fail(f"{len(seen)} states after {rounds} rounds, and more to come")
    return seen


def _after(core: Core, code: bytes, state: bytes) -> set[bytes]:
    before = np.frombuffer(state, np.int64)
    results: list[Price] = [price(core, code, address=CODE + offset, state=before) for offset in (0, 2)]
    results.append(price(core, code, state=before, taken=True))
    slot = getattr(PIPELINES[core.file.pipeline], "MISPREDICTION", None)
    if slot is not None:  # no part of the state: whoever prices takes it out
        for result in results:
            result.state[slot] = 0
    return {result.state.tobytes() for result in results}


STATE_BLOCKS = (
    "6808", "6008", "5088", "f8d11002 46c0", "bf00", "3104", "ee000a10 ee300a81", "eec00a81", "f8510b04", "b403",
    "f04f0001 f04f0001 f04f0001", "4808",
)  # fmt: skip


@pytest.mark.parametrize("name", CORES)
def test_states_are_canonical(name: str) -> None:
    """From any state the same few blocks lead to a finite, small set of states: nothing accumulates in them."""
    core = CORES[name]
    codes = [assemble(text) for text in STATE_BLOCKS]
    # Late registers, the second slot and the fetch buffer multiply on the Cortex-M33; on the others the fetch buffer of
    # up to four words, the write buffer and what the instruction before took do. On the Cortex-M7 it is registers of up
    # to three cycles ago, the units that the older instruction of a pair uses, the queue of four words and the flags.
    limit = {"limited_dual_issue": 2000, "dual_issue": 3500}.get(core.file.pipeline, 800)
    assert len(reachable_states(core, codes, rounds=60)) < limit


@pytest.mark.parametrize("name", CORES)
def test_what_was_long_ago_does_not_matter(name: str) -> None:
    """After enough quiet instructions the state is the same, whatever came before: else one block had many prices."""
    core = CORES[name]
    quiet = assemble("46c0 " * 32 + "b2ff 46c0")  # UXTB begins a pair wherever there are pairs
    codes = [code for code in map(assemble, STATE_BLOCKS) if len(code) % 4 == 0]
    # They end at one place in the words that fetch brings, which are of 64 bits on the Cortex-M7.
    ends = {price(core, code + quiet, address=CODE - len(code) % 8).state.tobytes() for code in codes}
    assert len(ends) == 1


def test_every_row_can_be_drawn() -> None:
    rows = sum(len(table) for table in (NARROW, WIDE))
    assert rows > 150  # the strategy walks the decoder's own index of them


# Programs: a few functions that compute, load and store, and call those after them.

# movs, adds, muls, eors, str and ldr on the stack's scratch, nop, ldrd, IT with a load
BODY = ("3001", "1840", "4348", "4050", "9001", "9901", "bf00", "e9dd0100", "2800 bf08 9902", "fbb0f2f1", "f04f0305")


@st.composite
def programs(draw: st.DrawFn) -> tuple[bytes, dict[str, int]]:
    """Code of 1 to 5 functions and their offsets. Function k calls only later ones, in loops of 1 to 3 passes."""
    count = draw(st.integers(1, 5))
    bodies = [draw(st.lists(st.sampled_from(BODY), min_size=1, max_size=8)) for _ in range(count)]
    calls = [draw(st.lists(st.integers(k + 1, count - 1), max_size=3)) if k + 1 < count else [] for k in range(count)]
    passes = [draw(st.integers(1, 3)) for _ in range(count)]
    pieces = [_function(bodies[k], len(calls[k]), passes[k], last=k == 0) for k in range(count)]
    offsets, position = [], 0
    for code, _ in pieces:
        offsets.append(position)
        position += len(code)
    whole = bytearray(b"".join(code for code, _ in pieces))
    for k, (_, sites) in enumerate(pieces):
        for site, callee in zip(sites, calls[k], strict=True):
            at = offsets[k] + site
            whole[at : at + 4] = _call(offsets[callee] - at - 4)
    return bytes(whole), {f"function_{k}": offset for k, offset in enumerate(offsets) if k}


def _call(distance: int) -> bytes:
    high, low = distance >> 12 & 0x7FF, distance >> 1 & 0x7FF
    if distance < 0:
        raise AssertionError("calls go forward")
    return assemble(f"{0xF000 | high & 0x3FF:04x}{0xF800 | low:04x}")


def _function(body: list[str], calls: int, passes: int, *, last: bool) -> tuple[bytes, list[int]]:
    """Return code and the offsets of its calls: push; sub sp; a counted loop over body and calls; return or stop."""
    code = assemble(f"b570 b084 25{passes:02x}")
    top = len(code)
    code += assemble(" ".join(body))
    sites = []
    for _ in range(calls):
        sites.append(len(code))
        code += bytes(4)
    back = (top - (len(code) + 2) - 4) // 2
    code += assemble(f"3d01 d1{back & 0xFF:02x}")
    code += assemble("e7fe" if last else "b004 bd70")
    return code + assemble("bf00") * (len(code) % 4 // 2), sites


def check_program(folder: Path, code: bytes, symbols: dict[str, int]) -> Profile:
    image = write_image(folder, firmware_elf(code, symbols=symbols))
    profile = run_profile(image, "nucleo-l4r5zi", max_cycles=200_000)
    assert sum(function.self_cycles for function in profile.functions) == profile.totals.cycles
    assert sum(profile.totals.causes.values()) == profile.totals.cycles
    assert sum(node.self_cycles for node in profile.tree) == profile.totals.cycles
    assert sum(row.count for row in profile.instructions) == profile.totals.instructions
    data = profile_io.dumps(profile)
    assert profile_io.loads(data) == profile
    assert profile_io.dumps(run_profile(image, "nucleo-l4r5zi", max_cycles=200_000)) == data
    return profile


@given(program=programs())
@settings(
    max_examples=100 if LONG else 15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@example(program=(_function(["3001"], 0, 3, last=True)[0], {}))
def test_random_programs_add_up_and_repeat(program: tuple[bytes, dict[str, int]], tmp_path: Path) -> None:
    code, symbols = program
    profile = check_program(tmp_path, code, symbols)
    assert profile.end.kind in ("loop", "max-cycles")
    for name in symbols:
        found = [function for function in profile.functions if function.name == name]
        entry = [row.count for row in profile.instructions if row.address == CODE + symbols[name]]
        assert sum(function.calls for function in found) == sum(entry)  # each begins with a push that no loop repeats
