"""A recovery as a folder: ``report.md`` to read, ``system.txt`` to go on with, ``table.csv`` and ``recovery.json``."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sympy as sp

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
        write_file(folder / name, partial(Path.write_text, data=text, encoding="utf-8"))


def as_json(recovery: Any, options: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A recovery as plain values; numbers that are not finite become None."""
    system = recovery.system
    return {
        "format": "symdyn-recovery",
        "version": 1,
        "equations": [str(e) for e in system.equations()],
        "terms": _plain(recovery.terms),
        "parameters": _plain(system.defaults),
        "initial": _plain(system.initial),
        "provenance": list(system.provenance),
        "options": _plain(options or {}),
        "table": _records(recovery.table),
        "intervals": _records(recovery.intervals),
        "inclusion": _records(recovery.inclusion),
        "equivalent": list(recovery.identifiability.equivalent),
        "notes": list(recovery.warnings),
    }


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [_plain(row) for row in table.to_dict(orient="records")]


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
    """The recovery in Markdown: equations, terms, intervals, the table of candidates, and how it was made."""
    system = recovery.system
    lines = ["# Recovered system", "", "```", *map(str, system.equations()), "```", ""]
    lines += ["## Terms", "", *(f"- `{term}` = `{_rounded(found)}`" for term, found in recovery.terms.items()), ""]
    lines += ["## Constants and initial values", "", *_markdown(recovery.intervals), ""]
    lines += ["## Candidates", "", "The best comes first.", "", *_markdown(recovery.table), ""]
    equivalent = recovery.identifiability.equivalent
    if equivalent:
        lines += ["The data do not tell these from the first:", "", *(f"- `{text}`" for text in equivalent), ""]
    lines += ["## Evidence for each term", "", *_markdown(recovery.inclusion), ""]
    if recovery.warnings:
        lines += ["## Notes", "", *(f"- {text}" for text in recovery.warnings), ""]
    if options:
        lines += ["## How it was made", "", *(f"- {k}: {v}" for k, v in options.items() if v is not None), ""]
    return "\n".join(lines)


def _rounded(e: sp.Expr) -> sp.Expr:
    return e.xreplace({number: sp.Float(number, 5) for number in e.atoms(sp.Float)})


def _markdown(table: pd.DataFrame) -> list[str]:
    def line(cells: Any) -> str:
        shown = (f"{c:.6g}" if isinstance(c, (float, np.floating)) else str(c) for c in cells)
        return "| " + " | ".join(c.replace("|", r"\|").replace("\n", "; ") for c in shown) + " |"

    rows = table.itertuples(index=False, name=None)
    return [line(table.columns), "|" + " --- |" * len(table.columns), *map(line, rows)]
