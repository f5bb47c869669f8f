"""Initial distributions: molecule numbers, independent distributions of species, or a joint distribution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp
import xarray as xr

from symdyn.errors import DeclarationError
from symdyn.given_values import lookup
from symdyn.models.reactions import ReactionNetwork
from symdyn.projection.states import StateSpace

__all__ = ["begin", "outside", "read_initial"]

#: Probability left out at either end of a distribution that has no end.
TAIL = 1e-15


def read_initial(
    network: ReactionNetwork, initial: Any, parameters: Mapping[sp.Symbol, float]
) -> tuple[np.ndarray, np.ndarray]:
    """States (k, species) int64 and their probabilities (k,).

    Parameters
    ----------
    initial : mapping, DataArray or None
        For each species a number, a discrete distribution of scipy.stats, or a DataArray over the species; or a joint
        DataArray, such as a distribution computed before.  Species that are not named start from the network's own
        numbers.
    parameters : mapping of Symbol to float
        Values of the parameters, which the network's own numbers may depend on.

    Raises
    ------
    DeclarationError
        If a species has no number, or one that is negative or no integer; or probabilities do not add up to 1.
    """
    if isinstance(initial, xr.DataArray):
        return _joint(network, initial)
    if initial is not None and not isinstance(initial, Mapping):
        raise DeclarationError(
            f"initial is {type(initial).__name__}; expected a mapping from species to numbers or distributions, or a DataArray"
        )
    given = {
        **network.initial_numbers(parameters),
        **{lookup(k, network.states, "species"): v for k, v in (initial or {}).items()},
    }
    missing = [s.name for s in network.states if s not in given]
    if missing:
        example = ", ".join(f"{name!r}: 0" for name in missing)
        raise DeclarationError(f"no initial number of {', '.join(missing)}; give initial={{{example}}}")
    parts = [_one(s.name, given[s]) for s in network.states]
    grids = np.meshgrid(*(n for n, _ in parts), indexing="ij")
    weight = np.ones((1,) * len(parts))
    for k, (_, p) in enumerate(parts):
        weight = weight * p.reshape([-1 if i == k else 1 for i in range(len(parts))])
    return _kept(np.stack([g.ravel() for g in grids], axis=1), weight.ravel())


def begin(network: ReactionNetwork, space: StateSpace, initial: Any, parameters: Mapping[sp.Symbol, float]) -> np.ndarray:
    """An initial distribution on a set of states; what lies outside is missing."""
    states, weight = read_initial(network, initial, parameters)
    index = space.locate(states)
    if (index < 0).all():
        raise outside(network, states[0])
    p = np.zeros(space.size)
    np.add.at(p, index[index >= 0], weight[index >= 0])
    return p


def outside(network: ReactionNetwork, state: np.ndarray) -> DeclarationError:
    """The error that an initial state is not within the bounds."""
    start = ", ".join(f"{s} = {n}" for s, n in zip(network.names, state, strict=True))
    return DeclarationError(f"the initial state {start} lies outside the bounds; raise upper")


def _one(name: str, value: Any) -> tuple[np.ndarray, np.ndarray]:
    """Numbers and probabilities of one species."""
    if hasattr(value, "pmf"):
        low, high = value.ppf(TAIL), value.isf(TAIL)
        numbers = np.arange(int(low), int(high) + 1)
        p = value.pmf(numbers)
    elif isinstance(value, xr.DataArray) and value.ndim == 1:
        numbers, p = _whole(name, value[value.dims[0]].values), np.asarray(value.values, dtype=float)
    else:
        try:
            number = float(value)
            if not np.isfinite(number):
                raise ValueError
        except (TypeError, ValueError):
            raise DeclarationError(
                f"the initial number of {name} is {value!r}; expected a whole number, a discrete distribution of "
                "scipy.stats, or a DataArray of probabilities"
            ) from None
        numbers, p = _whole(name, [number]), np.ones(1)
    if numbers.min() < 0:
        raise DeclarationError(f"the initial number of {name} may be {numbers.min()}; expected numbers from 0")
    _check(p, f"the initial distribution of {name}")
    return numbers, p


def _whole(name: str, values: Sequence[float] | np.ndarray) -> np.ndarray:
    numbers = np.rint(values)
    if not np.array_equal(numbers, values):
        odd = np.asarray(values)[numbers != values][0]
        raise DeclarationError(f"the initial number of {name} is {odd:g}; expected a whole number of molecules")
    return numbers.astype(np.int64)


def _joint(network: ReactionNetwork, p: xr.DataArray) -> tuple[np.ndarray, np.ndarray]:
    listed = p.dims == ("state",)
    if not listed and set(p.dims) != set(network.names):
        raise DeclarationError(
            f"the initial distribution has the dims {tuple(map(str, p.dims))}; expected {network.names}, or 'state' with a "
            "coordinate for each species; pick one time with .sel(time=...)"
        )
    if listed:
        states = np.stack([_whole(s, p[s].values) for s in network.names], axis=1)
        weight = np.asarray(p.values, dtype=float)
    else:
        p = p.transpose(*network.names)
        grids = np.meshgrid(*(_whole(s, p[s].values) for s in network.names), indexing="ij")
        states, weight = np.stack([g.ravel() for g in grids], axis=1), np.asarray(p.values, dtype=float).ravel()
    if states.min() < 0:
        raise DeclarationError("the initial distribution has negative molecule numbers")
    _check(weight, "the initial distribution")
    return _kept(states, weight)


def _check(p: np.ndarray, what: str) -> None:
    total = float(p.sum())
    if not (p.min() >= 0.0 and abs(total - 1.0) <= 1e-3):
        raise DeclarationError(
            f"{what} has the sum {total:g} and the minimum {p.min():g}; expected probabilities that add up to 1"
        )


def _kept(states: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    possible = weight > 0.0
    return states[possible], weight[possible]
