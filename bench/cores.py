"""Whether so many threads run on as many cores at this moment.

The processors of a virtual machine may be two threads of one core for some milliseconds or for seconds, and neither the
load nor the "steal" time of /proc/stat tells: a loop of nothing but multiply-accumulates on all of them does. What
several threads took at such a moment says nothing about them, so the benches take it again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeVar

from fastinfer import _core

WHOLE = 0.85  # of as many times what one thread does
SLICE = 0.004  # seconds
TRIES = 20

T = TypeVar("T")


def whole(threads: int) -> bool:
    """True if the threads do together about as much as each would alone."""
    one = _core.measure_peak("fma", threads=1, seconds=SLICE)
    return _core.measure_peak("fma", threads=threads, seconds=SLICE) > WHOLE * threads * one


def on_cores(threads: int, measure: Callable[[], T]) -> T:
    """measure(), taken again while the threads had not as many cores right after it."""
    for _ in range(TRIES):
        value = measure()
        if threads == 1 or whole(threads):
            return value
    print(f"{threads} threads had no {threads} cores in {TRIES} tries; the last one counts", file=sys.stderr)
    return value
