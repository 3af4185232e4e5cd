# SPDX-License-Identifier: Apache-2.0
"""What the generators of example networks share: int8 arithmetic in NumPy, random numbers, C constants.

Everything is integers, so that every platform writes the same bytes.
"""

import argparse
import sys

import numpy as np

# Arithmetic, written independently of the C sources: int64 throughout, vectorised.


def saturating_rounding_doubling_high_mul(a, b):
    product = np.asarray(a, np.int64) * np.asarray(b, np.int64)
    nudged = product + np.where(product >= 0, 1 << 30, 1 - (1 << 30))
    quotient = np.sign(nudged) * (np.abs(nudged) >> 31)  # truncates towards zero
    return np.minimum(quotient, (1 << 31) - 1)


def rounding_divide_by_power_of_two(value, exponent):
    value = np.asarray(value, np.int64)
    exponent = np.asarray(exponent, np.int64)
    half = np.where(exponent > 0, np.int64(1) << np.maximum(exponent - 1, 0), 0)
    return np.sign(value) * ((np.abs(value) + half) >> exponent)


def requantize(value, multiplier, shift):
    scaled = np.asarray(value, np.int64) << np.maximum(shift, 0)
    assert np.abs(scaled).max() < 1 << 31
    return rounding_divide_by_power_of_two(
        saturating_rounding_doubling_high_mul(scaled, multiplier), np.maximum(-np.asarray(shift), 0)
    )


def quantize_ratio(numerator, denominator):
    """A positive ratio as (multiplier, shift): multiplier * 2^(shift - 31), multiplier in [2^30, 2^31)."""
    shift = 0
    while numerator >= denominator << shift:
        shift += 1
    while shift <= 0 and numerator << (1 - shift) < denominator:
        shift -= 1
    multiplier = ((numerator << (32 - shift)) // denominator + 1) // 2
    if multiplier == 1 << 31:
        multiplier, shift = 1 << 30, shift + 1
    assert 1 << 30 <= multiplier < 1 << 31
    return multiplier, shift


def same_padding(size, kernel, stride):
    output = -(-size // stride)
    total = max((output - 1) * stride + kernel - size, 0)
    return output, total // 2, total - total // 2


def patches(image, kernel, stride):
    """Windows of a (height, width, channels) image with SAME padding by zeros: (oh, ow, kh, kw, channels)."""
    height, top, bottom = same_padding(image.shape[0], kernel[0], stride)
    width, left, right = same_padding(image.shape[1], kernel[1], stride)
    padded = np.pad(image, ((top, bottom), (left, right), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel, axis=(0, 1))[::stride, ::stride]
    assert windows.shape[:2] == (height, width)
    return windows.transpose(0, 1, 3, 4, 2)


def conv2d(image, weights, stride):
    return np.einsum("hwyxi,oyxi->hwo", patches(image, weights.shape[1:3], stride), weights)


def depthwise_conv2d(image, weights, stride):
    return np.einsum("hwyxc,yxc->hwc", patches(image, weights.shape[:2], stride), weights)


def average_pool(image):
    total = image.astype(np.int64).sum(axis=(0, 1))
    count = image.shape[0] * image.shape[1]
    return np.sign(total) * ((2 * np.abs(total) + count) // (2 * count))


def exp_of_negative(x):
    """exp of one number <= 0 in Q5.26 as Q0.31, the way gemmlowp computes it."""

    def multiply(a, b):
        return int(saturating_rounding_doubling_high_mul(a, b))

    def divide(value, exponent):
        return int(rounding_divide_by_power_of_two(value, exponent))

    if x == 0:
        return (1 << 31) - 1
    quarter = 1 << 24
    small = x % quarter - quarter
    t = (small << 5) + (1 << 28)
    t2 = multiply(t, t)
    t3 = multiply(t2, t)
    t4_over_4 = divide(multiply(t2, t2), 2)
    polynomial = divide(multiply(t4_over_4 + t3, 715827883) + t2, 1)
    result = 1895147668 + multiply(1895147668, t + polynomial)
    quarters = (small - x) // quarter
    factors = [1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242]
    for bit, factor in enumerate(factors):
        if quarters >> bit & 1:
            result = multiply(result, factor)
    return result


def reciprocal_of_one_plus(x):
    """1 / (1 + x) for x in Q0.31, the way gemmlowp computes it."""

    def multiply(a, b):
        return int(saturating_rounding_doubling_high_mul(a, b))

    half_denominator = (x + (1 << 31)) >> 1
    estimate = 1515870810 + multiply(half_denominator, -1010580540)
    for _ in range(3):
        error = (1 << 29) - multiply(half_denominator, estimate)
        estimate += multiply(estimate, error) << 2
    return min(estimate << 1, (1 << 31) - 1)


def softmax(logits, multiplier, shift, smallest_difference):
    differences = [int(value) - int(logits.max()) for value in logits]
    exponentials = [
        exp_of_negative(int(saturating_rounding_doubling_high_mul(d << shift, multiplier)))
        if d >= smallest_difference
        else None
        for d in differences
    ]
    total = sum(int(rounding_divide_by_power_of_two(e, 12)) for e in exponentials if e is not None)
    integer_bits = total.bit_length() - 20  # total is Q12.19
    fraction = (total << (32 - total.bit_length())) - (1 << 31)
    inverse = reciprocal_of_one_plus(fraction)
    result = []
    for e in exponentials:
        share = 0
        if e is not None:
            share = rounding_divide_by_power_of_two(
                saturating_rounding_doubling_high_mul(inverse, e), integer_bits + 31 - 8
            )
        result.append(min(int(share) - 128, 127))
    return np.array(result)


# Random numbers.


class Random:
    """Integers from the bit generator itself: NumPy keeps its stream the same in every release."""

    def __init__(self, seed):
        self.bits = np.random.PCG64(seed)

    def integers(self, low, high, shape):
        raw = self.bits.random_raw(int(np.prod(shape))) >> np.uint64(32)
        return low + (raw % np.uint64(high - low)).astype(np.int64).reshape(shape)


def random_weights(rng, shape):
    """Weights with a triangular distribution over the whole of [-127, 127]."""
    return (rng.integers(-127, 128, shape) + rng.integers(-127, 128, shape)) // 2


# Layers.


def calibrated(rng, sums, zero_point):
    """(bias, multiplier, shift, output) of a layer with these sums, so that its output uses the range of int8.

    Per channel: centre the sums, move them up or down by up to one mean deviation, and give one deviation 64 steps, so
    that the few values beyond four deviations saturate.
    """
    channels = sums.shape[-1]
    columns = sums.reshape(-1, channels)
    mean = columns.sum(axis=0) // len(columns)
    deviation = np.maximum(np.abs(columns - mean).sum(axis=0) // len(columns), 1)
    bias = deviation * rng.integers(-4, 9, channels) // 8 - mean
    multiplier, shift = np.array([quantize_ratio(64, int(d)) for d in deviation]).T
    output = np.clip(requantize(sums + bias, multiplier, shift) + zero_point, -128, 127)
    return bias, multiplier, shift, output


# The files.


def c_array(kind, name, values):
    numbers = [str(int(value)) for value in np.asarray(values).reshape(-1)]
    lines, line = [], "   "
    for number in numbers:
        if len(line) + len(number) + 2 > 118:
            lines.append(line)
            line = "   "
        line += f" {number},"
    lines.append(line)
    return "\n".join([f"static const {kind} {name}[{len(numbers)}] = {{", *lines, "};", ""])


def c_shape(shape):
    return "{" + ", ".join(str(size) for size in shape) + "}"


def write_or_check(folder, files, description):
    """Write the files, {name: text}; with --check on the command line, compare them with what is there."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the files instead of writing them")
    check = parser.parse_args().check
    stale = []
    for name, text in files.items():
        path = folder / name
        if not check:
            path.write_bytes(text.encode())
        elif not path.exists() or path.read_bytes() != text.encode():
            stale.append(name)
    if stale:
        sys.exit("not what generate.py writes: " + ", ".join(stale))
