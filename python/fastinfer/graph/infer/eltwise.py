"""Elementwise operators."""

from __future__ import annotations

from fastinfer.graph.attributes import get_dtype, refuse
from fastinfer.graph.dtype import DType
from fastinfer.graph.geometry import broadcast, broadcasts_to
from fastinfer.graph.infer.context import Context
from fastinfer.graph.infer.registry import infer
from fastinfer.graph.ir import Node, TensorType

_UNSIGNED = (DType.U64, DType.U32, DType.U16, DType.U8)


@infer(*("Celu", "Elu", "Gelu", "HardSigmoid", "HardSwish", "LeakyRelu", "Mish", "Selu", "Sigmoid", "Softplus"))
@infer(*("Softsign", "Tanh", "ThresholdedRelu", "Ceil", "Erf", "Exp", "Floor", "Log", "Reciprocal", "Round", "Sqrt"))
@infer(*("Sin", "Cos", "Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Asinh", "Acosh", "Atanh"))
def float_unary(node: Node, context: Context) -> list[TensorType]:
    return [context.need_float(0)]


@infer("Abs", "Neg", "Relu", "Sign")
def number_unary(node: Node, context: Context) -> list[TensorType]:
    x = context.need(0)
    if x.dtype is DType.BOOL or (node.op == "Neg" and x.dtype in _UNSIGNED):
        raise context.dtype_error(f"{node.op} does not take {x.dtype.value}", 0)
    return [x]


@infer("Identity")
def identity(node: Node, context: Context) -> list[TensorType]:
    return [context.need(0)]


@infer("Not")
def logical_not(node: Node, context: Context) -> list[TensorType]:
    return [context.need_bool(0)]


@infer("BitwiseNot")
def bitwise_not(node: Node, context: Context) -> list[TensorType]:
    return [context.need_integer(0)]


@infer("IsNaN", "IsInf")
def classify(node: Node, context: Context) -> list[TensorType]:
    return [TensorType(DType.BOOL, context.need_float(0).shape)]


@infer("Cast")
def cast(node: Node, context: Context) -> list[TensorType]:
    to = get_dtype(node, "to")
    if to is None:
        raise refuse(node, "to", "is missing")
    return [TensorType(to, context.shape(0))]


@infer("CastLike")
def cast_like(node: Node, context: Context) -> list[TensorType]:
    return [TensorType(context.need(1).dtype, context.shape(0))]


@infer("Clip")
def clip(node: Node, context: Context) -> list[TensorType]:
    """x, and its bounds: scalars, as ONNX has it, or one element."""
    context.same_dtype(0, 1, 2)
    for i in (1, 2):
        bound = context.type(i)
        if bound is not None and bound.shape not in ((), (1,)):
            raise context.shape_error(f"Clip's bounds are scalars, this one has shape {bound.shape}", i)
    return [context.need(0)]


@infer("PRelu")
def prelu(node: Node, context: Context) -> list[TensorType]:
    """x, and a slope that broadcasts to x, not the other way."""
    dtype = context.same_dtype(0, 1)
    x, slope = context.shape(0), context.shape(1)
    if not broadcasts_to(slope, x):
        raise context.shape_error(f"a slope of shape {slope} does not broadcast to {x}", 1)
    return [TensorType(dtype, x)]


@infer("Add", "Sub", "Mul", "Div", "Max", "Min", "Mod")
def arithmetic(node: Node, context: Context) -> list[TensorType]:
    dtype = context.same_dtype(0, 1)
    if dtype is DType.BOOL:
        raise context.dtype_error(f"{node.op} does not take booleans", 0)
    return [TensorType(dtype, broadcast(context.shape(0), context.shape(1)))]


@infer("Pow")
def power(node: Node, context: Context) -> list[TensorType]:
    """The exponent may have another type; the result has the base's."""
    x, y = context.need(0), context.need(1)
    for i, operand in enumerate((x, y)):
        if operand.dtype is DType.BOOL:
            raise context.dtype_error("Pow does not take booleans", i)
    return [TensorType(x.dtype, broadcast(x.shape, y.shape))]


@infer("BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitShift")
def bitwise(node: Node, context: Context) -> list[TensorType]:
    dtype = context.same_dtype(0, 1)
    context.need_integer(0)
    return [TensorType(dtype, broadcast(context.shape(0), context.shape(1)))]


@infer("And", "Or", "Xor")
def logical(node: Node, context: Context) -> list[TensorType]:
    return [TensorType(DType.BOOL, broadcast(context.need_bool(0).shape, context.need_bool(1).shape))]


@infer("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual")
def compare(node: Node, context: Context) -> list[TensorType]:
    dtype = context.same_dtype(0, 1)
    if dtype is DType.BOOL and node.op != "Equal":
        raise context.dtype_error(f"{node.op} does not order booleans", 0)
    return [TensorType(DType.BOOL, broadcast(context.shape(0), context.shape(1)))]


@infer("Where")
def where(node: Node, context: Context) -> list[TensorType]:
    condition = context.need_bool(0)
    dtype = context.same_dtype(1, 2)
    return [TensorType(dtype, broadcast(condition.shape, context.shape(1), context.shape(2)))]
