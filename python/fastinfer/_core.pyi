"""The C++ core (cpp/bindings, one file for each part)."""

from collections.abc import Callable
from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt

class CoreError(Exception):
    """args: (kind, node, tensor, reason), kinds as in cpp/base/error.h; node and tensor may be ""."""

    kind: str
    node: str
    tensor: str
    reason: str

class CacheBytes(TypedDict):
    l1d: int
    l2: int
    l3: int

class BuildConfig(TypedDict):
    version: str
    compiler: str
    tiers_compiled: list[str]
    tiers_usable: list[str]
    tiers_not_usable: dict[str, str]
    features: list[str]
    cpus: int
    threads: int
    cache_bytes: CacheBytes

__version__: str

def build_config() -> BuildConfig:
    """Version, compiler, tiers (compiled, usable, and why not), CPU features, threads, cache sizes."""

def kernels() -> list[dict[str, Any]]:
    """Every row of every kernel table: name, family, tier, lhs, rhs, dst, usable, and properties of its own."""

def run_kernel(name: str, **kwargs: Any) -> Any:
    """Runs one kernel over NumPy arrays; arguments as its cpp/bindings/run_<family>.cc says."""

def run_reference(family: str, **kwargs: Any) -> Any:
    """The family's float64 reference, of the same arguments."""

def conv_cycles(
    *,
    x: tuple[int, ...],
    y: tuple[int, ...],
    groups: int,
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    dilations: tuple[int, ...],
    pads: tuple[int, ...],
    density: float,
    block_outputs: int,
    isa: str | None,
    forced: str,
) -> tuple[float, float]:
    """What the cost model expects of a convolution (x, y: NCHW shapes; pads: top, left) in NHWC and of planar tensors.

    block_outputs: of the blocks that the weights are stored in, 1 or 4; 0 where they are in none.

    Infinity where none can, or where `forced` names an algorithm of the other layout.
    """

def pool_cycles(
    *,
    x: tuple[int, ...],
    y: tuple[int, ...],
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    dilations: tuple[int, ...],
    pads: tuple[int, ...],
    isa: str | None,
) -> tuple[float, float]:
    """What it expects of max or average pooling of NCHW shapes over NHWC tensors and over planar ones; infinity where
    no planar kernel takes the window. isa: None for that of FASTINFER_ISA.
    """

def layout_cycles(bytes: int, isa: str | None = None) -> float:
    """What it expects of a copy from one layout to another."""

def run_dynamic(op: str, arrays: list[npt.NDArray[Any]], attributes: dict[str, Any]) -> list[npt.NDArray[Any]]:
    """Runs an operator whose output size depends on data: nonzero, compress, non_max_suppression."""

def huffman_encode(symbols: npt.NDArray[np.uint8], alphabet: int) -> npt.NDArray[np.uint8]:
    """The block of symbols below `alphabet`, as cpp/kernels/huffman/huffman.h says."""

def huffman_decode(block: npt.NDArray[np.uint8], count: int, alphabet: int) -> npt.NDArray[np.uint8]:
    """The symbols of a block; CoreError (kind value) if it is malformed."""

def trim_memory() -> None:
    """Gives memory that the allocator keeps for later back to the system, where it can."""

class WeightCache:
    """The weights of one model, packed once for all of its plans; the least recently used go beyond the limit."""

    def __init__(self, limit_bytes: int) -> None: ...
    @property
    def bytes(self) -> int: ...
    @property
    def entries(self) -> int: ...

class Plan:
    """A prepared program. Runs from many threads at once; the GIL is released."""

    def run(self, inputs: list[npt.NDArray[Any]], outputs: list[npt.NDArray[Any]]) -> None:
        """C-contiguous arrays of the bytes that the program's input and output buffers have."""

    def profile(
        self, inputs: list[npt.NDArray[Any]], outputs: list[npt.NDArray[Any]], runs: int
    ) -> npt.NDArray[np.float64]:
        """Seconds of each step of each run: (runs, steps)."""

    def report(self) -> list[dict[str, Any]]:
        """A dict for each step: op, name, shape, dtype, algorithm, kernel, macs, bytes, weights (that are read), why,
        refused (algorithm to reason), candidates (those that might be taken to their estimated cycles), scratch_bytes
        (of one thread), lowered_bytes (algorithm to bytes of the matrix that it lowers one image to), errors (algorithm
        that transforms to its expected error, as a share of the output's root mean square), slow (a large step without
        a fast kernel), group (its number), stripe_rows (of its group; 0: whole steps), stripe_refusal (why the group
        does not run by stripes though asked to)."""

    def memory(self) -> dict[str, int]:
        """Bytes of the arena and of what stands beside it."""

    @property
    def threads(self) -> int: ...

class Call:
    """A plan for arrays of known types and shapes: checks them, makes the outputs, runs.

    inputs, outputs: (name, type, shape, number among the plan's arrays), every array of the plan's once; an input of
    number -1 is checked, but not read.
    """

    def __init__(
        self,
        plan: Plan,
        inputs: list[tuple[str, np.dtype[Any], tuple[int, ...], int]],
        outputs: list[tuple[str, np.dtype[Any], tuple[int, ...], int]],
    ) -> None: ...
    def run(self, arrays: tuple[object, ...]) -> dict[str, npt.NDArray[Any]] | None:
        """The outputs by name; None, and nothing done, if these are not C-contiguous arrays of those types and
        shapes."""

def prepare(
    program: Any,
    cache: WeightCache,
    isa: str | None = None,
    threads: int = 0,
    algorithms: dict[str, str] = ...,
    memory_limit: int | None = None,
    tuned: dict[int, tuple[str, str]] = ...,
    weights: str = "auto",
    let_go: Callable[[], None] | None = None,
) -> Plan:
    """Checks, chooses, packs and places a fastinfer.plan.records.Program. memory_limit None: no limit; tuned: step
    number to (algorithm, why), taken where it can be; weights: auto, compressed (those in a compressed form stay in one
    where a kernel takes it) or dense; let_go: called whenever a step has read its weights."""

def _place_arena(items: list[tuple[int, int, int]]) -> tuple[int, list[int]]:
    """(bytes, first group, last group) of each buffer to (arena bytes, offsets)."""

def measure_peak(kind: str, threads: int = 1, bytes: int = 0, isa: str = "", seconds: float = 0.02) -> float:
    """The most that this machine does per second: MAC for kind "fma", bytes moved for "read" and "copy"."""

def gemm_best_row(form: str, m: int, n: int, k: int, isa: str = "") -> str | None:
    """Name of the gemm row that the plan takes for a product, or None."""

def mec_offsets(**arguments: Any) -> npt.NDArray[np.int32]:
    """Byte offsets (taps, pixels) into the matrix that an im2col kernel makes of strip=(image, begin, end)."""

def im2col_offsets(**arguments: Any) -> npt.NDArray[np.int32]:
    """Byte offsets (taps, rows) of implicit im2col, for the arguments of the im2col kernels; -2**31 is the pad row."""

def _pool_run(
    threads: int, tasks: int, inner: int = 0, microseconds: int = 0, first: int = 0
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]: ...
def _pool_seconds(threads: int, calls: int, meet: bool = False) -> npt.NDArray[np.float64]: ...
def _pool_flushing(threads: int, tasks: int) -> npt.NDArray[np.int64]: ...
def _pool_started() -> int: ...
def _cgroup_quota(root: str, self: str) -> float: ...
