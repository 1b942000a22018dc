"""Lowering without the core: ONNX's node tests through the whole session, its programs run by the interpreter.

What fails here is wrong in passes, binding or lowering; what fails only in tests/models is wrong in the core.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from fastinfer.errors import FastinferError
from fastinfer.plan.records import Program
from fastinfer.session import engine, load
from models.onnx_expected_failures import EXPECTED_FAILURES
from models.test_onnx_backend import KNOWN
from onnx_nodes import arrays, assert_close, node_tests
from plan import interpreter


class InterpretedPlan:
    def __init__(self, program: Program, *options: Any) -> None:
        self.program = program

    def run(self, inputs: Sequence[np.ndarray], outputs: Sequence[np.ndarray]) -> None:
        for target, found in zip(outputs, interpreter.run(self.program, inputs), strict=True):
            target.reshape(-1).view(np.uint8)[...] = found

    def report(self) -> list[dict[str, Any]]:
        return []


@pytest.fixture(autouse=True)
def _without_the_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine._core, "prepare", InterpretedPlan, raising=False)
    monkeypatch.setattr(engine._core, "Call", lambda *given: None)  # which would run a plan of the core's
    monkeypatch.setattr(engine, "plan_rows", lambda program, report: [])


@pytest.mark.parametrize("name", [name for name in KNOWN if name not in EXPECTED_FAILURES])
def test_node(name: str) -> None:
    case = node_tests()[name]
    model = load(case.model.SerializeToString())
    for inputs, expected in case.data_sets:
        found = model(*arrays(inputs))
        results = list(found.values()) if isinstance(found, dict) else [found]
        for actual, wanted in zip(results, arrays(expected), strict=True):
            assert_close(actual, wanted, case.rtol, case.atol)


@pytest.mark.parametrize("name", [name for name, (kind, _) in EXPECTED_FAILURES.items() if kind != "differs"])
def test_refused(name: str) -> None:
    case = node_tests()[name]
    with pytest.raises(FastinferError):
        load(case.model.SerializeToString())(*arrays(case.data_sets[0][0]))
