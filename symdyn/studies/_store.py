"""Finished parts of a study on disk, so that an interrupted one goes on where it was."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from symdyn.codegen.load import write_atomic
from symdyn.errors import SymdynError
from symdyn.studies._cell import hash_text

__all__ = ["Store"]

T = TypeVar("T")


class Store:
    """A folder of ``.npz`` files named after what was asked; without a folder nothing is kept."""

    def __init__(self, folder: str | Path | None) -> None:
        self.folder = None if folder is None else Path(folder)

    def load(self, kind: type[T], key: str) -> T | None:
        """The answer to `key`, if it is there; `kind` is a dataclass of arrays, numbers and texts."""
        path = self._path(kind, key)
        if path is None or not path.exists():
            return None
        try:
            with np.load(path, allow_pickle=False) as file:
                values = {f.name: file[f.name] for f in fields(kind)}  # type: ignore[arg-type]
        except (OSError, KeyError, ValueError) as error:
            raise SymdynError(f"{path} is not a part of a study ({error}); remove it or name another store") from None
        return kind(**{k: v.item() if v.ndim == 0 else v for k, v in values.items()})

    def save(self, key: str, answer: Any) -> None:
        """Keep an answer."""
        assert is_dataclass(answer)
        path = self._path(type(answer), key)
        if path is not None:
            data = io.BytesIO()
            np.savez(data, **asdict(answer))  # type: ignore[arg-type]
            write_atomic(path, data.getvalue())

    def _path(self, kind: type, key: str) -> Path | None:
        return None if self.folder is None else self.folder / f"{kind.__name__.lower()}_{hash_text(key)}.npz"

    def missing(self, kind: type[T], keys: Iterable[str]) -> tuple[dict[int, T], list[int]]:
        """Answers that are there, and the places of those that are not."""
        there: dict[int, T] = {}
        rest = []
        for i, key in enumerate(keys):
            known = self.load(kind, key)
            if known is None:
                rest.append(i)
            else:
                there[i] = known
        return there, rest
