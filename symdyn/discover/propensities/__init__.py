"""Unknown propensities of reaction networks, from paths of molecule numbers or from cells that are not followed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp

from symdyn.discover.options import Request
from symdyn.discover.propensities.result import PropensityRecovery, result
from symdyn.discover.propensities.search import PropensitySearch
from symdyn.discover.propensities.shapes import shape_terms
from symdyn.discover.reads import TERMS, Reads
from symdyn.errors import RecoveryError
from symdyn.inference.count_likelihoods import CompletePath, NormalPath, NormalSnapshots, SampledPath, Snapshots
from symdyn.inference.count_starts import first_distribution, first_moments, largest_numbers
from symdyn.inference.counts import Counts, observed
from symdyn.inference.guesses import Bounds
from symdyn.inference.parameters import free_columns
from symdyn.inference.term_search import searched
from symdyn.models.reactions import ReactionNetwork
from symdyn.projection.parametric import Rates, grid

__all__ = ["PropensityRecovery", "recovered"]

#: What is read here of what `recover` is given.
READS = Reads("a ReactionNetwork", TERMS - {"unknown", "heldout", "options.degree", "options.functions"})
#: States of a box, and numbers in its transition matrices, up to which the master equation is solved.
LARGEST_BOX, LARGEST_MATRIX = 20_000, 1_000_000
#: Pieces into which times are cut where the exponential of the generator asks for them.
PIECES = (1, 4, 16)


def recovered(network: ReactionNetwork, data: Any, request: Request) -> PropensityRecovery:
    r"""Unknown propensities of a network.

    The likelihood is exact where that is within reach: of a path all jumps of which are known by their rates and waiting
    times, of a path at some times and of snapshots by the master equation on a box of states.  Where numbers are large it
    is that of normal variables with the moments of the chemical Langevin equation.  Constants are positive, and fitted in
    their logarithms; their intervals are symmetric there.

    Parameters
    ----------
    network : ReactionNetwork
        Rates hold undefined functions of species, ``{}, {X: 1}, f(X)``.  Parameters without a value are fitted along.
    data : Dataset, DataFrame, mapping of arrays, or a list of them
        Paths: a column or variable for each species along the time.  Cells that are not followed: a table in which a time
        has many rows, or a dataset with the dimension ``cell``.  Species may be missing there.  A dataset with
        the dimension ``trajectory``, as `symdyn.simulate` gives it, holds paths.
    request : Request
        ``bounds`` of a species set the box of its numbers.

    Raises
    ------
    RecoveryError
        If nothing is unknown, rates depend on time, numbers are not whole, or a species of a path is missing.

    Notes
    -----
    A model whose fit does not converge or whose constants the data do not determine is ranked after all others, and named in
    `warnings` if its criterion is better.  A budget that leaves time is used for more starts and for the neighbours of more
    models.

    Snapshots begin with the initial numbers of the network at time 0; if it has none, with the cells of the first snapshot.

    References
    ----------
    Munsky, Khammash, J. Chem. Phys. 124, 044104 (2006); Fox, Neuert, Munsky, J. Chem. Phys. 145, 074101 (2016) (likelihoods of
    snapshots on a projection); Anderson, Kurtz, Stochastic Analysis of Biochemical Systems (2015).
    """
    _check(network)
    seen = observed(network, data)
    columns = {s: k for k, s in enumerate(seen.species)}
    means = {s: float(seen.rows[:, columns[s.name]].mean()) if s.name in columns else 1.0 for s in network.states}
    sizes = {**{s: max(v, 1.0) for s, v in means.items()}, **{p: network.defaults.get(p, 1.0) for p in network.parameters}}
    fitted = free_columns(
        network, shape_terms(network, request.library, sizes), fit=request.options.fit, guesses=request.options.guesses,
        bounds=request.bounds, initial=network.states,
    )  # fmt: skip
    fitted.check_entering(network.with_terms(fitted.expressions()).propensities)
    typical = np.array([sizes[s] for s in network.states])
    notes = list(seen.notes)
    factory = _likelihoods(network, seen, fitted.given, notes)
    for pieces in PIECES:
        search = PropensitySearch(
            network, fitted, factory, data=seen, pieces=pieces, scale=float(max(typical.max() / seen.span, 1e-12)),
            typical=typical, largest=request.options.largest, budget=request.budget, journal=request.journal,
        )  # fmt: skip
        found = searched(search, request.report)
        if not search.complete or not search.best() or search.accurate():
            break
    return result(search, seen, request.options, [*notes, *found], complete=search.complete)


def _check(network: ReactionNetwork) -> None:
    if not network.unknowns:
        raise RecoveryError("the network has no unknown propensity; write a rate as an undefined function, {}, {X: 1}, f(X)")
    if network.time_dependent:
        raise RecoveryError("a rate of the network depends on time; propensities are recovered where none does")
    if network.events:
        raise RecoveryError("the network has events, which likelihoods of molecule numbers do not follow; leave them out")


def _likelihoods(network: ReactionNetwork, seen: Counts, limits: Bounds, notes: list[str]) -> Callable[[Rates, int], Any]:
    """How the likelihood of a model is made from its rates, and the pieces of the exponential of its generator."""
    if seen.kind == "complete":
        return lambda rates, pieces: CompletePath(rates, seen)
    upper = largest_numbers(network, seen, limits)
    size = int(np.prod([float(v + 1) for v in upper.values()])) if upper else LARGEST_BOX + 1
    small = size <= LARGEST_BOX and (seen.kind == "snapshots" or SampledPath.work(size, seen) <= LARGEST_MATRIX)
    if small:
        box = grid(network, upper)
        if seen.kind == "sampled":
            return lambda rates, pieces: SampledPath(rates, box, seen, pieces)
        first = first_distribution(network, seen, box)
        return lambda rates, pieces: Snapshots(rates, box, seen, first, pieces)
    notes.append(
        "there are too many states for the master equation: numbers were taken to be normal, with means and covariances"
    )
    if seen.kind == "sampled":
        return lambda rates, pieces: NormalPath(rates, seen)
    start = first_moments(network, seen)
    return lambda rates, pieces: NormalSnapshots(rates, seen, start)
