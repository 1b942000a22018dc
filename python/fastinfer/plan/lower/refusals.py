"""What no lowering takes, as far as it shows without the inputs: found at load, all of it at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from fastinfer.errors import DTypeError, UnsupportedOperatorError
from fastinfer.graph.dtype import DType
from fastinfer.graph.ir import Graph, Node, TensorType
from fastinfer.plan.lower.registry import FLOAT32_ONLY

_NAMES_SHOWN = 8


class Refusal(NamedTuple):
    node: Node
    tensor: str
    reason: str
    of_dtype: bool


def check_lowerable(graph: Graph) -> None:
    """Raise if nodes are refused whatever the inputs: UnsupportedOperatorError, or DTypeError if only types are wrong.

    The message lists every refused node by reason; the error's node and tensor are the first one's.
    """
    found = list(refusals(graph))
    if not found:
        return
    nodes: dict[str, list[str]] = {}
    for refusal in found:
        nodes.setdefault(refusal.reason, []).append(repr(refusal.node.label()))
    reason = found[0].reason if len(found) == 1 else "; ".join(f"{why} (at {_listed(at)})" for why, at in nodes.items())
    first = found[0].node.label(), found[0].tensor
    if all(refusal.of_dtype for refusal in found):
        raise DTypeError(reason, file=graph.file, node=first[0], tensor=first[1])
    operators = tuple(sorted({refusal.node.op for refusal in found}))
    raise UnsupportedOperatorError(reason, operators=operators, file=graph.file, node=first[0], tensor=first[1])


def refusals(graph: Graph) -> Iterator[Refusal]:
    """By the weights and the inputs that the graph declares; f16 weights stand for f32 values."""
    dtypes = {info.name: info.dtype for info in graph.inputs}
    ranks = {info.name: len(info.shape) for info in graph.inputs if info.shape is not None}
    for name, weight in graph.weights.items():
        dtypes[name] = DType.F32 if weight.dtype is DType.F16 else weight.dtype
        ranks[name] = len(weight.shape)
    for node in graph.nodes:
        for name in node.inputs[:2] if node.op in ("Conv", "ConvTranspose") else ():
            refused = refused_rank(node.op, ranks[name]) if name in ranks else None
            if refused:
                yield Refusal(node, name, refused, of_dtype=False)
                break
        else:
            wrong = _wrong_dtype(node, dtypes)
            if wrong:
                yield Refusal(node, *wrong, of_dtype=True)


def require_dtypes(node: Node, types: Mapping[str, TensorType]) -> None:
    """A DTypeError if the operator does not compute in the types of its inputs."""
    wrong = _wrong_dtype(node, {name: types[name].dtype for name in node.inputs if name})
    if wrong:
        raise DTypeError(wrong[1], node=node.label(), tensor=wrong[0])


def refused_rank(op: str, rank: int) -> str | None:
    """Why a convolution of a tensor with so many axes is refused, if it is. (Too few are inference's to refuse.)"""
    return None if rank <= 4 else f"{op} has 1 or 2 spatial axes here, not {rank - 2}"


def _wrong_dtype(node: Node, dtypes: Mapping[str, DType]) -> tuple[str, str] | None:
    """The first input of a type that the operator does not compute in, and the reason."""
    for name in node.inputs if node.op in FLOAT32_ONLY else ():
        if dtypes.get(name, DType.F32) is not DType.F32:
            return name, f"{node.op} computes in f32, got {dtypes[name].value}"
    return None


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:_NAMES_SHOWN])
    return f"{shown} and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else shown
