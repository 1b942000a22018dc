"""The shape rules by operator, and the one function that applies them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod

from fastinfer.errors import FastinferError, GraphError, TensorSizeError, UnsupportedOperatorError
from fastinfer.graph.infer.context import Array, Context, NeedRun, NeedValue
from fastinfer.graph.ir import Node, TensorType

Rule = Callable[[Node, Context], list[TensorType]]

RULES: dict[str, Rule] = {}

ELEMENT_LIMIT = 1 << 40  # no activation of a network is a tera-element; more is a mistake or an attack

_LEAKS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, MemoryError)


def infer(*operators: str) -> Callable[[Rule], Rule]:
    """Register the decorated rule for the operators."""

    def register(rule: Rule) -> Rule:
        for operator in operators:
            RULES[operator] = rule
        return rule

    return register


def _unknown(name: str) -> Array | None:
    return None


def infer_node(
    node: Node,
    types: Mapping[str, TensorType],
    value_of: Callable[[str], Array | None] = _unknown,
) -> list[TensorType]:
    """The types of the node's outputs, one for each name in node.outputs (absent ones included).

    `types` holds every input's type; `value_of` gives the elements of a tensor, or None if they are not known yet.
    Raises NeedValue (the shape depends on that tensor's elements), NeedRun (only running the node tells), and
    FastinferError subclasses (ShapeError, DTypeError, AttributeValueError, ...) that name the node: nothing else.
    """
    rule = RULES.get(node.op)
    if rule is None:
        raise UnsupportedOperatorError(f"no operator {node.op}", operators=(node.op,), node=node.label())
    try:
        outputs = rule(node, Context(node, types, value_of))
    except (NeedValue, NeedRun):
        raise
    except FastinferError as error:
        error.located(node=node.label())
        raise
    except _LEAKS as error:
        raise GraphError(f"malformed {node.op}: {error}", node=node.label()) from error
    if len(node.outputs) > len(outputs):
        raise GraphError(f"{node.op} has {len(outputs)} outputs, {len(node.outputs)} are named", node=node.label())
    for name, output in zip(node.outputs, outputs, strict=False):
        if prod(output.shape) > ELEMENT_LIMIT:
            raise TensorSizeError(f"shape {output.shape} is absurd", node=node.label(), tensor=name or None)
    return outputs[: len(node.outputs)]
