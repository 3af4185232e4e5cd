# SPDX-License-Identifier: Apache-2.0
"""The frameworks that are recognised by their symbols, in the order in which `auto` tries them.

The outer framework comes first: Edge Impulse's firmware contains TFLite Micro, TFLite Micro's and microTVM's contain
CMSIS-NN. Beside each preset stands the public repository and the path that its names come from.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from mcusim.layers.kinds import HEAVY_KINDS, MAC_KINDS, kind_of
from mcusim.layers.names import Function, Functions

_OPERATOR = "(TfLiteContext*, TfLiteNode*)"  # what every operator of TFLite takes: no other function of it is called so


@dataclass(frozen=True)
class Found:
    """What a preset found: see `LayerRule`. `text` says in words which calls are layers."""

    text: str
    starts: frozenset[int] = frozenset()
    outermost: frozenset[int] = frozenset()
    parents: dict[int, frozenset[int] | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Preset:
    """A framework: what it is recognised by.

    `looks_for` is for people, `arenas` matches the plain names of the arrays that the framework plans tensors into.
    `find` returns None where the framework is not there. `signs` are functions of which `auto` wants to see one more:
    for a preset whose other names are common words.
    """

    name: str
    looks_for: str
    source: str
    arenas: re.Pattern[str]
    find: Callable[[Functions], Found | None]
    signs: re.Pattern[str] | None = None


def _addresses(functions: Iterable[Function]) -> frozenset[int]:
    return frozenset(function.address for function in functions)


def _listed(functions: Iterable[Function]) -> str:
    """Return plain names for a sentence, shortest form, each once."""
    return ", ".join(dict.fromkeys(function.names[0].plain for function in functions))


_EON = re.compile(r"(?:trained_model|tflite_learn_\w+?)_invoke")
_TFLM = re.compile(r"tflite::Micro(?:Interpreter)?Graph::InvokeSubgraph|tflite::MicroInterpreter::Invoke")


def _operators(functions: Functions) -> frozenset[int]:
    """Return the functions that take what an operator of TFLite takes (Eval and Prepare alike)."""
    return _addresses(each for each in functions if any(name.parameters == _OPERATOR for name in each.names))


def _find_edge_impulse(functions: Functions) -> Found | None:
    invokes = [each for each in functions if any(_EON.fullmatch(name.base) for name in each.names)]
    operators = _operators(functions)
    if not invokes or not operators:
        return None
    callers = [*invokes, *functions.named(_TFLM)]
    text = f"edge-impulse: the operators called by {_listed(invokes)}"
    return Found(text, parents={each.address: operators for each in callers})


def _find_tflm(functions: Functions) -> Found | None:
    callers = functions.named(_TFLM)
    operators = _operators(functions)
    if not callers or not operators:
        return None
    text = f"tflm: the operators called by {_listed(callers)}"
    return Found(text, parents={each.address: operators for each in callers})


# tvmgen_<module>_<operator>; older versions call it fused_<operator> and have no module.
_TVM_NAMED = re.compile(r"tvmgen_\w+?_(?!_?_tvm_main__|run$|run_model$|get_c_metadata$)\w+")
_TVM_NOT = re.compile(
    r".*(?:__tvm_main__|_run|_run_model|_run_packed|_get_c_metadata|_tvm_module_\w+|_create|_destroy|_packed|"
    r"_compute_)"
)
_TVM_OLD = re.compile(r"fused_\w+")
_TVM_RUNTIME = re.compile(r"TVM\w+|tvm_\w+|StackMemoryManager_\w+|__tvm_main__")


def _find_tvm(functions: Functions) -> Found | None:
    operators = [each for each in functions.named(_TVM_NAMED) if not each.is_named(_TVM_NOT)]
    if not operators and functions.has(_TVM_RUNTIME):
        operators = [each for each in functions.named(_TVM_OLD) if not each.is_named(_TVM_NOT)]
    if not operators:
        return None
    return Found("tvm: the operators that microTVM has generated (tvmgen_*)", outermost=_addresses(operators))


_CUBE_LAYER = re.compile(r"forward_\w+|node_convert\w*")
_CUBE_RUNTIME = re.compile(r"ai_\w+_run|stai_\w+_run|ai_layers_forward_all|ai_platform_\w+|ai_network_\w+")


def _find_cube(functions: Functions) -> Found | None:
    layers = functions.named(_CUBE_LAYER)
    if not layers or not functions.has(_CUBE_RUNTIME):
        return None
    return Found("x-cube-ai: the layer functions of its runtime (forward_*)", outermost=_addresses(layers))


_TINY_LISTS = re.compile(r"invoke|invoke_inf|invoke_\d*patch\w*")
_TINY_PATCH = re.compile(r"invoke_\d*patch\w*")
_TINY_WHOLE = re.compile(r"invoke|invoke_inf")
_TINY_KERNELS = re.compile(
    r"(?:patchpadding_)?(?:kbuf_)?convolve_[su]8_kernel\w+|convolve_1x1_s8\w*|(?:patchpadding_)?depthwise_kernel\d\w+|"
    r"TFLite_\w+_fp|TFLite_\w+_int8\w*|end2endinference|statble_softmax_inplace|avg_pooling|add_fpreq\w*"
)


def _find_tinyengine(functions: Functions) -> Found | None:
    lists = [each for each in functions if _is_plain(each, _TINY_LISTS)]
    if not lists:
        return None
    parents: dict[int, frozenset[int] | None] = {each.address: None for each in lists}
    patches = _addresses(each for each in lists if _is_plain(each, _TINY_PATCH))
    wholes = _addresses(each for each in lists if _is_plain(each, _TINY_WHOLE))
    for each in functions:
        if patches and _is_plain(each, re.compile("end2endinference")):
            parents[each.address] = patches
        elif wholes and _is_plain(each, re.compile("train")):
            parents[each.address] = wholes
    starts = wholes if len(wholes) > 1 else frozenset()  # inference beside training: each is a layer of its own
    return Found(f"tinyengine: the functions called by {_listed(lists)}", starts=starts, parents=parents)


def _is_plain(function: Function, pattern: re.Pattern[str]) -> bool:
    """Return whether a function that is no method has this name: the generated code is C, some compile it as C++."""
    return any(name.plain == name.base and pattern.fullmatch(name.base) for name in function.names)


# The functions that CMSIS-NN's users call, and the kernels below its wrappers (outermost: a wrapper hides its kernel).
_CMSIS_NN = re.compile(
    r"arm_(?:convolve|depthwise|fully_connected|avgpool|avepool|maxpool|max_pool|softmax|elementwise|concatenation|"
    r"svdf|lstm|gru|transpose|reshape|batch_matmul|pad|relu|minimum|maximum|nn_activations?)\w*_"
    r"(?:s4|s8|s16|u8|q7|q15|[wxyz]|opt|fast|nonsquare|basic|HWC|RGB|s64)(?:_\w+)?"
)
_CMSIS_NN_NOT = re.compile(r".*get_(?:reverse_conv_)?buffer_size\w*|arm_\w*(?:_mat_mult_|vec_mat_mult)\w*")


def _find_cmsis_nn(functions: Functions) -> Found | None:
    layers = [each for each in functions.named(_CMSIS_NN) if not each.is_named(_CMSIS_NN_NOT)]
    if not layers:
        return None
    return Found("cmsis-nn: the outermost calls of CMSIS-NN (arm_*_s8 and the like)", outermost=_addresses(layers))


# Words that make a function with an operator in its name something else: a check of it, its set-up.
_NO_OPERATOR = re.compile(
    r"(?:^|_)(?:get|set|init\w*|create|alloc\w*|free|destroy|size|print|test|check|verify|prepare|parse|load|save|"
    r"config\w*|register|setup|build|dump|handler|isr|callback|count|name|buffer_size|params?|table|lut|demo|main)(?:_|$)"
)
_GENERIC = re.compile(
    r"(?:(?:nn|layer|layers|op|ops|run|do|kernel|my|q|int8|s8|u8|f32|float|quant\w*|tiny|ref|reference|opt)_)*"
    r"(?:conv(?:olve|olution)?(?:_?[123]d|_layer|_?\dx\d|_s8|_s16|_u8|_int8|_q7|_q15|_f32|_float)\w*|"
    r"(?:depthwise|pointwise)_?conv\w*|depthwise\w*|fully_?connected\w*|dense(?:_\w+)?|(?:global_)?(?:avg|average|max)_?pool\w*|"
    r"softmax(?:_\w+)?|(?:leaky_|p)?relu6?|batch_?norm\w*|"
    r"(?:(?:leaky_|p)?relu6?|g?elu|sigmoid|logistic|tanh|hard_swish|add|sub|mul|concat\w*|pad|transpose|reshape|mean)_"
    r"(?:s8|s16|u8|int8|q7|q15|f32|float|layer)\w*|"
    r"(?:element_?wise|eltwise)_?\w+|lstm(?:_\w+)?|gru(?:_\w+)?)"
)


def _find_generic(functions: Functions) -> Found | None:
    """Return operators by common names, where there are at least two kinds and one of them counts MACs."""
    layers: list[Function] = []
    kinds: set[str] = set()
    for each in functions:
        name = each.names[0]
        plain = name.base.lower()
        if name.is_part or not _GENERIC.fullmatch(plain) or _NO_OPERATOR.search(plain):
            continue
        layers.append(each)
        kinds.add(kind_of(name.base))
    if len(kinds & HEAVY_KINDS) < 2 or not kinds & MAC_KINDS:
        return None
    return Found(f"generic: the outermost calls of {_listed(layers)}", outermost=_addresses(layers))


def _arenas(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_TFLITE_ARENAS = _arenas(r"\w*arena\w*|\w*tensorpool\w*")
PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            "edge-impulse",
            "trained_model_invoke or tflite_learn_*_invoke, and operators of TFLite",
            "EON's generated tflite-model/*_compiled.cpp, as in wagglehands/DIY_Heartrate-Monitor",
            _TFLITE_ARENAS,
            _find_edge_impulse,
        ),
        Preset(
            "tflm",
            "tflite::MicroInterpreterGraph::InvokeSubgraph (MicroGraph's, MicroInterpreter::Invoke) and operators",
            "tensorflow/tflite-micro tensorflow/lite/micro/micro_interpreter_graph.cc, kernels/",
            _TFLITE_ARENAS,
            _find_tflm,
        ),
        Preset(
            "tvm",
            "tvmgen_*, or fused_* beside microTVM's run time",
            "apache/tvm (AOT and C run time), as in tum-ei-eda/etiss_riscv_examples target_code/tvm",
            _arenas(r"global_(?:\w+_)?workspace\w*|g_aot_memory|g_crt_(?:workspace|memory)|g_memory|workspace"),
            _find_tvm,
        ),
        Preset(
            "x-cube-ai",
            "forward_* and node_convert beside ai_*_run, stai_*_run or ai_layers_forward_all",
            "STM32 projects with X-CUBE-AI/App/network.c, as in j0shmillar/uNPU-Bench; layers.h of its middleware",
            _arenas(r"pool\d+|pool_\d+_ram|(?:\w+_)?activations?(?:_buffer|_\d+|_pool)?"),
            _find_cube,
        ),
        Preset(
            "tinyengine",
            "invoke, invoke_inf, invoke_1patch beside a kernel of TinyEngine",
            "mit-han-lab/tinyengine code_generator/CodeGenerator.py, TinyEngine/include/tinyengine_function.h",
            _arenas(r"buffer|sbuf|kbuf"),
            _find_tinyengine,
            _TINY_KERNELS,
        ),
        Preset(
            "cmsis-nn",
            "arm_convolve_*, arm_depthwise_conv_*, arm_fully_connected_* and the like",
            "ARM-software/CMSIS-NN Include/arm_nnfunctions.h",
            _arenas(r"\w*arena\w*|(?:\w+_)?(?:scratch|im2col|col)_?buf(?:fer)?\w*"),
            _find_cmsis_nn,
        ),
        Preset(
            "generic",
            "conv2d*, depthwise*, fully_connected*, dense*, *_pool*, softmax*, lstm*: at least two kinds",
            "names that hand-written networks use; examples/keyword_spotting",
            _arenas(r"\w*arena\w*"),
            _find_generic,
        ),
    )
}
