"""What a computation depends on, as texts and arrays, so that a `Journal` tells it apart from others."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Set
from dataclasses import fields, is_dataclass
from functools import cached_property, partial
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
import sympy as sp

from symdyn import dag
from symdyn.given_values import name_of
from symdyn.system import System

__all__ = ["facts_of"]


def facts_of(value: Any, inside: tuple[int, ...] = ()) -> Iterator[str | np.ndarray]:
    """Texts and arrays that are those of another value only if the two are alike, in every process.

    Parameters
    ----------
    value : object
        Numbers, texts, arrays, expressions, systems, distributions of `scipy.stats`, functions with the values that they use,
        and what is made of these: sequences, mappings, sets, and objects by their attributes and the code of their classes.
        What libraries define has its name.
    inside : tuple of int
        Addresses of the objects that hold it.

    Examples
    --------
    >>> from scipy import stats
    >>> first, second = ([*facts_of({"k": stats.lognorm(s)})] for s in (1.0, 2.0))
    >>> first == [*facts_of({"k": stats.lognorm(1.0)})], first == second
    (True, False)
    """
    if value is None or isinstance(value, (str, bytes, int, float, complex, np.generic)):
        yield repr(value)
        return
    if id(value) in inside:
        yield "a part of itself"
        return
    if isinstance(value, np.ndarray) and value.dtype != object:
        yield value
    elif isinstance(value, sp.Basic):
        yield dag.fingerprint([value])
    else:
        parts = list(_parts(value))
        yield f"{type(value).__qualname__} of {len(parts)}"
        for part in parts:
            yield from facts_of(part, (*inside, id(value)))


def _parts(value: Any) -> Iterator[Any]:
    """What an object is made of, in an order that is the same in every process."""
    if isinstance(value, System):
        yield value.digest
        yield {name_of(s): v for s, v in (*value.defaults.items(), *value.initial.items())}
    elif isinstance(value, Mapping):
        yield from sorted(map(str, value))
        yield from (value[k] for k in sorted(value, key=str))
    elif isinstance(value, Set):
        yield from sorted(value, key=str)
    elif isinstance(value, (tuple, list)):
        yield from value
    elif isinstance(value, np.ndarray):
        yield from (value.shape, value.tolist())
    elif isinstance(value, ModuleType):
        yield value.__name__
    elif isinstance(value, partial):
        yield from (value.func, value.args, value.keywords)
    elif isinstance(value, MethodType):
        yield from (value.__self__, value.__func__)
    elif hasattr(value, "py_func"):  # compiled by numba
        yield value.py_func
    elif isinstance(value, type):
        yield from (value.__module__, value.__qualname__)
        if not _of_library(value.__module__):
            yield from value.__bases__
            yield {k: v for k, v in vars(value).items() if _is_code(v) or not k.startswith(("__", "_abc_"))}
    elif isinstance(value, property):
        yield value.fget
    elif isinstance(value, cached_property):
        yield value.func
    elif isinstance(value, (staticmethod, classmethod)):
        yield value.__func__
    elif isinstance(value, FunctionType):
        yield from (value.__module__, value.__qualname__, value.__defaults__, value.__kwdefaults__, value.__code__)
        yield [cell.cell_contents for cell in value.__closure__ or ()]
        if not _of_library(value.__module__):
            known = value.__globals__
            yield {name: known[name] for name in _names_in(value.__code__) if name in known}
    elif isinstance(value, CodeType):
        yield from (value.co_code, value.co_names, value.co_consts)
    elif callable(value) and hasattr(value, "__qualname__") and _of_library(value.__module__):
        yield from (value.__module__, value.__qualname__)
    elif hasattr(value, "dist"):  # a distribution with its parameters
        yield from (type(value.dist), value.dist.name, value.args, value.kwds)
        yield {k: v for k, v in vars(value.dist).items() if k not in ("_random_state", "_ctor_param") and not callable(v)}
    elif is_dataclass(value):
        yield type(value)
        yield from ([f.name, getattr(value, f.name)] for f in fields(value))
    else:
        yield type(value)
        slots = {k for kind in type(value).__mro__ for k in _slots(kind) if hasattr(value, k)}
        own = {k: getattr(value, k) for k in slots} | getattr(value, "__dict__", {})
        yield own if slots or hasattr(value, "__dict__") else repr(value)


def _of_library(module: str | None) -> bool:
    """Whether a module is not the user's: what it defines is told by its name."""
    root = (module or "builtins").partition(".")[0]
    if root == "__main__":
        return False
    file = getattr(sys.modules.get(root), "__file__", None) or ""
    return root == __name__.partition(".")[0] or root in sys.stdlib_module_names or "site-packages" in file


def _is_code(value: Any) -> bool:
    return isinstance(value, (FunctionType, property, cached_property, staticmethod, classmethod))


def _names_in(code: CodeType) -> set[str]:
    """Names that a function and those within it may look up."""
    return set(code.co_names).union(*(_names_in(c) for c in code.co_consts if isinstance(c, CodeType)))


def _slots(kind: type) -> tuple[str, ...]:
    slots = vars(kind).get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(s for s in slots if s not in ("__dict__", "__weakref__"))
