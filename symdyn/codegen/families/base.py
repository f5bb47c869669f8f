"""What a family of methods is: programs of a model, lanes, and the launch of a part of an ensemble through a driver.

What it says of its methods is in `symdyn.codegen.families.description`, how they run on cards in
`symdyn.codegen.families.on_device`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import sympy as sp
from symdyn_kernels.arguments.parts import Batch, Run

from symdyn.codegen.families.description import Described
from symdyn.codegen.families.on_device import OnDevice
from symdyn.codegen.families.task import Launch
from symdyn.codegen.inlining import Inlining
from symdyn.codegen.machine_code import Driver
from symdyn.codegen.program import Made
from symdyn.system import System

__all__ = ["LANES", "Family"]

LANES = (1, 8, 16, 32)
#: Bytes of state that should stay in the first-level cache.
WORKING_SET = 20_000


class Family(Described, OnDevice, ABC):
    """Methods that share a driver; `schemes` are the types of their entries in the registry of methods.

    Examples
    --------
    >>> import symdyn as sd
    >>> from symdyn.codegen.families import family_of
    >>> family_of(sd.METHODS["tsit5"]) is family_of(sd.METHODS["rodas4"])
    True
    """

    @abstractmethod
    def programs(self, system: System, scheme: Any, *, until: sp.Basic | None = None) -> Made:
        """The generated code of a model.

        Parameters
        ----------
        system : System
        scheme : object
            An entry of ``symdyn.METHODS``.
        until : Boolean, optional
            The condition that ends a trajectory.

        Returns
        -------
        Made
            Programs in the order in which the driver takes their addresses, and facts for the driver.

        Raises
        ------
        CompileError
            For unknown terms and functions without code.

        Examples
        --------
        >>> import symdyn as sd
        >>> from symdyn.codegen.families import family_of
        >>> scheme = sd.METHODS["rodas4"]
        >>> made = family_of(scheme).programs(sd.ODESystem.from_text("x' = -x**2"), scheme)
        >>> [program.name for program in made.programs]
        ['rhs', 'factor', 'solve']
        """

    @abstractmethod
    def rows(self, system: System, scheme: Any) -> int:
        """Least number of doubles that a lane keeps in memory, from which `lanes` follows.

        Parameters
        ----------
        system : System
        scheme : object
            An entry of ``symdyn.METHODS``.

        Returns
        -------
        int

        Examples
        --------
        The 7 slopes of 'tsit5' and 4 further vectors, of 2 states:

        >>> import symdyn as sd
        >>> from symdyn.codegen.families import family_of
        >>> scheme = sd.METHODS["tsit5"]
        >>> family_of(scheme).rows(sd.ODESystem.example(), scheme)
        22
        """

    def lanes(self, system: System, scheme: Any, trajectories: int) -> int:
        """Lanes for a number of trajectories: the most whose states fit into the first-level cache, 20,000 bytes.

        Parameters
        ----------
        system : System
        scheme : object
            An entry of ``symdyn.METHODS``.
        trajectories : int

        Returns
        -------
        int
            1 for a single trajectory, else 8, 16 or 32.

        Examples
        --------
        >>> import symdyn as sd
        >>> from symdyn.codegen.families import family_of
        >>> scheme = sd.METHODS["tsit5"]
        >>> [family_of(scheme).lanes(sd.ODESystem.example(), scheme, count) for count in (1, 2, 1000)]
        [1, 8, 32]
        """
        if trajectories == 1 or self.alone:
            return 1
        rows = self.rows(system, scheme)
        fit = [w for w in LANES[1:] if rows * w * 8 <= WORKING_SET and (w < 2 * trajectories or w == 8)]
        return fit[-1] if fit else LANES[1]

    @abstractmethod
    def driver(self, method: str) -> Driver:
        """The driver of a method, compiled on its first use and cached on disk.

        Parameters
        ----------
        method : str
            A name in ``symdyn.METHODS``.

        Returns
        -------
        module
            With the function ``chunk``, which takes one named tuple.

        Examples
        --------
        >>> import symdyn as sd
        >>> from symdyn.codegen.families import family_of
        >>> callable(family_of(sd.METHODS["tsit5"]).driver("tsit5").chunk)
        True
        """

    def variants(self, method: str) -> Mapping[str, Sequence[partial[Any]]]:
        """What compiles the further drivers of a method, which models with certain parts need.

        Parameters
        ----------
        method : str
            A name in ``symdyn.METHODS``.

        Returns
        -------
        mapping of str to sequence of functools.partial
            By the name of the part: 'events', 'algebraic' or 'delays'; 'tree' for Brownian trees.

        Examples
        --------
        >>> import symdyn as sd
        >>> from symdyn.codegen.families import family_of
        >>> [list(family_of(sd.METHODS[name]).variants(name)) for name in ("tsit5", "heun", "branching")]
        [['events', 'algebraic', 'delays'], ['events', 'delays', 'tree'], []]
        """
        return {}

    def inlining(self, system: System, scheme: Any, made: Made, lanes: int) -> Inlining | None:
        """How a model is inlined into the driver, or None where the family has no such form.

        Parameters
        ----------
        system : System
        scheme : object
            An entry of ``symdyn.METHODS``.
        made : Made
            The programs of the model.
        lanes : int
            1, 8, 16 or 32.

        Returns
        -------
        Inlining or None

        Raises
        ------
        CompileError
            If this model has no such form.

        Examples
        --------
        >>> import symdyn as sd
        >>> from symdyn.codegen.families import family_of
        >>> scheme, decay = sd.METHODS["tsit5"], sd.ODESystem.from_text("x' = -x")
        >>> made = family_of(scheme).programs(decay, scheme)
        >>> family_of(scheme).inlining(decay, scheme, made, 8).functions
        {'f': 'rhs'}
        """
        return None

    @abstractmethod
    def launch(self, run: Run, batch: Batch, task: Launch) -> None:
        """Run a batch of trajectories and fill the arrays of `run`; the driver releases the interpreter's lock.

        Parameters
        ----------
        run : Run
            Arrays for the results.
        batch : Batch
            Initial values (N, n), parameters (N, k), times (T,) and random streams (N,).
        task : Launch
            Method, compiled functions, lanes, options and signals.

        Examples
        --------
        >>> import symdyn as sd
        >>> from symdyn.codegen.families import family_of
        >>> import numpy as np
        >>> from symdyn.codegen.families.task import Options
        >>> from symdyn_kernels.arguments.parts import Signals
        >>> scheme, decay = sd.METHODS["tsit5"], sd.ODESystem.from_text("x' = -x")
        >>> found = sd.compile(decay, method="tsit5").functions(1)
        >>> task = Launch("tsit5", scheme, decay, found.addresses, found.facts, 1, Options(rtol=1e-9), Signals.new())
        >>> run = Run.empty(1, times=2, states=1)
        >>> batch = Batch(np.ones((1, 1)), np.empty((1, 0)), np.array([0.0, 1.0]), np.arange(1))
        >>> family_of(scheme).launch(run, batch, task)
        >>> float(run.values[0, 1, 0].round(6))  # exp(-1)
        0.367879
        """
