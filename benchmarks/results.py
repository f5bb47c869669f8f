"""Results as data: tables, ratios with their spread, and how they are written, read and shown."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.harness import Sample, Settings

__all__ = ["SCHEMA", "Ratio", "Result", "joined", "read", "show", "write"]

#: Of the JSON files; described in README.md.
SCHEMA = 1


@dataclass(frozen=True)
class Ratio:
    """How many times better symdyn is than something else, greater being better.

    Attributes
    ----------
    name : str
        The same in every run: results are compared by it.
    sample : Sample
        The ratio in each round.
    goal : float, optional
        What it should be at least.
    """

    name: str
    sample: Sample
    goal: float | None = None


@dataclass
class Result:
    """What a suite found: tables of rows by name, whose cells are samples, numbers or text, and ratios."""

    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    ratios: list[Ratio] = field(default_factory=list)


def _plain(value: Any) -> Any:
    if isinstance(value, Sample):
        summary = {"median": value.median, "low": value.low, "high": value.high}
        return {k: _plain(v) for k, v in summary.items()} | {"values": [_plain(v) for v in value.values]}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value.item() if hasattr(value, "item") else value


def as_json(suite: str, result: Result, settings: Settings, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The contents of the file of a suite."""
    tables = {name: [{k: _plain(v) for k, v in row.items()} for row in rows] for name, rows in result.tables.items()}
    ratios = [{"name": r.name, "goal": r.goal, **_plain(r.sample)} for r in result.ratios]
    head = {"schema": SCHEMA, "suite": suite, "settings": {"rounds": settings.rounds, "quick": settings.quick}}
    return {**head, **facts, "tables": tables, "ratios": ratios}


def joined(old: Mapping[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The contents of a file with tables that were measured apart; each has the facts of the machine then."""
    tables, names = {**old["tables"], **new["tables"]}, {r["name"] for r in new["ratios"]}
    apart = dict.fromkeys(old["tables"], old["machine"]) | old.get("measured apart", {})
    apart |= dict.fromkeys(new["tables"], new["machine"])
    ratios = [r for r in old["ratios"] if r["name"] not in names] + new["ratios"]
    return {**new, "tables": tables, "ratios": ratios, "measured apart": apart}


def write(path: Path, contents: Mapping[str, Any]) -> None:
    """Write a file of results."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(contents, indent=1) + "\n")


def read(path: Path) -> dict[str, Any]:
    """The results in a file.

    Raises
    ------
    ValueError
        If it holds something else.
    """
    try:
        contents = json.loads(path.read_text())
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is no JSON file ({error})") from None
    if not isinstance(contents, dict) or contents.get("schema") != SCHEMA:
        raise ValueError(f"{path} holds no results of this benchmark; expected a file with schema {SCHEMA}")
    return contents


def _number(x: float) -> str:
    return "-" if not math.isfinite(x) else f"{x:.3g}"


def cell(value: Any) -> str:
    """A cell of a table: of a sample the median, and in brackets the least and the greatest."""
    if isinstance(value, Sample):
        spread = f" [{_number(value.low)} .. {_number(value.high)}]" if len(value.values) > 1 else ""
        return _number(value.median) + spread
    return _number(value) if isinstance(value, float) else str(value)


def show(name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write a table to standard output."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    cells = [columns, *([cell(row.get(c, "")) for c in columns] for row in rows)]
    widths = [max(len(line[k]) for line in cells) for k in range(len(columns))]
    lines = ["  ".join(text.ljust(w) for text, w in zip(line, widths, strict=True)).rstrip() for line in cells]
    sys.stdout.write("\n".join([f"== {name}", *lines, "", ""]))
    sys.stdout.flush()


def show_ratios(ratios: Sequence[Ratio]) -> None:
    """Write ratios to standard output, each with its goal and whether the median reaches it."""
    rows = []
    for r in ratios:
        verdict = "" if r.goal is None or r.sample.median != r.sample.median else "yes" if r.sample.median >= r.goal else "NO"
        rows.append({"ratio": r.name, "median [least .. greatest]": r.sample, "goal": r.goal or "", "reached": verdict})
    if rows:
        show("ratios", rows)
