"""Automata as Markov chains and as quantum systems: step operators, closures, wave functions, fermions, observables, states.

Names are imported when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from symdyn.lazy import lazy

if TYPE_CHECKING:
    from symdyn.automata.closures import mean_field, pairs
    from symdyn.automata.fermions import FreeFermions, free_fermions, momentum, wave_numbers
    from symdyn.automata.hamiltonians import StepHamiltonian, hamiltonian
    from symdyn.automata.kernel import AutomatonKernel
    from symdyn.automata.operators import StepOperator, step_operator
    from symdyn.automata.states import DensityMatrix, mixture
    from symdyn.automata.waves import WaveFunction, wave_function

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "closures": ("mean_field", "pairs"),
        "fermions": ("FreeFermions", "free_fermions", "momentum", "wave_numbers"),
        "hamiltonians": ("StepHamiltonian", "hamiltonian"),
        "kernel": ("AutomatonKernel",),
        "operators": ("StepOperator", "step_operator"),
        "states": ("DensityMatrix", "mixture"),
        "waves": ("WaveFunction", "wave_function"),
    },
)
