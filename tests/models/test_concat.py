"""What follows a Concat, computed by the steps that make its parts, beside onnxruntime."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

from models.small_models import load, model_of, picture

onnxruntime = pytest.importorskip("onnxruntime")


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("size", [(9, 7), (33,)], ids=["2-D", "1-D"])
def test_blocks_of_two_convolutions_with_a_pooled_shortcut(size: tuple[int, ...], batch: int) -> None:
    random = np.random.default_rng(1)
    one, three = (1,) * len(size), (3,) * len(size)
    around = {"pads": [1] * (2 * len(size))}
    weights = {
        "stem": random.standard_normal((12, 5, *one)),
        "left": random.standard_normal((7, 12, *one)),
        "right": random.standard_normal((5, 12, *three)),
        "last": random.standard_normal((20, 12, *three)),
    }
    nodes = [
        helper.make_node("Conv", ["x", "stem"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "left"], ["c"]),
        helper.make_node("Conv", ["b", "right"], ["d"], **around),
        helper.make_node("Concat", ["c", "d"], ["e"], axis=1),
        helper.make_node("Add", ["e", "b"], ["f"]),
        helper.make_node("Relu", ["f"], ["g"]),
        helper.make_node("Conv", ["g", "last"], ["h"], **around),
        helper.make_node("AveragePool", ["g"], ["i"], kernel_shape=three, **around),
        helper.make_node("Concat", ["i", "h"], ["j"], axis=1),
        helper.make_node("Relu", ["j"], ["y"]),
    ]
    model = model_of(nodes, [("x", (batch, 5, *size))], ["y"], weights)
    x = picture(batch, 5, *size)
    m = load(model, threads=1)
    operators = [row.operator for row in m.plan().rows]
    assert not {"binary", "unary"} & set(operators)
    assert operators.count("conv") == 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    expected = session.run(None, {"x": x})[0]
    np.testing.assert_allclose(m(x), expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())
