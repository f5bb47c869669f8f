r"""Families of references with an affine drift, :math:`f_\theta(x) = P_0 z + \sum_k \theta_k P_k z` of :math:`z = (x, 1)`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn.declaration import expression
from symdyn.errors import DeclarationError
from symdyn.models.sde import SDESystem

__all__ = ["LinearFamily"]


class LinearFamily:
    """A family of references.

    Parameters
    ----------
    family : SDESystem
        Parameters without value, and unknown functions of all states, are what is free.
    library : sequence of Expr or mapping, optional
        Terms of the unknown functions; 1 and the states by default.

    Attributes
    ----------
    family : SDESystem
    states : tuple of Symbol
    hidden : tuple of AppliedUndef
    names : tuple of Symbol or str
        Of the numbers.
    library : dict of str to list of Expr
        Of each unknown function.
    square : (d, d) float64
        :math:`D = G G^T`.

    Raises
    ------
    DeclarationError
        For drifts that are not affine in the states and in what is free, and noise that is not constant.
    """

    def __init__(self, family: SDESystem, library: Any = None) -> None:
        if not isinstance(family, SDESystem):
            raise DeclarationError(f"the family is a {type(family).__name__}; expected an SDESystem")
        if reason := family.unmet(["drift"], ["diffusion"]):
            raise DeclarationError(f"a family of references: {reason}")
        ito = family.ito()
        self.family, self.states, self.hidden = family, ito.states, tuple(dict.fromkeys(ito.unknowns))
        self._check_hidden(library)
        free = [p for p in ito.parameters if p not in ito.defaults]
        self.library = self._read_library(library)
        self._slots = [(u, e) for u in self.hidden for e in self.library[u.func.__name__]]
        coefficients = [sp.Dummy() for _ in self._slots]
        terms = {
            u: sp.Add(*(c * e for c, (v, e) in zip(coefficients, self._slots, strict=True) if v == u)) for u in self.hidden
        }
        known = {p: sp.Float(float(v)) for p, v in ito.defaults.items()}
        drift = [f.xreplace(terms).xreplace(known) for f in ito.drift]
        self._free, self._known = free, known
        self.names = (*free, *(f"{u.func.__name__}: {e}" for u, e in self._slots))
        unknown = [*free, *coefficients]
        self.size = len(unknown)
        zeros = dict.fromkeys(unknown, sp.S.Zero)
        self.base = self._affine([f.xreplace(zeros) for f in drift], "the drift")
        self.shapes = []
        for u, name in zip(unknown, self.names, strict=True):
            slope = [sp.diff(f, u) for f in drift]
            if any(s.free_symbols & set(unknown) for s in slope):
                raise DeclarationError(f"the drift is not linear in {name}; expected parameters that enter linearly, or values")
            self.shapes.append(self._affine(slope, f"the factor of {name}"))
        diffusion = ito.diffusion.xreplace(known)
        if names := diffusion.free_symbols:
            raise DeclarationError(
                f"the noise depends on {min(map(str, names))}; expected noise of known and constant size: snapshots do not "
                "tell it apart from the drift"
            )
        g = np.array(diffusion.evalf().tolist(), dtype=float)
        self.square = g @ g.T
        if not np.linalg.eigvalsh(self.square).min() > 1e-14 * np.linalg.eigvalsh(self.square).max():
            raise DeclarationError("the noise does not reach all states directly; expected noise in each of them")

    def _check_hidden(self, library: Any) -> None:
        if library is not None and not self.hidden:
            raise DeclarationError("library= is for unknown functions, of which the family has none")
        for u in self.hidden:
            if set(u.args) - set(self.states):
                raise DeclarationError(f"the unknown function {u} has arguments that are no states")
        if any(e.has(AppliedUndef) for e in self.family.diffusion):
            raise DeclarationError(
                "the noise has an unknown function; snapshots do not tell it apart from the drift: give its size"
            )

    def _read_library(self, library: Any) -> dict[str, list[sp.Expr]]:
        found = {}
        for u in self.hidden:
            name = u.func.__name__
            own = library
            if isinstance(library, Mapping):
                own = next((v for k, v in library.items() if str(getattr(getattr(k, "func", k), "__name__", k)) == name), None)
            found[name] = [expression(e) for e in own] if own is not None else [sp.S.One, *u.args]
        return found

    def _affine(self, parts: list[sp.Expr], what: str) -> np.ndarray:
        """The matrix (d, d + 1) of affine functions of the states."""
        rows = []
        for e in parts:
            slopes = [sp.diff(e, x) for x in self.states]
            rest = e.xreplace(dict.fromkeys(self.states, sp.S.Zero))
            if any(s.free_symbols for s in slopes) or rest.free_symbols:
                raise DeclarationError(
                    f"{what} is {e}; expected constants and states: bridges are built from references with an affine drift and "
                    "constant coefficients"
                )
            rows.append([float(v) for v in (*slopes, rest)])
        return np.array(rows)

    def coefficients(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A (d, d) and c (d,) of the drift."""
        whole = self.base + sum((v * p for v, p in zip(theta, self.shapes, strict=True)), np.zeros_like(self.base))
        return whole[:, :-1], whole[:, -1]

    def filled(self, theta: np.ndarray) -> SDESystem:
        """The member with these numbers."""
        count = len(self._free)
        found: dict[AppliedUndef, sp.Expr] = dict.fromkeys(self.hidden, sp.S.Zero)
        for value, (u, e) in zip(theta[count:], self._slots, strict=True):
            found[u] += sp.Float(float(value)) * e
        system = self.family.with_terms(found) if found else self.family
        return system.with_parameters({p: float(v) for p, v in zip(self._free, theta, strict=False)}) if count else system

    def only(self, system: SDESystem) -> LinearFamily:
        """The family with the terms alone that a recovered system has."""
        values = self.values(system)
        kept = {u.func.__name__: [] for u in self.hidden}  # type: ignore[var-annotated]
        for value, (u, e) in zip(values[len(self._free) :], self._slots, strict=True):
            if value != 0:
                kept[u.func.__name__].append(e)
        return LinearFamily(self.family, kept)

    def values(self, system: SDESystem) -> np.ndarray:
        """The numbers of a member, in the order of `names`."""
        known = {p: sp.Float(float(v)) for p, v in system.defaults.items()}
        affine = self._affine([f.xreplace(known) for f in system.ito().drift], "the recovered drift")
        shapes = np.array([p.ravel() for p in self.shapes])
        found = np.linalg.lstsq(shapes.T, (affine - self.base).ravel(), rcond=None)[0]
        return np.where(np.abs(found) > 1e-12 * max(np.abs(found).max(), 1e-300), found, 0.0)
