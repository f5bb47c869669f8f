"""ODEBench run whole, row after row, so that a run that was killed goes on where it ended.

    python -m benchmarks.discovery.odebench_rows --rows out/odebench.jsonl --seeds 5 --peers 1 --out benchmarks/results

A row, once found, is written to the file of rows and not computed again; a line that was cut off is.  Every row depends on its
system, corruption, seed and method alone: the rows of a run that was killed are those of one that was not, but for their times.
The tables and the figure are of the rows that are there.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from benchmarks.discovery import odebench
from benchmarks.discovery.goals import ODEBENCH, ODES
from benchmarks.discovery.odebench_peers import METHODS
from benchmarks.discovery.rows import Rows, keep
from benchmarks.machine import facts, versions
from symdyn.figure_style import style

__all__ = ["KEY", "counts", "draw", "main", "missing", "text"]

#: What tells rows apart, and what is counted.
KEY, COUNTED = ("system", "noise", "dropped", "seed", "method"), ("reconstruction", "generalisation", "exact")


def missing(rows: Rows, seeds: int, peers: int) -> Iterator[tuple[int, float, float, int, str]]:
    """Keys of rows that are not there: all seeds of symdyn before the first of a peer."""
    numbers = [task.number for task in odebench.tasks()]
    for method in METHODS:
        for seed in range(seeds if method == "symdyn" else peers):
            for noise, dropped in odebench.CORRUPTIONS:
                if noise == dropped == 0 < seed:  # the same data for every seed
                    continue
                keys = ((number, noise, dropped, seed, method) for number in numbers)
                yield from (key for key in keys if key not in rows.found)


def counts(frame: pd.DataFrame) -> pd.DataFrame:
    """Systems that count, by noise, share dropped and method: the median over seeds whose rows are all there."""
    judged = frame.assign(**{name: frame[name] > odebench.ENOUGH for name in COUNTED[:2]})
    groups = judged.groupby(["noise", "dropped", "method", "seed"])
    each = groups[list(COUNTED)].sum()[groups["system"].nunique() == ODES]
    by = ["noise", "dropped", "method"]
    found = each.groupby(by).median()
    return found.assign(seeds=each.groupby(by).size(), seconds=frame.groupby(by)["seconds"].median().reindex(found.index))


def text(frame: pd.DataFrame, began: float) -> str:
    """The tables of a file of results."""
    machine = facts()
    lines = [
        f"ODEBench, {ODES} systems, one trajectory each: how many are reconstructed, generalise and have the exact structure.",
        "", "Medians over seeds of the noise, whose number is given; seconds are medians of CPU time.",
        f"{machine['processor']}, load {began:.1f} at the start and {os.getloadavg()[0]:.1f} at the end; "
        + ", ".join(f"{k} {v}" for k, v in versions().items() if k in ("python", "numpy", "pysindy", "pyoperon")) + ".",
        "", counts(frame).round(2).to_string(), "", "goals of symdyn", "",
        pd.DataFrame(
            [(*case, *goal) for case, goal in ODEBENCH.items()], columns=["noise", "dropped", *COUNTED]
        ).to_string(index=False), "", "symdyn, each seed", "",
    ]  # fmt: skip
    ours = frame[frame["method"] == "symdyn"]
    judged = ours.assign(**{name: ours[name] > odebench.ENOUGH for name in COUNTED[:2]})
    groups = judged.groupby(["noise", "dropped", "seed"])
    return "\n".join([*lines, groups[list(COUNTED)].sum().assign(systems=groups.size()).to_string(), ""])


def draw(frame: pd.DataFrame, path: Path) -> None:
    """Systems that count, by method and corruption."""
    found = counts(frame).reset_index()
    with style():
        figure, axes = plt.subplots(1, 3, figsize=(10, 3.2), sharey=True, layout="constrained")
        for ax, name in zip(axes, COUNTED, strict=True):
            for method in (m for m in METHODS if (found["method"] == m).any()):
                own = found[found["method"] == method]
                case = [f"{n:.0%}\n{d:.0%}" for n, d in zip(own["noise"], own["dropped"], strict=True)]
                ax.plot(case, own[name], "o-", label=method)
            ax.set(title=name, xlabel="noise; points dropped", ylim=(0, ODES + 1))
        axes[0].set_ylabel(f"systems of {ODES}")
        axes[-1].legend(fontsize="small")
        figure.savefig(path, dpi=150)
        plt.close(figure)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.discovery.odebench_rows", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--rows", type=Path, default=Path("out") / "odebench.jsonl", help="file of rows, which are kept")
    parser.add_argument("--seeds", type=int, default=5, help="of the noise")
    parser.add_argument("--peers", type=int, default=1, help="seeds of the peers, which take longer")
    parser.add_argument("--out", type=Path, default=Path("out") / "benchmarks", help="folder of the table and the figure")
    chosen = parser.parse_args(arguments)
    rows, began = Rows(chosen.rows, KEY), os.getloadavg()[0]
    for number, noise, dropped, seed, method in list(missing(rows, chosen.seeds, chosen.peers)):
        odebench.run((seed,), ((noise, dropped),), (number,), {method: METHODS[method]}, report=rows.add)
    frame = rows.frame()
    keep(chosen.out / "odebench.txt", text(frame, began))
    draw(frame, chosen.out / "odebench.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
