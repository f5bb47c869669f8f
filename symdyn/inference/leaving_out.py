"""Leave-one-out cross-validation of posterior samples by importance sampling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from symdyn.errors import RecoveryError
from symdyn.inference.fits import Fit, observed_problem
from symdyn.inference.other_folds import RowsProblem
from symdyn.optional import require

if TYPE_CHECKING:
    import arviz

__all__ = ["loo_of"]


def loo_of(fit: Fit, samples: arviz.InferenceData, **options: Any) -> arviz.ELPDData:
    r"""Foretell each measurement by the posterior without it, from samples of the whole posterior.

    The sum of :math:`\log p(y_i\,|\,y_{-i})` over all observables by Pareto-smoothed importance sampling of ArviZ.  Shapes
    ``pareto_k`` above 0.7 name measurements without which the posterior would be a different one: those estimates cannot be
    trusted, and ArviZ warns; ``fit.cross_validate(by="measurement")`` fits anew instead.

    Parameters
    ----------
    fit : Fit
        Of a system without randomness: measurements are independent, given the parameters.
    samples : arviz.InferenceData
        What ``fit.sample()`` returned.
    **options : optional
        As for ``arviz.loo``.

    Returns
    -------
    arviz.ELPDData
        With ``elpd_loo``, its standard error ``se``, the effective number of parameters ``p_loo``, and ``pareto_k`` of each
        measurement, in the order of ``fit.problem.setup.observed``, and of trajectories and times in each; of a PEtab problem
        that of its table.

    Raises
    ------
    RecoveryError
        If the samples are of another fit.
    MissingPackageError
        Without arviz: ``pip install 'symdyn-modeling[sample]'``.

    References
    ----------
    Vehtari, Gelman, Gabry, Stat. Comput. 27, 1413 (2017); Vehtari, Simpson, Gelman, Yao, Gabry, J. Mach. Learn. Res. 25, 72
    (2024) (Pareto smoothing).

    Examples
    --------
    >>> import numpy as np, sympy as sp, symdyn as sd
    >>> x, k = sp.symbols("x k")
    >>> t = np.arange(8.0)
    >>> data = {"t": t, "x": 3 * np.exp(-t / 2) + 0.02 * np.cos(9 * t)}
    >>> fit = sd.fit(sd.ODESystem({x: -k * x}, initial={x: 3}), data, noise=0.02, starts=2)
    >>> print(fit.loo(fit.sample(300)))  # doctest: +SKIP
    """
    arviz = require("arviz")
    problem: Any = fit.problem
    if isinstance(problem, RowsProblem):
        names, own = ["measurement"], [problem.row_table()["measured"].to_numpy()]
    else:
        problem = observed_problem(fit, "leave-one-out estimates")
        names = [o.name for o in problem.setup.observed]
        own = [y[np.isfinite(y)] for y in (problem.cut.values[..., o] for o in range(len(names)))]
    known = getattr(samples, "log_likelihood", None)
    if known is None or set(known.data_vars) != set(names):
        raise RecoveryError(
            f"the samples hold no log-likelihoods of {', '.join(names)}; take those of fit.sample() of this fit"
        )
    parts = [known[name].values.reshape(known.sizes["chain"], known.sizes["draw"], -1) for name in names]
    seen, fitted = getattr(samples, "observed_data", {}), {*problem.names, *problem.start_names}
    same = all(n in seen and np.array_equal(seen[n], y) for n, y in zip(names, own, strict=True))
    if not same or not fitted <= set(samples["posterior"].data_vars):
        raise RecoveryError(
            "the samples are of a fit to other measurements, or of other values; take those of fit.sample() of this fit"
        )
    joint = xr.Dataset({"measurement": (("chain", "draw", "place"), np.concatenate(parts, axis=-1))})
    whole = arviz.InferenceData(posterior=samples["posterior"], log_likelihood=joint)
    return arviz.loo(whole, **{"pointwise": True, **options})
