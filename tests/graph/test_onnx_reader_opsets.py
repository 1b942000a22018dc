"""Old forms: the file itself and the canonical graph that the reader makes of it give the same in onnxruntime."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from canonical_onnx import to_onnx
from fastinfer.errors import AttributeValueError, FileFormatError, UnsupportedOperatorError
from fastinfer.file import open_model

onnxruntime = pytest.importorskip("onnxruntime")

_OPSET = 21  # what the canonical graph is written out in: the newest that is the same as opset 28 for these operators

X = (2, 3, 4, 6)


def model_of(
    op: str, opset: int, shape: tuple[int, ...] = X, weights: dict[str, Any] | None = None, outputs: int = 1, **kw: Any
) -> onnx.ModelProto:
    """One node of the operator over input x and the weights, in order; its first `outputs` outputs are the model's."""
    weights = weights or {}
    names = [f"y{i}" for i in range(outputs)]
    node = helper.make_node(op, ["x", *weights], names, "node", **kw)
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.ValueInfoProto(name=name) for name in names],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items() if value is not None],
    )
    if any(value is None for value in weights.values()):
        node.input[:] = ["x", *("" if value is None else name for name, value in weights.items())]
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=4)


def run(model: onnx.ModelProto, x: np.ndarray) -> list[np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options).run(None, {"x": x})


F = np.float32
CASES: list[tuple[str, int, dict[str, Any]]] = [
    ("Clip", 7, {"min": -0.5, "max": 0.5}),
    ("Clip", 10, {"min": 0.0}),
    ("Clip", 10, {"max": 0.25}),
    ("Clip", 11, {"weights": {"lo": F(-0.5)}}),
    ("Pad", 7, {"pads": [0, 0, 1, 2, 0, 0, 0, 3], "value": 1.5}),
    ("Pad", 10, {"pads": [0, 0, 1, 2, 0, 0, 1, 1], "mode": "reflect"}),
    ("Slice", 7, {"starts": [1, 0], "ends": [3, 1000], "axes": [2, 3]}),
    ("Slice", 7, {"starts": [0, 1], "ends": [2, -1]}),
    ("Split", 7, {"axis": 1, "split": [1, 2], "outputs": 2}),
    ("Split", 11, {"axis": 3, "outputs": 3}),
    ("Split", 13, {"axis": 3, "outputs": 2}),
    ("Squeeze", 7, {"shape": (2, 1, 3, 1), "axes": [1, 3]}),
    ("Squeeze", 11, {"shape": (2, 1, 3, 1)}),
    ("Unsqueeze", 7, {"axes": [0, 4]}),
    ("ReduceMean", 7, {"axes": [2, 3], "keepdims": 0}),
    ("ReduceSum", 12, {"axes": [1]}),
    ("ReduceMax", 17, {"axes": [-1]}),
    ("ReduceL2", 11, {}),
    ("TopK", 7, {"axis": 3, "k": 2, "outputs": 2}),
    ("TopK", 10, {"axis": 2, "weights": {"k": np.array([3])}, "outputs": 2}),
    ("Softmax", 7, {}),
    ("Softmax", 12, {"axis": 2}),
    ("Softmax", 12, {"axis": -1}),
    ("LogSoftmax", 11, {"axis": 3}),
    ("Softmax", 13, {}),
    ("Hardmax", 11, {}),
    ("Hardmax", 13, {"axis": 1}),
    ("Dropout", 7, {"ratio": 0.4}),
    ("Dropout", 13, {"outputs": 2}),
    ("Dropout", 13, {"weights": {"ratio": F(0.3)}}),
    ("Upsample", 7, {"scales": [1.0, 1.0, 2.0, 3.0], "mode": "nearest"}),
    ("Upsample", 9, {"weights": {"s": F([1, 1, 2, 2])}, "mode": "linear"}),
    ("Resize", 10, {"weights": {"s": F([1, 1, 0.5, 0.5])}, "mode": "nearest"}),
    ("Resize", 10, {"weights": {"s": F([1, 1, 1.5, 2])}, "mode": "linear"}),
    ("Resize", 11, {"weights": {"roi": F([]), "s": F([1, 1, 2, 2])}, "mode": "linear"}),
    ("Resize", 11, {"weights": {"roi": F([]), "s": F([]), "z": np.array([2, 3, 7, 5])}, "mode": "nearest"}),
    ("BatchNormalization", 7, {"weights": {n: F([1, 2, 3]) for n in "abcd"}, "epsilon": 1e-3, "momentum": 0.5}),
    ("BatchNormalization", 14, {"weights": {n: F([1, 2, 3]) for n in "abcd"}}),
    ("Sum", 8, {"weights": {"b": F([1, 2, 3, 4, 5, 6]), "c": F(2)}}),
    ("Mean", 8, {"weights": {"b": F([1, 2, 3, 4, 5, 6]), "c": F(2)}}),
    ("Max", 8, {"weights": {"b": F(0), "c": F([0.5])}}),
    ("Min", 7, {}),
    ("Size", 7, {}),
    ("Shrink", 9, {"lambd": 0.3, "bias": 0.1}),
    ("LpNormalization", 7, {"axis": 1, "p": 1}),
    ("MeanVarianceNormalization", 9, {}),
    ("Cast", 9, {"to": TensorProto.INT32}),
    ("CastLike", 15, {"weights": {"like": np.array([1], np.float16)}}),
    ("AveragePool", 7, {"kernel_shape": [2, 3], "strides": [2, 2]}),
    ("LpPool", 7, {"kernel_shape": [2, 2]}),
    ("Flatten", 9, {"axis": 2}),
    ("Gather", 11, {"weights": {"i": np.array([1, 0])}, "axis": 1}),
    ("ThresholdedRelu", 10, {"alpha": 0.2}),
]


@pytest.mark.parametrize(
    ("op", "opset", "arguments"), CASES, ids=[f"{op}_{v}_{i}" for i, (op, v, _) in enumerate(CASES)]
)
def test_same_as_the_file(op: str, opset: int, arguments: dict[str, Any]) -> None:
    model = model_of(op, opset, **arguments)
    canonical = open_model(model.SerializeToString())
    x = np.random.default_rng(7).standard_normal(arguments.get("shape", X), np.float32)
    for wanted, got in zip(run(model, x), run(to_onnx(canonical.graph, _OPSET), x), strict=True):
        assert got.dtype == wanted.dtype
        assert got.shape == wanted.shape
        # Both are onnxruntime; only the written-out compositions may round otherwise: a few sums of 144 terms.
        np.testing.assert_allclose(got, wanted, rtol=144 * np.finfo(np.float32).eps, atol=1e-6)


@pytest.mark.parametrize("opset", [18, 21])
def test_group_normalization(opset: int) -> None:
    per = 2 if opset == 18 else 4
    weights = {"scale": np.arange(1, per + 1, dtype=np.float32), "bias": np.ones(per, np.float32)}
    model = model_of("GroupNormalization", opset, (2, 4, 3, 5), weights, num_groups=2)
    x = np.random.default_rng(3).standard_normal((2, 4, 3, 5), np.float32)
    groups = x.astype(np.float64).reshape(2, 2, 2, 3, 5)
    mean, variance = (f(groups, axis=(2, 3, 4), keepdims=True) for f in (np.mean, np.var))
    normal = ((groups - mean) / np.sqrt(variance + 1e-5)).reshape(x.shape)
    repeat = 4 // per
    scale, bias = (np.repeat(weights[n], repeat)[:, None, None] for n in ("scale", "bias"))
    (got,) = run(to_onnx(open_model(model.SerializeToString()).graph, _OPSET), x)
    np.testing.assert_allclose(got, normal * scale + bias, rtol=1e-5, atol=1e-5)


def test_training_forms_are_refused() -> None:
    batch_norm = model_of("BatchNormalization", 15, weights={n: F([1, 2, 3]) for n in "abcd"}, training_mode=1)
    dropout = model_of("Dropout", 13, weights={"ratio": F(0.5), "training": np.array(True)})
    for model in (batch_norm, dropout):
        with pytest.raises(UnsupportedOperatorError, match="training mode"):
            open_model(model.SerializeToString())


def test_spatial_batch_normalization_only() -> None:
    model = model_of("BatchNormalization", 7, weights={n: F([1, 2, 3]) for n in "abcd"}, spatial=0)
    with pytest.raises(AttributeValueError, match="spatial"):
        open_model(model.SerializeToString())


def test_opset_10_nearest_by_a_fraction_is_refused() -> None:
    model = model_of("Resize", 10, weights={"s": F([1, 1, 0.7, 0.7])}, mode="nearest")
    with pytest.raises(AttributeValueError, match="shrinking by a fraction"):
        open_model(model.SerializeToString())


@pytest.mark.parametrize(("op", "opset"), [("Relu", 29), ("Add", 6), ("Relu", 5), ("Sin", 1)])
def test_opsets_outside_the_range(op: str, opset: int) -> None:
    weights = {"b": F(1)} if op == "Add" else {}
    with pytest.raises(FileFormatError, match=f"opset {opset}"):
        open_model(model_of(op, opset, weights=weights).SerializeToString())


def test_older_opsets_where_nothing_changed() -> None:
    assert [node.op for node in open_model(model_of("Softplus", 1).SerializeToString()).graph.nodes] == ["Softplus"]
