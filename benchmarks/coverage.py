"""How often 90 % intervals and credible sets of `symdyn.fit` hold the truth: ``python -m benchmarks.coverage --out FILE``.

Intervals are those of Laplace's approximation and of profile likelihoods about a true value that stays.  Credible sets are
central ones of posterior samples, of data whose truth is drawn from the priors; the ranks of the true values among the draws
are uniform if the samples are those of the posterior (Talts, Betancourt, Simpson, Vehtari & Gelman, arXiv:1804.06788).

Repeats go round all cases, and what is known so far is written after each, so that an interrupted run leaves a table of what
it has found; ``--journal FILE`` keeps the outcomes, from which a later run goes on.  Of approximate likelihoods of networks,
with truths drawn from the priors, the nominal share is a goal and no theorem: they are not exact.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from benchmarks.coverage_cases import CREDIBLE, INTERVALS

__all__ = ["credible", "intervals", "uniformity"]

LEVEL = 0.9
#: Draws among which a true value is ranked, and bins of the ranks.
DRAWS, BINS = 99, 10
#: Walkers, kept steps of each and steps before, several times the autocorrelation of the chains.  Many walkers and few steps
#: cost little, as walkers are simulated at once; R-hat of single short walkers says nothing.
WALKERS, STEPS, TUNE = 96, 60, 100
#: Repeats after which files are written.
OFTEN = 5

Outcome = dict[str, Any]


def intervals(case: str, repeat: int) -> Outcome:
    """Which intervals of one repeat hold the truth, by the name of the value, after ``laplace`` and ``profile``."""
    rng = np.random.default_rng([sum(map(ord, case)), repeat])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit, true = INTERVALS[case].make(rng)
        table = fit.intervals.set_index("constant")
        found = {"laplace": {n: bool(table.lower[n] <= v <= table.upper[n]) for n, v in true.items()}}
        if INTERVALS[case].profiled:
            curves = {n: fit.profile(n, points=7) for n in true}
            found["profile"] = {n: bool(float(c.lower) <= true[n] <= float(c.upper)) for n, c in curves.items()}
    return found


def credible(case: str, repeat: int) -> Outcome:
    """Ranks of the true values, 0 to `DRAWS`, whether the central set holds them, and the longest autocorrelation in steps."""
    rng = np.random.default_rng([sum(map(ord, case)), repeat, 1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit, true = CREDIBLE[case].make(rng)
        samples: Any = fit.sample(STEPS, tune=TUNE, walkers=WALKERS, seed=repeat)
    flat = {name: samples.posterior[name].values.ravel() for name in true}
    chosen = rng.choice(len(next(iter(flat.values()))), DRAWS, replace=False)
    ends = {n: np.quantile(v, [0.5 - LEVEL / 2, 0.5 + LEVEL / 2]) for n, v in flat.items()}
    return {
        "credible": {n: bool(ends[n][0] <= v <= ends[n][1]) for n, v in true.items()},
        "rank": {n: int((flat[n][chosen] < v).sum()) for n, v in true.items()},
        "steps": float(samples.posterior.autocorrelation),
    }


def uniformity(ranks: list[int]) -> float:
    """The p value of the chi square of ranks in bins about equal counts."""
    counts = np.bincount([rank * BINS // (DRAWS + 1) for rank in ranks], minlength=BINS)
    return float(stats.chisquare(counts).pvalue)


def _lines(found: dict[str, dict[str, list[Outcome]]]) -> list[str]:
    """The table of what is known."""
    lines = [
        f"Share of {LEVEL:.0%} intervals and credible sets that hold the truth; in brackets the 95 % interval of the share "
        "(Clopper & Pearson)",
        f"load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores at this time; seconds of CPU a repeat",
        "",
        f"{'intervals about one truth':42s} repeats  value   share",
    ]
    for case, own in found["intervals"].items():
        for kind in ("laplace", "profile"):
            for name in own[0].get(kind, ()) if own else ():
                held = [o[kind][name] for o in own]
                lines.append(f"{case + ', ' + kind:42s} {len(own):5d}    {name:6s}{_share(held)}   {_cost(own)}")
    lines += ["", f"{'credible sets, truth from the priors':42s} repeats  value   share               uniform ranks: p"]
    for case, own in found["credible"].items():
        for name in own[0]["credible"] if own else ():
            held, p = [o["credible"][name] for o in own], uniformity([o["rank"][name] for o in own])
            lines.append(f"{case:42s} {len(own):5d}    {name:6s}{_share(held)}   {p:8.2g}         {_cost(own)}")
    return lines


def _share(held: list[bool]) -> str:
    k, n = sum(held), len(held)
    between = stats.binomtest(k, n).proportion_ci(0.95)
    return f"{k / n:6.3f} ({between.low:.3f}, {between.high:.3f})"


def _cost(own: list[Outcome]) -> str:
    return f"{np.median([o['seconds'] for o in own]):.2f} s"


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("--repeats", type=int, default=200)
    reader.add_argument("--only", default="", help="rows whose name contains this, such as 'credible decay'")
    reader.add_argument("--journal", type=Path, help="keeps outcomes; a later run goes on from it")
    reader.add_argument("--out", type=Path, help="the table")
    given = reader.parse_args()
    jobs = {"intervals": (intervals, INTERVALS), "credible": (credible, CREDIBLE)}
    known = json.loads(given.journal.read_text()) if given.journal is not None and given.journal.exists() else {}
    found = {kind: {case: known.get(kind, {}).get(case, []) for case in cases} for kind, (_, cases) in jobs.items()}
    for kind, repeat in itertools.product(jobs, range(given.repeats)):
        job, cases = jobs[kind]
        chosen = [case for case in cases if len(found[kind][case]) == repeat and given.only in f"{kind} {case}"]
        for case in chosen:
            begin = time.process_time()
            outcome = job(case, repeat)
            found[kind][case].append({**outcome, "seconds": round(time.process_time() - begin, 3)})
        if chosen and (repeat % OFTEN == OFTEN - 1 or repeat == given.repeats - 1):
            if given.journal is not None:
                given.journal.write_text(json.dumps(found))
            if given.out is not None:
                given.out.write_text("\n".join(_lines(found)) + "\n")
    print("\n".join(_lines(found)))


if __name__ == "__main__":
    main()
