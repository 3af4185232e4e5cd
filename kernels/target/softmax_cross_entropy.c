/* SPDX-License-Identifier: Apache-2.0 */
/* The loss at the end of a classifier, and its gradient (kernels/softmax_cross_entropy.py). */
#include "mcusim_training.h"

float mk_softmax_cross_entropy(const int8_t *logits, int32_t classes, float scale, int32_t label, float *gradients)
{
    int32_t largest = logits[0];
    float total = 0.0f;

    for (int32_t i = 1; i < classes; i++)
        largest = logits[i] > largest ? logits[i] : largest;
    for (int32_t i = 0; i < classes; i++) {
        gradients[i] = mk_exp((float)(logits[i] - largest) * scale);
        total = total + gradients[i];
    }
    for (int32_t i = 0; i < classes; i++) {
        const float probability = gradients[i] / total;
        gradients[i] = (i == label ? probability - 1.0f : probability) * scale;
    }
    return mk_log(total) - (float)(logits[label] - largest) * scale;
}
