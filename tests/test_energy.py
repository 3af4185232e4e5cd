# SPDX-License-Identifier: Apache-2.0
"""Energy: currents between a datasheet's points, sums over a run and its layers, batteries, and boards' tables."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fakes import make_profile
from fakes_memory import make_network_profile
from hypothesis import given
from hypothesis import strategies as st

from mcusim.board import board_names, board_text, load_board, parse_board
from mcusim.cli import options
from mcusim.energy import battery, current_ma, estimate, within_points, working_clocks
from mcusim.errors import McusimError
from mcusim.profile import ClockPhase
from mcusim.profile_io import dumps, loads
from mcusim.profile_power import CurrentPoint, PowerInfo
from mcusim.reports import RenderOptions, render
from mcusim.summary import summarize

POINTS = [CurrentPoint(10_000_000, 2.0, "s"), CurrentPoint(20_000_000, 3.0, "s"), CurrentPoint(40_000_000, 9.0, "s")]
POWER = PowerInfo(3.0, "typical", POINTS, [CurrentPoint(20_000_000, 1.0, "s")], 5.0, "Stop", "s")


class TestCurrents:
    @pytest.mark.parametrize(
        ("hz", "ma"), [(10e6, 2.0), (15e6, 2.5), (20e6, 3.0), (30e6, 6.0), (40e6, 9.0), (50e6, 12.0), (5e6, 1.5)]
    )
    def test_on_the_line_through_the_points(self, hz: float, ma: float) -> None:
        assert current_ma(POINTS, hz) == pytest.approx(ma)

    def test_one_point_is_proportional(self) -> None:
        assert current_ma(POINTS[:1], 5_000_000) == pytest.approx(1.0)

    @given(st.floats(1, 1e9))
    def test_never_below_zero(self, hz: float) -> None:
        assert current_ma([CurrentPoint(10, 1.0, "s"), CurrentPoint(20, 50.0, "s")], hz) >= 0

    def test_what_lies_beyond_is_told(self) -> None:
        assert [within_points(POINTS, hz) for hz in (9_000_000, 10_000_000, 40_000_000, 41_000_000)] == [
            False, True, True, False,
        ]  # fmt: skip


class TestEstimate:
    def test_a_run_at_two_clocks_and_asleep(self) -> None:
        profile = make_profile()
        cycles = profile.totals.cycles
        profile.totals.clock = [ClockPhase(0, 10_000_000), ClockPhase(1_000_000, 20_000_000)]
        profile.totals.causes = {"issue": cycles - 400_000, "sleep": 400_000}
        profile.power = POWER
        energy = estimate(profile)
        assert energy is not None
        awake_s = [0.1, (cycles - 1_400_000) / 20e6]
        assert energy.awake_s == pytest.approx(sum(awake_s))
        assert energy.asleep_s == pytest.approx(0.02)
        assert energy.run_j == pytest.approx(3.0e-3 * (2.0 * awake_s[0] + 3.0 * awake_s[1] + 1.0 * 0.02))
        assert energy.inference_j is None
        assert energy.layers_j == []

    def test_without_a_current_of_sleep_it_counts_as_running(self) -> None:
        profile = make_profile()
        profile.totals.causes = {"sleep": profile.totals.cycles}
        profile.power = replace(POWER, sleep=[])
        energy = estimate(profile)
        assert energy is not None
        assert energy.run_j == pytest.approx(3.0e-3 * 3.0 * profile.totals.cycles / 20e6)
        assert "asleep counted as running" in " ".join(render(profile).split())

    @pytest.mark.parametrize("patches", [0, 3])
    def test_layers_add_up_to_the_inference(self, patches: int) -> None:
        profile = make_network_profile(8, inferences=2, patches=patches)
        profile.power = POWER
        energy, layers = estimate(profile), profile.layers
        assert energy is not None
        assert layers is not None
        outer = [at for at, layer in enumerate(layers.layers) if layer.parent < 0]
        assert energy.inference_j is not None
        assert sum(energy.layers_j[at] or 0 for at in outer) == pytest.approx(energy.inference_j)
        figures = summarize(profile)
        assert figures.inference_s is not None
        assert energy.inference_j == pytest.approx(3.0e-3 * 3.0 * figures.inference_s)
        assert (figures.energy_j, figures.inference_j) == (energy.run_j, energy.inference_j)

    def test_a_cut_inference_does_not_count(self) -> None:
        profile = make_network_profile(8, inferences=2)
        profile.power = POWER
        assert profile.layers is not None
        before = estimate(profile)
        profile.layers.activations[-1].cut = True
        profile.layers.activations[-1].total_cycles = 10**12
        after = estimate(profile)
        assert before is not None
        assert after is not None
        assert after.inference_j == pytest.approx(before.inference_j, rel=0.2)

    def test_none_without_currents(self) -> None:
        assert estimate(make_profile()) is None
        assert "energy" not in render(make_profile())
        assert b'"power"' not in dumps(make_profile())

    def test_it_is_saved(self) -> None:
        profile = make_profile()
        profile.power = POWER
        assert loads(dumps(profile)) == profile


class TestBattery:
    def test_an_inference_a_minute(self) -> None:
        life = battery(POWER, work_j=9e-3, work_s=0.5, period_s=60.0, capacity_mah=1000.0)
        assert life.active_ma == pytest.approx(1e3 * 9e-3 / 3.0 / 60)
        assert life.mean_ma == pytest.approx(life.active_ma + 5e-3 * 59.5 / 60)
        assert life.life_h == pytest.approx(1000.0 / life.mean_ma)

    def test_what_cannot_be(self) -> None:
        with pytest.raises(McusimError, match=r"takes 2 s, longer than the 1 s"):
            battery(POWER, 1.0, 2.0, 1.0, 1000.0)
        with pytest.raises(McusimError, match=r"no current of a deep sleep"):
            battery(replace(POWER, deep_ua=None), 1.0, 0.5, 1.0, 1000.0)

    def test_the_clock_that_inferences_ran_at_is_named(self) -> None:
        profile = make_network_profile(8)
        profile.power = POWER
        assert profile.layers is not None
        first = min(run.start_cycles for run in profile.layers.activations)
        profile.totals.clock = [ClockPhase(0, 4_000_000), ClockPhase(first, 20_000_000),
                                ClockPhase(profile.totals.cycles - 1, 4_000_000)]  # fmt: skip
        assert working_clocks(profile) == [20_000_000]
        assert "mA at 20 MHz, 3 V)" in " ".join(render(profile).split())
        profile.layers = None
        profile.totals.clock = [ClockPhase(0, 40_000_000), ClockPhase(profile.totals.cycles // 2, 4_000_000)]
        assert working_clocks(profile) == [4_000_000]

    def test_report(self) -> None:
        profile = make_network_profile(8)
        profile.power = POWER
        text = " ".join(render(profile, options=RenderOptions(duty_s=60.0, battery_mah=250.0)).split())
        assert "(estimate: 3 mA at 20 MHz, 3 V)" in text
        assert "from 250 mAh (estimate) with an inference every 60 s: " in text
        assert "the rest Stop" in text
        assert "µJ" in render(profile, options=RenderOptions(width=250, show=("layers",)))
        with pytest.raises(McusimError, match="gives no currents"):
            render(make_profile(), options=RenderOptions(duty_s=60.0))

    @pytest.mark.parametrize(("text", "seconds"), [("500ms", 0.5), ("60s", 60), ("10min", 600), ("1.5h", 5400)])
    def test_periods(self, text: str, seconds: float) -> None:
        assert options.period(text) == pytest.approx(seconds)

    def test_capacities(self) -> None:
        assert (options.milliampere_hours("250mAh"), options.milliampere_hours("2.5Ah")) == (250, 2500)
        for read, text in ((options.period, "60"), (options.period, "0s"), (options.milliampere_hours, "1W")):
            with pytest.raises(Exception, match="give one such as"):
                read(text)


class TestBoards:
    def test_each_figure_has_its_source(self) -> None:
        powered = [load_board(name) for name in board_names() if load_board(name).power is not None]
        assert {"nucleo-l4r5zi", "nucleo-h743zi", "nucleo-f103rb"} <= {board.name for board in powered}
        for board in powered:
            assert board.power is not None
            sources = [point.source for point in (*board.power.active, *board.power.sleep)]
            sources += [board.power.deep.source] if board.power.deep is not None else []
            for source in sources:
                assert source.split()[0].rstrip(":") in board.sources, f"{board.name}: {source}"

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ("supply_v = 3.3", "supply_v = 33.0", "power.supply_v: 33 V is not between 0.8 and 6"),
            ("ma = 12.0", "ma = 0.0", "power.active: 0 mA at 120000000 Hz is no current"),
            ("ma = 12.0", "watts = 1.0", "power"),
            ("hz = 120_000_000\nma", "hz = 0\nma", "is no current"),
        ],
    )
    def test_bad_tables(self, old: str, new: str, message: str) -> None:
        text, _ = board_text("nucleo-l4r5zi")
        start = text.index("[power]")
        assert old in text[start:]
        with pytest.raises(McusimError, match=message):
            parse_board(text[:start] + text[start:].replace(old, new, 1), "b.toml")
