"""Tables of samplers run directly, without a simulation: many tables of one system, or tables that go on from two states."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from symdyn_kernels.arguments.parts import Batch, Run, Signals
from symdyn_kernels.arguments.sampler import SamplerArguments, SamplerRows, SamplerSizes

from symdyn.codegen.drivers import plain_driver
from symdyn.codegen.families.sampler import packed
from symdyn.codegen.kernel import compile
from symdyn.codegen.semilinear_program import clocks_of, timed_values
from symdyn.methods.clocks import NodeClock
from symdyn.methods.samplers import SamplerTable
from symdyn.system import System

__all__ = ["TableRunner"]


class TableRunner:
    """A system whose nonlinear part is compiled, and the tables that run with it.

    Parameters
    ----------
    system : System
    method : str
        A sampler; only whether it uses the noise level matters.
    parameters : (k,) float64
    trajectories : int
        About how many there will be.

    Examples
    --------
    >>> import symdyn as sd
    >>> runner = TableRunner(sd.ODESystem.from_text("x' = -x + sin(x)"), "ddim", np.empty(0), 1)
    >>> table = sd.METHODS["ddim"].table(runner.clocks([0.0, 0.5]))
    >>> runner.run(table, np.array([[1.0]])).round(4).tolist()  # exp(-1/2) + (1 - exp(-1/2)) sin(1)
    [[[0.9376]]]
    """

    def __init__(self, system: System, method: str, parameters: np.ndarray, trajectories: int) -> None:
        kernel = compile(system, method=method, trajectories=trajectories)
        self._lanes = kernel.lanes(trajectories)
        found = kernel.functions(self._lanes)  # type: ignore[attr-defined]
        self._address, self.facts = found.addresses[0], found.facts
        self._parameters, self._driver = np.ascontiguousarray(parameters, float), plain_driver("sampler")
        self.states = len(system.states)

    def clocks(self, nodes: Sequence[float] | np.ndarray) -> list[NodeClock]:
        """The clocks of the groups of states at nodes, in either direction.

        Parameters
        ----------
        nodes : (n + 1,) sequence of float

        Returns
        -------
        list of NodeClock

        Examples
        --------
        >>> import symdyn as sd
        >>> runner = TableRunner(sd.ODESystem.from_text("x' = -x"), "ddim", np.empty(0), 1)
        >>> round(runner.clocks([1.0, 0.0])[0].psi(0.0, 1.0), 6)
        2.718282
        """
        return clocks_of(self.facts, np.asarray(nodes, float), self._parameters)

    def run(self, table: SamplerTable, initial: np.ndarray, last: int = 1) -> np.ndarray:
        """Run a table.

        Parameters
        ----------
        table : SamplerTable
        initial : (K, n) or (K, 2 n) float64
            The first state of each trajectory, or the first two.
        last : int
            How many nodes are returned: the last ones.

        Returns
        -------
        (K, last, n) float64
            Not a number from where a state is not finite.

        Examples
        --------
        >>> import symdyn as sd
        >>> runner = TableRunner(sd.ODESystem.from_text("x' = -x"), "ddim", np.empty(0), 1)
        >>> runner.run(sd.METHODS["ddim"].table(runner.clocks([0.0, 1.0, 2.0])), np.array([[1.0]]), last=2).round(4).tolist()
        [[[0.3679], [0.1353]]]
        """
        nodes = len(table.reached)
        output = np.maximum(np.arange(nodes) - (nodes - last), -1)
        rows, slots = packed(table, np.array(self.facts["groups"]), output, timed_values(self.facts, table.times))
        return self.launch(rows, slots, initial, last)

    def launch(self, rows: SamplerRows, slots: int, initial: np.ndarray, outputs: int) -> np.ndarray:
        """Run a table that is packed already.

        Parameters
        ----------
        rows : SamplerRows
        slots : int
            Vectors that it keeps.
        initial : (K, n) or (K, 2 n) float64
        outputs : int
            How many output times it has.

        Returns
        -------
        (K, outputs, n) float64

        Examples
        --------
        >>> import symdyn as sd
        >>> runner = TableRunner(sd.ODESystem.from_text("x' = -x"), "ddim", np.empty(0), 1)
        >>> table = sd.METHODS["ddim"].table(runner.clocks([0.0, 1.0]))
        >>> rows, slots = packed(table, np.array([0]), np.array([-1, 0]), np.array([[0.0], [1.0]]))
        >>> round(runner.launch(rows, slots, np.array([[1.0]]), 1).item(), 4)
        0.3679
        """
        count = len(initial)
        sizes = SamplerSizes(self.states, len(self._parameters), slots, self._lanes)
        parameters = np.tile(self._parameters, (count, 1))
        batch = Batch(np.array(initial, float, order="C"), parameters, np.zeros(outputs), np.zeros(count, np.int64))
        run = Run.empty(count, outputs, self.states)
        self._driver.chunk(SamplerArguments(self._address, 0, sizes, rows, batch, run, Signals.new()))
        return run.values
