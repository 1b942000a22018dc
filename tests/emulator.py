"""Programs run by NumPy, step by step: what the core's plans must compute, and how lowering is tested without them.

Each step becomes a node of the canonical vocabulary and is computed by fastinfer.reference over strided views.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastinfer.graph.dtype import DType
from fastinfer.graph.ir import Activation, Node
from fastinfer.plan.records import Program, StepRecord, TensorRecord
from fastinfer.reference import evaluate
from fastinfer.reference.activation import activate

Attributes = dict[str, Any]
Arrays = list[np.ndarray | None]

_UNARY = {"not": "Not", "bit_not": "BitwiseNot", "is_nan": "IsNaN"}
_BINARY = {
    "less": "Less", "less_equal": "LessOrEqual", "greater": "Greater", "greater_equal": "GreaterOrEqual",
    "prelu": "PRelu", "bit_and": "BitwiseAnd", "bit_or": "BitwiseOr", "bit_xor": "BitwiseXor",
}  # fmt: skip
_WITH_ALPHA = {"celu": "Celu", "elu": "Elu", "leaky_relu": "LeakyRelu", "thresholded_relu": "ThresholdedRelu"}


def run(program: Program, inputs: Sequence[np.ndarray], outputs: Sequence[np.ndarray]) -> None:
    """Fill in the outputs. Arena memory starts as garbage: NaN, or large numbers."""
    memory = {"input": inputs, "output": outputs}
    buffers: list[np.ndarray] = []
    for record in program.buffers:
        if record.kind == "constant":
            assert record.weight is not None
            buffers.append(np.ascontiguousarray(record.weight.dense()).reshape(-1).view(np.uint8))
        elif record.kind == "arena":
            buffers.append(np.full(record.bytes, 0xFF, np.uint8))
        else:
            array = memory[record.kind][record.index]
            assert array.flags.c_contiguous
            assert array.nbytes == record.bytes
            buffers.append(array.reshape(-1).view(np.uint8))
    tensors = [_view(record, buffers[record.buffer]) for record in program.tensors]
    assert sorted(i for group in program.groups for i in group.steps) == list(range(len(program.steps)))
    for step in program.steps:
        arrays = [None if i < 0 else tensors[i] for i in step.inputs]
        targets = [tensors[i] for i in step.outputs]
        weights = [None if w is None else w.dense() for w in step.weights]
        results = STEPS[step.op](step, arrays, weights, targets)
        for target, result in zip(targets, results, strict=False):
            assert target.shape == result.shape, (step, target.shape, result.shape)
            assert target.dtype == result.dtype, (step, target.dtype, result.dtype)
            target[...] = result


def _view(record: TensorRecord, buffer: np.ndarray) -> np.ndarray:
    """The tensor over its buffer, which it must not leave."""
    dtype = record.dtype.numpy
    reach = sorted((0, (n - 1) * s) for n, s in zip(record.shape, record.strides, strict=True))
    if 0 not in record.shape:
        assert record.offset + sum(min(pair) for pair in reach) >= 0, record
        assert record.offset + sum(max(pair) for pair in reach) < buffer.size // dtype.itemsize, record
    else:
        return np.empty(record.shape, dtype)
    flat = buffer.view(dtype)
    strides = [s * dtype.itemsize for s in record.strides]
    return np.lib.stride_tricks.as_strided(flat[record.offset :], record.shape, strides, writeable=True)


def _node(op: str, attributes: Attributes, count: int, outputs: int = 1) -> Node:
    return Node(op, [f"x{i}" for i in range(count)], [f"y{i}" for i in range(outputs)], attributes)


def _evaluate(op: str, arrays: Arrays, outputs: int = 1, **attributes: Any) -> tuple[np.ndarray, ...]:
    while arrays and arrays[-1] is None:
        arrays = arrays[:-1]
    return evaluate(_node(op, attributes, len(arrays), outputs), arrays)


def _activated(step: StepRecord, y: np.ndarray) -> np.ndarray:
    kind = step.attributes.get("activation", "")
    if not kind or kind == "none":
        return y
    alpha, beta = step.attributes["activation_alpha"], step.attributes["activation_beta"]
    return activate(y, Activation(str(kind), float(alpha), float(beta)))


def _conv(step: StepRecord, arrays: Arrays, weights: Arrays, targets: Arrays) -> list[np.ndarray]:
    x, residual, w, bias = arrays
    w = weights[0] if w is None else w
    bias = weights[1] if bias is None else bias
    names = ("strides", "dilations")
    attributes: Attributes = {name: step.attributes[name] for name in names} | {"group": step.attributes["groups"]}
    pads = [int(p) for p in step.attributes["pads"]]
    assert x.shape[1] == 1 or x.strides[1] == x.itemsize
    if step.op == "conv":
        (y,) = _evaluate("Conv", [x, w, bias, residual], pads=pads, **attributes)
    else:
        attributes["output_shape"] = list(targets[0].shape[2:])
        (y,) = _transposed(x, w, bias, targets[0].shape, pads, attributes)
    return [_activated(step, y)]


def _transposed(
    x: np.ndarray,
    w: np.ndarray,
    bias: np.ndarray | None,
    shape: tuple[int, ...],
    pads: list[int],
    attributes: Attributes,
) -> tuple[np.ndarray, ...]:
    """The begin pads and the output's size say all."""
    strides, dilations = attributes["strides"], attributes["dilations"]
    full = [
        (n - 1) * s + (k - 1) * d + 1 for n, s, k, d in zip(x.shape[2:], strides, w.shape[2:], dilations, strict=True)
    ]
    extra = [max(0, b + m - f) for f, b, m in zip(full, pads[:2], shape[2:], strict=True)]
    ends = [f + e - b - m for f, e, b, m in zip(full, extra, pads[:2], shape[2:], strict=True)]
    attributes = {**attributes, "pads": [*pads[:2], *ends], "output_padding": extra}
    attributes.pop("output_shape")
    return _evaluate("ConvTranspose", [x, w, bias], **attributes)


def _matmul(step: StepRecord, arrays: Arrays, weights: Arrays, targets: Arrays) -> list[np.ndarray]:
    a, b, bias, residual = (*arrays, None, None)[:4]
    if b is None:
        b = weights[0].T if step.attributes.get("trans_b") else weights[0]
    bias = weights[1] if bias is None and len(weights) > 1 else bias
    y = (a @ b) * a.dtype.type(step.attributes.get("alpha", 1))
    y = y if bias is None else y + bias
    return [_activated(step, y if residual is None else y + residual)]


def _pool(step: StepRecord, arrays: Arrays, weights: Arrays, targets: Arrays) -> list[np.ndarray]:
    op = {"max": "MaxPool", "average": "AveragePool", "lp": "LpPool"}[str(step.attributes["kind"])]
    attributes = {k: v for k, v in step.attributes.items() if k not in ("kind", "kernel")}
    attributes["kernel_shape"] = step.attributes["kernel"]
    # More windows than these pads hold: ceil_mode.
    x, y = arrays[0], targets[0]
    spatial = x.ndim - 2
    pads = attributes["pads"]
    for axis in range(spatial):
        extent = (attributes["kernel_shape"][axis] - 1) * attributes["dilations"][axis] + 1
        room = x.shape[2 + axis] + pads[axis] + pads[spatial + axis] - extent
        if y.shape[2 + axis] > room // attributes["strides"][axis] + 1:
            attributes["ceil_mode"] = 1
    return list(_evaluate(op, [x], len(targets), **attributes))


def _reduce(step: StepRecord, arrays: Arrays, weights: Arrays, targets: Arrays) -> list[np.ndarray]:
    name = "".join(part.capitalize() for part in str(step.attributes["function"]).split("_"))
    axes = np.array(step.attributes["axes"], np.int64)
    return list(_evaluate(f"Reduce{name}", [arrays[0], axes], noop_with_empty_axes=1))


def _unary(step: StepRecord, arrays: Arrays, weights: Arrays, targets: Arrays) -> list[np.ndarray]:
    function, x = str(step.attributes["function"]), arrays[0]
    alpha, beta = float(step.attributes["alpha"]), float(step.attributes["beta"])
    if function in ("clamp", "silu"):
        return [activate(x, Activation(function, alpha, beta))]
    if function in _WITH_ALPHA:
        return list(_evaluate(_WITH_ALPHA[function], [x], alpha=alpha))
    if function == "hard_sigmoid":
        return list(_evaluate("HardSigmoid", [x], alpha=alpha, beta=beta))
    if function == "selu":
        return list(_evaluate("Selu", [x], alpha=alpha, gamma=beta))
    if function == "is_inf":
        return list(_evaluate("IsInf", [x], detect_negative=int(alpha), detect_positive=int(beta)))
    if function == "gelu_tanh":
        return list(_evaluate("Gelu", [x], approximate="tanh"))
    return list(_evaluate(_UNARY.get(function) or _camel(function), [x]))


def _camel(name: str) -> str:
    return re.sub(r"(?:^|_)(\w)", lambda match: match[1].upper(), name)


def _binary(step: StepRecord, arrays: Arrays, weights: Arrays, targets: Arrays) -> list[np.ndarray]:
    function = str(step.attributes["function"])
    assert arrays[0].shape == arrays[1].shape == targets[0].shape
    if function in ("mod", "fmod"):
        (y,) = _evaluate("Mod", arrays, fmod=int(function == "fmod"))
    elif function.startswith("shift"):
        (y,) = _evaluate("BitShift", arrays, direction=function.removeprefix("shift_").upper())
    else:
        (y,) = _evaluate(_BINARY.get(function) or _camel(function), arrays)
    return [_activated(step, y)]


def _pad(step: StepRecord, arrays: Arrays, weights: Arrays, targets: Arrays) -> list[np.ndarray]:
    value = step.attributes.get("value", step.attributes.get("value_int"))
    pads = np.array(step.attributes["pads"], np.int64)
    return list(_evaluate("Pad", [arrays[0], pads, arrays[0].dtype.type(value)], mode=step.attributes["mode"]))


def _resize(step: StepRecord, arrays: Arrays, weights: Arrays, targets: Arrays) -> list[np.ndarray]:
    from fastinfer.graph.geometry import ResizeGeometry
    from fastinfer.reference.resize import resize_by

    given = step.attributes
    roi = [float(v) for v in given.get("roi", (0, 0, 1, 1))]
    scales = (1.0, 1.0, *(float(v) for v in given["scales"]))
    geometry = ResizeGeometry(targets[0].shape, scales, (0, 0, *roi[:2]), (1, 1, *roi[2:]))
    names = ("mode", "nearest_mode", "antialias", "exclude_outside", "extrapolation_value")
    attributes = {name: given[name] for name in names}
    attributes["coordinate_transformation_mode"] = given["coordinate_mode"]
    return [resize_by(_node("Resize", attributes, 1), arrays[0], geometry)]


def _top_k(step: StepRecord, arrays: Arrays, weights: Arrays, targets: Arrays) -> list[np.ndarray]:
    axis = step.attributes["axis"]
    k = np.array([targets[0].shape[axis]])
    return list(_evaluate("TopK", [arrays[0], k], 2, axis=axis, largest=int(step.attributes["largest"])))


def _one_hot(step: StepRecord, arrays: Arrays, weights: Arrays, targets: Arrays) -> list[np.ndarray]:
    axis = step.attributes["axis"]
    depth = np.array(targets[0].shape[axis])
    return list(_evaluate("OneHot", [arrays[0], depth, arrays[1]], axis=axis))


def _fill(step: StepRecord, arrays: Arrays, weights: Arrays, targets: Arrays) -> list[np.ndarray]:
    value = step.attributes.get("value", step.attributes.get("value_int"))
    return [np.full(targets[0].shape, value, targets[0].dtype)]


def _copy(step: StepRecord, arrays: Arrays, weights: Arrays, targets: Arrays) -> list[np.ndarray]:
    return list(_evaluate("Cast", arrays, to=DType.of(targets[0].dtype)))


def _as(op: str, *names: str, outputs: int = 1, **renamed: str) -> Callable[..., list[np.ndarray]]:
    """A step that is an operator but for the names of its attributes (step's name = operator's name)."""

    def function(step: StepRecord, arrays: Arrays, weights: Arrays, targets: Arrays) -> list[np.ndarray]:
        attributes = {new: step.attributes[old] for old, new in {**{n: n for n in names}, **renamed}.items()}
        attributes = {k: int(v) if isinstance(v, bool) else v for k, v in attributes.items()}
        return list(_evaluate(op, arrays, len(targets), **attributes))

    return function


def _softmax(step: StepRecord, arrays: Arrays, weights: Arrays, targets: Arrays) -> list[np.ndarray]:
    return list(_evaluate("LogSoftmax" if step.attributes["log"] else "Softmax", arrays, axis=step.attributes["axis"]))


def _global_pool(step: StepRecord, arrays: Arrays, weights: Arrays, targets: Arrays) -> list[np.ndarray]:
    return list(_evaluate("GlobalMaxPool" if step.attributes["kind"] == "max" else "GlobalAveragePool", arrays))


def _arg_reduce(step: StepRecord, arrays: Arrays, weights: Arrays, targets: Arrays) -> list[np.ndarray]:
    op = "ArgMax" if step.attributes["function"] == "max" else "ArgMin"
    last = int(step.attributes["select_last_index"])
    return list(_evaluate(op, arrays, axis=step.attributes["axis"], select_last_index=last))


def _cumsum(step: StepRecord, arrays: Arrays, weights: Arrays, targets: Arrays) -> list[np.ndarray]:
    flags = {name: int(step.attributes[name]) for name in ("exclusive", "reverse")}
    return list(_evaluate("CumSum", [arrays[0], np.array(step.attributes["axis"])], **flags))


def _trilu(step: StepRecord, arrays: Arrays, weights: Arrays, targets: Arrays) -> list[np.ndarray]:
    return list(_evaluate("Trilu", [arrays[0], np.array(step.attributes["k"])], upper=int(step.attributes["upper"])))


STEPS: dict[str, Callable[..., list[np.ndarray]]] = {
    "arg_reduce": _arg_reduce,
    "binary": _binary,
    "conv": _conv,
    "conv_transpose": _conv,
    "copy": _copy,
    "cumsum": _cumsum,
    "fill": _fill,
    "gather": _as("Gather", "axis"),
    "gather_elements": _as("GatherElements", "axis"),
    "gather_nd": _as("GatherND", "batch_dims"),
    "global_pool": _global_pool,
    "instance_norm": _as("InstanceNormalization", "epsilon"),
    "layer_norm": _as("LayerNormalization", "axis", "epsilon"),
    "lrn": _as("LRN", "size", "alpha", "beta", "bias"),
    "matmul": _matmul,
    "one_hot": _one_hot,
    "pad": _pad,
    "pool": _pool,
    "pool_nd": _pool,
    "reduce": _reduce,
    "resize": _resize,
    "scatter_elements": _as("ScatterElements", "axis", "reduction"),
    "scatter_nd": _as("ScatterND", "reduction"),
    "softmax": _softmax,
    "topk": _top_k,
    "trilu": _trilu,
    "unary": _unary,
    "where": _as("Where"),
}
