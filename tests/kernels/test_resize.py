"""The resize room: kernels against the float64 sums, and the tables of taps against onnxruntime and the oracle."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fastinfer import _core
from fastinfer.graph.ir import Node
from fastinfer.reference import evaluate
from guarded import guarded, guarded_start
from kernel_rows import EPS, F32, Array, Row, assert_within, edge_sizes, rows_of, ulp

COORDINATES = [
    "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric",
    "tf_half_pixel_for_nn", "tf_crop_and_resize",
]  # fmt: skip
NEAREST = ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]
ROI = (0.1, -0.2, 0.8, 1.1)  # start h, start w, end h, end w


def image(seed: int, *shape: int) -> Array:
    return np.asarray(np.random.default_rng(seed).standard_normal(shape).astype(F32))


def out_size(size: tuple[int, int], scales: tuple[float, float]) -> tuple[int, int]:
    return int(F32(size[0]) * F32(scales[0])), int(F32(size[1]) * F32(scales[1]))


def tolerance(x: Array, y: Array, arguments: dict[str, Any]) -> Array | float:
    """A copy is exact. A sum of t taps rounds t times along each axis, by eps/2 of at most sum |w| |x|; weights of a
    cubic sum to less than 1.5 in magnitude along an axis, 4 where taps outside are excluded.
    """
    if arguments["mode"] == "nearest":
        return 0.0
    weight = 1.0 if arguments["mode"] == "linear" else 16.0 if arguments.get("exclude_outside") else 2.25
    scale = min(*arguments["scales"], 1) if arguments.get("antialias") else 1
    taps = 2 * np.ceil((1 if arguments["mode"] == "linear" else 2) / scale)
    return (2 * taps + 1) * EPS / 2 * weight * float(np.abs(x).max()) + ulp(y)


def run(name: str, x: Array, y: Array, **arguments: Any) -> Array:
    return np.asarray(_core.run_kernel(name, x=x, y=y, **arguments))


MODES: list[dict[str, Any]] = [
    {"mode": "nearest", "nearest_mode": "floor"},
    {"mode": "linear"},
    {"mode": "linear", "antialias": 1},
    {"mode": "cubic", "coordinate_mode": "align_corners"},
    {"mode": "cubic", "exclude_outside": 1},
    {"mode": "linear", "coordinate_mode": "tf_crop_and_resize", "roi": ROI, "extrapolation_value": 7.0},
]


@rows_of("resize")
def test_channels_at_the_edges_of_vectors(row: Row) -> None:
    modes = [arguments for arguments in MODES if (arguments["mode"] == "nearest") == (row["function"] == "nearest")]
    for arguments, scales, channels in itertools.product(modes, ((2.0, 1.5), (0.4, 0.75)), edge_sizes(row)):
        x, out = image(0, 2, 5, 4, channels), out_size((5, 4), scales)
        for guard in (guarded, guarded_start):
            y = guard(np.full((2, *out, channels), np.nan, F32))
            run(row["name"], guard(x), y, scales=scales, **arguments)
            expected = _core.run_reference("resize", x=x, y=y, scales=scales, **arguments)
            assert_within(y, expected, tolerance(x, expected, {"scales": scales, **arguments}))


@rows_of("resize")
def test_slices_of_channels_and_rows(row: Row) -> None:
    """x and y lie in wider pixels; what is beside them (NaN) neither changes nor matters. Rows are independent."""
    mode = "nearest" if row["function"] == "nearest" else "linear"
    x, whole = image(1, 2, 5, 6, 21), np.zeros((2, 9, 13, 21), F32)
    run(row["name"], x, whole, mode=mode)
    wide_x, wide_y = np.full((2, 5, 6, 40), np.nan, F32), np.full((2, 9, 13, 33), np.nan, F32)
    wide_x[..., 5:26] = x
    run(row["name"], wide_x[..., 5:26], wide_y[..., 3:24], mode=mode, rows=(2, 7))
    np.testing.assert_array_equal(wide_y[:, 2:7, :, 3:24], whole[:, 2:7])
    wide_y[:, 2:7, :, 3:24] = np.nan
    assert np.isnan(wide_y).all()


@rows_of("resize", function="taps")
def test_neighbours_of_weight_zero_are_not_read(row: Row) -> None:
    """0 * Inf would be NaN: pixels that coincide with the source's are its copies."""
    x = image(2, 1, 3, 3, 5)
    x[0, 1, 1, 2] = np.inf
    y = np.zeros((1, 5, 5, 5), F32)
    for mode in ("linear", "cubic"):
        run(row["name"], x, y, mode=mode, coordinate_mode="align_corners")
        np.testing.assert_array_equal(y[:, ::2, ::2], x)


@settings(max_examples=200, deadline=None)
@given(
    data=st.data(),
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    scales=st.tuples(st.sampled_from([0.25, 0.5, 0.6, 0.8, 1.0, 1.3, 2.0, 2.5, 3.0]), st.floats(0.25, 3, width=32)),
    mode=st.sampled_from(["nearest", "linear", "cubic"]),
)
def test_the_taps_are_the_oracles(
    data: st.DataObject, size: tuple[int, int], scales: tuple[float, float], mode: str
) -> None:
    """Against python/fastinfer/reference, which interpolates by matrices; the room's weights are rounded to float32."""
    out = out_size(size, scales)
    assume(min(out) > 0)
    coordinate = data.draw(st.sampled_from(COORDINATES), "coordinate_mode")
    nearest = data.draw(st.sampled_from(NEAREST), "nearest_mode")
    crops = coordinate == "tf_crop_and_resize"
    exclude = 0 if mode == "nearest" else data.draw(st.integers(0, 1), "exclude_outside")
    antialias = 0 if mode == "nearest" or crops else data.draw(st.integers(0, 1), "antialias")
    x, y = image(3, 1, *size, 2), np.zeros((1, *out, 2), F32)
    arguments = {
        "mode": mode, "nearest_mode": nearest, "exclude_outside": exclude, "antialias": antialias,
        "extrapolation_value": 7.0,
    }  # fmt: skip
    node = Node(
        "Resize", ["x", "roi", "scales"], ["y"],
        {**arguments, "coordinate_transformation_mode": coordinate, "cubic_coeff_a": -0.75,
         "keep_aspect_ratio_policy": "stretch"},
    )  # fmt: skip
    roi = np.array([0, *ROI[:2], 0, 1, *ROI[2:], 1], F32)
    factors, sizes = np.array([1, *scales, 1], F32), np.array([1, *out, 2])
    wanted = [None, sizes] if crops else [factors]  # scales would be of the crop
    expected = evaluate(node, [x.astype(np.float64), roi, *wanted])[0]
    got = _core.run_reference("resize", x=x, y=y, scales=scales, roi=ROI, coordinate_mode=coordinate, **arguments)
    limit = {"mode": mode, "scales": scales, "exclude_outside": exclude, "antialias": antialias}
    assert_within(got.astype(F32), expected, tolerance(x, expected, limit))


def onnxruntime_resize(x: Array, scales: tuple[float, float], **attributes: Any) -> Array:
    onnx, ort = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    helper, float32 = onnx.helper, onnx.TensorProto.FLOAT
    roi = [0, 0, *ROI[:2], 1, 1, *ROI[2:]]
    constants = [
        helper.make_tensor("roi", float32, [8], roi),
        helper.make_tensor("scales", float32, [4], [1, 1, *scales]),
    ]
    node = helper.make_node("Resize", ["x", "roi", "scales"], ["y"], **attributes)
    info = [helper.make_tensor_value_info(n, float32, [None] * 4) for n in "xy"]
    graph = helper.make_graph([node], "g", info[:1], info[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"x": x.transpose(0, 3, 1, 2)})[0]).transpose(0, 2, 3, 1)


@pytest.mark.parametrize("coordinate", COORDINATES)
@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
def test_agrees_with_onnxruntime(mode: str, coordinate: str) -> None:
    """Nearest neighbours exactly, at ties too. An axis of scale 1 is not cropped there, so none has it here."""
    x = image(4, 1, 6, 7, 2)
    for scales in ((2.0, 3.0), (1.25, 0.5), (0.5, 2.5)):
        for nearest in NEAREST if mode == "nearest" else NEAREST[:1]:
            y = np.zeros((1, *out_size((6, 7), scales), 2), F32)
            name = f"resize_f32_{'nearest' if mode == 'nearest' else 'taps'}__scalar"
            shared = {"mode": mode, "nearest_mode": nearest, "extrapolation_value": 7.0}
            run(name, x, y, coordinate_mode=coordinate, scales=scales, roi=ROI, **shared)
            expected = onnxruntime_resize(x, scales, coordinate_transformation_mode=coordinate, **shared)
            # Its weights are computed in float32 too: a few roundings more.
            limit = 3 * np.asarray(tolerance(x, expected, {"mode": mode, "scales": scales}))
            assert_within(y, expected.astype(np.float64), limit)


@pytest.mark.parametrize(
    "arguments",
    [{"mode": "area"}, {"coordinate_mode": "corner"}, {"scales": (0.0, 1.0)}, {"scales": (1.0, float("nan"))},
     {"scales": (1.0,)}, {"roi": (0.0, 0.0, float("inf"), 1.0)}, {"mode": "linear"}],
)  # fmt: skip
def test_refusals(arguments: dict[str, Any]) -> None:
    x = np.zeros((1, 2, 2, 1), F32)
    with pytest.raises(_core.CoreError):
        run("resize_f32_nearest__scalar", x, np.zeros((1, 4, 4, 1), F32), **arguments)
