"""Two runs of the benchmark side by side: which ratios changed by more than their spread."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.results import read, show

__all__ = ["compare", "verdict"]


def verdict(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """'regressed' or 'improved' if the ranges of all rounds lie apart, else 'same'.

    Examples
    --------
    >>> verdict({"low": 2.0, "high": 2.4}, {"low": 1.5, "high": 1.9})
    'regressed'
    >>> verdict({"low": 2.0, "high": 2.4}, {"low": 2.3, "high": 2.9})
    'same'
    """
    if None in (old["low"], old["high"], new["low"], new["high"]):
        return "same" if old["median"] == new["median"] else "not comparable"
    return "regressed" if new["high"] < old["low"] else "improved" if new["low"] > old["high"] else "same"


def _files(path: Path) -> dict[str, Path]:
    """Files of results by name of the suite."""
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    if not files or not all(f.exists() for f in files):
        raise ValueError(f"{path} holds no results; expected a JSON file of the benchmark, or a folder of them")
    return {read(f)["suite"]: f for f in files}


def compare(old: Path, new: Path) -> bool:
    """Show every ratio that two runs have in common, regressions first; returns whether there is none.

    Absolute speeds are those of a machine on a day and are not compared.

    Raises
    ------
    ValueError
        If there is nothing to compare, or one run was quick and the other was not.
    """
    before, after = _files(old), _files(new)
    common = sorted(set(before) & set(after))
    if not common:
        raise ValueError(f"{old} has results of {', '.join(before)}, {new} those of {', '.join(after)}: no suite in common")
    rows = []
    for suite in common:
        runs = [read(files[suite]) for files in (before, after)]
        if runs[0]["settings"]["quick"] != runs[1]["settings"]["quick"]:
            raise ValueError(f"{suite} was run with --quick once and once without, which measures other things; run it again")
        first, second = ({r["name"]: r for r in run["ratios"]} for run in runs)
        for name in dict.fromkeys([*first, *second]):
            a, b = first.get(name), second.get(name)
            found = verdict(a, b) if a and b else "only old" if a else "only new"
            rows.append({"suite": suite, "ratio": name, "old": _range(a), "new": _range(b), "": found})
    order = ("regressed", "not comparable", "only old", "improved", "only new", "same")
    rows.sort(key=lambda row: order.index(row[""]))
    show("ratios, old and new: median [least .. greatest]", rows)
    return not any(row[""] == "regressed" for row in rows)


def _range(ratio: Mapping[str, Any] | None) -> str:
    if ratio is None or ratio["median"] is None:
        return "-"
    return f"{ratio['median']:.3g} [{ratio['low']:.3g} .. {ratio['high']:.3g}]"
