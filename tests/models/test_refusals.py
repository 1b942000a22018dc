"""What fastinfer does not compute is refused at load: all of it at once, with file, node, tensor and reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import fastinfer
import fastinfer.backend
from fastinfer.errors import ArgumentError, DTypeError, FastinferError, MemoryLimitError, UnsupportedOperatorError

FLOAT, DOUBLE = TensorProto.FLOAT, TensorProto.DOUBLE
VOLUME = ("x", FLOAT, ["n", 3, 8, 8, 8])
PICTURE = ("x", DOUBLE, ["n", 3, 8, 8])
F32 = np.float32


def model_of(nodes: list[onnx.NodeProto], inputs: list[tuple], weights: dict[str, np.ndarray]) -> onnx.ModelProto:
    takes = [helper.make_tensor_value_info(*info) for info in inputs]
    makes = [helper.make_tensor_value_info(name, FLOAT, None) for name in nodes[-1].output]
    tensors = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "graph", takes, makes, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])


def two_volumes(**changes: np.ndarray) -> onnx.ModelProto:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], name="first"),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "v"], ["y"], name="second"),
    ]
    weights = {"w": np.ones((4, 3, 3, 3, 3), F32), "v": np.ones((2, 4, 1, 1, 1), F32), **changes}
    return model_of(nodes, [VOLUME], weights)


def test_three_spatial_axes(tmp_path: Path) -> None:
    path = tmp_path / "volumes.onnx"
    onnx.save(two_volumes(), path)
    with pytest.raises(UnsupportedOperatorError, match="1 or 2 spatial axes here, not 3") as error:
        fastinfer.load(path)
    assert error.value.file == str(path)
    assert (error.value.node, error.value.tensor) == ("first", "x")
    assert error.value.operators == ("Conv",)
    assert "'first', 'second'" in str(error.value)


def test_three_spatial_axes_where_the_input_has_no_declared_rank() -> None:
    node = helper.make_node("ConvTranspose", ["x", "w"], ["y"])
    model = model_of([node], [("x", FLOAT, None)], {"w": np.ones((4, 3, 3, 3, 3), F32)})
    with pytest.raises(UnsupportedOperatorError) as error:
        fastinfer.load(model.SerializeToString())
    assert (error.value.tensor, error.value.operators) == ("w", ("ConvTranspose",))


@pytest.mark.parametrize("input_type", [DOUBLE, FLOAT])
def test_double_precision(input_type: int) -> None:
    inputs = [("x", input_type, PICTURE[2])]
    model = model_of([helper.make_node("Conv", ["x", "w"], ["y"], name="c")], inputs, {"w": np.ones((4, 3, 3, 3))})
    with pytest.raises(DTypeError, match="Conv computes in f32, got f64") as error:
        fastinfer.load(model.SerializeToString())
    assert (error.value.node, error.value.tensor) == ("c", "x" if input_type == DOUBLE else "w")
    assert not fastinfer.backend.is_compatible(model)


def test_different_reasons_stand_in_one_message() -> None:
    with pytest.raises(UnsupportedOperatorError) as error:
        fastinfer.load(
            model_of(
                [
                    helper.make_node("Conv", ["x", "w"], ["a"], name="volume"),
                    helper.make_node("MatMul", ["z", "m"], ["b"], name="product"),
                    helper.make_node("Concat", ["a", "b"], ["y"], axis=0),
                ],
                [VOLUME, ("z", DOUBLE, [2, 3])],
                {"w": np.ones((4, 3, 3, 3, 3), F32), "m": np.ones((3, 3))},
            ).SerializeToString()
        )
    assert error.value.operators == ("Conv", "MatMul")
    assert "spatial axes here, not 3 (at 'volume')" in str(error.value)
    assert "MatMul computes in f32, got f64 (at 'product')" in str(error.value)


def test_a_type_that_only_inference_knows_is_refused_before_anything_runs() -> None:
    nodes = [helper.make_node("Add", ["x", "x"], ["z"]), helper.make_node("MatMul", ["z", "z"], ["y"], name="product")]
    model = fastinfer.load(model_of(nodes, [("x", DOUBLE, [3, 3])], {}).SerializeToString())
    with pytest.raises(DTypeError, match="MatMul computes in f32, got f64") as error:
        model(np.ones((3, 3)))
    assert (error.value.node, error.value.tensor) == ("product", "z")


def test_what_nobody_reads_or_what_is_constant_is_not_refused() -> None:
    nodes = [
        helper.make_node("MatMul", ["m", "m"], ["f64"]),
        helper.make_node("Cast", ["f64"], ["f32"], to=FLOAT),
        helper.make_node("Conv", ["v", "w"], ["unread"]),
        helper.make_node("Add", ["x", "f32"], ["y"]),
    ]
    weights = {"m": np.full((3, 3), 2.0), "w": np.ones((4, 3, 3, 3, 3), F32)}
    model = model_of(nodes, [("x", FLOAT, [3, 3]), ("v", FLOAT, VOLUME[2])], weights)
    x = np.ones((3, 3), F32)
    y = fastinfer.load(model.SerializeToString())(x, np.zeros((1, 3, 8, 8, 8), F32))
    assert np.array_equal(y, np.full((3, 3), 13, F32))


def small_convolution(tmp_path: Path, **attributes: object) -> Path:
    """1x3x8x8 -> 4 channels by 3x3."""
    node = helper.make_node("Conv", ["x", "w"], ["y"], name="c", **attributes)
    path = tmp_path / "small.onnx"
    onnx.save(model_of([node], [("x", FLOAT, [1, 3, 8, 8])], {"w": np.ones((4, 3, 3, 3), F32)}), path)
    return path


@pytest.mark.parametrize("attributes", [{"group": 2}, {"kernel_shape": [5, 5]}, {"pads": [0, 0, -9, -9]}])
def test_what_only_shapes_tell_names_the_file_too(tmp_path: Path, attributes: dict[str, object]) -> None:
    path = small_convolution(tmp_path, **attributes)
    with pytest.raises(FastinferError) as error:
        fastinfer.load(path).plan()
    assert (error.value.file, error.value.node) == (str(path), "c")


@pytest.mark.parametrize("value", [np.zeros((1, 3, 8, 9), F32), np.zeros((1, 3, 8, 8)), None, "x"])
def test_an_input_that_does_not_fit_names_the_file_and_the_input(tmp_path: Path, value: object) -> None:
    path = small_convolution(tmp_path)
    model = fastinfer.load(path)
    with pytest.raises(FastinferError) as error:
        model(value)
    assert (error.value.file, error.value.tensor) == (str(path), "x")
    with pytest.raises(FastinferError, match="no such input") as error:
        model(z=value)
    assert (error.value.file, error.value.tensor) == (str(path), "z")


def test_a_shape_beyond_all_memory(tmp_path: Path) -> None:
    with pytest.raises(MemoryLimitError, match="does not fit in memory"):
        fastinfer.load(small_convolution(tmp_path)).plan((1, 3, 1 << 35, 1 << 35))


def test_algorithms_that_cannot_be(tmp_path: Path) -> None:
    path = small_convolution(tmp_path)
    with pytest.raises(ArgumentError, match=r"no algorithm quantum; there are depthwise, .*winograd_f43") as error:
        fastinfer.load(path, algorithm="quantum").plan()
    assert (error.value.file, error.value.node) == (str(path), None)
    with pytest.raises(ArgumentError, match="applies nowhere") as error:
        fastinfer.load(path, algorithm={"c": "depthwise"}).plan()
    assert (error.value.file, error.value.node) == (str(path), "c")
