"""The registry of rewriting rules: operators whose file form is not yet canonical."""

from __future__ import annotations

from collections.abc import Callable

from fastinfer.file.onnx.builder import Builder, FileNode

Rule = Callable[[FileNode, Builder], None]

RULES: dict[str, Rule] = {}


def rule(*operators: str) -> Callable[[Rule], Rule]:
    """Register a function that adds the canonical nodes for a node of these operators."""

    def register(function: Rule) -> Rule:
        for operator in operators:
            RULES[operator] = function
        return function

    return register
