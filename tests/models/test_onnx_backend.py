"""ONNX's node tests through fastinfer.backend, with an explicit list of those that do not pass."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

import fastinfer.backend
from fastinfer.errors import ArgumentError, FastinferError, InputError, UnsupportedOperatorError
from fastinfer.file.onnx.rules import RULES
from fastinfer.graph.operators import OPERATORS
from models.onnx_expected_failures import EXPECTED_FAILURES
from onnx_nodes import arrays, assert_close, node_tests, operators, plain_types

# What issue and README promise: the operators of ordinary convolutional networks.
_NETWORK_OPERATORS = """
Conv ConvTranspose Gemm MatMul BatchNormalization InstanceNormalization LayerNormalization LRN MaxPool AveragePool
GlobalMaxPool GlobalAveragePool Relu LeakyRelu PRelu Elu Selu Clip Sigmoid HardSigmoid HardSwish Tanh Gelu Softplus
Erf Sign Softmax LogSoftmax Add Sub Mul Div Pow Min Max Sqrt Exp Log Abs Neg Floor Ceil Round ReduceL1 ReduceL2
ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare ArgMax Concat Split
Slice Gather Reshape Flatten Squeeze Unsqueeze Transpose Expand Tile Pad Resize Upsample DepthToSpace SpaceToDepth
Cast Where Equal Less LessOrEqual Greater GreaterOrEqual And Or Not Identity Dropout Constant ConstantOfShape Shape
Range TopK NonZero NonMaxSuppression
"""
PROMISED = frozenset(_NETWORK_OPERATORS.split())
PLAIN = {name: operators(case.model) for name, case in node_tests().items() if plain_types(case.model)}
KNOWN = [name for name, used in PLAIN.items() if used <= OPERATORS.keys() | RULES.keys()]


def outcome(name: str) -> str:
    """What happens to the test: "passes", "differs", or the name of the typed error."""
    case = node_tests()[name]
    try:
        model = fastinfer.backend.prepare(case.model)
        found = [model.run(arrays(inputs)) for inputs, _ in case.data_sets]
    except FastinferError as error:
        return f"{type(error).__name__}"
    may_differ = EXPECTED_FAILURES.get(name, ("", ""))[0] == "differs"
    for results, (_, expected) in zip(found, case.data_sets, strict=True):
        for actual, wanted in zip(results, arrays(expected), strict=True):
            if may_differ and not np.allclose(actual, wanted, case.rtol, case.atol, equal_nan=True):
                return "differs"
            assert_close(actual, wanted, case.rtol, case.atol)
    return "passes"


@pytest.mark.filterwarnings("ignore:.*slow path")
@pytest.mark.parametrize("name", KNOWN)
def test_node(name: str) -> None:
    expected, reason = EXPECTED_FAILURES.get(name, ("passes", ""))
    assert outcome(name) == expected, reason


def test_most_promised_tests_pass() -> None:
    promised = [name for name, used in PLAIN.items() if used <= PROMISED]
    failing = [name for name in promised if name in EXPECTED_FAILURES]
    assert len(promised) > 600
    assert len(failing) < 0.05 * len(promised)
    assert set(EXPECTED_FAILURES) <= set(KNOWN)


def test_the_rest_is_refused_with_a_typed_error() -> None:
    others = [name for name in node_tests() if name not in KNOWN]
    assert len(others) > 400
    for name in others:
        with pytest.raises(FastinferError):
            fastinfer.backend.prepare(node_tests()[name].model)


def test_a_model_with_unknown_operators_is_not_compatible() -> None:
    unknown = [name for name, used in PLAIN.items() if "SoftmaxCrossEntropyLoss" in used]
    assert not fastinfer.backend.is_compatible(node_tests()[unknown[0]].model)
    assert fastinfer.backend.is_compatible(node_tests()["test_relu"].model)
    with pytest.raises(UnsupportedOperatorError, match="SoftmaxCrossEntropyLoss"):
        fastinfer.backend.prepare(node_tests()[unknown[0]].model)


def test_run_node() -> None:
    x = np.array([[-1, 2], [3, -4]], np.float32)
    (y,) = fastinfer.backend.run_node(helper.make_node("Relu", ["x"], ["y"]), [x])
    assert np.array_equal(y, np.maximum(x, 0))
    node = helper.make_node("Clip", ["x", "", "most"], ["y"])
    (y,) = fastinfer.backend.run_node(node, {"x": x, "most": np.float32(1)}, opset_version=13)
    assert np.array_equal(y, np.minimum(x, 1))


def test_outputs_have_names() -> None:
    node = helper.make_node("TopK", ["x", "k"], ["values", "indices"])
    found = fastinfer.backend.run_node(node, [np.array([3, 9, 4], np.float32), np.array([2])])
    assert found["values"].tolist() == [9, 4]
    assert found["indices"].tolist() == [1, 2]
    assert isinstance(found, tuple)


def test_devices_and_inputs() -> None:
    assert fastinfer.backend.supports_device("CPU")
    assert not fastinfer.backend.supports_device("CUDA")
    model = node_tests()["test_relu"].model
    with pytest.raises(ArgumentError, match="CUDA"):
        fastinfer.backend.prepare(model, "CUDA:0")
    with pytest.raises(InputError, match="missing inputs: x"):
        fastinfer.backend.run_model(model, [])
    with pytest.raises(ArgumentError, match="2 inputs, got 1"):
        fastinfer.backend.run_node(helper.make_node("Add", ["a", "b"], ["y"]), [np.zeros(2)])


def test_it_is_an_onnx_backend() -> None:
    assert issubclass(fastinfer.backend.FastinferBackend, onnx.backend.base.Backend)
    assert issubclass(fastinfer.backend.FastinferBackendRep, onnx.backend.base.BackendRep)
