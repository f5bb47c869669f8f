"""Where cells and bulk rest: the linear bulk eliminated, the cells by Newton's method."""

from __future__ import annotations

import warnings
from typing import NamedTuple, cast

import numpy as np
from scipy.linalg import LinAlgWarning, lu_factor, lu_solve

from symdyn.analysis.field import Field
from symdyn.analysis.search import newton, search
from symdyn.cells.exchange import Exchange
from symdyn.cells.values import CellValues, Kinetics
from symdyn.errors import DeclarationError, SymdynError

__all__ = ["SteadyState", "steady_state"]

#: Newton steps at most, and the shortest part of a step that is tried.
ITERATIONS, SHORTEST = 60, 1e-4
#: Shortest advance of the coupling before continuation gives up.
ADVANCE = 1e-4
#: Number of starts for steady states of an isolated cell.
STARTS = 32
#: Combinations of steady states of single cells from which that of all is tried.
TRIALS = 8


class SteadyState(NamedTuple):
    r"""A steady state of cells and bulk.

    Attributes
    ----------
    u : (n,) array
        States of all cells.
    sources : (S, m) array
        Strengths A of the cells, :math:`U_s = -2\pi\sum_j A_{sj}G(x; x_j)` far from the walls.
    residual : float
        Largest rate of change left.
    """

    u: np.ndarray
    sources: np.ndarray
    residual: float


def steady_state(values: CellValues, exchange: Exchange, guess: np.ndarray | None = None) -> SteadyState:
    r"""A steady state, :math:`F_j(u_j) + \sum_s (2\pi D_s/\tau_s) A_{sj}e_s = 0`.

    Damped Newton steps lead from the guess, or from cells that lose their signal to an empty bulk; if they fail, the bulk is
    filled little by little.

    Parameters
    ----------
    values : CellValues
    exchange : Exchange
        Of these values: its matrix at growth rate zero relates A to the secreted states.
    guess : (n,) array, optional
        States of all cells, cell after cell; matters where there are several steady states.

    Returns
    -------
    SteadyState

    Raises
    ------
    DeclarationError
        For a guess of another length or with numbers that are not finite.
    SymdynError
        If no steady state is found, and where the asymptotic theory has none: where signals decay within the cells' radius.
    """
    resistance, coupled = exchange.at_rest()
    _check_bulk(values, resistance)
    alone = -np.diag(2 * np.pi * (values.efflux / values.delay[:, None]).ravel())
    if guess is not None:
        start = np.asarray(guess, float).ravel()
        if start.size != values.kinetics.size or not np.isfinite(start).all():
            raise DeclarationError(
                f"the guess of the steady state has {start.size} values; expected {values.kinetics.size} finite numbers, "
                "the states of the first cell, then those of the second ..."
            )
        found = _rest(values, coupled, start)
        if found is not None:
            return _result(values, exchange, coupled, found)
    starts = _isolated(values)
    for start in starts:
        found = _rest(values, coupled, start)
        if found is None:
            found = _continued(values, alone, coupled, start)
        if found is not None:
            return _result(values, exchange, coupled, found)
    tried = "from cells without a bulk" if starts else "as the cells alone have none that a search finds"
    raise SymdynError(
        f"no steady state of {values.cells} cells was found {tried}; "
        f"pass guess=..., the {values.kinetics.size} states of all cells, or other parameters"
    )


def _check_bulk(values: CellValues, resistance: np.ndarray) -> None:
    """Refuse a bulk without response, or with one of the wrong sign: the matrix is a resistance, with positive eigenvalues."""
    found = np.linalg.eigvals(resistance).real
    if not found.min() > 1e-13 * found.max():
        reach = float(np.sqrt(values.diffusion.min()))
        raise SymdynError(
            f"the theory of small cells holds where signals reach beyond the cells, and here they reach {reach:.3g} = sqrt(D) "
            f"from cells of radius {values.radius:g}; take a larger D or smaller cells, or finite elements, full()"
        )


def _result(values: CellValues, exchange: Exchange, transfer: np.ndarray, u: np.ndarray) -> SteadyState:
    sources = transfer @ u[values.secreted.ravel()] / exchange.gain
    return SteadyState(u, sources.reshape(values.secreted.shape), float(np.abs(_rates(values, transfer, u)).max(initial=0)))


def _rates(values: CellValues, transfer: np.ndarray, u: np.ndarray) -> np.ndarray:
    out, places = values.kinetics.rates(u), values.secreted.ravel()
    np.add.at(out, places, transfer @ u[places])
    return out


def _jacobian(values: CellValues, transfer: np.ndarray, u: np.ndarray) -> np.ndarray:
    out, places = values.kinetics.jacobian(u), values.secreted.ravel()
    np.add.at(out, (places[:, None], places), transfer)
    return out


def _rest(values: CellValues, transfer: np.ndarray, u: np.ndarray) -> np.ndarray | None:
    """A zero by damped Newton steps, or None.

    A step is taken as far as the next one, with the same matrix, is shorter (Deuflhard's natural monotonicity test).
    """
    for _ in range(ITERATIONS):
        value, matrix = _rates(values, transfer, u), _jacobian(values, transfer, u)
        if not (np.isfinite(value).all() and np.isfinite(matrix).all()):
            return None
        size = np.maximum(np.abs(u), 1e-6 * max(np.abs(u).max(initial=0), 1e-300))
        solve = _solver(matrix, size)
        if solve is None:
            return None
        step = solve(-value)
        length, part = np.abs(step / size).max(initial=0), 1.0
        if length <= 1e-10:
            u = u + step
            value = _rates(values, transfer, u)
            # close to a double zero, or on the way to infinity, steps are short though nothing rests
            return u if (np.abs(value) <= 1e-7 * (np.abs(matrix) @ np.abs(u)) + 1e-300).all() else None
        while part >= SHORTEST:
            new = _rates(values, transfer, u + part * step)
            if np.isfinite(new).all() and np.abs(solve(new) / size).max() <= (1 - part / 4) * length:
                break
            part /= 2
        else:
            return None
        u = u + part * step
    return None


def _solver(matrix: np.ndarray, size: np.ndarray):
    """x of matrix x = b as a function of b, unless the matrix is singular."""
    scaled = matrix * size
    rows = np.abs(scaled).max(axis=1)
    if (rows == 0).any():
        return None
    factors = _factored(scaled / rows[:, None])
    return None if factors is None else lambda b: size * lu_solve(factors, b / rows, check_finite=False)


def _factored(matrix: np.ndarray):
    with warnings.catch_warnings():
        warnings.simplefilter("error", LinAlgWarning)
        try:
            factors = lu_factor(matrix, check_finite=False)
        except LinAlgWarning:
            return None
    pivots = np.abs(np.diag(factors[0]))
    return factors if pivots.min(initial=1) > 1e-14 * pivots.max(initial=1) else None


def _continued(values: CellValues, alone: np.ndarray, coupled: np.ndarray, u: np.ndarray) -> np.ndarray | None:
    """The zero to which `u` continues while the matrix changes from `alone` to `coupled`."""
    share, advance = 0.0, 0.25
    while share < 1:
        target = min(1.0, share + advance)
        new = _rest(values, (1 - target) * alone + target * coupled, u)
        # a jump to another branch is no continuation
        if new is not None and np.abs(new - u).max() <= 0.5 * (1e-3 + np.abs(u).max()):
            u, share, advance = new, target, 2 * advance
        else:
            advance /= 2
            if advance < ADVANCE:
                return None
    return u


class _Leaky:
    """A cell that loses its signals at given rates (n,), with the methods of a Field."""

    def __init__(self, field: Field, loss: np.ndarray) -> None:
        self.field, self.loss, self.states, self.system = field, loss, field.states, field.system

    def __call__(self, x: np.ndarray, p: np.ndarray) -> np.ndarray:
        return self.field(x, p) - self.loss * x

    def jacobian(self, x: np.ndarray, p: np.ndarray) -> np.ndarray:
        return self.field.jacobian(x, p) - np.diag(self.loss)


def _isolated(values: CellValues) -> list[np.ndarray]:
    """Steady states of cells that lose their signals to an empty bulk, those without negative states first, [(n,)]."""
    kinetics, found = values.kinetics, []
    known: dict[tuple, list[np.ndarray]] = {}
    previous: dict[int, list[np.ndarray]] = {}
    for j, kind in enumerate(kinetics.kinds):
        leak = np.zeros(kinetics.sizes[j])
        np.add.at(leak, values.secreted[:, j] - kinetics.starts[j], 2 * np.pi * values.efflux[:, j] / values.delay)
        key = kind, kinetics.parameters[j].tobytes(), leak.tobytes()
        if key not in known:
            known[key] = _states_of(kinetics, j, leak, previous.get(kind, []))
            previous[kind] = known[key]
        if not known[key]:
            return []
        found.append(known[key])
    count = min(TRIALS, max(map(len, found)))
    return [np.concatenate([states[min(k, len(states) - 1)] for states in found]) for k in range(count)]


def _states_of(kinetics: Kinetics, j: int, leak: np.ndarray, near: list[np.ndarray]) -> list[np.ndarray]:
    """Steady states of one cell; close to those of another of its kind, if there are any."""
    cell, p = cast(Field, _Leaky(kinetics.fields[kinetics.kinds[j]], leak)), kinetics.parameters[j]
    followed = [newton(cell, x, p) for x in near]
    states = [x for x in followed if x is not None and np.isfinite(x).all()]
    if not near or len(states) < len(near):
        states = search(cell, p, starts=STARTS, seed=0, extra=None)
    growth = [np.linalg.eigvals(cell.jacobian(x, p)).real.max() for x in states]
    order = sorted(range(len(states)), key=lambda k: ((states[k] < -1e-12).any(), growth[k] > 0, tuple(states[k])))
    return [states[k] for k in order]
