# SPDX-License-Identifier: Apache-2.0
"""Which calls are layers: presets with names as the frameworks have them, rules that a user gives, their errors."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from elf_writer import FLASH, FUNC, GLOBAL, LOCAL, NOP, OBJECT, RAM, Elf, firmware
from machines import prebuilt

from mcusim.errors import McusimError
from mcusim.image import Image, load
from mcusim.image.elf import read_elf
from mcusim.layers import PRESETS, LayerFacts, LayerReader, LayerRule, find_rule
from mcusim.layers.kinds import kind_of
from mcusim.layers.names import take_apart

CODE = FLASH + 64


def image_of(functions: Iterable[str], variables: dict[str, int] | None = None) -> Image:
    """Return an image with functions of 16 bytes, in order, and variables in RAM by their sizes in bytes."""
    names = list(functions)
    elf: Elf = firmware(NOP * 8 * (len(names) + 1))
    elf.section(".bss").size = 16 + sum((variables or {}).values())
    elf.symbols = [symbol for symbol in elf.symbols if symbol[0] != "Reset_Handler"]
    elf.symbol("Reset_Handler", CODE | 1, 16, FUNC, GLOBAL)
    for index, name in enumerate(names):
        elf.symbol(name, CODE + 16 * (index + 1) | 1, 16, FUNC, LOCAL)
    address = RAM + 16
    for name, size in (variables or {}).items():
        elf.symbol(name, address, size, OBJECT, LOCAL, ".bss")
        address += size
    return read_elf(Path("firmware.elf"), elf.build())


def names(image: Image, addresses: Iterable[int]) -> set[str]:
    """Return the raw names of the functions at addresses."""
    found = {image.function_at(address) for address in addresses}
    return {symbol.raw_name for symbol in found if symbol is not None}


def parents(image: Image, rule: LayerRule) -> dict[str, set[str] | None]:
    """Return the parents of a rule by name."""
    return {
        next(iter(names(image, [address]))): None if callees is None else names(image, callees)
        for address, callees in rule.parents.items()
    }


def found(text: str, image: Image) -> LayerRule:
    rule = find_rule(text, image)
    assert rule is not None
    return rule


CONV_EVAL = "_ZN6tflite12_GLOBAL__N_18ConvEvalEP13TfLiteContextP10TfLiteNode"
EVAL_INT8 = "_ZN6tflite12_GLOBAL__N_18EvalInt8EP13TfLiteContextP10TfLiteNode.lto_priv.1"
PREPARE = "_ZN6tflite11ConvPrepareEP13TfLiteContextP10TfLiteNode"
SUBGRAPH = "_ZN6tflite21MicroInterpreterGraph14InvokeSubgraphEi"
TFLM = [SUBGRAPH, "_ZN6tflite16MicroInterpreter6InvokeEv", CONV_EVAL, EVAL_INT8, PREPARE, "_Z9MicroPrintfPKcz"]
CMSIS_NN = [
    "arm_convolve_wrapper_s8", "arm_convolve_s8", "arm_depthwise_conv_s8_opt", "arm_fully_connected_s8",
    "arm_convolve_wrapper_s8_get_buffer_size", "arm_nn_mat_mult_nt_t_s8", "arm_nn_vec_mat_mult_t_s8",
    "arm_softmax_s8", "arm_elementwise_add_s8", "arm_avgpool_s8", "arm_max_pool_s8",
]  # fmt: skip
TINYENGINE = [
    "invoke", "invoke_inf", "invoke_1patch", "end2endinference", "convolve_1x1_s8_ch16_fpreq", "memcpy",
    "depthwise_kernel3x3_stride1_inplace_CHW", "patchpadding_convolve_s8_kernel3_inputch3_stride2", "invoke.part.0",
]  # fmt: skip
TVM = [
    "tvmgen_default_run", "tvmgen_default___tvm_main__", "tvmgen_default_fused_nn_conv2d_add_cast_clip_3",
    "tvmgen_default_cmsis_nn_main_0", "TVMBackendAllocWorkspace",
]  # fmt: skip
CUBE = ["ai_network_run", "ai_layers_forward_all", "forward_conv2d_sssa8_ch", "node_convert", "forward_sm"]
EON = ["_Z20trained_model_invokev", "_ZN6tflite3ops5micro15fully_connected4EvalEP13TfLiteContextP10TfLiteNode"]


@pytest.mark.parametrize(
    ("preset", "functions"),
    [
        ("edge-impulse", EON + TFLM + CMSIS_NN),
        ("edge-impulse", ["_Z21tflite_learn_5_invokev", CONV_EVAL]),
        ("tflm", TFLM + CMSIS_NN),
        ("tvm", TVM + CMSIS_NN),
        ("x-cube-ai", CUBE),
        ("tinyengine", TINYENGINE),
        ("cmsis-nn", CMSIS_NN),
        ("generic", ["conv2d_s8", "softmax_s8", "run_layer"]),
        ("markers", ["mcusim_layer_begin", "mcusim_layer_end", *TFLM]),
    ],
)
def test_auto_takes_the_outer_framework(preset: str, functions: list[str]) -> None:
    image = image_of(functions)
    rule = found("auto", image)
    assert rule.preset == preset
    assert rule == found(preset, image)


def test_auto_finds_nothing_in_other_firmware() -> None:
    assert find_rule("auto", load(prebuilt("hello", "nucleo-l4r5zi"))) is None
    assert find_rule("auto", image_of(["conv_task", "conv_init", "softmax_test", "invoke", "train", "add"])) is None
    assert find_rule("none", image_of(TFLM)) is None


def test_tflm_takes_the_operators_the_interpreter_calls() -> None:
    image = image_of(TFLM, {"_ZN12_GLOBAL__N_112tensor_arenaE": 4096, "arena_size": 4})
    rule = found("tflm", image)
    operators = {CONV_EVAL, EVAL_INT8, PREPARE}
    assert parents(image, rule) == {TFLM[0]: operators, TFLM[1]: operators}
    assert rule.arenas == ("(anonymous namespace)::tensor_arena",)


def test_frameworks_on_cmsis_nn_name_the_kernels_that_tell_more() -> None:
    image = image_of(TFLM + CMSIS_NN)
    rule = found("auto", image)
    assert rule.details == found("cmsis-nn", image).outermost
    assert not rule.outermost


def test_tinyengine_has_stages() -> None:
    image = image_of(TINYENGINE, {"buffer": 1000, "sbuf": 4})
    rule = found("tinyengine", image)
    assert parents(image, rule) == {
        "invoke": None, "invoke_inf": None, "invoke_1patch": None, "invoke.part.0": None,
        "end2endinference": {"invoke_1patch"},
    }  # fmt: skip
    assert names(image, rule.helpers) == {"memcpy", "invoke.part.0"}
    assert rule.arenas == ("buffer",)


def test_tvm_takes_the_generated_operators() -> None:
    image = image_of(TVM, {"g_aot_memory": 2048, "global_workspace": 512})
    rule = found("tvm", image)
    assert names(image, rule.outermost) == set(TVM[2:4])
    assert rule.arenas == ("g_aot_memory", "global_workspace")
    old = image_of(["fused_nn_conv2d_add", "TVMBackendAllocWorkspace"])
    assert names(old, found("auto", old).outermost) == {"fused_nn_conv2d_add"}


def test_cube_takes_the_runtime_s_layers() -> None:
    image = image_of(CUBE, {"pool0": 800, "data_activations0": 4})
    rule = found("x-cube-ai", image)
    assert names(image, rule.outermost) == set(CUBE[2:])
    assert rule.arenas == ("pool0",)


def test_cmsis_nn_takes_what_users_call_and_no_support_functions() -> None:
    image = image_of(CMSIS_NN)
    wanted = set(CMSIS_NN) - set(CMSIS_NN[4:7])
    assert names(image, found("cmsis-nn", image).outermost) == wanted


def test_generic_finds_our_own_example() -> None:
    image = load(prebuilt("keyword_spotting", "nucleo-l4r5zi"))
    rule = found("auto", image)
    operators = (
        "conv2d_s8",
        "conv2d_1x1_s8",
        "depthwise_conv2d_s8",
        "average_pool_s8",
        "fully_connected_s8",
        "softmax_s8",
    )
    assert rule.preset == "generic"
    assert names(image, rule.outermost) == set(operators)
    assert rule.arenas == ("arena",)


def test_generic_needs_two_kinds_and_one_that_multiplies() -> None:
    assert find_rule("auto", image_of(["conv2d_s8", "conv2d_1x1_s8"])) is None
    assert find_rule("auto", image_of(["softmax_s8", "max_pool"])) is None
    assert find_rule("auto", image_of(["conv2d_init", "softmax_test"])) is None


def test_generic_takes_the_small_operators_beside_large_ones() -> None:
    network = ["conv2d_s8", "max_pool_rows_s8", "leaky_relu_s8", "add_s8", "fully_connected_s8", "relu"]
    image = image_of([*network, "add", "fill_s8", "checksum_s8", "main", "run_network"])
    assert names(image, found("auto", image).outermost) == set(network)


def test_clones_are_their_functions() -> None:
    image = image_of(["conv2d_s8.constprop.0", "max_pool_s8.isra.0", "conv2d_s8.constprop.0.cold"])
    assert names(image, found("generic", image).outermost) == {"conv2d_s8.constprop.0", "max_pool_s8.isra.0"}
    assert names(image, found("callees-of=conv2d_s8", image).parents) == {
        "conv2d_s8.constprop.0",
        "conv2d_s8.constprop.0.cold",
    }


def test_callees_of() -> None:
    image = image_of(["network_run", "head", "__aeabi_memcpy", "_Z4stepiPKc", "other"])
    rule = found("callees-of=network_run, head", image)
    assert parents(image, rule) == {"network_run": None, "head": None}
    assert names(image, rule.helpers) == {"__aeabi_memcpy"}
    for name in ("step", "step(int, char const*)", "_Z4stepiPKc"):
        assert parents(image, found(f"callees-of={name}", image)) == {"_Z4stepiPKc": None}


def test_match() -> None:
    image = image_of(
        ["conv_a", "conv_b.part.0", "conv_b", "conv_c.part.0", "conv_a.cold", "deconv", "_ZN3net6conv_dEv"]
    )
    rule = found("match=^(net::)?conv", image)
    assert names(image, rule.starts) == {"conv_a", "conv_b", "conv_c.part.0", "_ZN3net6conv_dEv"}


def test_markers() -> None:
    image = image_of(["mcusim_layer_begin", "_ZN6mcusim3endEv", "mcusim_layer_end"], {"tensor_arena": 256})
    rule = found("auto", image)
    assert names(image, rule.begin_markers) == {"mcusim_layer_begin"}
    assert names(image, rule.end_markers) == {"mcusim_layer_end"}
    assert rule.arenas == ("tensor_arena",)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("tflm", "firmware.elf: --layers tflm finds nothing: it looks for tflite::MicroInterpreterGraph::"),
        ("tflm", "what fits this firmware: tinyengine"),
        ("markers", "no mcusim_layer_begin and mcusim_layer_end"),
        ("callees-of=invok", "did you mean invoke"),
        ("callees-of=zzzzzz", "no such function: what fits this firmware: tinyengine"),
        ("callees-of=", "needs a function"),
        ("match=kernel3x4", "did you mean"),
        ("match=(", "not a regular expression"),
        ("match=", "needs a regular expression"),
        ("tensorflow", "give one of auto, none, markers, edge-impulse, tflm"),
    ],
)
def test_a_rule_that_matches_nothing_says_what_would(text: str, says: str) -> None:
    with pytest.raises(McusimError) as caught:
        find_rule(text, image_of(TINYENGINE))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_without_symbols() -> None:
    elf = firmware()
    elf.symbols = []
    image = read_elf(Path("firmware.elf"), elf.build())
    assert find_rule("auto", image) is None
    for text in ("tflm", "match=conv", "callees-of=main", "markers"):
        with pytest.raises(McusimError, match="has none: give the ELF file"):
            find_rule(text, image)


def test_presets_say_where_their_names_come_from() -> None:
    assert all(preset.source and preset.looks_for for preset in PRESETS.values())
    nothing = image_of(["main"])
    for name in PRESETS:
        with pytest.raises(McusimError, match="no preset fits this firmware: name the function"):
            find_rule(name, nothing)


@pytest.mark.parametrize(
    ("raw", "plain", "base", "parameters", "clone"),
    [
        ("invoke.constprop.0.isra.0", "invoke", "invoke", "", ".constprop.0.isra.0"),
        (CONV_EVAL, "tflite::(anonymous namespace)::ConvEval", "ConvEval", "(TfLiteContext*, TfLiteNode*)", ""),
        (
            EVAL_INT8,
            "tflite::(anonymous namespace)::EvalInt8",
            "EvalInt8",
            "(TfLiteContext*, TfLiteNode*)",
            ".lto_priv.1",
        ),
        ("__conv2d_s8_veneer", "conv2d_s8", "conv2d_s8", "", ""),
        ("_Z3runIN3net4ConvEEvT_", "run<net::Conv>", "run", "(net::Conv)", ""),
        ("_ZN3netclEi", "net::operator()", "operator()", "(int)", ""),
        ("_ZN3net3runEPFviE", "net::run", "run", "(void (*)(int))", ""),
        (".local", ".local", ".local", "", ""),
    ],
)
def test_names_are_taken_apart(raw: str, plain: str, base: str, parameters: str, clone: str) -> None:
    name = take_apart(raw)
    assert (name.plain, name.base, name.parameters, name.clone) == (plain, base, parameters, clone)


@pytest.mark.parametrize(
    ("name", "file", "kind"),
    [
        ("arm_convolve_1x1_s8_fast", None, "conv2d"),
        ("arm_depthwise_conv_3x3_s8", None, "depthwise_conv2d"),
        ("arm_elementwise_add_s8", None, "add"),
        ("arm_avgpool_s8", None, "average_pool"),
        ("arm_transpose_conv_s8", None, "transpose_conv2d"),
        ("arm_lstm_unidirectional_s8", None, "lstm"),
        ("DepthwiseConvEval", None, "depthwise_conv2d"),
        ("Eval", "fully_connected.cc", "fully_connected"),
        ("EvalInt8", "kernels/cmsis_nn/depthwise_conv.cc", "depthwise_conv2d"),
        ("MaxEval", "pooling.cc", "max_pool"),
        ("AverageEvalInt8", "pooling.cc", "average_pool"),
        ("SoftmaxEval", None, "softmax"),
        ("Eval", "reshape.cc", "reshape"),
        ("EvalAdd", "add.cc", "add"),
        ("tvmgen_default_fused_nn_conv2d_add_fixed_point_multiply_clip_3", None, "conv2d"),
        ("tvmgen_default_fused_nn_contrib_dense_pack_add", None, "fully_connected"),
        ("tvmgen_default_fused_nn_max_pool2d_cast", None, "max_pool"),
        ("tvmgen_default_fused_reshape_cast_subtract", None, "reshape"),
        ("forward_lite_conv2d_sssa8_ch", None, "conv2d"),
        ("forward_dense_integer_SSSA_ch", None, "fully_connected"),
        ("forward_lite_node_convert_integer_if32os8", None, "convert"),
        ("node_convert", None, "convert"),
        ("patchpadding_depthwise_kernel3x3_stride1_inplace_CHW", None, "depthwise_conv2d"),
        ("convolve_s8_kernel3_inputch3_stride2_pad1_fpreq", None, "conv2d"),
        ("statble_softmax_inplace", None, "softmax"),
        ("group_conv_fp_kernel8_stride1_pad0", None, "group_conv2d"),
        ("mat_mul_fp", None, "batch_matmul"),
        ("upsample_byte", None, "resize"),
        ("run_layer", None, ""),
        ("convert_units", None, "convert"),
    ],
)
def test_kinds(name: str, file: str | None, kind: str) -> None:
    assert kind_of(name, file) == kind


@pytest.mark.parametrize(
    ("raw", "name", "kind"),
    [
        ("tvmgen_default_fused_nn_dense_add", "fused_nn_dense_add", "fully_connected"),
        ("forward_lite_conv2d_sssa8_ch", "conv2d_sssa8_ch", "conv2d"),
        ("_ZN6tflite12_GLOBAL__N_18EvalInt8EP13TfLiteContextP10TfLiteNode", "EvalInt8", ""),
        (EON[1], "fully_connected Eval", "fully_connected"),
        (CONV_EVAL, "ConvEval", "conv2d"),
        ("arm_convolve_s8.constprop.0.isra.0", "arm_convolve_s8", "conv2d"),
        ("invoke_1patch", "invoke_1patch", ""),
    ],
)
def test_facts_without_debug_information(raw: str, name: str, kind: str) -> None:
    image = image_of([raw])
    reader = LayerReader(image, LayerRule("match", "match", starts=frozenset({CODE + 16})))
    assert reader.read(CODE + 16, lambda number: 0, lambda address, size: None) == LayerFacts(name, kind, "", None)


def test_a_kernel_below_tells_what_the_layer_lacks() -> None:
    kernel = LayerFacts("arm_convolve_s8", "conv2d", "8x8x3 -> 8x8x4, 3x3 s1", 6912)
    nothing = LayerFacts("cmsis_nn_main_0", "", "", None)
    whole = LayerFacts("ConvEval", "conv2d", "8x8x3 -> 8x8x4, 3x3", 6912)
    assert nothing.completed_by(kernel) == LayerFacts("cmsis_nn_main_0", "conv2d", kernel.shape, 6912)
    assert whole.completed_by(kernel) == whole
    assert whole.completed_by(nothing) == whole


def test_a_veneer_is_its_function() -> None:
    image = image_of(["conv2d_s8", "__conv2d_s8_veneer"])
    reader = LayerReader(image, LayerRule("match", "match"))
    assert reader.read(CODE + 32, lambda number: 0, lambda address, size: None).name == "conv2d_s8"
    assert reader.read(0x1234, lambda number: 0, lambda address, size: None) == LayerFacts("sub_00001234", "", "", None)


@pytest.mark.parametrize(
    ("memory", "name", "kind"),
    [
        (b"conv 1\0rest", "conv 1", "conv2d"),
        (b"\0", "", ""),
        (b"a\xff\x01\0", "a??", ""),
        (b"x" * 200, "x" * 64, ""),
        (b"cut", "cut", ""),
    ],
)
def test_a_marker_s_text(memory: bytes, name: str, kind: str) -> None:
    image = image_of(["mcusim_layer_begin", "mcusim_layer_end"])
    reader = LayerReader(image, found("markers", image))

    def read(address: int, size: int) -> bytes | None:
        data = memory[address - 100 : address - 100 + size]
        return data if len(data) == size else None

    assert reader.read(CODE + 16, lambda number: 100 if number == 0 else 0, read) == LayerFacts(name, kind, "", None)
