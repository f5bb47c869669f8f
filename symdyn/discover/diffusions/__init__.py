"""Unknown drifts and noises of stochastic differential equations, from observed paths."""

from __future__ import annotations

from typing import Any

import numpy as np

from symdyn.discover.diffusions.declared import declared
from symdyn.discover.diffusions.result import DiffusionRecovery, result
from symdyn.discover.diffusions.search import DiffusionSearch
from symdyn.discover.options import Request
from symdyn.discover.priors import read_signs, sign_price
from symdyn.discover.reads import TERMS, Reads
from symdyn.discover.terms import one_of_each, with_unknown_terms
from symdyn.inference.data import observations
from symdyn.inference.increments import increments
from symdyn.inference.term_search import searched
from symdyn.models.sde import SDESystem

__all__ = ["DiffusionRecovery", "recovered"]

#: What is read here of what `recover` is given.
READS = Reads("an SDESystem", TERMS | {"signs"}, shapes=frozenset())


def recovered(system: SDESystem, data: Any, request: Request) -> DiffusionRecovery:
    r"""Drift and noise of a diffusion from one long path, or from several.

    Every step of a path is taken to be normal with the conditional mean and covariance of the diffusion, followed through the
    step (`symdyn.inference.local_moments`).  The unknown functions are sums of terms of a library with coefficients that
    maximise this quasi-likelihood; which terms they have is chosen by an information criterion.  Of a noise :math:`g(x)` that
    stands alone the data tell only the square, and the library is of :math:`g^2`: by default 1, x and x squared, so that
    :math:`g = \sqrt{g_1 + g_2 x^2}`, :math:`g_1 x` and :math:`g_1 \sqrt x` are among the candidates.

    Parameters
    ----------
    system : SDESystem
        Unknown functions in drift or diffusion; see `symdyn.recover` for the rest.
    data : Dataset, DataFrame, mapping of arrays, or a list of them
        Paths of all states, at any spacing; a dataset with a dimension beside time holds several.
    request : Request
        A library that is not a mapping is of the drifts, unless only noises are unknown.

    Raises
    ------
    RecoveryError
        If a state is not observed, nothing is unknown, or no candidate makes the data possible.

    Notes
    -----
    A model is ranked after all others, and named in `warnings` if its criterion is better, where its squared noise is negative
    along the data or along paths that are simulated with it, where these diverge, where its fit does not converge, and where
    the data do not determine its constants or make them vanish.  A budget that leaves time is used for more starts and for
    the neighbours of more models.

    References
    ----------
    Kessler, Scand. J. Statist. 24, 211 (1997); Sorensen, in Kessler, Lindner, Sorensen (eds.), Statistical Methods for
    Stochastic Differential Equations (2012), ch. 1; Friedrich et al., Phys. Rep. 506, 87 (2011).
    """
    whole = with_unknown_terms(system, request.unknown)
    seen = observations(whole, data)
    seen, later = seen.split(request.heldout) if request.heldout else (seen, None)
    steps = increments(seen)
    typical = {s: float(v) for s, v in zip(whole.states, seen.scale, strict=True)}
    typical |= {whole.time: max(float(np.abs(steps.times).max()), 1.0)}
    typical |= {p: float(whole.defaults.get(p, 1.0)) for p in whole.parameters}
    ready = declared(whole, request, typical)
    signs = read_signs(one_of_each(whole.unknowns), request.signs)
    broken = sign_price(whole, ready, signs, steps.times, steps.begin.T)
    search = DiffusionSearch(
        ready, steps, largest=request.options.largest, broken=broken, budget=request.budget, journal=request.journal
    )
    notes = searched(search, request.report)
    return result(search, seen, later, request.options, notes, complete=search.complete)
