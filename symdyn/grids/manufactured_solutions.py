r"""Manufactured solutions: source terms and conditions that make a chosen expression exact, and observed orders.

For :math:`\partial_t u = f(u)` and any smooth :math:`u^*` the equation :math:`\partial_t u = f(u) + \partial_t u^* - f(u^*)`
has the solution :math:`u^*`, if the conditions at the walls have the values of :math:`\alpha u^* + \beta \partial_n u^*`.

References
----------
Roache, Journal of Fluids Engineering 124 (2002) 4-10.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.lower import lower
from symdyn.declaration import expression
from symdyn.errors import DeclarationError
from symdyn.given_values import lookup, numeric_values
from symdyn.models.boundary import Condition
from symdyn.models.operators import AXES, NUMBERS, at, components, laplacian, mean
from symdyn.models.pde import PDESystem
from symdyn.parsing import parse_expression
from symdyn.simulation.run import simulate

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["convergence", "manufactured"]

#: Arguments of `PDESystem.discretize`.
DISCRETISATION = frozenset({"order", "scheme", "dealias", "implicit", "advection"})


def manufactured(pde: PDESystem, exact: Mapping[Any, Any], *, parameters: Mapping[Any, float] | None = None) -> PDESystem:
    """The system with the source terms, the values at walls and the initial values that make expressions exact.

    Parameters
    ----------
    pde : PDESystem
    exact : mapping
        From each field, and each scalar, to an expression, or a text, of the positions, time and parameters; scalars do not
        depend on position.
    parameters : mapping, optional
        Values of parameters, including those that occur in `exact` alone.

    Returns
    -------
    PDESystem
        Whose conditions are of the same kinds; axes that are periodic stay so, and the expressions have to be periodic.

    Raises
    ------
    DeclarationError
        For states without an expression, and for a mean or an integral that has no closed form.

    Examples
    --------
    >>> u, D = sp.symbols("u D")
    >>> from symdyn.models.boundary import Dirichlet
    >>> pde = PDESystem({u: D * laplacian(u)}, domain=(0, 1), boundary={"left": Dirichlet(0), "right": "no-flux"})
    >>> made = manufactured(pde, {u: "t*x**2"}, parameters={D: 2})
    >>> print(made, made.conditions[u][0][1], made.defaults)
    u' = -2*D*t + D*laplacian(u) + x**2 Neumann(2*t) {D: 2.0}
    """
    known = {s.name: s for s in (*pde.states, *pde.space, *pde.parameters, pde.time)}
    chosen: dict[sp.Symbol, sp.Expr] = {}
    for key, value in exact.items():
        state = lookup(key, pde.states, "state")
        e = parse_expression(value) if isinstance(value, str) else expression(value)
        e = e.xreplace({s: known[s.name] for s in e.free_symbols if s.name in known})
        wrong = e.free_symbols & {*pde.states, *(pde.space if state in pde.scalars else ())}
        if wrong:
            raise DeclarationError(f"the exact {state} is {e}; it may not depend on {min(map(str, wrong))}")
        chosen[state] = e
    missing = [s.name for s in pde.states if s not in chosen]
    if missing:
        raise DeclarationError(f"no exact expression for {', '.join(missing)}; give one for each state")
    if pde.events:
        raise DeclarationError(
            f"the event '{pde.events[0]}' has no place in a smooth solution; leave out events: replace(events=())"
        )
    if pde.unknowns:
        raise DeclarationError(f"{pde.unknowns[0]} is an unknown term; fill it in by with_terms first")
    solved = _Solved(pde, chosen)
    rates = {
        s: f + sp.expand(sp.diff(chosen[s], pde.time) - solved(components(f, pde.dimension)))
        for s, f in zip(pde.states, pde.rates, strict=True)
    }
    boundary = {}
    for target, row in pde.conditions.items():
        value = solved(components(target, pde.dimension))
        sides: dict[str, Any] = {}
        for axis, pair in enumerate(row):
            x = pde.space[axis]
            if pair == "periodic":
                sides[x.name] = "periodic"
                continue
            sides[x.name] = tuple(
                Condition(c.coefficients, _at_wall(c, value, x, sign).subs(x, _number(pde.domain.box[k, axis])))
                for k, (c, sign) in enumerate(zip(pair, (-1, 1), strict=True))
            )
        boundary[target] = sides
    start = {s: e.subs(pde.time, 0) for s, e in chosen.items()}
    made = PDESystem(
        {f: rates[f] for f in pde.fields},
        pde.domain,
        odes={s: rates[s] for s in pde.scalars},
        boundary=boundary,
        initial=start,
        observables=pde.observables,
        space=pde.space,
        time=pde.time,
        provenance=(*pde.provenance, "with manufactured solution " + ", ".join(f"{s} = {e}" for s, e in chosen.items())),
    )
    given = numeric_values(parameters, made.parameters, "parameter")
    kept = {p: v for p, v in pde.defaults.items() if p in made.parameters}
    return made.replace(defaults=MappingProxyType({**kept, **given}))


def _at_wall(condition: Condition, value: sp.Expr, x: sp.Symbol, sign: int) -> sp.Expr:
    """The left-hand side of a condition for an expression; `sign` is that of the outward normal along x."""
    return sp.Add(*(a * sign**k * sp.diff(value, x, k) for k, a in enumerate(condition.coefficients)))


class _Solved:
    """Expressions with the chosen solution in place of the states, and operators carried out."""

    def __init__(self, pde: PDESystem, chosen: Mapping[sp.Symbol, sp.Expr]) -> None:
        self.pde, self.chosen = pde, chosen

    def __call__(self, e: sp.Expr) -> sp.Expr:
        if e in self.chosen:
            return self.chosen[e]
        if not e.args:
            return e
        inner = [self(a) for a in e.args]
        if isinstance(e, AXES):
            return sp.diff(inner[0], self.pde.space[AXES.index(type(e))])
        if isinstance(e, laplacian):
            return sp.Add(*(sp.diff(inner[0], x, 2) for x in self.pde.space))
        if isinstance(e, at):
            return inner[0].xreplace(dict(zip(self.pde.space, inner[1:], strict=True)))
        if isinstance(e, NUMBERS):
            return self._integral(inner[0], e) / (_number(self.pde.domain.measure) if isinstance(e, mean) else 1)
        return e.func(*inner)

    def _integral(self, inner: sp.Expr, e: sp.Expr) -> sp.Expr:
        ends = zip(self.pde.space, *self.pde.domain.box, strict=True)
        found = sp.integrate(sp.expand(inner), *((x, _number(a), _number(b)) for x, a, b in ends))
        if found.has(sp.Integral):
            raise DeclarationError(f"{e} of the exact solution has no closed form; choose an expression that can be integrated")
        return found


def _number(value: float) -> sp.Expr:
    """An integer where the number is one, so that sines of multiples of pi vanish."""
    return sp.Integer(int(value)) if float(value).is_integer() else sp.Float(float(value), 17)


def convergence(
    pde: PDESystem,
    exact: Mapping[Any, Any],
    *,
    points: int | Sequence[Any] = (16, 32, 64),
    time: float = 1.0,
    steps: Sequence[float] | None = None,
    parameters: Mapping[Any, float] | None = None,
    **options: Any,
) -> xr.Dataset:
    r"""Errors against a manufactured solution on ever finer grids, or with ever shorter steps, and the observed orders.

    .. math:: p_k = \log(e_{k-1} / e_k) / \log(h_{k-1} / h_k)

    Parameters
    ----------
    pde : PDESystem
    exact : mapping
        As in `manufactured`.
    points : int or sequence
        Cells along each axis: several grids, or with `steps` a single one.
    time : float
        Until when.
    steps : sequence of float, optional
        Lengths of steps.
    parameters : mapping, optional
    **options
        Of `PDESystem.discretize`, ``order``, ``scheme`` ..., and of `symdyn.simulate`, ``method``, ``rtol`` ...

    Returns
    -------
    Dataset
        Over ``grid`` or ``step``: for each field the greatest error ``u_error``, its root mean square ``u_rms``, and the
        observed ``u_order`` of the greatest error; for each scalar its error and order.

    Raises
    ------
    DeclarationError
        For fewer than two grids or steps.

    References
    ----------
    Roache, Journal of Fluids Engineering 124 (2002) 4-10.

    Examples
    --------
    >>> pde = PDESystem.from_text("u' = D*laplacian(u); D = 1", domain=(0, 1))
    >>> convergence(pde, {"u": "exp(-t)*cos(pi*x)"}, points=(16, 32), time=0.1).u_order.round(1).values  # of order 2
    array([nan,  2.])
    """
    import xarray as xr

    made = manufactured(pde, exact, parameters=parameters)
    runs = list(points) if steps is None and not isinstance(points, int) else [points] * len(steps or ())
    if len(runs) < 2:
        raise DeclarationError(f"observed orders need two grids or steps at least: points is {points!r}, steps is {steps!r}")
    widths = np.array(steps, float) if steps is not None else np.array([1 / np.max(n) for n in runs])
    chosen = {lookup(k, made.states, "state").name: e for k, e in _exact(made, exact).items()}
    rows: dict[str, list[float]] = {}
    discretisation = {name: options.pop(name) for name in DISCRETISATION & set(options)}
    options = {"progress": False, **options}
    for k, grid in enumerate(runs):
        step = float(widths[k]) if steps is not None else options.get("step")
        data = simulate(made.discretize(grid, **discretisation), np.array([0.0, time]), **{**options, "step": step})
        for state in made.states:
            found = data[state.name].isel(time=-1).squeeze(drop=True)
            wanted = _values(made, chosen[state.name], time, found)
            error = np.abs(found.values - wanted)
            rows.setdefault(f"{state.name}_error", []).append(float(np.max(error)))
            if state in made.fields:
                rows.setdefault(f"{state.name}_rms", []).append(float(np.sqrt(np.mean(error**2))))
    dimension = "grid" if steps is None else "step"
    labels = widths if steps is not None else np.array([n if isinstance(n, (int, np.integer)) else max(n) for n in runs])
    result = xr.Dataset({name: (dimension, values) for name, values in rows.items()}, coords={dimension: labels})
    for state in made.states:
        e = np.array(rows[f"{state.name}_error"])
        with np.errstate(divide="ignore", invalid="ignore"):
            orders = np.log(e[:-1] / e[1:]) / np.log(widths[:-1] / widths[1:])
        result[f"{state.name}_order"] = dimension, np.concatenate([[np.nan], orders])
    return result


def _exact(made: PDESystem, exact: Mapping[Any, Any]) -> dict[Any, sp.Expr]:
    known = {s.name: s for s in (*made.space, *made.parameters, made.time)}
    found = {k: parse_expression(v) if isinstance(v, str) else expression(v) for k, v in exact.items()}
    return {k: e.xreplace({s: known[s.name] for s in e.free_symbols if s.name in known}) for k, e in found.items()}


def _values(made: PDESystem, e: sp.Expr, time: float, found: Any) -> np.ndarray:
    """An exact expression at the points of a DataArray."""
    blocks = [("lane", [made.time]), ("y", made.space), ("p", made.parameters)]
    axes = (
        np.meshgrid(*(found[x.name].values for x in made.space), indexing="ij")
        if found.dims
        else [np.zeros(())] * len(made.space)
    )
    numbers = [np.asarray(made.defaults.get(p, np.nan)) for p in made.parameters]
    (values,) = evaluate(lower("exact", blocks, [e], [""]), [np.asarray(time)], axes, numbers)
    return np.broadcast_to(values, found.shape) if found.dims else np.ravel(values)[0]
