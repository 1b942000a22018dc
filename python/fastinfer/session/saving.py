"""save(): from a model to a `.fi` file."""

from __future__ import annotations

import os

from fastinfer.errors import ArgumentError, FileWriteError
from fastinfer.file.fi import write_fi
from fastinfer.session.model import Model


def save(model: Model, path: str | os.PathLike[str]) -> None:
    """Write the model as a `.fi` file: the graph as it was read, weights in the form they have, checksums.

    The bytes depend on the model alone; the file appears under its name only when it is whole. FileWriteError if it
    cannot be written, ArgumentError for what is no model or no path.
    """
    if not isinstance(model, Model):
        raise ArgumentError(f"only a model can be saved, not {type(model).__name__}")
    if not isinstance(path, str | os.PathLike):
        raise ArgumentError(f"a model is saved under a path, not {type(path).__name__}")
    try:
        write_fi(model.graph, path)
    except OSError as error:
        reason = f"cannot be written: {error.strerror or error}"
        raise FileWriteError(reason, file=os.fspath(path)) from error
