"""What is made from shapes and numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastinfer.graph.attributes import get_dtype, get_int, get_optional_int, get_tensor
from fastinfer.graph.ir import Node
from fastinfer.reference.registry import reference

Array = npt.NDArray[Any]


@reference("Shape")
def shape(node: Node, x: Array) -> tuple[Array, ...]:
    return (np.array(x.shape[get_int(node, "start") : get_optional_int(node, "end")], np.int64),)


@reference("ConstantOfShape")
def constant_of_shape(node: Node, target: Array) -> tuple[Array, ...]:
    value = get_tensor(node, "value").reshape(-1)
    return (np.full(target.tolist(), value[0], value.dtype),)


@reference("Range", widen=True)
def range_(node: Node, start: Array, limit: Array, delta: Array) -> tuple[Array, ...]:
    """start + i * delta, in the type of start."""
    first, stop, step = (v.reshape(-1)[0].item() for v in (start, limit, delta))
    if isinstance(step, int):
        return (np.arange(first, stop, step, dtype=start.dtype),)
    count = max(int(np.ceil((stop - first) / step)), 0)
    return (first + np.arange(count, dtype=start.dtype) * step,)


@reference("EyeLike")
def eye_like(node: Node, x: Array) -> tuple[Array, ...]:
    dtype = get_dtype(node, "dtype")
    return (np.eye(x.shape[0], x.shape[1], get_int(node, "k"), dtype.numpy if dtype else x.dtype),)
