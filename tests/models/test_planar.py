"""Sparse networks whole: planar tensors compute what NHWC ones do, wherever the borders lie."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from fastinfer.errors import ArgumentError
from models.random_nets import RandomNet
from models.small_models import load, model_of, picture


def pruned(model: onnx.ModelProto, seed: int, density: float = 0.2) -> onnx.ModelProto:
    """The model with most of its convolutions' weights set to zero."""
    random = np.random.default_rng(seed)
    filters = {node.input[1] for node in model.graph.node if node.op_type == "Conv"}
    for tensor in model.graph.initializer:
        if tensor.name in filters:
            array = np.where(random.random(tuple(tensor.dims)) < density, numpy_helper.to_array(tensor), np.float32(0))
            tensor.CopyFrom(numpy_helper.from_array(array.astype(np.float32), tensor.name))
    return model


def outputs(result: Any) -> list[np.ndarray]:
    return list(result.values()) if isinstance(result, dict) else [result]


def with_sparse_convolutions(model: onnx.ModelProto, x: np.ndarray, threads: int) -> list[np.ndarray] | None:
    """The outputs, or None if all convolutions are grouped or one-dimensional."""
    try:
        return outputs(load(model, threads=threads, algorithm="sparse")(x))
    except ArgumentError as error:
        if "applies nowhere" in str(error):
            return None
        raise


@pytest.mark.parametrize("seed", range(40))
def test_random_networks_with_every_convolution_planar(seed: int) -> None:
    model, x = RandomNet(seed).model()
    model = pruned(model, seed)
    dense = load(model, threads=1)
    expected = outputs(dense(x))
    found = with_sparse_convolutions(model, x, threads=1 + seed % 3)
    if found is None:
        pytest.skip("no convolution that can be sparse")
    for a, b in zip(found, expected, strict=True):
        scale = np.abs(b[np.isfinite(b)]).max(initial=1e-6)
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-5 * scale)


def mobile_block() -> onnx.ModelProto:
    """A dense convolution, then pointwise, depthwise and pointwise ones with a sum around them."""
    random = np.random.default_rng(3)
    weights = {
        "w0": random.standard_normal((64, 3, 3, 3)),
        "w1": random.standard_normal((256, 64, 1, 1)),
        "w2": random.standard_normal((256, 1, 3, 3)),
        "w3": random.standard_normal((64, 256, 1, 1)),
        "v": random.standard_normal((64, 5)),
    }
    for name in ("w1", "w3"):
        weights[name][random.random(weights[name].shape) < 0.9] = 0
    nodes = [
        helper.make_node("Conv", ["x", "w0"], ["a"], "stem", pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["a", "w1"], ["b"], "expand"),
        helper.make_node("Relu", ["b"], ["c"], "relu"),
        helper.make_node("Conv", ["c", "w2"], ["d"], "depthwise", pads=[1, 1, 1, 1], group=256),
        helper.make_node("Conv", ["d", "w3"], ["e"], "project"),
        helper.make_node("Add", ["e", "a"], ["f"], "sum"),
        helper.make_node("GlobalAveragePool", ["f"], ["g"], "pool"),
        helper.make_node("Flatten", ["g"], ["h"], "flatten"),
        helper.make_node("Gemm", ["h", "v"], ["y"], "dense"),
    ]
    return model_of(nodes, [("x", (1, 3, 28, 28))], ["y"], weights)


def test_sparse_convolutions_and_what_lies_between_are_planar() -> None:
    model = mobile_block()
    m = load(model, threads=1)
    x = picture(1, 3, 28, 28)
    y = m(x)
    rows = {row.step: row for row in m.plan().rows}
    assert rows["expand"].algorithm == "sparse"
    assert rows["depthwise"].algorithm == "depthwise_planar"
    assert next(row for name, row in rows.items() if "project" in name).algorithm == "sparse"
    expected = load(model, threads=1, algorithm={"expand": "pointwise", "project": "pointwise"})
    assert not {"sparse", "depthwise_planar"} & {row.algorithm for row in expected.plan().rows}
    np.testing.assert_allclose(y, expected(x), rtol=1e-4, atol=1e-4)


def test_a_residual_in_channel_slices_is_planar() -> None:
    """x + Concat(conv, conv): each convolution adds its planes of x."""
    random = np.random.default_rng(5)
    weights = {f"w{i}": random.standard_normal((n, 64, 1, 1)) for i, n in enumerate((64, 24, 40))}
    for w in weights.values():
        w[random.random(w.shape) < 0.9] = 0
    nodes = [
        helper.make_node("Conv", ["x", "w0"], ["a"], "first"),
        helper.make_node("Conv", ["a", "w1"], ["b"], "left"),
        helper.make_node("Conv", ["a", "w2"], ["c"], "right"),
        helper.make_node("Concat", ["b", "c"], ["d"], "join", axis=1),
        helper.make_node("Add", ["d", "a"], ["e"], "sum"),
        helper.make_node("Relu", ["e"], ["y"], "relu"),
    ]
    model, x = model_of(nodes, [("x", (1, 64, 28, 28))], ["y"], weights), picture(1, 64, 28, 28)
    m = load(model, threads=1)
    rows = m.plan().rows
    assert [row.algorithm for row in rows if row.operator == "conv"] == ["sparse"] * 3
    assert not [row for row in rows if row.operator == "binary"]
    expected = load(model, threads=1, algorithm="pointwise")
    assert {row.algorithm for row in expected.plan().rows if row.operator == "conv"} == {"pointwise"}
    np.testing.assert_allclose(m(x), expected(x), rtol=1e-4, atol=1e-4)


def pooled_convolutions() -> onnx.ModelProto:
    """Sparse convolutions with a MaxPool and an AveragePool between them."""
    random = np.random.default_rng(7)
    weights = {f"w{i}": random.standard_normal((128, 128, k, k)) for i, k in enumerate((1, 3, 3))}
    for w in weights.values():
        w[random.random(w.shape) < 0.97] = 0
    nodes = [
        helper.make_node("Conv", ["x", "w0"], ["a"], "first"),
        helper.make_node("MaxPool", ["a"], ["b"], "max", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1),
        helper.make_node("Conv", ["b", "w1"], ["c"], "second", pads=[1, 1, 1, 1]),
        helper.make_node("AveragePool", ["c"], ["d"], "average", kernel_shape=[2, 2], pads=[0, 1, 0, 1]),
        helper.make_node("Conv", ["d", "w2"], ["e"], "third", pads=[1, 1, 1, 1]),
        helper.make_node("GlobalAveragePool", ["e"], ["y"], "global"),
    ]
    return model_of(nodes, [("x", (2, 128, 40, 37))], ["y"], weights)


@pytest.mark.parametrize("threads", [1, 3])
def test_pools_between_sparse_convolutions_need_no_copies(threads: int) -> None:
    model, x = pooled_convolutions(), picture(2, 128, 40, 37)
    m = load(model, threads=threads)
    y = m(x)
    rows = m.plan().rows
    algorithms = {row.step: row.algorithm for row in rows}
    assert [algorithms[step] for step in ("first", "second", "third")] == ["sparse"] * 3
    assert algorithms["max"] == algorithms["average"] == "window_planar"
    assert not [row.step for row in rows if row.operator == "copy"]
    nhwc = load(model, threads=threads, algorithm=dict.fromkeys(("first", "second", "third"), "im2col"))
    expected = nhwc(x)
    assert "window_planar" not in {row.algorithm for row in nhwc.plan().rows}
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


def test_dense_networks_stay_nhwc() -> None:
    model = mobile_block()
    for tensor in model.graph.initializer:
        if tensor.name in ("w1", "w3"):
            full = np.random.default_rng(4).standard_normal(tuple(tensor.dims)).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(full, tensor.name))
    m = load(model, threads=1)
    m(picture(1, 3, 28, 28))
    assert not {"sparse", "depthwise_planar"} & {row.algorithm for row in m.plan().rows}


def test_the_plan_tells_what_sparse_would_have_cost() -> None:
    """A convolution that is too dense to be worth it says so."""
    random = np.random.default_rng(6)
    w = random.standard_normal((64, 64, 1, 1))
    w[random.random(w.shape) < 0.2] = 0
    model = model_of([helper.make_node("Conv", ["x", "w"], ["y"], "conv")], [("x", (1, 64, 9, 9))], ["y"], {"w": w})
    m = load(model, threads=1)
    m(picture(1, 64, 9, 9))
    row = next(row for row in m.plan().rows if row.operator == "conv")
    assert row.algorithm == "pointwise"
    assert "planar" in dict(row.refused)["sparse"]
