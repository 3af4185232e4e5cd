# SPDX-License-Identifier: Apache-2.0
"""The C kernels in each way to build them, and random values to call them with."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from conftest import LONG
from hypothesis import settings
from hypothesis import strategies as st
from machines import prebuilt

import mcusim
from mcusim.kernels.quantization import quantize_multiplier

BUILDS = ("dsp", "portable", "single", "float")
INTEGER_BUILDS = BUILDS[:3]
ROUNDING = {"dsp": "double", "portable": "double", "single": "single"}
EXAMPLES = settings(max_examples=60 if LONG else 12, deadline=None)
SEEDS = st.integers(0, 1 << 30)
builds, integer_builds = st.sampled_from(BUILDS), st.sampled_from(INTEGER_BUILDS)

Array = npt.NDArray[Any]


@cache
def kernels(build: str) -> mcusim.Firmware:
    return mcusim.Firmware(prebuilt(f"target_kernels_{build}", "nucleo-l4r5zi"), board="nucleo-l4r5zi")


def int8(rng: np.random.Generator, *shape: int) -> Array:
    """Return values of which some are at the ends of the range."""
    values = rng.integers(-128, 128, shape, np.int8)
    ends = rng.random(shape) < 0.1
    return np.where(ends, rng.choice(np.array([-128, 127], np.int8), shape), values)


class Stage:
    """A random output stage: as members of `struct mk_output`, and as arguments of the reference."""

    def __init__(self, rng: np.random.Generator, build: str, outputs: int, depth: int) -> None:
        count = outputs if rng.random() < 0.7 else 1
        size = np.exp2(rng.uniform(-3, 2, count)) / (60.0 * np.sqrt(depth))
        factors = [quantize_multiplier(float(each)) for each in size]
        multipliers = np.array([factor[0] for factor in factors], np.int32)
        shifts = np.array([factor[1] for factor in factors], np.int32)
        scales = size.astype(np.float32)
        zero_point = int(rng.integers(-128, 128))
        limits = (-128, 127) if rng.random() < 0.5 else (int(rng.integers(-128, 0)), int(rng.integers(0, 128)))
        self.members = {
            "multipliers": multipliers, "shifts": shifts, "scales": scales, "per_channel": int(count > 1),
            "zero_point": zero_point, "activation_min": limits[0], "activation_max": limits[1],
        }  # fmt: skip
        factor = {"scales": scales} if build == "float" else {
            "multipliers": multipliers, "shifts": shifts, "rounding": ROUNDING[build]
        }  # fmt: skip
        self.arguments = {
            **factor, "output_zero_point": zero_point, "activation_min": limits[0], "activation_max": limits[1]
        }  # fmt: skip


def shape_of(image: Array) -> dict[str, int]:
    return dict(zip(("height", "width", "channels"), map(int, image.shape), strict=True))


def scratch(firmware: mcusim.Firmware, name: str, op: dict[str, Any]) -> Array:
    """Return as much scratch memory as the kernel says, between two words that must not change."""
    return np.full(int(firmware.call(f"{name}_scratch_bytes", op).value) // 4 + 3, 0x5A5A5A5A, np.uint32)


def factor_stage(factor: tuple[int, int], zero_point: int) -> dict[str, Any]:
    """Return a `struct mk_output` with one integer factor for all."""
    return {
        "multipliers": np.array([factor[0]], np.int32), "shifts": np.array([factor[1]], np.int32),
        "zero_point": zero_point, "activation_min": -128, "activation_max": 127,
    }  # fmt: skip
