"""Refusals of shape inference: the right exception, naming node and tensor, with the figures."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastinfer.errors import (
    AttributeValueError,
    DTypeError,
    FastinferError,
    GraphError,
    ShapeError,
    TensorSizeError,
    UnsupportedOperatorError,
)
from fastinfer.graph.dtype import DType
from fastinfer.graph.infer import RULES, NeedRun, NeedValue, infer_node
from fastinfer.graph.ir import Node, TensorType
from fastinfer.graph.operators import OPERATORS

F32, S64, BOOL = DType.F32, DType.S64, DType.BOOL
Spec = tuple[DType, tuple[int, ...]] | np.ndarray | None


def infer_op(op: str, *inputs: Spec, outputs: int = 1, **attributes: Any) -> list[TensorType]:
    """The output types of a node `n` whose inputs are a, b, c, ...: types, arrays (known values) or None (absent)."""
    names = ["" if spec is None else "abcdefgh"[i] for i, spec in enumerate(inputs)]
    types, values = {}, {}
    for name, spec in zip(names, inputs, strict=True):
        if isinstance(spec, np.ndarray):
            values[name] = spec
            types[name] = TensorType(DType.of(spec.dtype), spec.shape)
        elif spec is not None:
            types[name] = TensorType(*spec)
    node = Node(op, names, [f"y{i}" for i in range(outputs)], attributes, "n")
    return infer_node(node, types, values.get)


def when(op: str, *inputs: Spec, outputs: int = 1, **attributes: Any) -> Callable[[], object]:
    return partial(infer_op, op, *inputs, outputs=outputs, **attributes)


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


X = (F32, (1, 32, 8, 8))


def test_every_operator_has_a_rule() -> None:
    assert RULES.keys() == OPERATORS.keys()


def test_absent_outputs_are_typed_too() -> None:
    node = Node("TopK", ["x", "k"], ["", "where"])
    types = {"x": TensorType(F32, (7, 9)), "k": TensorType(S64, (1,))}
    assert infer_node(node, types, {"k": ints(4)}.get) == [TensorType(F32, (7, 4)), TensorType(S64, (7, 4))]


def test_a_value_not_known_yet() -> None:
    with pytest.raises(NeedValue) as caught:
        infer_op("Reshape", X, (S64, (2,)))
    assert caught.value.name == "b"


def test_sizes_that_depend_on_data() -> None:
    with pytest.raises(NeedRun) as caught:
        infer_op("NonZero", X)
    assert caught.value.node.name == "n"


@pytest.mark.parametrize(
    ("kind", "reason", "tensor", "call"),
    [
        (ShapeError, "weight wants 64 input channels, x has 32", "b", when("Conv", X, (F32, (8, 64, 3, 3)))),
        (ShapeError, "weight wants 16 input channels", "b", when("Conv", X, (F32, (8, 8, 3, 3)), group=2)),
        (ShapeError, "5 output channels do not divide into 2 groups", "b",
         when("Conv", X, (F32, (5, 16, 3, 3)), group=2)),
        (ShapeError, "weight has 3 axes, x has 4", "b", when("Conv", X, (F32, (8, 32, 3)))),
        (ShapeError, r"bias wants shape \(8,\), has \(9,\)", "c",
         when("Conv", X, (F32, (8, 32, 3, 3)), (F32, (9,)))),
        (ShapeError, r"residual wants shape \(1, 8, 6, 6\)", "d",
         when("Conv", X, (F32, (8, 32, 3, 3)), None, (F32, (1, 8, 8, 8)))),
        (ShapeError, "window of 9 does not fit an input of 8", None, when("Conv", X, (F32, (8, 32, 9, 1)))),
        (AttributeValueError, "strides wants 2 integers, has 1", None,
         when("Conv", X, (F32, (8, 32, 3, 3)), strides=[2])),
        (AttributeValueError, "strides wants integers from 1", None,
         when("Conv", X, (F32, (8, 32, 3, 3)), strides=[0, 1])),
        (AttributeValueError, "strides must be a list", None,
         when("Conv", X, (F32, (8, 32, 3, 3)), strides="2")),
        (AttributeValueError, "auto_pad must be one of", None,
         when("Conv", X, (F32, (8, 32, 3, 3)), auto_pad="SAME")),
        (AttributeValueError, "group must be at least 1", None, when("Conv", X, (F32, (8, 32, 3, 3)), group=0)),
        (AttributeValueError, "kernel_shape is", None,
         when("Conv", X, (F32, (8, 32, 3, 3)), kernel_shape=[3, 1])),
        (DTypeError, "is f64, but 'a' is f32", "b", when("Conv", X, (DType.F64, (8, 32, 3, 3)))),
        (DTypeError, "wants floats, got s64", "a", when("Conv", (S64, (1, 4, 8, 8)), (S64, (8, 4, 3, 3)))),
        (ShapeError, "leave nothing", None,
         when("ConvTranspose", (F32, (1, 2, 1, 1)), (F32, (2, 2, 3, 3)), pads=[2, 2, 2, 2])),
        (ShapeError, "5 columns meet 6 rows", "b", when("Gemm", (F32, (4, 5)), (F32, (6, 7)))),
        (ShapeError, "3 columns meet 5 rows", None, when("MatMul", (F32, (2, 3)), (F32, (5, 2)))),
        (ShapeError, r"c of shape \(3, 1\)", "c", when("Gemm", (F32, (4, 5)), (F32, (5, 7)), (F32, (3, 1)))),
        (AttributeValueError, "kernel_shape is missing", None, when("MaxPool", X)),
        (ShapeError, "at least 3 axes", None, when("MaxPool", (F32, (1, 3)), kernel_shape=[2])),
        (ShapeError, "do not broadcast", None, when("Add", X, (F32, (1, 32, 8, 7)))),
        (DTypeError, "is s64, but 'a' is f32", "b", when("Add", X, (S64, ()))),
        (DTypeError, "does not take booleans", "a", when("Add", (BOOL, ()), (BOOL, ()))),
        (DTypeError, "And wants booleans, got f32", "a", when("And", X, X)),
        (ShapeError, "does not broadcast to", "b", when("PRelu", X, (F32, (2, 32, 8, 8)))),
        (ShapeError, r"wants shape \(32,\), has \(31,\)", "c",
         when("BatchNormalization", X, (F32, (32,)), (F32, (31,)), (F32, (32,)), (F32, (32,)))),
        (AttributeValueError, "axis 4 is outside of a tensor of 4 axes", None, when("Softmax", X, axis=4)),
        (AttributeValueError, "name one axis twice", None, when("ReduceSum", X, ints(1, -3))),
        (AttributeValueError, "k is 9, but axis 3 has 8 elements", "b", when("TopK", X, ints(9), outputs=2)),
        (ShapeError, r"cannot reshape \(1, 32, 8, 8\) \(2048 elements\) to \[3, -1\]", None,
         when("Reshape", X, ints(3, -1))),
        (ShapeError, "no axis 4 to copy", None, when("Reshape", X, ints(1, 1, 1, -1, 0))),
        (DTypeError, "wants integers, got float32", "b", when("Reshape", X, np.ones(2, np.float32))),
        (AttributeValueError, "not an order of 4 axes", None, when("Transpose", X, perm=[0, 1, 2, 2])),
        (ShapeError, "does not fit", "b", when("Concat", X, (F32, (1, 32, 8, 9)), axis=1)),
        (AttributeValueError, "axis is missing", None, when("Concat", X)),
        (ShapeError, "cannot split 32 into", None, when("Split", X, ints(16, 17), outputs=2, axis=1)),
        (AttributeValueError, "step must not be 0", None,
         when("Slice", X, ints(0), ints(1), ints(1), ints(0))),
        (ShapeError, "cannot squeeze axis 1", None, when("Squeeze", X, ints(1))),
        (ShapeError, "wants 8 pads for 4 axes, got 4", None, when("Pad", X, ints(1, 1, 1, 1))),
        (ShapeError, "leave nothing", None, when("Pad", X, ints(0, 0, -5, 0, 0, 0, -4, 0))),
        (ShapeError, "too small", None, when("Pad", (F32, (1,)), ints(1, 0), mode="reflect")),
        (ShapeError, "do not divide into blocks", "a", when("DepthToSpace", X, blocksize=3)),
        (ShapeError, "either scales or sizes", None, when("Resize", X)),
        (ShapeError, "wants 4 scales, got 2", None, when("Resize", X, None, np.ones(2, np.float32))),
        (ShapeError, "positive scales", None, when("Resize", X, None, np.array([1, 1, np.nan, 1], np.float32))),
        (DTypeError, "must be s64 or s32, are f32", "b", when("Gather", X, X)),
        (ShapeError, "absurd", None, when("Range", ints(0)[0:1], ints(2**62), ints(1))),
        (ShapeError, "cannot step", "c", when("Range", ints(0), ints(4), ints(0))),
        (TensorSizeError, "absurd", "y0", when("Expand", X, ints(2**40, 32, 8, 8))),
        (TensorSizeError, "absurd", "y0", when("ConstantOfShape", ints(2**62, 2**62))),
        (ShapeError, "no negative sizes", None, when("ConstantOfShape", ints(2, -1))),
        (ShapeError, "do not fit scores", "a",
         when("NonMaxSuppression", (F32, (1, 6, 4)), (F32, (1, 1, 7)))),
        (GraphError, "input 1 of Conv is missing", None, when("Conv", X)),
        (GraphError, "not defined", "a", lambda: infer_node(Node("Relu", ["a"], ["y"], name="n"), {})),
        (GraphError, "has 1 outputs, 2 are named", None, when("Relu", X, outputs=2)),
        (UnsupportedOperatorError, "no operator Frobnicate", None, when("Frobnicate", X)),
    ],
)  # fmt: skip
def test_refusals(kind: type[FastinferError], reason: str, tensor: str | None, call: Callable[[], object]) -> None:
    with pytest.raises(kind, match=reason) as caught:
        call()
    assert caught.value.node == "n"
    if tensor is not None:
        assert caught.value.tensor == tensor


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "pads", "ceil_mode", "expected"),
    [
        (7, 3, 2, (0, 0), 0, 3),
        (8, 3, 2, (0, 0), 0, 3),
        (8, 3, 2, (0, 0), 1, 4),
        (6, 2, 3, (0, 0), 1, 2),
        (7, 1, 3, (0, 1), 1, 3),
        (5, 1, 5, (0, 1), 1, 1),  # a window from 5 on would start in the pad after the input
        (5, 2, 5, (1, 5), 1, 2),  # position 4 is the input's last one, 9 would lie behind it
    ],
)
def test_the_last_window_starts_inside(
    size: int, kernel: int, stride: int, pads: tuple[int, int], ceil_mode: int, expected: int
) -> None:
    attributes = {"kernel_shape": [kernel], "strides": [stride], "pads": list(pads), "ceil_mode": ceil_mode}
    assert infer_op("MaxPool", (F32, (1, 1, size)), **attributes)[0].shape == (1, 1, expected)


_NUMBERS = st.lists(st.integers(-5, 2**70), max_size=5)
_WEIRD = st.one_of(st.none(), st.integers(), st.floats(), st.text(max_size=3), _NUMBERS, st.binary())
_SHAPES = st.lists(st.integers(0, 5), max_size=5).map(tuple)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.data())
def test_nothing_but_typed_errors_leaks(data: st.DataObject) -> None:
    """Any operator, any inputs, any attributes: types, NeedValue, NeedRun or a FastinferError."""
    op = data.draw(st.sampled_from(sorted(OPERATORS)))
    spec = OPERATORS[op]
    inputs: list[Spec] = []
    for _ in range(data.draw(st.integers(0, min(spec.inputs[1], 5)))):
        known = data.draw(st.integers(0, 2))
        if known == 0:
            dtype = data.draw(st.sampled_from([F32, S64, BOOL, DType.U8, DType.F16]))
            inputs.append((dtype, data.draw(_SHAPES)))
        elif known == 1:
            values = data.draw(st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 5), max_size=5))
            inputs.append(np.array(values, np.int64))
        else:
            inputs.append(None)
    names = data.draw(st.lists(st.sampled_from(sorted(spec.attributes)), unique=True)) if spec.attributes else []
    attributes = {name: data.draw(_WEIRD) for name in names}
    try:
        found = infer_op(op, *inputs, outputs=1, **attributes)
    except (FastinferError, NeedValue, NeedRun):
        return
    assert all(isinstance(size, int) and size >= 0 for t in found for size in t.shape)
