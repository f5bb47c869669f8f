"""Validity of moment closures: every closure, order and volume, compared with the exact moments."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from symdyn.analysis import steady_states
from symdyn.bar import bar
from symdyn.derive.closures import Closure, find_closure
from symdyn.errors import DeclarationError, SymdynError
from symdyn.given_values import name_of, numeric_values
from symdyn.models.reactions import ReactionNetwork
from symdyn.simulation.cluster import as_executor
from symdyn.simulation.ensemble import default_threads
from symdyn.simulation.executors import Executor
from symdyn.simulation.parts import Parts, read_path
from symdyn.simulation.processes import Processes
from symdyn.simulation.request import checked, software
from symdyn.studies import _cell, _reference, _transitions
from symdyn.studies._assemble import assemble
from symdyn.studies._cell import Cell, Question, hash_text, name_of_closure
from symdyn.studies._reference import Inquiry, Reference
from symdyn.studies._transitions import BranchTransitions, Gap
from symdyn.studies._verdict import usable

__all__ = ["closure_validity"]

#: Length of a time course in relaxation times of the rate equations.
LENGTH = 30
#: Time that takes the place of the relaxation time where no steady state is known.
UNKNOWN_RELAXATION = 10.0
#: Packages whose sources determine the results, besides those that run simulations.
PACKAGES = ("derive", "networks", "analysis", "projection", "studies")
REFERENCES = ("auto", "projection", "simulation", "none")


def closure_validity(
    network: ReactionNetwork,
    volumes: Sequence[float] | np.ndarray,
    orders: Iterable[int] | int = (2, 3, 4),
    closures: Iterable[str | Callable | Closure] = ("normal",),
    *,
    parameters: Mapping[Any, float] | None = None,
    starts: Sequence[Mapping[Any, float]] | None = None,
    t_end: float | None = None,
    tolerance: float = 0.1,
    reference: str = "auto",
    transitions: bool = True,
    taylor_order: int | None = None,
    seed: int = 0,
    executor: Any = None,
    store: str | Path | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> xr.Dataset:
    r"""Ranges of volume in which moment closures give the moments of the master equation.

    The stationary distribution of the master equation is unique.  A closure that has several stable steady states, none,
    a sustained oscillation, a negative variance or an infinite solution is therefore wrong there for any exact
    moments; otherwise its means and standard deviations are compared with the exact ones.

    Parameters
    ----------
    network : ReactionNetwork
        Declared with a volume that is a parameter, ``volume="V"``.
    volumes : sequence of float
        Increasing; a factor of about two between neighbours detects most transitions.
    orders, closures :
        Orders of the retained moments; names in ``symdyn.CLOSURES``, or functions ``closure(index, moments)``.
    parameters : mapping, optional
        Values of the other parameters, over the defaults of the network.
    starts : sequence of mapping, optional
        Concentrations from which time courses begin, each a mapping from species to molecules per volume.  By default
        the initial numbers of the network at every volume, the steady states of its rate equations, and twice the largest.
    t_end : float, optional
        Length of the time courses; by default 30 relaxation times of the rate equations.
    tolerance : float
        Relative error of means and standard deviations up to which a closure counts as accurate.
    reference : {'auto', 'projection', 'simulation', 'none'}
        Where the exact moments come from: the stationary distribution where the state space is small, else long
        simulations with standard errors.
    transitions : bool
        Locate the volumes at which a closure gains or loses a usable steady state to six digits.
    taylor_order : int, optional
        For propensities that are not polynomial.
    seed : int
        Of the random numbers of simulations.
    executor : distributed.Client, optional
        Where parts are computed: by default in processes of this machine, else by the workers of a dask cluster, as in
        `symdyn.simulate`.
    store : path, optional
        Folder of finished parts: after an interrupt or a crash the same call resumes from them, and other studies with the
        same versions of the software reuse common ones.
    workers : int, optional
        Processes of this machine; as many as processors by default.
    progress : bool

    Returns
    -------
    xarray.Dataset
        With dims ``closure``, ``order``, ``volume``, ``species``, ``start`` and ``branch``:

        - ``mean``, ``covariance``, ``stable``, ``physical``: every steady state of the closed equations;
        - ``reached``, ``swing``, ``blow_up``, ``unphysical``: where each time course ends (a branch or -1), the relative
          amplitude of a sustained oscillation, the time of a blow-up, the time from which the moments cannot be;
        - ``exact_mean``, ``exact_covariance`` and their errors; ``mean_error``, ``std_error`` of the one usable state;
        - ``verdict`` with its meanings in attrs, ``order_gap`` (the difference to the next order), ``given_away``;
        - ``transition_volume``, ``transition_kind``; ``lower``, ``upper`` and ``lower_mean``, ``upper_mean``: the range of
          volumes and of exact mean molecule numbers in which the closure may be used, by ``criterion``: 'consistent'
          (qualitatively right) or 'accurate' (within the tolerance too).

        An interrupt returns what was done until then.

    Raises
    ------
    DeclarationError
        For a network without volume parameter, unknown closures and values that do not fit.

    References
    ----------
    Schnoerr, Sanguinetti & Grima, J. Chem. Phys. 141 (2014) 084103; 143 (2015) 185101.

    Examples
    --------
    >>> import symdyn as sd
    >>> net = sd.ReactionNetwork.from_text("0 -> X, k; 2 X -> 0, c", volume="V", parameters={"k": 1, "c": 1})
    >>> found = sd.studies.closure_validity(net, [1, 10], orders=[2], progress=False, workers=1)
    >>> found.verdict.sel(closure="normal", order=2).values.tolist()
    ['diverges', 'valid']
    """
    study = _Study(network, volumes, orders, closures, parameters, starts, t_end, taylor_order)
    if reference not in REFERENCES:
        raise DeclarationError(f"reference is {reference!r}; expected one of {', '.join(REFERENCES)}")
    place = Processes(workers or default_threads()) if executor is None else as_executor(executor)
    runner = _Runner(Parts(read_path(store, "a folder")), place, progress, study.size)
    cells: dict[tuple[int, int, int], Cell] = {}
    exact: dict[int, Reference] = {}
    gaps: dict[tuple[int, int, int], BranchTransitions] = {}
    try:
        runner.answer(_reference.exact, Reference, study.inquiries(reference, seed), exact)
        runner.answer(_cell.answer, Cell, study.questions(), cells)
        if transitions:
            runner.answer(_transitions.transitions, BranchTransitions, study.gaps(cells), gaps)
    except KeyboardInterrupt:
        kept = "the same call goes on from there" if store else "store= would have saved them"
        warnings.warn(f"interrupted: {len(cells)} of {study.size} parts are done; {kept}", stacklevel=2)
    finally:
        runner.bar.close()
        if executor is None:
            place.close()
    return study.dataset(cells, exact, gaps, tolerance)


class _Study:
    """What is to be done: closures x orders x volumes, checked."""

    def __init__(self, network, volumes, orders, closures, parameters, starts, t_end, taylor_order) -> None:
        self.network, self.taylor_order = network, taylor_order
        self.volumes = _volumes(network, volumes)
        listed = [closures] if isinstance(closures, (str, Closure)) or callable(closures) else list(closures)
        # unknown names are refused here, before anything runs; registered ones travel to workers by their names
        self.closures = [find_closure(c).name if isinstance(c, str) else c for c in listed]
        self.orders = sorted({int(o) for o in ([orders] if isinstance(orders, Integral) else orders)})
        if not self.orders or self.orders[0] < 2:
            raise DeclarationError(f"orders is {self.orders}; expected orders from 2, since variances are part of the answer")
        self.values = _parameters(network, parameters)
        rest, relaxation = _rest(network, self.values)
        self.numbers, self.concentrations, self.labels = _starts(network, rest, starts, self.values)
        self.guess = np.concatenate([rest, self.concentrations]).max(axis=0)
        self.t_end = float(t_end) if t_end is not None else LENGTH * relaxation
        self.size = len(self.closures) * len(self.orders) * len(self.volumes)

    def question(self, c: int, o: int, v: int) -> Question:
        here = {**self.values, self.network.volume.name: float(self.volumes[v])}
        starts = self.start(self.volumes[v])
        return Question(self.network, self.closures[c], self.orders[o], self.taylor_order, here, starts, self.t_end)

    def start(self, volume: float) -> np.ndarray:
        """Molecule numbers (start, species) from which time courses begin."""
        return np.rint(self.numbers + self.concentrations * volume)

    def questions(self) -> dict[tuple[int, int, int], Question]:
        """The highest orders first: they take longest."""
        places = np.ndindex(len(self.orders), len(self.closures), len(self.volumes))
        return {(c, o, v): self.question(c, o, v) for o, c, v in sorted(places, reverse=True)}

    def inquiries(self, method: str, seed: int) -> dict[int, Inquiry]:
        found = {}
        for v, volume in reversed(list(enumerate(self.volumes))):
            here = {**self.values, self.network.volume.name: float(volume)}
            found[v] = Inquiry(self.network, here, self.start(volume)[0], self.guess * volume, self.t_end, method, seed)
        return found

    def gaps(self, cells: Mapping[tuple[int, int, int], Cell]) -> dict[tuple[int, int, int], Gap]:
        """Neighbouring volumes with different numbers of usable states."""
        found = {}
        for (c, o, v), cell in cells.items():
            after = cells.get((c, o, v + 1))
            if after is not None and not (cell.error or after.error) and usable(cell).size != usable(after).size:
                ends = float(self.volumes[v]), float(self.volumes[v + 1])
                found[c, o, v] = Gap(self.question(c, o, v), self.network.volume.name, *ends)
        return found

    def dataset(self, cells: Mapping, exact: Mapping, gaps: Mapping, tolerance: float) -> xr.Dataset:
        coords = {
            "closure": [name_of_closure(c) for c in self.closures],
            "order": self.orders,
            "volume": self.volumes.tolist(),
            "species": list(self.network.names),
            "start": self.labels,
        }
        changes: dict[tuple[int, int], list] = {}
        for (c, o, _), t in sorted(gaps.items()):
            changes.setdefault((c, o), []).extend(zip(t.volume, t.kind, t.before, t.after, strict=True))
        data = assemble(coords, cells, exact, changes, tolerance=tolerance)
        data.attrs |= {
            "network": str(self.network),
            "parameters": ", ".join(f"{k} = {v:g}" for k, v in self.values.items()),
            "t_end": self.t_end,
        }
        return data


class _Runner:
    """Runs the parts by an executor, saves finished ones, and shows the progress."""

    def __init__(self, parts: Parts, executor: Executor, progress: bool, size: int) -> None:
        self.parts, self.executor = parts, executor
        self.bar = bar(progress, total=size, desc="closure validity", unit="part")

    def answer(self, function: Callable[[Any], Any], kind: type[Any], questions: Mapping[Any, Any], into: dict) -> None:
        """Fill `into` with the answers, from the store where they are known."""
        names = {place: self._name(kind, question.key) for place, question in questions.items()}
        for place, name in names.items():
            known = self.parts.load(name)
            if known is not None:
                into[place] = kind(**{k: v.item() if v.ndim == 0 else v for k, v in known.items()})
        counted = kind is Cell
        self.bar.update(len(into) * counted)
        rest = [place for place in questions if place not in into]
        common = software(*PACKAGES), PACKAGES, function
        with closing(self.executor.run(checked, [(questions[place],) for place in rest], common)) as answers:
            for i, value in answers:
                self.parts.save(names[rest[i]], asdict(value))
                into[rest[i]] = value
                self.bar.update(1 * counted)

    def _name(self, kind: type, key: str) -> str:
        return f"{kind.__name__.lower()}_{hash_text(key + repr(software(*PACKAGES)))}"


def _volumes(network: Any, volumes: Any) -> np.ndarray:
    if not isinstance(network, ReactionNetwork):
        raise DeclarationError(f"expected a ReactionNetwork, got {type(network).__name__}")
    if not network.volume.is_Symbol:
        raise DeclarationError("the network has no volume to be varied; declare it with volume='V'")
    try:
        grid = np.asarray(volumes, dtype=float)
    except (TypeError, ValueError):
        raise DeclarationError(f"volumes is {volumes!r}; expected a sequence of numbers") from None
    if grid.ndim != 1 or not grid.size or not (np.isfinite(grid) & (grid > 0)).all() or (np.diff(grid) <= 0).any():
        raise DeclarationError("volumes must be positive, finite and increase, such as numpy.geomspace(1, 1000, 13)")
    return grid


def _parameters(network: ReactionNetwork, parameters: Mapping[Any, float] | None) -> dict[str, float]:
    """Values of all parameters but the volume."""
    values = {**network.defaults, **numeric_values(parameters, network.parameters, "parameter")}
    rest = [p for p in network.parameters if p != network.volume]
    missing = [p.name for p in rest if p not in values]
    if missing:
        raise DeclarationError(f"no value for the parameter {', '.join(missing)}; pass parameters={{'{missing[0]}': ...}}")
    return {p.name: float(values[p]) for p in rest}


def _rest(network: ReactionNetwork, values: Mapping[str, float]) -> tuple[np.ndarray, float]:
    """Steady concentrations (state, species) of the rate equations, and their longest relaxation time."""
    size = {**values, network.volume.name: float(network.defaults.get(network.volume, 1.0))}
    flow = network.rate_equations(concentrations=True)
    start = network.initial_numbers(size)
    initial = {s.name: start.get(s, 0.0) / size[network.volume.name] for s in network.states}
    try:
        found = steady_states(flow, {p.name: size[p.name] for p in flow.parameters}, initial=initial, positive=True)
    except SymdynError:
        return np.empty((0, len(network.states))), UNKNOWN_RELAXATION
    rest = np.stack([found[s].values for s in network.names], axis=-1)
    rates = np.abs(found["eigenvalue_real"].values)
    return rest, float(1 / rates[rates > 0].min()) if (rates > 0).any() else UNKNOWN_RELAXATION


def _starts(
    network: ReactionNetwork, rest: np.ndarray, starts: Any, values: Mapping[str, float]
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Molecule numbers and concentrations (start, species), of which a start is the sum, and their labels."""
    if starts is not None:
        rows = [{name_of(k): float(v) for k, v in row.items()} for row in starts]
        wrong = sorted({str(k) for row in rows for k in row} - set(network.names))
        if wrong or not rows:
            raise DeclarationError(f"starts names {wrong}; expected concentrations of the species {', '.join(network.names)}")
        table = np.array([[row.get(s, 0.0) for s in network.names] for row in rows])
        return np.zeros_like(table), table, [f"start {i + 1}" for i in range(len(rows))]
    none = np.zeros((1, len(network.states)))
    if varied := next((s for s, v in network.initial.items() if network.volume in getattr(v, "free_symbols", ())), None):
        raise DeclarationError(f"the initial number of {varied} depends on the volume, which is varied; give starts=")
    known = network.initial_numbers(values)
    numbers = np.array([[known.get(s, 0.0) for s in network.states]])
    table = np.concatenate([none, rest, 2 * rest.max(axis=0, keepdims=True)] if len(rest) else [none])
    labels = ["initial", *(f"rate equations {i + 1}" for i in range(len(rest))), "twice the largest"][: len(table)]
    return np.concatenate([numbers, np.zeros((len(table) - 1, len(network.states)))]), table, labels
