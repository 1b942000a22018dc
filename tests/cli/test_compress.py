"""`fastinfer compress`: a smaller file that `load` reads, from arrays and pictures, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import fastinfer
from fastinfer.cli.calibration import scaled
from fastinfer.cli.main import app
from fastinfer.demo import MODEL
from fastinfer.graph.weight import SparseCodebookWeight

Image = pytest.importorskip("PIL.Image")


def call(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["compress", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result.output


def weights(path: Path) -> dict[str, SparseCodebookWeight]:
    found = fastinfer.load(path).graph.weights
    return {name: weight for name, weight in found.items() if isinstance(weight, SparseCodebookWeight)}


def test_compress_writes_a_smaller_file(tmp_path: Path) -> None:
    out = tmp_path / "digits.fi"
    report = json.loads(call(MODEL, out, "--density", 0.5, "--bits", 5, "--json"))
    assert report["to_bytes"] == out.stat().st_size < report["from_bytes"] / 4
    assert report["ratio"] == report["dense_bytes"] / report["to_bytes"]
    for weight in weights(out).values():
        dense = weight.dense()
        assert weight.code_bits == 5
        assert np.count_nonzero(dense) <= round(0.5 * dense.size)
    name = next(iter(weights(out)))
    assert "entropy-coded" in call(MODEL, out, "--bits", 4, "--bits", f"{name}=7", "--density", f"{name}=0.25")
    made = weights(out)
    assert [w.code_bits for w in made.values()] == [7 if n == name else 4 for n in made]
    assert np.count_nonzero(made[name].dense()) == round(0.25 * made[name].dense().size)


def test_compress_prunes_globally(tmp_path: Path) -> None:
    out = tmp_path / "digits.fi"
    shares = {}
    for scope in ("layer", "global"):
        call(MODEL, out, "--density", 0.5, "--scope", scope)
        dense = [weight.dense() for weight in weights(out).values()]
        shares[scope] = [np.count_nonzero(array) / array.size for array in dense]
        kept = sum(map(np.count_nonzero, dense))
        assert kept == pytest.approx(0.5 * sum(array.size for array in dense), abs=len(dense))
    assert max(shares["layer"]) < 0.51 < max(shares["global"])


def test_compress_calibrates(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.save(tmp_path / "x.npy", rng.random((4, 1, 28, 28), dtype=np.float32))
    Image.fromarray(rng.integers(0, 256, (40, 50, 3), np.uint8)).save(tmp_path / "x.png")
    plain, out = tmp_path / "plain.fi", tmp_path / "out.fi"
    call(MODEL, plain, "--bits", 4)
    call(MODEL, out, "--bits", 4, "--rate", 0.1, "--calibrate", tmp_path / "x.npy", "--calibrate", tmp_path / "x.png",
         "--std", 255, "--bias-bits", 16)  # fmt: skip
    assert out.stat().st_size < plain.stat().st_size
    assert fastinfer.load(out)(np.zeros((1, 1, 28, 28), np.float32)).shape == (1, 10)


def test_pictures_are_scaled() -> None:
    ramp = np.repeat(np.arange(0, 200, 2, np.uint8)[None, :, None], 60, axis=0).repeat(3, axis=2)
    for height, width in ((60, 100), (120, 200), (15, 25)):
        made = scaled(ramp, height, width)
        assert made.shape == (height, width, 3)
        expected = ((np.arange(width) + 0.5) * 100 / width - 0.5) * 2
        edge = width // 10
        np.testing.assert_allclose(made[0, edge:-edge, 0], expected[edge:-edge], atol=1e-3)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--density", "much"], "--density wants VALUE or NAME=VALUE"),
        (["--density", "0"], "more than 0 and at most 1"),
        (["--density", "0.5", "--scope", "all"], 'scope is "layer", or "global" with one density'),
        (["--bits", "w9=3"], "names 'w9'"),
        (["--bits", "9"], "2 to 8 bits"),
        (["--calibrate", "none.png"], "cannot read the picture"),
        (["--calibrate", MODEL, "--mean", "a"], "--mean looks like"),
        (["--mean", "nan"], "--mean looks like"),
        (["--std", "1,0,1"], "--std divides"),
    ],
)
def test_refusals_are_one_line(arguments: list[object], says: str, tmp_path: Path) -> None:
    output = call(MODEL, tmp_path / "out.fi", *arguments, code=1)
    assert says in output
    assert "Traceback" not in output
    assert not list(tmp_path.iterdir())
    assert "cannot be written" in call(MODEL, tmp_path / "nowhere" / "out.fi", code=1)
