"""Stationary states of fields as data: a dataset with one branch for each, and stability."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from symdyn.analysis.bordered import Border, leading_eigenvalues
from symdyn.analysis.field_newton import CONVERGED, newton, sizes_of
from symdyn.errors import DeclarationError
from symdyn.given_values import lookup
from symdyn.integration.rest import Derivative, RestProblem
from symdyn.simulation.dataset import attributes, listed_values
from symdyn.simulation.sweeps import make_design
from symdyn.system import System

__all__ = ["FieldRest", "field_steady_states", "growing", "is_stable"]

#: Error of eigenvalues in units of the largest of them.
ACCURACY = 1e-9
#: Eigenvalues that are computed at each state.
EIGENVALUES = 8
#: What results say of eigenvalues that were found with products of the derivatives alone, and of those that were not found.
ESTIMATED = "how far eigenvalues may grow and oscillate, and thus where they were looked for, is an estimate"
MISSED = (
    "equations for eigenvalues about some points were not solved: states there do not count as stable, and more modes may grow"
)
#: Distance of two states in units of their sizes below which they are one.
SAME = 1e-5
#: Variables of the result that are not states.
COLUMNS = ("stable", "unstable", "eigenvalue_real", "eigenvalue_imag", "residual")
#: Perturbations along eigenvectors in units of the sizes of the fields.
PUSH = 0.5


class FieldRest:
    """A system of fields that is to rest: its frame, parameters, states to begin with, and equations.

    Parameters
    ----------
    system : SpatialSystem
    initial, parameters : mapping or None
    grid : int, sequence of int or None

    Raises
    ------
    DeclarationError
        For systems with events or inputs, sweeps, and values that do not fit.
    """

    def __init__(
        self, system: System, initial: Mapping[Any, Any] | None, parameters: Mapping[Any, Any] | None, grid: Any = None
    ) -> None:
        if reason := system.unmet(["fields"]):
            raise DeclarationError(f"steady states of fields: {reason}")
        if isinstance(initial, xr.Dataset):
            initial = _state_of(system, initial)
        options = {} if grid is None else {"grid": grid}
        self.frame: Any = system.frame(initial, np.zeros(1), **options)  # type: ignore[attr-defined]
        self.system = self.frame.system
        self.problem: RestProblem = self.system.at_rest()
        clash = [v.name for v in self.frame.variables if v.name in (*COLUMNS, "branch", "point", "special", "frequency")]
        if clash:
            raise DeclarationError(f"{clash[0]!r} names a variable of the result; give the state another name")
        design = make_design(self.system, self.frame.given, parameters, None)
        first, rows = design.rows(0, design.size)
        if (rows != rows[0]).any():
            raise DeclarationError("steady states of fields take one value for each parameter; call it for each of several")
        self.p = np.ascontiguousarray(rows[0], float)
        self.starts = self.frame.states(first, rows)
        self.notes: list[str] = []  # what is not certain of results

    def variables(self, states: np.ndarray, rows: np.ndarray, dim: str) -> dict[str, Any]:
        """Variables with the dimension `dim` from states (N, n) with parameters (N, k)."""
        observed = self.frame.observed(states[:, None, :], rows, np.zeros(1))
        found = {}
        for v in self.frame.variables:
            if v.timed:
                found[v.name] = ((dim, *v.dims), v.of(observed, np.empty((len(states), 0)))[:, 0])
        return found

    @property
    def labels(self) -> Mapping[str, Any]:
        """Coordinates of those variables."""
        return {k: v for k, v in self.frame.coordinates.items() if k != "event"}

    def eigenvalues(self, y: np.ndarray, p: np.ndarray, border: Border) -> tuple[np.ndarray, np.ndarray]:
        """The rightmost eigenvalues and their vectors at a state."""
        columns, rows = border.at(y)
        matrix = self.problem.jacobian(y, p, sizes_of(self.problem, y))
        values, vectors = leading_eigenvalues(self.problem, matrix, columns, rows, EIGENVALUES)
        if isinstance(matrix, Derivative) and matrix.full() is None:
            self.say(ESTIMATED)
        if np.isnan(values).any():
            self.say(MISSED)
        return values, vectors

    def say(self, note: str) -> None:
        """Put a note into the attributes of the result, once."""
        if note not in self.notes:
            self.notes.append(note)

    def attributes(self, **facts: Any) -> dict[str, Any]:
        """Attributes of the result, with the notes."""
        if self.notes:
            facts["notes"] = "; ".join([*([facts["notes"]] if facts.get("notes") else []), *self.notes])
        return {**attributes(self.system, **facts), **self.frame.facts}


def _state_of(system: System, start: xr.Dataset) -> dict[str, Any]:
    """Initial values from a dataset of one state."""
    missing = [n for n in system.names if n not in start]
    if missing:
        raise DeclarationError(f"the start has no variable {missing[0]}; expected a dataset of one steady state")
    several = [str(d) for d in ("branch", "point", "time") if any(d in start[n].dims for n in system.names)]
    if several:
        raise DeclarationError(f"the start has the dimension {several[0]}; choose one state, such as isel({several[0]}=0)")
    return {n: start[n] for n in system.names}


def is_stable(values: np.ndarray) -> bool:
    """Whether all eigenvalues were found and all perturbations decay, by more than the accuracy of the eigenvalues."""
    known = values[np.isfinite(values)]
    return bool(known.size) and not np.isnan(values).any() and bool((known.real < -ACCURACY * np.abs(known).max()).all())


def growing(values: np.ndarray) -> int:
    """Number of eigenvalues of perturbations that grow."""
    known = values[np.isfinite(values)]
    return int((known.real > ACCURACY * np.abs(known).max(initial=0)).sum())


def field_steady_states(
    system: System, parameters: Mapping[Any, Any] | None, *, initial: Mapping[Any, Any] | None, grid: Any, positive: Any,
    starts: int, seed: int,
) -> xr.Dataset:  # fmt: skip
    """What `symdyn.analysis.steady_states` returns for fields."""
    if isinstance(starts, bool) or not isinstance(starts, (int, np.integer)) or starts < 1:
        raise DeclarationError(f"starts is {starts!r}; expected a whole number from 1")
    rest = FieldRest(system, initial, parameters, grid)
    problem, p = rest.problem, rest.p
    border = Border(problem, p, rest.starts[0])
    totals = border.totals(rest.starts[0])
    if border.conserved and np.ptp([border.totals(y) for y in rest.starts], axis=0).max() > 1e-9 * (1 + np.abs(totals).max()):
        raise DeclarationError("the initial arrays differ in what is conserved; call steady_states for each of them")
    names = _nonnegative(rest, positive)
    found: list[np.ndarray] = []
    spectra: list[tuple[np.ndarray, np.ndarray]] = []
    rng = np.random.default_rng(seed)
    queue = [*rest.starts, _level(problem, rest.starts[0])]
    largest = problem.measure(rest.starts[0])
    unsolved: list[str] = []
    for _ in range(starts):
        y = queue.pop(0) if queue else _perturbed(rest, found, rng, largest)
        sizes = sizes_of(problem, y, largest)
        solved = newton(problem, border, y, p, totals, known=found, sizes=sizes, unsolved=unsolved)
        if solved is None:
            continue
        largest = np.maximum(largest, problem.measure(solved))
        for b, size, most in zip(problem.blocks, problem.measure(solved), largest, strict=True):
            if size < CONVERGED * most:  # rounding, which has no place of its own along symmetries
                solved[b] = 0.0
        scale = np.sqrt(problem.weights) / sizes_of(problem, solved, largest)
        if any(np.linalg.norm((solved - problem.aligned(solved, other)) * scale) < SAME for other in found):
            continue
        values, vectors = rest.eigenvalues(solved, p, border)
        found.append(solved)
        spectra.append((values, vectors))
        size = problem.measure(solved)
        mirrored = [other for other in found[:-1] if np.allclose(problem.measure(other), size, rtol=1e-6)]
        queue = [*((other + solved) / 2 for other in mirrored), *queue]  # between mirror images lies one with the symmetry
        for k in np.flatnonzero(values.real > 0)[:3]:
            for sign in (1, -1):
                v = vectors[:, k].real
                queue.append(solved + sign * PUSH * v / max(float(np.linalg.norm(v * scale)), 1e-300))
    if unsolved:
        rest.say(f"{len(unsolved)} of {starts} iterations ended early: {unsolved[0]}")
    kept = [k for k, y in enumerate(found) if all(y[b].min() >= 0 for b in names)]
    kept.sort(key=lambda k: (growing(spectra[k][0]), *_place(problem, found[k])))
    states = np.array([found[k] for k in kept]).reshape(-1, problem.size)
    rows = np.broadcast_to(p, (len(kept), p.size))
    first = np.array([spectra[k][0][0] if spectra[k][0].size else np.nan for k in kept], complex)
    data = {
        **rest.variables(states, rows, "branch"),
        "stable": ("branch", np.array([is_stable(spectra[k][0]) for k in kept], bool)),
        "unstable": ("branch", np.array([growing(spectra[k][0]) for k in kept], int)),
        "eigenvalue_real": ("branch", first.real),
        "eigenvalue_imag": ("branch", first.imag),
        "residual": ("branch", np.array([np.abs(problem.rates(y, p)).max() for y in states])),
    }
    return xr.Dataset(
        data, {"branch": np.arange(len(kept)), **rest.labels},
        rest.attributes(
            complete=0, method=f"deflated Newton iterations from {starts} states",
            notes="other steady states may exist" if kept else "no iteration came to a steady state; begin nearer to one",
            parameters=listed_values(zip([s.name for s in rest.system.parameters], p, strict=True)),
        ),
    )  # fmt: skip


def _place(problem: RestProblem, y: np.ndarray) -> tuple[float, ...]:
    """Where a state stands in the table: the larger first, of mirror images the one that begins higher, to five digits."""
    size = float(problem.measure(y)[0])
    return (-float(f"{size:.5g}"), *(-np.round(y / (size or 1.0), 5)).tolist())


def _nonnegative(rest: FieldRest, positive: Any) -> list[slice]:
    """Places of states that must not be negative."""
    if positive is None or positive is False:
        return []
    names = rest.system.states if positive is True else [lookup(k, rest.system.states, "state") for k in positive]
    return [rest.problem.blocks[rest.system.states.index(s)] for s in names]


def _level(problem: RestProblem, y: np.ndarray) -> np.ndarray:
    """The state with the means of a state everywhere."""
    found = np.empty_like(y)
    for b in problem.blocks:
        found[b] = problem.weights[b] @ y[b]
    return found


def _perturbed(rest: FieldRest, found: list[np.ndarray], rng: np.random.Generator, largest: np.ndarray) -> np.ndarray:
    """A state that is known with smooth random perturbations of its fields as large as the largest."""
    base = found[int(rng.integers(len(found)))] if found else rest.starts[0]
    problem, y, sizes = rest.problem, base.copy(), sizes_of(rest.problem, base, largest)
    place = rest.frame.positions
    low, high = place.min(axis=0), place.max(axis=0)
    for b in problem.blocks:
        if b.stop - b.start == len(place):
            waves = rng.integers(0, 5, place.shape[1])
            shape = np.cos(np.pi * ((place - low) / np.where(high > low, high - low, 1.0)) * waves).prod(axis=1)
            y[b] += 2 * rng.uniform(-1, 1) * sizes[b] * shape
    return y
