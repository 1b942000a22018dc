"""Material that tests use and the project does not hold: trained networks, photographs, weightless architectures."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_DEFAULT = Path(__file__).resolve().parents[2] / "shared" / "data"
DATA = Path(os.environ.get("FASTINFER_ASSETS") or _DEFAULT)
NETS = DATA.parent / "nets"  # the published architectures as weightless ONNX graphs


def require(path: Path) -> Path:
    """The path, which must exist: without it the test is skipped, or fails if FASTINFER_REQUIRE_ASSETS=1."""
    if path.exists():
        return path
    reason = f"{path} is not there (set FASTINFER_ASSETS)"
    if os.environ.get("FASTINFER_REQUIRE_ASSETS") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
