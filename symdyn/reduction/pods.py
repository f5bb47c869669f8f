"""`pod`: a large system projected on the modes of its own runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from symdyn import dag
from symdyn.codegen.effects import refuse_idle
from symdyn.errors import DeclarationError
from symdyn.given_values import lookup
from symdyn.grids.system import GridSystem
from symdyn.methods.options import check_whole
from symdyn.models.ode import ODESystem
from symdyn.reduction.basis import Basis, pod_basis
from symdyn.reduction.dense import products
from symdyn.reduction.interpolation import SELECTIONS, interpolate
from symdyn.reduction.layout import RunStates, StateLayout
from symdyn.reduction.manifold import CurvedBasis, curved_basis, tangent_rates
from symdyn.reduction.parameters import run_parameters
from symdyn.reduction.projection import projected
from symdyn.reduction.reduced import ReducedSystem
from symdyn.reduction.split import Split
from symdyn.reduction.split_fields import GridSplit
from symdyn.reduction.split_odes import EquationSplit
from symdyn.registry import suggest
from symdyn.system import System

__all__ = ["pod"]

#: Most modes with which terms of degree 3 are kept exactly, unless `exact` says so.
CUBIC = 10
MANIFOLDS = ("linear", "quadratic")


def pod(
    full: ODESystem | GridSystem,
    runs: Any,
    modes: Any = 10,
    points: int | None = None,
    *,
    exact: int | None = None,
    selection: str | None = None,
    blocks: Mapping[str, Sequence[Any]] | None = None,
    weights: Any = None,
    center: bool = False,
    manifold: str = "linear",
) -> ReducedSystem:
    r"""Reduce a system to a few coordinates: modes of its runs, exact tensors, and interpolation of what is left.

    .. math:: u \approx \bar u + V z, \qquad \dot z = V^\top D\, N(\bar u + V z, p, t)

    The right-hand side is split by degree and by parameter (or function of parameters and time),
    :math:`N = \sum_q \theta_q(p, t) N_q`.  Polynomials are projected exactly, once; other terms g are interpolated from m of
    their components, :math:`g \approx U (P^\top U)^{-1} P^\top g` (DEIM).  Parameters stay symbols.

    Parameters
    ----------
    full : ODESystem, or PDESystem with a grid (``pde.discretize(n)``)
    runs : Dataset or list of Dataset
        Simulations of it, with any sweeps of parameters and initial values.
    modes : int or mapping
        How many, of each block.
    points : int, optional
        Interpolation points, m.  If given, all terms that are not linear are interpolated (``exact=1``); otherwise those that
        are no polynomial of degree `exact`, in three times as many points as there are modes, or as the runs determine.
    exact : {1, 2, 3}, optional
        Highest degree of terms that are projected exactly; 2 unless given, 3 with up to 10 modes.
    selection : {'greedy', 'qr'}, optional
        How points are chosen, see `symdyn.reduction.interpolation`; ``'greedy'`` unless given.
    blocks : mapping from names to sequences of states, optional
        States with modes of their own; by default every field, every scalar of fields, and all states of an `ODESystem`.
    weights : mapping or (n,) array, optional
        Of an `ODESystem`: quadrature weights D by state, 1 unless given.  Cells of a grid have their volume.
    center : bool
        Whether the mean of the runs is subtracted.
    manifold : {'linear', 'quadratic'}
        With ``'quadratic'``, :math:`u \approx \bar u + V z + W (z \otimes z)` and the equations are projected on its tangents,
        :math:`\dot z = (J^\top D J)^{-1} J^\top D N`, :math:`J = V + W\, \partial (z \otimes z)`.

    Returns
    -------
    ReducedSystem

    Raises
    ------
    DeclarationError
        For systems with events, delays, algebraic equations or unknown terms, runs of another system, more modes or points than
        the runs determine, and options without effect.

    References
    ----------
    Chaturantabut & Sorensen, SIAM Journal on Scientific Computing 32, 2737 (2010); Geelen, Wright & Willcox, Computer Methods
    in Applied Mechanics and Engineering 403, 115717 (2023) (quadratic manifolds); Lee & Carlberg, Journal of Computational
    Physics 404, 108973 (2020) (projection on tangents).

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> burgers = sd.PDESystem.from_text("u' = nu*laplacian(u) - dx(u**2/2)", domain=(0, 1), boundary=sd.Dirichlet(0),
    ...                                  initial={"u": "sin(pi*x)"}).discretize(64)
    >>> t = np.linspace(0, 1, 41)
    >>> runs = sd.simulate(burgers, t, parameters={"nu": [0.02, 0.05]}, progress=False)
    >>> small = sd.reduction.pod(burgers, runs, modes=6)
    >>> new = sd.simulate(burgers, t, parameters={"nu": 0.03}, progress=False)
    >>> len(small.states), bool(small.error(new).error < 2e-3)
    (6, True)
    """
    _check_options(full, points, exact, selection, manifold, weights)
    layout, measure = _layout(full, weights)
    read = layout.read(runs)
    numbers = [run_parameters(full, r) for r in read]
    snapshots, times, parameters = _stacked(full, read, numbers)
    basis = pod_basis(snapshots, measure, _blocks(full, layout, blocks), modes, center=center)
    curved = manifold == "quadratic"
    if curved:
        basis = curved_basis(basis, snapshots)
    degree = exact or (1 if points is not None or curved else 3 if basis.size <= CUBIC else 2)
    split: Split = GridSplit(full, degree, parameters[:, 0]) if isinstance(full, GridSystem) else EquationSplit(full, degree)
    interpolation = None
    values = split.values(snapshots, times, parameters) if split.count else np.zeros((0, 0))
    if values.any():
        interpolation = interpolate(values, points or _fitting(values, 3 * basis.size), selection or "greedy")
    else:
        idle = {"points": points, "selection": selection}
        refuse_idle([k for k, v in idle.items() if v is not None], (), "a right-hand side without terms to interpolate", {
            "systems with terms of a higher degree than exact": tuple(idle)})  # fmt: skip
    z = tuple(sp.Symbol(f"z_{k + 1}") for k in range(basis.size))
    rates = _rates(split, basis, z, interpolation)
    start = {tuple(row) for r in read for row in r.values[:, 0]} if len(read[0].values) < 1000 else set()
    initial = basis.project(read[0].values[0, 0]) if len(start) == 1 else None
    fact = f"reduced from {split.size} to {basis.size} states; "
    fact += f"the modes leave out {basis.left_out:.2g} of {snapshots.shape[1]} snapshots"
    used = dag.free_symbols(rates)
    return ReducedSystem(
        rates, z, basis, layout, interpolation=interpolation, full=full, runs=runs, time=full.time,
        parameters={p: v for p, v in full.numeric_defaults.items() if p in used},
        initial=None if initial is None else dict(zip(z, initial.tolist(), strict=True)), provenance=(*full.provenance, fact),
    )  # fmt: skip


def _rates(split: Split, basis: Basis, z: tuple[sp.Symbol, ...], interpolation: Any) -> list[sp.Expr]:
    """The rates of the coordinates."""
    if not isinstance(basis, CurvedBasis):
        return projected(split, basis.modes, basis.center, basis.weights[:, None] * basis.modes, z, interpolation)
    whole = np.concatenate([basis.modes, basis.curvature], axis=1)
    test = basis.weights[:, None] * whole
    return tangent_rates(basis, z, projected(split, whole, basis.center, test, [*z, *products(z)], interpolation))


def _check_options(full: Any, points: Any, exact: Any, selection: Any, manifold: str, weights: Any) -> None:
    if not isinstance(full, GridSystem):
        if not isinstance(full, ODESystem):
            hint = "; give it a grid with pde.discretize(n)" if getattr(full, "fields", ()) else ""
            raise DeclarationError(f"a reduction takes an ODESystem or fields on a grid, got {type(full).__name__}{hint}")
        if (reason := full.unmet(["drift"], ["inputs"])) is not None:
            raise DeclarationError(f"a reduction: {reason}")
    elif full.events:
        raise DeclarationError("a reduction takes no events; this GridSystem has some")
    if full.unknowns:
        raise DeclarationError(f"{full.unknowns[0]} is an unknown term; give it an expression with with_terms")
    if points is not None:
        check_whole(1, points=points)
    if exact is not None and exact not in (1, 2, 3):
        raise DeclarationError(f"exact is {exact!r}; expected 1, 2 or 3")
    for name, value, known in (("selection", selection, SELECTIONS), ("manifold", manifold, MANIFOLDS)):
        if value is not None and value not in known:
            raise DeclarationError(f"{name} is {value!r}; known: {', '.join(known)}.{suggest(str(value), known)}")
    if weights is not None and isinstance(full, GridSystem):
        raise DeclarationError("weights belong to an ODESystem; the cells of a grid have their volume")


def _layout(full: Any, weights: Any) -> tuple[StateLayout, np.ndarray]:
    """What states consist of, and their quadrature weights."""
    if isinstance(full, GridSystem):
        shapes = tuple(full.shape if s in full.fields else () for s in full.states)
        layout = StateLayout(full.names, shapes, dict(zip((s.name for s in full.space), full.centers, strict=True)))
        cell = float(np.prod(full.spacing))
        return layout, np.concatenate([np.full(k, cell if s else 1.0) for k, s in zip(layout.sizes, shapes, strict=True)])
    layout = StateLayout(full.names, ((),) * len(full.states), {})
    if weights is None:
        return layout, np.ones(layout.size)
    given = layout.state(weights)
    if not (given > 0).all():
        raise DeclarationError("weights are positive numbers, one for each state")
    return layout, given


def _blocks(full: Any, layout: StateLayout, blocks: Any) -> dict[str, np.ndarray]:
    """The places of each block."""
    where = layout.slices()
    if blocks is None:
        if isinstance(full, GridSystem):
            return {name: np.arange(layout.size)[s] for name, s in where.items()}
        return {"": np.arange(layout.size)}
    if not isinstance(blocks, Mapping):
        raise DeclarationError(f"blocks is {type(blocks).__name__}; expected a mapping from names to lists of states")
    names = {k: [lookup(s, full.states, "state").name for s in v] for k, v in blocks.items()}
    listed = [n for found in names.values() for n in found]
    if sorted(listed) != sorted(layout.names):
        left = sorted(set(layout.names) - set(listed))
        raise DeclarationError(
            f"every state belongs to one block; {left[0] if left else 'a state'} {'has none' if left else 'has two'}"
        )
    return {str(k): np.concatenate([np.arange(layout.size)[where[n]] for n in v]) for k, v in names.items()}


def _stacked(full: System, read: list[RunStates], numbers: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """RunStates (n, S), their times (S,), and parameters (P, S), of inputs their values."""
    states = np.concatenate([r.values.reshape(-1, r.values.shape[-1]) for r in read]).T
    times = np.concatenate([np.tile(r.times, len(r.values)) for r in read])
    rows = np.concatenate([np.repeat(p, len(r.times), axis=1) for p, r in zip(numbers, read, strict=True)], axis=1)
    for k, p in enumerate(full.parameters):
        if p in full.inputs:
            courses = np.stack([c(times * p.sign) for c in p.curves])
            rows[k] = courses[rows[k].astype(int), np.arange(len(times))]
    return states, times, rows


def _fitting(values: np.ndarray, wanted: int) -> int:
    """As many points as are wanted, or as the values determine."""
    singular = np.linalg.svd(values, compute_uv=False)
    return min(wanted, int((singular > singular[0] * np.finfo(float).eps).sum()))
