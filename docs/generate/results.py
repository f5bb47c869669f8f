"""The page of measured figures: ratios of the kept results of benchmarks, and counts of the searches for disagreements."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"
#: What each suite compares, for its heading; a suite that is not named here has its own name.
SUITES = {
    "ode": "Ensembles of ordinary differential equations",
    "stiff": "Ensembles of stiff equations",
    "ssa": "Exact stochastic simulation",
    "sde": "Stochastic differential equations",
    "cme": "The master equation",
    "pde": "Fields",
    "scores": "Scores learned from samples",
    "populations": "Structured populations",
    "derivation": "Moment equations",
    "exponents": "Lyapunov exponents",
    "compile": "From equations to compiled code",
    "first": "The first result of a process",
    "threads": "Two threads",
    "scheduling": "Chunks on a cluster",
    "calibration": "Weights of recovered systems",
    "repairs": "Repairs of declared systems",
    "repeats": "Two hidden terms",
}


def number(value: Any) -> str:
    """Three digits, or a dash."""
    return "--" if value is None else f"{value:.3g}"


def table(contents: dict[str, Any]) -> list[str]:
    """The ratios of a suite."""
    lines = ["| ratio | median | range of rounds | goal | reached |", "|---|---|---|---|---|"]
    for ratio in contents["ratios"]:
        low, high = number(ratio.get("low")), number(ratio.get("high"))
        goal, median = ratio["goal"], ratio["median"]
        reached = "" if goal is None or median is None else "yes" if median >= goal else "**no**"
        name = ratio["name"].replace("|", r"\|")
        lines.append(f"| {name} | {number(median)} | {low} to {high} | {'' if goal is None else number(goal)} | {reached} |")
    return [*lines, ""]


def machine(contents: dict[str, Any]) -> str:
    """Where a suite was run."""
    facts = contents["machine"]
    others = facts["time of others"]
    busy = f"; other programs took {100 * others:.0f} % of its time" if others and others > 0.05 else ""
    return f"{facts['processor']} ({facts['model']}), {facts['cores']} cores, Python {contents['versions']['python']}{busy}."


def measured() -> list[str]:
    """The page."""
    lines = [
        "# Measured figures",
        "",
        "Ratios say how many times symdyn is faster or more accurate than something else, or than a goal that was set;",
        "greater is better, and a goal that is not reached is in bold. All numbers of this page are read from files of",
        "the repository when the page is made. `python -m benchmarks all` measures them anew on another machine; peers",
        "run in their fastest form, and solvers are compared at the same measured error. How it is done is in",
        "`benchmarks/README.md`.",
        "",
    ]
    found = {p.stem: json.loads(p.read_text()) for p in RESULTS.glob("*.json")}
    missed = [(s, r) for s, c in found.items() for r in c["ratios"] if r["goal"] is not None and (r["median"] or 0) < r["goal"]]
    goals = sum(r["goal"] is not None for c in found.values() for r in c["ratios"])
    lines += [f"Of {goals} goals {goals - len(missed)} are reached. Those that are not:", ""]
    lines += ["| suite | ratio | median | goal |", "|---|---|---|---|"]
    missed.sort(key=lambda pair: pair[0])
    lines += [f"| {s} | {r['name']} | {number(r['median'])} | {number(r['goal'])} |" for s, r in missed]
    lines.append("")
    for suite in [*(s for s in SUITES if s in found), *sorted(set(found) - set(SUITES))]:
        lines += [f"## {SUITES.get(suite, suite)}", "", machine(found[suite]), ""]
        if (RESULTS / f"{suite}.png").exists():
            lines += [f"![{suite}]({suite}.png)", ""]
        lines += table(found[suite])
    return [*lines, *searches()]


def searches() -> list[str]:
    """What long runs that look for failures have counted."""
    cross, fuzz, faults, mutants = (
        json.loads((ROOT / "tests" / name).read_text())
        for name in ("crosscheck/results.json", "fuzz/results.json", "faults/results.json", "mutation/report.json")
    )
    failed = sum(len(reader["failures"]) for reader in fuzz["readers"].values())
    fates = [fate[0] for package in mutants.values() if isinstance(package, dict) for fate in package.values()]
    wrong = sum(check["disagreements"] for check in cross["checks"].values())
    return [
        "## Searches for failures",
        "",
        "| search | looked at | found |",
        "|---|---|---|",
        f"| random models, computed in two independent ways | {cross['models']:,} models | {wrong} disagreements |",
        f"| readers of files and texts with mutated inputs | {fuzz['executions']:,} inputs, {len(fuzz['readers'])} readers "
        f"| {failed} failures |",
        f"| operations on files that fail, kills, interrupts | {faults['faults']:,} faults | {faults['losses']} losses |",
        f"| changes of operators and constants of the core | {len(fates):,} changes "
        f"| {len(fates) - fates.count('killed'):,} that no test notices or that are equivalent |",
        "",
        *suites(),
        "## What is not there",
        "",
        *absent(),
        "",
    ]


def suites() -> list[str]:
    """What judges and ordinary tests say of the published suites."""
    lines = [
        "## Published suites",
        "",
        "The first is among the tests; the archives of the others, and random models, are judged by one command each.",
        "",
    ]
    names = (
        "suites/test_discrete_stochastic",
        "io/petab_suite",
        "io/semantic_suite",
        "io/stochastic_suite",
        "io/roadrunner_suite",
    )
    for name in names:
        text = ast.get_docstring(ast.parse((ROOT / "tests" / f"{name}.py").read_text())) or ""
        first = " ".join(text.split("\n\n")[0].split()).replace("``", "`")
        lines.append(f"- {first}{_last_run(name)}")
    return [*lines, ""]


def _last_run(name: str) -> str:
    """What the last long run found, of suites that keep it in a file beside them."""
    file = ROOT / "tests" / f"{name}.json"
    if not file.exists():
        return ""
    found = json.loads(file.read_text(encoding="utf-8"))
    if "outcomes" in found:
        same = found["networks beside equations"]["same"]
        said = ", ".join(f"{count} {outcome}" for outcome, count in found["outcomes"].items())
        return f" In the last run: {said}; of the {same} that are networks too, amounts change as in the equations."
    return f" In the last run {sum(found['within 1e-8'].values()):,} of {found['models']:,} models agreed to 1e-8."


def absent() -> list[str]:
    """The sentence of the front page that begins with "Not yet", as a list."""
    found = re.search(r"^Not yet: (.*?)\.$", (ROOT / "README.md").read_text(), flags=re.S | re.M)
    if found is None:
        raise ValueError("README.md has no sentence that begins with 'Not yet:'; the page of figures lists what it names")
    parts = re.split(r", and |, ", " ".join(found[1].split()))
    return [f"- {part}" for part in parts]


def pages() -> dict[str, str | bytes]:
    """The page, and the figures beside it."""
    figures: dict[str, str | bytes] = {figure.name: figure.read_bytes() for figure in RESULTS.glob("*.png")}
    return {"figures.md": "\n".join(measured()), **figures}
