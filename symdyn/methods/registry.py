"""The registry of numerical methods; each lives in a file of its own in this package."""

from __future__ import annotations

from symdyn.registry import Registry

__all__ = ["METHODS"]

METHODS: Registry = Registry("method")

_STIFF = "stiff equations are solved by 'rodas5p', to which the default method passes them on by itself"
METHODS.advise(
    _STIFF,
    "Radau", "BDF", "LSODA", "CVODE", "ode15s", "ode23s", "Kvaerno3", "Kvaerno4", "Kvaerno5", "Rosenbrock23", "TRBDF2", "FBDF",
    "QNDF", "RadauIIA5", "Deterministic",
)  # fmt: skip
METHODS.advise("the pair of orders 5 and 4 is 'tsit5'", "RK45", "DOPRI5", "ode45", "DP5")
METHODS.advise("the pair of orders 3 and 2 is 'bs32'", "RK23", "ode23", "BS3", "Bosh3")
METHODS.advise("the explicit methods of high order are 'dop853' and 'taylor'", "DOPRI8", "Vern7", "Vern9", "ode113", "TSIT6")
METHODS.advise(
    "exact simulation is 'ssa'", "Gillespie", "Direct", "Direct Method", "Gibson-Bruck", "NextReaction", "Stochastic",
    "SSACSolver", "NumPySSASolver", "SSAStepper",
)  # fmt: skip
METHODS.advise("leaps are 'tau', and 'tau-implicit' for stiff networks", "TauLeaping", "TauLeapingSolver", "TauLeapingCSolver")
METHODS.advise("jumps and flow coupled are 'hybrid'", "TauHybridSolver", "HybridODE-SSA", "Hybrid (LSODA)")
METHODS.advise("the chemical Langevin equation is 'langevin'", "CLE", "CLESolver")
METHODS.advise(
    "schemes for noise are 'euler-maruyama', 'milstein', 'sra1' and 'heun'", "EM", "SRIW1", "SOSRA", "EulerHeun", "LambaEM"
)
