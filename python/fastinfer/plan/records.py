"""The records that a graph is lowered to: the Python side of cpp/plan/program.h. Plain data, in ints and strings."""

from __future__ import annotations

from dataclasses import dataclass, field

from fastinfer.graph.dtype import DType
from fastinfer.graph.weight import Weight

Attribute = bool | int | float | str | list[int] | list[float]


@dataclass(slots=True)
class BufferRecord:
    """Where elements live: the arena, the caller's array number `index`, or a dense weight."""

    kind: str  # arena, input, output, constant
    bytes: int
    index: int = -1
    weight: Weight | None = None


@dataclass(slots=True)
class TensorRecord:
    """A strided view of a buffer, in logical axis order; strides and offset count elements."""

    name: str
    dtype: DType
    layout: str  # nhwc: channels (axis 1) innermost; plain: row-major in logical axis order
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int
    buffer: int


@dataclass(slots=True)
class StepRecord:
    """One operator of the core's registry. inputs and outputs number tensors; -1 stands for an absent one."""

    op: str
    name: str
    inputs: list[int]
    outputs: list[int]
    weights: list[Weight | None] = field(default_factory=list)
    attributes: dict[str, Attribute] = field(default_factory=dict)


@dataclass(slots=True)
class GroupRecord:
    """Steps run together, stripe_rows rows of the last output at a time (0: all at once)."""

    steps: list[int]
    stripe_rows: int = 0


@dataclass(slots=True)
class Program:
    tensors: list[TensorRecord] = field(default_factory=list)
    buffers: list[BufferRecord] = field(default_factory=list)
    steps: list[StepRecord] = field(default_factory=list)
    groups: list[GroupRecord] = field(default_factory=list)
