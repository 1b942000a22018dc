"""The lowerings by operator. One is registered by `@lower("Conv")` as function(node, builder) -> None."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from fastinfer.graph.ir import Node

if TYPE_CHECKING:
    from fastinfer.plan.lower.builder import Builder

Lowering = Callable[[Node, "Builder"], None]

LOWERINGS: dict[str, Lowering] = {}
FLOAT32_ONLY: set[str] = set()  # operators whose kernels compute in f32 and nothing else


def lower(*operators: str, float32: bool = False) -> Callable[[Lowering], Lowering]:
    """Register the decorated function for the operators; float32: it takes no other type."""

    def register(function: Lowering) -> Lowering:
        for operator in operators:
            LOWERINGS[operator] = function
        if float32:
            FLOAT32_ONLY.update(operators)
        return function

    return register
