"""What timing found, and the file that keeps it: one for each model and machine, in the cache folder.

The file is JSON:

    {"format": 1, "machine": {...}, "model": sha256 of its bytes,
     "plans": {input shapes: {step: {"algorithm": name, "seconds": {algorithm: seconds}, "of": [algorithms]}}}}

where `step` is a digest of the step and of the group that it runs in (fastinfer.session.tuning), and `of` are the
candidates that there were, timed or not. Writers merge what they know into what is there and rename a whole new file
over it, one at a time where the system has file locks, so a reader sees a whole file at any moment.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from fastinfer.errors import TuningCacheWarning
from fastinfer.session.cache_folder import cache_folder
from fastinfer.session.config import build_config
from fastinfer.session.options import Options

if TYPE_CHECKING:
    from pathlib import Path

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Pick:
    """The fastest of the candidates that were timed."""

    algorithm: str
    seconds: dict[str, float]  # by algorithm; of the step's whole group, if it runs in one with others
    of: tuple[str, ...]  # the candidates that there were, sorted

    @classmethod
    def fastest(cls, seconds: Mapping[str, float], of: tuple[str, ...]) -> Pick:
        return cls(min(seconds, key=lambda name: seconds[name]), dict(seconds), of)

    def why(self) -> str:
        """For m.plan()."""
        others = [(time, name) for name, time in self.seconds.items() if name != self.algorithm]
        against = f" against {min(others)[0] * 1e3:.3g} ms by {min(others)[1]}" if others else ""
        return f"tuned: {self.seconds[self.algorithm] * 1e3:.3g} ms{against}"


Picks = dict[str, Pick]  # by step


def machine(options: Options) -> dict[str, Any]:
    """All that times depend on but the model."""
    config = build_config()
    return {
        "cpu": _cpu_name(),
        "features": config["features"],
        "tiers": config["tiers_usable"],
        "caches": config["cache_bytes"],
        "version": config["version"],
        "threads": options.threads,
        "isa": options.isa,
        "weights": options.weights,
        "algorithms": sorted(map(list, options.algorithms)),
    }


def _cpu_name() -> str:
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            name, _, value = line.partition(":")
            if name.strip() in ("model name", "Model"):
                return value.strip()
    return platform.processor() or platform.machine()


class PickFile:
    """The picks of one model on one machine."""

    def __init__(self, model: str, machine: Mapping[str, Any]) -> None:
        import hashlib  # here: OpenSSL takes a while to load

        self._head = {"format": FORMAT, "machine": dict(machine), "model": model}
        digest = hashlib.sha256(json.dumps(self._head["machine"], sort_keys=True).encode()).hexdigest()
        self.path = cache_folder() / "tuning" / f"{model[:16]}-{digest[:16]}.json"

    def read(self, shapes: str) -> Picks:
        """What is known for these input shapes; nothing, and a TuningCacheWarning, if the file is not as it should."""
        return self._plans().get(shapes, {})

    def add(self, shapes: str, picks: Picks) -> None:
        """Merge these into the file. TuningCacheWarning if it cannot be written."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with _locked(self.path.with_suffix(".lock")):
                plans = self._plans()
                plans[shapes] = {**plans.get(shapes, {}), **picks}
                self._replace(plans)
        except OSError as error:
            warnings.warn(f"tuning is not kept: {error}", TuningCacheWarning, stacklevel=2)

    def _plans(self) -> dict[str, Picks]:
        try:
            content = json.loads(self.path.read_bytes())
            if {key: content[key] for key in self._head} != self._head:
                raise ValueError("it is of another model or machine")
            return {
                str(shapes): {str(step): _pick(entry) for step, entry in steps.items()}
                for shapes, steps in content["plans"].items()
            }
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            warnings.warn(f"{self.path} is ignored: {error!r}", TuningCacheWarning, stacklevel=2)
            return {}

    def _replace(self, plans: Mapping[str, Picks]) -> None:
        content = {shapes: {step: asdict(pick) for step, pick in picks.items()} for shapes, picks in plans.items()}
        part = self.path.with_suffix(f".{os.getpid()}-{os.urandom(4).hex()}.part")
        try:
            part.write_text(json.dumps({**self._head, "plans": content}, indent=1), encoding="utf-8")
            part.replace(self.path)
        finally:
            part.unlink(missing_ok=True)


def _pick(entry: Mapping[str, Any]) -> Pick:
    """ValueError, TypeError or KeyError for what is none."""
    seconds = {str(name): float(time) for name, time in entry["seconds"].items()}
    pick = Pick.fastest(seconds, tuple(map(str, entry["of"])))
    if pick.algorithm != entry["algorithm"] or not all(0 < time < float("inf") for time in seconds.values()):
        raise ValueError("a pick is not the fastest of its times")
    return pick


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One process at a time, where there are file locks; without them a merge may lose another's, never the file."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with open(path, "w") as file:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
