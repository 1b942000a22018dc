"""Chains of Concat, channel shuffle, Split and Slice, before and after, through the reference."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastinfer.graph.derived import DerivedWeights
from fastinfer.graph.ir import Graph
from fastinfer.graph.verify import verify
from fastinfer.passes import specialize
from passes.small import Net, assert_same, ops, types_of

HEIGHT, WIDTH = 3, 4


def shuffle(net: Net, x: str, groups: int, channels: int) -> str:
    split = net.node("Reshape", x, net.ints(2, groups, channels // groups, HEIGHT, WIDTH))
    moved = net.node("Transpose", split, perm=[0, 2, 1, 3, 4])
    return net.node("Reshape", moved, net.ints(2, channels, HEIGHT, WIDTH))


def rewritten(before: Graph) -> Graph:
    """The graph after all passes of known shapes, checked to compute the same."""
    after = before.copy()
    types = types_of(after)
    specialize(after, types, DerivedWeights())
    verify(after)
    assert {name for node in after.nodes for name in (*node.inputs, *node.outputs) if name} <= types.keys()
    assert_same(before, after, 1e-5)
    return after


def units(net: Net, count: int, half: int, op: str = "Split") -> str:
    """A stage of ShuffleNet v2: all but the last shuffle are split."""
    x = net.input(2, 2 * half, HEIGHT, WIDTH)
    y = net.node("Concat", net.conv(x, half, 2 * half), net.conv(x, half, 2 * half), axis=1)
    for _ in range(count):
        y = shuffle(net, y, 2, 2 * half)
        if op == "Split":
            left, right = net.nodes_of("Split", 2, y, net.ints(half, half), axis=1)
        else:
            left = net.node("Slice", y, net.ints(0), net.ints(half), net.ints(1))
            right = net.node("Slice", y, net.ints(half), net.ints(2 * half), net.ints(1))
        right = net.conv(net.conv(right, half, half), half, half, 3, pads=[1, 1, 1, 1], group=half)
        y = net.node("Concat", left, net.conv(right, half, half), axis=1)
    return shuffle(net, y, 2, 2 * half)


@pytest.mark.parametrize("op", ["Split", "Slice"])
def test_a_stage_of_shufflenet_copies_one_half(op: str) -> None:
    net = Net()
    y = units(net, 4, 8, op)
    first = net.conv(y, 16, 16, 3, group=16)
    graph = rewritten(net.graph(first, net.conv(y, 5, 16)))
    assert "Transpose" not in ops(graph) and ops(graph).count("Gather") == 1
    assert sum("places" in node.attributes for node in graph.nodes) == 4


def test_nothing_is_copied_where_convolutions_alone_read() -> None:
    net = Net()
    graph = rewritten(net.graph(net.conv(units(net, 3, 8), 5, 16)))
    assert set(ops(graph)) == {"Conv", "Concat"}
    assert sum("places" in node.attributes for node in graph.nodes) == 4


def test_a_long_chain_is_cut() -> None:
    net = Net()
    graph = rewritten(net.graph(net.conv(units(net, 24, 8), 5, 16)))
    assert "Transpose" not in ops(graph) and ops(graph).count("Gather") == 2
    kinds = types_of(graph)
    assert max(kinds[node.outputs[0]].shape[1] for node in graph.nodes) <= 80


def test_a_grouped_convolution_reads_through_places() -> None:
    net = Net()
    y = shuffle(net, net.conv(net.input(2, 4, HEIGHT, WIDTH), 12, 4), 3, 12)
    left, right = net.nodes_of("Split", 2, y, net.ints(4, 8), axis=1)
    graph = rewritten(net.graph(net.conv(left, 6, 4, group=2), net.conv(right, 8, 8, group=4)))
    assert ops(graph) == ["Conv"] * 3
    assert [node.attributes.get("places") for node in graph.nodes] == [
        None, [0, 4, 8, 1], [5, 9, 2, 6, 10, 3, 7, 11],
    ]  # fmt: skip


def test_values_that_cannot_lie_in_a_concat_are_left() -> None:
    net = Net()
    x = net.input(2, 4, HEIGHT, WIDTH)
    y = shuffle(net, net.node("Concat", x, net.conv(x, 4, 4), axis=1), 2, 8)
    _, right = net.nodes_of("Split", 2, y, net.ints(4, 4), axis=1)
    z = net.node("Concat", right, net.node("Relu", right), axis=1)
    graph = rewritten(net.graph(net.conv(shuffle(net, z, 4, 8), 3, 8)))
    assert ops(graph).count("Conv") == 2


KINDS = [
    *["conv"] * 2, "grouped", "depthwise", "relu", *["concat"] * 2, *["shuffle"] * 2, "split", "slice",
]  # fmt: skip


@st.composite
def compositions(draw: st.DrawFn) -> Graph:
    """Values of one size, joined, shuffled, cut and read at random; some are outputs."""
    net = Net(draw(st.integers(0, 99)))
    channels = {
        net.input(2, size, HEIGHT, WIDTH): size
        for size in draw(st.lists(st.sampled_from([4, 6, 8]), min_size=1, max_size=2))
    }

    def pick() -> str:
        names = list(channels)
        return names[max(draw(st.integers(0, len(names) - 1)), draw(st.integers(0, len(names) - 1)))]

    for kind in draw(st.lists(st.sampled_from(KINDS), min_size=3, max_size=24)):
        x = pick()
        size = channels[x]
        divisors = [d for d in range(2, size) if size % d == 0]
        if kind == "conv":
            out = draw(st.sampled_from([4, 6, 8]))
            channels[net.conv(x, out, size)] = out
        elif kind == "grouped" and divisors:
            groups = draw(st.sampled_from(divisors))
            channels[net.conv(x, 2 * groups, size, group=groups)] = 2 * groups
        elif kind == "depthwise":
            channels[net.conv(x, size, size, 3, group=size, pads=[1, 1, 1, 1])] = size
        elif kind == "relu":
            channels[net.node("Relu", x)] = size
        elif kind == "concat" and size < 40:
            parts = [x, *(pick() for _ in range(draw(st.integers(1, 2))))]
            channels[net.node("Concat", *parts, axis=1)] = sum(channels[part] for part in parts)
        elif kind == "shuffle" and divisors:
            channels[shuffle(net, x, draw(st.sampled_from(divisors)), size)] = size
        elif kind == "split" and size > 1:
            first = draw(st.integers(1, size - 1))
            names = net.nodes_of("Split", 2, x, net.ints(first, size - first), axis=1)
            channels.update(zip(names, (first, size - first), strict=True))
        elif kind == "slice":
            start = draw(st.integers(0, size - 1))
            end = draw(st.integers(start + 1, size))
            channels[net.node("Slice", x, net.ints(start), net.ints(end), net.ints(1))] = end - start
    inputs = {info.name for info in net.inputs}
    made = [name for name in channels if name not in inputs] or [net.node("Neg", next(iter(channels)))]
    return net.graph(*draw(st.lists(st.sampled_from(made), min_size=1, max_size=4, unique=True)))


@given(compositions())
@settings(max_examples=150, deadline=None)
def test_random_compositions(graph: Graph) -> None:
    rewritten(graph)
