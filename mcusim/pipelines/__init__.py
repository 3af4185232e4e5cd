# SPDX-License-Identifier: Apache-2.0
"""Pipeline functions: how a core prices a block. A core's TOML names one of `PIPELINES`.

Every pipeline is a module with

    RULES       names of the numbers that the core's `[rule]` table must give, in the order of their indices
    STATE_SIZE  length of the vector that carries what is still in flight from one block to the next
    reset_state()                       the state after reset, an exception or a pipeline flush
    skipping_matters(op)                what IT skips is cheaper for what follows, though the instruction has no access
    price(ops, executed, taken, state_in, class_cycles, class_register_cycles, rules, state_out, costs) -> cycles

and, where its cores predict branches (`[predictor]` in the core's table),

    MISPREDICTION  index of the state's number that `price` sets to what the block's last branch costs more when it went
                   elsewhere than predicted, 0 where there is none. The price itself is that of a branch predicted
                   rightly, and so is the state: behind a misprediction the bubble is longer than what was in flight,
                   which therefore counts no more than behind one that was predicted. In states that come in the number
                   is 0.
"""

from __future__ import annotations

from types import ModuleType

from mcusim.pipelines import limited_dual_issue, single_issue

PIPELINES: dict[str, ModuleType] = {"single_issue": single_issue, "limited_dual_issue": limited_dual_issue}
