"""Which values the pass makes planar, by costs that the tests make up."""

from __future__ import annotations

from dataclasses import dataclass

from fastinfer.graph.derived import DerivedWeights
from fastinfer.graph.dtype import DType
from fastinfer.graph.ir import ValueInfo
from fastinfer.passes.layout import assign_layouts
from fastinfer.passes.planar import ConvQuery, PoolQuery
from passes.small import Net
from passes.test_layout_and_order import types_of


@dataclass
class Costs:
    """A weight takes a cycle in NHWC, whether it is zero or not, and two planar (depthwise: one); a copy takes one for
    each element. Pools take none, or planar_pools planar.
    """

    copies: float = 1.0
    planar_pools: float = 0.0

    def conv(self, step: str, query: ConvQuery) -> tuple[float, float]:
        taps = query.window.kernel[0] * query.window.kernel[1]
        weights = query.y[1] * query.x[1] // query.groups * taps
        pixels = query.y[2] * query.y[3]
        planar = weights if query.groups > 1 else 2 * weights * query.density
        return float(weights * pixels), float(planar * pixels)

    def pool(self, query: PoolQuery) -> tuple[float, float]:
        return 0.0, self.planar_pools

    def copy(self, size: int) -> float:
        return self.copies * size / 4


def sparse(net: Net, x: str, out: int, inp: int, zeros: float = 0.9) -> str:
    w = net.random.standard_normal((out, inp, 1, 1))
    w[net.random.random(w.shape) < zeros] = 0
    return net.node("Conv", x, net.constant(w))


def layouts_of(net: Net, *outputs: str, copies: float = 1.0, planar_pools: float = 0.0) -> dict[str, str]:
    graph = net.graph(*outputs)
    return assign_layouts(graph, types_of(graph), DerivedWeights(), Costs(copies, planar_pools))


def pool(net: Net, x: str, op: str = "MaxPool", kernel: int = 2) -> str:
    return net.node(op, x, kernel_shape=[kernel, kernel], strides=[2, 2])


def nhwc_stem(net: Net) -> str:
    return net.node("LRN", net.input(1, 16, 8, 8), size=3)


def test_a_depthwise_convolution_between_sparse_ones_joins_them() -> None:
    net = Net()
    a = nhwc_stem(net)
    b = sparse(net, a, 16, 16)
    c = net.node("Relu", net.node("Neg", net.conv(b, 16, 16, 3, group=16, pads=[1, 1, 1, 1])))
    d = sparse(net, c, 16, 16)
    e = net.node("LRN", d, size=3)
    layouts = layouts_of(net, e)
    assert layouts[a] == layouts[e] == "nhwc"
    assert layouts[b] == layouts[c] == layouts[d] == "planar"


def test_slices_of_channels_lie_as_their_neighbours_do() -> None:
    net = Net()
    b = sparse(net, nhwc_stem(net), 16, 16)
    half = net.node("Slice", b, net.ints(4), net.ints(12), net.ints(1))
    rows = net.node("Slice", b, net.ints(1), net.ints(7), net.ints(2))
    layouts = layouts_of(net, *(net.node("LRN", sparse(net, x, 16, n), size=3) for x, n in ((half, 8), (rows, 16))))
    assert (layouts[b], layouts[half], layouts[rows]) == ("planar", "planar", "nhwc")


def test_pools_between_sparse_convolutions_join_them() -> None:
    net = Net()
    a = pool(net, sparse(net, nhwc_stem(net), 16, 16))
    b = pool(net, sparse(net, a, 16, 16), "AveragePool")
    c = sparse(net, b, 16, 16)
    layouts = layouts_of(net, net.node("LRN", c, size=3))
    assert layouts[a] == layouts[b] == layouts[c] == "planar"


def test_pools_that_cost_more_than_copies_stay() -> None:
    net = Net()
    a = pool(net, sparse(net, nhwc_stem(net), 16, 16))
    b = sparse(net, a, 16, 16)
    layouts = layouts_of(net, net.node("LRN", b, size=3), copies=0.01, planar_pools=100)
    assert layouts[a] == "nhwc" and layouts[b] == "planar"


def test_a_pool_in_front_is_done_where_the_copy_is_smaller() -> None:
    """Behind NHWC the pool's output is copied, a quarter of its input."""
    net = Net()
    a = pool(net, nhwc_stem(net))
    b = sparse(net, a, 16, 16)
    layouts = layouts_of(net, net.node("LRN", b, size=3))
    assert layouts[a] == "nhwc" and layouts[b] == "planar"


def test_pools_with_indices_stay() -> None:
    net = Net()
    a = sparse(net, nhwc_stem(net), 16, 16)
    values, indices = net.nodes_of("MaxPool", 2, a, kernel_shape=[2, 2])
    graph = net.graph(values, indices)
    graph.outputs[1] = ValueInfo(indices, DType.S64, None)
    layouts = assign_layouts(graph, types_of(graph), DerivedWeights(), Costs())
    assert layouts[a] == "planar" and layouts[values] != "planar"


def test_copies_that_cost_more_than_the_zeros_save() -> None:
    net = Net()
    a = nhwc_stem(net)
    b = sparse(net, a, 16, 16)
    c = net.node("LRN", b, size=3)
    assert layouts_of(net, c)[b] == "planar"
    assert layouts_of(net, c, copies=10)[b] == "nhwc"


def test_too_many_weights_are_left() -> None:
    net = Net()
    b = sparse(net, nhwc_stem(net), 16, 16, zeros=0.3)
    assert layouts_of(net, net.node("LRN", b, size=3), copies=0)[b] == "nhwc"


def test_without_costs_nothing_is_planar() -> None:
    net = Net()
    y = sparse(net, net.input(1, 16, 8, 8), 16, 16)
    graph = net.graph(net.node("MaxPool", y, kernel_shape=[2, 2]))
    assert "planar" not in assign_layouts(graph, types_of(graph)).values()
