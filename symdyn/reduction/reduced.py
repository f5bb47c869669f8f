"""The reduced system: ordinary differential equations for a few coordinates, and the way back to the full states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
import sympy as sp
import xarray as xr

from symdyn.attached import ModeVerbs
from symdyn.errors import DeclarationError
from symdyn.models.ode import ODESystem
from symdyn.parsing import ModelText
from symdyn.reduction.basis import Basis
from symdyn.reduction.interpolation import Interpolation
from symdyn.reduction.layout import RunStates, StateLayout
from symdyn.reduction.manifold import CurvedBasis
from symdyn.reduction.parameters import run_parameters
from symdyn.simulation.run import simulate
from symdyn.system import Equation, System

__all__ = ["ReducedSystem"]


class ReducedSystem(ModeVerbs, ODESystem):
    r"""Coordinates ``z_1``, ``z_2``, ... of a large system; `symdyn.reduction.pod` and `infer` make one.

    It is an ODE system: all that takes one applies.  Parameters are those of the full system.

    Parameters
    ----------
    rates : sequence of Expr
        Of the coordinates, in `symbols`, parameters and time.
    symbols : sequence of Symbol
        The coordinates.
    basis, layout, interpolation, intervals, full, runs
        As the attributes.
    parameters, initial, time, provenance
        As for `ODESystem`.

    Attributes
    ----------
    basis : Basis
        Modes, center and weights: :math:`u \approx \bar u + V z`; with ``manifold="quadratic"`` also W.
    layout : StateLayout
        What a full state consists of.
    interpolation : Interpolation or None
        Of the terms that are interpolated: points, condition and bound.
    intervals : DataFrame or None
        Of `infer`: the coefficients with their intervals.
    full : System or None
        What was reduced.
    runs : tuple of Dataset
        What it was made of.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> heat = sd.PDESystem.from_text("u' = D*laplacian(u); D = 0.1", domain=(0, 1), initial={"u": "cos(pi*x) + cos(3*pi*x)"})
    >>> runs = sd.simulate(heat, np.linspace(0, 1, 21), grid=32, progress=False)
    >>> small = sd.reduction.pod(heat.discretize(32), runs, modes=2)
    >>> len(small.states), small.parameters, bool(small.error(runs).error < 1e-4)
    (2, (D,), True)
    """

    basis: Basis
    layout: StateLayout
    interpolation: Interpolation | None
    intervals: pd.DataFrame | None
    full: System | None
    runs: tuple[xr.Dataset, ...]
    text_options: ClassVar[tuple[str, ...] | None] = None

    def __init__(
        self,
        rates: Sequence[sp.Expr],
        symbols: Sequence[sp.Symbol],
        basis: Basis,
        layout: StateLayout,
        *,
        interpolation: Interpolation | None = None,
        intervals: pd.DataFrame | None = None,
        full: System | None = None,
        runs: Any = (),
        parameters: Mapping[Any, float] | None = None,
        initial: Mapping[Any, Any] | None = None,
        time: Any = "t",
        provenance: Sequence[str] = (),
    ) -> None:
        super().__init__(
            dict(zip(symbols, rates, strict=True)), parameters, initial=initial, time=time, provenance=provenance
        )  # fmt: skip
        made = (runs,) if isinstance(runs, xr.Dataset) else tuple(runs)
        self.__dict__.update(basis=basis, layout=layout, interpolation=interpolation, intervals=intervals, full=full, runs=made)

    @classmethod
    def from_model(cls, model: ModelText, options: dict[str, Any]) -> Self:
        raise DeclarationError("a ReducedSystem has no text; symdyn.reduction.pod and infer make it from runs")

    @classmethod
    def example(cls) -> Self:
        raise NotImplementedError("a ReducedSystem is made by symdyn.reduction.pod")

    def equations(self) -> list[Equation]:
        """One line for all coordinates; `drift` has their rates.

        Returns
        -------
        list of Equation

        Examples
        --------
        >>> import numpy as np, symdyn as sd
        >>> runs = sd.simulate(sd.ODESystem.from_text("x' = -x; y' = -2*y; x(0) = 1; y(0) = 1"), np.linspace(0, 1, 9))
        >>> [str(e) for e in sd.reduction.infer(runs, modes=2, degree=1).equations()]
        ["z' = f(z) of 2 coordinates"]
        """
        given = ", ".join(["z", *(p.name for p in self.parameters), *([self.time.name] if self.time_dependent else [])])
        return [Equation("z'", f"f({given}) of {len(self.states)} coordinates", r"\dot z", rf"f({given})")]

    @cached_property
    def _text(self) -> str:
        return str(self.equations()[0])

    def _repr_latex_(self) -> str:
        return f"${self.equations()[0].left_latex} = {self.equations()[0].right_latex}$"

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__}: {self}", *(f"  {line}" for line in self.provenance[-1:])]
        if self.interpolation is not None:
            made = self.interpolation
            lines.append(f"  interpolated at {len(made.points)} points, condition {made.condition:.3g}, bound {made.bound:.2g}")
        if self.parameters:
            lines.append(f"  parameters: {', '.join(p.name for p in self.parameters)}")
        return "\n".join(lines)

    @property
    def by_differences(self) -> bool:
        """Whether fits take difference quotients: of systems on quadratic manifolds, whose rates solve linear equations."""
        return isinstance(self.basis, CurvedBasis)

    @property
    def left_out(self) -> float:
        """Root mean square of what the modes leave out of the runs they were made of, relative to these."""
        return self.basis.left_out

    def own_error(self) -> np.ndarray:
        r"""Root mean square error of every number of the full state, (n,), in the runs that this system was made of.

        Returns
        -------
        (n,) float64

        Raises
        ------
        DeclarationError
            Without runs.

        Examples
        --------
        >>> import numpy as np, symdyn as sd
        >>> runs = sd.simulate(sd.ODESystem.from_text("x' = -x; y' = -2*y; x(0) = 1; y(0) = 1"), np.linspace(0, 1, 9))
        >>> bool(sd.reduction.infer(runs, modes=2, degree=1).own_error().max() < 0.01)
        True
        """
        if not self.runs:
            raise DeclarationError("this reduced system was made without runs, which tell its error")
        apart = []
        for read in self.layout.read(self.runs):
            found = self._repeated(read, self.basis.project(read.values), {})
            apart.append((self.basis.lift(found) - read.values).reshape(-1, self.layout.size))
        return np.asarray(np.sqrt(np.mean(np.concatenate(apart) ** 2, axis=0)))

    # ---- between coordinates and states --------------------------------------------------------

    def project(self, state: Any) -> dict[sp.Symbol, Any]:
        r"""Coordinates of a state, :math:`z = V^\top D (u - \bar u)`, as initial values.

        Parameters
        ----------
        state : mapping, Dataset or (n,) array
            Values by variable of the full system (arrays of the grid for fields), a dataset at one time, or all in one array.

        Returns
        -------
        dict of Symbol to float

        Raises
        ------
        DeclarationError
            If a variable is missing or an array has another shape.

        Examples
        --------
        >>> import numpy as np, symdyn as sd
        >>> runs = sd.simulate(sd.ODESystem.from_text("x' = -x; y' = -2*y; x(0) = 1; y(0) = 1"), np.linspace(0, 1, 9))
        >>> small = sd.reduction.infer(runs, modes=2, degree=1)
        >>> small.lift(small.project({"x": 3, "y": 4})).y.round(12).item()
        4.0
        """
        z = self.basis.project(self.layout.state(state))
        return dict(zip(self.states, z.tolist(), strict=True))

    def lift(self, data: Any) -> xr.Dataset:
        r"""States of the full system from coordinates, :math:`\bar u + V z` (:math:`+\, W (z \otimes z)`).

        Parameters
        ----------
        data : Dataset or mapping
            A simulation of this system, or one value for each coordinate.

        Returns
        -------
        Dataset
            The variables of the full system over the dimensions of `data` and those of its grid.

        Raises
        ------
        DeclarationError
            If a coordinate is missing.

        Examples
        --------
        >>> import numpy as np, symdyn as sd
        >>> runs = sd.simulate(sd.ODESystem.from_text("x' = -x; y' = -2*y; x(0) = 1; y(0) = 1"), np.linspace(0, 1, 9))
        >>> small = sd.reduction.infer(runs, modes=2, degree=1)
        >>> dict(small.lift(sd.simulate(small, runs.time, progress=False)).x.sizes)
        {'time': 9}
        """
        source = data if isinstance(data, xr.Dataset) else xr.Dataset({str(k): v for k, v in data.items()})
        missing = [n for n in self.names if n not in source]
        if missing:
            raise DeclarationError(f"there is no value of the coordinate {missing[0]}; lift takes simulations of this system")
        dims = source[self.names[0]].dims
        z = np.stack([np.asarray(source[n].transpose(*dims).values, float) for n in self.names], axis=-1)
        variables = self.layout.variables(self.basis.lift(z), map(str, dims))
        kept = [v for v in source.data_vars if v not in self.names and v not in variables]
        coordinates: dict[Any, Any] = {**source.coords, **{k: (k, v) for k, v in self.layout.space.items()}}
        return xr.Dataset({**variables, **{v: source[v] for v in kept}}, coordinates, source.attrs)

    def error(self, runs: Any, **options: Any) -> xr.Dataset:
        r"""How far this system is from runs of the full one: :math:`\|U - \hat U\|_F / \|U\|_F` in the norm of the grid.

        Every run is repeated from its first state with its parameters.

        Parameters
        ----------
        runs : Dataset
            A simulation of the full system.
        **options
            Of `symdyn.simulate`, such as ``rtol``; the relative tolerance is 1e-8 unless given, the absolute one 1e-10 times
            the largest coordinate.

        Returns
        -------
        Dataset
            ``error``, and ``projection``, that of the nearest states which the modes can make; over the sweeps of the runs.

        Raises
        ------
        DeclarationError
            For data of another system.

        Examples
        --------
        >>> import numpy as np, symdyn as sd
        >>> runs = sd.simulate(sd.ODESystem.from_text("x' = -x; y' = -2*y; x(0) = 1; y(0) = 1"), np.linspace(0, 1, 9))
        >>> bool(sd.reduction.infer(runs, modes=2, degree=1).error(runs).projection < 1e-12)
        True
        """
        if isinstance(runs, Sequence):
            raise DeclarationError("the runs are a list; give one dataset at a time")
        (read,) = self.layout.read(runs)
        z = self.basis.project(read.values)
        found = self._repeated(read, z, options)
        norms = np.sqrt(self.basis.weights)
        total = np.linalg.norm((read.values * norms).reshape(len(z), -1), axis=1)
        variables = {}
        for name, states in (("error", found), ("projection", z)):
            apart = (self.basis.lift(states) - read.values) * norms
            ratio = np.linalg.norm(apart.reshape(len(z), -1), axis=1) / total
            variables[name] = (tuple(read.sizes), ratio.reshape(tuple(read.sizes.values())))
        return xr.Dataset(variables, read.lead.coords)

    def _repeated(self, read: RunStates, z: np.ndarray, options: Mapping[str, Any]) -> np.ndarray:
        """Coordinates (L, T, r) of simulations like some runs."""
        numbers = run_parameters(self, read)
        starts = {s: xr.DataArray(z[:, 0, k], dims="run") for k, s in enumerate(self.states)}
        values = {
            p: xr.DataArray(row, dims="run") for p, row in zip(self.parameters, numbers, strict=True) if p not in self.inputs
        }
        given = {"rtol": 1e-8, "atol": 1e-10 * float(np.abs(z).max() or 1.0), "progress": False, **options}
        data = simulate(self, read.times, initial=starts, parameters=values, **given)
        return np.stack([data[n].transpose("run", "time").values for n in self.names], axis=-1)
