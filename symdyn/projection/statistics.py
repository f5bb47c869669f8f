r"""Statistics of distributions over molecule numbers: moments, marginals, modes, entropy.

Distributions are DataArrays with a dimension for each species, as `MasterEquation` returns them, or with the one dimension
``state`` and a coordinate for each species; any further dimensions, such as ``time``, are retained.  Sums run over the states
of the array without normalisation: probability that a projection lacks is absent from its moments.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from symdyn.errors import DeclarationError
from symdyn.given_values import name_of
from symdyn.registry import suggest

__all__ = [
    "covariance", "entropy", "marginal", "mean", "modes", "moment", "moments", "relative_errors", "species", "total",
    "variance",
]  # fmt: skip

STATE = "state"


def species(p: xr.DataArray) -> tuple[str, ...]:
    """Names of the species of a distribution, in the order of its dimensions.

    Parameters
    ----------
    p : DataArray
        A distribution with a dimension for each species, or with the dimension ``state``; probabilities.

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> p = xr.DataArray([[0.1, 0.2], [0.3, 0.4]], dims=("X", "Y"), coords={"X": [0, 1], "Y": [0, 1]})
    >>> species(p)
    ('X', 'Y')
    """
    if STATE in p.dims:
        return tuple(str(c) for c in p.coords if p.coords[c].dims == (STATE,) and c != STATE)
    named = p.attrs.get("species")
    if named is not None and set(named) <= set(p.dims):
        return tuple(str(d) for d in p.dims if d in set(named))
    return tuple(str(d) for d in p.dims if d != "time" and d in p.coords)


def _number(p: xr.DataArray, name: str) -> xr.DataArray:
    name, known = str(name_of(name)), species(p)
    if name not in known:
        raise DeclarationError(
            f"{name!r} is not a species of the distribution; known: {', '.join(known)}.{suggest(name, known)}"
        )
    return p.coords[name].astype(float)


def total(p: xr.DataArray) -> xr.DataArray:
    """Sum over all states, 1 for a complete distribution; less by the probability that a projection lacks.

    Parameters
    ----------
    p : DataArray
        A distribution with a dimension for each species, or with the dimension ``state``; probabilities.

    Returns
    -------
    DataArray
        Over the dimensions that are no states, such as ``time``; dimensionless.

    Examples
    --------
    >>> p = xr.DataArray([0.25, 0.5, 0.25], dims="X", coords={"X": [0, 1, 2]})
    >>> float(total(p))
    1.0
    """
    return p.sum(_dims(p))


def _dims(p: xr.DataArray) -> list[str]:
    return [STATE] if STATE in p.dims else list(species(p))


def moment(p: xr.DataArray, powers: Mapping[str, int] | None = None, /, *, central: bool = False, **named: int) -> xr.DataArray:
    r"""A raw moment :math:`\langle \prod_i n_i^{k_i} \rangle`, or a central one, about the means.

    Parameters
    ----------
    p : DataArray
        A distribution with a dimension for each species, or with the dimension ``state``; probabilities.
    powers : mapping from str to int, optional
        :math:`k_i` by species, dimensionless.
    central : bool
        Whether numbers are taken about their means.
    **named : int
        The same as keywords, ``X=2``.

    Returns
    -------
    DataArray
        Over the dimensions that are no states; molecules to the power :math:`\sum_i k_i`.

    Raises
    ------
    DeclarationError
        If a power is no integer from 0, or its species is none of the distribution.

    Examples
    --------
    >>> p = xr.DataArray([0.25, 0.5, 0.25], dims="X", coords={"X": [0, 1, 2]})
    >>> float(moment(p, X=2)), float(moment(p, X=2, central=True))  # (0 + 1*2 + 4*1)/4 and (1 + 0 + 1)/4
    (1.5, 0.5)
    """
    weighted = p
    for name, power in {**(powers or {}), **named}.items():
        n = _number(p, name)
        if not isinstance(power, (int, np.integer)) or power < 0:
            raise DeclarationError(f"the power of {name} is {power!r}; expected a whole number from 0")
        weighted = weighted * (n - mean(p, name) if central else n) ** power
    return weighted.sum(_dims(p)).rename(None)


def mean(p: xr.DataArray, name: str) -> xr.DataArray:
    """Mean number of molecules of a species.

    Parameters
    ----------
    p : DataArray
        A distribution with a dimension for each species, or with the dimension ``state``; probabilities.
    name : str
        Of the species.

    Returns
    -------
    DataArray
        Over the dimensions that are no states; molecules.

    Raises
    ------
    DeclarationError
        If it is no species of the distribution.

    Examples
    --------
    >>> p = xr.DataArray([0.25, 0.5, 0.25], dims="X", coords={"X": [0, 1, 2]})
    >>> float(mean(p, "X"))
    1.0
    """
    return (p * _number(p, name)).sum(_dims(p)).rename(None)


def variance(p: xr.DataArray, name: str) -> xr.DataArray:
    """Variance of the number of molecules of a species.

    Parameters
    ----------
    p : DataArray
        A distribution with a dimension for each species, or with the dimension ``state``; probabilities.
    name : str
        Of the species.

    Returns
    -------
    DataArray
        Over the dimensions that are no states; molecules squared.

    Raises
    ------
    DeclarationError
        If it is no species of the distribution.

    Examples
    --------
    >>> p = xr.DataArray([0.25, 0.5, 0.25], dims="X", coords={"X": [0, 1, 2]})
    >>> float(variance(p, "X"))
    0.5
    """
    return covariance(p, name, name)


def covariance(p: xr.DataArray, first: str, second: str) -> xr.DataArray:
    """Covariance of the numbers of molecules of two species.

    Parameters
    ----------
    p : DataArray
        A distribution with a dimension for each species, or with the dimension ``state``; probabilities.
    first, second : str
        Species.

    Returns
    -------
    DataArray
        Over the dimensions that are no states; molecules squared.

    Raises
    ------
    DeclarationError
        If it is no species of the distribution.

    Examples
    --------
    >>> p = xr.DataArray([[0.1, 0.2], [0.3, 0.4]], dims=("X", "Y"), coords={"X": [0, 1], "Y": [0, 1]})
    >>> round(float(covariance(p, "X", "Y")), 12)  # 0.4 - 0.7 * 0.6
    -0.02
    """
    a, b = _number(p, first) - mean(p, first), _number(p, second) - mean(p, second)
    return (p * a * b).sum(_dims(p)).rename(None)


def moments(p: xr.DataArray, order: int = 2, *, central: bool = False) -> xr.Dataset:
    """All moments up to an order, named as in moment equations: ``E[X]``, ``E[X^2]``, ``E[X*Y]``, ...

    Central ones are ``M[X^2]``, ``M[X*Y]``, ..., beside the means.

    Parameters
    ----------
    p : DataArray
        A distribution with a dimension for each species, or with the dimension ``state``; probabilities.
    order : int
        Highest order, from 1.
    central : bool
        Whether moments of order 2 and higher are taken about the means.

    Returns
    -------
    Dataset
        Molecules to the power of the order of each moment.

    Raises
    ------
    DeclarationError
        If the order is no integer from 1.

    Examples
    --------
    >>> p = xr.DataArray([0.25, 0.5, 0.25], dims="X", coords={"X": [0, 1, 2]})
    >>> {k: float(v) for k, v in moments(p, 3, central=True).items()}
    {'E[X]': 1.0, 'M[X^2]': 0.5, 'M[X^3]': 0.0}
    """
    if not isinstance(order, (int, np.integer)) or order < 1:
        raise DeclarationError(f"the order of moments is {order!r}; expected a whole number from 1")
    names = species(p)
    found = {}
    for degree in range(1, order + 1):
        for chosen in itertools.combinations_with_replacement(names, degree):
            powers = {s: chosen.count(s) for s in dict.fromkeys(chosen)}
            text = "*".join(s if k == 1 else f"{s}^{k}" for s, k in powers.items())
            about = central and degree > 1
            found[f"{'M' if about else 'E'}[{text}]"] = moment(p, powers, central=about)
    return xr.Dataset(found)


def marginal(p: xr.DataArray, *names: str) -> xr.DataArray:
    """The marginal distribution of some species, summed over the others.

    Parameters
    ----------
    p : DataArray
        A distribution with a dimension for each species, or with the dimension ``state``; probabilities.
    *names : str
        Species that remain.

    Returns
    -------
    DataArray
        With a dimension for each of these species; probabilities.

    Raises
    ------
    DeclarationError
        If it is no species of the distribution.

    Examples
    --------
    >>> p = xr.DataArray([[0.1, 0.2], [0.3, 0.4]], dims=("X", "Y"), coords={"X": [0, 1], "Y": [0, 1]})
    >>> marginal(p, "Y").values.round(12).tolist()
    [0.4, 0.6]
    """
    wanted = [str(_number(p, n).name) for n in names]
    if STATE not in p.dims:
        q = p.sum([s for s in species(p) if s not in wanted])
        rest = [d for d in q.dims if d not in wanted]
        return q.transpose(*rest, *wanted).assign_attrs(species=wanted)
    numbers = [p.coords[n].values for n in wanted]
    axes = [np.arange(n.min(), n.max() + 1) for n in numbers]
    flat = np.ravel_multi_index([n - n.min() for n in numbers], [a.size for a in axes])
    rest = [d for d in p.dims if d != STATE]
    values = p.transpose(*rest, STATE).values.reshape(-1, flat.size)
    size = math.prod(a.size for a in axes)
    summed = np.stack([np.bincount(flat, weights=row, minlength=size) for row in values])
    shape = [p.sizes[d] for d in rest] + [a.size for a in axes]
    coords: dict[Any, Any] = {d: p.coords[d] for d in rest if d in p.coords}
    coords |= dict(zip(wanted, axes, strict=True))
    return xr.DataArray(summed.reshape(shape), dims=[*rest, *wanted], coords=coords, attrs={"species": wanted})


def modes(p: xr.DataArray, *names: str) -> list[dict[str, int]]:
    """Local maxima of the joint distribution, or of the marginal of some species, the most probable first.

    A state is a maximum if none of its neighbours, diagonal ones included, is more probable; of equal neighbours the first.
    Maxima below 1e-12 of the highest are rounding errors and left out.

    Parameters
    ----------
    p : DataArray
        A distribution with a dimension for each species, or with the dimension ``state``; probabilities.
    *names : str
        Species of the marginal; the joint distribution unless given.

    Returns
    -------
    list of dict from str to int
        Molecules by species.

    Raises
    ------
    DeclarationError
        If there is more than one distribution, such as several times; if a name is no species.

    Examples
    --------
    >>> p = xr.DataArray([0.3, 0.1, 0.2, 0.4, 0.0], dims="X", coords={"X": [0, 1, 2, 3, 4]})
    >>> modes(p)
    [{'X': 3}, {'X': 0}]
    """
    if names or STATE in p.dims:
        p = marginal(p, *(names or species(p)))
    kept = species(p)
    if set(p.dims) != set(kept):
        raise DeclarationError(f"modes are those of one distribution, got the dims {p.dims}; pick one with .sel or .isel")
    values = np.pad(p.transpose(*kept).values, 1, constant_values=-np.inf)
    inner = tuple(slice(1, -1) for _ in kept)
    middle = values[inner]
    highest = middle > 1e-12 * middle.max()
    for shift in itertools.product((-1, 0, 1), repeat=len(kept)):
        if any(shift):
            other = values[tuple(slice(1 + k, values.shape[i] - 1 + k) for i, k in enumerate(shift))]
            highest &= middle > other if shift < (0,) * len(kept) else middle >= other
    places = np.argwhere(highest)
    order = np.argsort(-middle[tuple(places.T)], kind="stable")
    return [{s: int(p.coords[s].values[i]) for s, i in zip(kept, place, strict=True)} for place in places[order]]


def entropy(p: xr.DataArray) -> xr.DataArray:
    r"""Shannon entropy :math:`-\sum p \ln p` of a distribution.

    Parameters
    ----------
    p : DataArray
        A distribution with a dimension for each species, or with the dimension ``state``; probabilities.

    Returns
    -------
    DataArray
        Over the dimensions that are no states; nats.

    Examples
    --------
    >>> p = xr.DataArray([0.5, 0.5], dims="X", coords={"X": [0, 1]})
    >>> round(float(entropy(p)), 6)  # ln 2
    0.693147
    """
    positive = p.where(p > 0)
    return -(positive * np.log(positive)).sum(_dims(p)).rename(None)


def relative_errors(
    mean: np.ndarray, variance: np.ndarray, exact_mean: np.ndarray, exact_variance: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Relative errors of approximate means and standard deviations, arrays of one shape.

    Parameters
    ----------
    mean, variance : float64
        Of an approximation.
    exact_mean, exact_variance : float64

    Returns
    -------
    mean_error, std_error : float64
        Ratios less one.

    Examples
    --------
    >>> [e.tolist() for e in relative_errors(np.array([11.0]), np.array([4.0]), np.array([10.0]), np.array([1.0]))]
    [[0.10000000000000009], [1.0]]
    """
    with np.errstate(all="ignore"):
        return mean / exact_mean - 1, np.sqrt(variance / exact_variance) - 1
