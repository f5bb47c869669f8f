r"""Values of a policy: what a process earns from a state on, from its paths and, where there is one, in closed form."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
import xarray as xr
from scipy.stats import norm

from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.lower import lower
from symdyn.declaration import expression
from symdyn.derive.generators import generator
from symdyn.errors import DeclarationError, RecoveryError
from symdyn.models.sde import SDESystem
from symdyn.registry import suggest
from symdyn.transport.exact_values import exact_value

__all__ = ["PolicyValue", "value"]

CRITERIA = ("orthogonality", "martingale-loss", "generator", "td-mean-square")
#: Paths from which on intervals are those of independent paths.
PATHS = 20
BIASED = (
    "the mean square of the temporal differences measures the quadratic variation of the value along paths, and not its error: "
    "as steps become short its minimum tends to a constant value function; 'orthogonality' has the right limit"
)


@dataclass(frozen=True)
class PolicyValue:
    r"""A value function :math:`V = h + \sum_k \theta_k \phi_k`.

    Attributes
    ----------
    expression : Expr
    coefficients : (k,) float64 or None
        :math:`\theta`; None without data.
    covariance : (k, k) float64 or None
        None of 'generator' with fewer than 20 paths, too: its errors at the times of a path are not independent.
    interval : (k, 2) float64 or None
        Of each coefficient, at the level that was asked for; None where there is no covariance.  Of fewer than 20 paths they
        hold where the features hold the value, so that increments of M are uncorrelated.
    exact : Expr or None
        The solution of :math:`L V + r = \beta V` in closed form, where polynomials solve it.
    residual : Expr
        :math:`L V + r - \beta V` of `expression`, 0 for the value.
    criterion : str
    system : SDESystem

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> x = sp.Symbol("x")
    >>> sd.transport.value(sd.SDESystem({x: -x}, {x: 1}), reward=x**2, discount=1).expression
    x**2/3 + 1/3
    """

    expression: sp.Expr
    coefficients: np.ndarray | None
    covariance: np.ndarray | None
    interval: np.ndarray | None
    exact: sp.Expr | None
    residual: sp.Expr
    criterion: str
    system: SDESystem

    def martingale(self, reward: Any) -> SDESystem:
        r"""The process with the observables ``value``, V(x), and ``gain``, the reward.

        Parameters
        ----------
        reward : Expr

        Returns
        -------
        SDESystem

        Raises
        ------
        DeclarationError
            If the reward is text or no scalar expression.

        Examples
        --------
        >>> import sympy as sp, symdyn as sd
        >>> x = sp.Symbol("x")
        >>> found = sd.transport.value(sd.SDESystem({x: -x}, {x: 1}), reward=x**2, discount=1)
        >>> [str(o) for o in found.martingale(x**2).observables]
        ['value', 'gain']
        """
        observables = {**self.system.observables, sp.Symbol("value"): self.expression, sp.Symbol("gain"): expression(reward)}
        return self.system.replace(observables=observables)


def value(
    system: SDESystem, reward: Any, *, discount: Any = None, horizon: Any = None, terminal: Any = 0,
    features: Sequence[Any] = (), data: Any = None, criterion: str = "orthogonality", instruments: Sequence[Any] = (),
    order: int = 2, level: float = 0.9,
) -> PolicyValue:  # fmt: skip
    r"""What a process earns from a state on, by its paths and in closed form.

    .. math:: V(x, t) = E\Big[\int_t^T e^{-\beta (s - t)} r(x_s)\,\mathrm ds + e^{-\beta (T - t)} h(x_T) \;\Big|\; x_t = x\Big]

    or the same to infinity without h.  A function J is the value if and only if
    :math:`M_t = e^{-\beta t} J(x_t, t) + \int_0^t e^{-\beta s} r\,\mathrm ds` is a martingale.

    Parameters
    ----------
    system : SDESystem
        The process with its policy.
    reward : Expr
        r, of states and time, a unit of time.
    discount : Expr or number, optional
        :math:`\beta`; needed without a horizon, else 0.
    horizon : Expr or number, optional
        T.
    terminal : Expr
        h, of the states.
    features : sequence of Expr
        :math:`\phi_k`, of states and time; with a horizon they vanish at T.
    data : Dataset or list of them, optional
        Paths of all states at equal spacings, over ``time`` and, for several, further dimensions, not those of a sweep of
        parameters; without data the value is in closed form.
    criterion : {'orthogonality', 'martingale-loss', 'generator', 'td-mean-square'}
        :math:`E \int \xi\,\mathrm dM = 0` (least-squares temporal differences); the least
        :math:`E \int (M_T - M_t)^2 \mathrm dt`, with a horizon; :math:`E \int \xi\,(L J + r - \beta J)\,\mathrm dt = 0` with
        the generator L, from the states alone; the mean square of temporal differences, which is biased, with a warning.
        Increments of M are taken without their factor :math:`e^{-\beta t}`, so that late times count like early ones.
    instruments : sequence of Expr, optional
        :math:`\xi`, as many as features; the features by default.  Read by 'orthogonality' and 'generator'.
    order : {1, 2}
        Of the discount and the integral of the reward in a step: :math:`(1 + \beta\Delta)^{-1}` and its left end, or
        :math:`e^{-\beta\Delta}` and trapezoids.
    level : float
        Of the intervals.

    Returns
    -------
    PolicyValue

    Raises
    ------
    DeclarationError
        For options that do not fit together, and where there is neither data nor a closed form.
    RecoveryError
        If the data do not determine the coefficients.

    Warns
    -----
    UserWarning
        For the biased criterion.

    References
    ----------
    Jia & Zhou, Policy evaluation and temporal-difference learning in continuous time and space: a martingale approach, J. Mach.
    Learn. Res. 23, 1 (2022).

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> x = sp.Symbol("x")
    >>> process = sd.SDESystem({x: -x}, {x: 1}, initial={x: 0})
    >>> paths = sd.simulate(process, np.linspace(0, 20, 401), trajectories=200, step=0.05, seed=1, progress=False)
    >>> found = sd.transport.value(process, reward=x**2, discount=1, features=[x**2, 1], data=paths)
    >>> found.exact
    x**2/3 + 1/3
    >>> bool((found.interval[:, 0] < 1 / 3).all() and (found.interval[:, 1] > 1 / 3).all())
    True
    """
    ask = _Question(system, reward, discount, horizon, terminal)
    if criterion not in CRITERIA:
        raise DeclarationError(
            f"the criterion is {criterion!r}; known: {', '.join(CRITERIA)}.{suggest(str(criterion), CRITERIA)}"
        )
    if order not in (1, 2):
        raise DeclarationError(f"order is {order!r}; expected 1 or 2")
    if not (isinstance(level, int | float) and 0 < level < 1):
        raise DeclarationError(f"level is {level!r}; expected a number between 0 and 1")
    exact = exact_value(ask.system, ask.reward, ask.discount, ask.horizon, ask.terminal)
    if data is None:
        for name, given in (("features", features), ("instruments", instruments)):
            if given:
                raise DeclarationError(f"{name}= has no effect without data=")
        if exact is None:
            raise DeclarationError("no polynomial of the states was found that is the value; give features= and data=")
        return PolicyValue(exact, None, None, None, exact, sp.S.Zero, "closed form", ask.system)
    shapes = [expression(f) for f in features]
    if not shapes:
        raise DeclarationError("features= is empty; expected expressions of the states, such as [x**2, 1]")
    tests = _instruments(instruments, shapes, criterion)
    if ask.horizon is not None:
        for f in shapes:
            if sp.simplify(f.xreplace({ask.system.time: ask.horizon})) != 0:
                raise DeclarationError(
                    f"the feature {f} does not vanish at the horizon; multiply it by {ask.horizon} - {ask.system.time}"
                )
    elif criterion == "martingale-loss":
        raise DeclarationError("the criterion 'martingale-loss' needs horizon=, the time at which rewards end")
    if criterion == "td-mean-square":
        warnings.warn(BIASED, stacklevel=2)
    theta, covariance = _Paths(ask, data, order).estimated(shapes, tests, criterion)
    half = None if covariance is None else norm.ppf(0.5 + level / 2) * np.sqrt(np.diag(covariance))
    found = ask.terminal + sp.Add(*(sp.Float(float(v)) * f for v, f in zip(theta, shapes, strict=True)))
    return PolicyValue(
        found,
        theta,
        covariance,
        None if half is None else np.stack([theta - half, theta + half], axis=1),
        exact,
        ask.residual(found),
        criterion,
        ask.system,
    )


class _Question:
    """What is asked for, read and checked."""

    def __init__(self, system: SDESystem, reward: Any, discount: Any, horizon: Any, terminal: Any) -> None:
        if not isinstance(system, SDESystem):
            raise DeclarationError(f"the process is a {type(system).__name__}; expected an SDESystem")
        if reason := system.unmet(["drift"], ["diffusion"]):
            raise DeclarationError(f"a value: {reason}")
        if discount is None and horizon is None:
            raise DeclarationError("give discount=, horizon= or both: without them rewards have no finite sum")
        self.system, self.reward, self.terminal = system, expression(reward), expression(terminal)
        self.discount = sp.S.Zero if discount is None else expression(discount)
        self.horizon = None if horizon is None else expression(horizon)
        for name, e, never in (
            ("terminal", self.terminal, {system.time}), ("discount", self.discount, {system.time, *system.states}),
            ("horizon", self.horizon or sp.S.Zero, {system.time, *system.states}),
        ):  # fmt: skip
            if strange := e.free_symbols & never:
                raise DeclarationError(f"the {name} is {e}; it cannot depend on {min(map(str, strange))}")
        if self.horizon is None and self.discount.is_number and not self.discount > 0:
            raise DeclarationError(f"discount is {self.discount}; expected a positive rate, or horizon=")
        if self.horizon is None and self.terminal != 0:
            raise DeclarationError("terminal= has no effect without horizon=")

    def number(self, e: sp.Expr, what: str) -> float:
        found = e.xreplace({p: sp.Float(float(v)) for p, v in self.system.defaults.items()})
        if found.free_symbols:
            raise DeclarationError(f"the {what} {e} has no value; declare the parameters of the process")
        return float(found)

    def residual(self, v: sp.Expr) -> sp.Expr:
        return sp.expand(generator(self.system, v) + self.reward - self.discount * v)


def _instruments(given: Sequence[Any], shapes: list[sp.Expr], criterion: str) -> list[sp.Expr]:
    if not given:
        return shapes
    if criterion not in ("orthogonality", "generator"):
        raise DeclarationError(f"instruments= has no effect with the criterion {criterion!r}")
    if len(given) != len(shapes):
        raise DeclarationError(f"there are {len(given)} instruments and {len(shapes)} features; expected as many")
    return [expression(e) for e in given]


class _Paths:
    """Paths (N, T) at equal spacings, and sums over them."""

    def __init__(self, ask: _Question, data: Any, order: int) -> None:
        self.ask, self.order = ask, order
        parts = list(data) if isinstance(data, list | tuple) else [data]
        rows = [_states(part, ask.system) for part in parts]
        times = rows[0][0]
        if any(r[0].shape != times.shape or not np.allclose(r[0], times) for r in rows):
            raise DeclarationError("the datasets have different times; expected the same in all of them")
        gaps = np.diff(times)
        if len(gaps) < 1 or not (gaps > 0).all() or np.ptp(gaps) > 1e-6 * gaps.mean():
            raise DeclarationError("the times are not equally spaced; expected two or more that are")
        self.times, self.gap = times, float(gaps.mean())
        self.states = np.concatenate([r[1] for r in rows], axis=1)
        if ask.horizon is not None:
            end = ask.number(ask.horizon, "horizon")
            if abs(times[-1] - end) > 1e-6 * self.gap + 1e-9:
                raise DeclarationError(f"the paths end at {times[-1]:g}; expected the horizon {end:g}")

    def values(self, expressions: Sequence[sp.Expr]) -> np.ndarray:
        """Values (k, N, T)."""
        system = self.ask.system
        known = {p: sp.Float(float(v)) for p, v in system.defaults.items()}
        blocks = [("t", (system.time,)), ("y", system.states)]
        listed = [e.xreplace(known) for e in expressions]
        if strange := set().union(*(e.free_symbols for e in listed)) - {*system.states, system.time}:
            raise DeclarationError(f"{min(map(str, strange))} is in a feature or reward, and is no state and has no value")
        found = evaluate(lower("values", blocks, listed, [""] * len(listed)), [self.times], list(self.states))
        shape = self.states.shape[1:]
        result = np.array([np.broadcast_to(np.asarray(v, float), shape) for v in found])
        if not np.isfinite(result).all():
            raise DeclarationError("a feature or the reward is not finite along the paths")
        return result

    def estimated(
        self, shapes: list[sp.Expr], tests: list[sp.Expr], criterion: str
    ) -> tuple[np.ndarray, np.ndarray | None]:  # fmt: skip
        ask, k = self.ask, len(shapes)
        rate = ask.number(ask.discount, "discount")
        everything = self.values([*shapes, *tests, ask.reward, ask.terminal])
        phi, xi, reward, last = everything[:k], everything[k : 2 * k], everything[2 * k], everything[2 * k + 1]
        if criterion == "generator":
            slopes = self.values([generator(ask.system, f) for f in [*shapes, ask.terminal]])
            lines = rate * phi - slopes[:k]
            theta, covariance = self._solved(xi, lines, reward + slopes[k] - rate * last)
            return theta, covariance if reward.shape[0] >= PATHS else None
        # J at a step less its discounted next value, and the reward between
        factor = np.exp(-rate * self.gap) if self.order == 2 else 1 / (1 + rate * self.gap)
        sides = (1.0, factor) if self.order == 2 else (2 * factor, 0.0)
        gain = 0.5 * self.gap * (sides[0] * reward[:, :-1] + sides[1] * reward[:, 1:])
        lines = phi[..., :-1] - factor * phi[..., 1:]
        right = gain + factor * last[:, 1:] - last[:, :-1]
        if criterion == "orthogonality":
            return self._solved(xi[..., :-1], lines, right)
        if criterion == "td-mean-square":
            return self._solved(lines, lines, right, independent=True)
        togo = np.zeros_like(reward)
        for step in reversed(range(reward.shape[1] - 1)):
            togo[:, step] = right[:, step] + factor * togo[:, step + 1]
        return self._solved(phi[..., :-1], phi[..., :-1], togo[:, :-1], independent=True)

    def _solved(
        self, xi: np.ndarray, lines: np.ndarray, right: np.ndarray, *, independent: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Coefficients with sum xi (right - lines theta) = 0, and their covariance.

        Errors of different paths are independent; of few paths those of steps are martingale differences.
        """
        matrix = np.einsum("knt,lnt->kl", xi, lines)
        scale = np.sqrt(
            np.abs(np.diag(np.einsum("knt,lnt->kl", xi, xi))) * np.abs(np.diag(np.einsum("knt,lnt->kl", lines, lines)))
        )
        if not np.linalg.cond(matrix / np.maximum(np.sqrt(np.outer(scale, scale)), 1e-300)) < 1e12:
            raise RecoveryError("the paths do not determine the coefficients; give other features, or more paths")
        theta = np.linalg.solve(matrix, np.einsum("knt,nt->k", xi, right))
        miss = right - np.einsum("k,knt->nt", theta, lines)
        count = miss.shape[0]
        if independent and count < PATHS:
            raise DeclarationError(f"there are {count} paths; this criterion needs {PATHS} or more for its intervals")
        if count >= PATHS:
            sums = np.einsum("knt,nt->kn", xi, miss)
            sums = sums - sums.mean(axis=1, keepdims=True)
            meat = sums @ sums.T * count / (count - 1)
        else:
            meat = np.einsum("knt,lnt,nt->kl", xi, xi, miss**2)
        inverse = np.linalg.inv(matrix)
        return theta, inverse @ meat @ inverse.T


def _states(part: Any, system: SDESystem) -> tuple[np.ndarray, np.ndarray]:
    """Times (T,) and states (n, N, T) of a dataset."""
    names = [s.name for s in system.states]
    if not isinstance(part, xr.Dataset):
        raise DeclarationError(f"data is a {type(part).__name__}; expected a dataset of paths, as simulate returns it")
    if missing := [n for n in names if n not in part]:
        raise DeclarationError(f"the data lack the state {missing[0]}; all states are needed")
    if "time" not in part[names[0]].dims:
        raise DeclarationError("the data have no times")
    if swept := [c.attrs["parameter"] for c in part[names[0]].coords.values() if c.ndim and "parameter" in c.attrs]:
        raise DeclarationError(f"the data are a sweep of {swept[0]}, of several processes; select the paths of one")
    dims = part[names[0]].transpose(..., "time").dims
    if strange := [n for n in names if set(part[n].dims) != set(dims)]:
        raise DeclarationError(f"{strange[0]} is over {part[strange[0]].dims}; expected {dims}, as {names[0]}")
    rows = [part[n].transpose(*dims).values.reshape(-1, part.sizes["time"]) for n in names]
    found = np.array(rows, dtype=float)
    if not np.isfinite(found).all():
        raise DeclarationError("the data have values that are not finite; drop those paths")
    return part.time.values.astype(float), found
