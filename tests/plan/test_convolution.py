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
WINOGRAD = ("winograd_f23", "winograd_f43", "winograd_f63")
ALGORITHMS = ("depthwise", "grouped", "pointwise", "direct", "indirect", "im2col", "mec", *WINOGRAD, "fft")


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


def fft_error(x: Array, w: Array, inputs_axis: int) -> float:
    """The room's own bound, whatever the tile: the norm of one is at most the whole input's."""
    roundings = _core.run_reference("fft_bounds", t=64, inputs=w.shape[inputs_axis])["roundings"]
    norm = np.sqrt(np.square(x, dtype=float).sum(axis=(2, 3)).max())
    return float(roundings * 2.0**-24 * norm * abs(w).sum(axis=(2, 3)).sum(axis=inputs_axis).max())


def transform_error(algorithm: str, x: Array, w: Array, inputs_axis: int = 1) -> float:
    """What the transforms may add to `bound`: the room's own bound; 0 for other algorithms."""
    if algorithm == "fft":
        return fft_error(x, w, inputs_axis)
    if algorithm not in WINOGRAD:
        return 0.0
    m = int(algorithm[-2])
    share = _core.run_reference("winograd_bounds", m=m, inputs=w.shape[inputs_axis])["error_bound"]
    return float(share * abs(x).max() * abs(w).max(axis=(2, 3)).sum(axis=inputs_axis).max())


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


def check(
    c: dict[str, Any],
    transposed: bool = False,
    dynamic: bool = False,
    planar: bool = False,
    places: list[int] | None = None,
) -> None:
    rng = np.random.default_rng(c["seed"])
    spare = 4 if transposed else 0  # so that the pads leave something of the output
    size = [n + spare for n in c["size"]]
    channels = c["inputs"] if places is None else max(places) + 1
    x = rng.standard_normal((c["batch"], channels, *size)).astype(np.float32)
    if transposed:
        w = rng.standard_normal((c["inputs"], c["outputs"] // c["groups"], *c["kernel"])).astype(np.float32)
    else:
        w = rng.standard_normal((c["outputs"], c["inputs"] // c["groups"], *c["kernel"])).astype(np.float32)
    b = rng.standard_normal(c["outputs"]).astype(np.float32)
    op = "ConvTranspose" if transposed else "Conv"
    common = {name: list(c[name]) for name in ("strides", "dilations", "pads")}
    node = {**common, "group": c["groups"], "kernel_shape": list(c["kernel"])}
    if places is not None:
        node["places"] = places
    shape = oracle(op, [x, w, b], node, None).shape
    residual = rng.standard_normal(shape).astype(np.float32) if c["residual"] and not transposed else None
    arrays = [x, w, b] if residual is None else [x, w, b, residual]
    wanted = oracle(op, list(arrays), node, c["activation"])
    tolerance = bound(op, x, w, b, residual, node)

    net = Net()
    xi = net.input(x) if planar else net.image_input(x)
    ri = -1 if residual is None else net.image_input(residual)
    y = net.image(shape, pixel=shape[1] + c["gap"])
    attributes = {**common, "groups": c["groups"], "places": places or [], **activation_attributes(c["activation"])}
    step = "conv_transpose" if transposed else "conv"
    if dynamic:
        net.step(step, [xi, ri, net.input(w), net.input(b)], [y], [None, None], name="it", **attributes)
    else:
        net.conv(xi, y, w, b, ri, name="it", **attributes)
        net.program.steps[-1].op = step
    net.output(y)
    free = net.prepare()
    (found,) = net.run_plan(free)
    report = next(row for row in free.report() if row["name"] == "it")
    assert report["algorithm"] in ALGORITHMS
    more = {name: transform_error(name, x, w, 0 if transposed else 1) for name in ALGORITHMS}
    assert (abs(found - wanted) <= tolerance + more[report["algorithm"]]).all()
    refused = report["refused"]
    for algorithm in ALGORITHMS:
        possible = algorithm == report["algorithm"] or refused[algorithm].startswith("estimated slower")
        if not possible or (transposed and algorithm != report["algorithm"]):
            continue
        (forced,) = net.run(algorithms={"it": algorithm}, threads=2)
        assert (abs(forced - wanted) <= tolerance + more[algorithm]).all(), algorithm


@given(convolutions())
@settings(max_examples=60, deadline=None)
def test_conv(c: dict[str, Any]) -> None:
    check(c)


@given(convolutions())
@settings(max_examples=60, deadline=None)
def test_conv_of_planar_channels(c: dict[str, Any]) -> None:
    check({**c, "groups": 1, "inputs": 1 + c["seed"] % 6}, planar=True)


@given(convolutions(), st.booleans(), st.booleans(), st.data())
@settings(max_examples=60, deadline=None)
def test_conv_of_channels_at_places(c: dict[str, Any], window: bool, planar: bool, data: st.DataObject) -> None:
    pointwise = {} if window else {"kernel": (1, 1), "strides": (1, 1), "dilations": (1, 1), "pads": (0, 0, 0, 0)}
    place = st.integers(0, c["inputs"] + data.draw(st.integers(0, 5)) - 1)
    places = data.draw(
        st.lists(place, min_size=c["inputs"], max_size=c["inputs"])
        | st.permutations(range(c["inputs"]))
        | st.integers(0, 3).map(lambda start: list(range(start, start + c["inputs"])))
    )
    check({**c, **pointwise}, planar=planar, places=places)


@pytest.mark.parametrize("places", [[0, 1, 6, 2], [3, -1, 0, 1], [0, 1, 2, 1 << 40]])
def test_a_place_beyond_the_channels(places: list[int]) -> None:
    net = Net()
    y = net.image((1, 4, 3, 3))
    net.conv(net.image_input(np.zeros((1, 6, 3, 3), np.float32)), y, np.zeros((4, 4, 1, 1), np.float32), places=places)
    net.output(y)
    with pytest.raises(_core.CoreError, match="a place is none of the input's channels"):
        net.prepare()


def test_the_plan_tells_of_places() -> None:
    net = Net()
    x = np.zeros((1, 6, 3, 3), np.float32)
    y = net.image((1, 8, 3, 3))
    net.conv(net.image_input(x), y, np.ones((8, 3, 1, 1), np.float32), name="it", places=[5, 0, 2])
    net.output(y)
    (row,) = [row for row in net.prepare().report() if row["name"] == "it"]
    assert row["algorithm"] == "pointwise" and row["why"].endswith("; reads 3 of 6 channels through places")
    assert row["bytes"] == 4 * (3 * 9 + 8 * 9 + 24)


@given(convolutions())
@settings(max_examples=10, deadline=None)
def test_conv_of_planar_channels_with_weights_of_the_run(c: dict[str, Any]) -> None:
    check(c, dynamic=True, planar=True)


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


@pytest.mark.parametrize(
    ("algorithm", "groups"), [("depthwise", 4), ("grouped", 2), ("indirect", 4), ("im2col", 4), ("mec", 4)]
)
def test_infinity_stays_in_its_group(algorithm: str, groups: int) -> None:
    """Padding and neighbouring groups are not multiplied by zero: an infinity would make NaN of it."""
    inside = 4 // groups  # channels of a group
    x = np.ones((1, 4, 5, 5), np.float32)
    x[0, inside] = np.inf
    w = np.ones((4, inside, 3, 3), np.float32)
    net = Net()
    y = net.image((1, 4, 5, 5))
    net.conv(net.image_input(x), y, w, pads=[1, 1, 1, 1], groups=groups)
    net.output(y)
    (found,) = net.run(algorithms={"*": algorithm})
    infinite = np.arange(4) // inside == 1
    assert np.isposinf(found[0, infinite]).all()
    assert np.isfinite(found[0, ~infinite]).all()


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
    assert (error.value.kind, error.value.node) == ("argument", "")
    assert "winograd_f43" in error.value.reason
    with pytest.raises(_core.CoreError, match="depthwise applies nowhere"):
        net.prepare(algorithms={"*": "depthwise"})
    report = {row["name"]: row for row in net.prepare(algorithms={"*": "im2col"}).report()}
    assert report["conv1"]["algorithm"] == "im2col"
    assert report["conv1"]["why"] == "asked for"
    assert report["conv1"]["refused"]["pointwise"] == "the window has more than one tap"


@st.composite
def tiled(draw: st.DrawFn) -> dict[str, Any]:
    """Convolutions that Winograd takes."""
    plain = {"groups": 1, "kernel": (3, 3), "strides": (1, 1), "dilations": (1, 1)}
    return {**draw(convolutions()), **plain, "size": draw(st.tuples(st.integers(3, 15), st.integers(3, 15)))}


@given(tiled())
@settings(max_examples=40, deadline=None)
def test_winograd(c: dict[str, Any]) -> None:
    check(c)


@given(tiled())
@settings(max_examples=15, deadline=None)
def test_winograd_of_a_flipped_filter(c: dict[str, Any]) -> None:
    check(c, transposed=True)


def one_convolution(x: Array, w: Array, pads: int = 1, **attributes: Any) -> Net:
    net = Net()
    size = [n + 2 * pads - 2 for n in x.shape[2:]]
    y = net.image((x.shape[0], w.shape[0], *size))
    net.conv(net.image_input(x), y, w, pads=[pads] * 4, **attributes)
    net.output(y)
    return net


@pytest.mark.parametrize("algorithm", WINOGRAD)
def test_winograd_is_the_same_on_every_number_of_threads(algorithm: str) -> None:
    """Few tiles (threads take columns), and several blocks of them."""
    rng = np.random.default_rng(2)
    for size, inputs, outputs in ((9, 20, 150), (40, 3, 20)):
        x = rng.standard_normal((2, inputs, size, size + 3)).astype(np.float32)
        net = one_convolution(x, rng.standard_normal((outputs, inputs, 3, 3)).astype(np.float32))
        results = [net.run(threads=threads, algorithms={"*": algorithm})[0] for threads in (1, 2, 3)]
        assert all(np.array_equal(results[0], result) for result in results[1:])


def test_winograd_is_chosen_where_it_gains() -> None:
    """In the middle of a network, but not where the weights are read for a handful of tiles, nor beyond its error."""
    x = np.zeros((1, 256, 28, 28), np.float32)
    w = np.zeros((256, 256, 3, 3), np.float32)
    row = one_convolution(x, w).prepare().report()[1]
    assert row["algorithm"] in WINOGRAD
    assert row["refused"]["indirect"].startswith("estimated slower")
    row = one_convolution(x[:, :, :2, :2], w).prepare().report()[1]
    assert row["algorithm"] not in WINOGRAD
    deep = np.zeros((16, 1024, 3, 3), np.float32)
    row = one_convolution(np.zeros((1, 1024, 6, 6), np.float32), deep).prepare().report()[1]
    assert row["refused"]["winograd_f63"].startswith("an error of")
    forced = one_convolution(x, w).prepare(algorithms={"*": "winograd_f63"}).report()[1]
    assert (forced["algorithm"], forced["why"]) == ("winograd_f63", "asked for")
    assert forced["kernel"].startswith("winograd_f32_f63__")


@pytest.mark.parametrize(("inputs", "reason"), [(256, ""), (512, "an error of 2.7e-05 is to be expected, over 2e-05")])
def test_the_error_to_be_expected_decides_on_f63(inputs: int, reason: str) -> None:
    x, w = np.zeros((1, inputs, 6, 6), np.float32), np.zeros((16, inputs, 3, 3), np.float32)
    net = one_convolution(x, w)
    row = net.prepare().report()[1]
    expected = [_core.run_reference("winograd_bounds", m=m, inputs=inputs)["expected_error"] for m in (2, 4, 6)]
    assert row["errors"] == dict(zip(WINOGRAD, expected, strict=True))
    assert ("winograd_f63" in row["candidates"]) is (reason == "") is (expected[2] <= 2e-5)
    assert reason in row["refused"].get("winograd_f63", "")
    tuned = net.prepare(tuned={1: ("winograd_f63", "timed")}).report()[1]  # not by being the fastest either
    assert (tuned["algorithm"] == "winograd_f63") is (reason == "")


def test_winograd_says_why_it_is_refused() -> None:
    def reason(shape: tuple[int, ...], **attributes: Any) -> str:
        x = np.zeros((1, 4, 5, 5), np.float32)
        net = Net()
        size = (3, 3) if attributes.get("strides") else (1, 1) if attributes.get("dilations") else (5, 5)
        y = net.image((1, shape[0], *size))
        pads = [0] * 4 if attributes.get("dilations") else [shape[2] // 2] * 4
        net.conv(net.image_input(x), y, np.zeros(shape, np.float32), pads=pads, **attributes)
        net.output(y)
        return str(net.prepare().report()[1]["refused"]["winograd_f43"])

    assert reason((4, 4, 5, 5)) == "the window is not 3x3"
    assert reason((4, 4, 3, 3), strides=[2, 2]) == "a stride skips pixels"
    assert reason((4, 4, 3, 3), dilations=[2, 2]) == "the window is dilated"
    assert reason((4, 2, 3, 3), groups=2) == "the channels are grouped"


def test_inputs_beyond_32_bit_offsets() -> None:
    """Nothing is allocated: the picture is the caller's, the output one pixel in 64."""
    size = 20_000  # squared, 2 channels of 4 bytes: 3.2 GB
    net = Net()
    x = net.view(net.buffer("input", 8 * size * size, 0), (1, 2, size, size), nhwc((1, 2, size, size)))
    y = net.image((1, 2, size // 64, size // 64))
    net.conv(x, y, np.ones((2, 2, 3, 3), np.float32), strides=[64, 64], name="it")
    report = net.prepare().report()[0]
    assert report["refused"]["indirect"] == "the input is over 2 GiB, beyond 32-bit offsets"
    assert report["algorithm"] == "im2col"
