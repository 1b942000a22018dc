"""Programs built by hand: tensors, steps and groups without a graph."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from fastinfer import _core
from fastinfer.graph.dtype import DType
from fastinfer.graph.weight import DenseWeight, Weight
from fastinfer.plan.records import BufferRecord, GroupRecord, Program, StepRecord, TensorRecord

Array = npt.NDArray[Any]


def row_major(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Strides in elements."""
    return tuple(math.prod(shape[d + 1 :]) for d in range(len(shape)))


def nhwc(shape: tuple[int, ...], pixel: int | None = None) -> tuple[int, ...]:
    """Strides of a logical (N, C, H, W) with channels innermost; pixel: elements from pixel to pixel."""
    _, c, h, w = shape
    pixel = c if pixel is None else pixel
    return (h * w * pixel, 1, w * pixel, pixel)


class Net:
    """Adds records one by one; tensors are numbers. Inputs and outputs are plain arrays (4-D: NCHW)."""

    def __init__(self) -> None:
        self.program = Program()
        self.inputs: list[Array] = []
        self.outputs: list[tuple[tuple[int, ...], DType]] = []

    def buffer(self, kind: str, size: int, index: int = -1, weight: Weight | None = None) -> int:
        self.program.buffers.append(BufferRecord(kind, size, index, weight))
        return len(self.program.buffers) - 1

    def view(
        self, buffer: int, shape: tuple[int, ...], strides: tuple[int, ...], offset: int = 0, dtype: DType = DType.F32
    ) -> int:
        channels_last = len(shape) == 4 and strides[1] == 1
        name = f"t{len(self.program.tensors)}"
        layout = "nhwc" if channels_last else "plain"
        self.program.tensors.append(TensorRecord(name, dtype, layout, shape, strides, offset, buffer))
        return len(self.program.tensors) - 1

    def plain(self, shape: tuple[int, ...], dtype: DType = DType.F32) -> int:
        return self.view(
            self.buffer("arena", math.prod(shape) * dtype.numpy.itemsize), shape, row_major(shape), 0, dtype
        )

    def image(self, shape: tuple[int, ...], pixel: int | None = None) -> int:
        size = shape[0] * shape[2] * shape[3] * (shape[1] if pixel is None else pixel) * 4
        return self.view(self.buffer("arena", size), shape, nhwc(shape, pixel))

    def input(self, array: Array) -> int:
        self.inputs.append(np.ascontiguousarray(array))
        buffer = self.buffer("input", array.nbytes, len(self.inputs) - 1)
        return self.view(buffer, array.shape, row_major(array.shape), 0, DType.of(array.dtype))

    def image_input(self, array: Array) -> int:
        """The input, copied to NHWC."""
        y = self.image(array.shape)
        self.step("copy", [self.input(array)], [y])
        return y

    def constant(self, array: Array) -> int:
        buffer = self.buffer("constant", array.nbytes, weight=DenseWeight(array))
        return self.view(buffer, array.shape, row_major(array.shape), 0, DType.of(array.dtype))

    def output(self, tensor: int) -> None:
        """The tensor, copied to a plain output."""
        record = self.program.tensors[tensor]
        self.outputs.append((record.shape, record.dtype))
        size = math.prod(record.shape) * record.dtype.numpy.itemsize
        buffer = self.buffer("output", size, len(self.outputs) - 1)
        y = self.view(buffer, record.shape, row_major(record.shape), 0, record.dtype)
        self.step("copy", [tensor], [y])

    def step(
        self,
        op: str,
        inputs: list[int],
        outputs: list[int],
        weights: list[Weight | None] | None = None,
        name: str | None = None,
        **attributes: Any,
    ) -> int:
        number = len(self.program.steps)
        self.program.steps.append(StepRecord(op, name or f"{op}{number}", inputs, outputs, weights or [], attributes))
        self.program.groups.append(GroupRecord([number]))
        return number

    def conv(self, x: int, y: int, w: Array, b: Array | None = None, residual: int = -1, **attributes: Any) -> int:
        weights: list[Weight | None] = [DenseWeight(w), None if b is None else DenseWeight(b)]
        return self.step("conv", [x, residual, -1, -1], [y], weights, **attributes)

    def group(self, first: int, last: int, stripe_rows: int) -> None:
        """Joins steps [first, last], which are groups of one, to one group."""
        groups = self.program.groups
        at = next(i for i, g in enumerate(groups) if g.steps == [first])
        groups[at : at + last - first + 1] = [GroupRecord(list(range(first, last + 1)), stripe_rows)]

    def prepare(self, **options: Any) -> _core.Plan:
        options.setdefault("threads", 1)
        return _core.prepare(self.program, options.pop("cache", _core.WeightCache(1 << 28)), **options)

    def run_plan(self, plan: _core.Plan) -> list[Array]:
        outputs = [np.full(shape, 77, dtype.numpy) for shape, dtype in self.outputs]
        plan.run(self.inputs, outputs)
        return outputs

    def run(self, **options: Any) -> list[Array]:
        return self.run_plan(self.prepare(**options))
