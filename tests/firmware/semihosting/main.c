/* SPDX-License-Identifier: Apache-2.0 */
/* Semihosting calls, each with what it answers. "Semihosting for AArch32 and AArch64", Arm. */
#include "print.h"

#include <stdint.h>

static uint32_t call(uint32_t operation, const void *argument)
{
    register uint32_t r0 __asm("r0") = operation;
    register const void *r1 __asm("r1") = argument;
    __asm volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static uint32_t length(const char *text)
{
    uint32_t count = 0;
    while (text[count])
        count++;
    return count;
}

static uint32_t open(const char *name, uint32_t mode)
{
    uint32_t words[3] = {(uintptr_t)name, mode, length(name)};
    return call(0x01, words);
}

static uint32_t transfer(uint32_t operation, uint32_t handle, const char *data, uint32_t count)
{
    uint32_t words[3] = {handle, (uintptr_t)data, count};
    return call(operation, words);
}

static void show(const char *name, uint32_t value)
{
    print(name);
    print(": ");
    print_signed((int32_t)value);
    print("\n");
}

static char buffer[32];

static void files(void)
{
    uint32_t handle = open("out.txt", 4);
    show("open for writing", handle != 0xFFFFFFFFu);
    show("not written", transfer(0x05, handle, "12345", 5));
    show("close", call(0x02, &handle));
    handle = open("in.txt", 0);
    show("open for reading", handle != 0xFFFFFFFFu);
    show("length", call(0x0C, &handle));
    uint32_t seek[2] = {handle, 2};
    show("seek", call(0x0A, seek));
    show("not read", transfer(0x06, handle, buffer, 10));
    print("read: ");
    print(buffer);
    print("\n");
    show("close", call(0x02, &handle));
    show("close again", call(0x02, &handle));
    show("outside", open("../secret.txt", 0));
    show("absolute", open("/etc/hostname", 0));
    uint32_t name[2] = {(uintptr_t)"old.txt", 7};
    show("remove", call(0x0E, name));
}

int main(void)
{
    call(0x04, "write0\n");
    call(0x03, "c");
    call(0x03, "\n");
    uint32_t console = open(":tt", 4);
    transfer(0x05, console, "write\n", 6);
    uint32_t words[1] = {console};
    show("is a terminal", call(0x09, words));
    uint64_t start, end;
    uint32_t centiseconds = call(0x10, 0);
    call(0x30, &start);
    for (uint32_t i = 0; i < 250000; i++)
        __asm volatile("");
    call(0x30, &end);
    show("ticks per second", call(0x31, 0));
    show("elapsed ticks", (uint32_t)(end - start));
    show("clock", call(0x10, 0) - centiseconds);
    show("time", call(0x11, 0));
    show("unknown", call(0x77, 0));
    files();
    uint32_t status[2] = {0x20026u, 42};
    call(0x20, status);
    return 1;
}
