# SPDX-License-Identifier: Apache-2.0
"""The call tree, followed natively: a shadow call stack keyed by SP.

Calls push a frame, returns pop it; a longjmp pops every frame deeper than its SP; going to another function in any
other way is a tail call, which returns together with its caller.

Calls that somebody waits for (layers, allocations) stop the engine once the tree is where it belongs: `call_events`
says what happened, and the block that is about to run goes on when Python has taken note.
"""

from __future__ import annotations

from typing import Any

from mcusim.engine import records as rec
from mcusim.engine import slices
from mcusim.engine.native import REG_SP, first_slot, register, stop
from mcusim.isa.decode import FLOW_CALL, FLOW_INDIRECT, FLOW_NEXT
from mcusim.jit import as_pointer, carray, int64, njit

NODE, FRAME, INDEX, MACHINE = rec.NODE, rec.FRAME, rec.INDEX, rec.MACHINE
FLAGS = rec.FUNCTION_FLAGS


@njit
def _move_to(m: Any, node: int) -> None:
    """Make a node the current one, and give the old one the cycles since it became current."""
    nodes = carray(as_pointer(m.nodes), (m.node_capacity,), NODE)
    spent_cycles = m.clock_cycles - m.node_since_cycles
    nodes[m.node].self_cycles += spent_cycles
    if m.slices:
        slices.move_slices(m, node, spent_cycles)
    m.node_since_cycles = m.clock_cycles
    m.node = node
    m.function = nodes[node].function


@njit
def move_to(machine: Any, node: int) -> None:
    """Make a node the current one, from Python."""
    _move_to(machine[0], node)


@njit
def leave_track(machine: Any) -> None:
    """Another thread or handler is about to run, from Python: a traced run's slices of this one wait."""
    m = machine[0]
    _move_to(m, int64(m.node))
    slices.leave_track(m)


@njit
def _enter_child(m: Any, parent: int, function: int) -> None:
    """Make the node of `function` below `parent` the current one. There is room for a new node."""
    nodes = carray(as_pointer(m.nodes), (m.node_capacity,), NODE)
    child = int64(nodes[parent].last_child)
    if child < 0 or nodes[child].function != function:
        key = parent << 32 | function
        mask = m.child_index_mask
        index = carray(as_pointer(m.child_index), (mask + 1,), INDEX)
        slot = first_slot(key, mask)
        while index[slot].key != key:
            if index[slot].key == rec.NO_KEY:
                index[slot].key = key
                index[slot].id = m.node_count
                node = nodes[m.node_count]
                node.function = function
                node.parent = parent
                node.last_child = -1
                node.kind = rec.KIND_CALL
                node.events = _events(m, nodes[parent].events, function)
                m.node_count += 1
                break
            slot = (slot + 1) & mask
        child = index[slot].id
        nodes[parent].last_child = child
    nodes[child].calls += 1
    nodes[child].activation = m.activation
    _move_to(m, child)
    events = nodes[child].events
    begins = (events & rec.BEGINS_LAYER) != 0 or ((events & rec.BEGINS_OUTERMOST) != 0 and m.activation < 0)
    if begins and m.layers_full:
        m.layers_left_out += 1
        begins = False
    if begins or events & rec.WATCHED:
        m.call_events |= rec.ENTERED
        if events & rec.WATCHED and m.depth > 0:
            carray(as_pointer(m.frames), (m.frame_capacity,), FRAME)[m.depth - 1].watched = 1


@njit
def _events(m: Any, parent_events: int, function: int) -> int:
    """Return what is to happen when a function is called by one with these events."""
    flags = carray(as_pointer(m.function_flags), (m.function_capacity,), FLAGS)[function]
    if parent_events & rec.CALLS_LAYERS and flags & rec.MAY_BE_CALLED:
        return flags | rec.BEGINS_LAYER
    return flags


@njit
def _return_to_activation(m: Any, activation: int, watched: int) -> None:
    """What ends here was begun in this activation."""
    if watched or activation != m.activation:
        m.activation = activation
        m.call_events |= rec.RETURNED


@njit
def _tail(m: Any, function: int) -> None:
    """Control moved to another function without a call.

    It may be coming back to one that is still active in this activation (a cold part jumping back); else it is a tail
    call, and both return together.
    """
    nodes = carray(as_pointer(m.nodes), (m.node_capacity,), NODE)
    base = int64(-1)
    if m.depth > 0:
        base = int64(carray(as_pointer(m.frames), (m.frame_capacity,), FRAME)[m.depth - 1].node)
    node = m.node
    while node >= 0 and node != base:
        if nodes[node].function == function:
            _move_to(m, node)
            _return_to_activation(m, int64(nodes[node].activation), int64(0))
            return
        node = int64(nodes[node].parent)
    _enter_child(m, m.node, function)


@njit
def _unwind(m: Any, address: int, function: int) -> None:
    """Pop the frames that a return, or a longjmp, has left: those deeper than SP, and the one that returns here.

    A longjmp may also land elsewhere in the caller of a frame, at the SP that the caller had: `function` is then the
    caller's; -1 where it is not known or its entry is where control goes (a tail call).
    """
    nodes = carray(as_pointer(m.nodes), (m.node_capacity,), NODE)
    frames = carray(as_pointer(m.frames), (m.frame_capacity,), FRAME)
    sp = register(m, REG_SP)
    while m.depth > 0:
        frame = frames[m.depth - 1]
        returns = frame.return_address == address or nodes[frame.node].function == function
        if frame.is_exception or not (frame.sp < sp or (frame.sp == sp and returns)):
            return
        _move_to(m, int64(frame.node))
        _return_to_activation(m, int64(frame.activation), int64(frame.watched))
        m.depth -= 1
        if frame.sp == sp:
            return


@njit
def unwind(machine: Any, address: int) -> None:
    """Pop the frames that going to `address` has left, from Python."""
    _unwind(machine[0], address, -1)


@njit
def look_at_sp(m: Any, block: Any, taken_bytes: int) -> bool:
    """Note how low SP is, or will be when a block has taken its bytes. False: Python must look at the stack first."""
    sp = register(m, REG_SP)
    low = sp - taken_bytes
    if low < m.stack_low or sp > m.stack_top:
        if low < m.stack_limit or sp > m.stack_top:
            m.wanted_start = block.start
            m.wanted_size = block.end - block.start
            stop(m, rec.LEFT_STACK)
            return False
        m.stack_low = low
        m.stack_low_node = m.node
    return True


@njit
def follow(m: Any, block: Any, address: int) -> bool:
    """Move through the call tree to where the new block is. False: Python must grow, enter or look at something."""
    flow = m.flow
    if flow < FLOW_CALL and block.function == m.function:
        return True
    if m.node_count + 1 >= m.node_capacity or m.depth + 1 >= m.frame_capacity:
        stop(m, rec.FULL)
        return False
    if flow == FLOW_CALL:
        if not block.flags & rec.FUNCTION_ENTRY:
            m.wanted_start = block.start
            m.wanted_size = block.end - block.start
            stop(m, rec.NEW_FUNCTION)
            return False
        if not look_at_sp(m, block, 0):
            return False
        sp = register(m, REG_SP)
        frame = carray(as_pointer(m.frames), (m.frame_capacity,), FRAME)[m.depth]
        frame.sp = sp
        frame.return_address = m.return_address
        frame.node = m.node
        frame.is_exception = 0
        frame.activation = m.activation
        frame.watched = 0
        m.depth += 1
        _enter_child(m, m.node, block.function)
    else:
        if flow == FLOW_INDIRECT:
            _unwind(m, address, int64(-1) if block.flags & rec.FUNCTION_ENTRY else int64(block.function))
        if block.function != m.function:
            _tail(m, block.function)
    m.flow = FLOW_NEXT
    m.last_outcome = -1
    if m.call_events:
        stop(m, rec.CALL_EVENT)
        return False
    return True
