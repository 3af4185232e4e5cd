# SPDX-License-Identifier: Apache-2.0
"""The example's network and its training, with the reference kernels of mcusim.kernels.

Images of 16x16x3 in three classes: stripes, bars and blobs. One convolution and four blocks of a depthwise and a
pointwise one, each with batch normalisation folded in and a ReLU, then an average and a classifier. Weights are random;
their scales, the biases and the scales of outputs are chosen from the sums that the images give, as training and
calibration would, so that activations use the range of int8.
"""

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mcusim.kernels import (
    conv2d_backward,
    depthwise_conv2d_backward,
    fully_connected_backward,
    pool_backward,
    sgd,
)
from mcusim.kernels.average_pool2d import average_pool2d
from mcusim.kernels.conv2d import conv2d
from mcusim.kernels.depthwise_conv2d import depthwise_conv2d
from mcusim.kernels.fully_connected import fully_connected
from mcusim.kernels.gradients import bias_gradient
from mcusim.kernels.output_gradient import output_gradient, pack_mask
from mcusim.kernels.softmax_cross_entropy import softmax_cross_entropy

sys.path.append(str(Path(__file__).resolve().parents[1] / "common"))
from int8_network import Random, random_weights, same_padding

SEED = 20261128
INPUT_SHAPE = (16, 16, 3)
INPUT_ZERO_POINT, INPUT_SCALE = 0, 1 / 64
ACTIVATION_ZERO_POINT, ACTIVATION_SCALE = -128, 4 / 255  # after a ReLU: zero is the smallest value
LOGIT_ZERO_POINT, LOGIT_SCALE = 3, 1 / 16
CLASSES = 3
STEPS = 9  # of one image each, which come in turn
LEARNING_RATE = 0.02
GRADIENT_MAX = 1.0  # weights' gradients are clamped to +-this
# The convolutions: depthwise 3x3 or not, channels of the output, stride.
CONVOLUTIONS = [
    ("conv", 8, 1),
    ("depthwise", 8, 2), ("pointwise", 16, 1),
    ("depthwise", 16, 2), ("pointwise", 32, 1),
    ("depthwise", 32, 2), ("pointwise", 32, 1),
    ("depthwise", 32, 1), ("pointwise", 32, 1),
]  # fmt: skip
SPARSE_FIRST = 5  # a sparse update trains the layers from this one on: two blocks and the classifier


@dataclass
class Layer:
    """A convolution or the classifier. Weights as mcusim.kernels has them, scales one for each output channel."""

    kind: str
    input_shape: tuple  # (height, width, channels)
    output_shape: tuple
    stride: int
    padding: tuple
    input_zero_point: int
    input_scale: float
    weights: np.ndarray
    weight_scales: np.ndarray  # float64
    bias: np.ndarray
    scales: np.ndarray  # float32: of a sum to an output
    output_zero_point: int

    @property
    def geometry(self):
        return {"strides": (self.stride, self.stride), "padding": self.padding}

    @property
    def weight_factors(self):
        return sgd.weight_factors(self.weight_scales)

    @property
    def bias_factors(self):
        return sgd.bias_factors(self.input_scale, self.weight_scales)

    def forward(self, tensor, passed=None, **changed):
        """The outputs; int8 (1, height, width, channels), which is (1, units) of the classifier."""
        stage = {"scales": self.scales, "output_zero_point": self.output_zero_point, "passed": passed, **changed}
        if self.kind == "classifier":
            return fully_connected(
                tensor.reshape(1, -1), self.weights, self.bias, input_zero_point=self.input_zero_point, **stage
            )
        operator = depthwise_conv2d if self.kind == "depthwise" else conv2d
        stage |= self.geometry
        return operator(tensor, self.weights, self.bias, input_zero_point=self.input_zero_point, **stage)

    def input_gradient(self, gradients):
        if self.kind == "classifier":
            return fully_connected_backward.fully_connected_input_gradient(gradients, self.weights)
        shape = (1, *self.input_shape)
        if self.kind == "depthwise":
            backward = depthwise_conv2d_backward.depthwise_conv2d_input_gradient
        else:
            backward = conv2d_backward.conv2d_input_gradient
        return backward(gradients, self.weights, shape, **self.geometry)

    def weight_gradient(self, tensor, gradients):
        zero_point = {"input_zero_point": self.input_zero_point}
        if self.kind == "classifier":
            return fully_connected_backward.fully_connected_weight_gradient(
                tensor.reshape(1, -1), gradients, **zero_point
            )
        if self.kind == "depthwise":
            backward, kernel = depthwise_conv2d_backward.depthwise_conv2d_weight_gradient, self.weights.shape[1:3]
        else:
            backward, kernel = conv2d_backward.conv2d_weight_gradient, self.weights.shape[1:3]
        return backward(tensor, gradients, kernel, **zero_point, **self.geometry)

    def updated(self, weight_gradient, gradients_of_bias):
        """The layer after one step."""
        axis = 3 if self.kind == "depthwise" else 0
        limits = {"gradient_min": -GRADIENT_MAX, "gradient_max": GRADIENT_MAX}
        weights = sgd.update_weights(
            self.weights, weight_gradient, self.weight_factors, LEARNING_RATE, channel_axis=axis, **limits
        )
        return replace(
            self,
            weights=weights,
            bias=sgd.update_bias(self.bias, gradients_of_bias, self.bias_factors, LEARNING_RATE),
        )


def make_images(rng):
    """int8 (class, height, width, channels)."""
    row, column = np.mgrid[:16, :16]
    patterns = [row // 2 % 2, column // 2 % 2, (row // 4 + column // 4) % 2]
    noise = rng.integers(-30, 31, (CLASSES, *INPUT_SHAPE))
    colours = rng.integers(30, 71, (CLASSES, 1, 1, 3))
    return ((2 * np.array(patterns)[..., None] - 1) * colours + noise).astype(np.int8)


def make_layer(rng, kind, tensor, zero_point, scale, channels, stride):
    """A layer with random weights whose sums for `tensor` (images, height, width, channels) it is calibrated to."""
    height, width, depth = tensor.shape[1:]
    size = 1 if kind in ("pointwise", "classifier") else 3
    rows, top, bottom = same_padding(height, size, stride)
    columns, left, right = same_padding(width, size, stride)
    padding = ((top, bottom), (left, right))
    if kind == "classifier":
        shape = (channels, depth)
    else:
        shape = (1, size, size, channels) if kind == "depthwise" else (channels, size, size, depth)
    weights = random_weights(rng, shape).astype(np.int8)

    # Per channel: centre the sums, move them up or down by up to one mean deviation, and let one deviation be worth 1.
    sums = exact_sums(kind, tensor.astype(np.int64) - zero_point, weights.astype(np.int64), padding, stride, size)
    columns_of_sums = sums.reshape(-1, channels)
    mean = columns_of_sums.sum(axis=0) // len(columns_of_sums)
    deviation = np.maximum(np.abs(columns_of_sums - mean).sum(axis=0) // len(columns_of_sums), 1)
    moved = np.zeros(channels, np.int64) if kind == "classifier" else deviation * rng.integers(-4, 9, channels) // 8
    worth = 0.5 if kind == "classifier" else 1.0
    weight_scales = worth / (scale * deviation)
    ends = (LOGIT_ZERO_POINT, LOGIT_SCALE) if kind == "classifier" else (ACTIVATION_ZERO_POINT, ACTIVATION_SCALE)
    return Layer(
        kind, (height, width, depth), (rows, columns, channels), stride, padding, zero_point, scale, weights,
        weight_scales, (moved - mean).astype(np.int32), (scale * weight_scales / ends[1]).astype(np.float32), ends[0],
    )  # fmt: skip


def exact_sums(kind, centred, weights, padding, stride, size):
    """Sums without a bias, in int64: (images, rows, columns, channels)."""
    if kind == "classifier":
        return centred.reshape(len(centred), -1) @ weights.T
    padded = np.pad(centred, ((0, 0), *padding, (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(1, 2))[:, ::stride, ::stride]
    if kind == "depthwise":
        return np.einsum("nhwcyx,yxc->nhwc", windows, weights[0])
    return np.einsum("nhwiyx,oyxi->nhwo", windows, weights)


def make_network():
    """(images, layers): the convolutions and the classifier, before training."""
    rng = Random(SEED)
    images = make_images(rng)
    layers, tensor, zero_point, scale = [], images, INPUT_ZERO_POINT, INPUT_SCALE
    for kind, channels, stride in CONVOLUTIONS:
        layers.append(make_layer(rng, kind, tensor, zero_point, scale, channels, stride))
        tensor = np.concatenate([layers[-1].forward(image[None]) for image in tensor])
        zero_point, scale = ACTIVATION_ZERO_POINT, ACTIVATION_SCALE
    pooled = average_pool2d(tensor, tensor.shape[1:3])
    layers.append(make_layer(rng, "classifier", pooled, zero_point, scale, CLASSES, 1))
    return images, layers


def train_step(layers, first, image, label):
    """(loss, layers after one step): those from `first` on are trained."""
    inputs, masks, tensor = [], [], image[None]
    for layer in layers:
        if layer.kind == "classifier":
            unpooled, tensor = tensor, average_pool2d(tensor, tensor.shape[1:3])
        passed = np.zeros((1, *layer.output_shape) if layer.kind != "classifier" else (1, CLASSES), np.bool_)
        inputs.append(tensor)
        tensor = layer.forward(tensor, passed)
        masks.append(pack_mask(passed))
    losses, gradients = softmax_cross_entropy(tensor, np.array([label], np.int32), input_scale=LOGIT_SCALE)

    trained = list(layers)
    for index in range(len(layers) - 1, first - 1, -1):
        layer = layers[index]
        gradients = output_gradient(gradients, layer.scales, masks[index])
        weight_gradient = layer.weight_gradient(inputs[index], gradients)
        trained[index] = layer.updated(weight_gradient, bias_gradient(gradients))
        gradients = layer.input_gradient(gradients)
        if layer.kind == "classifier":
            gradients = pool_backward.average_pool2d_gradient(
                gradients.reshape(1, 1, 1, -1), unpooled.shape, unpooled.shape[1:3]
            )
    return losses[0], trained
