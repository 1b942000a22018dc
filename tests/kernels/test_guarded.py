"""The guards of tests/guarded.py bite: touching one byte outside ends the process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from guarded import SLACK, guarded, guarded_start

TESTS = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("place", [guarded, guarded_start])
@pytest.mark.parametrize("shape", [(1,), (3, 5), (0, 4), (1024,), (1025, 3)])
def test_copies(place, shape) -> None:
    array = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    copy = place(array)
    assert np.array_equal(copy, array)
    assert copy.flags.c_contiguous
    copy[...] = 1


@pytest.mark.parametrize(("place", "offset"), [("guarded", 12 + SLACK), ("guarded_start", -1 - SLACK)])
def test_outside_is_forbidden(place: str, offset: int) -> None:
    code = (
        f"import sys, ctypes; sys.path.insert(0, {str(TESTS)!r})\n"
        f"import numpy as np; from guarded import {place}\n"
        f"a = {place}(np.zeros(3, np.float32)); print('inside', flush=True)\n"
        f"ctypes.string_at(a.ctypes.data + {offset}, 1); print('outside')"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.stdout == "inside\n", result.stderr
    assert result.returncode < 0
