"""Rows of a long run, kept one by one, so that a run that was killed goes on where it ended."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["Rows", "keep"]


class Rows:
    """Rows in a file of lines of JSON, each written to the disk before the next is computed; a line that was cut off is none.

    Parameters
    ----------
    path : Path
    key : sequence of str
        Columns that tell rows apart.

    Attributes
    ----------
    found : dict
        Rows by the values of these columns.
    """

    def __init__(self, path: Path, key: Sequence[str]) -> None:
        self.path, self.key, self.found = path, tuple(key), {}
        path.parent.mkdir(parents=True, exist_ok=True)
        whole = b""
        for line in path.read_bytes().splitlines(keepends=True) if path.exists() else ():
            if not line.endswith(b"\n"):
                break
            row = json.loads(line)
            self.found[tuple(row[k] for k in self.key)] = row
            whole += line
        path.write_bytes(whole)

    def add(self, row: dict[str, Any]) -> None:
        """Keep a row."""
        plain = {k: v.item() if isinstance(v, np.generic) else v for k, v in row.items()}
        self.found[tuple(plain[k] for k in self.key)] = plain
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(plain) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def frame(self) -> pd.DataFrame:
        """All rows."""
        return pd.DataFrame(list(self.found.values()))


def keep(path: Path, text: str) -> None:
    """Write what the rows say to a file, and show it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    sys.stdout.write(text)
