"""matmul: strided views, batches, weights and operands, against float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastinfer import _core
from fastinfer.graph.dtype import DType
from fastinfer.graph.weight import DenseWeight
from plan.programs import Net, row_major

Array = npt.NDArray[Any]
EPS = float(np.finfo(np.float32).eps)


def strided_input(net: Net, array: Array, order: list[int]) -> int:
    """The array as a view of an input whose axes lie in memory in another order."""
    stored = np.ascontiguousarray(array.transpose(order))
    buffer = net.program.tensors[net.input(stored)].buffer
    strides = [0] * array.ndim
    for position, axis in enumerate(order):
        strides[axis] = row_major(stored.shape)[position]
    for axis, size in enumerate(array.shape):
        if array.strides[axis] == 0 and size > 1:
            strides[axis] = 0
    return net.view(buffer, array.shape, tuple(strides), 0, DType.of(array.dtype))


@st.composite
def problems(draw: st.DrawFn) -> dict[str, Any]:
    batch = draw(st.lists(st.integers(1, 3), max_size=2))
    rank = len(batch) + 2
    orders = st.permutations(range(rank))
    return {
        "batch": tuple(batch),
        "m": draw(st.sampled_from([1, 2, 7, 30])),
        "n": draw(st.sampled_from([1, 5, 33, 70])),
        "k": draw(st.sampled_from([0, 1, 9, 64])),
        "a": draw(orders),
        "b": draw(orders),
        "shared_b": draw(st.booleans()),
        "weight": draw(st.booleans()),
        "trans_b": draw(st.booleans()),
        "alpha": draw(st.sampled_from([1.0, -0.5])),
        "bias": draw(st.booleans()),
        "residual": draw(st.sampled_from(["", "dense", "rows", "columns", "scalar"])),
        "relu": draw(st.booleans()),
        "threads": draw(st.integers(1, 3)),
    }


@given(problems())
@settings(max_examples=150, deadline=None)
def test_matmul(p: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    batch, m, n, k = p["batch"], p["m"], p["n"], p["k"]
    a = rng.standard_normal((*batch, m, k)).astype(np.float32)
    b = rng.standard_normal((k, n) if p["weight"] or p["shared_b"] else (*batch, k, n)).astype(np.float32)
    net = Net()
    ai = strided_input(net, a, list(p["a"]))
    bi, weights = -1, [None, None]
    attributes: dict[str, Any] = {"alpha": p["alpha"]}
    if p["weight"]:
        weights[0] = DenseWeight(np.ascontiguousarray(b.T) if p["trans_b"] else b)
        attributes["trans_b"] = p["trans_b"]
    else:
        bi = strided_input(net, b, [0, 1] if b.ndim == 2 else list(p["b"]))
    wanted = p["alpha"] * (a.astype(np.float64) @ b)
    magnitude = abs(p["alpha"]) * (abs(a).astype(np.float64) @ abs(b))
    bias_i = residual_i = -1
    if p["bias"]:
        bias = rng.standard_normal(n).astype(np.float32)
        wanted, magnitude = wanted + bias, magnitude + abs(bias)
        if p["weight"]:
            weights[1] = DenseWeight(bias)
        else:
            bias_i = net.input(bias)
    if p["residual"]:
        shape = {"dense": wanted.shape, "rows": (m, 1), "columns": (1, n), "scalar": (1, 1)}[p["residual"]]
        residual = rng.standard_normal(shape).astype(np.float32)
        wanted, magnitude = wanted + residual, magnitude + abs(residual)
        full = np.broadcast_to(residual, wanted.shape)
        strides = tuple(s // 4 for s in full.strides)
        residual_i = net.view(net.program.tensors[net.input(residual)].buffer, wanted.shape, strides)
    if p["relu"]:
        attributes |= {"activation": "clamp", "activation_alpha": 0.0, "activation_beta": float("inf")}
        wanted = np.maximum(wanted, 0)
    y = net.plain(wanted.shape)
    net.step("matmul", [ai, bi, bias_i, residual_i], [y], weights, name="it", **attributes)
    net.output(y)
    plan = net.prepare(threads=p["threads"])
    assert plan.report()[-2]["algorithm"] == ("naive" if k == 0 else "gemm")
    for options in ({"threads": p["threads"]}, {"algorithms": {"it": "naive"}}):
        (found,) = net.run(**options)
        assert (abs(found - wanted) <= (k + 5) * EPS * magnitude + 1e-30).all(), options


def test_output_columns_may_be_apart() -> None:
    a, b = np.arange(6, dtype=np.float32).reshape(2, 3), np.arange(12, dtype=np.float32).reshape(3, 4)
    net = Net()
    y = net.view(net.buffer("arena", 32), (2, 4), (1, 2))
    net.step("matmul", [net.input(a), -1, -1, -1], [y], [DenseWeight(b), None])
    net.output(y)
    (found,) = net.run()
    assert np.array_equal(found, a @ b)


@pytest.mark.parametrize("dtype", [np.float64, np.int32, np.uint32, np.int64, np.uint64])
def test_other_types(dtype: type) -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.integers(0, 2**31, shape).astype(dtype) for shape in ((3, 5), (5, 4)))
    net = Net()
    y = net.plain((3, 4), DType.of(np.dtype(dtype)))
    net.step("matmul", [net.input(a), net.input(b), -1, -1], [y])
    net.output(y)
    (found,) = net.run()
    if dtype is np.float64:
        assert (abs(found - a @ b) <= 5 * np.finfo(np.float64).eps * (a @ b)).all()
    else:
        assert np.array_equal(found, a @ b)


def test_threads_do_not_change_a_bit() -> None:
    rng = np.random.default_rng(1)
    for m in (1, 50):
        a, b = rng.standard_normal((m, 300)).astype(np.float32), rng.standard_normal((300, 170)).astype(np.float32)
        net = Net()
        y = net.plain((m, 170))
        net.step("matmul", [net.input(a), -1, -1, -1], [y], [DenseWeight(b), None])
        net.output(y)
        results = [net.run(threads=threads)[0] for threads in (1, 2, 3)]
        assert all(np.array_equal(results[0], result) for result in results[1:])


@pytest.mark.parametrize(
    ("shape", "kind"), [((4, 7), "shape"), ((3,), "shape")], ids=["sizes do not fit", "not a matrix"]
)
def test_refused(shape: tuple[int, ...], kind: str) -> None:
    net = Net()
    y = net.plain((2, 7))
    net.step(
        "matmul", [net.input(np.ones((2, 3), np.float32)), -1, -1, -1], [y], [DenseWeight(np.ones(shape, np.float32))]
    )
    with pytest.raises(_core.CoreError) as error:
        net.prepare()
    assert error.value.kind == kind
