"""How often intervals hold the truth, a sample of `python -m benchmarks.coverage`, and what its table says."""

import pytest
from scipy.stats import binom

from benchmarks.coverage import _lines, credible, intervals, uniformity
from benchmarks.coverage_cases import CREDIBLE, INTERVALS


@pytest.mark.parametrize(("case", "repeats"), [("Leslie map, Poisson counts", 12), ("Fisher's front, normal noise", 2)])
def test_intervals_hold_the_truth_as_often_as_they_say(case: str, repeats: int) -> None:
    """Of two values each, by curvature and by profiles: below the bound of the binomial law with a probability of 0.001."""
    outcomes = [intervals(case, 1000 + k) for k in range(repeats)]
    least = binom.ppf(0.001, repeats, 0.9)
    for kind in ("laplace", "profile"):
        for name in outcomes[0][kind]:
            assert sum(o[kind][name] for o in outcomes) >= least


@pytest.mark.filterwarnings("ignore")
def test_ranks_of_truths_and_the_table() -> None:
    for name in ("arviz", "emcee"):
        pytest.importorskip(name)
    case = "decay, few Poisson counts"
    outcomes = [{**credible(case, 1000 + k), "seconds": 1.0} for k in range(3)]
    assert all(0 <= rank <= 99 for o in outcomes for rank in o["rank"].values())
    assert uniformity([5 * k for k in range(20)]) == pytest.approx(1)  # equal counts
    assert uniformity([5] * 20) < 1e-6
    text = "\n".join(
        _lines({"intervals": {c: [] for c in INTERVALS}, "credible": {**{c: [] for c in CREDIBLE}, case: outcomes}})
    )
    assert "decay, few Poisson counts" in text
    assert "    3    k" in text
