"""How much is tested. FASTINFER_TEST_PROFILE=emulated: a share of the random examples, the same each time, and nothing
beside onnxruntime, as emulation is slow. FASTINFER_TEST_ELSEWHERE=tiers: another processor tests their rows."""

from __future__ import annotations

import os
import sys

import hypothesis
import pytest

from effort import EMULATED

DIVISOR, FEWEST = 20, 3  # of random examples
ELSEWHERE = os.environ.get("FASTINFER_TEST_ELSEWHERE", "").split()
if EMULATED:
    sys.modules["onnxruntime"] = None  # type: ignore[assignment]  # importing it now fails


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if EMULATED:
        for item in items:
            adapt(item)


def adapt(item: pytest.Item) -> None:
    if item.get_closest_marker("native"):
        item.add_marker(pytest.mark.skip(reason="of the machine itself, not of an emulated processor"))
    values = item.callspec.params.values() if hasattr(item, "callspec") else ()
    if any(isinstance(value, dict) and value.get("tier") in ELSEWHERE for value in values):
        item.add_marker(pytest.mark.skip(reason="another processor tests the rows of this tier"))
    if item.get_closest_marker("portable") and "scalar" in ELSEWHERE:
        item.add_marker(pytest.mark.skip(reason="another processor tests what has no tiers"))
    test = getattr(item, "obj", None)
    if hypothesis.is_hypothesis_test(test):
        function = getattr(test, "__func__", test)
        own = function._hypothesis_internal_use_settings
        function._hypothesis_internal_use_settings = hypothesis.settings(
            own,
            max_examples=max(FEWEST, own.max_examples // DIVISOR),
            database=None,
            deadline=None,
            derandomize=True,
            phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),  # to shrink an example would take long
            suppress_health_check=[*own.suppress_health_check, hypothesis.HealthCheck.too_slow],
        )
