"""How much is tested. FASTINFER_TEST_PROFILE=emulated: a share of the random examples, as emulation is slow.
FASTINFER_TEST_SHARE=i/n: the i-th of n shares of the tests outside tests/kernels and tests/emulated."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

import hypothesis
import pytest

EMULATED = os.environ.get("FASTINFER_TEST_PROFILE") == "emulated"
DIVISOR, FEWEST = 12, 4  # of random examples
HERE = Path(__file__).parent
UNDIVIDED = (HERE / "kernels", HERE / "emulated", HERE / "demo")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    dropped = [item for item in items if not in_share(item)]
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = [item for item in items if in_share(item)]
    if EMULATED:
        for item in items:
            adapt(item)


def in_share(item: pytest.Item) -> bool:
    index, _, count = os.environ.get("FASTINFER_TEST_SHARE", "0/1").partition("/")
    if any(folder in item.path.parents for folder in UNDIVIDED):
        return True
    return zlib.crc32(item.nodeid.encode()) % int(count) == int(index)


def adapt(item: pytest.Item) -> None:
    if item.get_closest_marker("native"):
        item.add_marker(pytest.mark.skip(reason="of the machine itself, not of an emulated processor"))
    test = getattr(item, "obj", None)
    if hypothesis.is_hypothesis_test(test):
        function = getattr(test, "__func__", test)
        own = function._hypothesis_internal_use_settings
        fewer = max(FEWEST, own.max_examples // DIVISOR)
        function._hypothesis_internal_use_settings = hypothesis.settings(own, max_examples=fewer, database=None)
