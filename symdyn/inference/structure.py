"""What of a fit could be determined at all: structural identifiability of its parameters with its conditions."""

from __future__ import annotations

import numpy as np
import sympy as sp

from symdyn import dag
from symdyn.analysis.identifiability import StructuralIdentifiability, assess, refuse_structure
from symdyn.analysis.output_series import ObservedSystem
from symdyn.declaration import expression
from symdyn.inference.fit_setup import FitSetup
from symdyn.inference.fits import Fit, observed_problem
from symdyn.paths import Path

__all__ = ["identifiability_of"]

#: Trajectories of one condition whose initial values are fitted: further ones hardly tell more.
ALIKE = 3


def identifiability_of(fit: Fit) -> StructuralIdentifiability:
    """What exact data of the observables, at all times, would tell of the fitted values: `symdyn.identifiability`.

    With the conditions, the known values and the initial values of the fit.  Of trajectories in one condition the first three
    are considered; parameters of the noise alone are not.

    Parameters
    ----------
    fit : Fit

    Returns
    -------
    StructuralIdentifiability
        The initial value of x in the second trajectory is called ``x(0) of trajectory 1``.

    Raises
    ------
    RecoveryError
        For a fit of a PEtab problem.
    DeclarationError
        For maps, events, delays, algebraic equations, and functions that are not known.

    Examples
    --------
    >>> import numpy as np, sympy as sp, symdyn as sd
    >>> x, k, c, s = sp.symbols("x k c s")
    >>> t = np.arange(8.0)
    >>> data = {"t": t, "light": 3 * np.exp(-t / 2) + 0.02 * np.cos(9 * t)}
    >>> fit = sd.fit(sd.ODESystem({x: -k * x}), data, observables={"light": s * x}, parameters={s: (0.1, 10)}, starts=2)
    >>> print(fit.identifiability)
    identifiable (locally): k
    not identifiable: s, x(0)
    identifiable combinations: s*x(0)
    no output changes if one scales s by s, x(0) by s^-1
    """
    setup = observed_problem(fit, "structural identifiability").setup
    refuse_structure(setup.system)
    chosen, experiments, opened, special = _chosen(setup), [], [], False
    for k in chosen:
        made, own, number = _experiment(setup, k, several=len(chosen) > 1)
        experiments.append(made)
        opened += own
        special |= number
    notes = (
        ()
        if len(chosen) == len(setup.overrides)
        else (f"of {len(setup.overrides)} trajectories {len(chosen)} were considered",)
    )
    entering = dag.free_symbols(e for x in experiments for e in (*x.drift.values(), *x.starts.values(), *x.outputs))
    return assess(experiments, [p for p in setup.symbols if p in entering], opened, special=special, seed=fit.seed, notes=notes)


def _chosen(setup: FitSetup) -> list[int]:
    """Trajectories that are considered: of each condition and set of measured observables."""
    found: dict[tuple[object, ...], list[int]] = {}
    for k, (over, trajectory) in enumerate(zip(setup.overrides, setup.data.trajectories, strict=True)):
        measured = tuple(np.isfinite(trajectory.values).any(axis=0))
        own = any(s not in over for s in setup.free)
        members = found.setdefault((*sorted(over.items(), key=str), *measured), [])
        if len(members) < (ALIKE if own else 1):
            members.append(k)
    return sorted(k for members in found.values() for k in members)


def _experiment(setup: FitSetup, k: int, *, several: bool) -> tuple[ObservedSystem, list[sp.Symbol], bool]:
    """One trajectory with states of its own, its unknown initial values, and whether others are numbers."""
    system, over, fitted = setup.system, setup.overrides[k], set(setup.symbols)
    mark = f" of trajectory {k}" if several else ""
    own = {s: sp.Symbol(f"{s.name}{mark}") for s in system.states}
    values = {
        p: over.get(p, p if p in fitted else sp.Float(system.defaults[p]))
        for p in system.parameters if not isinstance(p, Path) and (p in over or p in fitted or p in system.defaults)
    }  # fmt: skip
    rules, opened = {}, []
    for s in system.states:
        if s in over or (s not in setup.free and s in system.initial):
            rules[s] = expression(over[s] if s in over else system.initial[s])
        else:
            rules[s] = sp.Symbol(f"{s.name}(0){mark}")
            opened.append(rules[s])
    starts = {s: e.xreplace(values) for s, e in dag.written_out(rules, "initial value of").items()}
    measured = np.isfinite(setup.data.trajectories[k].values).any(axis=0)
    outputs = [o.expression for o, there in zip(setup.observed, measured, strict=True) if there]
    swap = {**values, **own}
    made = ObservedSystem(
        {own[s]: f.xreplace(swap) for s, f in zip(system.states, system.drift or (), strict=True)},
        {own[s]: starts[s] for s in system.states}, tuple(e.xreplace(swap) for e in outputs), system.time,
    )  # fmt: skip
    return made, opened, any(not e.free_symbols for e in starts.values())
