# SPDX-License-Identifier: Apache-2.0
"""SVD files: what is read of them, and that nothing but the one error comes of the others."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from machines import run_code

from mcusim.errors import McusimError
from mcusim.svd import MAX_REGISTERS, load_svd, parse_svd

DEVICE = """<?xml version="1.0" encoding="utf-8"?>
<device xmlns:xs="http://www.w3.org/2001/XMLSchema-instance" schemaVersion="1.3">
  <name>PART</name><size>32</size><resetValue>0x00000000</resetValue>
  <peripherals>
    <peripheral>
      <name>UART1</name><baseAddress>0x40001000</baseAddress><resetValue>0xC0</resetValue>
      <registers>
        <register><name>SR</name><addressOffset>0x0</addressOffset></register>
        <register><name>DR</name><addressOffset>4</addressOffset><resetValue>#1010</resetValue></register>
        <register><name>BR</name><addressOffset>0x8</addressOffset><size>16</size><resetValue>0x1234</resetValue>
        </register>
        <register><name>GT</name><addressOffset>0xA</addressOffset><size>0x10</size><resetValue>0x5678</resetValue>
        </register>
        <register><name>SR_OTHER</name><addressOffset>0x0</addressOffset></register>
      </registers>
    </peripheral>
    <peripheral derivedFrom="UART1"><name>UART2</name><baseAddress>0x40002000</baseAddress></peripheral>
    <peripheral>
      <name>DMA</name><baseAddress>0x40003000</baseAddress>
      <registers>
        <cluster>
          <dim>2</dim><dimIncrement>0x14</dimIncrement><dimIndex>1-2</dimIndex>
          <name>CH%s</name><addressOffset>0x8</addressOffset>
          <register><name>CCR</name><addressOffset>0</addressOffset><resetValue>7</resetValue></register>
          <cluster><name>IN</name><addressOffset>4</addressOffset>
            <register><name>A</name><addressOffset>4</addressOffset></register></cluster>
        </cluster>
        <register><dim>3</dim><dimIncrement>4</dimIncrement><dimIndex>A,B,C</dimIndex>
          <name>BUF[%s]</name><addressOffset>0x100</addressOffset></register>
        <register derivedFrom="CCR0"><name>CCR1</name><addressOffset>0x204</addressOffset></register>
        <register><name>CCR0</name><addressOffset>0x200</addressOffset><resetValue>0x11</resetValue></register>
      </registers>
    </peripheral>
  </peripherals>
</device>
"""


def test_what_is_read() -> None:
    svd = parse_svd(DEVICE.encode(), "part.svd")
    assert svd.name_at(0x4000_1000) == "UART1.SR"
    assert svd.reset_value(0x4000_1000) == 0xC0, "the peripheral's"
    assert svd.reset_value(0x4000_1004) == 0b1010
    assert svd.reset_value(0x4000_1008) == 0x5678_1234, "two halfwords"
    assert svd.names[0x4000_100A] == "UART1.GT"
    assert (svd.name_at(0x4000_2004), svd.reset_value(0x4000_2004)) == ("UART2.DR", 0b1010)
    assert svd.name_at(0x4000_3008 + 0x14) == "DMA.CH2.CCR"
    assert svd.reset_value(0x4000_3008 + 0x14) == 7
    assert svd.name_at(0x4000_3010) == "DMA.CH1.IN.A"
    assert svd.name_at(0x4000_3104) == "DMA.BUFB"
    assert svd.reset_value(0x4000_3204) == 0x11
    assert svd.bases == {"UART1": 0x4000_1000, "UART2": 0x4000_2000, "DMA": 0x4000_3000}
    assert svd.name_at(0x4000_9000) == ""


def test_firmware_reads_reset_values_and_the_report_names_registers(tmp_path: Path) -> None:
    svd = parse_svd(DEVICE.encode(), "part.svd")
    code = "f04f4280 f5025280 6810 6851 6891 e7fe"  # r2 = 0x40001000: r0 = SR, r1 = DR, r1 = BR and GT
    loop = run_code(tmp_path, code, "generic-cortex-m4", svd=svd)
    assert loop.machine.engine.read_register("r0") == 0xC0
    assert loop.machine.engine.read_register("r1") == 0x5678_1234
    assert [guess.name for guess in loop.machine.guesses.listed()] == ["UART1.SR", "UART1.DR", "UART1.BR"]
    assert str(loop.settings.recorded()["svd"]).startswith("part.svd (sha256 ")


BOMB = """<!DOCTYPE device [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><device>&b;</device>"""
REGISTER = "<register><name>R</name><addressOffset>0</addressOffset></register>"


def peripheral(inside: str, attributes: str = "", rest: str = "") -> str:
    """Return a device with one peripheral P and more of them."""
    return (f"<device><peripherals><peripheral{attributes}><name>P</name><baseAddress>0x40000000</baseAddress>"
            f"{inside}</peripheral>{rest}</peripherals></device>")  # fmt: skip


def clusters(depth: int, inside: str) -> str:
    """Return clusters within clusters."""
    return "<cluster><name>C</name><addressOffset>0</addressOffset>" * depth + inside + "</cluster>" * depth


ARRAY = "<dim>100000</dim><dimIncrement>0</dimIncrement>"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not XML"),
        ("<device>", "not XML"),
        ("<html></html>", "not a CMSIS-SVD file: it starts with <html>"),
        (BOMB, "it brings a document type"),
        ("<device><size>0</size></device>", "size: 0 bits"),
        ("<device><size>many</size></device>", "size: 'many' is not a number"),
        ("<device><peripherals><peripheral/></peripherals></device>", "<peripheral> without a name"),
        (peripheral(f"<registers>{REGISTER.replace('R<', '<')}</registers>"), "<register> without a name"),
        (peripheral("", ' derivedFrom="P"'), "derivedFrom: more than 16 steps, or a circle"),
        (peripheral(f"<registers>{clusters(40, REGISTER)}</registers>"), "nested too deep"),
        (peripheral("<dim>0</dim>"), "dim: 0 copies"),
        (peripheral(f"<dim>{MAX_REGISTERS + 1}</dim>"), f"more than {MAX_REGISTERS}"),
        (peripheral(f"{ARRAY}<registers>{clusters(1, ARRAY + REGISTER)}</registers>"), f"more than {MAX_REGISTERS}"),
        ("<device>" * 50_000 + "</device>" * 50_000, None),
    ],
)
def test_what_is_wrong_is_named(text: str, message: str | None) -> None:
    if message is None:
        assert parse_svd(text.encode(), "x.svd").names == {}
        return
    with pytest.raises(McusimError, match=message) as caught:
        parse_svd(text.encode(), "x.svd")
    assert str(caught.value).startswith("x.svd: ")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for name, message in (("none.svd", "No such file"), (".", "not a file"), ("a\0b", "not a file name")):
        with pytest.raises(McusimError, match=message):
            load_svd(tmp_path / name)


@given(st.lists(st.tuples(st.integers(0, len(DEVICE) - 1), st.integers(0, 127)), min_size=1, max_size=20))
def test_a_damaged_file_is_read_or_refused(changes: list[tuple[int, int]]) -> None:
    data = bytearray(DEVICE.encode())
    for place, value in changes:
        data[place] = value
    with suppress(McusimError):
        assert all(0 <= value < 1 << 32 for value in parse_svd(bytes(data), "x.svd").resets.values())


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with suppress(McusimError):
        parse_svd(data, "x.svd")
