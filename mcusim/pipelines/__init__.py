# SPDX-License-Identifier: Apache-2.0
"""Pipeline functions: how a core prices a block. A core's TOML names one of `PIPELINES`.

Every pipeline is a module with

    RULES       names of the numbers that the core's `[rule]` table must give, in the order of their indices
    STATE_SIZE  length of the vector that carries what is still in flight from one block to the next
    reset_state()                       the state after reset, an exception or a pipeline flush
    skipping_matters(op)                what IT skips is cheaper for what follows, though the instruction has no access
    price(ops, executed, taken, state_in, class_cycles, class_register_cycles, rules, state_out, costs) -> cycles

and, where its cores predict branches (`[predictor]` in the core's table) or issue what IT skips as if it ran,

    MISPREDICTION       slot of the state vector in which `price` leaves the cycles that the block's final branch costs
                        more if it went elsewhere than predicted, 0 where there is none. The price is that of a branch
                        that was predicted, and so is the state: the bubble of a misprediction is longer than what was
                        in flight. In states that come in the slot holds 0. Such a pipeline has a rule
                        `misprediction_decoded_cycles`: what a branch costs more that only the decoder predicts.
    SKIPPED_TAKES_TIME  True: what IT skips costs what it would cost if it ran
"""

from __future__ import annotations

from types import ModuleType

from mcusim.pipelines import dual_issue, limited_dual_issue, single_issue

PIPELINES: dict[str, ModuleType] = {
    "single_issue": single_issue,
    "limited_dual_issue": limited_dual_issue,
    "dual_issue": dual_issue,
}
