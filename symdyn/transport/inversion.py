r"""Exact inversion: from data to the noise from which a sampler makes them, to rounding or to the last bit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from symdyn.codegen.kernel import read_method
from symdyn.codegen.table_runs import TableRunner
from symdyn.errors import DeclarationError
from symdyn.methods.options import check_positive
from symdyn.methods.registry import METHODS
from symdyn.methods.samplers import SamplerScheme, SamplerTable
from symdyn.methods.two_step_tables import QUANTUM, REACH, from_two, growth, inverted, on_lattice
from symdyn.models.ode import ODESystem
from symdyn.transport.values import dataset_of, node_times, parameter_numbers, state_rows

__all__ = ["InvertedData", "invert"]

#: Trajectories that run at once where all their states are kept.
CHUNK = 4096


@dataclass(frozen=True, eq=False, repr=False)
class InvertedData:
    """Data as noise, with the way back; made by `invert`.

    Attributes
    ----------
    system : ODESystem
        The flow.
    method : str
    nodes : (N + 1,) float64
        From noise to data.
    data, noise : xarray.Dataset
        States at the last and at the first node, one of each trajectory.
    companion : xarray.Dataset
        States at the node after the noise: a method of two steps goes on from both.
    growth : float
        The factor by which the linear part of the method magnifies rounding on the way there or back, at most.
    lattice : bool
        Whether states are multiples of :math:`2^{-40}`, and the way back is exact to the last bit.

    Examples
    --------
    >>> import numpy as np, sympy as sp, symdyn as sd
    >>> x, t = sp.symbols("x t")
    >>> vp = sd.SDESystem({x: -(0.1 + 19.9*t)/2*x}, {x: sp.sqrt(0.1 + 19.9*t)})
    >>> flow = vp.probability_flow(vp.marginal(sd.transport.GaussianMixture([1, 1], [-1, 1], [0.3, 0.3])))
    >>> nodes = sd.transport.nodes(flow, 50, span=(1, 1e-3))
    >>> found = sd.transport.invert(flow, {x: [-1.2, 0.1, 0.9]}, nodes=nodes)
    >>> found
    InvertedData(3 trajectories, method='bdia', 50 steps from 1 to 0.001)
    >>> bool(abs(found.decode().x - [-1.2, 0.1, 0.9]).max() < 1e-13)
    True
    """

    system: ODESystem
    method: str
    nodes: np.ndarray
    data: xr.Dataset
    noise: xr.Dataset
    companion: xr.Dataset
    growth: float
    lattice: bool
    _runner: TableRunner = field(repr=False)
    _back: SamplerTable = field(repr=False)

    def decode(self, noise: Any = None, companion: Any = None) -> xr.Dataset:
        """The data, from the noise and its companion: those that were found, or others, such as those two moved.

        Parameters
        ----------
        noise, companion : mapping or xarray.Dataset, optional
            States at the first node and at the one after it; both or none.

        Returns
        -------
        xarray.Dataset
            States at the last node.

        Raises
        ------
        DeclarationError
            If only one is given; on a lattice also if states leave it.

        Examples
        --------
        >>> import symdyn as sd
        >>> flow = sd.ODESystem.from_text("x' = -x/(1 - t) + nonlinear(x)/(1 - t); noise_level := t")
        >>> found = sd.transport.invert(flow, {"x": [0.5]}, nodes=[0.9, 0.5, 0.1], bits="lattice")
        >>> found.decode().x.item(), found.decode(found.noise * 2, found.companion * 2).x.item()  # a linear flow
        (0.5, 1.0)
        """
        if (noise is None) != (companion is None):
            raise DeclarationError("noise= and companion= are given together: the method goes on from two states")
        pair = (self.noise, self.companion) if noise is None else (noise, companion)
        rows = [state_rows(self.system, one, [t], "noise")[0] for one, t in zip(pair, self.nodes, strict=False)]
        end = _run(self._runner, self._back, np.concatenate(rows, axis=1), self.lattice, self.method)
        return dataset_of(self.system, end[:, 1], float(self.nodes[-1]))

    def __repr__(self) -> str:
        bits = ", bits='lattice'" if self.lattice else ""
        return (
            f"InvertedData({self.noise.sizes['trajectory']} trajectories, method={self.method!r}, {len(self.nodes) - 1} steps "
            f"from {self.nodes[0]:g} to {self.nodes[-1]:g}{bits})"
        )


def invert(
    flow: ODESystem, data: Any, *, nodes: Any, method: Any = "bdia", parameters: Mapping[Any, Any] | None = None,
    bits: str | None = None, tolerance: float = 1e-9,
) -> InvertedData:  # fmt: skip
    r"""The noise from which a sampler makes given data, with a way back that returns them exactly.

    A method of two steps computes :math:`x_{r+1}` from :math:`x_{r-1}`, :math:`x_r` and the evaluation at :math:`x_r`, and
    can be solved for :math:`x_{r-1}`.  Data at one time are taken to noise by the method itself, begun with a step of DDIM,
    and back by its inverse.  A run of `simulate` by the same method and nodes, with the last two nodes among its times, is
    inverted as it is, and gives the noise from which it began.

    Parameters
    ----------
    flow : ODESystem
        One that splits into a linear part and a rest, such as `probability_flow` gives.
    data : mapping or xarray.Dataset
        States at the last node, arrays of one value for each trajectory, or the run that made them.
    nodes : (N + 1,) sequence of float
        Times of the sampler, from noise to data; at least three.
    method : str or MethodOptions
        'bdia', `symdyn.methods.Bdia` with another :math:`\gamma`, or 'o-belm'.
    parameters : mapping, optional
        Over the defaults of the flow.
    bits : 'lattice', optional
        States are rounded to multiples of :math:`2^{-40}`, as are the increments, and the way back is exact to the last bit;
        for 'bdia' with :math:`\gamma = 1`, and states below 1024 in absolute value.
    tolerance : float
        An inversion whose rounding may grow beyond it is refused.  Rounding grows as :math:`\gamma^{-N}` for 'bdia'.

    Returns
    -------
    InvertedData

    Raises
    ------
    DeclarationError
        For methods that cannot be inverted, or not to the tolerance; for data that do not fit; on a lattice for states that
        leave it.

    References
    ----------
    Zhang, Lewis & Kleijn, Exact diffusion inversion via bi-directional integration approximation, ECCV 2024; Wang et al., BELM,
    NeurIPS 2024.  Neither says that the inverse for :math:`\gamma < 1` is unstable, nor uses a lattice.

    Examples
    --------
    >>> import symdyn as sd
    >>> flow = sd.ODESystem.from_text("x' = -x/(1 - t) + nonlinear(x)/(1 - t); noise_level := t")  # data are one point, 0
    >>> found = sd.transport.invert(flow, {"x": [0.3]}, nodes=[0.9, 0.7, 0.5, 0.3, 0.1], bits="lattice")
    >>> found.decode().x.item() == found.data.x.item()
    True
    """
    check_positive(tolerance=tolerance)
    if not isinstance(flow, ODESystem):
        raise DeclarationError(f"flow is a {type(flow).__name__}; expected an ODESystem, such as sde.probability_flow(score)")
    if bits not in (None, "lattice"):
        raise DeclarationError(f"bits is {bits!r}; expected 'lattice' or nothing")
    times = node_times(nodes, 3)
    name, given = read_method(method)
    scheme = METHODS[name] if name else None
    if not isinstance(scheme, SamplerScheme):
        raise DeclarationError(f"method is {method!r}; expected one that can be inverted: 'bdia' or 'o-belm'")
    if reason := scheme.applies(flow):
        raise DeclarationError(f"{scheme.name!r} cannot be used: {reason}")
    options = {} if given is None else given.given
    if options.pop("nodes", None) is not None:
        raise DeclarationError("nodes are given twice; leave them out of the method")
    states = state_rows(flow, data, [times[-1], times[-2]], "data")
    runner = TableRunner(flow, scheme.name, parameter_numbers(flow, parameters), len(states[0]))
    whole, lattice = len(states) == 2, bits == "lattice"
    steps = times[0] + (times - times[0])  # rounded as those of `simulate`
    table = scheme.table(runner.clocks(steps if whole else steps[::-1]), options)  # in the direction of the method
    there, back, factor = _tables(table, scheme.name, whole, lattice)
    error = 0.0 if lattice else factor * np.finfo(float).eps * max(1.0, float(np.abs(states[0]).max()))
    if not error <= tolerance:
        raise DeclarationError(
            f"rounding grows by {factor:.1e} over {len(times) - 1} steps of {scheme.name!r}, to about {error:.1e}, beyond "
            f"tolerance={tolerance:g}; use 'bdia' with gamma=1, fewer nodes, or a larger tolerance"
        )
    if lattice:
        states = [np.rint(s / QUANTUM) * QUANTUM for s in states]
    found = _run(runner, there, np.concatenate(states, axis=1), lattice, scheme.name)
    data, noise, companion = (
        dataset_of(flow, rows, float(t))
        for rows, t in zip((states[0], found[:, 1], found[:, 0]), times[[-1, 0, 1]], strict=True)
    )
    return InvertedData(flow, scheme.name, times, data, noise, companion, factor, lattice, runner, back)


def _tables(table: SamplerTable, method: str, whole: bool, lattice: bool) -> tuple[SamplerTable, SamplerTable, float]:
    """Tables from data to noise and from both states of the noise to data, and how rounding grows where steps are inverted."""
    if lattice:
        forth, reverse = on_lattice(table, method, start=not whole), on_lattice(table, method, back=True)
        return (reverse, forth, 1.0) if whole else (forth, reverse, 1.0)
    reverse = inverted(table, method)
    factor = max(growth(table, method), growth(reverse, method))
    return (reverse, from_two(table), factor) if whole else (table, reverse, factor)


def _run(runner: TableRunner, table: SamplerTable, states: np.ndarray, lattice: bool, method: str) -> np.ndarray:
    """The last two states (K, 2, n); on a lattice all states are looked at."""
    if not lattice:
        found = runner.run(table, states, last=2)
    else:
        if not (states == np.rint(states / QUANTUM) * QUANTUM).all():
            raise DeclarationError("the states do not lie on the lattice; round them to multiples of 2**-40")
        found = np.empty((len(states), 2, runner.states))
        for k in range(0, len(states), CHUNK):
            path = runner.run(table, states[k : k + CHUNK], last=len(table.reached))
            if np.isfinite(path).all() and np.abs(path).max() >= REACH:
                raise DeclarationError(f"a state of {np.abs(path).max():.4g} leaves the lattice, which ends at {REACH:g}")
            found[k : k + CHUNK] = path[:, -2:]
    if not np.isfinite(found).all():
        lost = int((~np.isfinite(found).all(axis=(1, 2))).sum())
        raise DeclarationError(f"{lost} of {len(found)} trajectories of {method!r} do not stay finite; use other or more nodes")
    return found
