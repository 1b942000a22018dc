"""What a lowering writes to: values as views, steps, buffers, and the copies that layouts demand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

import numpy as np

from fastinfer.errors import GraphError, ShapeError
from fastinfer.graph.derived import DerivedWeights
from fastinfer.graph.dtype import DType
from fastinfer.graph.ir import Activation, Graph, Node, TensorType
from fastinfer.graph.weight import Array, DenseWeight, Weight
from fastinfer.plan.lower import view as views
from fastinfer.plan.lower.view import Shape, View
from fastinfer.plan.records import Attribute, BufferRecord, Program, StepRecord, TensorRecord

MAX_RANK = 8  # kMaxRank of cpp/base/view.h


# A sum that lies on their threshold (often in binary networks, whose sums are integers) must not move by rounding.
_STEP_FUNCTIONS = frozenset(
    {"Ceil", "Equal", "Floor", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Round", "Sign"}
)


class Builder:
    """Lowers one graph of known types. `layouts` says how each computed value should lie: nhwc, planar or plain.

    A value is read through `read*`, which convert (once) where a step wants another layout than the value has. A
    node's result goes to `output*`, which may be a slice of a Concat's buffer or the caller's array, or is defined as
    a view of something that exists.
    """

    def __init__(
        self, graph: Graph, types: Mapping[str, TensorType], layouts: Mapping[str, str], derived: DerivedWeights
    ) -> None:
        self.graph = graph
        self.types = types
        self.layouts = layouts
        self.derived = derived
        self.thresholded = any(node.op in _STEP_FUNCTIONS for node in graph.nodes)
        self.program = Program()
        self.label = ""  # of the node being lowered
        self.placement: dict[str, View] = {}
        self.row_means: dict[View, View] = {}  # of pictures, where a step makes them too
        self._views: dict[str, View] = {}
        self._converted: dict[tuple[View, str], View] = {}
        self._tensors: dict[View, int] = {}
        self._names: dict[View, str] = {}
        self._constants: dict[int, tuple[Weight, int]] = {}
        for index, info in enumerate(graph.inputs):
            kind = types[info.name]
            buffer = self._buffer("input", prod(kind.shape) * kind.dtype.numpy.itemsize, index=index)
            self.define(info.name, View(buffer, kind.dtype, kind.shape, views.plain_strides(kind.shape)))

    # Buffers

    def _buffer(self, kind: str, size: int, index: int = -1, weight: Weight | None = None) -> int:
        self.program.buffers.append(BufferRecord(kind, size, index, weight))
        return len(self.program.buffers) - 1

    def output_buffer(self, index: int, kind: TensorType) -> View:
        """The caller's array number `index`: dense, row-major."""
        buffer = self._buffer("output", prod(kind.shape) * kind.dtype.numpy.itemsize, index=index)
        return View(buffer, kind.dtype, kind.shape, views.plain_strides(kind.shape))

    def new(self, dtype: DType, shape: Shape, layout: str = "plain") -> View:
        """A new tensor in the arena."""
        strides = views.plain_strides(shape)
        if layout == "nhwc" and len(shape) > 2:
            strides = views.channels_last_strides(shape)
        elif layout == "planar":
            strides = views.planar_strides(shape)
        size = max(prod(shape), strides[0] * shape[0]) if layout == "planar" else prod(shape)
        return View(self._buffer("arena", size * dtype.numpy.itemsize), dtype, shape, strides)

    def constant(self, weight: Weight, dtype: DType | None = None) -> View:
        """A weight as an operand, dense and row-major; floats of less width widened to dtype."""
        dense = self.derived.operand(weight, dtype or weight.dtype)
        known = self._constants.get(id(dense))
        if known is None:
            known = (dense, self._buffer("constant", dense.nbytes, weight=dense))
            self._constants[id(dense)] = known
        return View(known[1], dense.dtype, dense.shape, views.plain_strides(dense.shape))

    def constant_array(self, array: Array) -> View:
        """An array as an operand."""
        return self.constant(DenseWeight(np.require(array, requirements="C")))

    # Values

    def type(self, name: str) -> TensorType:
        return self.types[name]

    def weight(self, name: str) -> Weight | None:
        """The weight of that name, in the form it is stored in, or None if the value is computed."""
        return self.graph.weights.get(name)

    def value(self, name: str) -> Array | None:
        """The elements of a constant, or None if the value is computed or absent."""
        weight = self.graph.weights.get(name)
        return None if weight is None else weight.dense()

    def known(self, node: Node, i: int) -> Array | None:
        """The elements of input i, None if it is absent; it must be constant here (inference asked for it)."""
        name = node.input(i)
        if not name:
            return None
        value = self.value(name)
        if value is None:
            raise GraphError(f"input {i} of {node.op} must be known before it runs", node=node.label(), tensor=name)
        return value

    def ints(self, node: Node, i: int) -> list[int] | None:
        value = self.known(node, i)
        return None if value is None else [int(v) for v in value.reshape(-1)]

    def read(self, name: str) -> View:
        """Where the value is, in whatever strides it has."""
        view = self._views.get(name)
        if view is None:
            weight = self.graph.weights.get(name)
            if weight is None:
                raise GraphError("the tensor is not defined", node=self.label, tensor=name)
            view = self.constant(weight, self.types[name].dtype)
            self.define(name, view)
        return view

    def read_broadcast(self, name: str, shape: Shape) -> View:
        return views.broadcast(self.read(name), shape)

    def read_plain(self, name: str) -> View:
        return self.as_plain(self.read(name))

    def as_plain(self, view: View) -> View:
        """The elements densely in logical order: the view itself, or a copy (made once)."""
        return view if views.is_plain(view) else self._convert(view, "plain")

    def as_channels_last(self, view: View) -> View:
        """The elements with channels (axis 1) contiguous: the view itself, or a copy (made once)."""
        return views.canonical_channels_last(view if views.is_channels_last(view) else self._convert(view, "nhwc"))

    def read_image(self, name: str) -> View:
        """(N, C, H, W) in NHWC; (N, C, L) as (N, C, 1, L)."""
        view = self.read(name)
        if view.rank not in (3, 4):
            raise ShapeError(f"wants 3 or 4 axes, has shape {view.shape}", node=self.label, tensor=name)
        return as_image(self.as_channels_last(view))

    def read_planar(self, name: str) -> View:
        """(N, C, H, W) with contiguous planes."""
        view = self.read(name)
        return views.canonical_planar(view if views.is_planar(view) else self._convert(view, "planar"))

    def _convert(self, view: View, layout: str) -> View:
        found = self._converted.get((view, layout))
        if found is None:
            found = self.new(view.dtype, view.shape, layout)
            self._names[found] = self._names.get(view, self.label)
            self.copy(view, found, f"{layout}({self._names[found]})")
            self._converted[view, layout] = found
        return found

    def define(self, name: str, view: View) -> None:
        """The value is this view."""
        if name:
            self._views[name] = view
            self._names.setdefault(view, name)

    def output(self, name: str, layout: str | None = None) -> View:
        """Where the value is to be written: its place if it was given one, else a new tensor."""
        kind = self.types[name]
        view = self.placement.get(name) or self.new(kind.dtype, kind.shape, layout or self.layouts.get(name, "plain"))
        self.define(name, view)
        return view

    def output_planar(self, name: str) -> View:
        """Where a planar result goes."""
        kind = self.types[name]
        view = self.placement.get(name)
        if view is None or not views.is_planar(view):
            view = self.new(kind.dtype, kind.shape, "planar")
        view = views.canonical_planar(view)
        self.define(name, view)
        return view

    def output_image(self, name: str) -> View:
        """Like output, for steps that write NHWC; a rank-3 value is seen as (N, C, 1, L)."""
        kind = self.types[name]
        view = self.placement.get(name)
        if view is None or not views.is_channels_last(view):
            view = self.new(kind.dtype, kind.shape, "nhwc")
        view = views.canonical_channels_last(view)
        self.define(name, view)
        return as_image(view)

    # Steps

    def tensor(self, view: View) -> int:
        """The record's number; one record for each view."""
        number = self._tensors.get(view)
        if number is None:
            if view.rank > MAX_RANK:
                raise ShapeError(f"tensors have at most {MAX_RANK} axes, got {view.shape}", node=self.label)
            layout = "nhwc" if view.rank == 4 and views.is_channels_last(view) else "plain"
            number = len(self.program.tensors)
            name = self._names.get(view, self.label)
            self.program.tensors.append(
                TensorRecord(name, view.dtype, layout, view.shape, view.strides, view.offset, view.buffer)
            )
            self._tensors[view] = number
        return number

    def step(
        self,
        op: str,
        inputs: Sequence[View | None],
        outputs: Sequence[View],
        weights: Sequence[Weight | None] = (),
        name: str = "",
        activation: Activation | None = None,
        **attributes: Attribute,
    ) -> None:
        """Append a step. Nothing to compute: no step."""
        if all(view.size == 0 for view in outputs):
            return
        if activation is not None:
            attributes.update(
                activation=activation.kind, activation_alpha=activation.alpha, activation_beta=activation.beta
            )
        record = StepRecord(
            op,
            name or self.label,
            [-1 if view is None else self.tensor(view) for view in inputs],
            [self.tensor(view) for view in outputs],
            list(weights),
            attributes,
        )
        self.program.steps.append(record)

    def copy(self, source: View, target: View, name: str = "") -> None:
        """target = source, cast to target's type, if they are not the same elements already."""
        if not views.same_elements(source, target):
            self.step("copy", [source], [target], name=name)


def as_image(view: View) -> View:
    """(N, C, L) as (N, C, 1, L)."""
    return views.canonical_channels_last(views.insert_axis(view, 2)) if view.rank == 3 else view
