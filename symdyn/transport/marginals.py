r"""Marginals of linear diffusions that begin in a mixture of normal distributions, in closed form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from symdyn.declaration import expression
from symdyn.derive.schedules import growth, integral, same, variance
from symdyn.derive.semilinear import semilinear
from symdyn.errors import DeclarationError
from symdyn.models.ode import ODESystem
from symdyn.models.sde import SDESystem
from symdyn.text.mixtures import logsumexp, softmax
from symdyn.transport.densities import GaussianMixture

__all__ = ["Marginal", "marginal"]

#: Times at which a schedule that is given is compared with the equations of the process.
PLACES = (sp.Rational(1, 7), sp.Rational(2, 5), sp.Rational(3, 4))


class Marginal:
    r"""The density :math:`p_t` of :math:`x_t = \alpha(t)\, x_0 + c(t) + \sigma(t)\, \epsilon` with :math:`x_0` from a mixture.

    Attributes
    ----------
    mixture : GaussianMixture
        The density at the start.
    states : tuple of Symbol
    time : Symbol
    alphas, shifts, sigmas : tuple of Expr
        :math:`\alpha, c, \sigma` of each state.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> x, m, s = sp.symbols("x m s", positive=True)
    >>> noised = sd.SDESystem({x: -x}, {x: sp.sqrt(2)}).marginal(sd.transport.Normal(m, s))
    >>> noised.alpha, noised.sigma
    (exp(-t), sqrt(1 - exp(-2*t)))
    """

    def __init__(
        self, mixture: GaussianMixture, states: Sequence[sp.Symbol], time: sp.Symbol, alphas: Sequence[sp.Expr],
        shifts: Sequence[sp.Expr], sigmas: Sequence[sp.Expr], defaults: Mapping[sp.Symbol, float] | None = None,
    ) -> None:  # fmt: skip
        self._defaults = {p: sp.Float(v) for p, v in (defaults or {}).items()}
        self.mixture, self.states, self.time = mixture, tuple(states), time
        self.alphas, self.shifts, self.sigmas = tuple(alphas), tuple(shifts), tuple(sigmas)
        self._squares = mixture.squares(self.states, self.alphas, self.shifts, [s**2 for s in self.sigmas])
        weights = mixture.weights
        self._even = mixture.stds is not None and len(set(mixture.stds)) == 1
        self._exponents = []
        for k, (w, squares) in enumerate(zip(weights, self._squares, strict=True)):
            part = sp.S.Zero if len(set(weights)) == 1 else sp.log(w)
            if self._even:  # what all components have in common is left out
                self._exponents.append(sp.Add(part, *(self._moved(i, k) for i in range(len(squares)))))
            else:
                logs = sp.Add(*(sp.log(v) for _, v in squares)) / 2
                self._exponents.append(part - logs - sp.Add(*(z**2 / v for z, v in squares)) / 2)

    def _moved(self, i: int, k: int) -> sp.Expr:
        r""":math:`-z^2/2v` without :math:`-(x - c)^2/2v`."""
        x, v = self.states[i], self._squares[k][i][1]
        middle = self.alphas[i] * self.mixture.means[k][i]
        return x * middle / v - middle * (middle + 2 * self.shifts[i]) / (2 * v)

    @property
    def alpha(self) -> sp.Expr | None:
        r""":math:`\alpha(t)`, or None if states differ in it.

        Returns
        -------
        Expr or None

        Examples
        --------
        >>> import symdyn as sd
        >>> sd.SDESystem.from_text("dx = -2*x*dt + dW").marginal(sd.transport.Normal(0, 1)).alpha
        exp(-2*t)
        """
        return same(self.alphas)

    @property
    def sigma(self) -> sp.Expr | None:
        r""":math:`\sigma(t)`, or None if states differ in it.

        Returns
        -------
        Expr or None

        Examples
        --------
        >>> import symdyn as sd
        >>> sd.SDESystem.from_text("dx = 0*dt + 2*dW").marginal(sd.transport.Normal(0, 1)).sigma
        2*sqrt(t)
        """
        return same(self.sigmas)

    @property
    def log_snr(self) -> sp.Expr:
        r""":math:`\lambda = \log(\alpha/\sigma)`.

        Returns
        -------
        Expr

        Raises
        ------
        DeclarationError
            If states differ in it.

        Examples
        --------
        >>> import symdyn as sd
        >>> sd.SDESystem.from_text("dx = 0*dt + 2*dW").marginal(sd.transport.Normal(0, 1)).log_snr
        log(1/(2*sqrt(t)))
        """
        if self.alpha is None or self.sigma is None:
            raise DeclarationError("the states have signal-to-noise ratios of their own; see alphas and sigmas")
        return sp.log(self.alpha / self.sigma)

    @property
    def log_density(self) -> sp.Expr:
        r""":math:`\log p_t(x)`.

        Returns
        -------
        Expr

        Examples
        --------
        >>> import symdyn as sd
        >>> sd.SDESystem.from_text("dx = -x/2*dt + dW").marginal(sd.transport.Normal(0, 1)).log_density
        -x**2/2 - log(2*pi)/2
        """
        terms = []
        for w, squares in zip(self.mixture.weights, self._squares, strict=True):
            simple = [(z, sp.simplify(v) if len(self._squares) == 1 else v) for z, v in squares]
            log_norm = sp.Add(*(sp.log(2 * sp.pi * v) for _, v in simple))
            terms.append(sp.log(w) - log_norm / 2 - sp.Add(*(z**2 / v for z, v in simple)) / 2)
        return logsumexp(*terms)

    @property
    def density(self) -> sp.Expr:
        r""":math:`p_t(x)`, the exponential of `log_density`.

        Returns
        -------
        Expr

        Examples
        --------
        >>> import symdyn as sd
        >>> sd.SDESystem.from_text("dx = -x/2*dt + dW").marginal(sd.transport.Normal(0, 1)).density
        sqrt(2)*exp(-x**2/2)/(2*sqrt(pi))
        """
        return sp.exp(self.log_density)

    def _predicted(self, factor: Mapping[sp.Symbol, sp.Expr]) -> dict[sp.Symbol, sp.Expr]:
        """Minus the score, times a factor of time that is put inside the sums."""
        shares = [softmax(q, *self._exponents) for q in self._exponents]
        slopes = [] if self._even else [[z.as_coefficients_dict() for z, _ in squares] for squares in self._squares]
        found = {}
        for i, x in enumerate(self.states):
            if self._even:  # one variance: the mean of the component is all that differs
                v = self._squares[0][i][1]
                mean = sp.Add(*(share * m[i] for share, m in zip(shares, self.mixture.means, strict=True)))
                found[x] = factor[x] / v * (x - self.shifts[i] - self.alphas[i] * mean)
                continue
            parts = []
            for share, squares, linear in zip(
                shares, self._squares, slopes, strict=True
            ):  # deviations are linear in the states
                slope = sp.Add(*(factor[x] * z * row[x] / v for (z, v), row in zip(squares, linear, strict=True) if x in row))
                parts.append(share * slope)
            found[x] = sp.Add(*parts)
        return found

    @property
    def score(self) -> dict[sp.Symbol, sp.Expr]:
        r""":math:`\partial \log p_t / \partial x_i` of each state.

        Returns
        -------
        dict of Symbol to Expr

        Examples
        --------
        >>> import symdyn as sd
        >>> sd.SDESystem.from_text("dx = 0*dt + dW").marginal(sd.transport.Normal(0, 2)).score
        {x: -x/(t + 4)}
        """
        return {x: -e for x, e in self._predicted(dict.fromkeys(self.states, sp.S.One)).items()}

    @property
    def noise(self) -> dict[sp.Symbol, sp.Expr]:
        r"""The mean of the noise of a state, :math:`-\sigma\, \partial \log p_t / \partial x_i` (the prediction "eps").

        Returns
        -------
        dict of Symbol to Expr

        Examples
        --------
        >>> import symdyn as sd
        >>> sd.SDESystem.from_text("dx = 0*dt + dW").marginal(sd.transport.Normal(0, 2)).noise
        {x: sqrt(t)*x/(t + 4)}
        """
        return self._predicted(dict(zip(self.states, self.sigmas, strict=True)))

    @property
    def denoiser(self) -> dict[sp.Symbol, sp.Expr]:
        r"""The mean of the data of a state, :math:`(x - c + \sigma^2\, \partial \log p_t)/\alpha` (the prediction "x0").

        Returns
        -------
        dict of Symbol to Expr

        Examples
        --------
        >>> import sympy as sp, symdyn as sd
        >>> found = sd.SDESystem.from_text("dx = 0*dt + dW").marginal(sd.transport.Normal(0, 2)).denoiser
        >>> {x: sp.simplify(e) for x, e in found.items()}
        {x: 4*x/(t + 4)}
        """
        noise, parts = self.noise, zip(self.states, self.alphas, self.shifts, self.sigmas, strict=True)
        return {x: (x - c - s * noise[x]) / a for x, a, c, s in parts}

    @property
    def velocity(self) -> dict[sp.Symbol, sp.Expr]:
        r"""The prediction "v", :math:`\alpha\, \epsilon - \sigma\, x_0`.

        Returns
        -------
        dict of Symbol to Expr

        References
        ----------
        Salimans & Ho, Progressive distillation, ICLR 2022, appendix D.

        Examples
        --------
        >>> import sympy as sp, symdyn as sd
        >>> found = sd.SDESystem.from_text("dx = -x/2*dt + dW").marginal(sd.transport.Normal(0, 1)).velocity
        >>> {x: sp.simplify(e) for x, e in found.items()}
        {x: 0}
        """
        noise, data = self.noise, self.denoiser
        return {x: a * noise[x] - s * data[x] for x, a, s in zip(self.states, self.alphas, self.sigmas, strict=True)}

    def at(self, time: Any) -> GaussianMixture:
        """The density at a time, as a mixture of numbers.

        Parameters
        ----------
        time : number

        Returns
        -------
        GaussianMixture
            With its states, so that `GaussianMixture.initial` draws initial values.

        Raises
        ------
        DeclarationError
            If parameters of the schedule have no default values, and for times at which there is no density.

        Examples
        --------
        >>> import symdyn as sd
        >>> vp = sd.SDESystem.from_text("dx = -x/2*dt + dW")
        >>> round(float(vp.marginal(sd.transport.Normal(3, 1)).at(2).means[0][0]), 6)  # 3/e
        1.103638
        """
        now = {**self._defaults, self.time: expression(time)}

        def number(e: Any) -> float:
            found = expression(e).xreplace(now)
            if found.free_symbols:
                raise DeclarationError(f"{found} has no number; give the schedule numbers for its parameters")
            if not (found.is_real and found.is_finite):
                raise DeclarationError(f"{e} is {found} at the time {time}, where there is no density")
            return float(found)

        a, c, s = (np.array([number(e) for e in row]) for row in (self.alphas, self.shifts, self.sigmas))
        means = np.array([[number(m) for m in row] for row in self.mixture.means]) * a + c
        w = [number(v) for v in self.mixture.weights]
        if self.mixture.stds is not None:
            widths = np.array([[number(v) for v in row] for row in self.mixture.stds])
            return GaussianMixture(w, means, np.sqrt(widths**2 * a**2 + s**2), states=self.states)
        assert self.mixture.covariances is not None
        covariances = self.mixture.covariances * np.outer(a, a) + np.diag(s**2)
        return GaussianMixture(w, means, covariances=covariances, states=self.states)


def marginal(
    system: SDESystem, density: GaussianMixture, time: Any = None, *, start: Any = 0, alpha: Any = None, sigma: Any = None
) -> Any:
    r"""The density of a linear diffusion at all times, of :math:`\dot m = a m + c,\; \dot v = 2 a v + g^2` in closed form.

    Parameters
    ----------
    system : SDESystem
        With a drift that is linear in the state itself, :math:`a_i(t)\, x_i + c_i(t)`, and noise of its own for each state
        that depends on time alone.
    density : GaussianMixture
        At the start.
    time : number, optional
        A time, for the density there; by default the symbol of time, for all of them.
    start : number
        The time at which the density holds; minus infinity where noise begins there, as :math:`\sigma_0 r^t` does.
    alpha, sigma : Expr, optional
        Of all states, where the integrals have no closed form that is found; they are checked.

    Returns
    -------
    Marginal
        A GaussianMixture for a single time.

    Raises
    ------
    DeclarationError
        For other systems, and where no closed form is found or what is given does not satisfy the equations.

    References
    ----------
    Song et al., Score-based generative modeling through stochastic differential equations, ICLR 2021, appendix B.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> x, t, th, mu = sp.symbols("x t theta mu", positive=True)
    >>> reverting = sd.SDESystem({x: th*(mu - x)}, {x: sp.sqrt(2*th)})
    >>> sp.simplify(reverting.marginal(sd.transport.Normal(0, 1)).shifts[0])
    mu - mu*exp(-t*theta)
    """
    if reason := system.unmet(["drift"], ["diffusion"]):
        raise DeclarationError(f"a marginal: {reason}")
    ito = system.ito()
    if not isinstance(density, GaussianMixture):
        raise DeclarationError(f"the density is a {type(density).__name__}; expected a GaussianMixture or Normal")
    if density.dimension != len(ito.states):
        raise DeclarationError(
            f"the density has {density.dimension} dimensions; expected {len(ito.states)}, those of {ito.names}"
        )
    d = ito.diffusion * ito.diffusion.T
    form = semilinear(ODESystem(dict(zip(ito.states, ito.drift, strict=True)), time=ito.time))
    if any(n != 0 for n in form.rest):
        wrong = next(x for x, n in zip(form.states, form.rest, strict=True) if n != 0)
        raise DeclarationError(
            f"the drift of {wrong} is not linear in {wrong} alone; marginals are in closed form for such drifts"
        )
    for i in range(len(ito.states)):
        for j in range(len(ito.states)):
            if (i != j and d[i, j] != 0) or d[i, j].free_symbols & set(ito.states):
                raise DeclarationError(
                    "marginals are in closed form for noise of its own for each state that depends on time alone"
                )
    t, begin = ito.time, expression(start)
    if (alpha is None) != (sigma is None):
        raise DeclarationError("alpha= and sigma= are given together")
    alphas, shifts, sigmas = [], [], []
    known: dict[Any, tuple[sp.Expr, sp.Expr]] = {}
    for i, (rate, affine) in enumerate(zip(form.linear, form.affine, strict=True)):
        key = rate, d[i, i]
        if key not in known:
            known[key] = _solved(rate, d[i, i], t, begin) if alpha is None else _checked(rate, d[i, i], t, begin, alpha, sigma)
        a, s = known[key]
        alphas.append(a)
        sigmas.append(s)
        shifts.append(_shift(rate, affine, a, t, begin))
    found = Marginal(density, ito.states, t, alphas, shifts, sigmas, ito.defaults)
    return found if time is None or time == t else found.at(time)


def _solved(rate: sp.Expr, square: sp.Expr, t: sp.Symbol, start: Any) -> tuple[sp.Expr, sp.Expr]:
    alpha = growth(rate, t, start)
    return alpha, sp.powdenest(sp.sqrt(variance(rate, square, alpha, t, start)), force=True)


def _shift(rate: sp.Expr, affine: sp.Expr, alpha: sp.Expr, t: sp.Symbol, start: Any) -> sp.Expr:
    """The solution of m' = a m + c that is 0 at the start."""
    if affine == 0:
        return sp.S.Zero
    level = sp.S.Zero if rate == 0 else sp.cancel(-affine / rate)  # where the drift leads
    if rate != 0 and t not in level.free_symbols:
        return sp.expand(level * (1 - alpha))
    return sp.expand(alpha * integral(sp.powsimp(sp.expand(affine / alpha)), t, start, "the drift"))


def _checked(rate: sp.Expr, square: sp.Expr, t: sp.Symbol, start: Any, alpha: Any, sigma: Any) -> tuple[sp.Expr, sp.Expr]:
    a, s = expression(alpha), expression(sigma)
    for name, e, wanted in (("alpha", a, 1), ("sigma", s, 0)) if start.is_finite else ():
        begin = sp.simplify(e.xreplace({t: start}))
        if begin.is_number and not abs(begin - wanted) <= 1e-12:
            raise DeclarationError(f"{name}= is {begin} at the start {start}, where the density holds; expected {wanted}")
    wrong = {"alpha": (sp.diff(a, t) / a, rate), "sigma": (sp.diff(s**2, t), 2 * rate * s**2 + square)}
    for name, (slope, wanted) in wrong.items():
        for k, place in enumerate(PLACES):
            values = {
                q: place / (j + k + 2) for j, q in enumerate(sorted(slope.free_symbols | wanted.free_symbols - {t}, key=str))
            }
            one, other = (e.xreplace({**values, t: place}).evalf(30) for e in (slope, wanted))
            if not abs(one - other) <= sp.Float("1e-20") * (abs(one) + abs(other)):
                raise DeclarationError(
                    f"{name}= does not satisfy the equation of the process: at t = {place} a slope is {float(one):.6g} where "
                    f"{float(other):.6g} is needed"
                )
    return a, s
