"""Systems with fields, whose states are arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from symdyn.system import System

__all__ = ["SpatialSystem"]


class SpatialSystem(System):
    """A system some of whose states are fields over a domain.

    `symdyn.simulate` and `symdyn.compile` treat it as any other system; its `frame` tells what its trajectories start from and
    which variables their numbers are, and its `kernel` integrates them.

    Examples
    --------
    >>> import symdyn as sd
    >>> isinstance(sd.PDESystem.example(), SpatialSystem), isinstance(sd.ODESystem.example(), SpatialSystem)
    (True, False)
    """

    #: Whether a grid is needed before the system can be simulated.
    gridless: ClassVar[bool] = False

    def frame(self, initial: Mapping[Any, Any] | None, times: np.ndarray, grid: Any = None) -> Any:
        """Initial values and variables of a simulation.

        Parameters
        ----------
        initial : mapping or None
            Initial values as `symdyn.simulate` is given them.
        times : (T,) float64
            Output times, in the unit of time.
        grid : int or sequence of int, optional
            Cells along each axis, of a system without a grid.

        Returns
        -------
        symdyn.simulation.frames.Frame

        Raises
        ------
        DeclarationError
            For values that do not fit.

        Examples
        --------
        >>> import symdyn as sd
        >>> pde = sd.PDESystem.from_text("u' = -u; u(0) = 1", domain=(0, 1))
        >>> [(v.name, v.dims, v.shape) for v in pde.frame(None, np.zeros(1), grid=4).variables]
        [('u', ('x',), (4,))]
        """
        raise NotImplementedError(f"{type(self).__name__} does not define frame(initial, times, grid)")

    def kernel(self, method: str, options: Any, *, until: Any = None) -> Any:
        """What integrates the system by a method that applies to it; `symdyn.compile` calls this.

        Parameters
        ----------
        method : str
            A name in ``symdyn.METHODS``.
        options : MethodOptions
            Those of the method.
        until : Boolean, optional
            A condition that ends a trajectory.

        Returns
        -------
        symdyn.codegen.kernel_base.Kernel

        Raises
        ------
        CompileError
            If the method does not apply to the system.

        Examples
        --------
        >>> import symdyn as sd
        >>> grid = sd.PDESystem.from_text("u' = -u; u(0) = 1", domain=(0, 1)).discretize(4)
        >>> sd.compile(grid, method="tsit5").large
        True
        """
        raise NotImplementedError(f"{type(self).__name__} does not define kernel(method, options)")
