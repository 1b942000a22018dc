"""Plans by what they were made for, and running them: the stages of a model in turn."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from fastinfer import _core
from fastinfer.file.source import Source
from fastinfer.graph.dtype import DType
from fastinfer.graph.ir import Graph, Node, TensorType, ValueInfo
from fastinfer.graph.weight import Array
from fastinfer.plan.records import Program
from fastinfer.plan.report import PlanRow, plan_rows
from fastinfer.session.binding import Binder, NeedFeed, Stage
from fastinfer.session.core_errors import core_errors
from fastinfer.session.costs import CoreLayoutCosts
from fastinfer.session.locks import ForkSafeLock
from fastinfer.session.options import Options
from fastinfer.session.tuning import Tuner, Wishes

PLANS_KEPT = 16  # stages of one model; the least recently used goes
TUNING_CACHE = 1 << 30  # bytes of packed weights kept for the next candidates while timing
# Bytes of packed weights that one model's plans share: at least so many, and so many times its weights as f32, so that
# a plan's own (f63 makes seven times as many of a 3x3 filter) never push one another out.
WEIGHT_CACHE, WEIGHT_CACHE_TIMES = 1 << 28, 16


@dataclass(slots=True)
class PreparedStage:
    stage: Stage
    plan: _core.Plan | None  # None where the stage computes nothing
    call: _core.Call | None = None  # of the whole graph, if the stage is all of it and shapes are its plan's whole key


@dataclass(slots=True)
class StageRun:
    """One stage about to run: its plan, its input arrays, and room for its outputs."""

    prepared: PreparedStage
    inputs: list[Array]
    outputs: list[Array]


class Engine:
    """Runs one optimized graph; concurrent calls are fine. Only making a plan takes the lock."""

    def __init__(
        self,
        graph: Graph,
        options: Options,
        cache: _core.WeightCache | None = None,
        tuner: Tuner | None = None,
        source: Source | None = None,
    ) -> None:
        self.graph = graph
        self.tuner = tuner
        self.source = source
        self.options = options
        self._binder = Binder(graph, options.memory_limit, CoreLayoutCosts(options))
        dense = sum(4 * prod(weight.shape) for weight in graph.weights.values())
        self.cache = cache or _core.WeightCache(max(WEIGHT_CACHE, WEIGHT_CACHE_TIMES * dense))
        self._plans: OrderedDict[Any, PreparedStage] = OrderedDict()
        self._feeds: dict[int, frozenset[str]] = {}  # by a stage's first node: arrays whose elements are in its key
        self._slow: list[PlanRow] = []
        self._lock = ForkSafeLock()
        self.call: _core.Call | None = None  # what the last run would be, for arrays of the same types and shapes

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """The graph's outputs by name, in its order."""
        env = dict(inputs)
        call = None
        for stage in self.stages(env):
            call = stage.prepared.call
            if stage.prepared.plan is not None:
                with core_errors(self.graph.file):
                    stage.prepared.plan.run(stage.inputs, stage.outputs)
        self.call = call
        return {info.name: self._output(info, env, inputs) for info in self.graph.outputs}

    def stages(self, env: dict[str, Array]) -> Iterator[StageRun]:
        """Each stage, to be run by the caller before the next is asked for; env receives what they make."""
        start = 0
        known: dict[str, Array] = {}
        while True:
            prepared = self._prepare(start, env, known)
            stage = prepared.stage
            run = StageRun(
                prepared,
                [env[name] for name in stage.inputs],
                [np.empty(kind.shape, kind.dtype.numpy) for _, kind in stage.outputs],
            )
            yield run
            env.update((name, array) for (name, _), array in zip(stage.outputs, run.outputs, strict=True))
            env.update(stage.constants)
            known = {name: array for name, array in known.items() if self._binder.live(name, stage.stop)}
            known.update(stage.constants)
            if stage.need is not None:
                known[stage.need] = env[stage.need]
            start = stage.stop
            if stage.dynamic is not None:
                self._run_dynamic(stage, env)
                start += 1
            elif stage.need is None:
                return

    def _run_dynamic(self, stage: Stage, env: dict[str, Array]) -> None:
        """Run the node that the stage ended at."""
        node = stage.dynamic
        assert node is not None
        arrays = [self._array(name, env) if name else None for name in node.inputs]
        operands = [array for array in arrays[:2] if array is not None]
        with core_errors(self.graph.file):
            results = _core.run_dynamic(_DYNAMIC[node.op], operands, _dynamic_attributes(node, arrays))
        env.update(zip((name for name in node.outputs), results, strict=False))

    def _array(self, name: str, env: Mapping[str, Array]) -> Array:
        array = env.get(name)
        if array is None:
            array = self.graph.weights[name].dense()
            if array.dtype == np.float16:
                array = array.astype(np.float32)
        return np.require(array, requirements="C")

    def _output(self, info: ValueInfo, env: Mapping[str, Array], inputs: Mapping[str, Array]) -> Array:
        """An array of the caller's own, even where the output is an input or a constant."""
        name = info.name
        made = name in env and name not in inputs and name not in self.graph.weights
        array = self._array(name, env)
        if info.dtype is DType.F16 and array.dtype == np.float32:  # an f16 weight, which stands for f32 inside
            return array.astype(np.float16)
        return array if made and array.flags.owndata and array.flags.writeable else array.copy()

    def _prepare(self, start: int, env: Mapping[str, Array], known: Mapping[str, Array]) -> PreparedStage:
        """The plan of the stage that begins at node `start`, from the cache or new."""
        with self._lock:
            while True:
                feeds = self._feeds.get(start, frozenset())
                fed = {**known, **{name: env[name] for name in feeds if name in env}}
                key = self._key(start, env, fed)
                found = self._plans.get(key)
                if found is not None:
                    self._plans.move_to_end(key)
                    return found
                try:
                    found = self._make(start, env, fed)
                except NeedFeed as need:
                    self._feeds[start] = feeds | need.names
                    continue
                self._plans[key] = found
                while len(self._plans) > PLANS_KEPT:
                    self._plans.popitem(last=False)
                return found

    def _key(self, start: int, env: Mapping[str, Array], fed: Mapping[str, Array]) -> Any:
        shapes = tuple((name, a.shape) for name, a in env.items() if self._binder.live(name, start))
        values = tuple((name, a.shape, a.tobytes()) for name, a in sorted(fed.items()))
        return start, shapes, values

    def _make(self, start: int, env: Mapping[str, Array], fed: Mapping[str, Array]) -> PreparedStage:
        types = {
            name: TensorType(DType.of(a.dtype), a.shape) for name, a in env.items() if self._binder.live(name, start)
        }
        stage = self._binder.bind(start, types, fed)
        if stage.program is None:
            return PreparedStage(stage, None)
        wishes: Wishes = {}
        if self.tuner is not None:
            wishes = self._tune(self.tuner, stage.program, stage, env)
        let_go = self.source.let_go if self.source is not None and self.options.weights == "compressed" else None
        plan = self._core_plan(stage.program, self.cache, wishes, let_go)
        if let_go is not None:
            let_go()
            _core.trim_memory()
        self._slow += [row for row in plan_rows(stage.program, plan.report()) if row.slow]
        return PreparedStage(stage, plan, None if fed else self._call(stage, plan, env))

    def _call(self, stage: Stage, plan: _core.Plan, env: Mapping[str, Array]) -> _core.Call | None:
        """The whole graph for arrays like those of env; None if the stage is not all of it."""
        made = dict(stage.outputs)
        infos = self.graph.outputs
        all_made = all(info.name in made and made[info.name].dtype is info.dtype for info in infos)
        if stage.start > 0 or stage.need is not None or stage.dynamic is not None:
            return None
        if not all_made or len({info.name for info in infos}) != len(made):
            return None
        read = {name: number for number, name in enumerate(stage.inputs)}
        number = {name: i for i, (name, _) in enumerate(stage.outputs)}
        kinds = [(name, made[name]) for name in (info.name for info in infos)]
        with core_errors(self.graph.file):
            return _core.Call(
                plan,
                [(name, array.dtype, array.shape, read.get(name, -1)) for name, array in env.items()],
                [(name, kind.dtype.numpy, kind.shape, number[name]) for name, kind in kinds],
            )

    def _core_plan(
        self, program: Program, cache: _core.WeightCache, wishes: Wishes, let_go: Callable[[], None] | None = None
    ) -> _core.Plan:
        options = self.options
        with core_errors(self.graph.file):
            return _core.prepare(
                program,
                cache,
                options.isa,
                options.threads,
                dict(options.algorithms),
                options.memory_limit,
                wishes,
                options.weights,
                let_go,
            )

    def _tune(self, tuner: Tuner, program: Program, stage: Stage, env: Mapping[str, Array]) -> Wishes:
        """What timing says, now or in the past. Packed weights of the algorithms that lose are dropped."""
        cache = _core.WeightCache(TUNING_CACHE)
        inputs = [env[name] for name in stage.inputs]
        outputs = [np.empty(kind.shape, kind.dtype.numpy) for _, kind in stage.outputs]
        shapes = ";".join(f"{name}:{'x'.join(map(str, array.shape))}" for name, array in sorted(env.items()))
        with core_errors(self.graph.file):
            return tuner.wishes(program, shapes, lambda w: self._core_plan(program, cache, w), inputs, outputs)

    def take_slow_steps(self) -> list[PlanRow]:
        """The slow steps of plans made since the last call."""
        if not self._slow:
            return []
        with self._lock:
            slow, self._slow = self._slow, []
        return slow

    def memory(self) -> dict[str, int]:
        """What the plans in the cache hold, in bytes."""
        with self._lock:
            plans = [prepared.plan for prepared in self._plans.values() if prepared.plan is not None]
        total: dict[str, int] = {"plans": len(plans)}
        for plan in plans:
            for name, value in plan.memory().items():
                total[name] = total.get(name, 0) + int(value)
        return total


_DYNAMIC = {"NonZero": "nonzero", "NonMaxSuppression": "non_max_suppression", "Compress": "compress"}


def _dynamic_attributes(node: Node, arrays: list[Array | None]) -> dict[str, Any]:
    """The node's attributes; the limits of NonMaxSuppression, which are inputs, are among them."""
    limits = zip(("max_output_boxes_per_class", "iou_threshold", "score_threshold"), arrays[2:], strict=False)
    return {**node.attributes, **{name: array.item() for name, array in limits if array is not None}}
