"""Rates on a periodic box for one set of parameters: multipliers of waves, products point by point, and numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import scipy.fft
import sympy as sp

from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.program import Program
from symdyn.grids.linear_part import LinearPart
from symdyn.grids.linear_part_axes import Axis
from symdyn.grids.linear_part_terms import numeric_terms
from symdyn.grids.spectral_plan import SpectralPlan
from symdyn.models.pde import PDESystem

__all__ = ["SpectralRates"]


class SpectralSource(Protocol):
    """What of a `SpectralModel` is read here."""

    plan: SpectralPlan
    pde: PDESystem
    shape: tuple[int, ...]
    axes: list[Axis]
    functions: Any
    scalars: Program | None
    cells: int
    dealias: bool
    threads: int | None


class SpectralRates:
    """The rates of a `SpectralModel` for one set of parameters.

    What is done with arrays is in the methods at the end; those of a card are in `symdyn.grids.card_spectral`.

    Parameters
    ----------
    model : SpectralModel
    p : (k,) array
        Values of the parameters.

    Attributes
    ----------
    own : LinearPart
        What is linear in the own field of each rate.
    """

    def __init__(self, model: SpectralSource, p: np.ndarray) -> None:
        self.model, self.plan, pde = model, model.plan, model.pde
        values = dict(zip(pde.parameters, p.tolist(), strict=True))
        axes = [model.axes] * len(pde.fields)
        self.own = LinearPart(numeric_terms(pde, values), axes, len(pde.scalars), model.threads)
        self.half, self.fields, self.cells = self.own.half, len(pde.fields), model.cells
        self.threads = self.own.threads
        self.functions = model.functions
        mask = self._two_thirds() if model.dealias else None
        self.mask = None if mask is None else self.kept(mask.astype(float))
        self._multipliers = {s: self.kept(self._multiplier(r.derivatives, mask)) for s, r in self.plan.reads.items()}
        self._links = [
            (k.target, k.array, self.kept(self._multiplier(((k.orders, float(k.coefficient.xreplace(values))),), None)))
            for k in self.plan.links
        ]
        self.values: dict[sp.Symbol, float] = values
        needed = {k.array for k in self.plan.links} | {r.array for r in self.plan.reads.values()}
        self._waves_of = {k for k in needed if k >= self.fields}
        self._sums = {n.array for n in self.plan.numbers.values()}

    def _two_thirds(self) -> np.ndarray:
        mask = np.ones(self.half, bool)
        last = len(self.model.shape) - 1
        for i, n in enumerate(self.model.shape):
            k = np.arange(n // 2 + 1) if i == last else np.abs(np.fft.fftfreq(n, 1 / n))
            mask &= (3 * k < n).reshape([-1 if j == i else 1 for j in range(last + 1)])
        return mask

    def _multiplier(self, derivatives: Any, mask: np.ndarray | None) -> np.ndarray | None:
        """What the waves of an array are multiplied by; None for one."""
        total: Any = 0.0
        last = len(self.model.shape) - 1
        for orders, coefficient in derivatives:
            part: Any = coefficient
            for i, (axis, m) in enumerate(zip(self.model.axes, orders, strict=True)):
                if m:
                    symbol = axis.symbol(m, half=i == last)
                    part = part * symbol.reshape([-1 if k == i else 1 for k in range(last + 1)])
            total = total + part
        if mask is not None:
            total = total * mask
        elif np.ndim(total) == 0 and total == 1.0:
            return None
        return np.broadcast_to(total, self.half)

    def rates(self, y: Any, t: float, out: Any) -> Any:
        """Rates (size,) of a state (size,)."""
        own = self.own
        z = own.forward(y)
        rates = np.empty_like(z)
        self.beyond(z, t, rates, y)
        rates += own.eigenvalues * z
        return own.back(rates, out)

    def beyond(self, z: Any, t: float, out: Any, y: Any = None) -> Any:
        """All but what is linear in the own field of each rate, in modes (modes,) of the state."""
        waves = {k: self.waves(z, k) for k in range(self.fields)}
        plain = None if y is None else [self.points(y, k) for k in range(self.fields)]
        made, numbers = self._computed(waves, plain, self.numbers_of(z), t)
        self.clear(out)
        if made is not None:
            for k, part in zip(self.plan.passes[-1].outputs, made, strict=True):
                self.transformed(part, self.waves(out, k))
        for target, array, multiplier in self._links:
            self.add(self.waves(out, target), waves[array], multiplier)
        self.put_numbers(out, numbers)
        return out

    def observed(self, waves: Any, plain: Any, scalars: np.ndarray, t: float) -> tuple[Any, list[float]]:
        """What the last pass makes, (outputs, *shape), and the numbers."""
        return self._computed(dict(enumerate(waves)), plain, scalars, t)

    def _computed(self, waves: dict[int, Any], plain: Any, scalars: np.ndarray, t: float) -> tuple[Any, list[float]]:
        """All passes, one after the other; `waves` of what they make are added."""
        plan = self.plan
        values = {**self.values, **dict(zip(self.model.pde.scalars, scalars.tolist(), strict=True))}
        means = {k: self.constant(waves[k]) for k in self._sums if k < self.fields}
        last = None
        for one, function in zip(plan.passes, self.functions, strict=True):
            self._numbers(means, values)
            for row, s in zip(function.inputs, one.inputs, strict=True):
                multiplier, array = self._multipliers[s], plan.reads[s].array
                if multiplier is None and plain is not None and array < self.fields:
                    self.copy(plain[array], row)
                else:
                    self.at_points(waves[array], multiplier, row)
            made = function(t, values)
            if plan.makes_rates and one is plan.passes[-1]:
                last = made
                continue
            for k, part in zip(one.outputs, made, strict=True):
                if k in self._sums:
                    means[k] = self.mean(part)
                if k in self._waves_of:
                    waves[k] = self.transformed(part, self.work(k))
        if self.model.scalars is None:
            return last, []
        self._numbers(means, values)
        found = evaluate(self.model.scalars, [np.asarray(t)], [], [np.asarray(values[s]) for s in plan.known])
        return last, [float(x) for x in found]

    def _numbers(self, means: Mapping[int, float], values: dict[sp.Symbol, float]) -> None:
        """The means that are known so far, as values of their symbols."""
        for s, number in self.plan.numbers.items():
            if number.array in means:
                values[s] = number.factor * means[number.array]

    # ---- arrays --------------------------------------------------------------------------------

    def kept(self, multiplier: np.ndarray | None) -> Any:
        """A multiplier of waves, in the form in which it is used."""
        return multiplier

    def waves(self, z: Any, k: int) -> Any:
        """Those of a field in modes."""
        return z[k * self.own.modes : (k + 1) * self.own.modes].reshape(self.half)

    def points(self, y: Any, k: int) -> Any:
        """A field of a state."""
        return y[k * self.cells : (k + 1) * self.cells].reshape(self.model.shape)

    def numbers_of(self, z: Any) -> np.ndarray:
        """The scalars of modes."""
        return z[self.fields * self.own.modes :].real

    def put_numbers(self, z: Any, numbers: list[float]) -> None:
        """Set the scalars of modes."""
        z[self.fields * self.own.modes :] = numbers

    def clear(self, z: Any) -> None:
        """Zeros."""
        z[...] = 0

    def copy(self, part: Any, out: Any) -> None:
        """Values at points."""
        out[...] = part

    def constant(self, waves: Any) -> float:
        """The mean of an array, of its waves."""
        return float(waves.flat[0].real) / self.cells

    def mean(self, part: Any) -> float:
        """The mean of values at points."""
        return float(part.mean())

    def work(self, k: int) -> Any:
        """Waves to be filled."""
        return np.empty(self.half, complex)

    def transformed(self, part: Any, out: Any) -> Any:
        """Fill `out` with the waves of values at points."""
        found = scipy.fft.rfftn(part, workers=self.threads)
        if self.mask is None:
            out[...] = found
            return out
        return np.multiply(found, self.mask, out=out)

    def at_points(self, waves: Any, multiplier: Any, out: Any) -> None:
        """Fill `out` with the values of waves, times a multiplier."""
        part = waves if multiplier is None else waves * multiplier
        out[...] = scipy.fft.irfftn(part, self.model.shape, workers=self.threads)

    def add(self, out: Any, waves: Any, multiplier: Any) -> None:
        """Add waves, times a multiplier."""
        out += waves if multiplier is None else waves * multiplier
