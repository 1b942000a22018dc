"""ONNX's own node tests: small models with inputs and expected outputs, one or a few operators each."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import onnx.numpy_helper
from onnx.backend.test.loader import load_model_tests

_FLOATS = ("FLOAT", "DOUBLE", "FLOAT16", "BOOL")
_INTEGERS = ("INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64")
_PLAIN = frozenset(onnx.TensorProto.DataType.Value(name) for name in (*_FLOATS, *_INTEGERS))


@functools.cache
def node_tests() -> dict[str, Any]:
    """Every node test by name: .model (ModelProto), .data_sets [(inputs, outputs)], .rtol, .atol."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package computes the expected overflows as it goes
        return {case.name: case for case in load_model_tests(kind="node")}


def arrays(tensors: Any) -> list[np.ndarray]:
    """A data set's inputs or outputs as arrays (some stand there as messages)."""
    return [onnx.numpy_helper.to_array(t) if isinstance(t, onnx.TensorProto) else np.asarray(t) for t in tensors]


def operators(model: onnx.ModelProto) -> set[str]:
    """The operators that the model calls, with the domain of those that are not ONNX's own; not those in functions."""
    return {f"{node.domain}:{node.op_type}".removeprefix(":").removeprefix("ai.onnx:") for node in model.graph.node}


def plain_types(model: onnx.ModelProto) -> bool:
    """Whether inputs, outputs and casts are all tensors of ordinary numbers (no strings, sequences, bfloat16, ...)."""
    return all(found in _PLAIN for found in _types(model))


def _types(model: onnx.ModelProto) -> Iterator[int]:
    for info in (*model.graph.input, *model.graph.output):
        yield info.type.tensor_type.elem_type if info.type.HasField("tensor_type") else -1
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.name in ("to", "dtype") and attribute.type == onnx.AttributeProto.INT:
                yield attribute.i
            elif attribute.type == onnx.AttributeProto.TENSOR:
                yield attribute.t.data_type


def assert_close(actual: Any, expected: Any, rtol: float, atol: float) -> None:
    """Same type and shape, and values within ONNX's tolerances."""
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol)
