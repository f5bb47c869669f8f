"""Errors of all samplers on the two beds, for several numbers of evaluations, with the best of four spacings.

``python -m tests.transport.table --out tests/transport/table.json``; ``--methods ddim unipc-3 --bed line`` for a part.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

import symdyn as sd
from symdyn.methods.samplers import SamplerScheme
from symdyn.transport.spacings import SPACINGS
from tests.transport.beds import FIRST, LAST, error, line, ring, steps_for

BUDGETS = (5, 10, 15, 20, 50)
BEDS = {"line": line, "ring": ring}


def row(bed, method: str, **options) -> list[dict[str, object]]:
    """For each budget the smallest error, and its spacing; an empty entry where no step is affordable."""
    found: list[dict[str, object]] = []
    for budget in BUDGETS:
        if steps_for(method, budget) < 1:
            found.append({})
            continue
        errors = {s: error(bed, method, budget, s, **options) for s in SPACINGS}
        best = min(errors, key=lambda s: errors[s] if np.isfinite(errors[s]) else np.inf)
        found.append({"error": float(f"{errors[best]:.4g}"), "spacing": best})
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    samplers = [name for name, scheme in sd.METHODS.items() if isinstance(scheme, SamplerScheme)]
    parser.add_argument("--methods", nargs="*", default=samplers)
    parser.add_argument("--bed", choices=BEDS, action="append")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    results: dict[str, dict[str, object]] = {}
    for name in given.bed or BEDS:
        bed, found, results[name] = BEDS[name](), None, {}
        for method in given.methods:
            cases = {method: {}, "bdia, gamma = 0.5": {"gamma": 0.5}} if method == "bdia" else {method: {}}
            if method.startswith("dpm-solver-v3"):
                if found is None:
                    found = sd.transport.model_statistics(bed[0], span=(FIRST, LAST), initial=bed[1])
                cases = {f"{method}{', corrected' if c else ''}": {"statistics": found, "corrector": c} for c in (False, True)}
            for title, options in cases.items():
                results[name][title] = errors = row(bed, method, **options)
                cells = [f"{c['error']:.2g}{str(c['spacing'])[0]}" if c else "-" for c in errors]
                print(f"{name:6}{title:28}", *(f"{c:>10}" for c in cells), flush=True)
    if given.out and given.out.exists():  # other rows stay
        before = json.loads(given.out.read_text())["rms error"]
        results = {name: before.get(name, {}) | results.get(name, {}) for name in {**before, **results}}
    if given.out:
        given.out.write_text(json.dumps({"evaluations": BUDGETS, "rms error": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
