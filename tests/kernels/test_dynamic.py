"""Operators whose output size depends on data."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastinfer import _core
from strided_views import DTYPES, Array, random_array, seeds, shapes, view

pytestmark = pytest.mark.portable


@settings(max_examples=80, deadline=None)
@given(st.data(), shapes.filter(len), st.sampled_from(DTYPES), seeds)
def test_nonzero(data: st.DataObject, shape: tuple[int, ...], dtype: Any, seed: int) -> None:
    values = random_array(seed, shape, dtype)
    values[np.random.default_rng(seed).random(shape) < 0.5] = 0
    x = view(data, values)
    (y,) = _core.run_dynamic("nonzero", [x], {})
    np.testing.assert_array_equal(y, np.stack(np.nonzero(x)))
    assert y.dtype == np.int64


def test_nonzero_of_a_scalar_has_no_coordinates() -> None:
    assert _core.run_dynamic("nonzero", [np.array(3.0)], {})[0].shape == (0, 1)
    assert _core.run_dynamic("nonzero", [np.array(0.0)], {})[0].shape == (0, 0)


@settings(max_examples=80, deadline=None)
@given(st.data(), shapes.filter(len), st.sampled_from(DTYPES), seeds)
def test_compress(data: st.DataObject, shape: tuple[int, ...], dtype: Any, seed: int) -> None:
    x = view(data, random_array(seed, shape, dtype))
    axis = data.draw(st.none() | st.integers(0, len(shape) - 1), "axis")
    longest = x.size if axis is None else shape[axis]
    condition = random_array(seed, (data.draw(st.integers(0, longest)),), np.bool_)
    (y,) = _core.run_dynamic("compress", [x, condition], {} if axis is None else {"axis": axis})
    np.testing.assert_array_equal(y, np.compress(condition, x, axis=axis))
    assert y.dtype == x.dtype


def onnxruntime_nms(boxes: Array, scores: Array, attributes: dict[str, Any]) -> Array:
    """NonMaxSuppression of onnxruntime."""
    onnxruntime = pytest.importorskip("onnxruntime")
    scalars = {
        "count": np.array([attributes["max_output_boxes_per_class"]], np.int64),
        "iou": np.array([attributes["iou_threshold"]], np.float32),
    }
    if "score_threshold" in attributes:
        scalars["score"] = np.array([attributes["score_threshold"]], np.float32)
    names = ["boxes", "scores", *scalars]
    node = onnx.helper.make_node("NonMaxSuppression", names, ["y"], center_point_box=attributes["center_point_box"])
    inputs = [onnx.helper.make_tensor_value_info(n, 1, a.shape) for n, a in (("boxes", boxes), ("scores", scores))]
    outputs = [onnx.helper.make_tensor_value_info("y", 7, [None, 3])]
    weights = [onnx.numpy_helper.from_array(a, n) for n, a in scalars.items()]
    graph = onnx.helper.make_graph([node], "nms", inputs, outputs, weights)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 11)], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"boxes": boxes, "scores": scores})[0])


@settings(max_examples=60, deadline=None)
@given(st.data(), seeds, st.integers(1, 2), st.integers(1, 3), st.integers(1, 40), st.booleans())
def test_non_max_suppression_selects_what_onnxruntime_selects(
    data: st.DataObject, seed: int, batches: int, classes: int, n: int, center: bool
) -> None:
    rng = np.random.default_rng(seed)
    boxes = rng.random((batches, n, 4)).astype(np.float32)  # corners in any order
    scores = (rng.integers(0, 10, (batches, classes, n)) / 10).astype(np.float32)  # many equals
    attributes = {
        "center_point_box": int(center),
        "max_output_boxes_per_class": data.draw(st.integers(0, 10)),
        "iou_threshold": data.draw(st.sampled_from([0.0, 0.1, 0.5, 1.0])),
    }
    if data.draw(st.booleans()):
        attributes["score_threshold"] = data.draw(st.sampled_from([0.0, 0.35, 0.5, 0.95]))
    (y,) = _core.run_dynamic("non_max_suppression", [view(data, boxes), view(data, scores)], attributes)
    np.testing.assert_array_equal(y, onnxruntime_nms(boxes, scores, attributes))


def test_empty_and_equal_boxes() -> None:
    boxes = np.array([[[0, 0, 0, 0], [0, 0, 1, 1], [1, 1, 0, 0], [0, 0, 0, 0]]], np.float32)
    scores = np.array([[[4, 3, 2, 1]]], np.float32)
    attributes = {"max_output_boxes_per_class": 4, "iou_threshold": 0.5}
    (y,) = _core.run_dynamic("non_max_suppression", [boxes, scores], attributes)
    np.testing.assert_array_equal(
        y[:, 2], [0, 1, 3]
    )  # the flipped corners are box 1 again; empty boxes overlap nothing


@pytest.mark.parametrize(
    ("op", "arrays", "kind"),
    [
        ("sort", [np.zeros(3), np.zeros(3)], "unsupported"),
        ("nonzero", [np.zeros(3), np.zeros(3)], "value"),
        ("compress", [np.zeros(3), np.zeros(4, np.bool_)], "shape"),
        ("compress", [np.zeros(3), np.zeros(3)], "dtype"),
        ("non_max_suppression", [np.zeros((1, 2, 4), np.float32), np.zeros((1, 1, 3), np.float32)], "shape"),
    ],
)
def test_refusals(op: str, arrays: list[Array], kind: str) -> None:
    with pytest.raises(_core.CoreError) as caught:
        _core.run_dynamic(op, arrays, {})
    assert caught.value.kind == kind
