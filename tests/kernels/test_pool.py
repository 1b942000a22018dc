"""The pool room's NHWC rows: every row against the float64 reference; the reference against onnxruntime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fastinfer import _core
from guarded import guarded, guarded_start
from kernel_rows import EPS, F32, Array, Row, assert_within, edge_sizes, rows_of, ulp

WINDOW = {"kernel": (3, 2), "strides": (2, 1), "dilations": (1, 2), "pads": (1, 0, 2, 1)}

each_row = rows_of("pool", planar=False)


def image(rng: np.random.Generator, *shape: int) -> Array:
    return np.asarray(rng.standard_normal(shape).astype(F32))


def output_size(size: tuple[int, int], window: dict[str, Any], ceil_mode: bool = False) -> tuple[int, int]:
    """ONNX: a last window that would begin in the end's padding is dropped."""
    out = []
    for i in range(2):
        step, pads = window["strides"][i], window["pads"]
        room = size[i] + pads[i] + pads[i + 2] - window["dilations"][i] * (window["kernel"][i] - 1) - 1
        n = -(-room // step) + 1 if ceil_mode else room // step + 1
        out.append(n - 1 if ceil_mode and (n - 1) * step >= size[i] + pads[i] else n)
    return out[0], out[1]


def tolerance(x: Array, y: Array, arguments: dict[str, Any]) -> Array | float:
    """max is exact. Sums err by eps/2 per addition of a row and per row; then a quotient, a root or a power, and lp's
    terms round once before. |x| is bounded by its maximum; p-norms of n elements are at most n times that.
    """
    if arguments["kind"] == "max":
        return 0.0
    rows, cols = arguments["kernel"]
    largest = float(np.abs(x).max(initial=0))
    terms = 1 if arguments["kind"] == "average" else rows * cols
    return (rows + cols + 3) * EPS / 2 * largest * terms + ulp(y)


def check(row: Row, x: Array, y: Array, **arguments: Any) -> None:
    arguments = {"kind": row["kind"], **arguments}
    expected = _core.run_reference("pool", x=x, y=y, **arguments)
    _core.run_kernel(row["name"], x=x, y=y, **arguments)
    assert_within(y, expected, tolerance(x, expected, arguments))


@each_row
@pytest.mark.parametrize("count_include_pad", [False, True])
def test_channels_at_the_edges_of_vectors(row: Row, count_include_pad: bool) -> None:
    rng = np.random.default_rng(0)
    for channels in edge_sizes(row):
        x = image(rng, 2, 5, 6, channels)
        for guard in (guarded, guarded_start):
            y = guard(np.zeros((2, *output_size((5, 6), WINDOW), channels), F32))
            check(row, guard(x), y, count_include_pad=count_include_pad, **WINDOW)


def draw_window(data: st.DataObject, most: int) -> tuple[tuple[int, int], dict[str, Any], tuple[int, int]]:
    """The size of a picture, at most so many rows and columns; a window; the size of what it makes."""
    pair = lambda low, high: st.tuples(st.integers(low, high), st.integers(low, high))  # noqa: E731
    kernel, size = data.draw(pair(1, 5), "kernel"), data.draw(pair(1, most), "size")
    window = {
        "kernel": kernel,
        "strides": data.draw(pair(1, 4), "strides"),
        "dilations": data.draw(pair(1, 3), "dilations"),
        "pads": tuple(data.draw(st.integers(0, k - 1), "pad") for k in kernel * 2),
    }
    out = output_size(size, window, data.draw(st.booleans(), "ceil_mode"))
    assume(min(out) > 0)
    return size, window, out


@rows_of("pool", tier="scalar", planar=False)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_windows(row: Row, data: st.DataObject) -> None:
    size, window, out = draw_window(data, 12)
    x = guarded(image(np.random.default_rng(1), 1, *size, 3))
    y = guarded(np.full((1, *out, 3), np.nan, F32))
    p = data.draw(st.sampled_from([1, 2, 3]), "p")
    check(row, x, y, count_include_pad=data.draw(st.booleans(), "include"), p=p, **window)


@each_row
def test_slices_of_channels_and_rows(row: Row) -> None:
    """x and y lie in wider pixels; what is beside them (NaN) neither changes nor matters. Rows are independent."""
    rng = np.random.default_rng(2)
    x, (height, width) = image(rng, 2, 7, 9, 21), output_size((7, 9), WINDOW)
    whole = np.zeros((2, height, width, 21), F32)
    _core.run_kernel(row["name"], x=x, y=whole, **WINDOW)
    wide_x = np.full((2, 7, 9, 40), np.nan, F32)
    wide_y = np.full((2, height, width, 33), np.nan, F32)
    wide_x[..., 5:26] = x
    _core.run_kernel(row["name"], x=wide_x[..., 5:26], y=wide_y[..., 3:24], rows=(1, height - 1), **WINDOW)
    np.testing.assert_array_equal(wide_y[:, 1:-1, :, 3:24], whole[:, 1:-1])
    wide_y[:, 1:-1, :, 3:24] = np.nan
    assert np.isnan(wide_y).all()


@each_row
def test_nan_and_infinity(row: Row) -> None:
    """A NaN reaches exactly the windows that contain it, from any tap; infinities are ordinary for max."""
    for tap in range(9):
        x = np.zeros((1, 3, 3, 1), F32)
        x.reshape(-1)[tap] = np.nan
        y = np.zeros((1, 2, 1, 1), F32)
        _core.run_kernel(row["name"], x=x, y=y, kernel=(2, 3))
        assert np.isnan(y[0, :, 0, 0]).tolist() == [tap < 6, tap >= 3]
    if row["kind"] == "max":
        x = np.array([-np.inf, -np.inf, np.inf, 1], F32).reshape(1, 1, 4, 1)
        y = np.zeros((1, 1, 3, 1), F32)
        _core.run_kernel(row["name"], x=x, y=y, kernel=(1, 2))
        assert y.ravel().tolist() == [-np.inf, np.inf, np.inf]


@each_row
def test_windows_without_taps(row: Row) -> None:
    x, y = np.ones((1, 1, 1, 5), F32), np.full((1, 3, 1, 5), np.nan, F32)
    check(row, x, y, kernel=(1, 1), pads=(1, 0, 1, 0), strides=(1, 1), count_include_pad=False)
    outside = -np.inf if row["kind"] == "max" else 0.0
    assert (y[0, ::2] == outside).all() and (y[0, 1] == 1).all()


@each_row
@pytest.mark.parametrize("shape", [(2, 7, 7, 37), (1, 1, 1, 3), (1, 65, 40, 16), (2, 300, 90, 3), (1, 3, 5, 9000)])
def test_global(row: Row, shape: tuple[int, ...]) -> None:
    """By chunks, in any order. Errors: additions along a row, rows of a chunk, chunks: each eps/2 of a partial sum."""
    if row["kind"] == "lp":
        with pytest.raises(_core.CoreError):
            _core.run_kernel(row["name"], x=np.zeros(shape, F32), y=np.zeros((shape[0], shape[3]), F32), global_pool=1)
        return
    x = guarded(image(np.random.default_rng(3), *shape))
    y = guarded(np.zeros((shape[0], shape[3]), F32))
    _core.run_kernel(row["name"], x=x, y=y, global_pool=1)
    wide = x.astype(np.float64)
    expected = wide.max((1, 2)) if row["kind"] == "max" else wide.mean((1, 2))
    roundings = shape[1] + shape[2] + 2
    assert_within(y, expected, 0.0 if row["kind"] == "max" else roundings * EPS / 2 * np.abs(wide).mean((1, 2)))


@pytest.mark.parametrize(("kind", "count_include_pad"), [("max", 0), ("average", 0), ("average", 1)])
@pytest.mark.parametrize("ceil_mode", [0, 1])
def test_the_reference_is_onnxruntimes(kind: str, ceil_mode: int, count_include_pad: int) -> None:
    """Windows that hang over the padded image in both directions, a dilated one among them."""
    onnx, ort = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    x = image(np.random.default_rng(4), 1, 9, 8, 2)
    for dilations in ((1, 1), (2, 1)):
        window = {"kernel": (3, 3), "strides": (3, 2), "dilations": dilations, "pads": (1, 1, 1, 1)}
        attributes = {"ceil_mode": ceil_mode, "strides": (3, 2), "dilations": dilations, "pads": (1, 1, 1, 1)}
        if kind == "average":
            attributes["count_include_pad"] = count_include_pad
        name = {"max": "MaxPool", "average": "AveragePool"}[kind]
        node = onnx.helper.make_node(name, ["x"], ["y"], kernel_shape=(3, 3), **attributes)
        info = [onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [None] * 4) for n in "xy"]
        graph = onnx.helper.make_graph([node], "g", info[:1], info[1:])
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 19)], ir_version=9)
        session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        expected = session.run(None, {"x": x.transpose(0, 3, 1, 2)})[0].transpose(0, 2, 3, 1)
        assert expected.shape[1:3] == output_size((9, 8), window, bool(ceil_mode))
        y = np.zeros(expected.shape, F32)
        got = _core.run_reference("pool", x=x, y=y, kind=kind, count_include_pad=count_include_pad, **window)
        np.testing.assert_allclose(expected, got, rtol=0, atol=12 * EPS * float(np.abs(x).max()))


@pytest.mark.parametrize(
    "arguments", [{"kernel": (0, 1)}, {"strides": (1, 0)}, {"pads": (0, 0, -1, 0)}, {"kernel": (1, 2, 3)}]
)
def test_refusals(arguments: dict[str, Any]) -> None:
    with pytest.raises(_core.CoreError):
        _core.run_kernel(
            "pool_f32_max__scalar", x=np.zeros((1, 2, 2, 1), F32), y=np.zeros((1, 2, 2, 1), F32), **arguments
        )
