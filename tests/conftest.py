"""How much is tested. FASTINFER_TEST_PROFILE=emulated: a share of the random examples, and no comparison with
onnxruntime, as emulation is slow."""

from __future__ import annotations

import os
import sys

import hypothesis
import pytest

EMULATED = os.environ.get("FASTINFER_TEST_PROFILE") == "emulated"
DIVISOR, FEWEST = 12, 4  # of random examples
if EMULATED:
    sys.modules["onnxruntime"] = None  # type: ignore[assignment]  # importing it now fails


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if EMULATED:
        for item in items:
            adapt(item)


def adapt(item: pytest.Item) -> None:
    if item.get_closest_marker("native"):
        item.add_marker(pytest.mark.skip(reason="of the machine itself, not of an emulated processor"))
    test = getattr(item, "obj", None)
    if hypothesis.is_hypothesis_test(test):
        function = getattr(test, "__func__", test)
        own = function._hypothesis_internal_use_settings
        fewer = max(FEWEST, own.max_examples // DIVISOR)
        patient = [*own.suppress_health_check, hypothesis.HealthCheck.too_slow]
        function._hypothesis_internal_use_settings = hypothesis.settings(
            own, max_examples=fewer, database=None, deadline=None, suppress_health_check=patient
        )
