"""Which values the pass makes planar, by costs that the tests make up."""

from __future__ import annotations

from dataclasses import dataclass

from fastinfer.graph.derived import DerivedWeights
from fastinfer.passes.layout import assign_layouts
from fastinfer.passes.planar import ConvQuery
from passes.small import Net
from passes.test_layout_and_order import types_of


@dataclass
class Costs:
    """A weight takes a cycle in NHWC, whether it is zero or not, and two planar (depthwise: one); a copy takes one for
    each element.
    """

    copies: float = 1.0

    def conv(self, step: str, query: ConvQuery) -> tuple[float, float]:
        taps = query.window.kernel[0] * query.window.kernel[1]
        weights = query.y[1] * query.x[1] // query.groups * taps
        pixels = query.y[2] * query.y[3]
        planar = weights if query.groups > 1 else 2 * weights * query.density
        return float(weights * pixels), float(planar * pixels)

    def copy(self, size: int) -> float:
        return self.copies * size / 4


def sparse(net: Net, x: str, out: int, inp: int, zeros: float = 0.9) -> str:
    w = net.random.standard_normal((out, inp, 1, 1))
    w[net.random.random(w.shape) < zeros] = 0
    return net.node("Conv", x, net.constant(w))


def layouts_of(net: Net, *outputs: str, copies: float = 1.0) -> dict[str, str]:
    graph = net.graph(*outputs)
    return assign_layouts(graph, types_of(graph), DerivedWeights(), Costs(copies))


def test_a_depthwise_convolution_between_sparse_ones_joins_them() -> None:
    net = Net()
    a = net.node("MaxPool", net.input(1, 16, 8, 8), kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    b = sparse(net, a, 16, 16)
    c = net.node("Relu", net.node("Neg", net.conv(b, 16, 16, 3, group=16, pads=[1, 1, 1, 1])))
    d = sparse(net, c, 16, 16)
    e = net.node("MaxPool", d, kernel_shape=[2, 2])
    layouts = layouts_of(net, e)
    assert layouts[a] == layouts[e] == "nhwc"
    assert layouts[b] == layouts[c] == layouts[d] == "planar"


def test_slices_of_channels_lie_as_their_neighbours_do() -> None:
    net = Net()
    a = net.node("MaxPool", net.input(1, 16, 8, 8), kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    b = sparse(net, a, 16, 16)
    half = net.node("Slice", b, net.ints(4), net.ints(12), net.ints(1))
    rows = net.node("Slice", b, net.ints(1), net.ints(7), net.ints(2))
    layouts = layouts_of(
        net, *(net.node("MaxPool", sparse(net, x, 16, n), kernel_shape=[2, 2]) for x, n in ((half, 8), (rows, 16)))
    )
    assert (layouts[b], layouts[half], layouts[rows]) == ("planar", "planar", "nhwc")


def test_copies_that_cost_more_than_the_zeros_save() -> None:
    net = Net()
    a = net.node("MaxPool", net.input(1, 16, 8, 8), kernel_shape=[2, 2])
    b = sparse(net, a, 16, 16)
    c = net.node("MaxPool", b, kernel_shape=[2, 2])
    assert layouts_of(net, c)[b] == "planar"
    assert layouts_of(net, c, copies=10)[b] == "nhwc"


def test_too_many_weights_are_left() -> None:
    net = Net()
    a = net.node("MaxPool", net.input(1, 16, 8, 8), kernel_shape=[2, 2])
    b = sparse(net, a, 16, 16, zeros=0.3)
    assert layouts_of(net, net.node("MaxPool", b, kernel_shape=[2, 2]), copies=0)[b] == "nhwc"


def test_without_costs_nothing_is_planar() -> None:
    net = Net()
    y = sparse(net, net.input(1, 16, 8, 8), 16, 16)
    graph = net.graph(net.node("MaxPool", y, kernel_shape=[2, 2]))
    assert "planar" not in assign_layouts(graph, types_of(graph)).values()
