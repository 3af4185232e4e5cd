/* SPDX-License-Identifier: Apache-2.0 */
/* A boot ROM for the simulated RP2040, our own: what pico-sdk firmware finds in the ROM of the part by its tables
   (RP2040 Datasheet, 2.8.3), and nothing of the boot loader. cores/boards/raspberry-pi-pico.toml holds its bytes.

   Functions: bit counting, memory copy and set, the flash functions that leave the flash readable (nothing to do here).
   Erasing and programming flash, and USB boot, end the run at a breakpoint with the number of the function below.
   Soft floating point (float.c and libgcc) has arithmetic, square root and conversions; sine, cosine, tangent,
   logarithm, exponential and arc tangent end the run at breakpoint 0xf0. */
    .syntax unified
    .cpu cortex-m0plus
    .thumb

    .macro function name
    .balign 4
.L\name:
    .thumb_func
    .global \name
    .type \name, %function
\name:
    .endm

    .section .vectors, "ax"
    .global rom_start
rom_start:
    .word 0x20041f00            /* initial stack pointer, as on the part */
    .word Reset_Handler
    .word stop_fault            /* NMI */
    .word stop_fault            /* HardFault */
    .ascii "Mu"
    .byte 1, 3                  /* version 3: RP2040 B2 */
    .hword function_table - rom_start
    .hword data_table - rom_start
    .hword .Lrom_table_lookup - rom_start + 1

    .macro entry code1, code2, target
    .ascii "\code1\code2"
    .hword .L\target - rom_start + 1
    .endm
    .balign 4
function_table:
    entry "P", "3", popcount32
    entry "R", "3", reverse32
    entry "L", "3", clz32
    entry "T", "3", ctz32
    entry "M", "S", rom_memset
    entry "S", "4", rom_memset
    entry "M", "C", rom_memcpy
    entry "C", "4", rom_memcpy
    entry "I", "F", nothing     /* connect_internal_flash */
    entry "E", "X", nothing     /* flash_exit_xip */
    entry "F", "C", nothing     /* flash_flush_cache */
    entry "C", "X", nothing     /* flash_enter_cmd_xip */
    entry "R", "E", stop_erase
    entry "R", "P", stop_program
    entry "U", "B", stop_usb_boot
    .hword 0
    .balign 4
data_table:
    .ascii "SF"
    .hword float_table - rom_start
    .ascii "SD"
    .hword double_table - rom_start
    .ascii "CR"
    .hword copyright - rom_start
    .ascii "GR"
    .hword revision - rom_start
    .hword 0
copyright:
    .asciz "mcusim boot ROM, Apache-2.0"
    .balign 4
revision:
    .word 0

/* r0: table, r1: code. Returns the address, 0 if it has none. */
function rom_table_lookup
    uxth r1, r1
1:  ldrh r2, [r0]
    cmp r2, #0
    beq 2f
    cmp r2, r1
    beq 3f
    adds r0, #4
    b 1b
2:  movs r0, #0
    bx lr
3:  ldrh r0, [r0, #2]
    bx lr

/* What the second stage does that we leave out: start the image behind it. */
function Reset_Handler
    ldr r0, =0x10000100
    ldr r1, =0xe000ed08         /* VTOR */
    str r0, [r1]
    ldmia r0!, {r1, r2}
    msr msp, r1
    bx r2

function popcount32
    ldr r2, =0x55555555
    lsrs r1, r0, #1
    ands r1, r2
    subs r0, r0, r1
    ldr r2, =0x33333333
    lsrs r1, r0, #2
    ands r1, r2
    ands r0, r2
    adds r0, r0, r1
    lsrs r1, r0, #4
    adds r0, r0, r1
    ldr r2, =0x0f0f0f0f
    ands r0, r2
    ldr r2, =0x01010101
    muls r0, r2
    lsrs r0, r0, #24
    bx lr

function reverse32
    rev r0, r0
    .irp mask, 0x0f0f0f0f, 0x33333333, 0x55555555
    .if \mask == 0x0f0f0f0f
    .set shift, 4
    .elseif \mask == 0x33333333
    .set shift, 2
    .else
    .set shift, 1
    .endif
    ldr r2, =\mask
    lsrs r1, r0, #shift
    ands r1, r2
    ands r0, r2
    lsls r0, r0, #shift
    orrs r0, r1
    .endr
    bx lr

function clz32
    movs r1, #32
    cmp r0, #0
    beq 2f
1:  subs r1, #1
    lsrs r0, r0, #1
    bne 1b
2:  movs r0, r1
    bx lr

function ctz32
    movs r1, #32
    cmp r0, #0
    beq 2f
    movs r1, #0
1:  lsrs r0, r0, #1
    bcs 2f
    adds r1, #1
    b 1b
2:  movs r0, r1
    bx lr

/* r0: address, r1: byte, r2: count; returns the address. */
function rom_memset
    push {r0, lr}
    uxtb r1, r1
    lsls r3, r1, #8
    orrs r1, r3
    lsls r3, r1, #16
    orrs r1, r3
    lsls r3, r0, #30
    bne 3f
1:  subs r2, #4
    blo 2f
    stmia r0!, {r1}
    b 1b
2:  adds r2, #4
3:  subs r2, #1
    blo 4f
    strb r1, [r0]
    adds r0, #1
    b 3b
4:  pop {r0, pc}

/* r0: to, r1: from, r2: count; returns r0. */
function rom_memcpy
    push {r0, r4, lr}
    movs r3, r0
    orrs r3, r1
    lsls r3, r3, #30
    bne 3f
1:  subs r2, #4
    blo 2f
    ldmia r1!, {r3}
    stmia r0!, {r3}
    b 1b
2:  adds r2, #4
3:  movs r4, #0
4:  cmp r4, r2
    beq 5f
    ldrb r3, [r1, r4]
    strb r3, [r0, r4]
    adds r4, #1
    b 4b
5:  pop {r0, r4, pc}

function nothing
    bx lr
function stop_fault
    bkpt 0xf4
    b stop_fault
function stop_erase
    bkpt 0xf1
    b stop_erase
function stop_program
    bkpt 0xf2
    b stop_program
function stop_usb_boot
    bkpt 0xf3
    b stop_usb_boot
function stop_transcendental
    bkpt 0xf0
    b stop_transcendental
    .ltorg

/* pico/bootrom/sf_table.h of pico-sdk 2.2.0 gives the order; the byte before the halfword before is the count. */
    .balign 4
    .byte 0, 0, 32, 0
float_table:
    .word __aeabi_fadd, __aeabi_fsub, __aeabi_fmul, __aeabi_fdiv
    .word stop_transcendental, stop_transcendental, float_sqrt
    .word float_to_int, float_to_fix, float_to_uint, float_to_ufix
    .word __aeabi_i2f, float_from_fix, __aeabi_ui2f, float_from_ufix
    .word stop_transcendental, stop_transcendental, stop_transcendental, stop_transcendental
    .word stop_transcendental, stop_transcendental, float_compare, stop_transcendental
    .word __aeabi_l2f, float_from_fix64, __aeabi_ul2f, float_from_ufix64
    .word float_to_int64, float_to_fix64, float_to_uint64, float_to_ufix64
    .word __aeabi_f2d
    .byte 0, 0, 32, 0
double_table:
    .word __aeabi_dadd, __aeabi_dsub, __aeabi_dmul, __aeabi_ddiv
    .word stop_transcendental, stop_transcendental, double_sqrt
    .word double_to_int, double_to_fix, double_to_uint, double_to_ufix
    .word __aeabi_i2d, double_from_fix, __aeabi_ui2d, double_from_ufix
    .word stop_transcendental, stop_transcendental, stop_transcendental, stop_transcendental
    .word stop_transcendental, stop_transcendental, double_compare, stop_transcendental
    .word __aeabi_l2d, double_from_fix64, __aeabi_ul2d, double_from_ufix64
    .word double_to_int64, double_to_fix64, double_to_uint64, double_to_ufix64
    .word __aeabi_d2f
