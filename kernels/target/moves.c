/* SPDX-License-Identifier: Apache-2.0 */
#include "copy.h"

#include <string.h>

/* Copy `count` elements that are some steps apart. */
static void copy_apart(int8_t *to, int32_t to_step, const int8_t *from, int32_t from_step, int32_t count)
{
    for (; count >= 4; count -= 4, to += 4 * to_step) {
        const int8_t *const next = from + from_step, *const third = next + from_step, *const last = third + from_step;
        const int8_t a = *from, b = *next, c = *third, d = *last;
        from = last + from_step;
        to[0] = a, to[to_step] = b, to[2 * to_step] = c, to[3 * to_step] = d;
    }
    for (; count > 0; count--, from += from_step, to += to_step)
        *to = *from;
}

/* The same where they come to lie side by side. */
static void copy_together(int8_t *to, const int8_t *from, int32_t from_step, int32_t count)
{
#if MK_DSP
    for (; count >= 4; count -= 4, to += 4) {
        const int8_t *const next = from + from_step, *const third = next + from_step, *const last = third + from_step;
        const uint32_t a = (uint8_t)*from, b = (uint8_t)*next, c = (uint8_t)*third, d = (uint8_t)*last;
        from = last + from_step;
        mk_put_word(to, a | b << 8 | c << 16 | d << 24);
    }
#endif
    copy_apart(to, 1, from, from_step, count);
}

void mk_copy_s8(const struct mk_copy *op, const int8_t *input, int8_t *output)
{
    const int32_t last = op->axes - 1, length = op->axes ? op->lengths[last] : 1;
    const int32_t from_step = op->axes ? op->input_steps[last] : 1, to_step = op->axes ? op->output_steps[last] : 1;
    int32_t index[MK_AXES] = {0}, axis;

    for (axis = 0; axis < op->axes; axis++)
        if (op->lengths[axis] <= 0)
            return;
    input += op->input_start;
    output += op->output_start;
    do {
        if (from_step == 1 && to_step == 1)
            mk_copy_bytes(output, input, length);
        else if (to_step == 1)
            copy_together(output, input, from_step, length);
        else
            copy_apart(output, to_step, input, from_step, length);
        for (axis = last - 1; axis >= 0; axis--) {
            input += op->input_steps[axis];
            output += op->output_steps[axis];
            if (++index[axis] < op->lengths[axis])
                break;
            input -= op->lengths[axis] * op->input_steps[axis];
            output -= op->lengths[axis] * op->output_steps[axis];
            index[axis] = 0;
        }
    } while (axis >= 0);
}

/* The steps of a tensor that is stored without gaps. */
static void steps_of(int32_t axes, const int32_t *lengths, int32_t *steps)
{
    for (int32_t axis = axes - 1, step = 1; axis >= 0; step *= lengths[axis], axis--)
        steps[axis] = step;
}

/* Fill in the steps of the output; then merge axes that are one run in both, and leave out those of length 1. */
static struct mk_copy completed(struct mk_copy op)
{
    int32_t kept = 0;

    steps_of(op.axes, op.lengths, op.output_steps);
    for (int32_t axis = 0; axis < op.axes; axis++) {
        const int32_t length = op.lengths[axis], from = op.input_steps[axis], to = op.output_steps[axis];
        if (length == 1)
            continue;
        if (kept && op.input_steps[kept - 1] == length * from && op.output_steps[kept - 1] == length * to)
            op.lengths[--kept] *= length;
        else
            op.lengths[kept] = length;
        op.input_steps[kept] = from;
        op.output_steps[kept] = to;
        kept++;
    }
    op.axes = kept;
    return op;
}

struct mk_copy mk_transpose_of(int32_t axes, const int32_t *lengths, const int32_t *permutation)
{
    struct mk_copy op = {.axes = axes};
    int32_t steps[MK_AXES];

    steps_of(axes, lengths, steps);
    for (int32_t axis = 0; axis < axes; axis++) {
        op.lengths[axis] = lengths[permutation[axis]];
        op.input_steps[axis] = steps[permutation[axis]];
    }
    return completed(op);
}

struct mk_copy mk_slice_of(int32_t axes, const int32_t *lengths, const int32_t *begin, const int32_t *sizes)
{
    struct mk_copy op = {.axes = axes};

    steps_of(axes, lengths, op.input_steps);
    for (int32_t axis = 0; axis < axes; axis++) {
        op.lengths[axis] = sizes[axis] < 0 ? lengths[axis] - begin[axis] : sizes[axis];
        op.input_start += begin[axis] * op.input_steps[axis];
    }
    return completed(op);
}

static int32_t cut(int32_t value, int32_t low, int32_t high)
{
    return value < low ? low : value > high ? high : value;
}

struct mk_copy mk_strided_slice_of(const struct mk_strided_slice *op)
{
    struct mk_copy copy = {.axes = op->axes};
    int32_t steps[MK_AXES];

    steps_of(op->axes, op->lengths, steps);
    for (int32_t axis = 0; axis < op->axes; axis++) {
        const int32_t length = op->lengths[axis], stride = op->strides[axis], bit = 1 << axis;
        const int32_t low = stride > 0 ? 0 : -1, high = stride > 0 ? length : length - 1;
        const int32_t begin = op->begin[axis];
        int32_t start = cut(begin < 0 ? begin + length : begin, low, high);
        if (op->begin_mask & (uint32_t)bit)
            start = stride > 0 ? 0 : length - 1;
        const int32_t end = op->end[axis] + (op->offset ? start : 0);
        int32_t stop = cut(end < 0 ? end + length : end, low, high);
        if (op->end_mask & (uint32_t)bit)
            stop = stride > 0 ? length : -1;
        if (op->shrink_axis_mask & (uint32_t)bit)
            stop = start + (stride > 0 ? 1 : -1);
        const int32_t distance = stride > 0 ? stop - start : start - stop, size = stride > 0 ? stride : -stride;
        copy.lengths[axis] = distance > 0 ? (distance - 1) / size + 1 : 0;
        copy.input_steps[axis] = stride * steps[axis];
        copy.input_start += start * steps[axis];
    }
    return completed(copy);
}

struct mk_copy mk_broadcast_of(int32_t axes, const int32_t *from, const int32_t *to)
{
    struct mk_copy op = {.axes = axes};
    int32_t steps[MK_AXES];

    steps_of(axes, from, steps);
    for (int32_t axis = 0; axis < axes; axis++) {
        op.lengths[axis] = to[axis];
        op.input_steps[axis] = from[axis] == 1 ? 0 : steps[axis];
    }
    return completed(op);
}

void mk_reshape_s8(int32_t size, const int8_t *input, int8_t *output)
{
    if (output < input || output >= input + size)
        mk_copy_bytes(output, input, size);
    else if (output != input)
        memmove(output, input, (size_t)size);
}

/* Copy `rows` runs of `size` elements, which are some steps apart. */
static void copy_runs(int8_t *to, int32_t to_step, const int8_t *from, int32_t from_step, int32_t size, int32_t rows)
{
    if (size < 32)
        for (; rows > 0; rows--, to += to_step, from += from_step)
            mk_copy_short(to, from, size);
    else
        for (; rows > 0; rows--, to += to_step, from += from_step)
            mk_copy_bytes(to, from, size);
}

static int32_t size_of_all(const struct mk_parts *op)
{
    int32_t whole = 0;
    for (int32_t i = 0; i < op->count; i++)
        whole += op->sizes[i];
    return whole;
}

void mk_concatenation_s8(const struct mk_parts *op, const int8_t *const *inputs, int8_t *output)
{
    const int32_t whole = size_of_all(op);

    for (int32_t i = 0; i < op->count; output += op->sizes[i++])
        copy_runs(output, whole, inputs[i], op->sizes[i], op->sizes[i], op->outer);
}

void mk_split_s8(const struct mk_parts *op, const int8_t *input, int8_t *const *outputs)
{
    const int32_t whole = size_of_all(op);

    for (int32_t i = 0; i < op->count; input += op->sizes[i++])
        copy_runs(outputs[i], op->sizes[i], input, whole, op->sizes[i], op->outer);
}

void mk_gather_s8(const struct mk_gather *op, const int8_t *input, const int32_t *indices, int8_t *output)
{
    for (int32_t batch = 0; batch < op->batches; batch++, indices += op->indices)
        for (int32_t outer = 0; outer < op->outer; outer++, input += op->length * op->inner)
            for (int32_t i = 0; i < op->indices; i++, output += op->inner)
                mk_copy_bytes(output, input + indices[i] * op->inner, op->inner);
}

void mk_embedding_lookup_s8(const struct mk_embedding *op, const int32_t *indices, const int8_t *table, int8_t *output)
{
    for (int32_t i = 0; i < op->count; i++, output += op->row_size)
        mk_copy_bytes(output, table + indices[i] * op->row_size, op->row_size);
}

/* `flip`: 0 for the largest, -1 for the smallest, whose bits are turned over. */
static int32_t place_of_largest(const int8_t *from, int32_t length, int32_t step, int32_t flip)
{
    int32_t best = *from ^ flip, place = 0;

    for (int32_t i = 1; i < length; i++) {
        from += step;
        const int32_t value = *from ^ flip;
        if (value > best) {
            best = value;
            place = i;
        }
    }
    return place;
}

void mk_argmax_s8(const struct mk_argmax *op, const int8_t *input, int32_t *output)
{
    for (int32_t outer = 0; outer < op->outer; outer++, input += op->length * op->inner)
        for (int32_t inner = 0; inner < op->inner; inner++)
            *output++ = place_of_largest(input + inner, op->length, op->inner, op->smallest ? -1 : 0);
}

void mk_pad_s8(const struct mk_pad *op, const int8_t *input, int8_t *output)
{
    const int32_t channels = op->input.channels, row = op->input.width * channels;
    const int32_t left = op->left * channels, right = op->right * channels, whole = left + row + right;
    const int8_t value = op->value;

    mk_fill_bytes(output, value, op->top * whole);
    output += op->top * whole;
    for (int32_t y = op->input.height; y > 0; y--, input += row, output += whole) {
        mk_fill_bytes(output, value, left);
        mk_copy_bytes(output + left, input, row);
        mk_fill_bytes(output + left + row, value, right);
    }
    mk_fill_bytes(output, value, op->bottom * whole);
}
