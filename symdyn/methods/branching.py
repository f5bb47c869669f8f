r"""Exact simulation of branching processes: at each step the outcomes of all individuals of a stage are drawn jointly.

The numbers of individuals of stage j that go to stages 1, 2, ... are multinomial, drawn as binomial numbers one after the
other: :math:`k_i \sim \mathrm{Binomial}(n_j - k_1 - \dots - k_{i-1},\; T_{ij}/(1 - T_{1j} - \dots - T_{i-1,j}))`.  Offspring is
one Poisson number a stage, with the sum of the means, or one binomial number a pair of stages.  So a step takes as long for a
million individuals as for a hundred, and the law is exact.

A condition of ``until`` is evaluated at the first time and after every step, which is exact.  A trajectory that is extinct,
without immigration, is not simulated further: ``steps`` counts the steps before.
"""

from __future__ import annotations

from symdyn.methods.chain import ChainScheme
from symdyn.methods.options import MethodOptions
from symdyn.methods.registry import METHODS
from symdyn.system import System

__all__ = ["BRANCHING", "Branching"]


def applies(system: System) -> str | None:
    """None for a branching process, else the reason."""
    return system.unmet(["offspring"], also=["noise"])


class Branching(MethodOptions):
    """Exact simulation of branching processes; it has no options.

    Examples
    --------
    >>> import symdyn as sd
    >>> lasting = sd.BranchingSystem(["adult"], [[1]], [[0]], initial={"adult": 3})
    >>> sd.simulate(lasting, range(3), method=sd.methods.Branching(), seed=1, progress=False).adult.values.tolist()
    [3.0, 3.0, 3.0]
    """

    method = "branching"


BRANCHING = METHODS.register(
    "branching",
    ChainScheme(
        name="branching",
        reference="conditional binomials: Devroye, Non-Uniform Random Variate Generation (1986), XI.1.4; binomial and Poisson "
        "numbers: Hormann, J. Stat. Comput. Simul. 46 (1993) 101, Insur. Math. Econ. 12 (1993) 39",
        applies=applies,
        options=Branching,
    ),
)
