"""A progress bar on standard error, if that is a terminal."""

from __future__ import annotations

import sys

_WIDTH = 30


class Progress:
    """more() says how much there is to do, advance() that some is done; close() wipes the line."""

    def __init__(self, task: str) -> None:
        self._task = task
        self._total = self._done = 0
        self._shown = sys.stderr is not None and sys.stderr.isatty()

    def more(self, count: int) -> None:
        self._total += count
        self._draw()

    def advance(self) -> None:
        self._done += 1
        self._draw()

    def close(self) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def _draw(self) -> None:
        if not self._shown:
            return
        filled = _WIDTH * self._done // max(1, self._total)
        sys.stderr.write(f"\r\x1b[K{self._task} [{'#' * filled:{_WIDTH}}] {self._done}/{self._total}")
        sys.stderr.flush()
