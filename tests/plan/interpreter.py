"""A plain NumPy interpreter of programs: the independent oracle of lowering. It knows steps, not graphs.

Every step computes through the reference function of an ONNX operator on the step's views, and writes through strides;
so what it checks is lowering's own work: views, buffers, copies, attributes, order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastinfer.graph.geometry import ResizeGeometry
from fastinfer.graph.ir import Activation, Node
from fastinfer.graph.weight import Weight
from fastinfer.plan.lower.convolution import MOST_PLANAR_CHANNELS
from fastinfer.plan.records import Program, StepRecord, TensorRecord
from fastinfer.reference import evaluate
from fastinfer.reference.resize import resize_by

Array = npt.NDArray[Any]

# Steps of one function: the ONNX operator that is the same function, by the step's function name.
UNARY = {
    "relu": "Relu", "leaky_relu": "LeakyRelu", "elu": "Elu", "selu": "Selu", "celu": "Celu", "sigmoid": "Sigmoid",
    "hard_sigmoid": "HardSigmoid", "hard_swish": "HardSwish", "tanh": "Tanh", "gelu": "Gelu", "gelu_tanh": "Gelu",
    "softplus": "Softplus", "softsign": "Softsign", "erf": "Erf", "sign": "Sign", "sqrt": "Sqrt", "exp": "Exp",
    "log": "Log", "abs": "Abs", "neg": "Neg", "floor": "Floor", "ceil": "Ceil", "round": "Round",
    "reciprocal": "Reciprocal", "sin": "Sin", "cos": "Cos", "tan": "Tan", "asin": "Asin", "acos": "Acos",
    "atan": "Atan", "sinh": "Sinh", "cosh": "Cosh", "asinh": "Asinh", "acosh": "Acosh", "atanh": "Atanh",
    "not": "Not", "is_nan": "IsNaN", "is_inf": "IsInf", "thresholded_relu": "ThresholdedRelu", "mish": "Mish",
    "bit_not": "BitwiseNot",
}  # fmt: skip
BINARY = {
    "add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "pow": "Pow", "min": "Min", "max": "Max", "mod": "Mod",
    "prelu": "PRelu", "equal": "Equal", "less": "Less", "less_equal": "LessOrEqual", "greater": "Greater",
    "greater_equal": "GreaterOrEqual", "and": "And", "or": "Or", "xor": "Xor", "bit_and": "BitwiseAnd",
    "bit_or": "BitwiseOr", "bit_xor": "BitwiseXor",
}  # fmt: skip
REDUCE = {
    "sum": "ReduceSum", "mean": "ReduceMean", "max": "ReduceMax", "min": "ReduceMin", "prod": "ReduceProd",
    "l1": "ReduceL1", "l2": "ReduceL2", "sum_square": "ReduceSumSquare", "log_sum": "ReduceLogSum",
    "log_sum_exp": "ReduceLogSumExp",
}  # fmt: skip


def run(program: Program, inputs: Sequence[Array]) -> list[Array]:
    """The program's outputs; unwritten elements are NaN (or a large integer), so that a missing write shows."""
    buffers: list[Array] = []
    for record in program.buffers:
        if record.kind == "input":
            buffers.append(np.ascontiguousarray(inputs[record.index]).reshape(-1).view(np.uint8))
        elif record.kind == "constant":
            assert record.weight is not None
            buffers.append(np.ascontiguousarray(record.weight.dense()).reshape(-1).view(np.uint8))
        else:
            buffers.append(np.full(record.bytes, 0xFF, np.uint8))
    for group in program.groups:
        for number in group.steps:
            _run_step(program, program.steps[number], buffers)
    outputs = {}
    for record, buffer in zip(program.buffers, buffers, strict=True):
        if record.kind == "output":
            outputs[record.index] = buffer
    return [outputs[i] for i in sorted(outputs)]


def _view(record: TensorRecord, buffers: list[Array]) -> Array:
    dtype = record.dtype.numpy
    low = record.offset + sum(min(0, (n - 1) * s) for n, s in zip(record.shape, record.strides, strict=True))
    high = record.offset + sum(max(0, (n - 1) * s) for n, s in zip(record.shape, record.strides, strict=True))
    size = len(buffers[record.buffer])
    if np.prod(record.shape, dtype=np.int64):
        assert low >= 0, f"{record.name}: view outside of its buffer"
        assert (high + 1) * dtype.itemsize <= size, f"{record.name}: view outside of its buffer"
    return np.ndarray(
        record.shape,
        dtype,
        buffers[record.buffer].data if size else np.empty(0, np.uint8).data,
        record.offset * dtype.itemsize if np.prod(record.shape, dtype=np.int64) else 0,
        tuple(s * dtype.itemsize for s in record.strides) if np.prod(record.shape, dtype=np.int64) else None,
    )


def _run_step(program: Program, step: StepRecord, buffers: list[Array]) -> None:
    records = program.tensors
    x = [None if i < 0 else _view(records[i], buffers) for i in step.inputs]
    y = [_view(records[i], buffers) for i in step.outputs]
    if step.op in ("conv", "conv_transpose", "pool", "global_pool", "instance_norm", "lrn", "resize"):
        for i in (step.inputs[0], *step.outputs):
            if step.op == "conv" and i == step.inputs[0] and records[i].shape[1] <= MOST_PLANAR_CHANNELS:
                continue  # planes are read as they are
            assert records[i].layout == "nhwc", f"{step.name}: {records[i].name} is not NHWC"
            assert records[i].strides[1] == 1
    results = _STEPS[step.op](step, x, y)
    activation = step.attributes.get("activation")
    if step.op == "conv" and len(y) == 2:
        made = _activated(results[0], step, activation) if activation else results[0]
        results = (*results, made.mean(3, keepdims=True))
    for i, (target, result) in enumerate(zip(y, results, strict=True)):
        assert target.shape == result.shape, f"{step.name}: {target.shape} is written with {result.shape}"
        target[...] = _activated(result, step, activation) if i == 0 and activation else result


def _activated(value: Array, step: StepRecord, kind: Any) -> Array:
    alpha, beta = step.attributes["activation_alpha"], step.attributes["activation_beta"]
    node = Node("Identity", ["x"], ["y"], activation=Activation(kind, alpha, beta))  # type: ignore[arg-type]
    return evaluate(node, [value])[0]


def _call(op: str, arrays: Sequence[Array | None], outputs: int = 1, **attributes: Any) -> tuple[Array, ...]:
    names = [f"x{i}" if a is not None else "" for i, a in enumerate(arrays)]
    node = Node(op, names, [f"y{i}" for i in range(outputs)], attributes)
    return evaluate(node, [None if a is None else np.ascontiguousarray(a).reshape(a.shape) for a in arrays])[:outputs]


def _dense(weight: Weight | None) -> Array | None:
    return None if weight is None else weight.dense().astype(np.float32)


def _conv(step: StepRecord, x: list[Array | None], y: list[Array]) -> tuple[Array, ...]:
    a = step.attributes
    w = x[2] if x[2] is not None else _dense(step.weights[0])
    bias = x[3] if x[3] is not None else _dense(step.weights[1])
    if step.op == "conv_transpose":
        size = list(y[0].shape[2:])
        common = {"strides": a["strides"], "dilations": a["dilations"], "group": a["groups"]}
        pads = a["pads"]
        assert isinstance(pads, list)
        extent = [
            (n - 1) * s + (k - 1) * d + 1
            for n, s, k, d in zip(x[0].shape[2:], a["strides"], w.shape[2:], a["dilations"], strict=True)  # type: ignore
        ]
        full = _call("ConvTranspose", [x[0], w, bias], **common)[0]
        wide = np.zeros((*full.shape[:2], *(max(e, int(p) + n) for e, p, n in zip(extent, pads, size, strict=False))))
        wide = wide.astype(np.float32)
        if bias is not None:
            wide += bias.reshape(1, -1, 1, 1)
        wide[:, :, : full.shape[2], : full.shape[3]] = full
        top, left = int(pads[0]), int(pads[1])
        result = wide[:, :, top : top + size[0], left : left + size[1]]
    else:
        window = {name: a[name] for name in ("strides", "dilations", "pads") if name in a}
        window |= {"places": a["places"]} if a.get("places") else {}
        result = _call("Conv", [x[0], w, bias], **window, group=a["groups"])[0]
    return (result if x[1] is None else result + x[1],)


def _matmul(step: StepRecord, x: list[Array | None], y: list[Array]) -> tuple[Array, ...]:
    b, bias = x[1], x[2]
    if b is None:
        b = _dense(step.weights[0])
        assert b is not None
        b = b.T if step.attributes.get("trans_b") else b
    if bias is None:
        bias = _dense(step.weights[1])
    result = np.matmul(np.ascontiguousarray(x[0]), b) * np.float32(step.attributes.get("alpha", 1.0))
    for term in (bias, x[3]):
        result = result if term is None else result + term
    return (result,)


def _pool(step: StepRecord, x: list[Array | None], y: list[Array]) -> tuple[Array, ...]:
    """ceil_mode is resolved into y's size: with it on, the reference must come to the same size."""
    a = step.attributes
    op = {"max": "MaxPool", "average": "AveragePool", "lp": "LpPool"}[str(a["kind"])]
    extra = {name: int(a[name]) for name in ("count_include_pad", "p", "storage_order") if name in a}  # type: ignore
    window = {"strides": a["strides"], "dilations": a["dilations"], "pads": a["pads"], "kernel_shape": a["kernel"]}
    for ceil_mode in (0, 1):
        results = _call(op, [x[0]], len(y), **window, **extra, ceil_mode=ceil_mode)
        if results[0].shape == y[0].shape:
            return results
    raise AssertionError(f"{step.name}: no pooling of {x[0].shape} gives {y[0].shape}")  # type: ignore[union-attr]


def _unary(step: StepRecord, x: list[Array | None], y: list[Array]) -> tuple[Array, ...]:
    function, alpha, beta = (step.attributes[k] for k in ("function", "alpha", "beta"))
    value = x[0]
    assert value is not None
    if function == "clamp":
        return (np.minimum(np.maximum(value, value.dtype.type(alpha)), value.dtype.type(beta)),)
    if function == "silu":
        return (_call("Mul", [value, _call("Sigmoid", [value])[0]])[0],)
    named = {"selu": ("alpha", "gamma"), "hard_sigmoid": ("alpha", "beta")}
    named["is_inf"] = ("detect_negative", "detect_positive")
    attributes: dict[str, Any] = dict(zip(named.get(str(function), ("alpha",)), (alpha, beta), strict=False))
    if function == "is_inf":
        attributes = {name: int(value) for name, value in attributes.items()}
    if function in ("gelu", "gelu_tanh"):
        attributes = {"approximate": "tanh" if function == "gelu_tanh" else "none"}
    return _call(UNARY[str(function)], [value], **attributes)


def _binary(step: StepRecord, x: list[Array | None], y: list[Array]) -> tuple[Array, ...]:
    function = str(step.attributes["function"])
    if function == "fmod":
        return _call("Mod", x, fmod=1)
    if function.startswith("shift"):
        return _call("BitShift", x, direction="LEFT" if function == "shift_left" else "RIGHT")
    return _call(BINARY[function], x)


def _softmax(step: StepRecord, x: list[Array | None], y: list[Array]) -> tuple[Array, ...]:
    return _call("LogSoftmax" if step.attributes["log"] else "Softmax", x, axis=step.attributes["axis"])


def _reduce(step: StepRecord, x: list[Array | None], y: list[Array]) -> tuple[Array, ...]:
    axes = np.asarray(step.attributes["axes"], np.int64)
    return _call(REDUCE[str(step.attributes["function"])], [x[0], axes], keepdims=1)


def _arg_reduce(step: StepRecord, x: list[Array | None], y: list[Array]) -> tuple[Array, ...]:
    op = "ArgMax" if step.attributes["function"] == "max" else "ArgMin"
    return _call(op, x, axis=step.attributes["axis"], select_last_index=int(step.attributes["select_last_index"]))  # type: ignore


def _resize(step: StepRecord, x: list[Array | None], y: list[Array]) -> tuple[Array, ...]:
    a, source = step.attributes, x[0]
    assert source is not None
    roi = a.get("roi", [0.0, 0.0, 1.0, 1.0])
    geometry = ResizeGeometry(y[0].shape, (1, 1, *a["scales"]), (0, 0, *roi[:2]), (1, 1, *roi[2:]))  # type: ignore
    names = ("mode", "nearest_mode", "extrapolation_value")
    attributes: dict[str, Any] = {name: a[name] for name in names}
    attributes |= {name: int(a[name]) for name in ("antialias", "exclude_outside")}  # type: ignore[arg-type]
    attributes["coordinate_transformation_mode"] = a["coordinate_mode"]
    return (resize_by(Node("Resize", ["x"], ["y"], attributes), source, geometry),)


def _pad(step: StepRecord, x: list[Array | None], y: list[Array]) -> tuple[Array, ...]:
    value = step.attributes.get("value", step.attributes.get("value_int"))
    pads = np.asarray(step.attributes["pads"], np.int64)
    return _call("Pad", [x[0], pads, np.asarray(value, x[0].dtype)], mode=step.attributes["mode"])  # type: ignore


def _fill(step: StepRecord, x: list[Array | None], y: list[Array]) -> tuple[Array, ...]:
    value = step.attributes.get("value", step.attributes.get("value_int"))
    return (np.full_like(y[0], value),)


def _copy(step: StepRecord, x: list[Array | None], y: list[Array]) -> tuple[Array, ...]:
    assert x[0] is not None
    with np.errstate(all="ignore"):
        return (x[0].astype(y[0].dtype),)


def _top_k(step: StepRecord, x: list[Array | None], y: list[Array]) -> tuple[Array, ...]:
    a = step.attributes
    k = np.asarray([y[0].shape[int(a["axis"])]], np.int64)  # type: ignore[arg-type]
    return _call("TopK", [x[0], k], 2, axis=a["axis"], largest=int(a["largest"]), sorted=1)  # type: ignore[arg-type]


def _named(op: str) -> Any:
    """A step whose inputs and attributes are the operator's own."""

    def call(step: StepRecord, x: list[Array | None], y: list[Array]) -> tuple[Array, ...]:
        attributes = {k: int(v) if isinstance(v, bool) else v for k, v in step.attributes.items()}
        return _call(op, x, len(y), **attributes)

    return call


def _cumsum(step: StepRecord, x: list[Array | None], y: list[Array]) -> tuple[Array, ...]:
    flags = {name: int(step.attributes[name]) for name in ("exclusive", "reverse")}  # type: ignore[arg-type]
    return _call("CumSum", [x[0], np.asarray(step.attributes["axis"], np.int64)], **flags)


def _one_hot(step: StepRecord, x: list[Array | None], y: list[Array]) -> tuple[Array, ...]:
    axis = int(step.attributes["axis"])  # type: ignore[arg-type]
    return _call("OneHot", [x[0], np.asarray(y[0].shape[axis], np.int64), x[1]], axis=axis)


def _trilu(step: StepRecord, x: list[Array | None], y: list[Array]) -> tuple[Array, ...]:
    k = np.asarray(step.attributes["k"], np.int64)
    return _call("Trilu", [x[0], k], upper=int(step.attributes["upper"]))  # type: ignore[arg-type]


def _global_pool(step: StepRecord, x: list[Array | None], y: list[Array]) -> tuple[Array, ...]:
    return _call("GlobalAveragePool" if step.attributes["kind"] == "average" else "GlobalMaxPool", x)


_STEPS: dict[str, Any] = {
    "arg_reduce": _arg_reduce,
    "binary": _binary,
    "conv": _conv,
    "conv_transpose": _conv,
    "copy": _copy,
    "cumsum": _cumsum,
    "fill": _fill,
    "gather": _named("Gather"),
    "gather_elements": _named("GatherElements"),
    "gather_nd": _named("GatherND"),
    "global_pool": _global_pool,
    "instance_norm": _named("InstanceNormalization"),
    "layer_norm": _named("LayerNormalization"),
    "lrn": _named("LRN"),
    "matmul": _matmul,
    "one_hot": _one_hot,
    "pad": _pad,
    "pool": _pool,
    "pool_nd": _pool,
    "reduce": _reduce,
    "resize": _resize,
    "scatter_elements": _named("ScatterElements"),
    "scatter_nd": _named("ScatterND"),
    "softmax": _softmax,
    "topk": _top_k,
    "trilu": _trilu,
    "unary": _unary,
    "where": _named("Where"),
}
