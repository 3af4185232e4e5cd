/* SPDX-License-Identifier: Apache-2.0 */
/* Where rows and columns of the output come from is the same for all of a column or row: computed once, into scratch
   memory for columns. */
#include "copy.h"
#include "window.h"

/* How far apart the input's positions of two outputs are, as a quotient. */
struct pace {
    int32_t span, steps;
};

static struct pace pace_of(const struct mk_resize *op, int32_t inputs, int32_t outputs)
{
    if (op->align_corners && outputs > 1)
        return (struct pace){inputs - 1, outputs - 1};
    return (struct pace){inputs, outputs};
}

/* The input's row or column that an output takes: in single precision, every operation rounded, as TensorFlow Lite has it
   (compile with -ffp-contract=off). */
static int32_t nearest(const struct mk_resize *op, struct pace pace, int32_t output, int32_t inputs)
{
    const float scale = (float)pace.span / (float)pace.steps;
    const float place = ((float)output + (op->half_pixel_centers ? 0.5f : 0.0f)) * scale;
    int32_t whole = (int32_t)place;
    if (op->align_corners && place - (float)whole >= 0.5f)
        whole++;
    return mk_clamp(whole, 0, inputs - 1);
}

/* For each column, where its pixel is in a row of the input. */
int32_t mk_resize_nearest_scratch_bytes(const struct mk_resize *op)
{
    return 4 * op->output.width;
}

void mk_resize_nearest_s8(const struct mk_resize *op, const int8_t *input, int8_t *output, void *scratch)
{
    const int32_t channels = op->input.channels, row = op->input.width * channels;
    const struct pace down = pace_of(op, op->input.height, op->output.height);
    const struct pace across = pace_of(op, op->input.width, op->output.width);
    int32_t *const columns = scratch;

    for (int32_t x = 0; x < op->output.width; x++)
        columns[x] = nearest(op, across, x, op->input.width) * channels;
    for (int32_t y = 0; y < op->output.height; y++) {
        const int8_t *const from = input + nearest(op, down, y, op->input.height) * row;
        for (int32_t x = 0; x < op->output.width; x++) {
            mk_copy_short(output, from + columns[x], channels);
            output += channels;
        }
    }
}

/* Between which rows or columns an output lies, and how far behind the first, in units of 2^-10. */
struct between {
    int32_t before, after, fraction;
};

static struct between between(const struct mk_resize *op, struct pace pace, int32_t output, int32_t inputs)
{
    const int32_t scale = ((pace.span << 10) + pace.steps / 2) / pace.steps;
    const int32_t place = output * scale + (op->half_pixel_centers ? scale / 2 - (1 << 9) : 0);
    const int32_t before = mk_larger(place >> 10, 0), after = mk_smaller(mk_larger((place + 1023) >> 10, 0), inputs - 1);
    return (struct between){before, after, place - before * (1 << 10)};
}

int32_t mk_resize_bilinear_scratch_bytes(const struct mk_resize *op)
{
    return (int32_t)sizeof(struct between) * op->output.width;
}

/* One pixel between two of the row above and two of the row below: two weights for rows, and two for columns. */
static void mix(const int8_t *pixels[4], const int32_t down[2], const int32_t across[2], int32_t channels, int8_t *output)
{
    const int8_t *const a = pixels[0], *const b = pixels[1], *const c = pixels[2], *const d = pixels[3];

    for (int32_t i = 0; i < channels; i++) {
        const int32_t above = a[i] * across[0] + b[i] * across[1], below = c[i] * across[0] + d[i] * across[1];
        /* Halves away from zero. */
        output[i] = (int8_t)mk_divide_by_power_of_two(above * down[0] + below * down[1], 20);
    }
}

void mk_resize_bilinear_s8(const struct mk_resize *op, const int8_t *input, int8_t *output, void *scratch)
{
    const int32_t channels = op->input.channels, row = op->input.width * channels;
    const struct pace down = pace_of(op, op->input.height, op->output.height);
    const struct pace across = pace_of(op, op->input.width, op->output.width);
    struct between *const columns = scratch;

    for (int32_t x = 0; x < op->output.width; x++)
        columns[x] = between(op, across, x, op->input.width);
    for (int32_t y = 0; y < op->output.height; y++) {
        const struct between rows = between(op, down, y, op->input.height);
        const int8_t *const above = input + rows.before * row, *const below = input + rows.after * row;
        const int32_t vertical[2] = {1024 - rows.fraction, rows.fraction};
        for (int32_t x = 0; x < op->output.width; x++, output += channels) {
            const int32_t left = columns[x].before * channels, right = columns[x].after * channels;
            const int32_t horizontal[2] = {1024 - columns[x].fraction, columns[x].fraction};
            const int8_t *pixels[4] = {above + left, above + right, below + left, below + right};
            mix(pixels, vertical, horizontal, channels, output);
        }
    }
}
