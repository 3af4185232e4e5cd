/* SPDX-License-Identifier: Apache-2.0 */
/* Armv6-M: calls, a loop, a multiplication, a literal, stack; SVC and PendSV. Leaves its results in `results`. */
    .syntax unified
    .cpu cortex-m0plus
    .thumb

    .section .vectors, "a"
    .global vectors
    .type vectors, %object
vectors:
    .word _stack_top
    .word Reset_Handler
    .word stuck, stuck
    .word 0, 0, 0, 0, 0, 0, 0
    .word SVC_Handler
    .word 0, 0
    .word PendSV_Handler
    .word stuck
    .size vectors, . - vectors

    .macro function name
    .text
    .balign 4
    .thumb_func
    .global \name
    .type \name, %function
\name:
    .endm

function Reset_Handler
    ldr r4, =results
    movs r0, #10
    bl sum_to
    str r0, [r4]
    movs r0, #12
    movs r1, #11
    muls r0, r1, r0
    str r0, [r4, #4]
    movs r0, #5
    svc 3
    str r0, [r4, #8]
    ldr r1, =0xE000ED04     /* ICSR.PENDSVSET */
    ldr r2, =0x10000000
    str r2, [r1]
    dsb
    isb
    ldr r0, [r4, #12]
    adds r0, #1
    str r0, [r4, #12]
    b finish
    .size Reset_Handler, . - Reset_Handler

function sum_to
    push {r4, lr}
    movs r4, #0
1:  adds r4, r4, r0
    subs r0, #1
    bne 1b
    mov r0, r4
    pop {r4, pc}
    .size sum_to, . - sum_to

function SVC_Handler
    mrs r0, msp
    ldr r1, [r0]
    adds r1, #100
    str r1, [r0]
    bx lr
    .size SVC_Handler, . - SVC_Handler

function PendSV_Handler
    push {r4, lr}
    ldr r0, =results
    movs r1, #77
    str r1, [r0, #12]
    pop {r4, pc}
    .size PendSV_Handler, . - PendSV_Handler

function finish
    b .
    .size finish, . - finish

function stuck
    b .
    .size stuck, . - stuck

    .bss
    .balign 4
    .global results
    .type results, %object
results:
    .space 16
    .size results, . - results
