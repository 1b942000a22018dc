"""The oracle functions by operator, and the one function that applies them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastinfer.errors import FastinferError, GraphError, UnsupportedOperatorError
from fastinfer.graph.ir import Node
from fastinfer.reference.activation import activate

Array = npt.NDArray[Any]
Function = Callable[..., tuple[Array, ...]]

FUNCTIONS: dict[str, Function] = {}
WIDENED: set[str] = set()

_HALF = np.dtype(np.float16)
_LEAKS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, MemoryError)


def reference(*operators: str, widen: bool = False) -> Callable[[Function], Function]:
    """Register the decorated function(node, *arrays) -> tuple of arrays for the operators.

    widen: float16 inputs arrive as float32; if the first one was float16, the first output is rounded to it, once.
    """

    def register(function: Function) -> Function:
        for operator in operators:
            FUNCTIONS[operator] = function
            if widen:
                WIDENED.add(operator)
        return function

    return register


def evaluate(node: Node, arrays: Sequence[Array | None]) -> tuple[Array, ...]:
    """The node's outputs, at least as many as node.outputs, given its inputs (None for absent ones).

    Computes in the element type given. Outputs may be views of the inputs: do not write to them. Raises
    FastinferError subclasses only: GraphError where the arrays do not fit the node.
    """
    function = FUNCTIONS.get(node.op)
    if function is None:
        raise UnsupportedOperatorError(f"no reference for operator {node.op}", operators=(node.op,), node=node.label())
    wide = node.op in WIDENED and any(a is not None and a.dtype == _HALF for a in arrays)
    narrow = wide and arrays[0] is not None and arrays[0].dtype == _HALF
    if wide:
        arrays = [a.astype(np.float32) if a is not None and a.dtype == _HALF else a for a in arrays]
    try:
        with np.errstate(all="ignore"):
            outputs = function(node, *arrays)
            if node.activation is not None:
                outputs = (activate(outputs[0], node.activation), *outputs[1:])
            if narrow and outputs[0].dtype == np.float32:
                outputs = (outputs[0].astype(_HALF), *outputs[1:])
    except FastinferError as error:
        error.located(node=node.label())
        raise
    except _LEAKS as error:
        raise GraphError(f"{node.op} cannot be computed: {error}", node=node.label()) from error
    return tuple(map(np.asarray, outputs))  # NumPy makes scalars of arrays without axes
