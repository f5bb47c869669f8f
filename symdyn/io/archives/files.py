"""Files of an archive, in memory: nothing is written to disk, and names are keys alone."""

from __future__ import annotations

import lzma
import posixpath
import zipfile
import zlib
from pathlib import Path

from symdyn.errors import DeclarationError

__all__ = ["MAX_FILES", "find", "text_files"]

#: Most files of an archive.
MAX_FILES = 1000
#: Endings of files that are read; others, such as figures and tables of data, stay where they are.
ENDINGS = (".sedml", ".xml", ".sbml")


def text_files(path: Path, characters: int, most: int = MAX_FILES) -> dict[str, str]:
    """The texts of models and experiments in a zip file, by their names in it; all of them have at most so many characters.

    The zip file has at most `most` files of any kind.

    Raises
    ------
    DeclarationError
        If it is no zip file, its files leave the archive by their names, are too many, too large or no UTF-8 text.
    OSError
        If it cannot be read.
    """
    found: dict[str, str] = {}
    left = characters
    try:
        with zipfile.ZipFile(path) as archive:
            members = [m for m in archive.infolist() if not m.is_dir()]
            if len(members) > most:
                raise DeclarationError(f"{path} has {len(members)} files, more than files={most}; raise files=")
            for m in members:
                name = posixpath.normpath(m.filename.replace("\\", "/"))
                if name.startswith(("/", "..")) or ":" in name:
                    raise DeclarationError(f"{path}: the file {m.filename!r} lies outside the archive")
                if not name.lower().endswith(ENDINGS):
                    continue
                try:
                    with archive.open(m) as file:
                        content = file.read(left + 1)  # not what the header claims, which may be false
                except (OSError, lzma.LZMAError) as error:
                    raise zipfile.BadZipFile(str(error)) from None
                left -= len(content)
                if left < 0:
                    raise DeclarationError(
                        f"{path}: its models and experiments have more than characters={characters}; raise characters="
                    )
                if name in found:
                    raise DeclarationError(f"{path} has two files called {name}")
                found[name] = content.decode("utf-8-sig")
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise DeclarationError(f"{path} is no zip file that can be read: {error}") from None
    except UnicodeDecodeError as error:
        raise DeclarationError(f"{path}: byte {error.start} of a file is not UTF-8") from None
    return found


def find(files: dict[str, str], source: str, beside: str) -> str:
    """The name of a file that another names relative to itself.

    Raises
    ------
    DeclarationError
        If the archive does not have it.
    """
    name = posixpath.normpath(posixpath.join(posixpath.dirname(beside), source))
    if name not in files:
        raise DeclarationError(f"{beside} names the model {source!r}, which is no file of the archive: {', '.join(files)}")
    return name
