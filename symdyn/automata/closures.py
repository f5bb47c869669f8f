"""Mean-field and pair closures of automata: maps for densities, from the tables of the rules."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import sympy as sp

from symdyn.errors import DeclarationError
from symdyn.models.automaton import Automaton
from symdyn.models.discrete import DiscreteSystem

__all__ = ["mean_field", "pairs"]

#: Cells of the largest block whose patterns are summed up.
LONGEST = 12


def mean_field(automaton: Automaton) -> DiscreteSystem:
    r"""The map of densities in the mean-field closure, in which all cells are independent.

    .. math:: \rho'_a = \sum_{\sigma} f_a(\sigma) \prod_{j} \rho_{a_j}^{\sigma_j} (1 - \rho_{a_j})^{1 - \sigma_j}

    It holds for an infinite line that is the same everywhere; the first step from independent cells is exact.

    Parameters
    ----------
    automaton : Automaton
        Its boundary does not enter.

    Returns
    -------
    DiscreteSystem
        States are the densities, with the names of the cells.

    Examples
    --------
    >>> print(Automaton.example().mean_field())
    s[t+1] = -2*p*s**2 + 2*p*s + q*s**2
    """
    rows = {}
    for s, cells, table in zip(automaton.states, automaton.neighbours, automaton.tables, strict=True):
        terms = []
        for pattern, chance in zip(itertools.product((0, 1), repeat=len(cells)), table, strict=True):
            densities = (
                automaton.states[f] if bit else 1 - automaton.states[f] for (f, _), bit in zip(cells, pattern, strict=True)
            )
            terms.append(chance * sp.Mul(*densities))
        rows[s] = sp.expand(sp.Add(*terms))
    return DiscreteSystem(
        rows, _kept(automaton, rows.values()), initial=automaton.initial, time=automaton.time,
        provenance=(*automaton.provenance, "mean field: cells are independent"),
    )  # fmt: skip


def pairs(automaton: Automaton) -> DiscreteSystem:
    r"""The map of density and density of neighbouring pairs in the pair closure, in which cells are a Markov chain in space.

    .. math::
        P(\sigma_1 \dots \sigma_m) \approx \frac{\prod_j P(\sigma_j \sigma_{j+1})}{\prod_{1<j<m} P(\sigma_j)}

    of blocks of cells; the next density and pair density are sums over blocks that hold all cells on which one cell, and two
    neighbours, depend.  It holds for an infinite line; the density is exact for the first two steps from independent cells of
    rules of two neighbours.

    Parameters
    ----------
    automaton : Automaton
        With one name of cells; its boundary does not enter.

    Returns
    -------
    DiscreteSystem
        States are the density ``s`` and that of pairs of neighbours that are both 1, ``s_pair``.  The latter begins with the
        square of the former.

    Raises
    ------
    DeclarationError
        For several names, and where two neighbours depend on cells that are more than eleven sites apart.

    References
    ----------
    Gutowitz, Victor & Knight, Physica D 28 (1987) 18-48 (local structure theory)

    Examples
    --------
    >>> import symdyn as sd
    >>> closed = Automaton.example().pairs()
    >>> [s.name for s in closed.states]
    ['s', 's_pair']
    >>> sd.simulate(closed, range(6), progress=False).s.values.round(6)[:3].tolist()  # the chain: 1, 0.8, 0.704
    [1.0, 0.8, 0.704]
    """
    if len(automaton.states) != 1:
        raise DeclarationError(f"the pair closure takes one name of cells; this automaton has {', '.join(automaton.names)}")
    s, cells, table = automaton.states[0], [d for _, d in automaton.neighbours[0]], automaton.tables[0]
    both, span = sp.Symbol(f"{s.name}_pair"), max(cells, default=0) - min(cells, default=0) + 2
    if span > LONGEST:
        raise DeclarationError(f"two neighbours depend on {span} cells in a row; the pair closure takes {LONGEST} at most")
    if both in automaton.parameters:
        raise DeclarationError(f"the parameter {both} has the name of the density of pairs; rename it")
    rows = {s: _summed(cells, table, 1, s, both), both: _summed(cells, table, 2, s, both)}
    return DiscreteSystem(
        rows, _kept(automaton, rows.values()), initial={**automaton.initial, both: s**2}, time=automaton.time,
        provenance=(*automaton.provenance, "pair closure: cells are a Markov chain in space"),
    )  # fmt: skip


def _summed(cells: Sequence[int], table: Sequence[sp.Expr], count: int, s: sp.Symbol, both: sp.Symbol) -> sp.Expr:
    """The probability that `count` neighbours are all 1 next."""
    needed = sorted({d + k for d in cells for k in range(count)})
    if not needed:
        return table[0] ** count
    first, length = needed[0], needed[-1] - needed[0] + 1
    zero = 1 - s
    pair = {(1, 1): both, (1, 0): s - both, (0, 1): s - both, (0, 0): 1 - 2 * s + both}
    one = {1: s, 0: zero}
    # the next cell of the chain given one; from a cell that does not occur none follows
    following = {k: sp.Piecewise((pair[k] / one[k[0]], one[k[0]] > 0), (0, True)) for k in pair}
    terms = []
    for block in itertools.product((0, 1), repeat=length):
        chance = sp.S.One
        for k in range(count):
            pattern = 0
            for d in cells:
                pattern = 2 * pattern + block[d + k - first]
            chance *= table[pattern]
        if chance != 0:
            chain = one[block[0]] if length == 1 else pair[block[0], block[1]]
            terms.append(chance * chain * sp.Mul(*(following[p] for p in itertools.pairwise(block[1:]))))
    return sp.Add(*terms)


def _kept(automaton: Automaton, sides) -> dict[sp.Symbol, float]:
    """Default values of the parameters that are left."""
    free = set().union(*(e.free_symbols for e in sides))
    return {p: v for p, v in automaton.numeric_defaults.items() if p in free}
