"""Registries: one per extension point, so that adding a method, surrogate or regressor is adding one file."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

from symdyn.errors import SymdynError

__all__ = ["Registry", "suggest"]

T = TypeVar("T")


def suggest(name: str, known) -> str:
    """Text ' Did you mean ...?' for the closest known name, or the empty string.

    >>> suggest("tsti5", ["tsit5", "rodas4"])
    " Did you mean 'tsit5'?"
    """
    close = difflib.get_close_matches(str(name), [str(k) for k in known], n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


def _origin(entry: object) -> tuple[str, str, bool]:
    """Module and name of a class or function, or of the class of any other object."""
    named = entry if hasattr(entry, "__qualname__") else type(entry)
    return named.__module__, named.__qualname__, named is entry  # type: ignore[attr-defined]


class Registry(Mapping[str, T], Generic[T]):
    """Names to objects of one kind, filled by importing every module of a package on first use.

    Parameters
    ----------
    kind : str
        What is registered, as messages call it ('method', 'surrogate').

    Examples
    --------
    >>> shapes = Registry("shape")
    >>> shapes.register("disk", complex)
    <class 'complex'>
    >>> "disk" in shapes, shapes
    (True, <Registry of shapes: disk>)
    >>> shapes["dsk"]
    Traceback (most recent call last):
    ...
    symdyn.errors.SymdynError: unknown shape 'dsk'; known: disk. Did you mean 'disk'?
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, T] = {}
        self._packages: list[str] = []

    def filled_by(self, package: str) -> None:
        """Import the modules of a package on first use: they register entries.  A package calls this in its ``__init__.py``.

        Parameters
        ----------
        package : str
            Its ``__name__``; modules whose names begin with an underscore are not imported.

        Examples
        --------
        >>> shapes = Registry("shape")
        >>> shapes.filled_by("email.mime")  # a package of the standard library, whose modules register nothing
        >>> len(shapes)
        0
        """
        self._packages.append(package)

    def register(self, name: str, entry: T) -> T:
        """Add an entry; another entry of the same name is an error, the same one from a cell run again is not.

        Parameters
        ----------
        name : str
        entry : object

        Returns
        -------
        object
            The entry.

        Raises
        ------
        SymdynError
            If another entry has that name.

        Examples
        --------
        >>> shapes = Registry("shape")
        >>> shapes.register("disk", complex)
        <class 'complex'>
        >>> shapes.register("disk", float)
        Traceback (most recent call last):
        ...
        symdyn.errors.SymdynError: shape 'disk' is registered twice; give the new one another name
        """
        if name in self._entries and _origin(entry) != _origin(self._entries[name]):
            raise SymdynError(f"{self.kind} {name!r} is registered twice; give the new one another name")
        self._entries[name] = entry
        return entry

    def _load(self) -> dict[str, T]:
        while self._packages:
            package = importlib.import_module(self._packages.pop())
            for module in pkgutil.iter_modules(package.__path__):
                if not module.name.startswith("_"):
                    importlib.import_module(f"{package.__name__}.{module.name}")
        return self._entries

    def __getitem__(self, name: str) -> T:
        entries = self._load()
        if not isinstance(name, str) or name not in entries:
            known = ", ".join(sorted(entries))
            raise SymdynError(f"unknown {self.kind} {name!r}; known: {known}.{suggest(name, entries)}")
        return entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._load()))

    def __len__(self) -> int:
        return len(self._load())

    def __repr__(self) -> str:
        return f"<Registry of {self.kind}s: {', '.join(self)}>"

    def __contains__(self, name: object) -> bool:
        return name in self._load()
