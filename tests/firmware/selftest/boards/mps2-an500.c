/* SPDX-License-Identifier: Apache-2.0 */
#include "mps2.h"

const char board_name[] = "mps2-an500";
