"""Element by element: activations, arithmetic with broadcasting, comparisons, Cast, Where."""

from __future__ import annotations

import math

import numpy as np

from fastinfer.graph.dtype import DType
from fastinfer.graph.ir import Node
from fastinfer.graph.operators import attribute
from fastinfer.plan.lower.builder import Builder
from fastinfer.plan.lower.registry import lower
from fastinfer.plan.lower.view import broadcast

_UNARY = {
    "Abs": "abs",
    "Acos": "acos",
    "Acosh": "acosh",
    "Asin": "asin",
    "Asinh": "asinh",
    "Atan": "atan",
    "Atanh": "atanh",
    "BitwiseNot": "bit_not",
    "Ceil": "ceil",
    "Cos": "cos",
    "Cosh": "cosh",
    "Erf": "erf",
    "Exp": "exp",
    "Floor": "floor",
    "HardSwish": "hard_swish",
    "IsNaN": "is_nan",
    "Log": "log",
    "Mish": "mish",
    "Neg": "neg",
    "Not": "not",
    "Reciprocal": "reciprocal",
    "Relu": "relu",
    "Round": "round",
    "Sigmoid": "sigmoid",
    "Sign": "sign",
    "Sin": "sin",
    "Sinh": "sinh",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Sqrt": "sqrt",
    "Tan": "tan",
    "Tanh": "tanh",
}
# Operators with parameters: the function, and the attributes that are its alpha and beta.
_PARAMETRIC = {
    "Celu": ("celu", "alpha", None),
    "Elu": ("elu", "alpha", None),
    "HardSigmoid": ("hard_sigmoid", "alpha", "beta"),
    "IsInf": ("is_inf", "detect_negative", "detect_positive"),
    "LeakyRelu": ("leaky_relu", "alpha", None),
    "Selu": ("selu", "alpha", "gamma"),
    "ThresholdedRelu": ("thresholded_relu", "alpha", None),
}
_BINARY = {
    "Add": "add",
    "And": "and",
    "BitwiseAnd": "bit_and",
    "BitwiseOr": "bit_or",
    "BitwiseXor": "bit_xor",
    "Div": "div",
    "Equal": "equal",
    "Greater": "greater",
    "GreaterOrEqual": "greater_equal",
    "Less": "less",
    "LessOrEqual": "less_equal",
    "Max": "max",
    "Min": "min",
    "Mul": "mul",
    "Or": "or",
    "PRelu": "prelu",
    "Pow": "pow",
    "Sub": "sub",
    "Xor": "xor",
}


def unary(node: Node, builder: Builder, function: str, alpha: float = 0.0, beta: float = 0.0) -> None:
    x = builder.read(node.inputs[0])
    y = builder.output(node.outputs[0])
    builder.step("unary", [x], [y], function=function, alpha=alpha, beta=beta)


@lower(*_UNARY)
def _unary(node: Node, builder: Builder) -> None:
    unary(node, builder, _UNARY[node.op])


@lower(*_PARAMETRIC)
def _parametric(node: Node, builder: Builder) -> None:
    function, alpha, beta = _PARAMETRIC[node.op]
    second = float(attribute(node, beta)) if beta else 0.0
    unary(node, builder, function, float(attribute(node, alpha)), second)


@lower("Gelu")
def _gelu(node: Node, builder: Builder) -> None:
    unary(node, builder, "gelu_tanh" if attribute(node, "approximate") == "tanh" else "gelu")


@lower("Clip")
def _clip(node: Node, builder: Builder) -> None:
    """min(max(x, low), high): one clamp where the bounds are known numbers, else a max and a min."""
    low, high = (builder.value(node.input(i)) for i in (1, 2))
    absent = [not node.input(i) for i in (1, 2)]
    exact = builder.type(node.inputs[0]).dtype in (DType.F32, DType.F64)
    if exact and (low is not None or absent[0]) and (high is not None or absent[1]):
        unary(
            node,
            builder,
            "clamp",
            -math.inf if low is None else float(low.reshape(())),
            math.inf if high is None else float(high.reshape(())),
        )
        return
    x = builder.read(node.inputs[0])
    bounds = [(function, node.input(i)) for i, function in ((1, "max"), (2, "min")) if node.input(i)]
    y = builder.output(node.outputs[0])
    if not bounds:
        builder.copy(x, y)
    for function, name in bounds:
        builder.step("binary", [x, builder.read_broadcast(name, x.shape)], [y], function=function)
        x = y


@lower(*_BINARY)
def _binary(node: Node, builder: Builder) -> None:
    shape = builder.type(node.outputs[0]).shape
    a, b = (builder.read_broadcast(name, shape) for name in node.inputs)
    y = builder.output(node.outputs[0])
    if a.dtype is not b.dtype:  # Pow alone allows it: x to a power of another type, computed in x's
        power = builder.new(a.dtype, builder.type(node.inputs[1]).shape)
        builder.copy(builder.read(node.inputs[1]), power)
        b = broadcast(power, shape)
    builder.step("binary", [a, b], [y], function=_BINARY[node.op], activation=node.activation)


@lower("Mod")
def _mod(node: Node, builder: Builder) -> None:
    shape = builder.type(node.outputs[0]).shape
    a, b = (builder.read_broadcast(name, shape) for name in node.inputs)
    function = "fmod" if attribute(node, "fmod") else "mod"
    builder.step("binary", [a, b], [builder.output(node.outputs[0])], function=function)


@lower("BitShift")
def _bit_shift(node: Node, builder: Builder) -> None:
    shape = builder.type(node.outputs[0]).shape
    a, b = (builder.read_broadcast(name, shape) for name in node.inputs)
    function = "shift_left" if attribute(node, "direction") == "LEFT" else "shift_right"
    builder.step("binary", [a, b], [builder.output(node.outputs[0])], function=function)


@lower("Where")
def _where(node: Node, builder: Builder) -> None:
    shape = builder.type(node.outputs[0]).shape
    operands = [builder.read_broadcast(name, shape) for name in node.inputs]
    builder.step("where", operands, [builder.output(node.outputs[0])])


@lower("Cast", "CastLike")
def _cast(node: Node, builder: Builder) -> None:
    x = builder.read(node.inputs[0])
    if x.dtype is builder.type(node.outputs[0]).dtype:
        builder.define(node.outputs[0], x)
    else:
        builder.copy(x, builder.output(node.outputs[0]))


@lower("Identity")
def _identity(node: Node, builder: Builder) -> None:
    """A view; or, where a pass put an activation here, that."""
    activation = node.activation
    if activation is None:
        builder.define(node.outputs[0], builder.read(node.inputs[0]))
        return
    alpha = activation.alpha
    unary(node, builder, activation.kind, 1.0 if activation.kind == "silu" and not alpha else alpha, activation.beta)


@lower("EyeLike")
def _eye_like(node: Node, builder: Builder) -> None:
    kind = builder.type(node.outputs[0])
    eye = np.eye(kind.shape[0], kind.shape[1], attribute(node, "k"), kind.dtype.numpy)
    builder.define(node.outputs[0], builder.constant_array(eye))


@lower("ConstantOfShape")
def _constant_of_shape(node: Node, builder: Builder) -> None:
    value = np.asarray(attribute(node, "value")).reshape(-1)[0]
    y = builder.output(node.outputs[0])
    if y.dtype.is_float:
        builder.step("fill", [], [y], value=float(value))
    else:
        builder.step("fill", [], [y], value_int=int(value))
