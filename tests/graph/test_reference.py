"""The reference's own promises: element types, fused forms, float16 rounding, typed refusals, speed on small chains."""

from __future__ import annotations

import time

import numpy as np
import pytest

from fastinfer.errors import FastinferError, GraphError, UnsupportedOperatorError
from fastinfer.graph.ir import Activation, Node
from fastinfer.graph.operators import OPERATORS
from fastinfer.reference import FUNCTIONS, evaluate
from fastinfer.reference.activation import activate


def normal(*shape: int, dtype: type = np.float32) -> np.ndarray:
    return np.random.default_rng(5).standard_normal(shape).astype(dtype)


def test_every_operator_has_a_reference() -> None:
    assert FUNCTIONS.keys() == OPERATORS.keys()


def test_conv_is_its_definition() -> None:
    """y[n, o, i, j] = sum over c, u, v of x[n, c, i*s + u*d - p, j*s + v*d - p] * w[o, c, u, v], in plain loops."""
    x, w = normal(2, 4, 6, 7, dtype=np.float64), normal(6, 2, 3, 2, dtype=np.float64)
    attributes = {"strides": [2, 1], "dilations": [1, 2], "pads": [1, 0, 2, 1], "group": 2}
    (y,) = evaluate(Node("Conv", ["x", "w"], ["y"], attributes), [x, w])
    expected = np.zeros_like(y)
    for n, o, i, j in np.ndindex(y.shape):
        for c, u, v in np.ndindex(w.shape[1:]):
            row, column = i * 2 + u - 1, j + v * 2
            if 0 <= row < 6 and 0 <= column < 7:
                expected[n, o, i, j] += x[n, o // 3 * 2 + c, row, column] * w[o, c, u, v]
    assert y.dtype == np.float64
    np.testing.assert_allclose(
        y, expected, atol=w[0].size * np.finfo(np.float64).eps * np.abs(x).max() * np.abs(w).max()
    )


def test_a_residual_comes_before_the_activation() -> None:
    x, w, residual = normal(1, 3, 5, 5), normal(4, 3, 3, 3), normal(1, 4, 3, 3)
    plain = evaluate(Node("Conv", ["x", "w"], ["y"]), [x, w])[0]
    node = Node("Conv", ["x", "w", "", "r"], ["y"], activation=Activation("clamp", 0, 6))
    assert np.array_equal(evaluate(node, [x, w, None, residual])[0], np.clip(plain + residual, 0, 6))


@pytest.mark.parametrize(
    ("kind", "op", "attributes"),
    [
        ("leaky_relu", "LeakyRelu", {"alpha": 0.25}),
        ("sigmoid", "Sigmoid", {}),
        ("hard_sigmoid", "HardSigmoid", {"alpha": 0.25, "beta": 0.5}),
        ("hard_swish", "HardSwish", {}),
        ("tanh", "Tanh", {}),
        ("elu", "Elu", {"alpha": 0.25}),
        ("gelu", "Gelu", {}),
    ],
)
def test_an_activation_is_the_operator(kind: str, op: str, attributes: dict[str, float]) -> None:
    x = 4 * normal(500)
    activation = Activation(kind, attributes.get("alpha", 0.0), attributes.get("beta", 0.0))
    assert np.array_equal(activate(x, activation), evaluate(Node(op, ["x"], ["y"], dict(attributes)), [x])[0])


def test_silu_is_x_times_sigmoid() -> None:
    x = np.array([-200, -1, 0, 1, 200], np.float32)
    assert np.allclose(activate(x, Activation("silu")), [0, -0.26894143, 0, 0.7310586, 200], rtol=1e-6)


def test_unknown_activations_are_refused() -> None:
    with pytest.raises(FastinferError, match="unknown activation 'maybe'") as caught:
        evaluate(Node("Relu", ["x"], ["y"], name="n", activation=Activation("maybe")), [normal(3)])
    assert caught.value.node == "n"


def test_half_precision_is_rounded_once() -> None:
    """f16 sums are kept in f32: 4096 ones and one more than f16 can count up to in ones."""
    x = np.ones((1, 4099), np.float16)
    (y,) = evaluate(Node("Gemm", ["a", "b"], ["y"], {"transB": 1}), [x, x])
    assert y.dtype == np.float16
    assert y[0, 0] == np.float16(4099)


def test_layer_normalization_keeps_f32_statistics_for_f16() -> None:
    node = Node("LayerNormalization", ["x", "s"], ["y", "m", "d"])
    y, mean, inverse = evaluate(node, [normal(4, 8, dtype=np.float16), np.ones(8, np.float16)])
    assert (y.dtype, mean.dtype, inverse.dtype) == (np.float16, np.float32, np.float32)


@pytest.mark.parametrize(
    "op", ["Sqrt", "Exp", "Softplus", "Sigmoid", "Gelu", "Mish", "Erf", "Selu", "HardSwish", "Round"]
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("shape", [(), (0,), (3, 2)])
def test_the_type_stays(op: str, dtype: type, shape: tuple[int, ...]) -> None:
    (y,) = evaluate(Node(op, ["x"], ["y"]), [np.abs(normal(*shape, dtype=dtype)).astype(dtype)])
    assert isinstance(y, np.ndarray)
    assert (y.dtype, y.shape) == (dtype, shape)


def test_integers_divide_towards_zero() -> None:
    a, b = np.array([7, -7, 7, -7, -(2**31)], np.int32), np.array([2, 2, -2, -2, 3], np.int32)
    assert evaluate(Node("Div", ["a", "b"], ["y"]), [a, b])[0].tolist() == [3, -3, -3, 3, -715827882]


def test_large_integers_keep_every_digit() -> None:
    x = np.array([2**62 + 1], np.int64)
    assert evaluate(Node("Div", ["a", "b"], ["y"]), [x, np.array([1])])[0][0] == 2**62 + 1
    assert evaluate(Node("ReduceSum", ["x"], ["y"], {"keepdims": 0}), [x])[0] == 2**62 + 1
    assert evaluate(Node("Pow", ["a", "b"], ["y"]), [np.array([3]), np.array([39])])[0][0] == 3**39


def test_pool_indices_never_point_into_the_pad() -> None:
    x = np.full((1, 2, 2, 2), -np.inf, np.float32)
    node = Node("MaxPool", ["x"], ["y", "i"], {"kernel_shape": [2, 2], "pads": [1, 1, 1, 1]})
    _, indices = evaluate(node, [x])
    assert indices.min() == 0
    assert indices.max() == 7


def test_suppression_keeps_the_best_and_orders_equal_scores() -> None:
    boxes = np.array([[[0, 0, 1, 1], [1, 1, 0, 0], [0, 2, 1, 3], [0, 2, 1, 3.1]]], np.float32)
    scores = np.array([[[0.5, 0.5, 0.4, 0.9]]], np.float32)
    node = Node("NonMaxSuppression", ["b", "s", "n", "iou"], ["y"])
    arrays = [boxes, scores, np.array([9]), np.array([0.5], np.float32)]
    assert evaluate(node, arrays)[0].tolist() == [[0, 0, 3], [0, 0, 0]]
    assert evaluate(node, [boxes, scores])[0].shape == (0, 3)  # no limit means none


@pytest.mark.parametrize(
    ("node", "arrays"),
    [
        (Node("Conv", ["x", "w"], ["y"], name="n"), [normal(1, 3, 5, 5), normal(4, 2, 3, 3)]),
        (Node("Gather", ["x", "i"], ["y"], name="n"), [normal(3), np.array([3])]),
        (Node("Reshape", ["x", "s"], ["y"], name="n"), [normal(3), np.array([2, -1])]),
        (Node("Add", ["a", "b"], ["y"], name="n"), [normal(3), normal(2)]),
        (Node("Concat", ["a"], ["y"], name="n"), [normal(3)]),
        (Node("Relu", ["a"], ["y"], name="n"), []),
    ],
)
def test_what_does_not_fit_is_refused(node: Node, arrays: list[np.ndarray]) -> None:
    with pytest.raises(FastinferError) as caught:
        evaluate(node, arrays)
    assert caught.value.node == "n"
    assert isinstance(caught.value, FastinferError)


def test_unknown_operators_are_refused() -> None:
    with pytest.raises(UnsupportedOperatorError, match="Frobnicate"):
        evaluate(Node("Frobnicate", ["x"], ["y"]), [normal(1)])
    assert not issubclass(UnsupportedOperatorError, GraphError)


def test_shape_chains_fold_quickly() -> None:
    """Constant folding evaluates hundreds of tiny nodes at load: far below a tenth of a millisecond each."""
    shape, gather = Node("Shape", ["x"], ["s"]), Node("Gather", ["s", "i"], ["g"])
    unsqueeze, concat = Node("Unsqueeze", ["g", "a"], ["u"]), Node("Concat", ["u", "u"], ["y"], {"axis": 0})
    x, index, axes = normal(1, 3, 8, 8), np.array(2), np.array([0])

    def chain() -> float:
        start = time.perf_counter()
        for _ in range(100):
            u = evaluate(unsqueeze, [evaluate(gather, [evaluate(shape, [x])[0], index])[0], axes])[0]
            assert evaluate(concat, [u, u])[0].tolist() == [8, 8]
        return (time.perf_counter() - start) / 400

    assert min(chain() for _ in range(5)) < 1e-4
