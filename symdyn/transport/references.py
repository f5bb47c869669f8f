r"""Linear diffusions as references of bridges: what they do between two times, as numbers and as functions of time."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp

from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.lower import lower
from symdyn.errors import DeclarationError
from symdyn.models.sde import SDESystem
from symdyn.transport.densities import Normal
from symdyn.transport.marginals import marginal
from symdyn.transport.spectra import Exponentials, Transition

__all__ = ["LinearReference"]

#: Most states that interact.
COUPLED = 3


class LinearReference:
    r"""A diffusion :math:`\mathrm dx = (A(t)\, x + c(t))\, \mathrm dt + G(t)\, \mathrm dW` with numbers for all parameters.

    Parameters
    ----------
    system : SDESystem
        States that interact are three at most, and have constant coefficients.
    span : (float, float)
        Times at which bridges begin and end.

    Attributes
    ----------
    system : SDESystem
        With numbers in the place of its parameters.
    states : tuple of Symbol
    time : Symbol
    span : (float, float)
    drift : tuple of Expr
    square : Matrix
        :math:`D = G G^T`.

    Raises
    ------
    DeclarationError
        For other systems.
    """

    def __init__(self, system: SDESystem, span: Any) -> None:
        if not isinstance(system, SDESystem):
            raise DeclarationError(f"the reference is a {type(system).__name__}; expected an SDESystem with a linear drift")
        if reason := system.unmet(["drift"], ["diffusion"]):
            raise DeclarationError(f"a reference: {reason}")
        if system.unknowns:
            raise DeclarationError(
                f"the reference has the unknown term {system.unknowns[0]}; sd.transport.multi_marginal finds such terms"
            )
        self.span = _read_span(span)
        ito = system.ito()
        if missing := [p for p in ito.parameters if p not in ito.defaults]:
            raise DeclarationError(f"the parameter {missing[0]} of the reference has no value; declare it")
        known = {p: sp.Float(float(ito.defaults[p])) for p in ito.parameters}
        self.states, self.time = ito.states, ito.time
        self.drift = tuple(f.xreplace(known) for f in ito.drift)
        diffusion = ito.diffusion.xreplace(known)
        self.square = sp.Matrix(diffusion * diffusion.T)
        self.system = SDESystem(
            dict(zip(ito.states, self.drift, strict=True)), diffusion, time=ito.time, provenance=ito.provenance
        )
        self._check()
        start, end = self.span
        self._symbolic = self._diagonal() or self._coupled()
        self.whole = self.between(start, end)
        values = np.linalg.eigvalsh(self.whole.noise)
        if not values.min() > 1e-14 * values.max():
            raise DeclarationError(
                f"between {start:g} and {end:g} the noise of the reference does not reach all directions of "
                f"{', '.join(map(str, self.states))}; a bridge needs noise, directly or by way of other states, in each"
            )

    def _check(self) -> None:
        x = set(self.states)
        for s, f in zip(self.states, self.drift, strict=True):
            if any(sp.diff(f, z).free_symbols & x for z in self.states):
                raise DeclarationError(f"the drift of {s}, {f}, is not linear; bridges are built from linear references")
        if self.square.free_symbols & x:
            raise DeclarationError(
                "the noise of the reference depends on states; bridges take noise that depends on time alone"
            )

    def _diagonal(self) -> Any:
        """Growth, shift and spread since the start of states that do not interact, or None."""
        d = len(self.states)
        off = [sp.diff(self.drift[i], self.states[j]) for i in range(d) for j in range(d) if i != j]
        if any(off) or any(self.square[i, j] != 0 for i in range(d) for j in range(d) if i != j):
            return None
        found = marginal(self.system, Normal([0] * d, 1), start=sp.nsimplify(self.span[0], rational=True))
        return found.alphas, found.shifts, tuple(s**2 for s in found.sigmas)

    def _coupled(self) -> Exponentials:
        a = sp.Matrix([[sp.diff(f, x) for x in self.states] for f in self.drift])
        c = sp.Matrix([f.xreplace(dict.fromkeys(self.states, sp.S.Zero)) for f in self.drift])
        if (a.free_symbols | c.free_symbols | self.square.free_symbols) - set():
            raise DeclarationError(
                "the coefficients of the reference depend on time, and its states interact; expected constant coefficients, or "
                "states with drift and noise of their own"
            )
        if len(self.states) > COUPLED:
            raise DeclarationError(f"{len(self.states)} states interact in the reference; expected {COUPLED} at most")
        numbers = [np.array(m.evalf().tolist(), dtype=float) for m in (a, c, self.square)]
        return Exponentials(numbers[0], numbers[1][:, 0], numbers[2])

    def to_end(self, time: Any = None) -> Transition:
        """From a time, by default the symbol of it, to the end."""
        return self._from(self.time if time is None else time, sp.Float(self.span[1]))

    def since_start(self, time: Any = None) -> Transition:
        r"""From a time back to the start: :math:`\mathcal N(F^{-1}(x - c), F^{-1} Q F^{-T})`, of a flat density."""
        t = self.time if time is None else time
        start = sp.Float(self.span[0])
        if isinstance(self._symbolic, Exponentials):
            there = self._symbolic.at(start - t)
            return Transition(there.factor, there.shift, -there.noise)
        forward = self._from(start, t)
        d = len(self.states)
        back = [1 / forward.factor[i, i] for i in range(d)]
        return Transition(
            sp.diag(*back), sp.Matrix([-b * s for b, s in zip(back, forward.shift, strict=True)]),
            sp.diag(*(b**2 * forward.noise[i, i] for i, b in enumerate(back))), forward.plain,
        )  # fmt: skip

    def _from(self, begin: Any, end: Any) -> Transition:
        if isinstance(self._symbolic, Exponentials):
            return self._symbolic.at(end - begin)
        parts = []
        for alpha, shift, square in zip(*self._symbolic, strict=True):
            (a, a1), (s, s1), (q, q1) = (
                (e.xreplace({self.time: begin}), e.xreplace({self.time: end})) for e in (alpha, shift, square)
            )
            f = a1 / a
            parts.append((f, s1 - f * s, q1 - f**2 * q))
        plain = len({(p[0], p[2]) for p in parts}) == 1
        return Transition(
            sp.diag(*(p[0] for p in parts)), sp.Matrix([p[1] for p in parts]), sp.diag(*(p[2] for p in parts)), plain
        )

    def between(self, begin: float, end: float) -> Transition:
        """From one time to another, in numbers."""
        if isinstance(self._symbolic, Exponentials):
            return self._symbolic.numbers(end - begin)
        d = len(self.states)
        found = self._from(sp.Float(begin), sp.Float(end))
        entries = [sp.N(found.factor[i, i], 30) for i in range(d)], list(found.shift), [found.noise[i, i] for i in range(d)]
        try:
            f, c, q = (np.array([float(sp.N(e)) for e in row]) for row in entries)
        except TypeError:
            raise DeclarationError(f"the reference has no finite law between {begin:g} and {end:g}") from None
        return Transition(np.diag(f), c, np.diag(np.maximum(q, 0.0)))

    def drift_at(self, time: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """A (d, d), c (d,) and D (d, d) at a time."""
        d = len(self.states)
        if not hasattr(self, "_coefficients"):
            a = [sp.diff(f, x) for f in self.drift for x in self.states]
            c = [f.xreplace(dict.fromkeys(self.states, sp.S.Zero)) for f in self.drift]
            listed = [*a, *c, *self.square]
            self._coefficients = lower("coefficients", [("t", (self.time,))], listed, [""] * len(listed))
        values = np.array([float(v) for v in evaluate(self._coefficients, [np.asarray(time)])])
        return values[: d * d].reshape(d, d), values[d * d : d * d + d], values[d * d + d :].reshape(d, d)


def _read_span(span: Any) -> tuple[float, float]:
    try:
        start, end = (float(t) for t in span)
    except (TypeError, ValueError):
        raise DeclarationError(f"span is {span!r}; expected the times of start and end, such as (0, 1)") from None
    if not (np.isfinite([start, end]).all() and start < end):
        raise DeclarationError(f"span is {span!r}; expected two finite times, the start before the end")
    return start, end
