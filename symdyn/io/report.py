"""A recovery as a folder: ``report.md`` to read with its figures, ``system.txt`` to go on with, and files for other tools."""

from __future__ import annotations

import importlib.util
import json
import math
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from symdyn.discover.recovery import APART
from symdyn.errors import DeclarationError
from symdyn.inference.beginnings import LAW
from symdyn.inference.naming import rounded
from symdyn.io.datasets import write_file
from symdyn.io.recoveries import FORMAT, VERSION, packed
from symdyn.models.text import model_text

__all__ = ["as_json", "report", "write_recovery"]

#: Weight from which one model stands out, and evidence for a term below which it is out, or above one less it is in.
CLEAR, DOUBTFUL = 0.5, 0.1
#: Ratio of fitted to measured values above which a fit is not informative.
MANY = 0.5
#: Evidence below which a term is not listed.
SHOWN = 0.001


def write_recovery(recovery: Any, folder: str | Path, *, options: Mapping[str, Any] | None = None) -> None:
    """Write a `Recovery` to a folder, which is created; files of the same names are replaced.

    These are ``report.md`` with ``fit.png`` and ``front.png``, ``system.txt`` (which `symdyn.io.models.read_model` reads),
    ``equations.tex``, ``table.csv``, ``recovery.json`` with ``recovery.npz``, which `Recovery.load` reads, and for ODE systems
    and reaction networks ``system.xml`` (SBML) if python-libsbml is installed.

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

    Examples
    --------
    >>> import tempfile, numpy as np, sympy as sp, symdyn as sd
    >>> from pathlib import Path
    >>> x, f = sp.Symbol("x"), sp.Function("f")
    >>> t = np.linspace(0, 4, 21)
    >>> data = {"t": t, "x": 1 / (1 + 4 * np.exp(-t))}
    >>> found = sd.recover(sd.ODESystem({x: f(x)}), data, library=2, surrogate=None, progress=False)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     found.save(folder)
    ...     sorted(p.name for p in Path(folder).glob("*.png"))
    ['fit.png', 'front.png']
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, np.ndarray] = {}
    state = as_json(recovery, options) | {"result": packed(recovery, arrays)}
    write_file(folder / "recovery.npz", lambda path: np.savez_compressed(path, **arrays))  # type: ignore[arg-type]
    texts = {
        "system.txt": model_text(recovery.system) if recovery.system.text_options is not None else f"{recovery.system}\n",
        "equations.tex": recovery.latex() + "\n",
        "table.csv": recovery.table.to_csv(index=False, lineterminator="\n"),
        "recovery.json": json.dumps(state, indent=1, allow_nan=False) + "\n",
        "report.md": report(recovery, options),
    }
    if hasattr(recovery.system, "to_sbml") and importlib.util.find_spec("libsbml"):
        try:
            texts["system.xml"] = recovery.system.to_sbml()
        except DeclarationError as error:
            texts["report.md"] += f"\nNo SBML: {error}.\n"
    for name, text in texts.items():
        write_file(folder / name, partial(Path.write_text, data=text, encoding="utf-8"))
    # figures are drawn last, so that the result is on disk if one of them fails
    from matplotlib import pyplot

    for name, figure in (("fit.png", recovery.plot()), ("front.png", recovery.plot_front().figure)):
        write_file(folder / name, partial(figure.savefig, dpi=120))
        pyplot.close(figure)


def as_json(recovery: Any, options: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A recovery as plain values; numbers that are not finite become None."""
    system = recovery.system
    return {
        "format": FORMAT,
        "version": VERSION,
        "likelihood": LAW,
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
    """`value` in terms of JSON; other objects, such as expressions, become text."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(v) for v in value]
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)


def report(recovery: Any, options: Mapping[str, Any] | None = None) -> str:
    """The recovery in Markdown: equations, findings, terms, intervals, candidates, and settings."""
    system, facts = recovery.system, recovery.identifiability
    lines = ["# Recovered system", "", "```", *map(str, system.equations()), "```", ""]
    lines += ["![Fit](fit.png)", "", "## What the data say", "", *(f"- {text}" for text in _findings(recovery)), ""]
    if facts.equivalent:
        lines += ["The data do not tell these from the first:", "", *(f"- `{text}`" for text in facts.equivalent), ""]
    lines += ["## Terms", "", *(f"- `{term}` = `{rounded(found, 5)}`" for term, found in recovery.terms.items()), ""]
    lines += ["## Constants and initial values", "", *_markdown(recovery.intervals), ""]
    table = _markdown(recovery.table.dropna(axis=1, how="all"))
    lines += ["## Candidates", "", "The best comes first.", "", *table, "", "![Front](front.png)", ""]
    shown = recovery.inclusion[recovery.inclusion["weight"] >= SHOWN]
    if len(shown):
        lines += ["## Evidence for each term", "", *_markdown(shown), ""]
    if 0 < len(shown) < len(recovery.inclusion):
        lines += [f"Another {len(recovery.inclusion) - len(shown)} terms have less than {SHOWN:g}.", ""]
    if recovery.warnings:
        lines += ["## Notes", "", *(f"- {text}" for text in recovery.warnings), ""]
    if options:
        lines += ["## How it was made", "", *(f"- {k}: {v}" for k, v in options.items() if v is not None), ""]
    return "\n".join(lines)


def _findings(recovery: Any) -> list[str]:
    """What the numbers of a recovery amount to, in sentences."""
    best, facts, found = recovery.table.iloc[0], recovery.identifiability, []
    if not recovery.complete:
        found.append(
            "the search was cut short: weights and evidence are those among the models that it had visited, and there may be "
            "better ones; give it more time"
        )
    weight = f"{best['weight']:.2g} of the weight of the models visited"
    if math.isnan(best["weight"]):
        weight = "no weight, as no other model was compared"
    error = "" if "log_likelihood" in recovery.table else f"leave a relative error of {best['rms']:.3g}, and "
    found.append(f"the equations above {error}have {weight}")
    if best.get("rms", 0.0) > APART and best.get("one_step", math.inf) < APART:
        found.append(
            "a run from its fitted beginning leaves the data, as that of a chaotic system does in the long run; one step ahead "
            f"the relative error is {best['one_step']:.3g}"
        )
    if best["weight"] < CLEAR:
        others = f"{len(facts.plausible)} others are within 6 of its criterion"
        rest = "the rest is that of models not listed, and of laws beyond the library where a note says so"
        found.append(f"no single model stands out: {others if facts.plausible else rest}")
    if math.isfinite(best.get("heldout_free_run", math.nan)):
        found.append(
            f"the held-out data are predicted with a relative error of {best['heldout_free_run']:.3g} running free and "
            f"{best['heldout_one_step']:.3g} one step ahead"
        )
    data = getattr(recovery.observations, "size", math.inf)
    if facts.fitted > MANY * data:
        found.append(f"{facts.fitted} values were fitted to {data} data: the equations may follow them without being right")
    if facts.rank < facts.fitted:
        found.append(
            f"the data determine only {facts.rank} of the {facts.fitted} fitted values: constants without an interval below "
            "may be anything that the others make up for"
        )
    table = recovery.intervals
    unsure = table["constant"][(table["lower"] <= 0) & (table["upper"] >= 0) & np.isfinite(table["upper"])]
    if len(unsure):
        found.append(f"the intervals of {', '.join(unsure)} contain 0")
    open_terms = recovery.inclusion[(recovery.inclusion["weight"] > DOUBTFUL) & (recovery.inclusion["weight"] < 1 - DOUBTFUL)]
    if len(open_terms):
        shown = [f"`{row.term}` in `{row.unknown}` ({row.weight:.2g})" for row in open_terms.head(5).itertuples()]
        found.append(f"the evidence for or against these terms is not conclusive: {', '.join(shown)}")
    return found


def _markdown(table: pd.DataFrame) -> list[str]:
    def line(cells: Any) -> str:
        shown = (f"{c:.6g}" if isinstance(c, (float, np.floating)) else str(c) for c in cells)
        return "| " + " | ".join(c.replace("|", r"\|").replace("\n", "; ") for c in shown) + " |"

    rows = table.itertuples(index=False, name=None)
    return [line(table.columns), "|" + " --- |" * len(table.columns), *map(line, rows)]
