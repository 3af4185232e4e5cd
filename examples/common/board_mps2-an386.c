/* SPDX-License-Identifier: Apache-2.0 */
/* Arm MPS2 with the AN386 image (Cortex-M4), as emulated by QEMU's -M mps2-an386. Console and exit
   by semihosting: "Semihosting for AArch32 and AArch64", Arm. */
#include "board.h"

#include <stdint.h>

#define SYS_WRITEC 0x03u
#define SYS_EXIT 0x18u
#define ADP_STOPPED_APPLICATION_EXIT 0x20026u
#define ADP_STOPPED_RUN_TIME_ERROR 0x20023u

static uint32_t semihosting(uint32_t operation, uintptr_t argument)
{
    register uint32_t r0 __asm("r0") = operation;
    register uintptr_t r1 __asm("r1") = argument;
    __asm volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

void board_init(void)
{
}

void board_putc(char character)
{
    semihosting(SYS_WRITEC, (uintptr_t)&character);
}

void board_exit(int status)
{
    semihosting(SYS_EXIT, status ? ADP_STOPPED_RUN_TIME_ERROR : ADP_STOPPED_APPLICATION_EXIT);
    _exit(status);
}
