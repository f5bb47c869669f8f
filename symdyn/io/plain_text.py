"""Texts from files."""

from __future__ import annotations

from pathlib import Path

from symdyn.errors import DeclarationError

__all__ = ["read_text"]


def read_text(path: str | Path) -> str:
    """The text of a file in UTF-8, with or without a byte order mark.

    Raises
    ------
    DeclarationError
        If the file contains no such text.
    OSError
        If it cannot be read.
    """
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DeclarationError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8 text") from None
