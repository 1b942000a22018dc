"""Where fastinfer keeps what it may lose: FASTINFER_CACHE, else the user's cache folder."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def cache_folder() -> Path:
    """The folder, which need not exist yet."""
    from pathlib import Path  # here: only tuning needs it

    chosen = os.environ.get("FASTINFER_CACHE")
    if chosen:
        return Path(chosen)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "fastinfer"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fastinfer"
