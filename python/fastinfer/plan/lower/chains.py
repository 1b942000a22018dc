"""Depth-first groups: chains of pointwise and depthwise convolutions, run by stripes of rows.

An inverted residual (pointwise, depthwise, pointwise) widens a picture several times over in between. Run whole, the
wide tensors go out to memory and come back; by stripes of rows that stay in the cache they do not.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from fastinfer.plan.records import GroupRecord, Program, StepRecord, TensorRecord


def group_chains(program: Program, stripe_bytes: int) -> None:
    """Regroup the steps: each chain whose tensors in between exceed stripe_bytes becomes one group.

    stripe_rows is such that the widest tensor's share of a stripe takes about stripe_bytes; 0 leaves the groups alone.
    """
    if stripe_bytes <= 0:
        return
    readers = _readers(program)
    groups: list[GroupRecord] = []
    for chain in _chains(program, readers):
        between = [program.tensors[program.steps[i].outputs[0]] for i in chain[:-1]]
        last = program.tensors[program.steps[chain[-1]].outputs[0]]
        image = max((_image_bytes(tensor) for tensor in between), default=0)
        if len(chain) == 1 or image <= stripe_bytes or last.shape[2] < 2:
            groups += [GroupRecord([i]) for i in chain]
            continue
        rows = max(1, round(last.shape[2] * stripe_bytes / image))
        groups.append(GroupRecord(chain, rows))
    program.groups = groups


def _image_bytes(tensor: TensorRecord) -> int:
    return prod(tensor.shape[1:]) * tensor.dtype.numpy.itemsize


def _readers(program: Program) -> dict[int, int]:
    """How many step inputs lie in each buffer."""
    readers: dict[int, int] = {}
    for step in program.steps:
        for i in step.inputs:
            if i >= 0:
                buffer = program.tensors[i].buffer
                readers[buffer] = readers.get(buffer, 0) + 1
    return readers


def _chains(program: Program, readers: dict[int, int]) -> Iterator[list[int]]:
    """The steps in order, neighbours together where one feeds the next alone and both are links of a chain."""
    chain: list[int] = []
    for i, step in enumerate(program.steps):
        if chain and not _continues(program, program.steps[chain[-1]], step, readers):
            yield chain
            chain = []
        chain.append(i)
        if len(chain) > 1 and _kind(step, program) == "pointwise":
            yield chain
            chain = []
    if chain:
        yield chain


def _continues(program: Program, before: StepRecord, step: StepRecord, readers: dict[int, int]) -> bool:
    kinds = _kind(before, program), _kind(step, program)
    if kinds not in (("pointwise", "depthwise"), ("depthwise", "pointwise")):
        return False
    made, read = before.outputs[0], step.inputs[0]
    buffer = program.buffers[program.tensors[made].buffer]
    return made == read and buffer.kind == "arena" and readers[program.tensors[made].buffer] == 1


def _kind(step: StepRecord, program: Program) -> str:
    """pointwise, depthwise, or neither: the empty string."""
    weight = step.weights[0] if step.op == "conv" else None
    if weight is None:
        return ""
    groups, channels = step.attributes["groups"], program.tensors[step.inputs[0]].shape[1]
    if groups == 1 and weight.shape[2:] == (1, 1) and step.attributes["strides"] == [1, 1]:
        return "pointwise"
    return "depthwise" if groups == channels == weight.shape[0] else ""
