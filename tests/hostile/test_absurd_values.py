"""Well-formed models that ask for the absurd: at load where it shows, else at the run, always by a typed error.

Each value stands once as a weight (folded at load) and once as an input (known only at the run).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

import fastinfer
from fastinfer.errors import (
    AttributeValueError,
    DTypeError,
    FastinferError,
    GraphError,
    MemoryLimitError,
    ShapeError,
    TensorSizeError,
)

X = np.ones((1, 4, 8, 8), np.float32)
MOST, LEAST = 2**63 - 1, -(2**63)
W = np.ones((4, 4, 3, 3), np.float32)
NONE = np.zeros(0, np.float32)
SIZE = (MemoryLimitError, TensorSizeError)
WRONG = (ShapeError, AttributeValueError, GraphError)


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def floats(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


Case = tuple[str, list[np.ndarray], dict[str, Any], tuple[type[FastinferError], ...]]
CASES: list[Case] = [
    ("Tile", [ints(1, 1, 2**40, 1)], {}, SIZE),
    ("Tile", [ints(1, 1, -1, 1)], {}, WRONG),
    ("Tile", [ints(*[2**33] * 4)], {}, SIZE),
    ("Expand", [ints(2**40, 4, 8, 8)], {}, SIZE),
    ("Expand", [ints(2**62, 2**62, 4, 8, 8)], {}, SIZE),
    ("Expand", [ints(-1, 4, 8, 8)], {}, WRONG),
    ("Reshape", [ints(2**62, 4)], {}, WRONG),
    ("Reshape", [ints(-1, -1)], {}, WRONG),
    ("Reshape", [ints(-2, -128)], {}, WRONG),
    ("Pad", [ints(0, 0, 2**40, 0, 0, 0, 0, 0)], {}, SIZE),
    ("Pad", [ints(0, 0, MOST, 0, 0, 0, MOST, 0)], {}, SIZE),
    ("Pad", [ints(0, 0, -9, 0, 0, 0, 0, 0)], {}, WRONG),
    ("Slice", [ints(0), ints(MOST), ints(2), ints(0)], {}, WRONG),
    ("Slice", [ints(0), ints(MOST), ints(99)], {}, WRONG),
    ("Split", [ints(-1, 5)], {"axis": 1}, WRONG),
    ("Split", [ints(MOST, 5 - MOST)], {"axis": 1}, WRONG),
    ("Gather", [ints(4)], {"axis": 1}, WRONG),
    ("Gather", [ints(LEAST)], {"axis": 1}, WRONG),
    ("GatherND", [ints(0, MOST)], {}, WRONG),
    ("GatherElements", [np.full((1, 4, 8, 8), MOST)], {"axis": 2}, WRONG),
    ("ScatterND", [ints(0, 9).reshape(1, 2), np.ones((1, 8, 8), np.float32)], {}, WRONG),
    ("ScatterElements", [np.full((1, 1, 1, 1), LEAST), np.ones((1, 1, 1, 1), np.float32)], {}, WRONG),
    ("TopK", [ints(2**40)], {}, WRONG),
    ("TopK", [ints(-1)], {}, WRONG),
    ("Unsqueeze", [ints(MOST)], {}, WRONG),
    ("Unsqueeze", [ints(0, 0)], {}, WRONG),
    ("Squeeze", [ints(LEAST)], {}, WRONG),
    ("ReduceSum", [ints(LEAST)], {}, WRONG),
    ("Resize", [NONE, floats(1, 1, 1e9, 1e9)], {"mode": "linear"}, SIZE),
    ("Resize", [NONE, floats(1, 1, np.inf, 1)], {}, WRONG),
    ("Resize", [NONE, floats(1, 1, np.nan, 1)], {}, WRONG),
    ("Resize", [NONE, floats(1, 1, -1, 1)], {}, WRONG),
    ("Resize", [NONE, floats(2e9, 1, 1, 1)], {}, SIZE),
    ("Resize", [NONE, NONE, ints(1, 4, MOST, 8)], {}, SIZE),
    ("Resize", [NONE, NONE, ints(1, 4, 2**31, 8)], {"mode": "cubic"}, SIZE),
    ("Conv", [W], {"pads": [2**31 - 1] * 4}, SIZE),
    ("Conv", [W], {"dilations": [2**31 - 1] * 2}, WRONG),
    ("Conv", [W], {"group": 3}, WRONG),
    ("Conv", [W], {"pads": [1, 1]}, WRONG),
    ("Conv", [W], {"strides": [1, 1, 1]}, WRONG),
    ("Conv", [W], {"kernel_shape": [5, 5]}, WRONG),
    ("Conv", [W, floats(1, 2, 3, 4, 5)], {}, WRONG),
    ("Conv", [W.astype(np.float64)], {}, (DTypeError,)),
    ("ConvTranspose", [W], {"strides": [2**31 - 1] * 2}, SIZE),
    ("ConvTranspose", [W], {"output_shape": [2**31 - 1] * 2}, SIZE),
    ("ConvTranspose", [W], {"pads": [100] * 4}, WRONG),
    ("MaxPool", [], {"kernel_shape": [2**31 - 1] * 2, "pads": [2**31 - 1] * 4}, WRONG + SIZE),
    ("MaxPool", [], {"kernel_shape": [3, 3], "pads": [5, 5, 5, 5]}, WRONG),
    ("AveragePool", [], {"kernel_shape": [3, 3], "pads": [4, 4, 4, 4]}, WRONG),
    ("LRN", [], {"size": 2**31 - 1}, WRONG),
    ("Flatten", [], {"axis": 99}, WRONG),
    ("Softmax", [], {"axis": LEAST}, WRONG),
    ("Transpose", [], {"perm": [0, 0, 1, 2]}, WRONG),
    ("DepthToSpace", [], {"blocksize": 2**31 - 1}, WRONG),
    ("CumSum", [ints(LEAST)], {}, WRONG),
    ("MatMul", [np.ones((7, 7), np.float32)], {}, WRONG),
    ("Add", [floats(1, 2, 3)], {}, WRONG),
    ("Add", [ints(1)], {}, (DTypeError,)),
    ("BatchNormalization", [floats(1, 2, 3)] * 4, {}, WRONG),
    ("OneHot", [np.array(2**40), floats(0, 1)], {}, SIZE),
    ("GroupNormalization", [np.ones(4, np.float32)] * 2, {"num_groups": 3}, WRONG),
]
FREE: list[Case] = [  # operators that do not take x
    ("ConstantOfShape", [ints(2**40)], {}, SIZE),
    ("ConstantOfShape", [ints(2**20, 2**20, 2**30)], {}, SIZE),
    ("ConstantOfShape", [ints(-1)], {}, WRONG),
    ("Range", [np.array(0), np.array(MOST), np.array(1)], {}, WRONG + SIZE),
    ("Range", [np.array(0), np.array(5), np.array(0)], {}, WRONG),
    ("Range", [np.float32(0), np.float32(np.nan), np.float32(1)], {}, WRONG),
    ("Range", [np.float32(0), np.float32(1e30), np.float32(1e-30)], {}, WRONG + SIZE),
]


def model(case: Case, takes_x: bool, as_weights: bool) -> tuple[bytes, dict[str, np.ndarray]]:
    """The file, and what to feed it."""
    op, values, attributes, _ = case
    named = {f"v{i}": np.asarray(value) for i, value in enumerate(values)}
    fed = ({"x": X} if takes_x else {}) | ({} if as_weights else named)
    outputs = ["y", "z"] if op in ("Split", "TopK") else ["y"]
    graph = helper.make_graph(
        [helper.make_node(op, (["x"] if takes_x else []) + list(named), outputs, "absurd", **attributes)],
        "g",
        [helper.make_tensor_value_info(k, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape) for k, v in fed.items()],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in named.items()] if as_weights else [],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=8)
    return made.SerializeToString(), fed


@pytest.mark.parametrize("as_weights", [True, False], ids=["weight", "input"])
@pytest.mark.parametrize(
    ("case", "takes_x"),
    [*((case, True) for case in CASES), *((case, False) for case in FREE)],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_typed_error(case: Case, takes_x: bool, as_weights: bool) -> None:
    data, fed = model(case, takes_x, as_weights)
    with pytest.raises(FastinferError) as caught:
        fastinfer.load(data, threads=2).run(fed)
    assert isinstance(caught.value, case[3]), repr(caught.value)
    assert (caught.value.node or "").split("/")[0] == "absurd"  # a part of a composed operator is absurd/Part


def test_extreme_but_sound() -> None:
    """Values at the ends of int64 that do have a meaning."""
    cases = [
        (("Slice", [ints(LEAST), ints(MOST), ints(2), ints(MOST)], {}, ()), X[:, :, :1]),
        (("Trilu", [np.array(MOST)], {}, ()), 0 * X),
        (("Trilu", [np.array(LEAST)], {}, ()), X),
    ]
    for case, wanted in cases:
        for as_weights in (True, False):
            data, fed = model(case, True, as_weights)  # type: ignore[arg-type]
            np.testing.assert_array_equal(fastinfer.load(data).run(fed)["y"], wanted)


def test_the_limit_is_an_argument() -> None:
    data, fed = model(("Tile", [ints(64, 1, 1, 1)], {}, ()), True, True)  # 64 KiB
    assert fastinfer.load(data).run(fed)["y"].shape == (64, 4, 8, 8)
    with pytest.raises(MemoryLimitError):
        fastinfer.load(data, memory_limit=1 << 14).run(fed)
