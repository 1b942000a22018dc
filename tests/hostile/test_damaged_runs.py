"""Damaged models, loaded and run under a memory limit: an answer or a typed error, no crash and no hang."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from effort import rounds
from hostile.small_models import MODELS

ROUNDS = rounds(400)
TESTS = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("name", MODELS)
def test_damaged_models_run_or_are_refused(name: str) -> None:
    path = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-m", "hostile.run_damaged", name, str(ROUNDS)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout.splitlines()[-1:]}: {done.stderr[-2000:]}"
    seen = json.loads(done.stdout.splitlines()[-1])
    assert sum(seen.values()) == ROUNDS
    assert seen["ran"] > 0
