/* SPDX-License-Identifier: Apache-2.0 */
/* A small int8 network that tells gestures apart in a picture of 24 x 24 pixels. */
#ifndef NETWORK_H
#define NETWORK_H

#include <stdint.h>

#define GESTURES 4

/* Computes the scores of one picture. */
void network_run(int8_t scores[GESTURES]);

#endif
