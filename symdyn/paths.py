r"""Inputs over time: measured or given values as functions inside right-hand sides."""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp

from symdyn.errors import DeclarationError
from symdyn.registry import suggest

__all__ = ["KINDS", "Path", "PathSlope", "with_paths"]

#: Kinds of interpolation, with the degree of their polynomials.
KINDS = {"hold": 0, "linear": 1, "cubic": 3, "spline": 3}


class Curve:
    """Knots and polynomials of one course of an input: ``sum_j c[k, j] (t - t[k])**j`` from knot k to the next.

    Attributes
    ----------
    times : (K,) float64
    coefficients : (K - 1, d + 1) float64
        Of the segments between knots; of a course that is held (K, 1), with the value at the last knot.
    """

    def __init__(self, name: str, times: Any, values: Any, kind: str) -> None:
        if np.asarray(times).dtype.kind in "mM":  # as numbers they would be nanoseconds since 1970
            raise DeclarationError(
                f"the input {name} has dates for times; give numbers in the unit of time of the system, such as "
                "(dates - start)/pandas.Timedelta('1D')"
            )
        try:
            t, x = np.array(times, dtype=float), np.array(values, dtype=float)
        except (TypeError, ValueError):
            raise DeclarationError(f"the input {name} has times or values that are no numbers") from None
        if t.ndim != 1 or t.shape != x.shape:
            raise DeclarationError(
                f"the input {name} has times of shape {t.shape} and values of {x.shape}; expected (T,) twice"
            )
        there = ~np.isnan(x)  # missing values
        t, x = t[there], x[there]
        if t.size < 2 or not np.isfinite(t).all() or not np.isfinite(x).all() or not (np.diff(t) > 0).all():
            turned = (f"the times {a:g}, then {b:g}" for a, b in itertools.pairwise(t) if not b > a)
            wrong = next(turned, f"{(np.isfinite(t) & np.isfinite(x)).sum()} finite values")
            raise DeclarationError(
                f"the input {name} has {wrong}; expected two finite values or more, at times that increase strictly"
            )
        self.times, self.values = t, x
        with np.errstate(all="ignore"):
            self.coefficients = _coefficients(t, x, kind)
        if not np.isfinite(self.coefficients).all():
            raise DeclarationError(
                f"the input {name} has values so large, or knots so near to each other, that what lies between is no number; "
                "use other units, or leave knots out"
            )

    def __call__(self, times: np.ndarray, *, slope: bool = False) -> np.ndarray:
        """Values, or slopes, at some times within the knots; at a knot those of the segment that begins there."""
        k = np.clip(np.searchsorted(self.times, times, side="right") - 1, 0, len(self.coefficients) - 1)
        c, s = self.coefficients[k], np.asarray(times) - self.times[k]
        degree = c.shape[-1] - 1
        if not slope:
            return np.asarray(sum(c[..., j] * s**j for j in range(degree + 1)))
        return sum((j * c[..., j] * s ** (j - 1) for j in range(1, degree + 1)), np.zeros(np.shape(s)))

    def mirrored(self) -> Curve:
        """The same course over the time -t."""
        new = object.__new__(Curve)
        new.times, new.values = 0.0 - self.times[::-1], self.values[::-1].copy()
        h, degree = np.diff(self.times)[:, None], self.coefficients.shape[1] - 1
        between = self.coefficients[: len(h)]
        columns = np.zeros_like(between)
        for j in range(degree + 1):  # c (t - t_k)^j = c (h - s)^j
            for i in range(j + 1):
                columns[:, i : i + 1] += between[:, j : j + 1] * math.comb(j, i) * (-1) ** i * h ** (j - i)
        new.coefficients = np.concatenate([columns[::-1], [new.values[-1:]]] if degree == 0 else [columns[::-1]])
        return new

    @property
    def mark(self) -> bytes:
        return self.times.tobytes() + self.values.tobytes()


def _coefficients(t: np.ndarray, x: np.ndarray, kind: str) -> np.ndarray:
    """Those of the segments between knots, infinite or NaN where they overflow."""
    h, slope = np.diff(t), np.diff(x) / np.diff(t)
    if kind == "hold":
        columns = [x]
    elif kind == "linear":
        columns = [x[:-1], slope]
    elif kind == "spline":
        from scipy.interpolate import CubicSpline  # takes long to import

        try:
            columns = list(CubicSpline(t, x).c[::-1])
        except ValueError:  # of times and values in order it refuses slopes that overflow alone
            columns = [slope * np.nan]
    else:  # the slope at a knot is that of the segment before it, so that no value shows before its time
        begin = np.concatenate([slope[:1], slope[:-1]])
        columns = [x[:-1], begin, (2 * slope - 2 * begin) / h, (begin - slope) / h**2]
    return np.stack(columns, axis=1)


@dataclass(frozen=True, eq=False)
class SegmentTable:
    """The segments of all C courses of an input, in arrays; a key for what is made of them.

    Attributes
    ----------
    rows : (S, 5) float64
        Of each segment its knot and its coefficients, 0 where a kind has fewer; one course after the other.
    begins, counts : (C,) int64
        The first row of each course, and how many it has.
    knots : (C, K) float64
        Of each course, then infinity.
    ends : (C,) float64
        The last knot of each course.
    """

    rows: np.ndarray
    begins: np.ndarray
    counts: np.ndarray
    knots: np.ndarray
    ends: np.ndarray


class Path(sp.Symbol):
    r"""An input over time, a symbol whose value in a right-hand side is that of the path at the time.

    Parameters
    ----------
    name : str
    times : (T,) sequence of float
        Increasing, in the unit of time of the system.
    values : (T,) sequence of float
        NaN where one is missing.
    kind : {'linear', 'hold', 'rectilinear', 'cubic', 'spline'}, optional
        Straight lines; the value of the last knot, which jumps at the next, and so of a rectilinear path, which goes on in time
        first and then in value; cubic polynomials with the slope at each knot of the segment before it, so that the path does
        not depend on later values (Hermite with backward differences); or the cubic spline through all values, which does, and
        is nearer to what is smooth.

    Raises
    ------
    DeclarationError
        For another kind, and values that make no path.

    Notes
    -----
    ``u`` and ``u(t)`` mean the same; ``u.diff(t)`` is the slope, of the input itself and not of an expression.  In systems of
    fields an input may also be the value of a condition at a wall.  Steps end at knots.  A simulation beyond the knots is an
    error.  All of the slope of a path that is held is in the jumps, so ``u.diff(t)`` is refused for it.

    References
    ----------
    Morrill, Kidger, Yang & Lyons, Neural controlled differential equations for online prediction tasks (2021): causal paths.

    Examples
    --------
    >>> import symdyn as sd
    >>> x, k, t = sp.symbols("x k t")
    >>> u = sd.Path("u", [0, 1, 3], [0, 2, 2])
    >>> driven = sd.ODESystem({x: u - k * x}, {k: 0}, initial={x: 0})
    >>> sd.simulate(driven, [0, 1, 3], rtol=1e-9, progress=False).x.values.round(6).tolist()   # areas below the path
    [0.0, 1.0, 5.0]
    >>> u(t) is u, str(u.diff(t))
    (True, 'du/dt')
    """

    __slots__ = ("__dict__", "along", "curves", "kind", "sign")

    def __new__(cls, name: str, times: Any, values: Any = None, kind: str = "linear") -> Path:
        if not isinstance(name, str) or not name.isidentifier():
            raise DeclarationError(f"an input is called {name!r}; expected a name, such as 'u'")
        if kind == "rectilinear":  # first in time, then in value: as a function of time it is held
            kind = "hold"
        if kind not in KINDS:
            known = (*KINDS, "rectilinear")
            raise DeclarationError(f"the input {name} has the kind {kind!r}; known: {', '.join(known)}.{suggest(kind, known)}")
        if values is None:  # a Series over its index, or a DataArray over its only dimension
            labels = None if callable(getattr(times, "index", len)) else times.index
            if labels is None and getattr(times, "ndim", 0) == 1 and getattr(times, "dims", ()):
                labels = times[times.dims[0]].values
            if labels is None:
                raise DeclarationError(f"the input {name} has no values; give times and values, or a Series or DataArray")
            times, values = np.asarray(labels), np.asarray(times)
        return cls._of(name, kind, (Curve(name, times, values, kind),))

    @classmethod
    def _of(cls, name: str, kind: str, curves: tuple[Curve, ...], sign: int = 1, along: Any = None) -> Path:
        self = sp.Symbol.__xnew__(cls, name)
        self.kind, self.curves, self.sign, self.along = kind, curves, sign, along
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        there = self.curves if self.sign > 0 else self.mirrored().curves
        return _restored, (self.name, self.kind, tuple((c.times, c.values) for c in there), self.sign, self.along)

    def _hashable_content(self) -> tuple[Any, ...]:
        return (*super()._hashable_content(), self.digest, self._places)

    @cached_property
    def _places(self) -> tuple[Any, ...]:
        """Of its courses: expressions of sympy are remembered, and must not come back with the same ones along other labels."""
        dims = () if self.along is None else self.along.dims
        labels = [self.along.coords[d].values.tolist() for d in dims if d in self.along.coords]
        return (*dims, *map(tuple, labels))

    def __call__(self, time: Any) -> Path:
        if not isinstance(time, sp.Symbol):
            raise DeclarationError(f"{self.name}({time}) is the input at another time; a shift belongs into its times")
        return self

    def diff(self, *symbols: Any, **assumptions: Any) -> sp.Expr:
        """The slope of the input, where it is differentiated by ``t`` or ``time``; else as any symbol.

        Parameters
        ----------
        *symbols, **assumptions
            As of ``Expr.diff``.

        Returns
        -------
        Expr

        Raises
        ------
        DeclarationError
            For the slope of an input that is held between knots, at which it jumps.

        Examples
        --------
        >>> u = Path("u", [0, 1], [0, 1])
        >>> u.diff(sp.Symbol("t")), u.diff(u)
        (du/dt, 1)
        """
        if len(symbols) == 1 and isinstance(symbols[0], sp.Symbol) and symbols[0].name in ("t", "time"):
            self.check_slope()
            return PathSlope(self)
        return super().diff(*symbols, **assumptions)

    def check_slope(self) -> None:
        """Refuse the slope of an input that is held between knots.

        Raises
        ------
        DeclarationError

        Examples
        --------
        >>> Path("u", [0, 1], [0, 1]).check_slope()
        """
        if self.degree == 0:
            raise DeclarationError(f"the input {self.name} is held and jumps at its knots: it has no slope; use kind='linear'")

    @cached_property
    def segments(self) -> SegmentTable:
        """Knots and coefficients of all courses, in arrays."""
        counts = np.array([len(c.coefficients) for c in self.curves])
        rows, knots = np.zeros((counts.sum(), 5)), np.full((len(counts), counts.max() + 1), np.inf)
        rows[:, 0] = np.concatenate([c.times[: len(c.coefficients)] for c in self.curves])
        rows[:, 1 : 2 + self.degree] = np.concatenate([c.coefficients for c in self.curves])
        for own, c in zip(knots, self.curves, strict=True):
            own[: len(c.times)] = c.times
        return SegmentTable(rows, np.cumsum(counts) - counts, counts, knots, np.array([c.times[-1] for c in self.curves]))

    @cached_property
    def digest(self) -> str:
        """Fingerprint of its kind and values."""
        return hashlib.sha256(
            b"\0".join([self.kind.encode(), *([] if self.sign > 0 else [b"mirrored"]), *(c.mark for c in self.curves)])
        ).hexdigest()

    @property
    def degree(self) -> int:
        """Of the polynomials of its segments."""
        return KINDS[self.kind]

    def mirrored(self) -> Path:
        """The input over the time -t, for integration backwards in time; mirrored twice it is itself.

        Returns
        -------
        Path

        Examples
        --------
        >>> Path("u", [0, 1, 3], [5, 6, 8]).mirrored().curves[0].times.tolist()
        [-3.0, -1.0, 0.0]
        """
        return Path._of(self.name, self.kind, tuple(c.mirrored() for c in self.curves), -self.sign, self.along)

    def with_curves(self, paths: Any) -> Path:
        """The input with the courses of other paths, among which simulations choose by their number.

        Parameters
        ----------
        paths : Path, sequence of Path, or DataArray of Paths
            Of a DataArray its only dimension is that of the sweep, with its labels, which several inputs may share.

        Returns
        -------
        Path

        Raises
        ------
        DeclarationError
            If they are of different kinds, or an array of them has several dimensions.

        Examples
        --------
        >>> import symdyn as sd
        >>> u = sd.Path("u", [0, 1], [0, 1])
        >>> len(u.with_curves([u, sd.Path("v", [0, 1], [1, 0])]).curves)
        2
        """
        dims = tuple(getattr(paths, "dims", ()))
        if len(dims) > 1:
            raise DeclarationError(f"the paths of {self.name} have the dimensions {', '.join(map(str, dims))}; expected one")
        listed: list[Any] = list(paths.values) if dims else list(paths) if isinstance(paths, (list, tuple)) else [paths]
        wrong = next((p for p in listed if not isinstance(p, Path)), None)
        if wrong is not None or not listed:
            raise DeclarationError(f"the input {self.name} is {wrong if listed else []!r}; expected a Path, or a list of them")
        if len({p.kind for p in listed}) > 1:
            raise DeclarationError(
                f"the paths of {self.name} are of the kinds {', '.join(sorted({p.kind for p in listed}))}; use one"
            )
        if dims and (many := next((p for p in listed if len(p.curves) > 1), None)) is not None:
            raise DeclarationError(
                f"the input {self.name} has {len(many.curves)} courses in one place along {dims[0]!r}; give one path in each"
            )
        along = paths.copy(data=np.arange(len(listed))) if dims else paths.along if isinstance(paths, Path) else None
        return Path._of(self.name, listed[0].kind, tuple(c for p in listed for c in p.curves), along=along)


class PathSlope(sp.Symbol):
    """The slope of an input over time."""

    __slots__ = ("path",)

    def __new__(cls, path: Path) -> PathSlope:
        self = sp.Symbol.__xnew__(cls, f"d{path.name}/dt")
        self.path = path
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return PathSlope, (self.path,)

    def _hashable_content(self) -> tuple[Any, ...]:
        return (*super()._hashable_content(), *self.path._hashable_content())


def with_paths(symbols: Iterable[sp.Symbol]) -> tuple[tuple[sp.Symbol, ...], dict[sp.Symbol, float]]:
    """Parameters, with an input in the place of its slope, and the numbers of the courses that inputs have by default.

    >>> u = Path("u", [0, 1], [0, 1])
    >>> with_paths([sp.Symbol("k"), PathSlope(u)])
    ((k, u), {u: 0.0})
    """
    found = tuple(dict.fromkeys(s.path if isinstance(s, PathSlope) else s for s in symbols))
    return found, {s: 0.0 for s in found if isinstance(s, Path)}


def _restored(name: str, kind: str, curves: tuple[tuple[np.ndarray, np.ndarray], ...], sign: int, along: Any) -> Path:
    path = Path._of(name, kind, tuple(Curve(name, *curve, kind) for curve in curves), along=along)
    return path if sign > 0 else path.mirrored()
