"""load(tune=True): what it takes, what it remembers, and what it does with a file that it cannot use."""

from __future__ import annotations

import json
import multiprocessing
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, helper

from fastinfer.errors import ArgumentError, TuningCacheWarning
from fastinfer.graph.weight import Array
from fastinfer.session import tuning
from fastinfer.session.picks import Pick, PickFile
from models.small_models import load, model_of, picture


def network(channels: int = 24, size: int = 16) -> ModelProto:
    """Three convolutions; the last two are alike but for their weights."""
    random = np.random.default_rng(3)
    nodes = [
        helper.make_node("Conv", ["x", "a"], ["p"], name="first", pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("Conv", ["p", "b"], ["q"], name="second", pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["q", "c"], ["y"], name="third", pads=[1, 1, 1, 1]),
    ]
    weights = {
        "a": random.standard_normal((channels, 3, 3, 3), dtype=np.float32),
        "b": random.standard_normal((channels, channels, 3, 3), dtype=np.float32),
        "c": random.standard_normal((channels, channels, 3, 3), dtype=np.float32),
    }
    return model_of(nodes, [("x", (1, 3, size, size))], ["y"], weights)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FASTINFER_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def timings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each time that candidates were timed: how many steps."""
    calls: list[int] = []
    real = tuning.time_candidates

    def counted(steps: Any, *args: Any) -> Any:
        calls.append(len(steps))
        return real(steps, *args)

    monkeypatch.setattr(tuning, "time_candidates", counted)
    return calls


def file_of(cache: Path) -> Path:
    (path,) = (cache / "tuning").glob("*.json")
    return path


def entries(cache: Path) -> list[dict[str, Any]]:
    plans = json.loads(file_of(cache).read_bytes())["plans"]
    return [entry for steps in plans.values() for entry in steps.values()]


def test_the_fastest_is_taken_and_told(cache: Path, timings: list[int]) -> None:
    m = load(network(), tune=True)
    assert timings  # at load, since the shapes are known
    found = entries(cache)
    assert found
    for entry in found:
        assert entry["algorithm"] == min(entry["seconds"], key=entry["seconds"].get)
        assert set(entry["seconds"]) <= set(entry["of"])
    rows = {row.step: row for row in m.plan().rows}
    for name in ("first", "second", "third"):
        assert rows[name].why.startswith("tuned: ") and " against " in rows[name].why
    assert {row.algorithm for row in rows.values() if row.operator == "conv"} <= {e["algorithm"] for e in found}
    y, plain = m(picture(1, 3, 16, 16)), load(network())(picture(1, 3, 16, 16))
    # What choose() expects of accurate candidates: 1e-4 of the largest output.
    np.testing.assert_allclose(y, plain, rtol=0, atol=1e-4 * float(np.abs(np.asarray(plain)).max()))


def test_steps_that_are_alike_are_timed_once(timings: list[int]) -> None:
    programs = []
    engine = load(network())._engines.main
    for run in engine.stages({"x": picture(1, 3, 16, 16)}):
        programs.append(run.prepared.stage.program)
    (program,) = programs
    assert program is not None
    keys = dict(zip((step.name for step in program.steps), tuning.step_keys(program), strict=True))
    assert keys["first"] != keys["second"]
    load(network(), tune=True)
    assert timings == [len({keys["first"], keys["second"], keys["third"]})]


def test_the_second_load_reads_and_does_not_time(cache: Path, timings: list[int]) -> None:
    first = load(network(), tune=True).plan()
    written = file_of(cache).read_bytes()
    timings.clear()
    second = load(network(), tune=True)
    second(picture(1, 3, 16, 16))
    assert timings == []
    assert second.plan().rows == first.rows
    assert file_of(cache).read_bytes() == written


def test_another_model_shape_or_number_of_threads_is_timed_anew(cache: Path, timings: list[int]) -> None:
    m = load(network(), tune=True)
    m(picture(2, 3, 16, 16))  # a batch of two
    load(network(channels=23), tune=True)
    load(network(), tune=True, threads=m.threads + 1)
    assert len(timings) == 4
    assert len(list((cache / "tuning").glob("*.json"))) == 3


def broken(path: Path) -> Iterator[bytes]:
    good = path.read_bytes()
    yield b""
    yield good[: len(good) // 2]
    yield b"[" * 100_000
    yield b"\xff\xfe{}"
    yield json.dumps({**json.loads(good), "format": 99}).encode()
    yield json.dumps({**json.loads(good), "plans": [1]}).encode()
    content = json.loads(good)
    for steps in content["plans"].values():
        for entry in steps.values():
            entry["seconds"] = dict.fromkeys(entry["seconds"], -1.0)
    yield json.dumps(content).encode()


def test_a_file_that_is_not_as_it_should_is_ignored_with_a_warning_and_replaced(
    cache: Path, timings: list[int]
) -> None:
    load(network(), tune=True)
    path = file_of(cache)
    for content in list(broken(path)):
        path.write_bytes(content)
        timings.clear()
        with pytest.warns(TuningCacheWarning, match="is ignored"):
            load(network(), tune=True)
        assert timings
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            load(network(), tune=True)


def test_a_folder_that_cannot_be_written_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plain").write_bytes(b"")
    monkeypatch.setenv("FASTINFER_CACHE", str(tmp_path / "plain"))
    with pytest.warns(TuningCacheWarning):
        m = load(network(), tune=True)
    assert any(row.why.startswith("tuned") for row in m.plan().rows)


def test_candidates_that_are_gone_or_new_are_timed_anew(cache: Path, timings: list[int]) -> None:
    load(network(), tune=True)
    content = json.loads(file_of(cache).read_bytes())
    for steps in content["plans"].values():
        for entry in steps.values():
            entry["of"].append("an algorithm of tomorrow")
    file_of(cache).write_text(json.dumps(content))
    timings.clear()
    load(network(), tune=True)
    assert timings


def test_a_forced_algorithm_is_not_tuned() -> None:
    rows = load(network(), tune=True, algorithm={"second": "im2col"}).plan().rows
    (second,) = [row for row in rows if row.step == "second"]
    assert (second.algorithm, second.why) == ("im2col", "asked for")


def test_tune_is_a_truth_value() -> None:
    with pytest.raises(ArgumentError, match="tune"):
        load(network(), tune="yes")


def test_a_model_of_open_shapes_tunes_at_its_first_call(timings: list[int]) -> None:
    weights = {"w": np.ones((16, 16, 3, 3), np.float32)}
    nodes = [helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1])]
    m = load(model_of(nodes, [("x", (1, 16, "H", "W"))], ["y"], weights), tune=True)
    assert timings == []
    m(picture(1, 16, 12, 12))
    assert timings == [1]


# Timing itself, with a clock of ours


class Clocked:
    """Stands for a plan: its steps take the times that are given."""

    def __init__(self, seconds: list[float]) -> None:
        self._seconds = seconds

    def profile(self, inputs: list[Array], outputs: list[Array], runs: int) -> Array:
        return np.array([self._seconds] * runs)


def timed(of_step: dict[int, dict[str, float]], groups: list[list[int]]) -> tuple[dict[str, Pick], list[Any]]:
    steps = []
    for group in groups:
        for number in group:
            names = list(of_step[number])
            steps.append(tuning.Choosable(number, group, f"step {number}", tuple(sorted(names)), names[0], names[1:]))
    usual = [next(iter(times.values())) for times in of_step.values()]
    asked = []

    def prepare(wishes: tuning.Wishes) -> Clocked:
        asked.append({number: algorithm for number, (algorithm, _) in wishes.items()})
        times = [of_step[i][wishes[i][0]] if i in wishes else usual[i] for i in range(len(usual))]
        return Clocked(times)

    return tuning.time_candidates(steps, Clocked(usual), prepare, [], [], tuning.Progress("")), asked


def test_the_minimum_of_the_times_is_picked() -> None:
    times = {0: {"a": 3.0, "b": 2.0, "c": 9.0}, 1: {"b": 1.0, "a": 1.25}}
    picks, _ = timed(times, [[0], [1]])
    assert (picks["step 0"].algorithm, picks["step 1"].algorithm) == ("b", "b")
    assert picks["step 0"].seconds == pytest.approx({"a": 3.0, "b": 2.0, "c": 9.0})
    assert picks["step 0"].why() == "tuned: 2e+03 ms against 3e+03 ms by a"


def test_in_a_group_one_step_at_a_time_changes_and_the_groups_time_counts() -> None:
    picks, asked = timed({0: {"a": 3.0, "b": 1.0}, 1: {"a": 1.0, "b": 2.0}}, [[0, 1]])
    assert all(len(wishes) == 1 for wishes in asked)
    assert picks["step 0"].seconds == pytest.approx({"a": 4.0, "b": 2.0})
    assert picks["step 1"].seconds == pytest.approx({"a": 4.0, "b": 5.0})


def test_what_is_far_behind_is_not_timed_again() -> None:
    _, asked = timed({0: {"a": 1.0, "b": 1.1, "c": 8.0}}, [[0]])
    assert [wishes[0] for wishes in asked] == ["b", "c", "b"]


# Many writers


def add_picks(folder: str, number: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FASTINFER_CACHE", folder)
        file = PickFile("0" * 64, {"cpu": "one"})
        for i in range(20):
            file.add("x:1", {f"{number}-{i}": Pick.fastest({"a": 1.0, "b": 2.0}, ("a", "b"))})


def test_writers_at_the_same_time_leave_a_whole_file_with_what_all_of_them_found(cache: Path) -> None:
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=add_picks, args=(str(cache), number)) for number in range(4)]
    for writer in writers:
        writer.start()
    file = PickFile("0" * 64, {"cpu": "one"})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        while any(writer.is_alive() for writer in writers):
            file.read("x:1")  # whole at any moment
    for writer in writers:
        writer.join()
    assert set(file.read("x:1")) == {f"{number}-{i}" for number in range(4) for i in range(20)}
    assert [path.suffix for path in sorted((cache / "tuning").iterdir())] == [".json", ".lock"]


def test_the_command_line_tunes(cache: Path, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from fastinfer.cli.main import app

    path = tmp_path / "network.onnx"
    path.write_bytes(network().SerializeToString())
    for command in (["run", str(path), "--tune"], ["bench", str(path), "--runs", "2", "--tune"]):
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 0, result.output
    assert entries(cache)
