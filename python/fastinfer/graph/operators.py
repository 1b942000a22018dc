"""The canonical vocabulary: every operator that a graph may hold, with its arity and attributes.

It is ONNX's newest opset, made smaller. Readers bring files to this form, so passes, inference and lowering see
nothing else:

- What an older opset gave as an attribute is an input: Clip's bounds, the axes of Squeeze, Unsqueeze and Reduce*, Pad's
  pads and value, Slice's starts, ends and axes, Split's sizes, TopK's k, Resize's scales. Where a file gave attributes,
  the input is a weight.
- Constant is a weight and Dropout an Identity. Upsample and opset 10's Resize are Resize with asymmetric coordinates
  and nearest_mode floor; an empty roi, scales or sizes is an absent input.
- Max and Min are binary. Composed functions are written out (Sum, Mean, Size, Hardmax, Shrink, Swish,
  LpNormalization, MeanVarianceNormalization, GroupNormalization; see file/onnx/decompose.py).
- Softmax and LogSoftmax carry flatten=1 where the file's opset is below 13: they then run over all axes from `axis` on
  together (the tensor taken as a matrix of prod(shape[:axis]) rows) and axis is 1 by default in the file, written out.
- Split always has sizes or num_outputs. BatchNormalization is the inference form, with one output.
- Cast's `to` and EyeLike's `dtype` are DType; strings are str; ConstantOfShape's `value` is an array of one element.
- Attributes equal to their default may be left out; `attribute(node, name)` gives the value or the default.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fastinfer.graph.ir import Node

MANY = 1 << 16  # the bound on a variadic operator's inputs and outputs
_SIZE_LIMIT = 2**31 - 1  # no window, stride or pad of a network that exists is near it; sums of a few stay in int64


@dataclass(frozen=True, slots=True)
class AttributeSpec:
    """kind: int, float, string, ints, floats, tensor, dtype. default None: the attribute may be absent, and that means
    something of its own. minimum and maximum bound an int, or each of ints."""

    kind: str
    default: Any = None
    required: bool = False
    allowed: tuple[Any, ...] | None = None
    minimum: int | None = None
    maximum: int | None = None


@dataclass(frozen=True, slots=True)
class OperatorSpec:
    """inputs and outputs: least and most; trailing optional ones may be left out, inner ones are the empty string."""

    inputs: tuple[int, int]
    outputs: tuple[int, int] = (1, 1)
    attributes: dict[str, AttributeSpec] = field(default_factory=dict)


def attribute(node: Node, name: str) -> Any:
    """The node's attribute, or the operator's default (None where absence has a meaning of its own)."""
    if name in node.attributes:
        return node.attributes[name]
    return OPERATORS[node.op].attributes[name].default


def _int(
    default: int | None = None, least: int | None = None, most: int | None = None, required: bool = False
) -> AttributeSpec:
    return AttributeSpec("int", default, required, None, least, most)


def _flag(default: int = 0) -> AttributeSpec:
    return AttributeSpec("int", default, allowed=(0, 1))


def _float(default: float) -> AttributeSpec:
    """A float32 constant of the standard, as the double that a file's float32 becomes."""
    return AttributeSpec("float", float(np.float32(default)))


def _string(default: str, *others: str) -> AttributeSpec:
    return AttributeSpec("string", default, allowed=(default, *others))


def _sizes(least: int, required: bool = False) -> AttributeSpec:
    return AttributeSpec("ints", None, required, None, least, _SIZE_LIMIT)


_UNARY = OperatorSpec((1, 1))
_BINARY = OperatorSpec((2, 2))
_AXIS_0 = {"axis": _int(0)}
_AXIS_LAST = {"axis": _int(-1)}
_EPSILON = {"epsilon": _float(1e-5)}
_REDUCE = OperatorSpec((1, 2), attributes={"keepdims": _flag(1), "noop_with_empty_axes": _flag()})
_ARG = OperatorSpec((1, 1), attributes={**_AXIS_0, "keepdims": _flag(1), "select_last_index": _flag()})
_SOFTMAX = OperatorSpec((1, 1), attributes={**_AXIS_LAST, "flatten": _flag()})
# Absent strides and dilations are ones, absent pads zeros. pads: begins of all spatial axes, then ends.
_WINDOW = {
    "auto_pad": _string("NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"),
    "dilations": _sizes(1),
    "pads": _sizes(0),
    "strides": _sizes(1),
}
_CONV = {**_WINDOW, "kernel_shape": _sizes(1), "group": _int(1, 1, _SIZE_LIMIT)}
_POOL = {**_WINDOW, "kernel_shape": _sizes(1, required=True), "ceil_mode": _flag()}

OPERATORS: dict[str, OperatorSpec] = {
    # Convolution and matrix products. Conv: x (N,C,spatial...), w (M,C/group,kernel...), bias (M).
    "Conv": OperatorSpec((2, 3), attributes=_CONV),
    "ConvTranspose": OperatorSpec((2, 3), attributes={**_CONV, "output_padding": _sizes(0), "output_shape": _sizes(1)}),
    "Gemm": OperatorSpec(
        (2, 3), attributes={"alpha": _float(1), "beta": _float(1), "transA": _flag(), "transB": _flag()}
    ),
    "MatMul": _BINARY,
    # Normalization
    "BatchNormalization": OperatorSpec((5, 5), attributes=_EPSILON),
    "InstanceNormalization": OperatorSpec((3, 3), attributes=_EPSILON),
    "LayerNormalization": OperatorSpec((2, 3), (1, 3), {**_AXIS_LAST, **_EPSILON, "stash_type": _int(1)}),
    "LRN": OperatorSpec(
        (1, 1),
        attributes={
            "size": _int(None, 1, _SIZE_LIMIT, required=True),
            "alpha": _float(1e-4),
            "beta": _float(0.75),
            "bias": _float(1),
        },
    ),
    "Softmax": _SOFTMAX,
    "LogSoftmax": _SOFTMAX,
    # Pooling. MaxPool's second output: flat indices, in the order that storage_order says (1: column-major).
    "MaxPool": OperatorSpec((1, 1), (1, 2), {**_POOL, "storage_order": _flag()}),
    "AveragePool": OperatorSpec((1, 1), attributes={**_POOL, "count_include_pad": _flag()}),
    "LpPool": OperatorSpec((1, 1), attributes={**_POOL, "p": _int(2, 1, _SIZE_LIMIT)}),
    "GlobalMaxPool": _UNARY,
    "GlobalAveragePool": _UNARY,
    "GlobalLpPool": OperatorSpec((1, 1), attributes={"p": _int(2, 1, _SIZE_LIMIT)}),
    # Activations
    "Clip": OperatorSpec((1, 3)),  # x, min, max
    "PRelu": _BINARY,
    "LeakyRelu": OperatorSpec((1, 1), attributes={"alpha": _float(0.01)}),
    "Elu": OperatorSpec((1, 1), attributes={"alpha": _float(1)}),
    "Celu": OperatorSpec((1, 1), attributes={"alpha": _float(1)}),
    "Selu": OperatorSpec(
        (1, 1), attributes={"alpha": _float(1.67326319217681884765625), "gamma": _float(1.05070102214813232421875)}
    ),
    "ThresholdedRelu": OperatorSpec((1, 1), attributes={"alpha": _float(1)}),
    "HardSigmoid": OperatorSpec((1, 1), attributes={"alpha": _float(0.2), "beta": _float(0.5)}),
    "Gelu": OperatorSpec((1, 1), attributes={"approximate": _string("none", "tanh")}),
    **dict.fromkeys(("HardSwish", "Mish", "Relu", "Sigmoid", "Softplus", "Softsign", "Tanh"), _UNARY),
    # Elementwise, one input
    **dict.fromkeys(("Abs", "BitwiseNot", "Ceil", "Erf", "Exp", "Floor", "Identity", "IsNaN", "Log"), _UNARY),
    **dict.fromkeys(("Neg", "Not", "Reciprocal", "Round", "Sign", "Sqrt"), _UNARY),
    **dict.fromkeys(("Sin", "Cos", "Tan", "Asin", "Acos", "Atan"), _UNARY),
    **dict.fromkeys(("Sinh", "Cosh", "Asinh", "Acosh", "Atanh"), _UNARY),
    "IsInf": OperatorSpec((1, 1), attributes={"detect_negative": _flag(1), "detect_positive": _flag(1)}),
    "Cast": OperatorSpec((1, 1), attributes={"to": AttributeSpec("dtype", required=True)}),
    "CastLike": _BINARY,  # x, like
    # Elementwise, broadcasting
    **dict.fromkeys(("Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "And", "Or", "Xor"), _BINARY),
    **dict.fromkeys(("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"), _BINARY),
    **dict.fromkeys(("BitwiseAnd", "BitwiseOr", "BitwiseXor"), _BINARY),
    "BitShift": OperatorSpec(
        (2, 2), attributes={"direction": AttributeSpec("string", required=True, allowed=("LEFT", "RIGHT"))}
    ),
    "Mod": OperatorSpec((2, 2), attributes={"fmod": _flag()}),
    "Where": OperatorSpec((3, 3)),  # condition, x, y
    # Reductions: x, axes
    **dict.fromkeys(("ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax"), _REDUCE),
    **dict.fromkeys(("ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare"), _REDUCE),
    "ArgMax": _ARG,
    "ArgMin": _ARG,
    "CumSum": OperatorSpec((2, 2), attributes={"exclusive": _flag(), "reverse": _flag()}),  # x, axis
    "TopK": OperatorSpec((2, 2), (2, 2), {**_AXIS_LAST, "largest": _flag(1), "sorted": _flag(1)}),  # x, k
    # Shape and movement of data
    "Reshape": OperatorSpec((2, 2), attributes={"allowzero": _flag()}),  # x, shape
    "Flatten": OperatorSpec((1, 1), attributes={"axis": _int(1)}),
    "Squeeze": OperatorSpec((1, 2)),  # x, axes
    "Unsqueeze": _BINARY,  # x, axes
    "Transpose": OperatorSpec((1, 1), attributes={"perm": _sizes(0)}),  # absent: the axes reversed
    "Expand": _BINARY,  # x, shape
    "Tile": _BINARY,  # x, repeats
    "Concat": OperatorSpec((1, MANY), attributes={"axis": _int(required=True)}),
    "Split": OperatorSpec((1, 2), (1, MANY), {**_AXIS_0, "num_outputs": _int(None, 1, MANY)}),  # x, sizes
    "Slice": OperatorSpec((3, 5)),  # x, starts, ends, axes, steps
    "Pad": OperatorSpec(  # x, pads, value, axes
        (2, 4), attributes={"mode": _string("constant", "reflect", "edge", "wrap")}
    ),
    "DepthToSpace": OperatorSpec(
        (1, 1),
        attributes={"blocksize": _int(None, 1, _SIZE_LIMIT, required=True), "mode": _string("DCR", "CRD")},
    ),
    "SpaceToDepth": OperatorSpec(
        (1, 1),
        attributes={"blocksize": _int(None, 1, _SIZE_LIMIT, required=True), "mode": _string("DCR", "CRD")},
    ),
    "Resize": OperatorSpec(  # x, roi, scales, sizes: one of the last two
        (1, 4),
        attributes={
            "mode": _string("nearest", "linear", "cubic"),
            "coordinate_transformation_mode": _string(
                "half_pixel",
                "half_pixel_symmetric",
                "pytorch_half_pixel",
                "align_corners",
                "asymmetric",
                "tf_crop_and_resize",
                "tf_half_pixel_for_nn",
            ),
            "nearest_mode": _string("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"),
            "keep_aspect_ratio_policy": _string("stretch", "not_larger", "not_smaller"),
            "axes": AttributeSpec("ints"),
            "antialias": _flag(),
            "exclude_outside": _flag(),
            "cubic_coeff_a": _float(-0.75),
            "extrapolation_value": _float(0),
        },
    ),
    "Trilu": OperatorSpec((1, 2), attributes={"upper": _flag(1)}),  # x, k
    # Indexing
    "Gather": OperatorSpec((2, 2), attributes=_AXIS_0),  # data, indices
    "GatherElements": OperatorSpec((2, 2), attributes=_AXIS_0),
    "GatherND": OperatorSpec((2, 2), attributes={"batch_dims": _int(0, 0)}),
    "ScatterElements": OperatorSpec(  # data, indices, updates
        (3, 3), attributes={**_AXIS_0, "reduction": _string("none", "add", "mul", "max", "min")}
    ),
    "ScatterND": OperatorSpec((3, 3), attributes={"reduction": _string("none", "add", "mul", "max", "min")}),
    "OneHot": OperatorSpec((3, 3), attributes=_AXIS_LAST),  # indices, depth, values (off, on)
    # Made from shapes and numbers
    "Shape": OperatorSpec((1, 1), attributes={"start": _int(0), "end": _int()}),
    "ConstantOfShape": OperatorSpec((1, 1), attributes={"value": AttributeSpec("tensor", np.zeros(1, np.float32))}),
    "Range": OperatorSpec((3, 3)),  # start, limit, delta
    "EyeLike": OperatorSpec((1, 1), attributes={"k": _int(0), "dtype": AttributeSpec("dtype")}),
    # Output size depends on data
    "NonZero": _UNARY,
    "Compress": OperatorSpec((2, 2), attributes={"axis": _int()}),  # x, condition; absent axis: x flattened
    # boxes, scores, most boxes per class, IoU threshold, score threshold
    "NonMaxSuppression": OperatorSpec((2, 5), attributes={"center_point_box": _flag()}),
}
