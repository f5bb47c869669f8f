"""A published network of some size: early events of signalling by the receptor FceRI, 354 species and 3680 reactions.

A receptor's chain beta is free or holds Lyn, by its unique domain or, phosphorylated, by SH2; its chain gamma is free or,
phosphorylated, holds Syk, which has two sites of its own.  A ligand binds one receptor and then a second one; in such a pair
Lyn and Syk on one receptor phosphorylate what is on the other.  States are counted out here, as rules would be.

References
----------
Faeder, Hlavacek, Reischl, Blinov, Metzger, Redondo, Wofsy, Goldstein, J. Immunol. 170, 3769 (2003).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import symdyn as sd

__all__ = ["RATES", "receptor"]

#: Rates in a second, of pairs of molecules in a thousandth of a cell.
RATES = {
    "kp1": 1.32845238e-7, "km1": 0.0, "kp2": 0.25, "km2": 0.0, "kpL": 0.05, "kmL": 20.0, "kpLs": 0.05, "kmLs": 0.12,
    "kpS": 0.06, "kmS": 0.13, "kpSs": 0.06, "kmSs": 0.13, "pLb": 30.0, "pLbs": 100.0, "pLg": 1.0, "pLgs": 3.0,
    "pLS": 30.0, "pLSs": 100.0, "pSS": 100.0, "pSSs": 200.0, "dm": 0.1, "dc": 0.1,
}  # fmt: skip
COPIES = {"Lig": 6000, "R_Y_Y": 400, "Lyn": 28, "Syk_YY": 400}
#: Of both sites of Syk, the linker first: Y as it is, P phosphorylated.
SYK = tuple(map("".join, itertools.product("YP", repeat=2)))


@dataclass(frozen=True)
class Receptor:
    """States of the chains: Y, P, or what they hold, ``LynU``, ``LynSH2``, and the sites of Syk such as ``YP``."""

    beta: str
    gamma: str

    def __str__(self) -> str:
        return f"{self.beta}_{self.gamma}"


RECEPTORS = tuple(itertools.starmap(Receptor, itertools.product(("Y", "LynU", "P", "LynSH2"), ("Y", "P", *SYK))))


def _alone(r: Receptor) -> Iterator[tuple[Receptor, str, str, str]]:
    """What becomes of a receptor without another: its new state, what binds, what leaves, and the rate."""
    for free, held, rates in (("Y", "LynU", ("kpL", "kmL")), ("P", "LynSH2", ("kpLs", "kmLs"))):
        if r.beta == free:
            yield replace(r, beta=held), "Lyn", "", rates[0]
        if r.beta == held:
            yield replace(r, beta=free), "", "Lyn", rates[1]
    if r.beta == "P":
        yield replace(r, beta="Y"), "", "", "dm"
    if r.gamma == "P":
        yield replace(r, gamma="Y"), "", "", "dm"
        for syk in SYK:
            yield replace(r, gamma=syk), f"Syk_{syk}", "", "kpS" if syk[1] == "Y" else "kpSs"
    if r.gamma in SYK:
        yield replace(r, gamma="P"), "", f"Syk_{r.gamma}", "kmS" if r.gamma[1] == "Y" else "kmSs"
        for syk in _lost(r.gamma):
            yield replace(r, gamma=syk), "", "", "dm"


def _lost(syk: str) -> Iterator[str]:
    """States of Syk with one site less phosphorylated."""
    if syk[0] == "P":
        yield "Y" + syk[1]
    if syk[1] == "P":
        yield syk[0] + "Y"


def _across(by: Receptor, r: Receptor) -> Iterator[tuple[Receptor, str]]:
    """What becomes of a receptor by what its neighbour holds: its new state, and the rate."""
    strong = "s" if by.beta == "LynSH2" else ""
    if by.beta in ("LynU", "LynSH2"):
        if r.beta == "Y":
            yield replace(r, beta="P"), "pLb" + strong
        if r.gamma == "Y":
            yield replace(r, gamma="P"), "pLg" + strong
        if r.gamma in SYK and r.gamma[0] == "Y":
            yield replace(r, gamma="P" + r.gamma[1]), "pLS" + strong
    if by.gamma in SYK and r.gamma in SYK and r.gamma[1] == "Y":
        yield replace(r, gamma=r.gamma[0] + "P"), "pSS" if by.gamma[1] == "Y" else "pSSs"


def _pair(r: Receptor, s: Receptor) -> str:
    return "D_{}_{}".format(*sorted(map(str, (r, s))))


def _lines() -> Iterator[str]:
    """Reactions as text."""

    def line(before: tuple[str, ...], after: tuple[str, ...], rate: str, times: int = 1) -> str:
        sides = (" + ".join(filter(None, side)) for side in (before, after))
        return f"{' -> '.join(sides)}, {rate if times == 1 else f'{times}*{rate}'}"

    for syk in SYK:
        for lost in _lost(syk):
            yield line((f"Syk_{syk}",), (f"Syk_{lost}",), "dc")
    for r in RECEPTORS:
        yield line((f"R_{r}", "Lig"), (f"L_{r}",), "kp1", 2)  # either site of the ligand
        yield line((f"L_{r}",), (f"R_{r}", "Lig"), "km1")
        for new, binds, leaves, rate in _alone(r):
            for place in "RL":
                yield line((f"{place}_{r}", binds), (f"{place}_{new}", leaves), rate)
        for s in RECEPTORS:
            both = 2 if r == s else 1
            yield line((f"L_{r}", f"R_{s}"), (_pair(r, s),), "kp2")
            yield line((_pair(r, s),), (f"L_{r}", f"R_{s}"), "km2", both)
            for new, binds, leaves, rate in _alone(r):
                yield line((_pair(r, s), binds), (_pair(new, s), leaves), rate, both)
            for new, rate in _across(s, r):
                yield line((_pair(r, s),), (_pair(new, s),), rate, both)


def receptor() -> sd.ReactionNetwork:
    """The network, with numbers of molecules for a thousandth of a cell."""
    network = sd.ReactionNetwork.from_text("\n".join(_lines()), RATES, characters=10**6)
    return network.with_initial({s: COPIES.get(s.name, 0) for s in network.states})
