"""Every attack file gets its one typed error, naming the file, whether read from a path or as bytes; quickly."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from fastinfer.errors import ExternalDataError, FastinferError
from fastinfer.file import open_model
from hostile.attacks import ATTACKS, Attack


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda a: a.name)
def test_attack(attack: Attack, tmp_path: Path) -> None:
    data = attack.make(tmp_path)
    path = tmp_path / "model.onnx"
    path.write_bytes(data)
    begin = time.process_time()
    with pytest.raises(FastinferError) as caught:
        open_model(path)
    assert type(caught.value) is attack.error, str(caught.value)
    assert attack.reason in str(caught.value)
    assert caught.value.file == str(path)
    assert not caught.value.reason.startswith("malformed")  # a check saw it, not the last resort
    if attack.error is not ExternalDataError:
        with pytest.raises(FastinferError):
            open_model(data)
    assert time.process_time() - begin < 10


def test_names_are_unique() -> None:
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS) > 60
