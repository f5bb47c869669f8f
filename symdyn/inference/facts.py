"""What a computation depends on, as texts and arrays, so that a `Journal` tells it apart from others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import fields, is_dataclass
from types import CodeType, FunctionType
from typing import Any

import numpy as np
import sympy as sp

from symdyn import dag
from symdyn.declaration import name_of
from symdyn.system import System

__all__ = ["facts_of"]


def facts_of(value: Any, inside: tuple[int, ...] = ()) -> Iterator[str | np.ndarray]:
    """Texts and arrays that are those of another value only if the two are alike, in every process.

    Parameters
    ----------
    value : object
        Numbers, texts, arrays, expressions, systems, distributions of `scipy.stats`, functions, and what is made of these:
        sequences, mappings, sets, and objects by their attributes.
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
    elif is_dataclass(value):
        yield from ([f.name, getattr(value, f.name)] for f in fields(value))
    elif hasattr(value, "dist"):  # a distribution with its parameters
        yield from (type(value.dist).__qualname__, value.dist.name, value.args, value.kwds)
    elif isinstance(value, FunctionType):
        yield from (value.__module__, value.__qualname__, value.__defaults__, value.__kwdefaults__, value.__code__)
        yield [cell.cell_contents for cell in value.__closure__ or ()]
    elif isinstance(value, CodeType):
        yield from (value.co_code, value.co_names, value.co_consts)
    else:
        yield vars(value) if hasattr(value, "__dict__") else repr(value)
