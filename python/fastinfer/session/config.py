"""What was built, and what the environment asks for."""

from __future__ import annotations

from fastinfer import _core
from fastinfer.errors import ArgumentError, IsaError


def build_config() -> _core.BuildConfig:
    """Version, compiler, tiers (compiled, usable here, and why not), CPU features, threads, cache sizes in bytes.

    Raises IsaError if FASTINFER_ISA, ArgumentError if FASTINFER_NUM_THREADS asks for what cannot be.
    """
    try:
        return _core.build_config()
    except _core.CoreError as error:
        raise (IsaError if error.kind == "isa" else ArgumentError)(error.reason) from None
