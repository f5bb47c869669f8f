"""Terms chosen in the weak form alone: for data that are dense in space and time."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from symdyn.discover.choose import LinearChoice, choose
from symdyn.discover.fields.candidates import FieldCandidates, linear_columns
from symdyn.discover.fields.data import FieldData
from symdyn.discover.fields.recovery import information_of
from symdyn.discover.fields.weak import WeakForm, weak_form
from symdyn.inference.criterion import weights
from symdyn.inference.information import Information

__all__ = ["WeakChoice", "choose_weakly", "is_dense"]

#: Fewest snapshots, and fewest positions along an axis, for a weak form.
FEWEST = 15
#: Times that the covariance is computed for the best model so far.
ROUNDS = 4
#: Error of the integrals, relative to the change of the fields.
PRECISION = 1e-6
#: What makes a choice decisive: evidence of the first model, spread of its residuals, values in standard deviations.
STANDS_OUT, EXPLAINED, SURE = 0.8, 3.0, 10.0
#: Models of every group of equations that are combined, and combinations that are kept.
COMBINED, KEPT = 12, 60


@dataclass(frozen=True)
class WeakChoice:
    """Models by the weak form.

    Attributes
    ----------
    ranked : list of LinearChoice
        Over all terms, best first.
    facts : Information
        Of the first.
    spread : float
        Root mean square of the weighed residuals of the first: 1 where noise explains all of them.
    """

    ranked: list[LinearChoice]
    facts: Information
    spread: float

    @property
    def decisive(self) -> bool:
        """Whether one model stands out, noise explains what it leaves, and its values are known well."""
        share = float(weights([c.criterion for c in self.ranked])[0])
        sure = np.abs(self.facts.values) > SURE * self.facts.deviations
        return share > STANDS_OUT and self.spread < EXPLAINED and bool(sure.all()) and bool(self.ranked[0].chosen.any())


def is_dense(data: FieldData) -> bool:
    """Whether the weak form can be used."""
    sizes = [len(r.times) for r in data.trajectories] + [len(p) for p in data.positions]
    return data.dense and min(sizes) >= FEWEST


def choose_weakly(
    candidates: FieldCandidates, data: FieldData, *, largest: int, stop: Callable[[], bool] = lambda: False
) -> WeakChoice | None:
    """The best models by the weak form; None where the rates are not linear in what is to be found."""
    split = linear_columns(candidates)
    if split is None:
        return None
    columns, known = split
    forms = weak_form(candidates.system, columns, known, data)
    groups = _groups(columns)
    terms = len(candidates.terms)
    found: list[list[LinearChoice]] = []
    weighed: list[tuple[np.ndarray, np.ndarray]] = []
    for rates, own in groups:
        choices, rows = _settled([forms[i] for i in rates], own, terms, largest, stop)
        found.append(choices)
        weighed.append(rows)
    ranked = sorted(_combined(found, largest), key=lambda c: c.criterion)[:KEPT]
    first = ranked[0]
    active = np.flatnonzero(candidates.active(first.chosen[None])[0])
    jacobian = np.concatenate([design for design, _ in weighed])[:, active]
    rows_in_all = len(jacobian)
    facts = information_of(candidates, first.chosen, first.theta, jacobian, first.rss)
    return WeakChoice(ranked, facts, float(np.sqrt(first.rss / max(rows_in_all - len(active), 1))))


def _settled(
    forms: Sequence[WeakForm], own: np.ndarray, terms: int, largest: int, stop: Callable[[], bool]
) -> tuple[list[LinearChoice], tuple[np.ndarray, np.ndarray]]:
    """Models of equations that share columns, chosen again until the covariance is that of the best."""
    theta, before = np.zeros(forms[0].design.shape[1]), b""
    for _ in range(ROUNDS):
        parts = [f.weighed(theta) for f in forms]
        design, target = np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])
        masked = np.where(own, design, 0.0)
        optional = np.arange(terms)
        always = np.flatnonzero(own & (np.arange(len(own)) >= terms))
        choices = choose(masked, target, optional, always, largest=largest, floor=PRECISION, stop=stop)
        theta, now = choices[0].theta, choices[0].chosen.tobytes()
        if now == before or stop():
            break
        before = now
    return choices, (masked, target)


def _groups(columns: Sequence[Sequence[Sequence[object]]]) -> list[tuple[list[int], np.ndarray]]:
    """Rates that share columns, with their columns (P,) bool."""
    found: list[tuple[list[int], np.ndarray]] = []
    for i, rate in enumerate(columns):
        rates, own = [i], np.array([bool(parts) for parts in rate])
        apart = []
        for others, mask in found:
            if (mask & own).any():
                rates, own = [*others, *rates], own | mask
            else:
                apart.append((others, mask))
        found = [*apart, (rates, own)]
    return [g for g in found if g[1].any()]


def _combined(found: Sequence[Sequence[LinearChoice]], largest: int) -> list[LinearChoice]:
    """Models of all equations, with `largest` terms at most, from those of each group of them, best first."""
    kept = [list(choices[:COMBINED]) for choices in found]
    if sum(max(int(c.chosen.sum()) for c in choices) for choices in kept) > largest:
        # small models of one group leave room for terms of others
        for choices, every in zip(kept, found, strict=True):
            sizes = {int(c.chosen.sum()): c for c in reversed(every)}
            choices += [c for c in sizes.values() if all(c is not other for other in choices)]
    joined = map(_joined, itertools.islice(itertools.product(*kept), 20_000))
    return [c for c in joined if c.chosen.sum() <= largest]


def _joined(parts: Sequence[LinearChoice]) -> LinearChoice:
    return LinearChoice(
        np.logical_or.reduce([p.chosen for p in parts]), np.sum([p.theta for p in parts], axis=0),
        sum(p.rss for p in parts), sum(p.criterion for p in parts),
    )  # fmt: skip
