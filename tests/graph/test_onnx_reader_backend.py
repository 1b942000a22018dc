"""The ONNX backend node tests for what the reader rewrites, computed by onnx's own reference on the canonical graph."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from onnx.backend.test.loader import load_model_tests
from onnx.reference import ReferenceEvaluator

from canonical_onnx import to_onnx
from fastinfer.errors import DTypeError, FileFormatError, UnsupportedOperatorError
from fastinfer.file import open_model
from fastinfer.file.onnx.rules import RULES
from fastinfer.graph.operators import OPERATORS

# onnx's reference refuses Cast in opset 28, where it has no round_mode for plain types.
_REFERENCE_LACKS = {"Cast", "CastLike"}


def _cases() -> list[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tests = load_model_tests(kind="node")
    known = (set(RULES) | set(OPERATORS)) - _REFERENCE_LACKS
    return [test for test in tests if _operators(test) & set(RULES) and _operators(test) <= known]


def _operators(test: Any) -> set[str]:
    return {node.op_type for node in test.model.graph.node}


CASES = _cases()


def test_there_are_cases() -> None:
    assert len(CASES) > 150


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_canonical_form(case: Any) -> None:
    try:
        graph = open_model(case.model.SerializeToString()).graph
    except (UnsupportedOperatorError, DTypeError, FileFormatError) as error:
        pytest.skip(f"refused: {error.reason}")
    evaluator = ReferenceEvaluator(to_onnx(graph, 28))
    for inputs, outputs in case.data_sets:
        feeds = {info.name: np.asarray(x) for info, x in zip(graph.inputs, inputs, strict=True)}
        for got, wanted in zip(evaluator.run(None, feeds), outputs, strict=True):
            assert got.dtype == np.asarray(wanted).dtype
            np.testing.assert_allclose(got, wanted, rtol=case.rtol, atol=max(case.atol, 1e-6))
