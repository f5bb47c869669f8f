"""Pages that are made from the code, the examples, the notebooks and the results of benchmarks, before Sphinx reads them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

__all__ = ["put"]


def put(folder: Path, pages: Mapping[str, str | bytes]) -> None:
    """Make the files of a folder these pages; those that are there already stay untouched, so that they are not read again."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.name not in pages:
            path.unlink()
    for name, page in pages.items():
        contents = page if isinstance(page, bytes) else page.encode()
        if not (folder / name).exists() or (folder / name).read_bytes() != contents:
            (folder / name).write_bytes(contents)
