"""A loaded model: immutable to its caller, and callable from any thread."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastinfer import _core
from fastinfer.errors import ArgumentError, FastinferError, MemoryLimitError
from fastinfer.file import ModelFile
from fastinfer.graph.ir import Dim, Graph, ValueInfo
from fastinfer.graph.weight import Array
from fastinfer.plan.report import PlanRow, PlanTable, ProfileTable
from fastinfer.session.arrays import check_shape, layout_of, name_arguments, to_array
from fastinfer.session.batch import Engines
from fastinfer.session.core_errors import translated
from fastinfer.session.inspect import plan_of, profile_of
from fastinfer.session.options import Options, integer
from fastinfer.session.picks import PickFile, machine
from fastinfer.session.tuning import Tuner

Result = npt.NDArray[Any] | dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """An input or output as the file declares it. A named dimension is the caller's choice; shape None: any rank."""

    name: str
    shape: tuple[Dim, ...] | None
    dtype: np.dtype[Any]
    layout: str  # NCHW: a picture, channels outermost; plain: row-major

    @classmethod
    def of(cls, info: ValueInfo) -> TensorInfo:
        return cls(info.name, info.shape, info.dtype.numpy, layout_of(info.shape))


class Model:
    """What load() returns.

        y = m(x)                 # one output: its array
        ys = m(left=a, right=b)  # several: a dict by name

    Inputs and outputs are as the file has them: row-major, pictures NCHW. A model made for a batch of 1 takes any, if
    no operator mixes samples. It pickles by its file's bytes (one with external data by its path, which must exist
    where it is unpickled), works in forked and spawned children, and may be called by several threads at once.
    """

    def __init__(self, graph: Graph, options: Options, file: ModelFile) -> None:
        self._file = file
        self._options = options
        self._declared = tuple(file.graph.inputs)
        self._engines = Engines(graph, self._declared, options, self._tuner() if options.tune else None, file.source)
        self._call: _core.Call | None = None  # the last run, for arrays of the same types and shapes
        self._warned = False

    def __repr__(self) -> str:
        name = self._file.graph.name or self._file.source.path or "model"
        return f"<fastinfer.Model {name!r}: {len(self.inputs)} inputs, {len(self.outputs)} outputs>"

    @property
    def inputs(self) -> tuple[TensorInfo, ...]:
        return tuple(map(TensorInfo.of, self._declared))

    @property
    def outputs(self) -> tuple[TensorInfo, ...]:
        return tuple(map(TensorInfo.of, self._file.graph.outputs))

    @property
    def graph(self) -> Graph:
        """The graph as the file has it, before any pass. Not to be changed."""
        return self._file.graph

    @property
    def options(self) -> Options:
        """What load() was asked for."""
        return self._options

    @property
    def threads(self) -> int:
        return self._options.threads

    def __call__(self, *args: object, **kwargs: object) -> Result:
        """Run. Arrays in the model's order, or by name, or one mapping; NumPy, DLPack or array interface.

        A dtype that is not the input's is refused, not cast. Raises InputError, DTypeError, ShapeError,
        MemoryLimitError, UnsupportedOperatorError.
        """
        outputs = None if kwargs else self._run_again(args)
        if outputs is None:
            outputs = self.run(self._named(args, kwargs))
        return next(iter(outputs.values())) if len(outputs) == 1 else outputs

    def run(self, given: Mapping[str, object]) -> dict[str, Array]:
        """Run on arrays by name, whatever the names; always a dict. Raises as a call does."""
        named = self._named((), given)
        again = self._run_again(tuple(named[info.name] for info in self._declared))
        if again is not None:
            return again
        outputs, self._call = self._engines.run(self._arrays(named))
        slow = self._engines.take_slow_steps()
        if slow:
            self._warn_of_slow_steps(slow)
        return outputs

    def _run_again(self, arrays: tuple[object, ...]) -> dict[str, Array] | None:
        """The outputs, if these are arrays of the last run's types and shapes: all else is known to be in order."""
        if self._call is None:
            return None
        try:
            return self._call.run(arrays)
        except (_core.CoreError, MemoryError) as error:
            raise translated(error, self._file.graph.file) from None

    def plan(self, *args: object, **kwargs: object) -> PlanTable:
        """The steps for these inputs: arrays as for a call, or shapes as tuples; without any, the declared shapes.

        A named batch dimension (the first) counts as 1; other named dimensions must be given.
        """
        inputs = self._example(args, kwargs)
        return self._engines.apply(inputs, lambda engine: plan_of(engine, inputs))

    def profile(self, *args: object, runs: int = 20, **kwargs: object) -> ProfileTable:
        """Each step's time over so many runs, beside the machine's measured peak. Inputs as for a call or plan()."""
        runs = integer("runs", runs, 1, 1_000_000)
        inputs = self._example(args, kwargs)
        return self._engines.apply(inputs, lambda engine: profile_of(engine, inputs, runs))

    def memory(self) -> dict[str, int]:
        """Bytes: weights as stored in the model, and what the plans made so far hold.

        weights_stored is the file's own, which stays mapped; packed_bytes are the weights as the kernels want them,
        shared by the plans; arena_bytes activations and workspaces, of which workspace_bytes (unshared_bytes: if every
        tensor had memory of its own); scratch_bytes what all threads use within steps. arenas: how many runs at a time
        there have been, each with an arena and scratch; plans: how many there are.
        """
        stored = sum(weight.nbytes for weight in self._file.graph.weights.values())
        return {"weights_stored": stored, **self._engines.memory()}

    def __reduce__(self) -> tuple[Any, ...]:
        from fastinfer.session.loading import reload

        options = self._options
        if self._file.external_data:
            path = os.path.abspath(str(self._file.source.path))
            return reload, (path, options)
        return reload, (self._file.content(), options)

    def shapes_known(self) -> bool:
        """Whether plan() and profile() can do without being given shapes."""
        shapes = [info.shape for info in self._declared]
        return all(shape is not None and not any(isinstance(n, str) for n in shape[1:]) for shape in shapes)

    def _tuner(self) -> Tuner:
        import hashlib  # here: OpenSSL takes a while to load

        name = self._file.source.path
        model = hashlib.sha256(self._file.source.buffer).hexdigest()
        return Tuner(PickFile(model, machine(self._options)), os.path.basename(name) if name else "")

    # Arguments

    def _named(self, args: Sequence[object], kwargs: Mapping[str, object]) -> dict[str, object]:
        try:
            return name_arguments(args, kwargs, self._declared)
        except FastinferError as error:
            raise error.located(file=self._file.source.path) from None

    def _arrays(self, given: Mapping[str, object]) -> dict[str, Array]:
        """Something given for every input -> arrays of the inputs' types and shapes."""
        try:
            arrays = {info.name: to_array(given[info.name], info) for info in self._declared}
            sizes: dict[str, int] = {}
            for info in self._declared:
                check_shape(arrays[info.name], info, sizes, any_batch=self._engines.for_one)
        except FastinferError as error:
            raise error.located(file=self._file.source.path) from error.__cause__
        return arrays

    def _example(self, args: Sequence[object], kwargs: Mapping[str, object]) -> dict[str, Array]:
        """Arrays for plan() and profile(): those given, zeros of a shape given as a tuple, or of the declared shape."""
        if not args and not kwargs:
            return {info.name: _zeros(self._declared_shape(info), info) for info in self._declared}
        given = self._named(args, kwargs)
        for info in self._declared:
            value = given[info.name]
            if isinstance(value, tuple):
                shape = tuple(integer(f"size {i} of {info.name}", n, 0, 1 << 40) for i, n in enumerate(value))
                given[info.name] = _zeros(shape, info)
        return self._arrays(given)

    def _declared_shape(self, info: ValueInfo) -> tuple[int, ...]:
        if info.shape is None:
            raise ArgumentError("the model does not say this input's rank: give its shape", tensor=info.name)
        for axis, size in enumerate(info.shape):
            if isinstance(size, str) and axis > 0:
                reason = f"dimension {axis} ({size!r}) of {info.shape} is the caller's choice: give the shape"
                raise ArgumentError(reason, tensor=info.name)
        return tuple(1 if isinstance(size, str) else size for size in info.shape)

    def _warn_of_slow_steps(self, slow: Sequence[PlanRow]) -> None:
        if not self._warned:
            self._warned = True
            shown = "; ".join(f"{row.step}: {row.why}" for row in slow[:3])
            more = f" and {len(slow) - 3} more" if len(slow) > 3 else ""
            warnings.warn(f"{len(slow)} steps take a slow path ({shown}{more}); see m.plan()", stacklevel=4)


def _zeros(shape: tuple[int, ...], info: ValueInfo) -> Array:
    try:
        return np.zeros(shape, info.dtype.numpy)
    except (MemoryError, ValueError) as error:  # ValueError: NumPy's bound of an array's size
        raise MemoryLimitError(f"an array of shape {shape} does not fit in memory", tensor=info.name) from error
