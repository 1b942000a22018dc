"""f16 outputs are f16 whatever makes them: a node, an input as it stands, a weight, a constant folded at load."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper, numpy_helper

import fastinfer


def test_every_kind_of_output() -> None:
    weight = np.array([1, 2, 3, 60000], np.float16)
    nodes = [
        helper.make_node("Add", ["x", "w"], ["sum"]),
        helper.make_node("Identity", ["w"], ["same"]),
        helper.make_node("Neg", ["w"], ["folded"]),
        helper.make_node("Cast", ["w"], ["wide"], to=TensorProto.FLOAT),
    ]
    names = ["sum", "w", "same", "folded", "x"]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT16, [4])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT16, [4]) for name in names]
        + [helper.make_tensor_value_info("wide", TensorProto.FLOAT, [4])],
        [numpy_helper.from_array(weight, "w")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    x = np.array([0.5, 0.25, -1, 0], np.float16)
    got = fastinfer.load(made.SerializeToString()).run({"x": x})
    wanted = {"sum": x + weight, "w": weight, "same": weight, "folded": -weight, "x": x}
    for name, array in {**wanted, "wide": weight.astype(np.float32)}.items():
        np.testing.assert_array_equal(got[name], array, strict=True)
