"""The options of load(), checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral

from fastinfer.errors import ArgumentError

MEMORY_LIMIT = 1 << 34  # bytes that the activations of one plan may take unless load() says otherwise
WEIGHT_FORMS = ("auto", "compressed", "dense")
_THREADS = 256  # the pool's bound (cpp/cpu/topology.h)


@dataclass(frozen=True, slots=True)
class Options:
    threads: int
    isa: str | None = None
    weights: str = "auto"
    memory_limit: int = MEMORY_LIMIT
    algorithms: tuple[tuple[str, str], ...] = ()  # (step name or "*", algorithm)
    tune: bool = False

    @classmethod
    def checked(
        cls,
        threads: int | None,
        isa: str | None,
        weights: str,
        memory_limit: int | None,
        algorithm: str | Mapping[str, str] | None,
        default_threads: int,
        tune: bool = False,
    ) -> Options:
        """Defaults filled in; ArgumentError for what is no such option."""
        if isa is not None and not isinstance(isa, str):
            raise ArgumentError(f"isa is the name of a tier, not {isa!r}")
        if not isinstance(weights, str) or weights not in WEIGHT_FORMS:
            raise ArgumentError(f"weights is one of {', '.join(WEIGHT_FORMS)}, not {weights!r}")
        if not isinstance(tune, bool):
            raise ArgumentError(f"tune is True or False, not {tune!r}")
        limit = MEMORY_LIMIT if memory_limit is None else integer("memory_limit", memory_limit, 1, 1 << 62)
        number = default_threads if threads is None else integer("threads", threads, 1, _THREADS)
        return cls(number, isa, weights, limit, _algorithms(algorithm), tune)


def _algorithms(algorithm: str | Mapping[str, str] | None) -> tuple[tuple[str, str], ...]:
    if algorithm is None:
        return ()
    if isinstance(algorithm, str):
        return (("*", algorithm),)
    if isinstance(algorithm, Mapping) and all(isinstance(v, str) for pair in algorithm.items() for v in pair):
        return tuple(algorithm.items())
    raise ArgumentError(f"algorithm is a name, or names by step, not {algorithm!r}")


def integer(name: str, value: object, least: int, most: int) -> int:
    """The value as an int in [least, most]; ArgumentError for anything else, booleans included."""
    if isinstance(value, bool) or not isinstance(value, Integral) or not least <= int(value) <= most:
        raise ArgumentError(f"{name} is an integer from {least} to {most}, not {value!r}")
    return int(value)
