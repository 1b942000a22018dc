"""The engines of a model: the graph as it is, and the graph freed of a batch size that its exporter wrote into it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from fastinfer import _core
from fastinfer.errors import FastinferError, ShapeError
from fastinfer.file.source import Source
from fastinfer.graph.infer import NeedRun
from fastinfer.graph.ir import Graph, TensorType, ValueInfo
from fastinfer.graph.weight import Array
from fastinfer.passes.free_batch import free_batch, same_per_sample
from fastinfer.plan.report import PlanRow
from fastinfer.session.binding import Binder, NeedFeed
from fastinfer.session.engine import Engine
from fastinfer.session.locks import ForkSafeLock
from fastinfer.session.options import Options
from fastinfer.session.tuning import Tuner

Result = TypeVar("Result")


class Engines:
    """Picks the engine by the inputs. The freed one is made when first needed, if samples are proven independent."""

    def __init__(
        self,
        graph: Graph,
        declared: Sequence[ValueInfo],
        options: Options,
        tuner: Tuner | None = None,
        source: Source | None = None,
    ) -> None:
        self.main = Engine(graph, options, tuner=tuner, source=source)
        self._declared = declared
        self._freed: Engine | FastinferError | None = None
        self._lock = ForkSafeLock()
        # Declared for one sample: an input of another batch is only good for the freed graph.
        self.for_one = bool(declared) and all(info.shape and info.shape[0] == 1 for info in declared)

    def apply(self, inputs: Mapping[str, Array], action: Callable[[Engine], Result]) -> Result:
        """action(the engine for these inputs)."""
        batch = self._batch(inputs)
        if batch is None or batch == 1:
            return action(self.main)
        if self.for_one:
            return action(self._free(inputs, batch))
        try:
            return action(self.main)
        except ShapeError:
            # The batch is named, but shapes inside may hold the 1 that the file was exported with.
            try:
                freed = self._free(inputs, batch)
            except FastinferError:
                freed = None
            if freed is None:
                raise
        return action(freed)

    def run(self, inputs: Mapping[str, Array]) -> tuple[dict[str, Array], _core.Call | None]:
        """The outputs by name; and the same as one call, where there is one."""

        def action(engine: Engine) -> tuple[dict[str, Array], _core.Call | None]:
            return engine.run(inputs), engine.call

        return self.apply(inputs, action)

    def take_slow_steps(self) -> list[PlanRow]:
        """The slow steps of plans made since the last call."""
        return [row for engine in self._made() for row in engine.take_slow_steps()]

    def memory(self) -> dict[str, int]:
        """What the plans in the caches hold, in bytes."""
        total: dict[str, int] = {}
        for engine in self._made():
            for name, value in engine.memory().items():
                total[name] = total.get(name, 0) + value
        total["packed_bytes"] = self.main.cache.bytes  # once, however many plans use them
        return total

    def _made(self) -> list[Engine]:
        return [self.main, self._freed] if isinstance(self._freed, Engine) else [self.main]

    def _batch(self, inputs: Mapping[str, Array]) -> int | None:
        """The first dimension, if all inputs share it."""
        sizes = {array.shape[0] if array.ndim else None for array in inputs.values()}
        return sizes.pop() if len(sizes) == 1 else None

    def _free(self, inputs: Mapping[str, Array], batch: int) -> Engine:
        with self._lock:
            if self._freed is None:
                self._freed = self._make(inputs)
        if isinstance(self._freed, Engine):
            return self._freed
        reason = f"the model is made for a batch of 1, not of {batch}: {self._freed.reason}"
        raise ShapeError(reason, file=self.main.graph.file, node=self._freed.node, tensor=self._freed.tensor)

    def _make(self, inputs: Mapping[str, Array]) -> Engine | FastinferError:
        """The engine for any batch, or why there is none."""
        graph = self.main.graph
        dtypes = {info.name: info.dtype for info in self._declared}

        def types(batch: int) -> dict[str, TensorType]:
            return {name: TensorType(dtypes[name], (batch, *array.shape[1:])) for name, array in inputs.items()}

        try:
            one, values = Binder(graph).walk(types(1))
            freed = free_batch(graph, one, values)
            two, _ = Binder(freed).walk(types(2))
        except (NeedFeed, NeedRun):
            return ShapeError("shapes inside depend on data")
        except FastinferError as error:
            return error
        if not same_per_sample(one, two, freed):
            return ShapeError("the outputs do not carry the samples along their first axis")
        return Engine(freed, self.main.options, self.main.cache, self.main.tuner, self.main.source)
