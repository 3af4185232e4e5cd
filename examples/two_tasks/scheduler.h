/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest preemptive scheduler: tasks take turns, a millisecond each, switched by PendSV as in any RTOS. */
#ifndef SCHEDULER_H
#define SCHEDULER_H

#include <stdint.h>

#define MAX_TASKS 4u

/* Adds a task that starts in `entry` with an empty stack. Its function must not return. */
void task_add(void (*entry)(void), uint32_t *stack, uint32_t stack_words);

/* Starts the first task and the tick. Comes back, on the stack it was called on, after scheduler_stop. */
void scheduler_run(uint32_t cycles_per_tick);

/* Ends the running task's turn early. */
void task_yield(void);

/* Ends the scheduler from a task. */
void scheduler_stop(void);

#endif
