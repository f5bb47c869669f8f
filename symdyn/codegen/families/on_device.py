"""How a family of methods runs on CUDA cards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy as sp
from symdyn_kernels.arguments.parts import Batch

from symdyn.codegen.cuda.join import Device
from symdyn.codegen.families.task import Options
from symdyn.codegen.program import Made
from symdyn.errors import CompileError
from symdyn.system import System

__all__ = ["OnDevice"]


class OnDevice:
    """The part of a family for cards; unless a family says otherwise its methods have none.

    Examples
    --------
    >>> import symdyn as sd
    >>> from symdyn.codegen.families import family_of
    >>> isinstance(family_of(sd.METHODS["tsit5"]), OnDevice)
    True
    """

    def on_device(self, scheme: Any) -> bool:
        """Whether a method has a form for CUDA cards.

        Parameters
        ----------
        scheme : object
            An entry of ``symdyn.METHODS``.

        Returns
        -------
        bool

        Examples
        --------
        >>> import symdyn as sd
        >>> from symdyn.codegen.families import family_of
        >>> [family_of(sd.METHODS[name]).on_device(sd.METHODS[name]) for name in ("tsit5", "taylor")]
        [True, False]
        """
        return False

    def device_programs(self, system: System, scheme: Any, *, until: sp.Basic | None = None) -> Made | None:
        """The programs of the model for a CUDA card, or None where these are those of `programs`.

        Parameters
        ----------
        system : System
        scheme : object
            An entry of ``symdyn.METHODS``.
        until : Boolean, optional
            A condition that ends trajectories.

        Returns
        -------
        Made or None

        Raises
        ------
        CompileError
            For what cards do not follow.

        Examples
        --------
        >>> import symdyn as sd
        >>> from symdyn.codegen.families import family_of
        >>> family_of(sd.METHODS["heun"]).device_programs(sd.SDESystem.example(), sd.METHODS["heun"])
        """
        return None

    def device(self, system: System, scheme: Any, made: Made) -> Device:
        """The parts of the kernel for a CUDA card.

        Parameters
        ----------
        system : System
        scheme : object
            An entry of ``symdyn.METHODS``.
        made : Made
            The programs of the model.

        Returns
        -------
        Device
            Generated functions, and the template of `symdyn_kernels.devices` that calls them.

        Raises
        ------
        CompileError
            Where `on_device` is false.

        Examples
        --------
        >>> import symdyn as sd
        >>> from symdyn.codegen.families import family_of
        >>> scheme, decay = sd.METHODS["tsit5"], sd.ODESystem.from_text("x' = -x")
        >>> family_of(scheme).device(decay, scheme, family_of(scheme).programs(decay, scheme)).template
        'adaptive'
        """
        raise CompileError(f"the method {scheme.name!r} has no form for target='cuda'")

    def device_begin(self, system: System, batch: Batch) -> Batch:
        """The batch as trajectories on a card begin with it: after what is known to happen at the first time.

        Parameters
        ----------
        system : System
        batch : Batch

        Returns
        -------
        Batch

        Examples
        --------
        >>> import symdyn as sd
        >>> from symdyn.codegen.families import family_of
        >>> batch = Batch(np.ones((1, 1)), np.array([[0.5]]), np.array([0.0, 1.0]), np.arange(1))
        >>> system = sd.ReactionNetwork.from_text("X -> 0, k; at 0 every 2, X = X + 5")
        >>> family_of(sd.METHODS["ssa"]).device_begin(system, batch).initial.tolist()
        [[6.0]]
        """
        return batch

    def device_batch(self, system: System, batch: Batch, facts: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        """The parameters that a kernel on a card takes, and the status with which each trajectory begins.

        Parameters
        ----------
        system : System
        batch : Batch
        facts : mapping
            ``Made.facts`` of the programs.

        Returns
        -------
        (N, k) float64
            The parameters, or the rows computed from them.
        (N,) int64
            Status codes; a trajectory with a code other than 0 is not integrated.

        Examples
        --------
        >>> import symdyn as sd
        >>> from symdyn.codegen.families import family_of
        >>> batch = Batch(np.ones((2, 1)), np.array([[0.5], [0.7]]), np.array([0.0, 1.0]), np.arange(2))
        >>> given, begin = family_of(sd.METHODS["tsit5"]).device_batch(sd.ODESystem.from_text("x' = -a*x"), batch, {})
        >>> given.tolist(), begin.tolist()
        ([[0.5], [0.7]], [0, 0])
        """
        return batch.parameters, np.zeros(len(batch.initial), np.int64)

    def device_stops(self, system: System, batch: Batch, facts: Mapping[str, Any]) -> np.ndarray:
        """What a kernel on a card is given as times at which steps end.

        Parameters
        ----------
        system : System
        batch : Batch
        facts : mapping
            ``Made.facts`` of the programs.

        Returns
        -------
        (N or 1, s, c) float64
            For each trajectory or once for all.

        Examples
        --------
        >>> import symdyn as sd
        >>> from symdyn.codegen.families import family_of
        >>> jump = np.full((2, 1, 2), 3.0)
        >>> batch = Batch(np.ones((2, 1)), np.empty((2, 0)), np.array([0.0, 5.0]), np.arange(2), jump)
        >>> family_of(sd.METHODS["tsit5"]).device_stops(sd.ODESystem.from_text("x' = -x"), batch, {"events": None}).shape
        (2, 1, 2)
        """
        return batch.stops

    def device_table(self, scheme: Any, batch: Batch, facts: Mapping[str, Any], options: Options) -> np.ndarray | None:
        """A table that a kernel on a card is given in place of `device_stops`, or None.

        Parameters
        ----------
        scheme : object
            An entry of ``symdyn.METHODS``.
        batch : Batch
        facts : mapping
            ``Made.facts`` of the programs.
        options : Options

        Returns
        -------
        (N or 1, s, c) float64 or None

        Examples
        --------
        >>> import symdyn as sd
        >>> from symdyn.codegen.families import family_of
        >>> batch = Batch(np.ones((2, 1)), np.empty((2, 0)), np.array([0.0, 5.0]), np.arange(2))
        >>> family_of(sd.METHODS["tsit5"]).device_table(sd.METHODS["tsit5"], batch, {}, Options())
        """
        return None
