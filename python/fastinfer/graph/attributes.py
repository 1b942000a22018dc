"""Attributes of a node, checked, with the defaults of graph/operators.py filled in.

A wrong type or value is an AttributeValueError that names the node.
"""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np
import numpy.typing as npt

from fastinfer.errors import AttributeValueError
from fastinfer.graph.dtype import DType
from fastinfer.graph.ir import Node
from fastinfer.graph.operators import OPERATORS

INT_LIMIT = 1 << 40  # sizes, strides and pads beyond it cannot be meant, and would overflow further down


def refuse(node: Node, name: str, reason: str) -> AttributeValueError:
    """The error that says what is wrong with the attribute; the caller raises it."""
    return AttributeValueError(f"attribute {name} {reason}", node=node.label())


def _get(node: Node, name: str) -> Any:
    value = node.attributes.get(name)
    return OPERATORS[node.op].attributes[name].default if value is None else value


def get_int(node: Node, name: str) -> int:
    value = _get(node, name)
    if isinstance(value, int | np.integer):
        return int(value)
    raise refuse(node, name, "is missing" if value is None else f"must be an integer, is {value!r}")


def get_optional_int(node: Node, name: str) -> int | None:
    """An integer, or None where its absence has a meaning of its own."""
    return None if _get(node, name) is None else get_int(node, name)


def get_bool(node: Node, name: str) -> bool:
    """ONNX's booleans are the integers 0 and 1; any other integer counts as true."""
    return get_int(node, name) != 0


def get_float(node: Node, name: str) -> float:
    value = _get(node, name)
    if isinstance(value, numbers.Real):
        return float(value)
    raise refuse(node, name, "is missing" if value is None else f"must be a number, is {value!r}")


def get_str(node: Node, name: str) -> str:
    """One of the strings that the operator allows."""
    value = _get(node, name)
    allowed = OPERATORS[node.op].attributes[name].allowed or ()
    if value not in allowed:
        raise refuse(node, name, f"must be one of {', '.join(allowed)}, is {value!r}")
    return str(value)


def get_ints(
    node: Node, name: str, count: int | None = None, low: int = -INT_LIMIT, high: int = INT_LIMIT
) -> tuple[int, ...] | None:
    """Integers within [low, high], `count` of them if that is given; None if the attribute is absent."""
    value = _get(node, name)
    if value is None:
        return None
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if not isinstance(value, list | tuple) or not all(isinstance(v, int | np.integer) for v in value):
        raise refuse(node, name, f"must be a list of integers, is {value!r}")
    if count is not None and len(value) != count:
        raise refuse(node, name, f"wants {count} integers, has {len(value)}")
    if any(not low <= v <= high for v in value):
        raise refuse(node, name, f"wants integers from {low} to {high}, is {list(value)}")
    return tuple(value)


def get_dtype(node: Node, name: str) -> DType | None:
    """An element type, or None if the attribute is absent."""
    value = _get(node, name)
    if value is None or isinstance(value, DType):
        return value
    raise refuse(node, name, f"must be an element type, is {value!r}")


def get_tensor(node: Node, name: str) -> npt.NDArray[Any]:
    value = _get(node, name)
    if isinstance(value, np.ndarray):
        return value
    raise refuse(node, name, "is missing" if value is None else f"must be a tensor, is {type(value).__name__}")
