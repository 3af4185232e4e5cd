# SPDX-License-Identifier: Apache-2.0
"""What the examples about memory need, derived from their plans and from what their layers access, and nothing else.

The layers of `examples/common/int8_layers.c` and `examples/patches` are written again, value by value, on a *tape* that
notes who wrote and who read which byte. So the same functions tell what the firmware prints and which bytes are live.
Addresses are those of the arrays as given by `bases` (the image's symbols), or offsets where that is all that matters.
"""

from __future__ import annotations

import itertools
import re
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from liveness import Activation, Life, Liveness

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


class Tape:
    """Memory that remembers every access, in stretches of layers."""

    def __init__(self, kind: str = "function") -> None:
        self.values: dict[int, int] = {}
        self._kind = kind  # of layers that count, "function" or "marker"
        self._events: dict[int, list[tuple[int, bool]]] = defaultdict(list)  # address -> (moment, write?) ...
        self._moments: list[int] = []  # stretch of each access, of all in their order
        self._activations: list[Activation] = []
        self._stretches = [-1]
        self._open: list[int] = []

    @contextmanager
    def layer(self, name: str, stack_bytes: int = 0, kind: str = "function") -> Iterator[None]:
        """Make what is accessed within it a layer's, if it is of the kind that counts."""
        if kind != self._kind:
            yield
            return
        parent = self._open[-1] if self._open else -1
        self._open.append(len(self._activations))
        self._activations.append(Activation(name, parent, stack_bytes))
        self._stretches.append(self._open[-1])
        yield
        self._open.pop()
        self._stretches.append(self._open[-1] if self._open else -1)

    def read(self, address: int) -> int:
        """Return a byte, signed."""
        self._note(address, False)
        return self.values[address]

    def write(self, address: int, value: int) -> None:
        """Write a byte, signed."""
        self._note(address, True)
        self.values[address] = value

    def _note(self, address: int, is_write: bool) -> None:
        self._events[address].append((len(self._moments), is_write))
        self._moments.append(len(self._stretches) - 1)

    def _lives(self) -> Iterator[tuple[int, int, int]]:
        """Yield address, moment of the write and moment of the last read of each value that is read."""
        for address, events in self._events.items():
            writes = [index for index, (_, is_write) in enumerate(events) if is_write]
            for first, after in itertools.pairwise([*writes, len(events)]):
                if after - first > 1:
                    yield address, events[first][0], events[after - 1][0]

    def liveness(self) -> Liveness:
        """Return which bytes were live when."""
        moments = self._moments
        lives = {Life(address, moments[first], moments[last]) for address, first, last in self._lives()}
        return Liveness(self._activations, self._stretches, lives)

    def most_at_once(self, start: int, end: int) -> list[int]:
        """Return the most bytes of [start, end) that are live at one moment of each stretch.

        However a stretch is cut, the piece with the most live bytes has at least so many, and at most `live_bytes`.
        """
        change = [0] * (len(self._moments) + 1)
        for address, first, last in self._lives():
            if start <= address < end:
                change[first] += 1
                change[last + 1] -= 1
        most = [0] * len(self._stretches)
        for stretch, live in zip(self._moments, itertools.accumulate(change), strict=False):
            most[stretch] = max(most[stretch], live)
        return most


# The layers of int8_layers.c


def make_weights() -> list[int]:
    """Return the table `weights`."""
    return [n * 73 % 251 - 125 for n in range(6400)]


def saturate(value: int) -> int:
    """Return the nearest int8."""
    return max(-128, min(127, value))


def fill(tape: Tape, address: int, size: int) -> None:
    """fill_s8."""
    state = 1
    for i in range(size):
        state = (state * 1664525 + 1013904223) & 0xFFFF_FFFF
        tape.write(address + i, (state >> 24) - 256 * (state >> 31))


def read_all(tape: Tape, address: int, size: int) -> bytes:
    """Read what main prints or sums up."""
    return bytes(tape.read(address + i) & 255 for i in range(size))


@dataclass(frozen=True)
class Conv2d:
    """struct conv2d; shapes are (height, width, channels)."""

    input: tuple[int, int, int]
    output: tuple[int, int, int]
    kernel: tuple[int, int]
    stride: int
    pad: int
    weights: int  # offset
    shift: int

    def run(self, tape: Tape, source: int, target: int) -> None:
        """conv2d_s8."""
        height, width, channels = self.input
        weights = make_weights()
        for y, x, channel in itertools.product(*map(range, self.output)):
            total = 0
            for ky, kx in itertools.product(*map(range, self.kernel)):
                row, column = y * self.stride - self.pad + ky, x * self.stride - self.pad + kx
                if not (0 <= row < height and 0 <= column < width):
                    continue
                tap = self.weights + ((channel * self.kernel[0] + ky) * self.kernel[1] + kx) * channels
                first = source + (row * width + column) * channels
                total += sum(tape.read(first + i) * weights[tap + i] for i in range(channels))
            place = (y * self.output[1] + x) * self.output[2] + channel
            tape.write(target + place, saturate(total >> self.shift))


def max_pool_rows(tape: Tape, shape: tuple[int, int, int], source: int, target: int) -> None:
    """max_pool_rows_s8."""
    row = shape[1] * shape[2]
    for y, i in itertools.product(range(shape[0] // 2), range(row)):
        first = source + 2 * y * row + i
        tape.write(target + y * row + i, max(tape.read(first), tape.read(first + row)))


def add(tape: Tape, total: int, other: int, size: int) -> None:
    """add_s8."""
    for i in range(size):
        tape.write(total + i, (tape.read(total + i) + tape.read(other + i)) >> 1)


def leaky_relu(tape: Tape, address: int, size: int) -> None:
    """leaky_relu_s8."""
    for i in range(size):
        value = tape.read(address + i)
        tape.write(address + i, value >> 3 if value < 0 else value)


def fully_connected(tape: Tape, weights: int, source: int, inputs: int, target: int, outputs: int) -> None:
    """fully_connected_s8, with a shift of 12."""
    table = make_weights()
    for i in range(outputs):
        total = sum(tape.read(source + j) * table[weights + i * inputs + j] for j in range(inputs))
        tape.write(target + i, saturate(total >> 12))


# memory_plan

TENSORS = ("INPUT", "STEM", "NARROW", "WIDE", "POOLED", "HEAD", "SCORES_A", "SCORES_B")
SIZES = (999, 1665, 666, 1665, 810, 324, 5, 5)
PLANS = {
    "bad": (tuple(1665 * i for i in range(8)), 13320),  # offsets, size of the arena
    "good": ((1667, 0, 3330, 1665, 3, 815, 1141, 1147), 3996),
}
PEAK_BYTES = 1665 + 666 + 1665  # STEM, NARROW and WIDE, while the third layer runs
# Frames of the kernels in the committed images, bytes, as `gcc -fstack-usage` has them. They call nothing.
FRAMES = {"conv2d_s8": 72, "max_pool_rows_s8": 32, "add_s8": 0, "leaky_relu_s8": 0, "fully_connected_s8": 28}
MEMORY_PLAN_FUNCTIONS = tuple(FRAMES)
# Multiply-accumulates of each layer: outputs x taps x input channels; taps in the padding count.
MEMORY_PLAN_MACS = (
    37 * 9 * 5 * 9 * 3, 37 * 9 * 2 * 5, 37 * 9 * 5 * 9 * 2, None, None, None,
    12 * 3 * 9 * 9 * 5, 810 * 5, 324 * 5, None,
)  # fmt: skip


@dataclass
class Truth:
    """What an example prints, and which bytes of its arrays are live when."""

    printed: str
    tape: Tape
    liveness: Liveness
    arrays: dict[str, tuple[int, int]] = field(default_factory=dict)  # name -> [start, end)


def memory_plan(plan: str, arena: int = 0) -> Truth:
    """Return the truth of examples/memory_plan with a plan, 'bad' or 'good', and the arena at an address."""
    offsets, arena_size = PLANS[plan]
    place = {name: arena + offset for name, offset in zip(TENSORS, offsets, strict=True)}
    size = dict(zip(TENSORS, SIZES, strict=True))
    tape = Tape()
    fill(tape, place["INPUT"], size["INPUT"])
    _memory_plan_network(tape, place, size)
    printed = _scores(tape, place["SCORES_B"], size["SCORES_B"])
    return Truth(printed, tape, tape.liveness(), {"arena": (arena, arena + arena_size)})


def _memory_plan_network(tape: Tape, place: Mapping[str, int], size: Mapping[str, int]) -> None:
    wide = (37, 9, 5)
    convolutions: tuple[tuple[Conv2d, str, str], ...] = (
        (Conv2d((37, 9, 3), wide, (3, 3), 1, 1, 0, 9), "INPUT", "STEM"),
        (Conv2d(wide, (37, 9, 2), (1, 1), 1, 0, 135, 8), "STEM", "NARROW"),
        (Conv2d((37, 9, 2), wide, (3, 3), 1, 1, 145, 9), "NARROW", "WIDE"),
    )
    for convolution, source, target in convolutions:
        with tape.layer("conv2d_s8", FRAMES["conv2d_s8"]):
            convolution.run(tape, place[source], place[target])
    with tape.layer("add_s8", FRAMES["add_s8"]):
        add(tape, place["WIDE"], place["STEM"], size["WIDE"])
    with tape.layer("max_pool_rows_s8", FRAMES["max_pool_rows_s8"]):
        max_pool_rows(tape, wide, place["WIDE"], place["POOLED"])
    with tape.layer("leaky_relu_s8", FRAMES["leaky_relu_s8"]):
        leaky_relu(tape, place["WIDE"] + 5 * 45, 7 * 45)
    with tape.layer("conv2d_s8", FRAMES["conv2d_s8"]):
        Conv2d(wide, (12, 3, 9), (3, 3), 3, 0, 235, 9).run(tape, place["WIDE"], place["HEAD"])
    with tape.layer("fully_connected_s8", FRAMES["fully_connected_s8"]):
        fully_connected(tape, 640, place["POOLED"], 810, place["SCORES_A"], 5)
    with tape.layer("fully_connected_s8", FRAMES["fully_connected_s8"]):
        fully_connected(tape, 640 + 810 * 5, place["HEAD"], 324, place["SCORES_B"], 5)
    with tape.layer("add_s8", FRAMES["add_s8"]):
        add(tape, place["SCORES_B"], place["SCORES_A"], 5)


def _scores(tape: Tape, address: int, size: int) -> str:
    data = read_all(tape, address, size)
    values = " ".join(str(value - 256 * (value >> 7)) for value in data)
    return f"scores: {values}\nchecksum: {zlib.adler32(data):08x}\ndone\n"


# patches

Region = tuple[int, int, int, int]  # top, bottom, left, right
PATCHES_FUNCTIONS = ("first_convolution", "second_convolution")
WHOLE_IMAGE, WHOLE_OUTPUT = (0, 18, 0, 14), (0, 9, 0, 7)
PARTS = {"0,0": (0, 5, 0, 4), "0,1": (0, 5, 4, 7), "1,0": (5, 9, 0, 4), "1,1": (5, 9, 4, 7)}
FIRST_SIZE, LARGEST_PATCH, FEATURES_SIZE = 18 * 14 * 6, 10 * 8 * 6, 9 * 7 * 8
PATCHES_SIZES = {
    "image": 18 * 14 * 3,
    "layers_arena": 1 + FIRST_SIZE + FEATURES_SIZE,
    "patches_arena": 5 + LARGEST_PATCH + FEATURES_SIZE,
}
PATCHES_FRAMES = {"first_convolution": 40, "second_convolution": 48, "convolve": 64}  # bytes, as those of FRAMES
BELOW_MARKER = PATCHES_FRAMES["convolve"]  # of the marker in a convolution's function
BELOW_CALL = {name: PATCHES_FRAMES[name] + BELOW_MARKER for name in PATCHES_FUNCTIONS}  # of each function's caller
BELOW_STAGE = max(BELOW_CALL.values())


@dataclass(frozen=True)
class Convolution:
    """struct convolution, on 18x14 pixels."""

    inputs: int
    outputs: int
    stride: int
    weights: int

    def run(self, tape: Tape, source: tuple[int, Region], target: tuple[int, Region], part: Region) -> None:
        """`convolve`: views are (address, region)."""
        table = make_weights()
        for y, x, channel in itertools.product(range(*part[:2]), range(*part[2:]), range(self.outputs)):
            total = 0
            for tap in range(9):
                row, column = y * self.stride + tap // 3 - 1, x * self.stride + tap % 3 - 1
                if 0 <= row < 18 and 0 <= column < 14:
                    first = _pixel(source, row, column, self.inputs)
                    kernel = self.weights + (channel * 9 + tap) * self.inputs
                    total += sum(tape.read(first + i) * table[kernel + i] for i in range(self.inputs))
            tape.write(_pixel(target, y, x, self.outputs) + channel, saturate(total >> 9))


def _pixel(view: tuple[int, Region], y: int, x: int, channels: int) -> int:
    address, (top, _, left, right) = view
    return address + ((y - top) * (right - left) + x - left) * channels


FIRST, SECOND = Convolution(3, 6, 1, 0), Convolution(6, 8, 2, 6 * 9 * 3)


def patches(bases: Mapping[str, int], kind: str = "marker") -> Truth:
    """Return the truth of examples/patches; `bases` has the addresses of image, layers_arena and patches_arena.

    Layers are what the markers say, or with kind 'function' the calls of first_convolution and second_convolution.
    """
    image, layers, patched = bases["image"], bases["layers_arena"], bases["patches_arena"]
    of_layers, of_patches = layers + 1 + FIRST_SIZE, patched + 5 + LARGEST_PATCH
    tape = Tape(kind)
    fill(tape, image, 18 * 14 * 3)
    with tape.layer("by layers", BELOW_STAGE, "marker"):
        _two_convolutions(tape, image, (layers + 1, WHOLE_IMAGE), of_layers, WHOLE_OUTPUT)
    with tape.layer("by patches", BELOW_STAGE, "marker"):
        for name, part in PARTS.items():
            top, bottom, left, right = part
            halo = (max(0, 2 * top - 1), min(18, 2 * bottom), max(0, 2 * left - 1), min(14, 2 * right))
            with tape.layer(f"patch {name}", BELOW_STAGE, "marker"):
                _two_convolutions(tape, image, (patched, halo), of_patches, part)
    data = read_all(tape, of_layers, FEATURES_SIZE), read_all(tape, of_patches, FEATURES_SIZE)
    printed = (
        f"by layers: {zlib.adler32(data[0]):08x}\nby patches: {zlib.adler32(data[1]):08x}\n"
        f"{'the same' if data[0] == data[1] else 'different'}\ndone\n"
    )
    arrays = {name: (bases[name], bases[name] + size) for name, size in PATCHES_SIZES.items()}
    return Truth(printed, tape, tape.liveness(), arrays)


def _two_convolutions(tape: Tape, image: int, between: tuple[int, Region], features: int, part: Region) -> None:
    function, marker = (
        ("first_convolution", BELOW_CALL["first_convolution"]),
        ("first convolution", BELOW_MARKER, "marker"),
    )
    with tape.layer(*function), tape.layer(*marker):
        FIRST.run(tape, (image, WHOLE_IMAGE), between, between[1])
    function, marker = (
        ("second_convolution", BELOW_CALL["second_convolution"]),
        ("second convolution", BELOW_MARKER, "marker"),
    )
    with tape.layer(*function), tape.layer(*marker):
        SECOND.run(tape, between, (features, WHOLE_OUTPUT), part)


# keyword_spotting

KEYWORD_FUNCTIONS = (
    "conv2d_s8", "depthwise_conv2d_s8", "conv2d_1x1_s8", "average_pool_s8", "fully_connected_s8", "softmax_s8",
)  # fmt: skip
KEYWORD_FRAMES = {
    "conv2d_s8": 96, "depthwise_conv2d_s8": 104, "conv2d_1x1_s8": 48, "average_pool_s8": 20, "fully_connected_s8": 48,
    "softmax_s8": 56, "exp_of_negative": 24,
}  # fmt: skip
KEYWORD_MACS = (  # examples/keyword_spotting/README.md
    320_000, 72_000, 512_000, 72_000, 512_000, 72_000, 512_000, 72_000, 512_000, None, 768, None,
)  # fmt: skip
HALF = 8000  # bytes of each of the arena's two buffers: the largest output


def keyword_layers() -> list[tuple[str, int]]:
    """Return function and bytes of output of each layer, from examples/keyword_spotting/model_data.c."""
    text = (EXAMPLES / "keyword_spotting" / "model_data.c").read_text()
    rows = re.findall(r'^    \{[A-Z0-9_]+, "(\w+)", \{(\d+), (\d+), (\d+)\}', text, re.MULTILINE)
    return [(f"{name}_s8", int(height) * int(width) * int(channels)) for name, height, width, channels in rows]


def keyword_spotting(arena: int = 0) -> Truth:
    """Return the truth of examples/keyword_spotting. Values are none of its business: every layer reads all its input.

    The first layer's input is in flash. After each layer main sums up its output, outside every layer.
    """
    tape, before = Tape(), 0
    for number, (name, size) in enumerate(keyword_layers()):
        source, target = arena + HALF * ((number + 1) % 2), arena + HALF * (number % 2)
        stack_bytes = KEYWORD_FRAMES[name] + (KEYWORD_FRAMES["exp_of_negative"] if name == "softmax_s8" else 0)
        with tape.layer(name, stack_bytes):
            if number:
                read_all(tape, source, before)
            for i in range(size):
                tape.write(target + i, 0)
        read_all(tape, target, size)
        before = size
    expected = (EXAMPLES / "keyword_spotting" / "expected.txt").read_text()
    return Truth(expected, tape, tape.liveness(), {"arena": (arena, arena + 2 * HALF)})
