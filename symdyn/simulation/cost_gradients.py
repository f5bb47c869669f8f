"""`gradient`: the derivatives of a cost by many parameters and initial values, for a few times the time of a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import sympy as sp

from symdyn import dag
from symdyn.declaration import expression
from symdyn.derive.sensitivities import fresh_symbol, moving_jumps
from symdyn.errors import DeclarationError
from symdyn.given_values import listed, lookup, numeric_values, value_of
from symdyn.gradients import gradients
from symdyn.methods.options import AdaptiveOptions, check_positive, check_whole
from symdyn.methods.registry import METHODS
from symdyn.methods.reversible import ReversibleMethod
from symdyn.methods.runge_kutta import Rosenbrock
from symdyn.paths import Path
from symdyn.simulation.adjoints import AdjointKernel, moving_event
from symdyn.simulation.cost_parts import cost_parts, cost_slopes
from symdyn.simulation.reversed_steps import NoWayBackError, ReversibleKernel
from symdyn.simulation.slopes import forward_run
from symdyn.simulation.stiff_adjoints import StiffAdjointKernel
from symdyn.system import System

__all__ = ["CostGradient", "gradient"]

#: The method whose steps are transposed unless another is named, and its tolerances.
DEFAULT, RTOL, ATOL = "tsit5", 1e-8, 1e-10


@dataclass(frozen=True, repr=False)
class CostGradient:
    """A cost with its derivatives.

    Attributes
    ----------
    value : float
        The cost.
    by : dict of str to float
        Its derivatives by name.
    steps, rejected, evaluations : int
        Of the trajectory.
    how : {'adjoint', 'forward'}
        Whether its steps were transposed, or sensitivities integrated forward.
    note : str
        Why it is of another method than the one that was asked for, or empty.

    Examples
    --------
    >>> import symdyn as sd
    >>> decay = sd.ODESystem.from_text("x' = -k*x; k = 0.5; x(0) = 2")
    >>> sd.gradient(decay, "x", [0, 1])
    cost 1.21306, d/dk -1.21306
    """

    value: float
    by: dict[str, float]
    steps: int
    rejected: int
    evaluations: int
    how: str = "adjoint"
    note: str = ""

    @property
    def array(self) -> np.ndarray:
        """The derivatives in order, (k,).

        Returns
        -------
        (k,) float64

        Examples
        --------
        >>> import symdyn as sd
        >>> decay = sd.ODESystem.from_text("x' = -k*x; k = 0.5; x(0) = 2")
        >>> sd.gradient(decay, "x", [0, 1], by=["k", "x"]).array.round(4).tolist()
        [-1.2131, 0.6065]
        """
        return np.array(list(self.by.values()))

    def __str__(self) -> str:
        shown = list(self.by.items())[:6]
        parts = [f"cost {self.value:.6g}", *(f"d/d{name} {value:.6g}" for name, value in shown)]
        parts += [f"... {len(self.by) - len(shown)} more"] if len(self.by) > len(shown) else []
        return ", ".join(parts) + (f"\nnote: {self.note}" if self.note else "")

    __repr__ = __str__


def gradient(
    system: System,
    cost: Any,
    t: Sequence[float] | np.ndarray,
    *,
    each: Any = None,
    running: Any = None,
    data: Mapping[Any, Any] | None = None,
    by: Iterable[Any] | None = None,
    initial: Mapping[Any, Any] | None = None,
    parameters: Mapping[Any, Any] | None = None,
    method: str | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    step: float | None = None,
    max_steps: int = 100_000,
) -> CostGradient:
    r"""Differentiate a cost of a trajectory by parameters and initial values, by the adjoint of its steps if it has one.

    .. math:: J = g(x(T), p) + \sum_j e(x(t_j), d_j, p, t_j) + \int r(x, p, t)\,\mathrm{d}t

    The steps of the method are transposed, with the lengths that they had: derivatives are those of the computed numbers but
    for changes of the lengths, an error of the size of the tolerances.  Where a state is at rest, a trajectory nearby has its
    say in the lengths, so that steps are not longer than those of its decay.  The time is that of a few runs, whatever the
    number of parameters, where `symdyn.sensitivities` takes a run for each; memory is that of the states at all steps.

    With events, or jumps of rates of change, at times that are not known or depend on what is differentiated by, with delays or
    algebraic equations, such forward sensitivities are integrated instead: ``how`` of the result says which it was.

    Parameters
    ----------
    system : ODESystem
        Without unknown terms.  With inputs, events must be at known times, as doses are.
    cost : Expr, str or None
        g, of states, observables and parameters at the last time.
    t : (T,) sequence of float
        Times at which `each` is added, increasing; the first is that of the initial values.
    each, running : Expr or str, optional
        e and r, of states, observables, parameters and time, and e also of `data`.
    data : mapping to (T,) arrays, optional
        Measured values by symbol or name; where one is NaN, e counts 0.
    by : iterable of Symbol or str, optional
        Parameters, and states for their initial values; all parameters unless given.
    initial, parameters : mapping, optional
        Numbers over those of the system; initial values may be expressions of parameters, through which is differentiated.
    method : str, optional
        Of steps that are transposed: 'tsit5' unless given, and for what is integrated forward none. An explicit Runge-Kutta
        method whose interpolant needs no further stages: 'tsit5' or 'bs32'; or, for stiff systems, a Rosenbrock method,
        'rodas5p' or 'rodas4', with a dense Jacobian. Of the reversible methods 'reversible-heun' and 'reversible-rk4' no
        states are kept: the steps are taken back, with memory for two states, of the former however many steps there are, of
        the latter up to about 1,800. That is for systems without inputs and events that contract little over the time; where
        the steps do not lead back, the gradient is that of 'tsit5', which keeps its steps, and ``note`` says so.
    rtol, atol : float, optional
        Tolerances of adaptive methods, 1e-8 and 1e-10 unless given.
    step : float, optional
        Length of the steps of a reversible method.
    max_steps : int
        Attempted steps allowed; of adaptive methods the states at all of them are kept.

    Returns
    -------
    CostGradient
        ``value`` and ``by``.

    Raises
    ------
    DeclarationError
        For other systems and methods, names that are not known, and values that are missing.
    SimulationError
        If the trajectory fails, as that of a stiff system may with an explicit method.

    References
    ----------
    Hager, Numerische Mathematik 87, 247 (2000) (adjoints of Runge-Kutta methods); Sandu, Daescu, Carmichael, Atmos. Environ.
    37, 5083 (2003) (of Rosenbrock methods); Griewank & Walther, Evaluating Derivatives
    (2008), ch. 3 (their cost).

    Examples
    --------
    The sum of squares of residuals of three data:

    >>> import numpy as np, sympy as sp, symdyn as sd
    >>> x, k, d = sp.symbols("x k d")
    >>> found = sd.gradient(sd.ODESystem({x: -k * x}, {k: 0.5}, initial={x: 2}), None, [0, 1, 2], each=(x - d) ** 2,
    ...                     data={d: [np.nan, 1.2, 0.8]}, by=["k", "x"])
    >>> found  # sum of 2 (x - d) dx/dk, with x = 2 exp(-k t)
    cost 0.00429752, d/dk 0.157376, d/dx -0.0314218
    """
    check_whole(1, max_steps=max_steps)
    system = _checked(system)
    scheme = METHODS.get(method or DEFAULT)
    _check_lengths(method or DEFAULT, isinstance(scheme, ReversibleMethod), rtol, atol, step)
    times = _times(t)
    known = {**system.defaults, **numeric_values(parameters, system.parameters, "parameter")}
    if missing := [p for p in system.parameters if p not in known]:
        raise DeclarationError(f"the parameter {missing[0]} has no value; give it in parameters")
    numbers = [p for p in system.parameters if not isinstance(p, Path)]
    chosen = (*numbers, *system.states)
    wanted = numbers if by is None else list(dict.fromkeys(lookup(k, chosen, "variable") for k in listed(by)))
    if not wanted:
        raise DeclarationError("by is empty, or the system has no parameters; name what the cost is differentiated by")
    last, every, rate, columns = cost_parts(system, times, cost, each, running, data)
    reason = system.unmet(["drift"], ["inputs", "events"]) or moving_event(system.events, set(wanted))
    if reason or moving_jumps(system, wanted):
        reason = reason or "rates of change jump at times that move"
        if method is not None:
            raise DeclarationError(
                f"gradient transposes no steps of {method!r} here: {reason}; leave method out, and sensitivities are "
                "integrated forward"
            )
        costs = (last, every, rate, columns)
        return _forward(system, times, wanted, costs, known, initial, {"rtol": rtol or RTOL, "atol": atol or ATOL}, max_steps)
    starts = _starts(system, initial)
    extended = system
    if rate is not None:
        total, extended = _integrated(system, rate, columns)
        extended = extended.replace(initial={})
        starts, last = {**starts, total: sp.S.Zero}, last + total
    row = np.array([known[p] for p in extended.parameters])
    begun = np.array([value_of(starts[s], known) for s in extended.states])
    if wrong := [s for s, v in zip(extended.states, begun, strict=True) if not np.isfinite(v)]:
        raise DeclarationError(f"the initial value of {wrong[0]} is {starts[wrong[0]]}; expected a finite number")
    adaptive: dict[str, Any] = {"rtol": rtol or RTOL, "atol": atol or ATOL, "max_steps": max_steps}
    swept = partial(_swept, extended, begun=begun, row=row, times=times, costs=(last, every, columns))
    moving, note = set(wanted) & set(numbers), ""
    if isinstance(scheme, ReversibleMethod):
        assert step is not None
        try:
            run, value, direct, first, along = swept(ReversibleKernel(extended, scheme, step), max_steps=max_steps)
        except NoWayBackError as error:
            note = f"the gradient is that of {DEFAULT!r} with steps that are kept, as {scheme.name!r} leads nowhere: {error}"
            run, value, direct, first, along = swept(AdjointKernel(extended, DEFAULT, moving), **adaptive)
    else:
        adjoint = StiffAdjointKernel if isinstance(scheme, Rosenbrock) else AdjointKernel
        run, value, direct, first, along = swept(adjoint(extended, method or DEFAULT, moving), **adaptive)
    total_slopes = dict(zip(extended.parameters, direct + along, strict=True))
    rows = gradients([starts[s] for s in extended.states], extended.parameters)
    for lam, slopes in zip(first, rows, strict=True):
        for p, e in slopes.items():
            total_slopes[p] += lam * value_of(e, known)
    own = {s: _by_start(system, s, initial, known, first) for s in wanted if s not in total_slopes}
    found = {s.name: float(total_slopes[s] if s in total_slopes else own[s]) for s in wanted}
    return CostGradient(value, found, run.steps, run.rejected, run.evaluations, note=note)


def _swept(
    system: System, kernel: AdjointKernel | ReversibleKernel, *, begun: np.ndarray, row: np.ndarray, times: np.ndarray,
    costs: tuple[Any, Any, Any], **control: Any,
) -> tuple[Any, float, np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """The run, the cost, and its derivatives by parameters as they stand, by initial values and by parameters along the run."""
    last, every, columns = costs
    run: Any = kernel.forward(begun, row, times, **control)
    pulls = np.zeros_like(run.values)
    value, direct = 0.0, np.zeros(len(row))
    for e, at, table in ((last, slice(-1, None), {}), (every, slice(None), columns)):
        if e is not None:
            part, by_states, by_parameters = cost_slopes(
                e, system, times[at], run.values[at], row, {d: v[at] for d, v in table.items()}
            )
            value, direct = value + part, direct + by_parameters
            pulls[at] += by_states
    return run, float(value), direct, *kernel.backward(run, times, pulls)


def _integrated(system: System, rate: sp.Expr, columns: Iterable[sp.Symbol]) -> tuple[sp.Symbol, System]:
    """The system with one more state, the integral of a rate."""
    taken = {s.name for s in (*system.states, *system.parameters, *system.observables, *columns, system.time)}
    total = fresh_symbol("integral", taken)
    changed = {"states": (*system.states, total), "drift": (*system.part("drift"), rate)}
    return total, system.replace(**changed, initial={**system.initial, total: 0.0})


def _forward(
    system: System, times: np.ndarray, wanted: list[sp.Symbol], costs: tuple[Any, Any, Any, Any],
    known: Mapping[sp.Symbol, Any], initial: Mapping[Any, Any] | None, accuracy: Mapping[str, float], max_steps: int,
) -> CostGradient:  # fmt: skip
    """The same by forward sensitivities."""
    last, every, rate, columns = costs
    if rate is not None:
        if system.algebraic:
            raise DeclarationError("a running cost of a system with algebraic equations is not integrated; give cost or each")
        total, system = _integrated(system, rate, columns)
        last = last + total
    options = {**accuracy, "method": AdaptiveOptions(max_steps=max_steps), "progress": False}
    run, extended, *_ = forward_run(system, times, wanted, initial, known, options)
    states = extended.base.states
    values = np.stack([run[s.name].values for s in states], axis=-1)
    row = np.array([known[p] for p in system.parameters])
    value, found = 0.0, dict.fromkeys(wanted, 0.0)
    for e, at, table in ((last, slice(-1, None), {}), (every, slice(None), columns)):
        if e is not None:
            part, by_states, by_parameters = cost_slopes(
                e, extended.base, times[at], values[at], row, {d: v[at] for d, v in table.items()}
            )
            value += part
            for c in wanted:
                along = np.stack([run[extended.names[s, c].name].values[at] for s in states], axis=-1)
                found[c] += float((by_states * along).sum())
                if c in system.parameters:
                    found[c] += float(by_parameters[system.parameters.index(c)])
    steps, rejected, evaluations = (int(run[name]) for name in ("steps", "rejected", "evaluations"))
    return CostGradient(value, {c.name: v for c, v in found.items()}, steps, rejected, evaluations, "forward")


def _check_lengths(method: str, reversible: bool, rtol: float | None, atol: float | None, step: float | None) -> None:
    """Refuse what has no effect on the lengths of steps."""
    given = {k: v for k, v in {"rtol": rtol, "atol": atol, "step": step}.items() if v is not None}
    check_positive(**given)
    idle = [k for k in given if (k == "step") != reversible]
    if idle:
        known = "it takes steps of the length step" if reversible else "its steps follow from tolerances"
        raise DeclarationError(f"{idle[0]} has no effect on {method!r}: {known}; leave it out")
    if reversible and step is None:
        raise DeclarationError(f"{method!r} takes steps of one length; give step")


def _checked(system: Any) -> System:
    if not isinstance(system, System):
        raise DeclarationError(f"gradient needs an ODESystem, got {type(system).__name__}")
    if reason := system.unmet(["drift"], ["inputs", "events", "delays", "algebraic"]):
        raise DeclarationError(f"gradient transposes steps, or integrates sensitivities forward: {reason}")
    if system.unknowns:
        unknown = ", ".join(map(str, system.unknowns))
        raise DeclarationError(f"the system has unknown terms ({unknown}); fill them in with with_terms")
    return system


def _times(t: Any) -> np.ndarray:
    try:
        times = np.asarray(t, dtype=float)
    except (TypeError, ValueError):
        times = np.zeros(0)
    if times.ndim != 1 or times.size < 2 or not np.isfinite(times).all() or (np.diff(times) <= 0).any():
        raise DeclarationError(f"the times are {t!r}; expected two finite ones or more, which increase")
    return times


def _by_start(
    system: System, state: sp.Symbol, given: Mapping[Any, Any] | None, known: Mapping[sp.Symbol, float], first: np.ndarray
) -> float:
    """The derivative by the initial value of a state, on which those of others may depend."""
    rules = _rules(system, given)
    value = sp.Dummy(state.name)
    begun = {**known, value: value_of(dag.written_out(rules, "initial value of")[state], known)}
    moved = dag.written_out({**rules, state: value}, "initial value of")
    rows = gradients([moved[s] for s in system.states], [value])
    return float(sum(lam * value_of(e, begun) for lam, row in zip(first, rows, strict=False) for e in row.values()))


def _rules(system: System, given: Mapping[Any, Any] | None) -> dict[sp.Symbol, sp.Expr]:
    """Initial values by state as they are declared or given."""
    rules = {s: expression(v) for s, v in system.initial.items()}
    return rules | {lookup(key, system.states, "state"): expression(value) for key, value in (given or {}).items()}


def _starts(system: System, given: Mapping[Any, Any] | None) -> dict[sp.Symbol, sp.Expr]:
    """Initial values by state, of parameters alone."""
    rules = _rules(system, given)
    if missing := [s for s in system.states if s not in rules]:
        raise DeclarationError(f"no initial value of {missing[0]}; give one in initial")
    found = dict(dag.written_out(rules, "initial value of"))
    for s, e in found.items():
        if strange := sorted(q.name for q in e.free_symbols if q not in system.parameters):
            raise DeclarationError(f"the initial value of {s} contains {strange[0]}, which is no parameter")
    return found
