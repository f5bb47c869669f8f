"""Search for the sampler of a system: nodes, and the order, basis and prediction of each step."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize

from symdyn.codegen.table_runs import TableRunner
from symdyn.errors import DeclarationError
from symdyn.files import put
from symdyn.methods.options import check_whole
from symdyn.methods.planned import Planned
from symdyn.methods.registry import METHODS
from symdyn.models.ode import ODESystem
from symdyn.studies._plan_tables import Choice, PlanTables
from symdyn.transport.paths_to_data import flowed
from symdyn.transport.spacings import nodes as spaced
from symdyn.transport.values import parameter_numbers, state_rows

__all__ = ["SearchedSampler", "sampler_search"]

#: Tolerances of the flow with which samplers are compared.
REFERENCE = {"rtol": 1e-9, "atol": 1e-10}
#: What a file of a sampler says that it is, and its numbers.
FORMAT = "symdyn sampler 1"
NUMBERS = ("train_error", "held_out_error", "uniform_train_error", "uniform_error")
#: Uniform plans from which the search starts, on different spacings; sweeps over the choices of all steps of the best of them,
#: each followed by a search for nodes; evaluations of that search for each step.
STARTS, SWEEPS, TRIALS = 3, 3, 15
#: The shortest step that the search takes, in parts of the span.
SHORTEST = 1e-5


class SearchedSampler(Planned):
    """A sampler that a search found, as a method: `Planned` with its nodes, its plan, and how well it did.

    Parameters
    ----------
    nodes, plan :
        Those of `Planned`.
    **numbers : float or str
        The attributes.

    Attributes
    ----------
    train_error, held_out_error : float
        Root mean square distance to the exact flow, on the points of the search and on the others.
    uniform_train_error, uniform_error : float
        Those of the best plan whose steps are all alike, on one of the usual spacings.
    uniform : str
        That plan.

    Examples
    --------
    >>> found = SearchedSampler([1, 0.4, 0], [(1, "time", "noise"), (2, "time", "noise")], uniform="2 time noise, quadratic",
    ...     train_error=0.1, held_out_error=0.11, uniform_train_error=0.3, uniform_error=0.33)
    >>> found.gain  # on held-out points
    3.0
    >>> print(found)
    from        to          order  basis    prediction
    1           0.4         1      time     noise
    0.4         0           2      time     noise
    error 0.1 in the search, 0.11 held out; best uniform plan (2 time noise, quadratic) 0.3 and 0.33
    """

    train_error: float
    held_out_error: float
    uniform_train_error: float
    uniform_error: float
    uniform: str

    def __init__(self, nodes: Any, plan: Any, **numbers: Any) -> None:
        super().__init__(nodes=nodes, plan=plan)
        if set(numbers) != {*NUMBERS, "uniform"}:
            raise DeclarationError(f"a searched sampler has {', '.join(NUMBERS)} and uniform; given: {', '.join(numbers)}")
        for name, value in numbers.items():
            object.__setattr__(self, name, value if name == "uniform" else float(value))

    @property
    def gain(self) -> float:
        """How many times smaller the held-out error is than that of the best uniform plan.

        Returns
        -------
        float
        """
        return self.uniform_error / self.held_out_error

    def __str__(self) -> str:
        lines = [f"{'from':<12}{'to':<12}{'order':<7}{'basis':<9}prediction"]
        assert self.nodes is not None
        assert self.plan is not None
        for t, u, (order, basis, prediction) in zip(self.nodes, self.nodes[1:], self.plan, strict=False):
            lines.append(f"{t:<12.6g}{u:<12.6g}{order:<7}{basis:<9}{prediction}")
        lines.append(
            f"error {self.train_error:.3g} in the search, {self.held_out_error:.3g} held out; best uniform plan "
            f"({self.uniform}) {self.uniform_train_error:.3g} and {self.uniform_error:.3g}"
        )
        return "\n".join(lines)

    def save(self, path: str | Path) -> None:
        """Write the sampler to a file of text (JSON).

        Parameters
        ----------
        path : str or Path

        Examples
        --------
        >>> import tempfile
        >>> found = SearchedSampler([1, 0], [(1, "time", "noise")], uniform="1 time noise, time", train_error=0.1,
        ...     held_out_error=0.1, uniform_train_error=0.1, uniform_error=0.1)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     found.save(f"{folder}/best.json")
        ...     SearchedSampler.load(f"{folder}/best.json").plan
        ((1, 'time', 'noise'),)
        """
        content = {"format": FORMAT, "nodes": self.nodes, "plan": self.plan, "uniform": self.uniform}
        content |= {name: getattr(self, name) for name in NUMBERS}
        put(Path(path), (json.dumps(content, indent=1) + "\n").encode())

    @classmethod
    def load(cls, path: str | Path) -> SearchedSampler:
        """Read what `save` wrote.

        Parameters
        ----------
        path : str or Path

        Returns
        -------
        SearchedSampler

        Raises
        ------
        DeclarationError
            For files that are damaged or something else.

        Examples
        --------
        >>> import tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     pathlib.Path(folder, "other.json").write_text("{}")
        ...     SearchedSampler.load(f"{folder}/other.json")
        Traceback (most recent call last):
        ...
        symdyn.errors.DeclarationError: other.json is no sampler that symdyn saved
        """
        path = Path(path)
        wrong = f"{path.name} is no sampler that symdyn saved"
        try:
            content = json.loads(path.read_bytes().decode())
        except (ValueError, RecursionError):
            raise DeclarationError(f"{wrong}: it is not JSON") from None
        if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
            raise DeclarationError(wrong)
        numbers = {name: content.get(name) for name in NUMBERS}
        good = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in numbers.values())
        if not (good and set(content) == {"nodes", "plan", "uniform", *NUMBERS} and isinstance(content["uniform"], str)):
            raise DeclarationError(f"{wrong}: it is damaged")
        found = cls(content["nodes"], content["plan"], uniform=content["uniform"], **numbers)
        if found.nodes is None or found.plan is None or len(found.nodes) != len(found.plan) + 1:
            raise DeclarationError(f"{wrong}: nodes and plan do not fit")
        return found


def sampler_search(
    flow: ODESystem, *, nfe: int, span: Any, initial: Any, train: int = 256, parameters: Mapping[Any, Any] | None = None
) -> SearchedSampler:
    r"""Search for the sampler that comes closest to the exact flow with so many evaluations.

    Plans are tables of numbers, which the compiled system runs as data.  The best plan whose steps are all alike, with one of
    the usual spacings of nodes, is changed by turns in the choice of each step, and in the nodes (Nelder and Mead's method in
    the logarithms of the steps).  The error is the root mean square of the distance to the exact flow (DOP853 at the tolerance
    1e-9), on `train` of the points, spread evenly in their order; that on the others is reported beside it.

    Parameters
    ----------
    flow : ODESystem
        One that splits into a linear part and a rest; with a noise level there are more choices.
    nfe : int
        Evaluations of the nonlinear part, as many as steps; 2 to 64.
    span : (float, float)
        First and last time, from noise to data.
    initial : mapping or xarray.Dataset
        States at the first time, one of each point, such as ``noised.at(1).initial(512, seed=1)``: more than `train`.
    train : int
        Points on which the search compares; the others are held out.
    parameters : mapping, optional
        Over the defaults of the flow.

    Returns
    -------
    SearchedSampler
        A method: ``simulate(flow, span, method=found)``.

    Raises
    ------
    DeclarationError
        For a system that the methods do not apply to, and where no points are held out.

    Warns
    -----
    UserWarning
        If the held-out error is not smaller than that of the best uniform plan: the search fitted its points.

    References
    ----------
    Liu et al., A unified sampling framework for solver searching of diffusion probabilistic models, ICLR 2024; Wang et al., S3,
    arXiv:2311.02142.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> x, t = sp.symbols("x t")
    >>> vp = sd.SDESystem({x: -(0.1 + 19.9*t)/2*x}, {x: sp.sqrt(0.1 + 19.9*t)})
    >>> noised = vp.marginal(sd.transport.GaussianMixture([0.2, 0.5, 0.3], [-2, 0.3, 1.5], [0.3, 0.2, 0.5]))
    >>> flow, noise = vp.probability_flow(noised), noised.at(1).initial(400, seed=1)
    >>> best = sd.studies.sampler_search(flow, nfe=4, span=(1, 1e-3), initial=noise, train=200)
    >>> best.gain > 1.5, len(best.nodes)
    (True, 5)
    >>> out = sd.simulate(flow, [1, 1e-3], initial=noise, trajectories=400, method=best, progress=False)
    """
    check_whole(nfe=nfe, train=train)
    if not 2 <= nfe <= 64:
        raise DeclarationError(f"nfe is {nfe}; expected 2 to 64")
    if reason := METHODS["planned"].applies(flow):
        raise DeclarationError(f"no sampler can be used: {reason}")
    first, last = (float(v) for v in spaced(flow, 1, span=span, spacing="time", parameters=parameters))
    [start] = state_rows(flow, initial, [first], "initial")
    if len(start) <= train:
        raise DeclarationError(f"initial has {len(start)} points; expected more than train={train}, so that some are held out")
    exact = flowed(flow, start, (first, last), parameters, **REFERENCE)
    runner = TableRunner(flow, "planned", parameter_numbers(flow, parameters), train)
    used = np.zeros(len(start), bool)
    used[np.arange(train) * len(start) // train] = True
    search = _Search(PlanTables(runner, first, last), first, last, start[used], exact[used])
    names = ("quadratic", "time", "log-snr", "karras") if search.tables.leveled else ("quadratic", "time")
    grids = {name: spaced(flow, nfe, span=(first, last), spacing=name, parameters=parameters) for name in names
             if name != "quadratic" or min(first, last) >= 0}  # fmt: skip
    starts = search.uniform(grids)
    spacing, choice = starts[0]

    def errors(plan: list[Choice], nodes: np.ndarray) -> list[float]:
        table = METHODS["planned"].table(runner.clocks(nodes), {"plan": plan})
        away = ((runner.run(table, start)[:, 0] - exact) ** 2).sum(axis=1)
        return [float(np.sqrt(part.mean())) for part in (away[used], away[~used])]

    uniform = errors([choice] * nfe, grids[spacing])
    plan, nodes = search.improved([([c] * nfe, grids[name]) for name, c in starts[:STARTS]])
    found = errors(plan, nodes)
    if not found[1] < uniform[1]:
        warnings.warn(
            f"the held-out error is {found[1]:.3g}, not smaller than {uniform[1]:.3g} of the best uniform plan: the search "
            f"fitted its {train} points ({found[0]:.3g} on them); train on more",
            stacklevel=2,
        )
    return SearchedSampler(
        nodes, plan, train_error=found[0], held_out_error=found[1], uniform_train_error=uniform[0], uniform_error=uniform[1],
        uniform=" ".join(map(str, (*choice[:2], f"{choice[2]},", spacing))),
    )  # fmt: skip


Start = tuple[list[Choice], np.ndarray]


class _Search:
    """Plans and nodes by their error on some points."""

    def __init__(self, tables: PlanTables, first: float, last: float, start: np.ndarray, exact: np.ndarray) -> None:
        self.tables, self._first, self._last, self._start, self._exact = tables, first, last, start, exact

    def error(self, made: Any, plan: list[Choice]) -> float:
        found = ((self.tables.run(made, plan, self._start) - self._exact) ** 2).sum(axis=1).mean()
        return float(np.sqrt(found)) if np.isfinite(found) else np.inf

    def uniform(self, grids: Mapping[str, np.ndarray]) -> list[tuple[str, Choice]]:
        """Each spacing with the best choice for all steps, the best first."""
        best = {}
        for name, nodes in grids.items():
            made = self.tables.prepared(nodes)
            errors = {c: self.error(made, [c] * (len(nodes) - 1)) for c in self.tables.choices}
            choice = min(errors, key=lambda c, errors=errors: errors[c])  # type: ignore[misc]
            best[name, choice] = errors[choice]
        return sorted(best, key=lambda key: best[key])

    def improved(self, starts: list[Start]) -> Start:
        """A plan and nodes that are better by turns: a turn from each start, and more from the best."""
        best = min((self._turn(*start) for start in starts), key=lambda found: found[0])
        for _ in range(SWEEPS - 1):
            best = self._turn(*best[1:])
        return best[1:]

    def _turn(self, plan: list[Choice], nodes: np.ndarray) -> tuple[float, list[Choice], np.ndarray]:
        plan = self._choices(plan, nodes)
        nodes = self._nodes(plan, nodes)
        return self.error(self.tables.prepared(nodes, set(plan)), plan), plan, nodes

    def _choices(self, plan: list[Choice], nodes: np.ndarray) -> list[Choice]:
        made = self.tables.prepared(nodes)
        best, plan = self.error(made, plan), list(plan)
        for i in range(len(plan)):
            for choice in self.tables.choices:
                if choice == plan[i] or choice[0] > i + 1:  # a higher order has no more points behind it
                    continue
                other = [*plan[:i], choice, *plan[i + 1 :]]
                if (found := self.error(made, other)) < best:
                    best, plan = found, other
        return plan

    def _nodes(self, plan: list[Choice], nodes: np.ndarray) -> np.ndarray:
        used = set(plan)

        def placed(z: np.ndarray) -> np.ndarray:
            share = np.cumsum(np.exp(z - z.max()))
            found = np.concatenate([[self._first], self._first + (self._last - self._first) * share / share[-1]])
            found[-1] = self._last
            return found

        def error(z: np.ndarray) -> float:
            here = placed(z)
            if np.abs(np.diff(here)).min() < SHORTEST * abs(self._last - self._first):
                return np.inf
            return self.error(self.tables.prepared(here, used), plan)

        begin = np.log(np.abs(np.diff(nodes)))
        found = minimize(error, begin, method="Nelder-Mead", options={"maxfev": TRIALS * len(plan)})
        return placed(found.x) if found.fun < error(begin) else nodes
