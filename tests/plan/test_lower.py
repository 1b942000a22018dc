"""What lowering makes: no copies where strides can say it, one where they cannot, and the same numbers always."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from fastinfer.graph.derived import DerivedWeights
from fastinfer.graph.ir import Graph
from fastinfer.passes import assign_layouts, specialize
from fastinfer.plan.lower import lower_graph
from fastinfer.plan.records import Program
from passes.small import Net, sample, types_of
from plan import interpreter
from plan.graphs import evaluate_graph


def lowered(graph: Graph) -> Program:
    """The program, after checking that it computes what the graph does."""
    original, graph = graph, graph.copy()
    types = types_of(graph)
    specialize(graph, types, DerivedWeights())
    program = lower_graph(graph, types, assign_layouts(graph, types))
    inputs = sample(original)
    expected = evaluate_graph(original, inputs)
    found = interpreter.run(program, [inputs[info.name] for info in graph.inputs])
    for array, (name, wanted) in zip(found, expected.items(), strict=True):
        result = array.view(wanted.dtype).reshape(wanted.shape)
        np.testing.assert_allclose(result, wanted, rtol=1e-4, atol=1e-4, err_msg=name)
    return program


def steps(program: Program) -> Counter[str]:
    return Counter(step.op for step in program.steps)


def pictures(program: Program) -> Counter[str]:
    """The steps but for the conversion of the caller's NCHW input."""
    found = steps(program)
    found["copy"] -= sum(step.name.startswith("nhwc(x") for step in program.steps)
    return +found


def test_concat_of_convolutions_costs_nothing() -> None:
    net = Net()
    x = net.input(2, 4, 5, 5)
    y = net.node("Concat", net.conv(x, 3, 4), net.conv(x, 5, 4), net.conv(x, 2, 4), axis=1)
    program = lowered(net.graph(net.conv(y, 6, 10, 3)))
    assert pictures(program) == {"conv": 4, "copy": 1}  # the last: NHWC to the caller's NCHW
    written = [program.tensors[step.outputs[0]] for step in program.steps if step.op == "conv"][:3]
    assert len({tensor.buffer for tensor in written}) == 1
    assert [tensor.offset for tensor in written] == [0, 3, 8]
    assert {tensor.strides[3] for tensor in written} == {10}


@pytest.mark.parametrize("axis", [0, 2, 3])
def test_concat_along_other_axes_costs_nothing(axis: int) -> None:
    net = Net()
    x = net.input(2, 4, 5, 5)
    y = net.node("Concat", net.conv(x, 3, 4), net.conv(x, 3, 4), axis=axis)
    program = lowered(net.graph(net.node("GlobalAveragePool", y)))
    assert pictures(program) == {"conv": 2, "global_pool": 1}


def test_concats_in_concats() -> None:
    """DenseNet's growth: each concat is the one before and something new, so all are parts of the last."""
    net = Net()
    x = net.input(1, 4, 5, 5)
    parts = [net.conv(x, 4, 4)]
    for _ in range(3):
        together = net.node("Concat", *parts, axis=1) if len(parts) > 1 else parts[0]
        parts.append(net.conv(together, 4, 4 * len(parts)))
    program = lowered(net.graph(net.node("GlobalAveragePool", net.node("Concat", *parts, axis=1))))
    assert pictures(program) == {"conv": 4, "global_pool": 1}


def test_a_nested_concat_is_written_in_place() -> None:
    net = Net()
    x = net.input(1, 4, 5, 5)
    inner = net.node("Concat", net.conv(x, 3, 4), net.conv(x, 5, 4), axis=1)
    outer = net.node("Concat", net.conv(x, 2, 4), inner, axis=1)
    program = lowered(net.graph(net.node("GlobalMaxPool", outer)))
    assert pictures(program) == {"conv": 3, "global_pool": 1}


def test_what_two_concats_want_is_copied_once() -> None:
    net = Net()
    x = net.input(1, 4, 5, 5)
    a, b, c = (net.conv(x, 3, 4) for _ in range(3))
    one, two = net.node("Concat", a, b, axis=1), net.node("Concat", c, b, axis=1)
    graph = net.graph(*(net.node("GlobalAveragePool", y) for y in (one, two)))
    assert pictures(lowered(graph)) == {"conv": 3, "copy": 1, "global_pool": 2}


def test_inputs_constants_and_repeats_in_a_concat_are_copied() -> None:
    net = Net()
    x = net.input(2, 3)
    y = net.node("Relu", x)
    program = lowered(net.graph(net.node("Concat", y, x, net.normal(2, 2), y, axis=1)))
    assert steps(program) == {"unary": 1, "copy": 4}


def test_split_and_slice_are_views() -> None:
    net = Net()
    y = net.conv(net.input(2, 4, 6, 6), 8, 4)
    left, right = net.nodes_of("Split", 2, y, net.ints(3, 5), axis=1)
    cut = net.node("Slice", right, net.ints(1, 5), net.ints(6, -7), net.ints(2, 3), net.ints(2, -2))
    out = (net.node("GlobalAveragePool", net.conv(left, 2, 3)), net.node("Neg", cut))
    assert pictures(lowered(net.graph(*out))) == {"conv": 2, "unary": 1, "global_pool": 1}


def test_a_detector_head_is_written_where_it_ends() -> None:
    """Convolutions, transposed to (N, H W A, 4) and joined over scales: straight into the caller's array."""
    net = Net()
    x = net.input(2, 4, 6, 6)
    heads = []
    for stride in (1, 2):
        y = net.conv(x, 8, 4, strides=[stride, stride])
        y = net.node("Transpose", y, perm=[0, 2, 3, 1])
        heads.append(net.node("Reshape", y, net.ints(0, -1, 4)))
    program = lowered(net.graph(net.node("Concat", *heads, axis=1)))
    assert pictures(program) == {"conv": 2}
    assert all(
        program.buffers[program.tensors[s.outputs[0]].buffer].kind == "output" for s in program.steps if s.op == "conv"
    )


def test_classifier_head_is_views_and_one_product() -> None:
    net = Net()
    y = net.node("GlobalAveragePool", net.conv(net.input(2, 4, 6, 6), 8, 4))
    program = lowered(net.graph(net.node("Gemm", net.node("Flatten", y), net.normal(8, 3))))
    assert pictures(program) == {"conv": 1, "global_pool": 1, "matmul": 1}
    assert program.buffers[program.tensors[program.steps[-1].outputs[0]].buffer].kind == "output"


def test_flatten_of_pictures_copies_once() -> None:
    net = Net()
    y = net.node("Flatten", net.conv(net.input(2, 4, 6, 6), 8, 4))
    assert pictures(lowered(net.graph(net.node("Gemm", y, net.normal(288, 3))))) == {"conv": 1, "copy": 1, "matmul": 1}


def test_a_layout_is_converted_once_for_all_readers() -> None:
    net = Net()
    x = net.input(2, 5, 6, 6)
    graph = net.graph(*(net.node("GlobalAveragePool", net.conv(x, 3, 5)) for _ in range(3)))
    assert steps(lowered(graph)) == {"copy": 1, "conv": 3, "global_pool": 3}


def test_few_planar_channels_are_read_as_they_are() -> None:
    net = Net()
    graph = net.graph(net.node("GlobalAveragePool", net.conv(net.input(2, 4, 6, 6), 3, 4)))
    assert steps(lowered(graph)) == {"conv": 1, "global_pool": 1}


def test_arithmetic_between_pictures_stays_nhwc() -> None:
    net = Net()
    x = net.input(2, 4, 6, 6)
    y, z = net.conv(x, 4, 4), net.conv(x, 4, 4)
    gate = net.node("Sigmoid", net.conv(net.node("GlobalAveragePool", y), 4, 4))
    y = net.node("Mul", net.node("Max", y, z), gate)
    program = lowered(net.graph(net.node("GlobalAveragePool", net.conv(y, 3, 4))))
    assert pictures(program) == {"conv": 4, "binary": 2, "global_pool": 2}


@pytest.mark.parametrize("mode", ["DCR", "CRD"])
@pytest.mark.parametrize("op", ["DepthToSpace", "SpaceToDepth"])
def test_pixel_shuffles_are_one_copy(op: str, mode: str) -> None:
    net = Net()
    y = net.node(op, net.conv(net.input(2, 4, 6, 4), 8, 4), blocksize=2, mode=mode)
    channels = 2 if op == "DepthToSpace" else 32
    assert pictures(lowered(net.graph(net.node("GlobalMaxPool", net.conv(y, 3, channels))))) == {
        "conv": 2, "copy": 1, "global_pool": 1,
    }  # fmt: skip


def test_a_grouped_convolution_shuffles_what_it_reads() -> None:
    net = Net()
    y = net.conv(net.input(2, 6, 4, 4), 6, 6, group=3)
    y = net.node("Transpose", net.node("Reshape", y, net.ints(2, 3, 2, 4, 4)), perm=[0, 2, 1, 3, 4])
    y = net.conv(net.node("Reshape", y, net.ints(2, 6, 4, 4)), 6, 6, group=2)
    program = lowered(net.graph(net.node("GlobalMaxPool", y)))
    assert pictures(program) == {"conv": 2, "global_pool": 1}
    places = [step.attributes["places"] for step in program.steps if step.op == "conv"]
    assert places == [[], [0, 2, 4, 1, 3, 5]]


def test_tile_and_expand() -> None:
    net = Net()
    x = net.input(2, 1, 3)
    tiled = net.node("Tile", x, net.ints(2, 3, 2))
    expanded = net.node("Expand", x, net.ints(2, 4, 3))
    program = lowered(net.graph(tiled, net.node("Neg", expanded)))
    assert steps(program) == {"copy": 1, "unary": 1}


def test_one_dimensional_convolutions_are_flat_pictures() -> None:
    net = Net()
    y = net.node("Conv", net.input(2, 4, 9), net.normal(3, 4, 3), pads=[1, 1], strides=[2])
    y = net.node("MaxPool", y, kernel_shape=[3], pads=[1, 0])
    y = net.node("ConvTranspose", y, net.normal(3, 2, 3), strides=[2])
    y = net.node("InstanceNormalization", y, net.normal(2), net.normal(2))
    assert pictures(lowered(net.graph(net.node("GlobalAveragePool", y)))) == {
        "conv": 1, "pool": 1, "conv_transpose": 1, "instance_norm": 1, "global_pool": 1,
    }  # fmt: skip


def test_an_output_that_is_read_inside_is_written_once() -> None:
    net = Net()
    y = net.node("Relu", net.input(2, 3))
    assert steps(lowered(net.graph(y, net.node("Neg", y)))) == {"unary": 2}


def test_outputs_that_are_views_of_one_value_are_copied() -> None:
    net = Net()
    y = net.node("Relu", net.input(2, 6))
    left, right = net.nodes_of("Split", 2, y, axis=1, num_outputs=2)
    assert steps(lowered(net.graph(left, right, net.node("Reshape", y, net.ints(3, 4))))) == {"unary": 1, "copy": 2}


def test_batch_norm_that_nothing_takes_is_one_step() -> None:
    net = Net()
    x = net.conv(net.input(2, 4, 6, 6), 4, 4)
    parameters = [net.normal(4) for _ in range(3)]
    y = net.node("BatchNormalization", net.node("Relu", x), *parameters, net.constant(net.random.uniform(1, 2, 4)))
    y = net.node("Concat", net.node("Relu", y), x, axis=1)
    assert pictures(lowered(net.graph(net.node("GlobalMaxPool", y))))["conv"] == 2


@pytest.mark.parametrize("shapes", [((5,), (5,)), ((5,), (2, 5, 3)), ((2, 3, 5), (5,)), ((4, 1, 3, 5), (2, 5, 6))])
def test_matrix_products_of_any_rank(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    net = Net()
    a, b = net.input(*shapes[0]), net.input(*shapes[1])
    constant = net.normal(*shapes[1])
    program = lowered(net.graph(net.node("MatMul", a, b), net.node("MatMul", a, constant)))
    assert steps(program) == {"matmul": 2}


@pytest.mark.parametrize(
    ("c", "beta"), [((), 1.0), ((7,), 1.0), ((1, 7), 1.0), ((3, 1), 1.0), ((3, 7), 1.0), ((7,), 0.5), ((3, 7), 0.0)]
)
@pytest.mark.parametrize("transposed", [0, 1])
def test_gemm_forms(c: tuple[int, ...], beta: float, transposed: int) -> None:
    net = Net()
    a = net.input(*((5, 3) if transposed else (3, 5)))
    b = net.normal(*((7, 5) if transposed else (5, 7)))
    attributes = {"transA": transposed, "transB": transposed, "alpha": 0.5, "beta": beta}
    lowered(net.graph(net.node("Gemm", a, b, net.normal(*c), **attributes)))
