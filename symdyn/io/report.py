"""A recovery as a folder: ``report.md`` to read, ``system.txt`` to go on with, ``table.csv`` and ``recovery.json``."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from symdyn.io.datasets import write_file
from symdyn.io.models import model_text

__all__ = ["as_json", "report", "write_recovery"]


def write_recovery(recovery: Any, folder: str | Path, *, options: Mapping[str, Any] | None = None) -> None:
    """Write a `Recovery` to a folder, which is created; files of the same names are replaced.

    Parameters
    ----------
    recovery : Recovery
    folder : str or Path
    options : mapping, optional
        How it was made (files, seed, budget ...), for the report.

    Raises
    ------
    OSError
        If the folder or a file cannot be written.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        "system.txt": model_text(recovery.system),
        "table.csv": recovery.table.to_csv(index=False, lineterminator="\n"),
        "recovery.json": json.dumps(as_json(recovery, options), indent=1, allow_nan=False) + "\n",
        "report.md": report(recovery, options),
    }
    for name, text in texts.items():
        write_file(folder / name, lambda path, text=text: path.write_text(text, encoding="utf-8"))


def as_json(recovery: Any, options: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A recovery as plain values; numbers that are not finite become None."""
    system = recovery.system
    return {
        "format": "symdyn-recovery",
        "version": 1,
        "equations": [f"{e.left} = {e.right}" for e in system.equations()],
        "terms": _plain(recovery.terms),
        "parameters": _plain(system.defaults),
        "intervals": _plain(recovery.intervals),
        "initial": _plain(system.initial),
        "provenance": list(system.provenance),
        "options": _plain(options or {}),
        "table": [_plain(row) for row in recovery.table.to_dict(orient="records")],
    }


def _plain(value: Any) -> Any:
    """`value` in terms of JSON; what it does not know, such as an expression, becomes its text."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(v) for v in value]
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)


def report(recovery: Any, options: Mapping[str, Any] | None = None) -> str:
    """The recovery in Markdown: equations, terms, parameters with their intervals, and the table of candidates."""
    system = recovery.system
    lines = ["# Recovered system", "", "```", *(f"{e.left} = {e.right}" for e in system.equations()), "```", ""]
    lines += ["## Terms", "", *(f"- `{term}` = `{found}`" for term, found in recovery.terms.items()), ""]
    intervals = {str(k): v for k, v in recovery.intervals.items()}
    rows = [(p, f"{v:.6g}", _interval(intervals.get(str(p)))) for p, v in system.defaults.items()]
    lines += ["## Parameters", "", *_markdown(["parameter", "value", "interval"], rows), ""]
    table: pd.DataFrame = recovery.table
    lines += ["## Candidates", "", "The best comes first.", ""]
    lines += [*_markdown(list(table.columns), table.itertuples(index=False, name=None)), ""]
    if options:
        lines += ["## How it was made", "", *(f"- {k}: {v}" for k, v in options.items() if v is not None), ""]
    return "\n".join(lines)


def _interval(bounds: Any) -> str:
    if bounds is None:
        return "not known"
    return f"{float(bounds[0]):.6g} to {float(bounds[1]):.6g}"


def _markdown(header: list[Any], rows: Any) -> list[str]:
    def line(cells: Any) -> str:
        shown = (f"{c:.6g}" if isinstance(c, (float, np.floating)) else str(c) for c in cells)
        return "| " + " | ".join(c.replace("|", r"\|").replace("\n", "; ") for c in shown) + " |"

    return [line(header), "|" + " --- |" * len(header), *map(line, rows)]
