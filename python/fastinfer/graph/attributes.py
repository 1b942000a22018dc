"""Attributes of a node, checked: a wrong type or value is an AttributeValueError that names the node."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np
import numpy.typing as npt

from fastinfer.errors import AttributeValueError
from fastinfer.graph.ir import Node

INT_LIMIT = 1 << 40  # sizes, strides and pads beyond it cannot be meant, and would overflow further down


def refuse(node: Node, name: str, reason: str) -> AttributeValueError:
    """The error that says what is wrong with the attribute; the caller raises it."""
    return AttributeValueError(f"attribute {name} {reason}", node=node.label())


def get_int(node: Node, name: str, default: int | None = None) -> int:
    """An integer; no default means that the attribute is required."""
    value = node.attributes.get(name, default)
    if isinstance(value, int | np.integer):
        return int(value)
    raise refuse(node, name, "is missing" if value is None else f"must be an integer, is {value!r}")


def get_bool(node: Node, name: str, default: bool = False) -> bool:
    """ONNX's booleans are the integers 0 and 1; any other integer counts as true."""
    return get_int(node, name, int(default)) != 0


def get_float(node: Node, name: str, default: float | None = None) -> float:
    value = node.attributes.get(name, default)
    if isinstance(value, numbers.Real):
        return float(value)
    raise refuse(node, name, "is missing" if value is None else f"must be a number, is {value!r}")


def get_str(node: Node, name: str, default: str, allowed: tuple[str, ...]) -> str:
    value = node.attributes.get(name, default)
    if value not in allowed:
        raise refuse(node, name, f"must be one of {', '.join(allowed)}, is {value!r}")
    return str(value)


def get_ints(
    node: Node, name: str, count: int | None = None, low: int = -INT_LIMIT, high: int = INT_LIMIT
) -> tuple[int, ...] | None:
    """Integers within [low, high], `count` of them if that is given; None if the attribute is absent."""
    value = node.attributes.get(name)
    if value is None:
        return None
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if not isinstance(value, list | tuple) or not all(isinstance(v, int | np.integer) for v in value):
        raise refuse(node, name, f"must be a list of integers, is {value!r}")
    if count is not None and len(value) != count:
        raise refuse(node, name, f"wants {count} integers, has {len(value)}")
    if any(not low <= v <= high for v in value):
        raise refuse(node, name, f"wants integers of at least {low}, is {list(value)}")
    return tuple(value)


def get_tensor(node: Node, name: str) -> npt.NDArray[Any] | None:
    """A tensor, or None if the attribute is absent."""
    value = node.attributes.get(name)
    if value is None or isinstance(value, np.ndarray):
        return value
    raise refuse(node, name, f"must be a tensor, is {type(value).__name__}")
