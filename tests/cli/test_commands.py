"""The command line, run as commands: what it prints, as JSON, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from fastinfer.cli.main import app
from fastinfer.demo import CLASSES, MODEL

Image = pytest.importorskip("PIL.Image")


def call(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result.output


def call_json(*arguments: object) -> Any:
    return json.loads(call(*arguments, "--json"))


def test_demo_reads_its_own_digits() -> None:
    report = call_json("demo", "--threads", 1)
    assert [row["digit"] for row in report["pictures"]] == [row["truth"] for row in report["pictures"]] == list(CLASSES)
    assert report["milliseconds"] > 0
    assert all(row["kernel"] for row in report["profile"]["rows"] if row["algorithm"])
    table = call("demo", "--threads", 1)
    assert "10 of 10 right" in table


def test_demo_reads_a_picture_of_the_users(tmp_path: Path) -> None:
    picture = np.full((60, 50), 255, np.uint8)
    picture[8:52, 22:28] = 20  # a one
    Image.fromarray(picture).save(tmp_path / "one.png")
    (row,) = call_json("demo", "--image", tmp_path / "one.png")["pictures"]
    assert row["digit"] == "1"
    assert "InputError" in call("demo", "--image", tmp_path / "none.png", code=1)


def test_run_writes_its_outputs(tmp_path: Path) -> None:
    x = np.random.default_rng(0).random((3, 1, 28, 28), dtype=np.float32)
    np.save(tmp_path / "x.npy", x)
    name = call_json("inspect", MODEL)["inputs"][0]["name"]
    (output,) = call_json("run", MODEL, "--input", f"{name}={tmp_path / 'x.npy'}", "--output", tmp_path / "y.npz")[
        "outputs"
    ]
    with np.load(tmp_path / "y.npz") as file:
        y = file[output["name"]]
    assert y.shape == (3, 10)
    assert output["largest"][0] == [y.ravel().argmax(), pytest.approx(y.max())]
    assert (output["min"], output["max"]) == (pytest.approx(y.min()), pytest.approx(y.max()))
    assert not list(tmp_path.glob("*.part"))


def test_bench_inspect_and_profile() -> None:
    assert call_json("bench", MODEL, "--runs", 5)["milliseconds"]["median"] > 0
    facts = call_json("inspect", MODEL, "--plan")
    assert facts["operators"]["Conv"] > 5
    assert facts["weights"]["bytes"] > 0
    assert len(facts["plan"]["steps"]) >= facts["operators"]["Conv"]
    assert len(call_json("profile", MODEL, "--runs", 3)["rows"]) == len(facts["plan"]["steps"])
    for command in (
        ["inspect", MODEL, "--plan"],
        ["bench", MODEL, "--runs", 3],
        ["profile", MODEL, "--runs", 3],
        ["run", MODEL],
    ):
        assert call(*command)


def test_lines_are_as_wide_as_they_need(tmp_path: Path) -> None:
    """Piped, a terminal counts as 80 columns wide; paths, and numbers, stay in one piece all the same."""
    path = tmp_path / ("a" * 90) / "[bold]digits.onnx"
    path.parent.mkdir()
    path.write_bytes(MODEL.read_bytes())
    for command in (["run"], ["inspect"], ["bench", "--runs", 1], ["profile", "--runs", 1]):
        assert str(path) in call(*command, path)
    assert f"({path.stat().st_size:,} bytes) -> {path.parent / 'small.fi'}" in call(
        "compress", path, path.parent / "small.fi"
    )


def test_a_warning_is_one_line_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTINFER_CACHE", str(tmp_path))
    tune = ("run", MODEL, "--tune", "--threads", 1)
    call(*tune)
    (picks,) = tmp_path.glob("tuning/*.json")
    picks.write_text("no JSON")
    (line,) = (line for line in call(*tune).splitlines() if "Warning" in line)
    assert line.startswith(f"TuningCacheWarning: {picks} is ignored")
    assert json.loads(picks.read_text())["plans"]


def test_json_has_no_number_that_json_does_not_know(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.full((1, 1, 28, 28), np.nan, np.float32))
    text = call("run", MODEL, "--input", f"image={tmp_path / 'x.npy'}", "--json")
    (output,) = json.loads(text, parse_constant=pytest.fail)["outputs"]
    assert output["max"] == "nan"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run", "/nowhere.onnx"], "ModelFileNotFoundError"),
        (["run", MODEL, "--input", "nothing"], "wants NAME=VALUE"),
        (["run", MODEL, "--input", "other=x.npy"], "no input 'other'"),
        (["run", MODEL, "--isa", "mmx"], "IsaError"),
        (["run", MODEL, "--shape", "image=1x1x-3x5"], "looks like 1x3x224x224"),
        (["run", MODEL, "--shape", "image=1x1x100000000x100000000"], "does not fit in memory"),
        (["run", MODEL, "--output", "/nowhere/[red]y.npz"], "/nowhere/[red]y.npz"),
    ],
)
def test_errors_are_one_line(arguments: list[object], says: str) -> None:
    output = call(*arguments, code=1)
    assert says in output
    assert "Traceback" not in output
