/* SPDX-License-Identifier: Apache-2.0 */
/* Every operator but convolutions once, as a layer of its name in mcusim.kernels. */
#include "data.h"
#include "mcusim.h"

/* Run an operator as a layer, and print what it did. */
#define RUN(name, count, unit, bytes, call) \
    do { \
        MCUSIM_LAYER(name) { \
            call; \
        } \
        report(name, count, unit, output, bytes); \
    } while (0)

#define ELEMENTS 9216
#define HALF (ELEMENTS / 2)

static const struct mk_shape image = {24, 24, 16}, small = {12, 12, 16};
static int8_t *const second = weights;

static void products(void)
{
    const struct mk_conv2d transposed = {
        .input = {8, 8, 32},
        .output = {16, 16, 16},
        .kernel_height = 3,
        .kernel_width = 3,
        .stride_height = 2,
        .stride_width = 2,
        .input_zero_point = -5,
        .weights = weights,
        .bias = bias,
        .to_output = per_channel,
    };
    const struct mk_fully_connected full = {
        .inputs = 256, .outputs = 64, .input_zero_point = -5, .weights = weights, .bias = bias, .to_output = per_tensor};
    const struct mk_batch_matmul matrices = {
        .rows = 32,
        .depth = 64,
        .columns = 32,
        .batches = {2, 1, 1},
        .first_steps = {32 * 64},
        .second_steps = {64 * 32},
        .transpose_second = 1,
        .zero_points = {-5, 3},
        .to_output = per_tensor,
    };

    RUN("transpose_conv", 8 * 8 * 32 * 9 * 16, "MACs", 16 * 16 * 16,
        mk_transpose_conv_s8(&transposed, input, output, scratch));
    RUN("fully_connected", 256 * 64, "MACs", 64, mk_fully_connected_s8(&full, input, output, scratch));
    RUN("batch_matmul", 2 * 32 * 64 * 32, "MACs", 2 * 32 * 32,
        mk_batch_matmul_s8(&matrices, input, second, output, scratch));
}

static void pools(void)
{
    const struct mk_pool pool = {
        .input = image,
        .output = small,
        .kernel_height = 2,
        .kernel_width = 2,
        .stride_height = 2,
        .stride_width = 2,
        .activation_min = -128,
        .activation_max = 127,
    };
    const struct mk_mean mean = {.input = image, .input_zero_point = -5, .to_output = per_tensor};

    RUN("average_pool2d", ELEMENTS, "elements", ELEMENTS / 4, mk_average_pool_s8(&pool, input, output));
    RUN("max_pool2d", ELEMENTS, "elements", ELEMENTS / 4, mk_max_pool_s8(&pool, input, output));
    RUN("mean", ELEMENTS, "elements", 16, mk_mean_s8(&mean, input, output));
    RUN("sum", ELEMENTS, "elements", 16, mk_sum_s8(&mean, input, output));
}

static void two_tensors(void)
{
    const struct mk_add sum = {
        .size = ELEMENTS,
        .left_shift = 20,
        .zero_points = {-5, 3},
        .multipliers = {1 << 30, 1610612736},
        .shifts = {0, -1},
        .output_multiplier = 1288490189,
        .output_shift = -18,
        .input_scales = {0.04f, 0.03f},
        .output_scale = 0.05f,
        .output_zero_point = -3,
        .activation_min = -128,
        .activation_max = 127,
    };
    const struct mk_mul product = {.size = ELEMENTS, .zero_points = {-5, 3}, .to_output = per_tensor};

    RUN("add", ELEMENTS, "elements", ELEMENTS, mk_add_s8(&sum, input, second, output));
    RUN("sub", ELEMENTS, "elements", ELEMENTS, mk_sub_s8(&sum, input, second, output));
    RUN("mul", ELEMENTS, "elements", ELEMENTS, mk_mul_s8(&product, input, second, output));
    RUN("maximum", ELEMENTS, "elements", ELEMENTS, mk_maximum_s8(ELEMENTS, input, second, output));
    RUN("minimum", ELEMENTS, "elements", ELEMENTS, mk_minimum_s8(ELEMENTS, input, second, output));
}

/* The input's scale is 1/16 where a function needs to know. */
static void by_table(void)
{
    const struct mk_factor_q31 one = {1 << 30, 1}, fifth = {1717986918, -2};
    const struct mk_sigmoid sigmoid = {-5, 15, {1 << 30, 24}};
    const struct mk_hard_swish swish = {-5, -3, 16384, -6, 21845, 3};
    const struct mk_leaky_relu leaky = {-5, -3, one, fifth, 0};
    const struct mk_relu relu = {-5, -3, one, -3, 127};
    static int8_t table[MK_TABLE_BYTES];

    RUN("logistic table", 256, "elements", 0, mk_logistic_table(&sigmoid, table));
    RUN("logistic", ELEMENTS, "elements", ELEMENTS, mk_lookup_s8(ELEMENTS, table, input, output));
    RUN("tanh table", 256, "elements", 0, mk_tanh_table(&sigmoid, table));
    RUN("tanh", ELEMENTS, "elements", ELEMENTS, mk_lookup_s8(ELEMENTS, table, input, output));
    RUN("hard_swish table", 256, "elements", 0, mk_hard_swish_table(&swish, table));
    RUN("hard_swish", ELEMENTS, "elements", ELEMENTS, mk_lookup_s8(ELEMENTS, table, input, output));
    RUN("leaky_relu table", 256, "elements", 0, mk_leaky_relu_table(&leaky, table));
    RUN("leaky_relu", ELEMENTS, "elements", ELEMENTS, mk_lookup_s8(ELEMENTS, table, input, output));
    RUN("relu table", 256, "elements", 0, mk_relu_table(&relu, table));
    RUN("relu", ELEMENTS, "elements", ELEMENTS, mk_lookup_s8(ELEMENTS, table, input, output));
}

static void one_tensor(void)
{
    const struct mk_relu6 relu6 = {ELEMENTS, -5, 91};
    const struct mk_prelu prelu = {ELEMENTS, 16, -5, 0, -3, {1 << 30, 1}, {1 << 30, -6}};
    const struct mk_requantize rescale = {.size = ELEMENTS, .input_zero_point = -5, .to_output = per_tensor};
    const struct mk_quantize real = {2048, 0.05f, -3};
    float *const numbers = (float *)(void *)output, *const from = (float *)(void *)weights;

    RUN("relu6", ELEMENTS, "elements", ELEMENTS, mk_relu6_s8(&relu6, input, output));
    RUN("prelu", ELEMENTS, "elements", ELEMENTS, mk_prelu_s8(&prelu, input, second, output));
    RUN("rescale", ELEMENTS, "elements", ELEMENTS, mk_requantize_s8(&rescale, input, output));
    RUN("dequantize", 2048, "elements", 8192, mk_dequantize_s8(&real, input, numbers));
    for (int32_t i = 0; i < 2048; i++)
        from[i] = (float)input[i] * 0.07f;
    RUN("quantize", 2048, "elements", 2048, mk_quantize_s8(&real, from, output));
}

static void softmaxes(void)
{
    const struct mk_softmax softmax = {16, 32, 1 << 30, 23, -248}; /* the input's scale is 1/16 */
    const struct mk_log_softmax logarithm = {softmax, {1 << 30, -21}};

    RUN("softmax", 512, "elements", 512, mk_softmax_s8(&softmax, input, output));
    RUN("softmax to int16", 512, "elements", 1024, mk_softmax_s8_s16(&softmax, input, (int16_t *)(void *)output));
    RUN("log_softmax", 512, "elements", 512, mk_log_softmax_s8(&logarithm, input, output));
}

static void moves(void)
{
    const int32_t lengths[3] = {24, 24, 16}, order[3] = {2, 0, 1}, begin[3] = {2, 3, 0}, sizes[3] = {20, 20, 16};
    const struct mk_pad pad = {image, 1, 1, 1, 1, -5};
    const int32_t parts[2] = {8, 8};
    const struct mk_parts two = {2, 24 * 24, parts};
    const int8_t *const from[2] = {input, second};
    int8_t *const to[2] = {output, output + HALF};
    const struct mk_strided_slice every_other = {
        .axes = 3, .lengths = {24, 24, 16}, .end = {24, 24, 16}, .strides = {2, 2, 1}};

    RUN("pad", 26 * 26 * 16, "elements", 26 * 26 * 16, mk_pad_s8(&pad, input, output));
    RUN("concatenation", ELEMENTS, "elements", ELEMENTS, mk_concatenation_s8(&two, from, output));
    RUN("split", ELEMENTS, "elements", ELEMENTS, mk_split_s8(&two, input, to));
    struct mk_copy op = mk_slice_of(3, lengths, begin, sizes);
    RUN("slice", 6400, "elements", 6400, mk_copy_s8(&op, input, output));
    op = mk_strided_slice_of(&every_other);
    RUN("strided_slice", 12 * 12 * 16, "elements", 12 * 12 * 16, mk_copy_s8(&op, input, output));
    op = mk_transpose_of(3, lengths, order);
    RUN("transpose", ELEMENTS, "elements", ELEMENTS, mk_copy_s8(&op, input, output));
    RUN("reshape", ELEMENTS, "elements", ELEMENTS, mk_reshape_s8(ELEMENTS, input, output));
}

static void finds(void)
{
    const struct mk_gather gather = {1, 1, 256, 32, 64};
    const struct mk_embedding embedding = {64, 32};
    const struct mk_argmax largest = {36, 256, 1, 0};
    const struct mk_resize resize = {small, image, 0, 1};
    static int32_t indices[64];

    for (int32_t i = 0; i < 64; i++)
        indices[i] = (int32_t)(next_random() & 255);
    RUN("gather", 2048, "elements", 2048, mk_gather_s8(&gather, input, indices, output));
    RUN("embedding_lookup", 2048, "elements", 2048, mk_embedding_lookup_s8(&embedding, indices, input, output));
    RUN("argmax", ELEMENTS, "elements", 36 * 4, mk_argmax_s8(&largest, input, (int32_t *)(void *)output));
    RUN("resize_nearest_neighbor", ELEMENTS, "elements", ELEMENTS,
        mk_resize_nearest_s8(&resize, input, output, scratch));
    RUN("resize_bilinear", ELEMENTS, "elements", ELEMENTS, mk_resize_bilinear_s8(&resize, input, output, scratch));
}

static void sequences(void)
{
    const struct mk_factor_q31 to_gate = {1 << 30, -2};
    const struct mk_lstm_gate gate = {weights, weights + 4096, bias, to_gate, to_gate};
    const struct mk_lstm lstm = {
        .steps = 8,
        .features = 32,
        .units = 32,
        .input_zero_point = -5,
        .hidden_zero_point = 3,
        .cell_scale_power = -11,
        .input_gate = gate,
        .forget_gate = gate,
        .cell_gate = gate,
        .output_gate = gate,
        .forget_factor = {1 << 30, -14},
        .input_factor = {1 << 30, -18},
        .hidden_factor = {1 << 30, -22},
    };
    const struct mk_svdf svdf = {
        .features = 40,
        .units = 64,
        .rank = 1,
        .memory = 10,
        .input_zero_point = -5,
        .output_zero_point = -3,
        .feature_weights = weights,
        .time_weights = weights + 8192,
        .bias = bias,
        .to_state = {1 << 30, -6},
        .to_output = {1 << 30, -8},
    };
    struct mk_svdf wide = svdf;
    static int8_t hidden[32], state[640];
    static int16_t cell[32], wide_state[640];

    wide.to_output.shift = -14;
    for (int32_t i = 0; i < 32; i++)
        hidden[i] = (int8_t)lstm.hidden_zero_point;
    RUN("unidirectional_lstm", 8 * 4 * 32 * 64, "MACs", 8 * 32,
        mk_lstm_s8(&lstm, input, hidden, cell, output, scratch));
    RUN("svdf", 64 * (40 + 10), "MACs", 64, mk_svdf_s8(&svdf, input, state, output, scratch));
    RUN("svdf of int16", 64 * (40 + 10), "MACs", 64, mk_svdf_state_s16_s8(&wide, input, wide_state, output, scratch));
}

void run_operators(void)
{
    fill(input, (int32_t)sizeof input);
    fill(weights, (int32_t)sizeof weights);
    products();
    pools();
    two_tensors();
    by_table();
    one_tensor();
    fill(weights, (int32_t)sizeof weights); /* some were numbers */
    softmaxes();
    moves();
    finds();
    sequences();
}
