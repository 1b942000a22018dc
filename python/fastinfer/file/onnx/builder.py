"""What the rewriting rules write to: the graph under construction, with fresh names and the element types so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from fastinfer.errors import AttributeValueError, DTypeError, GraphError
from fastinfer.file.onnx.attributes import check_attributes
from fastinfer.file.onnx.external import ExternalFiles
from fastinfer.file.protobuf import Array
from fastinfer.graph.dtype import DType
from fastinfer.graph.ir import Node
from fastinfer.graph.operators import attribute
from fastinfer.graph.weight import DenseWeight, Weight

_BOOL_OPERATORS = frozenset(
    ("And", "Equal", "Greater", "GreaterOrEqual", "IsInf", "IsNaN", "Less", "LessOrEqual", "Not", "Or", "Xor")
)
_INDEX_OPERATORS = frozenset(("ArgMax", "ArgMin", "NonMaxSuppression", "NonZero", "Shape"))
_TYPE_INPUT = {"CastLike": 1, "OneHot": 2, "Where": 1}  # the input whose element type the output has, if not the first

D = TypeVar("D")


@dataclass(slots=True)
class FileNode:
    """A node as the file has it: attributes decoded, functions inlined, the opset version of its domain beside it."""

    op: str
    version: int
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any]
    name: str = ""

    def label(self) -> str:
        return self.name or f"{self.op}({', '.join(n for n in self.outputs if n)})"

    def input(self, i: int) -> str:
        """The name of input i, or the empty string."""
        return self.inputs[i] if i < len(self.inputs) else ""

    def need(self, i: int) -> str:
        """The name of input i, which must be there."""
        if not self.input(i):
            raise GraphError(f"input {i} of {self.op} is missing", node=self.label())
        return self.inputs[i]

    def output(self, i: int = 0) -> str:
        """The name of output i, or the empty string."""
        return self.outputs[i] if i < len(self.outputs) else ""

    def error(self, reason: str) -> AttributeValueError:
        return AttributeValueError(reason, node=self.label())

    def pop_int(self, name: str, default: D) -> int | D:
        """Take the attribute away; AttributeValueError if it is of another type."""
        return self._pop(name, default, int)  # type: ignore[no-any-return]

    def pop_float(self, name: str, default: D) -> float | D:
        return self._pop(name, default, float)  # type: ignore[no-any-return]

    def pop_ints(self, name: str) -> list[int] | None:
        return self._pop_list(name, int)

    def pop_floats(self, name: str) -> list[float] | None:
        return self._pop_list(name, float)

    def _pop(self, name: str, default: Any, kind: type) -> Any:
        value = self.attributes.pop(name, default)
        if value is not None and not isinstance(value, kind):
            raise self.error(f"attribute {name} of {self.op} must be of kind {kind.__name__}")
        return value

    def _pop_list(self, name: str, kind: type) -> list[Any] | None:
        value = self.attributes.pop(name, None)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(v, kind) for v in value):
            raise self.error(f"attribute {name} of {self.op} must be of kind {kind.__name__}s")
        return value


class Builder:
    """Collects canonical nodes and weights. `dtypes` knows the element type of every value whose source it saw."""

    def __init__(self, files: ExternalFiles, names: set[str]) -> None:
        self.files = files
        self.nodes: list[Node] = []
        self.weights: dict[str, Weight] = {}
        self.dtypes: dict[str, DType] = {}
        self._names = names
        self._node_names: set[str] = set()

    def fresh(self, hint: str) -> str:
        """A value name that the file does not use."""
        return _unused(hint, self._names)

    def add_weight(self, name: str, array: Array) -> None:
        if name in self.weights:
            raise GraphError("the tensor is defined twice", tensor=name)
        self.weights[name] = DenseWeight(array)
        self.dtypes[name] = DType.of(array.dtype)

    def constant(self, values: npt.ArrayLike, hint: str, dtype: Any = np.int64) -> str:
        """A new weight of these values; int64, what axes and sizes are, unless said otherwise."""
        name = self.fresh(hint)
        try:
            self.add_weight(name, np.array(values, dtype))
        except OverflowError:
            raise AttributeValueError(f"a value of {hint} lies outside the range of its type") from None
        return name

    def scalar_like(self, value: float, node: FileNode, like: str) -> str:
        """A scalar of the element type of the value `like`: a weight, or a CastLike of one if the type is not known."""
        dtype = self.dtypes.get(like)
        hint = f"{node.label()}/{value:g}"
        if dtype is not None and (dtype.is_float or value == int(value)):
            return self.constant(value, hint, dtype.numpy)
        return self.emit(node, "CastLike", [self.constant(value, hint, np.float32), like])

    def known(self, name: str) -> Array | None:
        """The elements of a weight; None for other values."""
        weight = self.weights.get(name)
        return None if weight is None else weight.dense()

    def keep(self, node: FileNode, op: str | None = None) -> None:
        """Take the file's node over, under its own or another operator's name."""
        self._append(Node(op or node.op, node.inputs, node.outputs, node.attributes, node.name))

    def emit(self, node: FileNode, op: str, inputs: list[str], output: str = "", **attributes: Any) -> str:
        """Add a node of one output for a part of `node`; gives the output's name, a fresh one unless it is given."""
        output = output or self.fresh(f"{node.output() or node.label()}/{op}")
        name = _unused(f"{node.name}/{op}", self._node_names) if node.name else ""
        self._append(Node(op, inputs, [output], attributes, name))
        return output

    def _append(self, node: Node) -> None:
        check_attributes(node)
        for i, output in enumerate(node.outputs):
            dtype = self._result_dtype(node, i) if output else None
            if dtype is not None:
                self.dtypes[output] = dtype  # what follows from the inputs outweighs what the file declares
        self.nodes.append(node)

    def _result_dtype(self, node: Node, i: int) -> DType | None:
        op = node.op
        if op in _BOOL_OPERATORS:
            return DType.BOOL
        if op in _INDEX_OPERATORS or (i == 1 and op in ("MaxPool", "TopK")):
            return DType.S64
        if op == "Cast":
            return attribute(node, "to")  # type: ignore[no-any-return]
        if op == "ConstantOfShape":
            try:
                return DType.of(attribute(node, "value").dtype)
            except KeyError:
                raise DTypeError("ConstantOfShape's value has no supported type", node=node.label()) from None
        if op == "EyeLike" and "dtype" in node.attributes:
            return attribute(node, "dtype")  # type: ignore[no-any-return]
        if op == "LayerNormalization" and i > 0:
            return DType.F32
        return self.dtypes.get(node.input(_TYPE_INPUT.get(op, 0)))


def _unused(hint: str, taken: set[str]) -> str:
    """The hint, numbered if it is taken; the name that comes out is taken from now on."""
    name, i = hint, 0
    while name in taken:
        i += 1
        name = f"{hint}_{i}"
    taken.add(name)
    return name
