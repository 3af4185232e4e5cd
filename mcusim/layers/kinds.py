# SPDX-License-Identifier: Apache-2.0
"""What kind of operator a function is, from its name: one table for all frameworks."""

from __future__ import annotations

import re

from mcusim.layers.names import snake

# Tried in this order on the name in lower case: an operator that does the work before what is fused to it.
_HEAVY: tuple[tuple[str, str], ...] = (
    ("transpose_depthwise_conv2d", r"transpose_depth_?wise_conv"),
    ("depthwise_conv2d", r"depth_?wise|(?<![a-z])dw_?conv"),
    ("transpose_conv2d", r"transpose_?conv|conv(?:2d)?_?transpose|deconv"),
    ("group_conv2d", r"group_(?:pointwise_)?conv"),
    ("conv1d", r"conv(?:olve)?_?1d"),
    ("conv3d", r"conv(?:olve)?_?3d"),
    ("conv2d", r"(?<![a-z])(?:pointwise_?)?conv(?:olution)?(?![a-z])|convolve|conv_?2d"),
    ("fully_connected", r"fully_?connected|(?<![a-z])dense(?![a-z])|(?<![a-z])gemm(?![a-z])|(?<![a-z])fc(?![a-z])"),
    ("batch_matmul", r"batch_?mat_?mul|(?<![a-z])mat_?mul(?![a-z])"),
    ("lstm", r"lstm"),
    ("gru", r"(?<![a-z])gru(?![a-z])"),
    ("svdf", r"svdf"),
    ("average_pool", r"(?<![a-z])(?:global_)?av(?:g|e|erage)_?pool|average.* pooling(?![a-z])|avepool"),
    ("max_pool", r"(?<![a-z])(?:global_)?max_?pool|max.* pooling(?![a-z])"),
    ("pool", r"(?<![a-z])(?:pool|nl_pool|pp)(?:2d)?(?![a-z])"),
    ("log_softmax", r"log_?softmax"),
    ("softmax", r"softmax|(?<![a-z])sm(?=_is8)"),
)
# Of these the one that comes first in the name, and of those at one place the longest; `{e}` is a word for elementwise.
_LIGHT: tuple[tuple[str, str], ...] = (
    ("batch_norm", r"batch_?norm(?:alization)?|(?<![a-z])bn(?![a-z])"),
    ("layer_norm", r"layer_?norm"),
    ("add", r"(?:{e}_)?add(?:_n)?"),
    ("sub", r"(?:{e}_)?sub(?:tract)?"),
    ("mul", r"(?:{e}_|element_)?mul(?:t|tiply)?"),
    ("div", r"(?:{e}_)?div(?:ide)?"),
    ("eltwise", r"{e}"),
    ("minimum", r"min(?:imum)?"),
    ("maximum", r"max(?:imum)?"),
    ("relu6", r"re_?lu_?6"),
    ("leaky_relu", r"leaky_?re_?lu"),
    ("prelu", r"p_?re_?lu"),
    ("relu", r"re_?lu"),
    ("elu", r"elu"),
    ("hard_swish", r"hard_?swish"),
    ("logistic", r"logistic|sigmoid"),
    ("tanh", r"tanh"),
    ("activation", r"activation|nl"),
    ("mean", r"mean"),
    ("reduce", r"reduce|sum|all|any"),
    ("arg_max", r"arg_?max"),
    ("arg_min", r"arg_?min"),
    ("concatenation", r"concat(?:enat(?:e|ion))?"),
    ("reshape", r"reshape|flatten|expand_?dims|squeeze"),
    ("transpose", r"transpose|permute|layout_?transform"),
    ("pad", r"pad(?:ding|_v2)?|mirror_?pad"),
    ("strided_slice", r"strided_?slice"),
    ("slice", r"slice"),
    ("split", r"split(?:_v)?"),
    ("pack", r"pack"),
    ("unpack", r"unpack"),
    ("gather", r"gather(?:_nd)?"),
    ("resize", r"resize(?:_[a-z]+)*|upsample(?:_[a-z]+)*"),
    ("dequantize", r"dequantize"),
    ("quantize", r"(?:re)?quantize"),
    ("convert", r"convert|conversion|node_convert"),
    ("cast", r"cast"),
    ("exp", r"exp|tte_exp"),
    ("log", r"log"),
    ("neg", r"neg(?:ative)?"),
    ("sqrt", r"sqrt"),
    ("rsqrt", r"rsqrt"),
    ("where", r"where|select"),
    ("nll_loss", r"nll_?loss"),
)
_HEAVY_PATTERNS = tuple((kind, re.compile(pattern)) for kind, pattern in _HEAVY)
_ELEMENTWISE = r"(?:element_?wise|eltwise)"
_LIGHT_PATTERNS = tuple(
    (kind, re.compile(rf"(?<![a-z])(?:{pattern.replace('{e}', _ELEMENTWISE)})(?![a-z])")) for kind, pattern in _LIGHT
)
HEAVY_KINDS = frozenset(kind for kind, _ in _HEAVY)
# Kinds of which the number of multiply-accumulate operations follows from the shape.
MAC_KINDS = frozenset(
    {"conv1d", "conv2d", "depthwise_conv2d", "group_conv2d", "transpose_conv2d", "fully_connected", "batch_matmul"}
)


_ABOUT = re.compile(r"buffer_size|(?:^|_)get_")  # a question about an operator, such as how much scratch it needs


def kind_of(name: str, file: str | None = None) -> str:
    """Return the kind of operator that a function's name tells, or else its source file's; '' where neither does.

    `EvalInt8` of `depthwise_conv.cc` and `MaxEval` of `pooling.cc` need the file: TFLite Micro names operators so.
    """
    text = snake(name)
    if _ABOUT.search(text):
        return ""
    stem = snake(re.split(r"[/\\]", file)[-1].partition(".")[0]) if file else ""
    found = _heavy(text) or (_heavy(f"{text} {stem}") if stem else "")
    return found or _light(text) or (_light(stem) if stem else "")


def _heavy(text: str) -> str:
    return next((kind for kind, pattern in _HEAVY_PATTERNS if pattern.search(text)), "")


def _light(text: str) -> str:
    best = (len(text), 0, "")
    for kind, pattern in _LIGHT_PATTERNS:
        match = pattern.search(text)
        if match and (match.start(), -len(match.group())) < best[:2]:
            best = (match.start(), -len(match.group()), kind)
    return best[2]
