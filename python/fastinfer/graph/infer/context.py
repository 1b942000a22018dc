"""What a shape rule sees of its node: the types of its inputs, and their values where they are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy.typing as npt

from fastinfer.errors import DTypeError, GraphError, ShapeError
from fastinfer.graph.dtype import DType
from fastinfer.graph.ir import Node, TensorType

Array = npt.NDArray[Any]
Shape = tuple[int, ...]


class NeedValue(Exception):
    """The output's shape depends on the elements of tensor `name`, which are not known yet."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the shape depends on the value of {name!r}")
        self.name = name


class NeedRun(Exception):
    """The output's shape depends on data in a way that only running the node tells."""

    def __init__(self, node: Node) -> None:
        super().__init__(f"the output size of {node.label()!r} depends on its data")
        self.node = node


class Context:
    """The inputs of one node. Refusals made by `shape_error` and its friends name the node."""

    __slots__ = ("_types", "_value_of", "node")

    def __init__(self, node: Node, types: Mapping[str, TensorType], value_of: Callable[[str], Array | None]) -> None:
        self.node = node
        self._types = types
        self._value_of = value_of

    def __len__(self) -> int:
        return len(self.node.inputs)

    def has(self, i: int) -> bool:
        """Whether input i is there."""
        inputs = self.node.inputs
        return i < len(inputs) and inputs[i] != ""

    def type(self, i: int) -> TensorType | None:
        """The type of input i, or None if it is absent."""
        inputs = self.node.inputs
        if i >= len(inputs) or not inputs[i]:
            return None
        found = self._types.get(inputs[i])
        if found is None:
            raise GraphError("the tensor is not defined", node=self.node.label(), tensor=inputs[i])
        return found

    def need(self, i: int) -> TensorType:
        """The type of input i, which must be there."""
        found = self.type(i)
        if found is None:
            raise GraphError(f"input {i} of {self.node.op} is missing", node=self.node.label())
        return found

    def need_float(self, i: int) -> TensorType:
        """The type of input i, which must be one of floating-point numbers."""
        return self._need_kind(i, "floats", lambda dtype: dtype.is_float)

    def need_bool(self, i: int) -> TensorType:
        return self._need_kind(i, "booleans", lambda dtype: dtype is DType.BOOL)

    def need_integer(self, i: int) -> TensorType:
        return self._need_kind(i, "integers", lambda dtype: dtype.value[0] in "su")

    def _need_kind(self, i: int, kind: str, is_kind: Callable[[DType], bool]) -> TensorType:
        found = self.need(i)
        if not is_kind(found.dtype):
            raise self.dtype_error(f"{self.node.op} wants {kind}, got {found.dtype.value}", i)
        return found

    def shape(self, i: int) -> Shape:
        return self.need(i).shape

    def value(self, i: int) -> Array:
        """The elements of input i, which must be there; NeedValue if they are not known yet."""
        self.need(i)
        name = self.node.inputs[i]
        value = self._value_of(name)
        if value is None:
            raise NeedValue(name)
        return value

    def ints(self, i: int) -> list[int]:
        """The elements of input i, a list of integers of at most one axis."""
        value = self.value(i)
        if value.ndim > 1:
            raise self.shape_error(f"wants at most 1 axis, got shape {value.shape}", i)
        if value.dtype.kind not in "iu":
            raise self.dtype_error(f"wants integers, got {value.dtype}", i)
        return [int(v) for v in value.reshape(-1).tolist()]

    def int_scalar(self, i: int) -> int:
        """The one integer of input i."""
        values = self.ints(i)
        if len(values) != 1:
            raise self.shape_error(f"wants a single integer, got {len(values)}", i)
        return values[0]

    def floats(self, i: int) -> list[float]:
        """The elements of input i, a list of numbers of one axis."""
        value = self.value(i)
        if value.ndim != 1:
            raise self.shape_error(f"wants 1 axis, got shape {value.shape}", i)
        if value.dtype.kind not in "fiu":
            raise self.dtype_error(f"wants numbers, got {value.dtype}", i)
        return [float(v) for v in value.tolist()]

    # Refusals.

    def shape_error(self, reason: str, i: int | None = None) -> ShapeError:
        return ShapeError(reason, node=self.node.label(), tensor=self._tensor(i))

    def dtype_error(self, reason: str, i: int | None = None) -> DTypeError:
        return DTypeError(reason, node=self.node.label(), tensor=self._tensor(i))

    def _tensor(self, i: int | None) -> str | None:
        return self.node.input(i) or None if i is not None else None

    def same_dtype(self, *inputs: int) -> DType:
        """The one element type that the given inputs (those present) must share."""
        first = self.need(inputs[0]).dtype
        for i in inputs[1:]:
            other = self.type(i)
            if other is not None and other.dtype is not first:
                raise self.dtype_error(
                    f"is {other.dtype.value}, but {self.node.input(inputs[0])!r} is {first.value}", i
                )
        return first


__all__ = ["Array", "Context", "NeedRun", "NeedValue", "Shape"]
