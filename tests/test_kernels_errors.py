# SPDX-License-Identifier: Apache-2.0
"""Every operator refuses operands of the wrong type, shape or range, with one line that begins with the operand's name.

A row of CASES is an operator, a call of it that works, and changes that each make it fail at the named operand.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
F32, I8, I16, I32 = np.float32, np.int8, np.int16, np.int32
# Modules of kernels/ that are no operators, or have tests of wrong operands elsewhere: what operators share, what
# saves memory, training, models.
SHARED = {
    "checks", "compiled", "depthwise_conv2d_in_place", "elementwise", "fixed_point", "float_math", "gradients",
    "lookup", "output_gradient", "output_stage", "patches", "products", "quantization", "requantize", "scaling", "sgd",
    "shapes", "softmax_cross_entropy",
}  # fmt: skip
OTHERS = ("model", "tflite_file")


def zeros(*shape: int, dtype: Any = I8) -> Any:
    """Return an array of zeros."""
    return np.zeros(shape, dtype)


IMAGE, WIDE = zeros(1, 4, 4, 6), zeros(1, 4, 4, 6, dtype=I16)
FACTOR = {"multiplier": 1 << 30, "shift": 0}
SUMS = {"multipliers": 1 << 30, "shifts": 0}
THREE = {f"{name}_{part}": value for name in ("input1", "input2", "output") for part, value in FACTOR.items()}
ALPHA = {f"alpha_{name}": value for name, value in FACTOR.items()}
IMAGES: list[tuple[str, dict[str, Any]]] = [
    ("inputs", {"inputs": zeros(4, 4, 6)}),
    ("inputs", {"inputs": zeros(1, 4, 4, 6, dtype=np.uint8)}),
    ("inputs", {"inputs": [[1]]}),
]
WINDOWS: list[tuple[str, dict[str, Any]]] = [
    ("strides", {"strides": (0, 1)}),
    ("strides", {"strides": 2}),
    ("padding", {"padding": ((1, 1), (1, -1))}),
    ("padding", {"padding": (1, 1)}),
    ("padding", {"padding": ((1, 1), 2)}),
]
STAGE: list[tuple[str, dict[str, Any]]] = [
    ("multipliers", {"multipliers": None}),
    ("shifts", {"shifts": None}),
    ("multipliers", {"multipliers": -1}),
    ("multipliers", {"multipliers": np.array([1 << 30] * 5, I32)}),
    ("multipliers", {"multipliers": np.array([1 << 30], np.int64)}),
    ("shifts", {"shifts": 31}),
    ("shifts", {"shifts": -32}),
    ("rounding", {"rounding": "up"}),
    ("scales", {"scales": 0.5}),
    ("scales", {"scales": np.array([0.5]), "multipliers": None, "shifts": None}),
    ("output_zero_point", {"output_zero_point": 128}),
    ("input_zero_point", {"input_zero_point": 1.5}),
    ("input_zero_point", {"input_zero_point": True}),
    ("activation_min", {"activation_min": 5, "activation_max": 4}),
    ("activation_max", {"activation_max": 128}),
    ("bias", {"bias": zeros(5, dtype=I32)}),
    ("bias", {"bias": zeros(6, dtype=np.int64)}),
]
PASSED: list[tuple[str, dict[str, Any]]] = [
    ("passed", {"passed": zeros(1, 2, 2, 5, dtype=bool)}),
    ("passed", {"passed": zeros(1, 2, 2, 6)}),
    ("passed", {"passed": zeros(1, 2, 2, 12, dtype=bool)[..., ::2]}),
]
BINARY: list[tuple[str, dict[str, Any]]] = [
    ("inputs1", {"inputs1": zeros(6, dtype=np.uint8)}),
    ("inputs2", {"inputs2": zeros(6, dtype=I16)}),
    ("inputs2", {"inputs2": zeros(5)}),
]
RESCALED: list[tuple[str, dict[str, Any]]] = [
    ("multiplier", {"multiplier": -1}),
    ("multiplier", {"multiplier": 0.5}),
    ("shift", {"shift": 31}),
    ("rounding", {"rounding": "none"}),
    ("output_zero_point", {"output_zero_point": -129}),
]
CASES: dict[str, tuple[dict[str, Any], list[tuple[str, dict[str, Any]]]]] = {
    "conv2d": (
        {"inputs": IMAGE, "weights": zeros(6, 3, 3, 6), "bias": None, **SUMS},
        [
            *IMAGES, *WINDOWS, *STAGE, *PASSED,
            ("dilations", {"dilations": (1, 1, 1)}),
            ("weights", {"weights": zeros(6, 3, 3, 4)}),
            ("weights", {"weights": zeros(6, 3, 3, 0)}),
            ("weights", {"weights": zeros(6, 5, 3, 6)}),
            ("weights", {"dilations": (1, 2)}),
            ("rounding", {"scales": 0.5, "multipliers": None, "shifts": None, "rounding": "single"}),
            ("weights", {"weights": zeros(4, 3, 3, 2)}),
            ("weights", {"weights": zeros(6, 3, 3, 6, dtype=I16)}),
            ("input_zero_point", {"inputs": WIDE, "input_zero_point": 1}),
            ("shifts", {"inputs": WIDE, "shifts": 8}),
            ("scales", {"inputs": WIDE, "scales": 0.5, "multipliers": None, "shifts": None}),
        ],
    ),
    "depthwise_conv2d": (
        {"inputs": IMAGE, "weights": zeros(1, 3, 3, 6), "bias": None, **SUMS},
        [
            *IMAGES, *WINDOWS, *STAGE, *PASSED,
            ("weights", {"weights": zeros(2, 3, 3, 6)}),
            ("weights", {"weights": zeros(1, 3, 3, 8)}),
            ("bias", {"inputs": WIDE, "bias": zeros(6, dtype=I32)}),
        ],
    ),
    "transpose_conv": (
        {"inputs": IMAGE, "weights": zeros(6, 3, 3, 6), "bias": None, "output_size": (8, 8), **SUMS},
        [
            *IMAGES, *STAGE,
            ("strides", {"strides": (1, 0)}),
            ("output_size", {"output_size": (0, 8)}),
            ("offset", {"offset": (-1, 0)}),
            ("offset", {"offset": ((0, 1), (0, 1))}),
            ("offset", {"offset": 1}),
            ("weights", {"weights": zeros(6, 3, 3, 4)}),
            ("bias", {"inputs": WIDE, "bias": zeros(6, dtype=I32)}),
        ],
    ),
    "fully_connected": (
        {"inputs": zeros(2, 8), "weights": zeros(6, 8), "bias": None, **SUMS},
        [
            *STAGE,
            ("passed", {"passed": zeros(2, 5, dtype=bool)}),
            ("weights", {"weights": zeros(6, 7)}),
            ("weights", {"weights": zeros(6, 0)}),
            ("weights", {"inputs": zeros()}),
            ("inputs", {"inputs": zeros(2, 8, dtype=F32)}),
            ("inputs", {"inputs": zeros(8, 2), "keep_dims": True}),
            ("weights_zero_point", {"weights_zero_point": 200}),
        ],
    ),
    "batch_matmul": (
        {"inputs1": zeros(2, 3, 4), "inputs2": zeros(2, 4, 5), **FACTOR},
        [
            *RESCALED,
            ("inputs1", {"inputs1": zeros(4)}),
            ("inputs2", {"inputs2": zeros(2, 3, 5)}),
            ("inputs2", {"inputs2": zeros(3, 4, 5)}),
            ("inputs2", {"inputs2": zeros(2, 4, 5, dtype=I16)}),
            ("shift", {"inputs1": zeros(2, 3, 4, dtype=I16), "inputs2": zeros(2, 4, 5, dtype=I16), "shift": 8}),
            ("input1_zero_point", {"input1_zero_point": 128}),
            ("input2_zero_point", {"input2_zero_point": 128}),
        ],
    ),
    "average_pool2d": (
        {"inputs": IMAGE, "kernel_size": (2, 2)},
        [*IMAGES, *WINDOWS, ("kernel_size", {"kernel_size": (0, 2)}), ("activation_min", {"activation_min": -129})],
    ),
    "max_pool2d": (
        {"inputs": IMAGE, "kernel_size": (2, 2)},
        [*IMAGES, *WINDOWS, ("kernel_size", {"kernel_size": (0, 2)}), ("activation_min", {"activation_min": -129})],
    ),
    **{
        name: (
            {"inputs1": zeros(6), "inputs2": zeros(6), **THREE},
            [
                *BINARY,
                ("input1_multiplier", {"input1_multiplier": -1}),
                ("input2_shift", {"input2_shift": 1}),
                ("output_shift", {"output_shift": 1}),
                ("left_shift", {"left_shift": 23}),
                ("rounding", {"rounding": ""}),
                ("input2_zero_point", {"input2_zero_point": 128}),
                ("activation_max", {"activation_max": 500}),
            ],
        )
        for name in ("add", "sub")
    },
    "mul": (
        {"inputs1": zeros(6), "inputs2": zeros(6), **FACTOR},
        [*BINARY, *RESCALED, ("scale", {"scale": 0.5}), ("shift", {"shift": None}),
         ("scale", {"scale": -1.0, "multiplier": None, "shift": None}),
         ("rounding", {"scale": 0.5, "multiplier": None, "shift": None, "rounding": "single"})],
    ),
    "maximum": ({"inputs1": zeros(6), "inputs2": zeros(6)}, BINARY),
    "minimum": ({"inputs1": zeros(6), "inputs2": zeros(6)}, BINARY),
    **{
        name: (
            {"inputs": zeros(2, 3), "axes": (0,), **FACTOR},
            [*RESCALED, ("axes", {"axes": (2,)}), ("axes", {"axes": -3}), ("inputs", {"inputs": zeros(0, 3)})],
        )
        for name in ("mean", "sum")
    },
    "relu": ({"inputs": zeros(6), **FACTOR}, [*RESCALED, ("activation_min", {"activation_min": 200})]),
    "relu6": ({"inputs": zeros(6), "zero": 0, "six": 6}, [("six", {"six": 128}), ("zero", {"zero": 7})]),
    "leaky_relu": ({"inputs": zeros(6), **FACTOR, **ALPHA}, [*RESCALED, ("alpha_shift", {"alpha_shift": 40})]),
    "prelu": (
        {"inputs": zeros(2, 6), "alphas": zeros(6), **FACTOR, **ALPHA},
        [
            *RESCALED,
            ("alphas", {"alphas": zeros(5)}),
            ("alphas", {"alphas": zeros(6, dtype=I16)}),
            ("alphas", {"alphas": zeros(3, 2, 6)}),
            ("alpha_zero_point", {"alpha_zero_point": 128}),
        ],
    ),
    "hard_swish": (
        {"inputs": zeros(6), "input_scale": 0.1, "output_scale": 0.1},
        [
            ("input_scale", {"input_scale": 0.0}),
            ("output_scale", {"output_scale": 1e-4}),
            ("output_scale", {"output_scale": float("nan")}),
            ("inputs", {"inputs": zeros(6, dtype=I16)}),
        ],
    ),
    **{
        name: (
            {"inputs": zeros(6), "input_scale": 0.1},
            [
                ("input_scale", {"input_scale": -1.0}),
                ("input_scale", {"input_scale": "0.1"}),
                ("input_zero_point", {"input_zero_point": 128}),
                ("input_zero_point", {"inputs": zeros(6, dtype=I16), "input_scale": 1e-4, "input_zero_point": 1}),
            ],
        )
        for name in ("logistic", "tanh")
    },
    "softmax": (
        {"inputs": zeros(2, 6), "input_scale": 0.1},
        [
            ("inputs", {"inputs": zeros(2, 0)}),
            ("inputs", {"inputs": zeros()}),
            ("input_scale", {"input_scale": float("inf")}),
            ("beta", {"beta": 0.0}),
            ("output_dtype", {"output_dtype": "int32"}),
        ],
    ),
    "log_softmax": (
        {"inputs": zeros(2, 6), "input_scale": 0.1},
        [("inputs", {"inputs": zeros(2, 0)}), ("input_scale", {"input_scale": 1e-9})],
    ),
    "quantize": (
        {"inputs": zeros(6, dtype=F32), "output_scale": 0.1},
        [
            ("inputs", {"inputs": np.array([np.nan], F32)}),
            ("inputs", {"inputs": zeros(6)}),
            ("output_scale", {"output_scale": 0}),
            ("output_dtype", {"output_dtype": "int32"}),
        ],
    ),
    "dequantize": (
        {"inputs": zeros(6), "input_scale": 0.1},
        [("inputs", {"inputs": zeros(6, dtype=F32)}), ("input_zero_point", {"input_zero_point": 128})],
    ),
    "rescale": ({"inputs": zeros(6), **FACTOR}, [*RESCALED, ("output_dtype", {"output_dtype": "uint8"})]),
    "svdf": (
        {
            "inputs": zeros(2, 5), "feature_weights": zeros(6, 5), "time_weights": zeros(6, 4, dtype=I16),
            "bias": None, "state": zeros(2, 24, dtype=I16), "rank": 3, "feature_multiplier": 1 << 30,
            "feature_shift": 0, **FACTOR,
        },
        [
            *RESCALED,
            ("feature_weights", {"feature_weights": zeros(6, 4)}),
            ("state", {"state": zeros(2, 24)}),
            ("state", {"state": zeros(2, 20, dtype=I16)}),
            ("rank", {"rank": 4}),
            ("rank", {"rank": 0}),
            ("bias", {"bias": zeros(3, dtype=I32)}),
            ("state_zero_point", {"state_zero_point": 1}),
            ("feature_shift", {"feature_shift": 31}),
        ],
    ),
    "pad": (
        {"inputs": zeros(2, 3), "paddings": ((1, 1), (0, 0))},
        [
            ("paddings", {"paddings": ((1, 1),)}),
            ("paddings", {"paddings": ((1, 1), (0, -1))}),
            ("value", {"value": 128}),
        ],
    ),
    "reshape": ({"inputs": zeros(2, 3), "shape": (6,)}, [("shape", {"shape": (4,)}), ("shape", {"shape": (-2,)})]),
    "squeeze": ({"inputs": zeros(1, 3)}, [("axes", {"axes": (1,)}), ("axes", {"axes": (2,)})]),
    "expand_dims": ({"inputs": zeros(3), "axis": 1}, [("axis", {"axis": 2}), ("axis", {"axis": -3})]),
    "transpose": (
        {"inputs": zeros(2, 3), "permutation": (1, 0)},
        [("permutation", {"permutation": (0, 0)}), ("permutation", {"permutation": (0,)})],
    ),
    "concatenation": (
        {"inputs": [zeros(2, 3), zeros(2, 3)], "axis": 1},
        [
            ("inputs", {"inputs": []}),
            ("inputs[1]", {"inputs": [zeros(2, 3), zeros(1, 3)]}),
            ("inputs[1]", {"inputs": [zeros(2, 3), zeros(2, 3, dtype=I16)]}),
            ("inputs[1]", {"inputs": [zeros(2, 3), zeros(2)]}),
            ("axis", {"axis": 2}),
        ],
    ),
    "split": (
        {"inputs": zeros(2, 4), "axis": 1, "sizes": 2},
        [("axis", {"axis": 2}), ("sizes", {"sizes": 0}), ("sizes", {"sizes": (-1, -1)}), ("sizes", {"sizes": (3, 3)})],
    ),
    "slice": (
        {"inputs": zeros(2, 4), "begin": (0, 1), "size": (1, -1)},
        [
            ("begin", {"begin": (0, 5)}),
            ("begin", {"begin": (0,)}),
            ("size", {"size": (3, 1)}),
            ("size", {"size": (1, 4)}),
        ],
    ),
    "strided_slice": (
        {"inputs": zeros(2, 4), "begin": (0, 0), "end": (2, 4), "strides": (1, 1)},
        [("begin", {"begin": (0,)}), ("end", {"end": (0,)}), ("strides", {"strides": (0, 1)})],
    ),
    "gather": (
        {"inputs": zeros(2, 4), "indices": zeros(2, 3, dtype=I32)},
        [
            ("indices", {"indices": zeros(2, 3)}),
            ("indices", {"indices": np.array([2], I32)}),
            ("indices", {"axis": 1, "batch_dims": 1, "indices": zeros(3, 1, dtype=I32)}),
            ("axis", {"axis": 2}),
            ("batch_dims", {"batch_dims": 1}),
            ("batch_dims", {"batch_dims": 3}),
        ],
    ),
    "embedding_lookup": (
        {"indices": zeros(2, dtype=I32), "table": zeros(3, 4)},
        [("indices", {"indices": zeros(2, 1, dtype=I32)}), ("table", {"table": zeros(3)})],
    ),
    "argmax": (
        {"inputs": zeros(2, 3), "axis": 1},
        [("axis", {"axis": 2}), ("inputs", {"inputs": zeros(2, 0)}), ("inputs", {"inputs": zeros(2, dtype=F32)})],
    ),
    **{
        name: (
            {"inputs": IMAGE, "size": (3, 3)},
            [*IMAGES, ("size", {"size": (0, 3)}), ("inputs", {"inputs": IMAGE[:, :0]})],
        )
        for name in ("resize_nearest_neighbor", "resize_bilinear")
    },
}  # fmt: skip


def test_corners_and_half_pixels_exclude_each_other() -> None:
    with pytest.raises(ValueError, match=r"^half_pixel_centers: not with align_corners"):
        kernel("resize_bilinear")(IMAGE, (8, 8), align_corners=True, half_pixel_centers=True)


def kernel(name: str) -> Callable[..., Any]:
    """Return the operator: the function of its module's name."""
    found: Callable[..., Any] = getattr(import_module(f"mcusim.kernels.{name}"), name)
    return found


def rows() -> list[Any]:
    """Return (operator, call, named operand, change) of all cases."""
    return [
        pytest.param(name, call, operand, change, id=f"{name}-{operand}-{number}")
        for name, (call, changes) in CASES.items()
        for number, (operand, change) in enumerate(changes)
    ]


@pytest.mark.parametrize("name", CASES)
def test_the_call_that_the_changes_are_made_to_works(name: str) -> None:
    assert kernel(name)(**CASES[name][0]) is not None


@pytest.mark.parametrize(("name", "call", "operand", "change"), rows())
def test_what_is_wrong_is_named(name: str, call: dict[str, Any], operand: str, change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(operand)}: ") as caught:
        kernel(name)(**call | change)
    message = str(caught.value)
    assert "\n" not in message
    assert message[-1] not in ".:"


def test_every_operator_has_cases() -> None:
    modules = {path.stem for path in (ROOT / "kernels").glob("*.py")} - SHARED - {"__init__"}
    modules = {name for name in modules if not name.startswith(OTHERS) and not name.endswith("_backward")}
    assert modules - {"unidirectional_lstm"} == set(CASES)  # the LSTM: test_kernels_sequences


@pytest.mark.parametrize("name", CASES)
def test_operators_leave_their_inputs_alone(name: str) -> None:
    """Also inputs that cannot be written to, as constants of a model."""
    call = CASES[name][0]
    frozen = {key: value.copy() if isinstance(value, np.ndarray) else value for key, value in call.items()}
    for value in frozen.values():
        if isinstance(value, np.ndarray):
            value.flags.writeable = False
    result, expected = kernel(name)(**frozen), kernel(name)(**call)
    for one, other in zip(
        result if isinstance(result, (list, tuple)) else [result],
        expected if isinstance(expected, (list, tuple)) else [expected],
        strict=True,
    ):
        np.testing.assert_array_equal(one, other, strict=True)
        assert one.flags.writeable


def test_the_operators_of_the_documentation_are_those_of_the_folder(capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "kernels.md").read_text("utf-8")
    first_cells = re.findall(r"^\| (`.*?) \|", page[page.index("## Operators") : page.index("## With")], re.MULTILINE)
    named = {name for cell in first_cells for name in re.findall(r"`(\w+)`", cell)}
    assert named == {*CASES, "unidirectional_lstm"}
    for example in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(example, {})
    assert capsys.readouterr().out == "[4 3 1 0]\n"
