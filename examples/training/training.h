/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRAINING_H
#define TRAINING_H

#include "model_data.h"

/* One step of stochastic gradient descent on one image, whose class is `label`: returns the loss before it. */
float train_step(const int8_t *image, int32_t label);

#endif
