"""Packages whose names are imported when they are first used, so that `import symdyn` stays cheap."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from symdyn.optional import named
from symdyn.uncollected import uncollected

__all__ = ["lazy"]


def lazy(
    package: str, modules: Mapping[str, Sequence[str]], eager: Sequence[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """``__getattr__``, ``__dir__`` and ``__all__`` of a package.

    Parameters
    ----------
    package : str
        Its ``__name__``.
    modules : mapping of str to sequence of str
        Modules below the package with the names that they provide; a module without names is a public name itself.
    eager : sequence of str
        Public names that the package has already.
    """
    origins = {name: (module, name) for module, names in modules.items() for name in names}
    origins |= {module: (module, "") for module, names in modules.items() if not names}

    def __getattr__(name: str) -> Any:
        if name not in origins:
            raise AttributeError(f"module {package!r} has no attribute {name!r}{_near(name, public)}", name=name)
        module, attribute = origins[name]
        with named(), uncollected():
            found = importlib.import_module(f"{package}.{module}")
        value = getattr(found, attribute) if attribute else found
        setattr(sys.modules[package], name, value)
        return value

    public = sorted({*origins, *eager})
    return __getattr__, lambda: public, public


def _near(name: str, known: Sequence[str]) -> str:
    """The closest public name as a question; of names that machinery looks for, such as ``__path__``, none."""
    if name.startswith("_"):
        return ""
    import difflib

    close = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
    return f"; did you mean {close[0]!r}?" if close else ""
