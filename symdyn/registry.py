"""Registries: one per extension point, so that adding a method, surrogate or regressor is adding one file."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

from symdyn.errors import SymdynError
from symdyn.uncollected import uncollected

__all__ = ["Registry", "suggest"]

T = TypeVar("T")
#: One thread at a time imports what fills a registry; others wait, and find it filled.
_FILLING = threading.RLock()


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


def _modules(package: str) -> list[str]:
    """The modules of a package, less those whose names begin with an underscore."""
    found = pkgutil.iter_modules(importlib.import_module(package).__path__)
    return [f"{package}.{module.name}" for module in found if not module.name.startswith("_")]


def _plain(name: str) -> str:
    """Letters and digits of a name, in lower case.

    >>> _plain("DPM-Solver++(2M)")
    'dpmsolver2m'
    """
    return "".join(c for c in name.lower() if c.isalnum())


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
        self._aliases: dict[str, str] = {}
        self._packages: list[str] = []
        self._elsewhere: dict[str, str] = {}
        #: How often something was registered by other code than what fills it, for those who remember what they found.
        self.changes = 0

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

    def register(self, name: str, entry: T, *aliases: str) -> T:
        """Add an entry; another entry of the same name is an error, the same one from a cell run again is not.

        Code outside the packages that fill the registry meets their entries here, which are then imported first.

        Parameters
        ----------
        name : str
        entry : object
        *aliases : str
            Further names under which the entry is found; it is listed by `name` alone.

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
        >>> shapes.register("rectangle", int, "box") is shapes["box"], list(shapes)
        (True, ['disk', 'rectangle'])
        """
        caller = sys._getframe(1).f_globals.get("__name__", "")
        filling = any(caller.startswith(f"{package}.") for package in self._packages)
        if not filling:
            self._load()
        for one in (name, *aliases):
            known = self._entries.get(self._aliases.get(one, one))
            if known is not None and _origin(entry) != _origin(known):
                raise SymdynError(f"{self.kind} {one!r} is registered twice; give the new one another name")
        self._entries[name] = entry
        self.changes += not filling
        self._aliases.update(dict.fromkeys(aliases, name))
        return entry

    def advise(self, advice: str, *names: str) -> None:
        """Say what is here in the place of entries that other programs have.

        Parameters
        ----------
        advice : str
            What the message for an unknown name goes on with.
        *names : str
            As other programs write them; capitals, spaces and signs make no difference.

        Examples
        --------
        >>> shapes = Registry("shape")
        >>> shapes.advise("a ball is a 'disk' here", "Ball3D")
        >>> shapes.register("disk", complex)
        <class 'complex'>
        >>> shapes["ball-3d"]
        Traceback (most recent call last):
        ...
        symdyn.errors.SymdynError: unknown shape 'ball-3d': a ball is a 'disk' here; known: disk.
        """
        self._elsewhere |= dict.fromkeys(map(_plain, names), advice)

    def spelled(self, name: str) -> str:
        """The name as it is listed, whatever its capitals and signs; one that is unknown, or fits several, as it is.

        Parameters
        ----------
        name : str

        Returns
        -------
        str

        Examples
        --------
        >>> shapes = Registry("shape")
        >>> shapes.register("flat-disk", complex)
        <class 'complex'>
        >>> shapes.spelled("Flat_Disk"), shapes.spelled("Ball")
        ('flat-disk', 'Ball')
        >>> shapes.register("flatdisk", int)
        <class 'int'>
        >>> shapes.spelled("Flat_Disk")
        'Flat_Disk'
        """
        if name in self:
            return name
        alike = {self._aliases.get(known, known) for known in (*self, *self._aliases) if _plain(known) == _plain(name)}
        return alike.pop() if len(alike) == 1 else name

    def _load(self) -> dict[str, T]:
        if self._packages:
            with _FILLING, uncollected():
                for package in tuple(self._packages):
                    for module in _modules(package):
                        importlib.import_module(module)
                self._packages.clear()  # only now: until then no other thread may think that all is known
        return self._entries

    def __getitem__(self, name: str) -> T:
        if name not in self:
            known = ", ".join(sorted(self._entries))
            advice = self._elsewhere.get(_plain(str(name)))
            why = f": {advice}; known: {known}." if advice else f"; known: {known}.{suggest(name, self._entries)}"
            raise SymdynError(f"unknown {self.kind} {name!r}{why}")
        return self._entries[self._aliases.get(name, name)]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._load()))

    def __len__(self) -> int:
        return len(self._load())

    def __repr__(self) -> str:
        return f"<Registry of {self.kind}s: {', '.join(self)}>"

    def __contains__(self, name: object) -> bool:
        entries = self._load()
        return isinstance(name, str) and (name in entries or name in self._aliases)
