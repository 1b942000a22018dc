"""What the ONNX reader makes of a file: inputs and weights, external data, functions, metadata, refusals."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from assets import DATA, require
from fastinfer.errors import (
    AttributeValueError,
    CyclicGraphError,
    DTypeError,
    ExternalDataError,
    FileFormatError,
    GraphError,
    InputError,
    ModelFileNotFoundError,
    TensorSizeError,
    TruncatedFileError,
    UnsupportedOperatorError,
)
from fastinfer.file import ModelFile, open_model
from fastinfer.graph.dtype import DType
from fastinfer.graph.ir import ValueInfo


def info(name: str, shape: Any = (2, 3), kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def model(nodes: list[onnx.NodeProto], opset: int = 17, ir_version: int = 8, **graph: Any) -> onnx.ModelProto:
    made = helper.make_graph(
        nodes,
        "g",
        graph.pop("inputs", [info("x")]),
        graph.pop("outputs", [info("y")]),
        [numpy_helper.from_array(np.asarray(a), name) for name, a in graph.pop("weights", {}).items()],
        **graph,
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir_version)


def opened(made: onnx.ModelProto) -> ModelFile:
    return open_model(made.SerializeToString())


ADD = helper.make_node("Add", ["x", "w"], ["y"], "add")
W = np.arange(6, dtype=np.float32).reshape(2, 3)


def test_inputs_and_outputs() -> None:
    inputs = [info("x", ("batch", 3, None, -1)), info("z", None, TensorProto.INT64)]
    graph = opened(model([helper.make_node("Identity", ["x"], ["y"])], inputs=inputs)).graph
    assert graph.inputs == [
        ValueInfo("x", DType.F32, ("batch", 3, "x_2", "x_3")),
        ValueInfo("z", DType.S64, None),
    ]
    assert graph.outputs == [ValueInfo("y", DType.F32, (2, 3))]


def test_initializers_listed_as_inputs_are_weights() -> None:
    graph = opened(model([ADD], inputs=[info("x"), info("w")], weights={"w": W}, ir_version=3)).graph
    assert [i.name for i in graph.inputs] == ["x"]
    np.testing.assert_array_equal(graph.weights["w"].dense(), W)


def test_constants_are_weights() -> None:
    values = {"value": numpy_helper.from_array(W), "value_float": 1.5, "value_ints": [1, 2], "value_int": 7}
    values |= {"value_floats": [0.5, 2.0]}
    nodes = [helper.make_node("Constant", [], [name], **{name: value}) for name, value in values.items()]
    graph = opened(model([*nodes, helper.make_node("Relu", ["x"], ["y"])])).graph
    assert [node.op for node in graph.nodes] == ["Relu"]
    found = {name: graph.weights[name].dense() for name in values}
    np.testing.assert_array_equal(found["value"], W)
    for name, dtype in (("value_float", "f4"), ("value_ints", "i8"), ("value_int", "i8"), ("value_floats", "f4")):
        np.testing.assert_array_equal(found[name], np.array(values[name], dtype), strict=True)


def test_sparse_initializer_and_constant() -> None:
    values = helper.make_tensor("w", TensorProto.FLOAT, [2], [5.0, 7.0])
    flat = helper.make_sparse_tensor(values, helper.make_tensor("i", TensorProto.INT64, [2], [1, 5]), [2, 3])
    pairs = helper.make_sparse_tensor(values, helper.make_tensor("i", TensorProto.INT64, [2, 2], [0, 1, 1, 2]), [2, 3])
    constant = helper.make_node("Constant", [], ["c"], sparse_value=pairs)
    made = model([constant, ADD, helper.make_node("Add", ["y", "c"], ["z"])], outputs=[info("z")])
    made.graph.sparse_initializer.append(flat)
    wanted = np.array([[0, 5, 0], [0, 0, 7]], np.float32)
    for name in ("w", "c"):
        np.testing.assert_array_equal(opened(made).graph.weights[name].dense(), wanted)


def test_an_output_that_is_a_weight_gets_a_node() -> None:
    graph = opened(model([ADD], outputs=[info("w"), info("y")], weights={"w": W})).graph
    assert sorted(node.op for node in graph.nodes) == ["Add", "Identity"]
    assert "w" not in graph.weights
    (weight,) = graph.weights.values()
    np.testing.assert_array_equal(weight.dense(), W)


def test_metadata() -> None:
    made = model([helper.make_node("Relu", ["x"], ["y"])])
    made.producer_name, made.producer_version, made.doc_string = "tool", "1.2", "what it is"
    helper.set_model_props(made, {"classes": "cat,dog"})
    found = opened(made)
    assert (found.format, found.producer, found.doc) == ("onnx", "tool 1.2", "what it is")
    assert (found.ir_version, found.opset, found.metadata) == (8, 17, {"classes": "cat,dog"})
    assert open_model(found.content()).graph.nodes == found.graph.nodes


def test_sources(tmp_path: Path) -> None:
    data = model([helper.make_node("Relu", ["x"], ["y"])]).SerializeToString()
    path = tmp_path / "m.onnx"
    path.write_bytes(data)
    for source in (path, str(path), data, bytearray(data), memoryview(data)):
        assert [node.op for node in open_model(source).graph.nodes] == ["Relu"]
    assert open_model(path).graph.file == str(path)


def test_missing_files(tmp_path: Path) -> None:
    for path in (tmp_path / "none.onnx", tmp_path, "nul\0byte", "/dev/null"):
        with pytest.raises(ModelFileNotFoundError) as caught:
            open_model(path)
        assert caught.value.file == str(path)
    (tmp_path / "empty.onnx").touch()
    with pytest.raises(TruncatedFileError, match="empty"):
        open_model(tmp_path / "empty.onnx")
    with pytest.raises(InputError, match="path or bytes"):
        open_model(3)  # type: ignore[arg-type]


def test_git_lfs_pointer() -> None:
    with pytest.raises(FileFormatError, match="Git LFS pointer"):
        open_model(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")


# External data


def external(folder: Path, location: str, **more: str) -> Path:
    """A model in `folder` whose weight w lies at the location."""
    made = model([ADD], weights={"w": W})
    tensor = made.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **more}.items():
        tensor.external_data.add(key=key, value=value)
    path = folder / "m.onnx"
    path.write_bytes(made.SerializeToString())
    return path


def test_external_data(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "w.bin").write_bytes(b"12345678" + W.tobytes() + b"after")
    found = open_model(external(tmp_path, "sub/w.bin", offset="8", length="24", checksum="0"))
    np.testing.assert_array_equal(found.graph.weights["w"].dense(), W)
    assert found.external_data
    (tmp_path / "w.bin").write_bytes(W.tobytes())
    np.testing.assert_array_equal(open_model(external(tmp_path, "./w.bin")).graph.weights["w"].dense(), W)


def test_links_inside_the_folder_are_fine(tmp_path: Path) -> None:
    (tmp_path / "real.bin").write_bytes(W.tobytes())
    (tmp_path / "w.bin").symlink_to("real.bin")
    np.testing.assert_array_equal(open_model(external(tmp_path, "w.bin")).graph.weights["w"].dense(), W)


def test_external_data_stays_in_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret.bin").write_bytes(W.tobytes())
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    (folder / "up").symlink_to(tmp_path)
    sideways = tmp_path / "model2"  # its name starts as the folder's does
    sideways.mkdir()
    (sideways / "w.bin").write_bytes(W.tobytes())
    (folder / "side.bin").symlink_to(sideways / "w.bin")
    outside = [str(tmp_path / "secret.bin"), "../secret.bin", "up/../../secret.bin", "link.bin", "up/secret.bin"]
    for location in [*outside, "side.bin", "..\\secret.bin", "C:\\secret.bin", "\\secret.bin", "a/../link.bin"]:
        with pytest.raises(ExternalDataError, match=r"absolute|leaves|link out") as caught:
            open_model(external(folder, location))
        assert caught.value.tensor == "w"


def test_external_data_faults(tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(W.tobytes())
    os.mkfifo(tmp_path / "pipe")
    faults: list[tuple[str, dict[str, str], type[Exception], str]] = [
        ("none.bin", {}, ExternalDataError, "No such file"),
        ("", {}, ExternalDataError, "without a location"),
        (".", {}, ExternalDataError, "not a plain file"),
        ("pipe", {}, ExternalDataError, "not a plain file"),
        ("a\0b", {}, ExternalDataError, "null|NUL"),
        ("w.bin", {"offset": "-4"}, ExternalDataError, "not a byte count"),
        ("w.bin", {"offset": "1e3"}, ExternalDataError, "not a byte count"),
        ("w.bin", {"length": "9" * 5000}, ExternalDataError, "not a byte count"),
        ("w.bin", {"offset": "8"}, TensorSizeError, "takes 24 bytes, not 16"),
        ("w.bin", {"offset": "8", "length": "24"}, TensorSizeError, "which has 24"),
        ("w.bin", {"offset": "999999999999"}, TensorSizeError, "which has 24"),
        ("w.bin", {"length": "4"}, TensorSizeError, "takes 24 bytes, not 4"),
    ]
    for location, more, error, reason in faults:
        with pytest.raises(error, match=reason) as caught:
            open_model(external(tmp_path, location, **more))
        assert type(caught.value) is error, location
        assert caught.value.file == str(tmp_path / "m.onnx")


def test_external_data_of_bytes(tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(W.tobytes())
    with pytest.raises(ExternalDataError, match="give its path"):
        open_model(external(tmp_path, "w.bin").read_bytes())


# Functions


def with_functions(made: onnx.ModelProto, *functions: onnx.FunctionProto) -> onnx.ModelProto:
    made.opset_import.append(helper.make_opsetid("f", 1))
    made.functions.extend(functions)
    return made


def function(name: str, nodes: list[onnx.NodeProto], inputs: str = "a", **more: Any) -> onnx.FunctionProto:
    opset = more.pop("opset", 17)
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("f", 1)]
    return helper.make_function("f", name, inputs.split(), ["b"], nodes, imports, **more)


def call(name: str, x: str, y: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(name, x.split(), [y], name.lower(), domain="f", **attributes)


def test_functions_are_inlined() -> None:
    leaky = helper.make_node("LeakyRelu", ["a"], ["t"])
    leaky.attribute.append(onnx.AttributeProto(name="alpha", type=onnx.AttributeProto.FLOAT, ref_attr_name="slope"))
    inner = function("Inner", [leaky, helper.make_node("Neg", ["t"], ["b"])], attributes=["slope"])
    outer = function("Outer", [call("Inner", "a", "t", slope=0.25), helper.make_node("Exp", ["t"], ["b"])])
    made = model([call("Outer", "x", "h"), call("Inner", "h", "y")])
    graph = opened(with_functions(made, inner, outer)).graph
    assert [node.op for node in graph.nodes] == ["LeakyRelu", "Neg", "Exp", "LeakyRelu", "Neg"]
    assert [node.attributes for node in graph.nodes if node.op == "LeakyRelu"] == [{"alpha": 0.25}, {}]
    assert graph.nodes[0].inputs == ["x"]
    assert graph.nodes[2].outputs == ["h"]
    assert graph.nodes[4].outputs == ["y"]


def test_functions_have_opsets_of_their_own() -> None:
    """ReduceSum takes its axes as an attribute in opset 11, as an input in 17."""
    body = function("Sum", [helper.make_node("ReduceSum", ["a"], ["b"], axes=[1])], opset=11)
    graph = opened(with_functions(model([call("Sum", "x", "y")]), body)).graph
    np.testing.assert_array_equal(graph.weights[graph.nodes[0].inputs[1]].dense(), [1])


def test_function_that_passes_its_input_through() -> None:
    body = helper.make_function("f", "Pass", ["a"], ["a"], [], [helper.make_opsetid("", 17)])
    graph = opened(with_functions(model([call("Pass", "x", "y")]), body)).graph
    assert [(node.op, node.inputs, node.outputs) for node in graph.nodes] == [("Identity", ["x"], ["y"])]


def test_functions_that_never_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastinfer.file.onnx.functions._NODE_LIMIT", 1000)
    itself = function("Itself", [call("Itself", "a", "b")])
    with pytest.raises(GraphError, match="more than 32 deep"):
        opened(with_functions(model([call("Itself", "x", "y")]), itself))
    doubling = [function(f"F{i}", [call(f"F{i + 1}", "a", "t"), call(f"F{i + 1}", "t", "b")]) for i in range(30)] + [
        function("F30", [helper.make_node("Relu", ["a"], ["b"])])
    ]
    with pytest.raises(GraphError, match="more than 1000 nodes"):
        opened(with_functions(model([call("F0", "x", "y")]), *doubling))


# Refusals


def test_all_unknown_operators_are_listed_at_once() -> None:
    nodes = [
        helper.make_node("FusedConv", ["x"], ["a"], domain="com.microsoft"),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Einsum", ["b"], ["c"], equation="ii"),
        helper.make_node("Einsum", ["c"], ["d"], equation="ii"),
        helper.make_node("NoSuch", ["d"], ["y"]),
    ]
    with pytest.raises(UnsupportedOperatorError) as caught:
        opened(model(nodes))
    assert caught.value.operators == ("Einsum", "NoSuch", "com.microsoft::FusedConv")
    assert "Einsum (2 of 5 nodes)" in str(caught.value)


def test_subgraphs_are_refused() -> None:
    branch = helper.make_graph([helper.make_node("Relu", ["x"], ["b"])], "branch", [], [info("b")])
    node = helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)
    with pytest.raises(UnsupportedOperatorError) as caught:
        opened(model([node], inputs=[info("x"), info("c", [], TensorProto.BOOL)]))
    assert caught.value.operators == ("If",)


@pytest.mark.parametrize(
    ("op", "attributes", "reason"),
    [
        ("Relu", {"alpha": 1.0}, "alpha of Relu is not known"),
        ("LeakyRelu", {"alpha": 1}, "alpha of LeakyRelu must be of kind float, not 1"),
        ("LeakyRelu", {"alpha": float("nan")}, "alpha of LeakyRelu is not a number"),
        ("Concat", {}, "axis of Concat is missing"),
        ("Concat", {"axis": 0.5}, "axis of Concat must be of kind int"),
        ("Flatten", {"axis": "one"}, "must be of kind int, not 'one'"),
        ("Transpose", {"perm": [0.5]}, "perm of Transpose must be of kind ints"),
        ("Transpose", {"perm": [-1, 0]}, "must be at least 0"),
        ("MaxPool", {}, "kernel_shape of MaxPool is missing"),
        ("MaxPool", {"kernel_shape": [0, 1]}, "kernel_shape of MaxPool must be at least 1"),
        ("MaxPool", {"kernel_shape": [2, 2], "strides": [0, 1]}, "strides of MaxPool must be at least 1"),
        ("MaxPool", {"kernel_shape": [2, 2], "dilations": [-1, 1]}, "dilations of MaxPool must be at least 1"),
        ("MaxPool", {"kernel_shape": [2**40, 2]}, "kernel_shape of MaxPool must be at most"),
        ("MaxPool", {"kernel_shape": [2, 2], "pads": [-1, 0, 0, 0]}, "pads of MaxPool must be at least 0"),
        ("MaxPool", {"kernel_shape": [2, 2], "ceil_mode": 2}, "ceil_mode of MaxPool must be one of 0, 1"),
        ("MaxPool", {"kernel_shape": [2, 2], "auto_pad": "SOME"}, "auto_pad of MaxPool must be one of NOTSET"),
        ("LRN", {}, "size of LRN is missing"),
        ("Cast", {}, "to of Cast is missing"),
        ("DepthToSpace", {"blocksize": 0}, "blocksize of DepthToSpace must be at least 1"),
        ("ConstantOfShape", {"value": numpy_helper.from_array(W)}, "must have one element, not 6"),
        ("Constant", {}, "Constant has one value, not 0"),
        ("LpNormalization", {"p": 3}, "p of LpNormalization must be 1 or 2"),
    ],
)
def test_bad_attributes(op: str, attributes: dict[str, Any], reason: str) -> None:
    node = helper.make_node(op, [] if op == "Constant" else ["x"], ["y"], "bad", **attributes)
    with pytest.raises(AttributeValueError, match=reason) as caught:
        opened(model([node]))
    assert caught.value.node == "bad"


def test_attributes_given_twice_or_garbled() -> None:
    node = helper.make_node("LeakyRelu", ["x"], ["y"], "n", alpha=0.5)
    node.attribute.append(helper.make_attribute("alpha", 0.25))
    with pytest.raises(AttributeValueError, match="given twice"):
        opened(model([node]))
    node = helper.make_node("Gelu", ["x"], ["y"], "n", approximate=b"\xff")
    with pytest.raises(AttributeValueError, match="not UTF-8"):
        opened(model([node]))


@pytest.mark.parametrize("kind", [TensorProto.STRING, TensorProto.BFLOAT16, TensorProto.COMPLEX64, 0, 99])
def test_element_types(kind: int) -> None:
    with pytest.raises(DTypeError, match="element type") as caught:
        opened(model([helper.make_node("Identity", ["x"], ["y"])], inputs=[info("x", (2,), kind)]))
    assert caught.value.tensor == "x"


def test_only_tensors() -> None:
    sequence = helper.make_tensor_sequence_value_info("x", TensorProto.FLOAT, [2])
    with pytest.raises(DTypeError, match="not a tensor"):
        opened(model([helper.make_node("Identity", ["x"], ["y"])], inputs=[sequence]))


def test_malformed_graphs() -> None:
    relu = helper.make_node("Relu", ["x"], ["y"])
    circle = [helper.make_node("Add", ["x", "b"], ["a"]), helper.make_node("Relu", ["a"], ["b"])]
    faults = [
        (model([relu], outputs=[]), GraphError, "no outputs"),
        (model([helper.make_node("Relu", ["none"], ["y"])]), GraphError, "not defined"),
        (model([relu], outputs=[info("z")]), GraphError, "no node makes"),
        (model([relu, relu]), GraphError, "twice"),
        (model([ADD], inputs=[info("x"), info("x")], weights={"w": W}), GraphError, "twice"),
        (model([*circle, relu]), CyclicGraphError, "circle|cycle"),
        (model([helper.make_node("Relu", [], ["y"])]), GraphError, "input 0 of Relu is missing"),
        (model([helper.make_node("Sum", [""], ["y"])]), GraphError, "input 0 of Sum is missing"),
        (model([helper.make_node("Relu", ["x", "x"], ["y"])]), GraphError, "at most 1"),
        (onnx.ModelProto(ir_version=8), FileFormatError, "no graph"),
    ]
    twice = model([ADD], weights={"w": W})
    twice.graph.initializer.append(twice.graph.initializer[0])
    for made, error, reason in [*faults, (twice, GraphError, "twice")]:
        with pytest.raises(error, match=reason) as caught:
            opened(made)
        assert type(caught.value) is error


def test_weights_are_read_once_and_stay_mapped() -> None:
    """EfficientNet-Lite0: 18 MB, read without the onnx package, the same as with it."""
    path = require(DATA / "efficientnet_lite0" / "efficientnet_lite0.onnx")
    graph = open_model(path).graph
    for tensor in onnx.load(path).graph.initializer:
        np.testing.assert_array_equal(graph.weights[tensor.name].dense(), numpy_helper.to_array(tensor))
