"""Older opsets' forms to the newest: what was an attribute becomes an input, what was renamed gets its new name.

The changes are those of onnx/docs/Changelog.md between opset 7 and the newest.
"""

from __future__ import annotations

import numpy as np

from fastinfer.errors import UnsupportedOperatorError
from fastinfer.file.onnx.builder import Builder, FileNode
from fastinfer.file.onnx.rules import rule
from fastinfer.file.onnx.schema import SparseTensorProto
from fastinfer.file.onnx.tensor import dtype_of, read_sparse_tensor
from fastinfer.file.protobuf import Array

_REDUCTIONS = ("ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin")


def _ints_to_input(node: FileNode, builder: Builder, name: str, i: int) -> None:
    """The attribute `name`, if there, becomes input i."""
    values = node.pop_ints(name)
    if values is None:
        return
    if node.input(i):
        raise node.error(f"{name} of {node.op} is both an attribute and an input")
    node.inputs += [""] * (i + 1 - len(node.inputs))
    node.inputs[i] = builder.constant(values, f"{node.label()}/{name}")


@rule("Squeeze", "Unsqueeze", *_REDUCTIONS, "ReduceProd", "ReduceSum", "ReduceSumSquare")
def axes_to_input(node: FileNode, builder: Builder) -> None:
    _ints_to_input(node, builder, "axes", 1)
    builder.keep(node)


@rule("Split")
def split(node: FileNode, builder: Builder) -> None:
    _ints_to_input(node, builder, "split", 1)
    if not node.input(1):
        node.attributes.setdefault("num_outputs", len(node.outputs))
    builder.keep(node)


@rule("Slice")
def slice_(node: FileNode, builder: Builder) -> None:
    for i, name in enumerate(("starts", "ends", "axes"), 1):
        _ints_to_input(node, builder, name, i)
    builder.keep(node)


@rule("Pad")
def pad(node: FileNode, builder: Builder) -> None:
    if node.version < 11:
        value = node.pop_float("value", 0.0)
        _ints_to_input(node, builder, "pads", 1)
        if value:
            node.inputs[2:] = [builder.scalar_like(value, node, node.need(0))]
    builder.keep(node)


@rule("Clip")
def clip(node: FileNode, builder: Builder) -> None:
    if node.version < 11:
        bounds = [node.pop_float("min", None), node.pop_float("max", None)]
        x = node.need(0)
        node.inputs[1:] = ["" if b is None else builder.scalar_like(b, node, x) for b in bounds]
    builder.keep(node)


@rule("TopK")
def top_k(node: FileNode, builder: Builder) -> None:
    if node.version < 10:
        k = node.pop_int("k", None)
        if k is None:
            raise node.error("attribute k of TopK is missing")
        node.inputs[1:] = [builder.constant([k], f"{node.label()}/k")]
    builder.keep(node)


@rule("Softmax", "LogSoftmax")
def softmax(node: FileNode, builder: Builder) -> None:
    if node.version < 13 and node.attributes.setdefault("axis", 1) != -1:
        node.attributes["flatten"] = 1
    builder.keep(node)


@rule("BatchNormalization")
def batch_normalization(node: FileNode, builder: Builder) -> None:
    node.pop_float("momentum", 0.9)
    if node.pop_int("spatial", 1) != 1:
        raise node.error("attribute spatial of BatchNormalization: only 1, statistics per channel, is supported")
    if node.pop_int("training_mode", 0) != 0 or any(node.outputs[1:]):
        what = "BatchNormalization in training mode"
        raise UnsupportedOperatorError(f"{what} is not supported", operators=(what,), node=node.label())
    del node.outputs[1:]
    builder.keep(node)


@rule("Dropout")
def dropout(node: FileNode, builder: Builder) -> None:
    """Identity; the mask, if somebody wants it, is all true."""
    x, training = node.need(0), node.input(2)
    mode = builder.known(training)
    if training and (mode is None or mode.any()):
        what = "Dropout in training mode"
        raise UnsupportedOperatorError(f"{what} is not supported", operators=(what,), node=node.label())
    if node.output(0):
        builder.emit(node, "Identity", [x], node.output(0))
    if node.output(1):
        builder.emit(
            node, "ConstantOfShape", [builder.emit(node, "Shape", [x])], node.output(1), value=np.ones(1, np.bool_)
        )


@rule("Upsample")
def upsample(node: FileNode, builder: Builder) -> None:
    """Always nearest or linear over asymmetric coordinates."""
    scales = node.pop_floats("scales")
    if scales is not None:
        node.inputs[1:] = [builder.constant(scales, f"{node.label()}/scales", np.float32)]
    node.inputs[:] = [node.need(0), "", node.need(1)]
    node.attributes["coordinate_transformation_mode"] = "asymmetric"
    node.attributes["nearest_mode"] = "floor"
    if node.attributes.get("mode") == "bilinear":
        node.attributes["mode"] = "linear"
    builder.keep(node, "Resize")


@rule("Resize")
def resize(node: FileNode, builder: Builder) -> None:
    if node.version < 11:
        _check_opset_10_scales(node, builder.known(node.need(1)))
        upsample(node, builder)
        return
    for i in (1, 2, 3):  # opset 11 asks for a roi and scales and takes empty ones for none
        value = builder.known(node.input(i)) if node.input(i) else None
        if value is not None and value.size == 0:
            node.inputs[i] = ""
    builder.keep(node)


def _check_opset_10_scales(node: FileNode, scales: Array | None) -> None:
    """Opset 10 does not say which pixel nearest takes when shrinking; every engine agrees only on whole steps."""
    if scales is None or node.attributes.get("mode", "nearest") != "nearest" or scales.dtype.kind != "f":
        return
    if not (np.isfinite(scales) & (scales > 0)).all():
        raise node.error("Resize's scales must be positive")
    steps = 1 / scales[scales < 1].astype(np.float64)
    if (np.abs(steps - np.round(steps)) > 1e-6 * steps).any():
        raise node.error("opset 10's Resize in mode nearest does not define shrinking by a fraction")


@rule("Cast", "CastLike")
def cast(node: FileNode, builder: Builder) -> None:
    for name in ("saturate", "round_mode"):  # they matter to the float8 types only, which are refused
        node.attributes.pop(name, None)
    if node.op == "Cast":
        to = node.pop_int("to", None)
        if to is None:
            raise node.error("attribute to of Cast is missing")
        node.attributes["to"] = dtype_of(to)
        builder.keep(node)
        return
    like = builder.dtypes.get(node.need(1))
    if like is None:
        builder.keep(node)
    else:
        builder.emit(node, "Cast", [node.need(0)], node.output(), to=like)


@rule("EyeLike")
def eye_like(node: FileNode, builder: Builder) -> None:
    dtype = node.pop_int("dtype", None)
    if dtype is not None:
        node.attributes["dtype"] = dtype_of(dtype)
    builder.keep(node)


@rule("Range")
def range_(node: FileNode, builder: Builder) -> None:
    node.pop_int("stash_type", 1)  # how f16 is computed in between
    builder.keep(node)


@rule("Scatter")
def scatter(node: FileNode, builder: Builder) -> None:
    builder.keep(node, "ScatterElements")


@rule("Constant")
def constant(node: FileNode, builder: Builder) -> None:
    """A weight under the output's name."""
    if len(node.attributes) != 1:
        raise node.error(f"Constant has one value, not {len(node.attributes)}")
    ((name, value),) = node.attributes.items()
    array: Array
    if name in ("value_int", "value_ints"):
        array = np.array(node.pop_int(name, 0) if name == "value_int" else node.pop_ints(name), np.int64)
    elif name in ("value_float", "value_floats"):
        array = np.array(node.pop_float(name, 0.0) if name == "value_float" else node.pop_floats(name), np.float32)
    elif name == "value" and isinstance(value, np.ndarray):
        array = value
    elif name == "sparse_value" and isinstance(value, SparseTensorProto):
        array = read_sparse_tensor(value, builder.files)[1]
    else:
        raise node.error(f"Constant cannot have {name} (strings are not supported)")
    if node.output():
        builder.add_weight(node.output(), array)
