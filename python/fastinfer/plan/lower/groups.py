"""Depth-first groups: chains of convolutions whose activations between would not stay in a core's cache.

A chain such as pointwise, depthwise, pointwise runs stripe by stripe (Alwani et al. 2016, fused-layer CNN): what flows
between the steps is a few rows, so it is read from cache, and the arena holds only those rows. The core refuses a group
that it cannot stripe, and runs its steps whole, with the reason in the plan.
"""

from __future__ import annotations

from math import prod

from fastinfer.plan.records import GroupRecord, Program, StepRecord

_LARGE = 1 << 20  # bytes of an activation between two steps from which they are joined: half of a usual L2
_STRIPE = 1 << 18  # bytes of the widest activation that a stripe may take
_WEIGHTS = 1 << 19  # bytes of a step's weights, as f32, that may be read again for each stripe
_STRIPED = ("conv", "pool")


def depth_first_groups(program: Program) -> list[GroupRecord]:
    """The steps in order, chains joined."""
    readers = _readers(program)
    groups: list[list[int]] = []
    for number in range(len(program.steps)):
        if groups and _joins(program, groups[-1][-1], number, readers):
            groups[-1].append(number)
        else:
            groups.append([number])
    return [GroupRecord(steps, _stripe_rows(program, steps) if len(steps) > 1 else 0) for steps in groups]


def _readers(program: Program) -> dict[int, set[int]]:
    """Buffer -> the steps that read it."""
    readers: dict[int, set[int]] = {}
    for number, step in enumerate(program.steps):
        for tensor in step.inputs:
            if tensor >= 0:
                readers.setdefault(program.tensors[tensor].buffer, set()).add(number)
    return readers


def _joins(program: Program, earlier: int, later: int, readers: dict[int, set[int]]) -> bool:
    """Whether `later` is the only step to read what `earlier` makes, as its image, and that is large."""
    first, second = program.steps[earlier], program.steps[later]
    if first.op not in _STRIPED or second.op not in _STRIPED or len(first.outputs) != 1:
        return False
    if max(_weight_bytes(first), _weight_bytes(second)) > _WEIGHTS or _mixes_windows(second):
        return False
    made = program.tensors[first.outputs[0]]
    if program.tensors[second.inputs[0]].buffer != made.buffer or readers[made.buffer] != {later}:
        return False
    if made.strides[1] != 1:  # planar: a stripe would be short runs of each plane, which are read no faster than planes
        return False
    return program.buffers[made.buffer].kind == "arena" and _row_bytes(program, first) * made.shape[2] >= _LARGE


def _weight_bytes(step: StepRecord) -> int:
    return 4 * prod(step.weights[0].shape) if step.weights and step.weights[0] is not None else 0


def _mixes_windows(step: StepRecord) -> bool:
    """A dense convolution with a window: enough work for each byte, and faster on many rows at once (Winograd)."""
    weight = step.weights[0] if step.weights else None
    return weight is not None and prod(weight.shape[2:]) > 1 and weight.shape[1] > 1


def _row_bytes(program: Program, step: StepRecord) -> int:
    """Of one row of one image of the step's output."""
    made = program.tensors[step.outputs[0]]
    return made.shape[1] * prod(made.shape[3:]) * made.dtype.numpy.itemsize


def _stripe_rows(program: Program, steps: list[int]) -> int:
    """Rows of the last step's output for which the largest activation between stays within a stripe's bytes."""
    last = program.tensors[program.steps[steps[-1]].outputs[0]].shape[2]
    rows = last
    for number in steps[:-1]:
        step = program.steps[number]
        height = program.tensors[step.outputs[0]].shape[2]
        rows = min(rows, _STRIPE * last // (_row_bytes(program, step) * height))
    return max(1, rows)
