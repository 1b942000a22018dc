"""`fastinfer inspect` shows what each weight of a compressed model takes, by stage."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from fastinfer.cli import common
from fastinfer.cli.main import app
from fastinfer.file.fi import fi_bytes, sizes
from graph.weight_forms import FORMS
from hostile.fi_models import every_form


def test_sizes() -> None:
    rows = {row.name.removesuffix(" weight"): row for row in sizes(every_form())}
    assert rows.keys() == FORMS.keys()
    csr = rows["csr"]
    assert (csr.elements, csr.dense, csr.pruned) == (96, 384, 4 * csr.nonzeros)
    assert csr.coded == 4 * 9 + 6 * csr.nonzeros <= csr.entropy_coded < csr.coded + 24
    assert rows["bits"].coded == 12 + 32
    assert sum(row.entropy_coded for row in rows.values()) < len(fi_bytes(every_form()))


def test_inspect_shows_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.fi"
    path.write_bytes(fi_bytes(every_form()))
    monkeypatch.setattr(common.console, "width", 200)
    result = CliRunner().invoke(app, ["inspect", str(path)])
    assert result.exit_code == 0, result.output
    for word in ("entropy-coded", "bits/weight", "csr weight", "all"):
        assert word in result.output
