"""How much is tried: on an emulated processor (FASTINFER_TEST_PROFILE=emulated) an eighth of what runs natively."""

from __future__ import annotations

import os

EMULATED = os.environ.get("FASTINFER_TEST_PROFILE") == "emulated"


def rounds(native: int) -> int:
    return native // 8 if EMULATED else native
