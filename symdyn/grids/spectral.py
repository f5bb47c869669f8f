r"""Rates on a periodic box with derivatives by Fourier transforms, and dealiased products.

.. math:: \widehat{\partial^m u}_k = (ik)^m \hat u_k

Products of two fields with wavenumbers up to :math:`K < n/3` alias to wavenumbers above K only; with `dealias` all pointwise
products are computed from fields truncated at K, and truncated at K themselves (the two thirds rule).

References
----------
Orszag, Journal of the Atmospheric Sciences 28 (1971) 1074; Boyd, Chebyshev and Fourier Spectral Methods, 2nd ed. (2001), 11.5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy.fft
import sympy as sp

from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.lower import lower
from symdyn.grids.interpolation import with_weights
from symdyn.grids.linear_part import LinearPart
from symdyn.grids.linear_part_axes import axis_modes
from symdyn.grids.linear_part_terms import numeric_terms
from symdyn.grids.spectral_plan import SpectralPlan
from symdyn.grids.spectral_points import PointFunction
from symdyn.models.pde import PDESystem

__all__ = ["SpectralModel"]


class SpectralModel:
    """The rates of a system on n points along each axis of a periodic box.

    A state y holds the fields one after the other, each in C order, then the scalars.

    Parameters
    ----------
    pde : PDESystem
    shape : tuple of int
    dealias : bool
        Whether to apply the two thirds rule.
    threads : int, optional
    ends, numbers : sequences of Expr, optional
        What is computed in place of the rates: expressions that vary in space, and others.

    Raises
    ------
    DeclarationError
        For systems with walls.
    """

    def __init__(
        self,
        pde: PDESystem,
        shape: Sequence[int],
        *,
        dealias: bool = True,
        threads: int | None = None,
        ends: Sequence[sp.Expr] | None = None,
        numbers: Sequence[sp.Expr] | None = None,
    ) -> None:
        weighted = with_weights(pde, shape, None)
        pde, ends, numbers = (
            pde.map_expressions(weighted),
            *(None if a is None else [*map(weighted, a)] for a in (ends, numbers)),
        )
        self.pde, self.shape, self.dealias = pde, tuple(shape), bool(dealias)
        self.plan = SpectralPlan(pde, ends, numbers)
        self.parameters = pde.parameters
        box = pde.domain.box
        self.spacing = tuple(((box[1] - box[0]) / np.array(self.shape)).tolist())
        self.axes = [axis_modes(n, h, None, "periodic", "periodic") for n, h in zip(self.shape, self.spacing, strict=True)]
        self.cells = int(np.prod(self.shape))
        self.size = len(pde.fields) * self.cells + len(pde.scalars)
        self.functions = [PointFunction(pde, p, self.plan, self.shape) for p in self.plan.passes]
        blocks = [("lane", [pde.time]), ("y", []), ("p", self.plan.known)]
        scalars = self.plan.scalars
        self.scalars = lower("scalars", blocks, scalars, [""] * len(scalars)) if scalars else None
        self._bound: tuple[bytes, _Bound] | None = None
        self.threads = threads

    @property
    def source(self) -> str:
        """LLVM IR of the functions of points."""
        return "\n".join(f.source for f in self.functions)

    @property
    def compile_seconds(self) -> float:
        """Time that generating, compiling and loading them took."""
        return sum(f.compile_seconds for f in self.functions)

    def bound(self, p: np.ndarray) -> _Bound:
        """The rates for one set of parameters."""
        key = np.asarray(p, float).tobytes()
        known = self._bound
        if known is None or known[0] != key:
            self._bound = known = key, _Bound(self, np.asarray(p, float))
        return known[1]

    def rates(self, y: np.ndarray, t: float, p: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Rates (size,) of a state (size,)."""
        return self.bound(p).rates(y, t, np.empty(self.size) if out is None else out)


class _Bound:
    """Multipliers and numbers of one set of parameters."""

    def __init__(self, model: SpectralModel, p: np.ndarray) -> None:
        self.model, self.plan, pde = model, model.plan, model.pde
        values = dict(zip(pde.parameters, p.tolist(), strict=True))
        axes = [model.axes] * len(pde.fields)
        self.own = LinearPart(numeric_terms(pde, values), axes, len(pde.scalars), model.threads)
        self.half, self.fields, self.cells = self.own.half, len(pde.fields), model.cells
        self.threads = self.own.threads
        self.mask = self._two_thirds() if model.dealias else None
        self._multipliers = {s: self._multiplier(r.derivatives) for s, r in self.plan.reads.items()}
        self._links = [(k.target, k.array, self._multiplier(((k.orders, float(k.coefficient.xreplace(values))),), masked=False))
                       for k in self.plan.links]  # fmt: skip
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

    def _multiplier(self, derivatives: Any, *, masked: bool = True) -> np.ndarray | None:
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
        if masked and self.mask is not None:
            total = total * self.mask
        elif np.ndim(total) == 0 and total == 1.0:
            return None
        return np.broadcast_to(total, self.half)

    def rates(self, y: np.ndarray, t: float, out: np.ndarray) -> np.ndarray:
        own = self.own
        z = own.forward(y)
        rates = np.empty_like(z)
        self.beyond(z, t, rates, y)
        rates += own.eigenvalues * z
        return own.back(rates, out)

    def beyond(self, z: np.ndarray, t: float, out: np.ndarray, y: np.ndarray | None) -> np.ndarray:
        """All but what is linear in the own field of each rate, in modes."""
        fields, modes = self.fields, self.own.modes
        waves = dict(enumerate(z[: fields * modes].reshape(fields, *self.half)))
        rate = out[: fields * modes].reshape(fields, *self.half)
        plain = None if y is None else y[: fields * self.cells].reshape(fields, *self.model.shape)
        made, numbers = self._computed(waves, plain, z[fields * modes :].real, t)
        rate[...] = 0
        if made is not None:
            back = scipy.fft.rfftn(made, axes=tuple(range(1, made.ndim)), workers=self.threads)
            for k, part in zip(self.plan.passes[-1].outputs, back, strict=True):
                rate[k] = part if self.mask is None else part * self.mask
        for target, array, multiplier in self._links:
            rate[target] += waves[array] if multiplier is None else waves[array] * multiplier
        out[fields * modes :] = numbers
        return out

    def observed(self, waves: np.ndarray, plain: np.ndarray, scalars: np.ndarray, t: float) -> tuple[Any, list[float]]:
        """What the last pass makes, (outputs, *shape), and the numbers."""
        return self._computed(dict(enumerate(waves)), plain, scalars, t)

    def _computed(
        self, waves: dict[int, np.ndarray], plain: np.ndarray | None, scalars: np.ndarray, t: float
    ) -> tuple[np.ndarray | None, list[float]]:
        """All passes, one after the other; `waves` of what they make are added."""
        plan = self.plan
        values = {**self.values, **dict(zip(self.model.pde.scalars, scalars.tolist(), strict=True))}
        means = {k: float(waves[k].flat[0].real) / self.cells for k in self._sums if k < self.fields}
        last = None
        for one, function in zip(plan.passes, self.model.functions, strict=True):
            self._numbers(means, values)
            self._read(one.inputs, waves, plain, function.inputs)
            made = function(t, values)
            if plan.makes_rates and one is plan.passes[-1]:
                last = made
                continue
            for k, part in zip(one.outputs, made, strict=True):
                if k in self._sums:
                    means[k] = float(part.mean())
                if k in self._waves_of:
                    found = scipy.fft.rfftn(part, workers=self.threads)
                    waves[k] = found if self.mask is None else found * self.mask
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

    def _read(
        self, symbols: Sequence[sp.Symbol], waves: Mapping[int, np.ndarray], plain: np.ndarray | None, into: np.ndarray
    ) -> None:
        """Fill the inputs of a pass, (inputs, *shape)."""
        for row, s in zip(into, symbols, strict=True):
            multiplier, array = self._multipliers[s], self.plan.reads[s].array
            if multiplier is None and plain is not None and array < self.fields:
                row[...] = plain[array]
                continue
            part = waves[array] if multiplier is None else waves[array] * multiplier
            row[...] = scipy.fft.irfftn(part, self.model.shape, workers=self.threads)
