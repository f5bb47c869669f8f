r"""Exact simulation of automata, 64 cells a word and 512 at a time.

Logical operations on words give, for each different probability q of a rule, the cells that become 1 with it.  Each of these
cells has a uniform random number u of 64 bits, and u < q is decided bit by bit from the highest on, for all of them at once,
until it is decided for all: about eleven words of random bits for 512 cells, and one where q = 1/2.  Probabilities are rounded
to multiples of :math:`2^{-64}`; 0 and 1 are exact.
"""

from __future__ import annotations

from symdyn.methods.chain import LatticeScheme
from symdyn.methods.options import MethodOptions
from symdyn.methods.registry import METHODS
from symdyn.system import System

__all__ = ["BIT_PARALLEL", "BitParallel"]


def applies(system: System) -> str | None:
    """None for an automaton, else the reason."""
    return system.unmet(["rules"])


class BitParallel(MethodOptions):
    """Exact simulation of automata; it has no options.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> s = sp.IndexedBase("s")
    >>> parity = sd.Automaton(sp.Ne(s[-1], s[1]), sites=5)  # rule 90
    >>> data = sd.simulate(parity, range(3), initial={"s": [0, 0, 1, 0, 0]}, method=sd.methods.BitParallel(), progress=False)
    >>> data.s.values.astype(int).tolist()
    [[0, 0, 1, 0, 0], [0, 1, 0, 1, 0], [1, 0, 0, 0, 1]]
    """

    method = "bit-parallel"


BIT_PARALLEL = METHODS.register(
    "bit-parallel",
    LatticeScheme(
        name="bit-parallel",
        reference="Bernoulli numbers by the bits of a comparison: Kahn, cited in Knuth & Yao, Algorithms and Complexity "
        "(1976) 357-428; words of cells: Toffoli & Margolus, Cellular Automata Machines (1987)",
        applies=applies,
        options=BitParallel,
    ),
)
