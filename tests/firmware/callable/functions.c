/* SPDX-License-Identifier: Apache-2.0 */
/* Functions that a test calls one at a time: every kind of argument and result that the calling convention knows. There
   is no main, no vector table and no start-up code. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define API __attribute__((used, noinline, noipa))

/* numbers */

API int32_t add(int32_t a, int32_t b) { return (int32_t)((uint32_t)a + (uint32_t)b); }
API int8_t narrow(int8_t a, uint8_t b, int16_t c, uint16_t d) { return (int8_t)(a + b + c + d); }
API uint16_t unsigned_half(uint32_t x) { return (uint16_t)x; }
API bool is_odd(uint32_t x) { return x & 1; }
API int64_t add64(int32_t first, int64_t a, int64_t b, int32_t last) { return first + a + b + last; }
API int32_t many(int32_t a, int32_t b, int32_t c, int32_t d, int64_t e, int8_t f, int32_t g)
{
    return a + 2 * b + 3 * c + 4 * d + 5 * (int32_t)e + 6 * f + 7 * g;
}
API float mixed(int32_t i, float x, double y, float z, int32_t j) { return (float)i + x * 2 + (float)y * 4 + z * 8 + (float)j * 16; }
API double twice(double x) { return x + x; }
API float many_floats(float a, float b, float c, float d, float e, float f, float g, float h, float i, float j, float k,
                      float l, float m, float n, float o, float p, float q, double r)
{
    return a + b + c + d + e + f + g + h + i + j + k + l + m + n + o + p - q * 2 - (float)r * 3;
}

/* structures */

struct pair { int16_t x; int16_t y; };
struct box { int8_t tag; int32_t size[3]; int64_t volume; };
struct vector { float x, y, z; };
struct view { const int8_t *data; int32_t count; struct pair zero; };
enum kind { SMALL, LARGE };
enum status { FINE = 0, WRONG = -3 };

API int32_t pair_sum(struct pair p) { return p.x + p.y; }
API struct pair pair_make(int32_t x, int32_t y) { return (struct pair){(int16_t)x, (int16_t)y}; }
API int64_t box_sum(int32_t first, struct box b) { return first + b.tag + b.size[0] + b.size[1] + b.size[2] + b.volume; }
API struct box box_make(int8_t tag, int32_t size)
{
    return (struct box){tag, {size, size + 1, size + 2}, (int64_t)size << 33};
}
API float dot(struct vector a, struct vector b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
API struct vector scaled(struct vector a, float s) { return (struct vector){a.x * s, a.y * s, a.z * s}; }
API void grow(struct box *b, int32_t by)
{
    b->tag++;
    for (int i = 0; i < 3; i++)
        b->size[i] += by;
    b->volume *= by;
}
API int32_t view_sum(const struct view *v)
{
    int32_t sum = 0;
    for (int32_t i = 0; i < v->count; i++)
        sum += v->data[i] - v->zero.x;
    return sum;
}
API enum kind kind_of(const struct view *v) { return v->count > 4 ? LARGE : SMALL; }
API enum status status_of(int32_t x) { return x < 0 ? WRONG : FINE; }
API int32_t is_wrong(enum status s) { return s == WRONG; }

/* arrays */

API void scale(const int8_t *in, int16_t *out, int32_t count, int32_t factor)
{
    for (int32_t i = 0; i < count; i++)
        out[i] = (int16_t)(in[i] * factor);
}
API void reverse(int8_t *data, int32_t count)
{
    for (int32_t i = 0; i < count / 2; i++) {
        const int8_t kept = data[i];
        data[i] = data[count - 1 - i];
        data[count - 1 - i] = kept;
    }
}
API int32_t distance(const int8_t *a, const int8_t *b) { return b - a; }
API int32_t length(const char *text)
{
    int32_t count = 0;
    while (text[count])
        count++;
    return count;
}
API void fill(int8_t *out, int32_t count, int8_t value)
{
    for (int32_t i = 0; i < count; i++)
        out[i] = value;
}
API void fill_before(int8_t *end, int32_t count, int8_t value)
{
    for (int32_t i = 1; i <= count; i++)
        end[-i] = value;
}

/* state */

int32_t counter = 7;
static int32_t zeroed;
int8_t table[8] = {1, 2, 3};
static const char greeting[] = "hello";

API int32_t count_up(void) { return ++counter; }
API int32_t count_zeroed(void) { return ++zeroed; }
API const char *get_greeting(void) { return greeting; }
API int8_t *get_table(void) { return table; }
static int32_t constructed;
__attribute__((constructor)) static void construct(void) { constructed = counter * 6; }
API int32_t get_constructed(void) { return constructed; }

/* calls back */

API int32_t sensor(int32_t channel) { return channel; }
API float model(float x, double y, const int8_t *data) { return x + (float)y + data[0]; }
API struct box make_box(int32_t size) { return box_make(1, size); }
API int32_t read_all(int32_t count)
{
    int32_t sum = 0;
    for (int32_t i = 0; i < count; i++)
        sum += sensor(i);
    return sum;
}
API float ask_model(int8_t first)
{
    const int8_t data[2] = {first, 1};
    return model(1.5f, 2.25, data);
}
API int64_t ask_box(int32_t size)
{
    const struct box made = make_box(size);
    return made.volume + made.tag;
}
API int32_t apply(int32_t (*function)(int32_t), int32_t x) { return function(x) + 1; }

/* what goes wrong */

API void hang(void)
{
    for (volatile int32_t i = 0;; i++)
        ;
}
API int32_t follow(const int32_t *where) { return *where; }
API int32_t deep(int32_t depth)
{
    volatile int32_t kept[16];
    kept[0] = depth;
    return depth > 0 ? deep(depth - 1) + kept[0] : 0;
}
