"""The lowerings by operator. One is registered by `@lower("Conv")` as function(node, builder) -> None."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from fastinfer.graph.ir import Node

if TYPE_CHECKING:
    from fastinfer.plan.lower.builder import Builder

Lowering = Callable[[Node, "Builder"], None]

LOWERINGS: dict[str, Lowering] = {}


def lower(*operators: str) -> Callable[[Lowering], Lowering]:
    """Register the decorated function for the operators."""

    def register(function: Lowering) -> Lowering:
        for operator in operators:
            LOWERINGS[operator] = function
        return function

    return register
