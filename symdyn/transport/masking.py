r"""Diffusions of one-hot vectors seen through the greatest entry: masking, whose rate their schedule gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp
from scipy.special import log_ndtr

from symdyn.errors import DeclarationError
from symdyn.methods.options import check_whole
from symdyn.models.reactions import ReactionNetwork
from symdyn.paths import Path
from symdyn.transport.marginals import Marginal

__all__ = ["masked_from_gaussian", "masked_survival"]

#: Of the integrals over the normal noise of the own entry: the range, and nodes of Gauss and Legendre's rule.
RANGE, NODES = 12.0, 400


def masked_survival(ratio: Any, categories: int) -> Any:
    r"""The chance that an entry of a one-hot vector is still the greatest one under noise.

    Of :math:`\alpha e_k + \sigma \epsilon` with normal :math:`\epsilon`, K entries and :math:`r = \alpha / \sigma`,

    .. math:: a(r) = P\big(\max_{j \ne k} (\epsilon_j - \epsilon_k) < r\big) = \int \varphi(z)\, \Phi(z + r)^{K-1}\, dz .

    For one :math:`\epsilon` at all times the entry is kept until r falls below that maximum, and never comes back.

    Parameters
    ----------
    ratio : float or array
        r, 0 or more; infinity is no noise.
    categories : int
        K, 2 or more.

    Returns
    -------
    float or array
        From 1/K at r = 0 to 1; to 12 digits.

    Raises
    ------
    DeclarationError
        For ratios below 0, and fewer than two categories.

    Examples
    --------
    >>> import symdyn as sd
    >>> print(sd.transport.masked_survival([0, 1, 4], categories=10))
    [0.1        0.34093577 0.98322223]
    """
    check_whole(2, categories=categories)
    r = np.asarray(ratio, dtype=float)
    if not (r >= 0).all():
        raise DeclarationError(f"the ratio of signal and noise is {ratio!r}; expected 0 or more")
    x, w = np.polynomial.legendre.leggauss(NODES)
    z = RANGE * x
    shares = np.exp((categories - 1) * log_ndtr(z + np.minimum(r, 1e3)[..., None]))
    found = (RANGE * w * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi) * shares).sum(axis=-1)
    return float(found) if found.ndim == 0 else found


def masked_from_gaussian(noised: Marginal, categories: int, times: Any, *, tokens: int = 1) -> ReactionNetwork:
    r"""The masking process that a diffusion of one-hot vectors is, seen through their greatest entries.

    A token is kept while the entry of its category is the greatest (`masked_survival`), and masked from then on, at the rate

    .. math:: h(t) = -\frac{d}{dt} \log a\big(\alpha(t) / \sigma(t)\big),

    the same for all tokens.  Between two knots it is the mean rate there, so that the chances at knots are exact.  Where the
    diffusion has ended, 1/K of the tokens are kept by chance.

    Parameters
    ----------
    noised : Marginal
        Of the diffusion, as ``process.marginal(density)`` gives; its schedule alone matters.
    categories : int
        K.
    times : (T,) sequence of float
        Knots of the path that the rate is, increasing; the process is defined from the first to the last.
    tokens : int
        How many are kept at the first time.

    Returns
    -------
    ReactionNetwork
        ``kept -> masked`` with the input ``masking``, the rate; ``.rate_equations()`` has the expected numbers.

    Raises
    ------
    DeclarationError
        For schedules that differ between states, have parameters without values, or whose ratio grows.

    References
    ----------
    Sahoo et al., The diffusion duality, ICML (2025), on the argmax of Gaussian diffusions; here with one noise for all times.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> noised = sd.SDESystem.from_text("dx = -x*dt + sqrt(2)*dW").marginal(sd.transport.Normal(0, 1))
    >>> masking = sd.transport.masked_from_gaussian(noised, 10, np.linspace(0.01, 2, 400), tokens=100)
    >>> kept = sd.simulate(masking.rate_equations(), [0.01, 2], progress=False).kept[-1]
    >>> exact = 100 * sd.transport.masked_survival(np.exp(-2) / np.sqrt(1 - np.exp(-4)), 10)
    >>> bool(abs(kept - exact) < 1e-3)
    True
    """
    check_whole(1, tokens=tokens)
    if not isinstance(noised, Marginal):
        raise DeclarationError(f"noised is {noised!r}; expected a Marginal, such as process.marginal(density)")
    t, log_ratio = noised.time, noised.log_snr
    if free := sorted(map(str, log_ratio.free_symbols - {t})):
        raise DeclarationError(f"the schedule contains {free[0]}, which has no value; give numbers to the process")
    at = np.asarray(times, dtype=float)
    if at.ndim != 1 or len(at) < 2 or not (np.isfinite(at).all() and (np.diff(at) > 0).all()):
        raise DeclarationError("times of a masking process are two numbers or more, finite and increasing")
    with np.errstate(all="ignore"):
        logs = np.broadcast_to(np.asarray(sp.lambdify(t, log_ratio, "numpy")(at), dtype=float), at.shape)
    if not np.isfinite(logs).all():
        raise DeclarationError(f"alpha / sigma is not a positive number at {at[~np.isfinite(logs)][0]:g}; begin later")
    if (grown := np.diff(logs) > 0).any():
        raise DeclarationError(f"alpha / sigma grows from {at[:-1][grown][0]:g} on: what was masked would come back")
    rates = -np.diff(np.log(masked_survival(np.exp(logs), categories))) / np.diff(at)
    rate = Path("masking", at, np.append(rates, rates[-1]), kind="hold")
    kept, masked = sp.symbols("kept masked")
    return ReactionNetwork([({kept: 1}, {masked: 1}, rate)], initial={kept: tokens, masked: 0}, time=t)
