"""conv and conv_transpose: every algorithm against the float64 oracle, and against one another."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastinfer import _core
from fastinfer.graph.ir import Activation, Node
from fastinfer.reference import evaluate
from plan.programs import Net, nhwc

Array = npt.NDArray[Any]
EPS = float(np.finfo(np.float32).eps)
ALGORITHMS = ("depthwise", "pointwise", "indirect", "im2col")


def oracle(op: str, arrays: list[Array | None], attributes: dict[str, Any], activation: Activation | None) -> Array:
    """The node in float64, NCHW."""
    node = Node(op, [f"i{i}" if a is not None else "" for i, a in enumerate(arrays)], ["y"], attributes, "", activation)
    return np.asarray(evaluate(node, [None if a is None else a.astype(np.float64) for a in arrays])[0])


def bound(op: str, x: Array, w: Array, b: Array, residual: Array | None, attributes: dict[str, Any]) -> Array:
    """What f32 rounding can make of a sum of K products, bias and residual, whatever its order: (K + 4) eps sum |.|."""
    arrays = [abs(x), abs(w), abs(b), None if residual is None else abs(residual)]
    magnitude = oracle(op, arrays if residual is not None else arrays[:3], attributes, None)
    k = w[:, 0].size // attributes["group"] if op == "ConvTranspose" else w[0].size
    return (k + 4) * EPS * magnitude + 1e-30


@st.composite
def convolutions(draw: st.DrawFn) -> dict[str, Any]:
    groups = draw(st.sampled_from([1, 1, 2, 3, 6]))
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    dilations = draw(st.tuples(st.integers(1, 2), st.integers(1, 2)))
    least = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    pads = draw(st.tuples(*[st.integers(0, 2)] * 4))
    return {
        "batch": draw(st.integers(1, 2)),
        "size": tuple(max(1, n - pads[i] - pads[i + 2]) + draw(st.integers(0, 9)) for i, n in enumerate(least)),
        "inputs": groups * draw(st.integers(1, 5)),
        "outputs": groups * draw(st.integers(1, 9)),
        "groups": groups,
        "kernel": kernel,
        "strides": draw(st.tuples(st.integers(1, 3), st.integers(1, 3))),
        "dilations": dilations,
        "pads": pads,
        "residual": draw(st.booleans()),
        "activation": draw(st.sampled_from([None, Activation("clamp", 0.0, 6.0), Activation("leaky_relu", 0.1)])),
        "gap": draw(st.sampled_from([0, 3])),
        "seed": draw(st.integers(0, 99)),
    }


def activation_attributes(activation: Activation | None) -> dict[str, Any]:
    if activation is None:
        return {}
    return {
        "activation": activation.kind,
        "activation_alpha": activation.alpha,
        "activation_beta": activation.beta,
    }


def check(c: dict[str, Any], transposed: bool = False, dynamic: bool = False) -> None:
    rng = np.random.default_rng(c["seed"])
    spare = 4 if transposed else 0  # so that the pads leave something of the output
    size = [n + spare for n in c["size"]]
    x = rng.standard_normal((c["batch"], c["inputs"], *size)).astype(np.float32)
    if transposed:
        w = rng.standard_normal((c["inputs"], c["outputs"] // c["groups"], *c["kernel"])).astype(np.float32)
    else:
        w = rng.standard_normal((c["outputs"], c["inputs"] // c["groups"], *c["kernel"])).astype(np.float32)
    b = rng.standard_normal(c["outputs"]).astype(np.float32)
    op = "ConvTranspose" if transposed else "Conv"
    common = {name: list(c[name]) for name in ("strides", "dilations", "pads")}
    node = {**common, "group": c["groups"], "kernel_shape": list(c["kernel"])}
    shape = oracle(op, [x, w, b], node, None).shape
    residual = rng.standard_normal(shape).astype(np.float32) if c["residual"] and not transposed else None
    arrays = [x, w, b] if residual is None else [x, w, b, residual]
    wanted = oracle(op, list(arrays), node, c["activation"])
    tolerance = bound(op, x, w, b, residual, node)

    net = Net()
    xi = net.image_input(x)
    ri = -1 if residual is None else net.image_input(residual)
    y = net.image(shape, pixel=shape[1] + c["gap"])
    attributes = {**common, "groups": c["groups"], **activation_attributes(c["activation"])}
    step = "conv_transpose" if transposed else "conv"
    if dynamic:
        net.step(step, [xi, ri, net.input(w), net.input(b)], [y], [None, None], name="it", **attributes)
    else:
        net.conv(xi, y, w, b, ri, name="it", **attributes)
        net.program.steps[-1].op = step
    net.output(y)
    free = net.prepare()
    (found,) = net.run_plan(free)
    assert (abs(found - wanted) <= tolerance).all()
    report = next(row for row in free.report() if row["name"] == "it")
    assert report["algorithm"] in ALGORITHMS
    refused = report["refused"]
    for algorithm in ALGORITHMS:
        possible = algorithm == report["algorithm"] or refused[algorithm].startswith("estimated slower")
        if not possible or (transposed and algorithm != report["algorithm"]):
            continue
        (forced,) = net.run(algorithms={"it": algorithm}, threads=2)
        assert (abs(forced - wanted) <= tolerance).all(), algorithm


@given(convolutions())
@settings(max_examples=60, deadline=None)
def test_conv(c: dict[str, Any]) -> None:
    check(c)


@given(convolutions())
@settings(max_examples=20, deadline=None)
def test_conv_with_weights_of_the_run(c: dict[str, Any]) -> None:
    check(c, dynamic=True)


@given(convolutions())
@settings(max_examples=60, deadline=None)
def test_conv_transpose(c: dict[str, Any]) -> None:
    check(c, transposed=True)


@given(convolutions())
@settings(max_examples=15, deadline=None)
def test_conv_transpose_with_weights_of_the_run(c: dict[str, Any]) -> None:
    check(c, transposed=True, dynamic=True)


@pytest.mark.parametrize("algorithm", ["depthwise", "indirect", "im2col"])
def test_infinity_stays_in_its_channel(algorithm: str) -> None:
    """Padding and neighbouring groups are not multiplied by zero: an infinity would make NaN of it."""
    x = np.ones((1, 4, 5, 5), np.float32)
    x[0, 1] = np.inf
    w = np.ones((4, 1, 3, 3), np.float32)
    net = Net()
    y = net.image((1, 4, 5, 5))
    net.conv(net.image_input(x), y, w, pads=[1, 1, 1, 1], groups=4)
    net.output(y)
    (found,) = net.run(algorithms={"*": algorithm})
    assert np.isposinf(found[0, 1]).all()
    assert np.isfinite(found[0, [0, 2, 3]]).all()


def test_writes_only_its_channels() -> None:
    """A Concat's inputs write to slices of one buffer."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 3, 6, 7)).astype(np.float32)
    wa, wb = (rng.standard_normal((n, 3, 1, 1)).astype(np.float32) for n in (5, 18))
    net = Net()
    xi = net.image_input(x)
    joined = net.image((2, 23, 6, 7))
    buffer = net.program.tensors[joined].buffer
    strides = nhwc((2, 23, 6, 7))
    net.conv(xi, net.view(buffer, (2, 18, 6, 7), strides, 5), wb)
    net.conv(xi, net.view(buffer, (2, 5, 6, 7), strides, 0), wa)
    net.output(joined)
    (found,) = net.run(threads=2)
    wanted = oracle("Conv", [x, np.concatenate([wa, wb])], {}, None)
    assert abs(found - wanted).max() <= 8 * EPS * 3 * abs(x).max() * max(abs(wa).max(), abs(wb).max())


def test_forced_algorithm_must_exist_and_apply() -> None:
    net = Net()
    y = net.image((1, 4, 5, 5))
    net.conv(
        net.image_input(np.ones((1, 4, 5, 5), np.float32)), y, np.ones((4, 4, 3, 3), np.float32), pads=[1, 1, 1, 1]
    )
    net.output(y)
    with pytest.raises(_core.CoreError, match="there is no algorithm quantum") as error:
        net.prepare(algorithms={"*": "quantum"})
    assert error.value.kind == "value"
    with pytest.raises(_core.CoreError, match="depthwise applies nowhere"):
        net.prepare(algorithms={"*": "depthwise"})
    report = {row["name"]: row for row in net.prepare(algorithms={"*": "im2col"}).report()}
    assert report["conv1"]["algorithm"] == "im2col"
    assert report["conv1"]["why"] == "asked for"
    assert report["conv1"]["refused"]["pointwise"] == "the window has more than one tap"


def test_threads_do_not_change_a_bit() -> None:
    rng = np.random.default_rng(1)
    x = rng.standard_normal((1, 37, 19, 23)).astype(np.float32)
    for w, groups in ((rng.standard_normal((70, 37, 3, 3)), 1), (rng.standard_normal((37, 1, 3, 3)), 37)):
        net = Net()
        y = net.image((1, w.shape[0], 19, 23))
        net.conv(net.image_input(x), y, w.astype(np.float32), pads=[1, 1, 1, 1], groups=groups)
        net.output(y)
        results = [net.run(threads=threads)[0] for threads in (1, 2, 3)]
        assert all(np.array_equal(results[0], result) for result in results[1:])
