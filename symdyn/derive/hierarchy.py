r"""Equations of moments before they are closed.

Raw moments under polynomial rates, exactly:

.. math:: \dot\mu_i = \sum_{0 < l \le i} \binom{i}{l} \langle x^{i - l} A_l(x) \rangle

Everything else by expanding about the mean, which is exact for polynomials and truncated at the order q otherwise; with
:math:`E_{s,l} = \langle \delta^s A_l \rangle = \sum_{|k| \le q - |s|} \partial^k A_l(\mu)\, M_{s + k} / k!`

.. math:: \dot\mu_{e_j} = E_{0, e_j}, \qquad
          \dot M_i = \sum_{0 < l \le i} \binom{i}{l} E_{i - l, l} - \sum_j i_j\, \dot\mu_{e_j} M_{i - e_j}, \qquad
          \dot\mu_i = \sum_{0 < l \le i} \binom{i}{l} \sum_{s \le i - l} \binom{i - l}{s} \mu^{i - l - s} E_{s, l}

and cumulants by differentiating the recursion that makes central moments of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from math import factorial, prod

import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn.declaration import derivative
from symdyn.derive._polynomials import Combination, Polynomial, accumulate, expression_of, weighted_sum
from symdyn.derive.kramers_moyal import JumpMoments
from symdyn.errors import DeclarationError
from symdyn.models.moment_algebra import Moments
from symdyn.models.moment_index import Index, add, binomial, indices, subindices, subtract, times

__all__ = ["Hierarchy"]


class Hierarchy:
    """Right-hand sides of moments as expressions in moments of any order.

    Parameters
    ----------
    species : sequence of Symbol
    jumps : JumpMoments
    moments : Moments
        Of the kind that is derived, with a symbol for every moment.
    taylor_order : int or None
        Order q at which the expansion about the mean ends; None takes polynomials exactly.
    """

    def __init__(
        self, species: Sequence[sp.Symbol], jumps: JumpMoments, moments: Moments, taylor_order: int | None = None
    ) -> None:
        self.species, self.jumps, self.moments, self.taylor_order = tuple(species), jumps, moments, taylor_order
        self._at_mean = {s: moments.mean(k) for k, s in enumerate(self.species)}
        self._coefficients: dict[frozenset, sp.Expr] = {}
        self._expansions: dict[Index, dict[Index, sp.Expr]] = {}
        self._of_rates: dict[int, dict[Index, sp.Expr]] = {}
        self._central: dict[Index, sp.Expr] = {}
        self._cumulant: dict[Index, sp.Expr] = {}
        self._truncated: dict[tuple[Index, Index], sp.Expr] = {}

    @property
    def exact(self) -> bool:
        """Whether every rate is a polynomial."""
        return None not in self.jumps.polynomials

    def equation(self, index: Index) -> sp.Expr:
        """The time derivative of a moment, of the kind that `moments` has."""
        if self.moments.kind == "raw":
            return self._raw_exact(index) if self.exact and self.taylor_order is None else self._raw_expanded(index)
        return self._central_of(index) if self.moments.kind == "central" else self._cumulant_of(index)

    # ---- raw moments -------------------------------------------------------------------------------

    @cached_property
    def _polynomials(self) -> dict[Index, list[tuple[Index, Combination]]]:
        found = {index: self.jumps.polynomial(index) for index in self.jumps.weights}
        return {index: list(p.items()) for index, p in found.items() if p}

    def _raw_exact(self, index: Index) -> sp.Expr:
        total: Polynomial = {}
        reduce = self.moments.reduce
        for part in subindices(index):
            terms = self._polynomials.get(part)
            if terms:
                weight, rest = binomial(index, part), subtract(index, part)
                for exponents, factors in terms:
                    accumulate(total.setdefault(reduce(add(rest, exponents)), {}), weight, factors)
        known = self.moments.get
        return weighted_sum([(self._coefficient(c), known("raw", e)) for e, c in total.items() if c])

    def _coefficient(self, c: Combination) -> sp.Expr:
        key = frozenset(c.items())
        if key not in self._coefficients:
            self._coefficients[key] = expression_of(c)
        return self._coefficients[key]

    def _raw_expanded(self, index: Index) -> sp.Expr:
        if sum(index) == 1:
            return self._expectation(self._zero, index)
        terms = []
        for part in self._parts(index):
            rest = subtract(index, part)
            for s in subindices(rest):
                powers = sp.Mul(*(self.moments.mean(k) ** p for k, p in enumerate(subtract(rest, s)) if p))
                weight = binomial(index, part) * binomial(rest, s)
                terms.append(times(weight, powers, self._expectation(s, part)))
        return sp.Add(*terms)

    # ---- central moments and cumulants -------------------------------------------------------------

    def _central_of(self, index: Index) -> sp.Expr:
        if index not in self._central:
            self._central[index] = self._derive_central(index)
        return self._central[index]

    def _derive_central(self, index: Index) -> sp.Expr:
        if sum(index) == 1:
            return self._expectation(self._zero, index)
        met: dict[Index, list[sp.Expr]] = {}
        for part in self._parts(index):
            weight, rest = sp.Integer(binomial(index, part)), subtract(index, part)
            for k, value in self._expansion(part).items():
                # at the mean itself the drift cancels against the motion of the mean
                if self._within(rest, k) and (sum(part) > 1 or any(k)):
                    met.setdefault(add(rest, k), []).append(weight * value)
        terms = [times(1, sp.Add(*values), self.moments.central(i)) for i, values in met.items()]
        for j, power in enumerate(index):
            unit = self.moments.unit(j)
            if power and (lower := self.moments.central(subtract(index, unit))) is not sp.S.Zero:
                terms.append(times(-power, self._expectation(self._zero, unit, beyond_mean=True), lower))
        return sp.Add(*terms)

    def _cumulant_of(self, index: Index) -> sp.Expr:
        if index not in self._cumulant:
            terms = [self._central_of(index)]
            for weight, part, rest in _splits(index):
                terms.append(times(-weight, self._cumulant_of(part), self.moments.central(rest)))
                terms.append(times(-weight, self.moments.cumulant(part), self._central_of(rest)))
            self._cumulant[index] = sp.Add(*terms)
        return self._cumulant[index]

    # ---- expansion about the mean ------------------------------------------------------------------

    @property
    def _zero(self) -> Index:
        return (0,) * len(self.species)

    def _parts(self, index: Index) -> Iterator[Index]:
        return (part for part in subindices(index) if part in self.jumps.weights)

    def _within(self, s: Index, k: Index) -> bool:
        return self.taylor_order is None or sum(s) + sum(k) <= self.taylor_order

    def _expectation(self, s: Index, part: Index, *, beyond_mean: bool = False) -> sp.Expr:
        r""":math:`E_{s,l}`, optionally without the term at the mean."""
        key = s, part
        if beyond_mean or key not in self._truncated:
            terms = [
                times(1, value, self.moments.central(add(s, k)))
                for k, value in self._expansion(part).items()
                if self._within(s, k) and (any(k) or not beyond_mean)
            ]
            if beyond_mean:
                return sp.Add(*terms)
            self._truncated[key] = sp.Add(*terms)
        return self._truncated[key]

    def _expansion(self, part: Index) -> dict[Index, sp.Expr]:
        """Coefficients of A_l about the mean, by powers of the deviation."""
        if part not in self._expansions:
            weights = self.jumps.weights.get(part, ())
            if all(self.jumps.polynomials[r] is not None for _, r in weights):
                found = self._shifted(self.jumps.polynomial(part))
            else:
                sums: dict[Index, list[sp.Expr]] = {}
                for weight, r in weights:
                    for k, value in self._of_rate(r).items():
                        sums.setdefault(k, []).append(times(1, expression_of(weight), value))
                found = {k: sp.Add(*v) for k, v in sums.items()}
            self._expansions[part] = {k: v for k, v in found.items() if v != 0}
        return self._expansions[part]

    def _shifted(self, p: Polynomial) -> dict[Index, sp.Expr]:
        sums: dict[Index, Polynomial] = {}
        for exponents, factors in p.items():
            for k in subindices(exponents):
                into = sums.setdefault(k, {}).setdefault(subtract(exponents, k), {})
                accumulate(into, binomial(exponents, k), factors)
        means = [self.moments.mean(k) for k in range(len(self.species))]
        return {
            k: sp.Add(
                *(self._coefficient(c) * sp.Mul(*(m**a for m, a in zip(means, e, strict=True))) for e, c in q.items() if c)
            )
            for k, q in sums.items()
        }

    def _of_rate(self, r: int) -> dict[Index, sp.Expr]:
        if r not in self._of_rates:
            found = self.jumps.polynomials[r]
            self._of_rates[r] = self._shifted(found) if found is not None else self._taylor(self.jumps.rates[r])
        return self._of_rates[r]

    def _taylor(self, rate: sp.Expr) -> dict[Index, sp.Expr]:
        """Taylor coefficients of a smooth rate at the mean."""
        assert self.taylor_order is not None
        derivatives = {self._zero: rate}
        for order in range(1, self.taylor_order + 1):
            for k in indices(len(self.species), order):
                j = next(n for n, power in enumerate(k) if power)
                lower = derivatives.get(subtract(k, self.moments.unit(j)), sp.S.Zero)
                if (value := derivative(lower, self.species[j])) != 0:
                    derivatives[k] = value
        if any(d.atoms(AppliedUndef, sp.Derivative, sp.Subs) for d in derivatives.values()):
            raise DeclarationError(f"the rate {rate} cannot be differentiated; fill in unknown terms with with_terms first")
        return {k: v.xreplace(self._at_mean) / prod(map(factorial, k)) for k, v in derivatives.items()}


def _splits(index: Index) -> Iterator[tuple[int, Index, Index]]:
    """Weights, cumulants and moments of lower order in the recursion of central moments."""
    if sum(index) < 4:
        return
    p = next(k for k, power in enumerate(index) if power)
    e = tuple(int(k == p) for k in range(len(index)))
    inner = subtract(index, e)
    for j in subindices(inner):
        part = add(j, e)
        if 2 <= sum(part) <= sum(index) - 2:
            yield binomial(inner, j), part, subtract(index, part)
