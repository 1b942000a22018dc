"""Plans as a whole: concurrent runs, weights shared among plans, denormals, empty tensors, indices out of range."""

from __future__ import annotations

import gc
import threading
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from fastinfer import _core
from fastinfer.graph.dtype import DType
from fastinfer.graph.weight import DenseWeight
from plan.programs import Net

Array = npt.NDArray[Any]


def floats(seed: int, *shape: int) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def small_network(x: Array, weights: list[DenseWeight], height: int) -> Net:
    net = Net()
    xi = net.image_input(x)
    y, pooled = net.image((1, 40, height, 9)), net.image((1, 40, 1, 1))
    net.step("conv", [xi, -1, -1, -1], [y], [weights[0], None], pads=[1, 1, 1, 1])
    net.step("global_pool", [y], [pooled], kind="average")
    flat = net.view(net.program.tensors[pooled].buffer, (1, 40), (40, 1))
    z = net.plain((1, 50))
    net.step("matmul", [flat, -1, -1, -1], [z], [weights[1], None])
    s = net.plain((1, 50))
    net.step("softmax", [z], [s], axis=1, log=False)
    net.output(s)
    return net


def weights() -> list[DenseWeight]:
    return [DenseWeight(floats(1, 40, 8, 3, 3)), DenseWeight(floats(2, 40, 50))]


def test_concurrent_runs_lease_arenas_of_their_own() -> None:
    inputs = [floats(10 + i, 1, 8, 31, 9) for i in range(4)]
    net = small_network(inputs[0], weights(), 31)
    plan = net.prepare(threads=2)

    def run(x: Array) -> Array:
        y = np.empty((1, 50), np.float32)
        plan.run([x], [y])
        return y

    wanted = [run(x) for x in inputs]
    wrong: list[int] = []

    def repeat(i: int) -> None:
        for _ in range(50):
            if not np.array_equal(run(inputs[i]), wanted[i]):
                wrong.append(i)

    threads = [threading.Thread(target=repeat, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert 1 <= plan.memory()["arenas"] <= 4


def test_plans_share_packed_weights() -> None:
    cache, shared = _core.WeightCache(1 << 24), weights()
    first = small_network(floats(0, 1, 8, 31, 9), shared, 31).prepare(cache=cache)
    packed = cache.bytes
    assert packed == first.memory()["packed_bytes"] > 40 * 8 * 9 * 4
    small_network(floats(0, 1, 8, 40, 9), shared, 40).prepare(cache=cache)
    assert cache.bytes == packed
    small_network(floats(0, 1, 8, 31, 9), weights(), 31).prepare(cache=cache)
    assert cache.bytes == 2 * packed


def test_the_cache_forgets_but_plans_keep() -> None:
    cache = _core.WeightCache(1)
    net = small_network(floats(0, 1, 8, 31, 9), weights(), 31)
    plan = net.prepare(cache=cache)
    before = net.run_plan(plan)
    small_network(floats(0, 1, 8, 31, 9), weights(), 31).prepare(cache=cache)
    assert cache.entries == 1
    gc.collect()
    assert np.array_equal(net.run_plan(plan)[0], before[0])


def test_a_weight_that_died_is_not_taken_for_a_new_one() -> None:
    """Addresses of Python objects come back; weights must not."""
    cache = _core.WeightCache(1)
    x = np.ones((1, 4), np.float32)
    for i in range(30):
        net = Net()
        y = net.plain((1, 2))
        net.step("matmul", [net.input(x), -1, -1, -1], [y], [DenseWeight(np.full((4, 2), i, np.float32)), None])
        net.output(y)
        (found,) = net.run(cache=cache)
        assert (found == 4 * i).all()
        del net


def test_unaligned_weights() -> None:
    """A mapped file has elements at any byte."""
    raw = np.zeros(4 * 6 + 1, np.uint8)
    values = np.frombuffer(raw.data, np.float32, 6, 1)
    raw[1:].view(np.uint8)[...] = np.arange(6, dtype=np.float32).view(np.uint8)
    net = Net()
    constant = net.constant(values)
    y, z = net.plain((6,)), net.plain((1, 2))
    net.step("copy", [constant], [y])
    net.step(
        "matmul", [net.input(np.ones((1, 3), np.float32)), -1, -1, -1], [z], [DenseWeight(values.reshape(3, 2)), None]
    )
    net.output(y)
    net.output(z)
    found, product = net.run()
    assert found.tolist() == [0, 1, 2, 3, 4, 5]
    assert product.tolist() == [[6, 9]]


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_weights_of_other_real_types(dtype: str) -> None:
    w = floats(0, 5, 3).astype(dtype)
    net = Net()
    y = net.plain((2, 3))
    net.step("matmul", [net.input(np.ones((2, 5), np.float32)), -1, -1, -1], [y], [DenseWeight(w), None])
    net.output(y)
    assert np.allclose(net.run()[0], w.astype(np.float64).sum(0), rtol=0, atol=20 * np.finfo(np.float32).eps)


def test_denormals_count_as_zero_and_the_mode_is_restored() -> None:
    tiny = np.full((1, 4, 1, 1), 1e-40, np.float32)
    net = Net()
    y = net.image((1, 4, 1, 1))
    net.step("unary", [net.image_input(tiny)], [y], function="abs", alpha=0.0, beta=0.0)
    z = net.image((1, 4, 1, 1))
    net.step("binary", [y, y], [z], function="add")
    net.output(z)
    for threads in (1, 2):
        assert (net.run(threads=threads)[0] == 0).all()
    assert (tiny + tiny > 0).all()


def test_casts_keep_denormals() -> None:
    half = np.array([6e-8, 1.0], np.float16)
    net = Net()
    y = net.plain((2,))
    net.step("copy", [net.input(half)], [y])
    net.output(y)
    assert np.array_equal(net.run()[0], half.astype(np.float32))


def test_empty_tensors() -> None:
    net = Net()
    x = net.image_input(np.zeros((0, 3, 8, 8), np.float32))
    y = net.image((0, 5, 8, 8))
    net.conv(x, y, floats(0, 5, 3, 3, 3), pads=[1, 1, 1, 1])
    p = net.image((0, 5, 4, 4))
    net.step("pool", [y], [p], kind="max", kernel=[2, 2], strides=[2, 2], pads=[0, 0, 0, 0])
    net.output(p)
    m = net.plain((0, 4))
    net.step("matmul", [net.input(np.zeros((0, 3), np.float32)), -1, -1, -1], [m], [DenseWeight(floats(1, 3, 4)), None])
    net.output(m)
    assert [array.shape for array in net.run(threads=2)] == [(0, 5, 4, 4), (0, 4)]


def test_indices_out_of_range() -> None:
    net = Net()
    y = net.plain((2, 3))
    net.step("gather", [net.input(floats(0, 5, 3)), net.input(np.array([0, 9], np.int64))], [y], axis=0)
    net.output(y)
    plan = net.prepare()
    with pytest.raises(_core.CoreError, match="index out of range") as error:
        net.run_plan(plan)
    assert error.value.kind == "value"
    net.inputs[1][1] = -1
    assert np.array_equal(net.run_plan(plan)[0], net.inputs[0][[0, 4]])


def test_isa_and_threads() -> None:
    net = small_network(floats(0, 1, 8, 31, 9), weights(), 31)
    plan = net.prepare(isa="scalar", threads=3)
    assert plan.threads == 3
    assert all(
        row["kernel"].endswith("__scalar") for row in plan.report() if row["op"] in ("conv", "matmul", "softmax")
    )
    with pytest.raises(_core.CoreError) as error:
        net.prepare(isa="avx1024")
    assert error.value.kind == "isa"


def test_other_types_go_to_the_strided_room() -> None:
    net = Net()
    x = net.input(np.arange(6, dtype=np.int64))
    y = net.plain((6,), DType.S64)
    net.step("binary", [x, x], [y], function="mul")
    net.output(y)
    plan = net.prepare()
    assert plan.report()[0]["algorithm"] == "strided"
    assert net.run_plan(plan)[0].tolist() == [0, 1, 4, 9, 16, 25]
