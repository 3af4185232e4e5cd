/* SPDX-License-Identifier: Apache-2.0 */
/* Conversions and square roots of the boot ROM's floating-point tables (RP2040 Datasheet, 2.8.3.2): integers are rounded
   towards minus infinity and saturate; a fixed-point number has so many bits of fraction. Arithmetic is libgcc's. */
#include <stdint.h>

static double power_of_two(int exponent)
{
    union {
        uint64_t bits;
        double value;
    } result;
    result.bits = (uint64_t)(1023 + exponent) << 52;
    return result.value;
}

static int limited(int exponent)
{
    return exponent > 1000 ? 1000 : exponent < -1000 ? -1000 : exponent;
}

int64_t double_to_int64(double value)
{
    if (value != value)
        return 0;
    if (value >= 9223372036854775808.0)
        return INT64_MAX;
    if (value < -9223372036854775808.0)
        return INT64_MIN;
    int64_t whole = (int64_t)value;
    return (double)whole > value ? whole - 1 : whole;
}

uint64_t double_to_uint64(double value)
{
    if (!(value > 0))
        return 0;
    return value >= 18446744073709551616.0 ? UINT64_MAX : (uint64_t)value;
}

int32_t double_to_int(double value)
{
    int64_t whole = double_to_int64(value);
    return whole > INT32_MAX ? INT32_MAX : whole < INT32_MIN ? INT32_MIN : (int32_t)whole;
}

uint32_t double_to_uint(double value)
{
    uint64_t whole = double_to_uint64(value);
    return whole > UINT32_MAX ? UINT32_MAX : (uint32_t)whole;
}

int32_t double_to_fix(double value, int bits) { return double_to_int(value * power_of_two(limited(bits))); }
uint32_t double_to_ufix(double value, int bits) { return double_to_uint(value * power_of_two(limited(bits))); }
int64_t double_to_fix64(double value, int bits) { return double_to_int64(value * power_of_two(limited(bits))); }
uint64_t double_to_ufix64(double value, int bits) { return double_to_uint64(value * power_of_two(limited(bits))); }
double double_from_fix(int32_t value, int bits) { return (double)value * power_of_two(-limited(bits)); }
double double_from_ufix(uint32_t value, int bits) { return (double)value * power_of_two(-limited(bits)); }
double double_from_fix64(int64_t value, int bits) { return (double)value * power_of_two(-limited(bits)); }
double double_from_ufix64(uint64_t value, int bits) { return (double)value * power_of_two(-limited(bits)); }

int32_t float_to_int(float value) { return double_to_int(value); }
uint32_t float_to_uint(float value) { return double_to_uint(value); }
int64_t float_to_int64(float value) { return double_to_int64(value); }
uint64_t float_to_uint64(float value) { return double_to_uint64(value); }
int32_t float_to_fix(float value, int bits) { return double_to_fix(value, bits); }
uint32_t float_to_ufix(float value, int bits) { return double_to_ufix(value, bits); }
int64_t float_to_fix64(float value, int bits) { return double_to_fix64(value, bits); }
uint64_t float_to_ufix64(float value, int bits) { return double_to_ufix64(value, bits); }
float float_from_fix(int32_t value, int bits) { return (float)double_from_fix(value, bits); }
float float_from_ufix(uint32_t value, int bits) { return (float)double_from_ufix(value, bits); }
float float_from_fix64(int64_t value, int bits) { return (float)double_from_fix64(value, bits); }
float float_from_ufix64(uint64_t value, int bits) { return (float)double_from_ufix64(value, bits); }

int float_compare(float first, float second) { return first < second ? -1 : first > second; }
int double_compare(double first, double second) { return first < second ? -1 : first > second; }

/* The root's bits one by one, two of the radicand each. The remainder rounds: it is never a tie. */
double double_sqrt(double value)
{
    union {
        double value;
        uint64_t bits;
    } number = {value};
    int exponent = (int)(number.bits >> 52 & 0x7ff);
    if (value != value || value == 0 || exponent == 0x7ff || value < 0)
        return value < 0 ? (value - value) / (value - value) : value;
    if (exponent == 0)
        return double_sqrt(value * power_of_two(108)) * power_of_two(-54);
    uint64_t fraction = (number.bits & 0xfffffffffffffull) | 1ull << 52;
    exponent -= 1023;
    if (exponent & 1)
        fraction <<= 1;
    uint64_t root = 0, rest = 0;
    int shift = 52;
    for (int bit = 0; bit < 54; bit++) {
        uint64_t pair = shift >= 0 ? fraction >> shift & 3 : 0;
        shift -= 2;
        rest = rest << 2 | pair;
        uint64_t trial = root << 2 | 1;
        root <<= 1;
        if (rest >= trial) {
            rest -= trial;
            root |= 1;
        }
    }
    root = (root >> 1) + (root & 1);
    number.bits = ((uint64_t)((exponent >> 1) + 1023) << 52) + (root - (1ull << 52));
    return number.value;
}

float float_sqrt(float value)
{
    return (float)double_sqrt(value);
}
