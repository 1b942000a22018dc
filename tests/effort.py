"""How much is tried: on an emulated processor (FASTINFER_TEST_PROFILE=emulated) an eighth of what runs natively; every
algorithm on every network only with FASTINFER_TEST_PROFILE=thorough.
"""

from __future__ import annotations

import os

EMULATED = os.environ.get("FASTINFER_TEST_PROFILE") == "emulated"
THOROUGH = os.environ.get("FASTINFER_TEST_PROFILE") == "thorough"


def rounds(native: int) -> int:
    return native // 8 if EMULATED else native
