"""What a fit depends on, by which its record is known again: likelihoods, functions and objects."""

from __future__ import annotations

import subprocess
import sys
from functools import partial

import numpy as np
from numba import njit
from scipy import stats

import symdyn as sd
from symdyn.inference import stochastic_problem
from symdyn.inference.facts import facts_of
from symdyn.inference.journal import digest_of
from tests.inference.fit_cases import field, fitted, network, petab

LIMIT = 3


def test_likelihoods_are_told_apart_by_all_that_they_depend_on(tmp_path):
    def digest(case):
        return digest_of(*facts_of(fitted((case[0], case[1] | {"starts": 1})).problem.facts))

    (system, paths), how = network("lna")
    moved = [{**paths[0], "X": paths[0]["X"] + np.eye(6)[5]}, *paths[1:]]
    abc = sd.LIKELIHOODS["abc"]
    bounds = how["parameters"] | {"k": (1.0, 201.0)}
    options = {"population": 20, "simulations": 60}
    apart = [
        ((system, paths), how), ((system, moved), how), ((system, paths[:2]), how), ((system, paths), how | {"noise": 1.1}),
        ((system, paths), how | {"likelihood": "langevin"}), ((system, paths), how | {"parameters": bounds}),
        ((system, paths), how | {"likelihood": abc(**options)}),
        ((system, paths), how | {"likelihood": abc(**options), "seed": 1}),
        ((system, paths), how | {"likelihood": abc(**options, summaries=lambda times, values: np.ravel(values)[:8])}),
        ((system, paths), how | {"likelihood": abc(**options, summaries=lambda times, values: np.ravel(values)[:9])}),
        petab(), (petab()[0], {"rtol": 1e-9}), (petab()[0], {"guesses": {"k1": 0.5}}), field(),
        (field()[0], field()[1] | {"parameters": {"D": (0.1, 3)}}),
    ]  # fmt: skip
    found = [digest(case) for case in apart]
    assert len(set(found)) == len(apart)
    assert [digest(case) for case in (network("lna"), petab(), field())] == [found[0], found[10], found[13]]


def test_another_law_of_first_states_is_another_question(monkeypatch):
    (system, paths), how = network("lna")
    problem = fitted(((system, paths), how | {"starts": 1})).problem
    before = digest_of(*facts_of(problem.facts))
    monkeypatch.setattr(stochastic_problem, "LAW", 1)
    assert digest_of(*facts_of(problem.facts)) != before


class Window:
    """Summaries of some times."""

    def __init__(self, count):
        self.count = count

    def of(self, times, values):
        return np.ravel(values)[: self.count]


class Slotted(Window):
    __slots__ = ("count",)


def first_of(times, values, count):
    return np.ravel(values)[:count]


@njit
def twice(values):
    return 2 * values


OWN = """
from dataclasses import dataclass
from functools import cached_property
import numpy as np
from symdyn.inference.facts import facts_of
from symdyn.inference.journal import digest_of
from symdyn.inference.likelihoods import FitLikelihood

@dataclass(frozen=True, kw_only=True)
class Own(FitLikelihood):
    name, definition, reference = "own", "", ""
    rows: object = lambda times, values: [v for v in values if v in {"a", "b", "c"}]

    def unmet(self, setup):
        return None

    def evaluator(self, setup):
        return np.sin(ADDED)

    @cached_property
    def lazy(self):
        return 1

print(digest_of(*facts_of(Own())))
"""


def test_a_likelihood_of_the_user_is_known_again_by_another_process_until_its_code_changes():
    def printed(text):
        return subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True).stdout

    first = printed(OWN.replace("ADDED", "1"))
    assert len(first) == 65
    assert first == printed(OWN.replace("ADDED", "1"))
    assert first != printed(OWN.replace("ADDED", "2"))


def test_functions_objects_and_histograms_are_told_apart_by_what_they_hold(monkeypatch):
    def digest(value):
        return digest_of(*facts_of(value))

    def histogram(*values):
        return stats.rv_histogram(np.histogram(values))()

    def made(method):
        return type("Made", (), {"method": method})()

    def pairs():
        return [
            (partial(first_of, count=1), partial(first_of, count=2)), (Window(1).of, Window(2).of), (Slotted(1), Slotted(2)),
            (histogram(1.0, 2.0, 3.0), histogram(1.0, 2.0, 9.0)), (np.mean, np.median), (np.sin, np.cos),
            (made(lambda self: 1), made(lambda self: 2)), (stats.norm(1, 2), stats.norm(1, 3)), (twice, np.exp),
        ]  # fmt: skip

    for (one, other), (again, _) in zip(pairs(), pairs(), strict=True):
        if hasattr(one, "pdf"):
            one.pdf(1.5), one.rvs(random_state=1)
        assert digest(one) == digest(again) != digest(other)
    before = digest(twice)
    twice(1.0)
    assert digest(twice) == before
    using = digest(lambda values: first_of(None, values, LIMIT))
    assert using == digest(lambda values: first_of(None, values, LIMIT))
    monkeypatch.setitem(globals(), "LIMIT", 4)
    changed = digest(lambda values: first_of(None, values, LIMIT))
    assert changed != using
    monkeypatch.setitem(globals(), "first_of", lambda times, values, count: values[0])
    assert digest(lambda values: first_of(None, values, LIMIT)) != changed
