"""symdyn measured against its peers in one run: tables on standard output, JSON and figures in a folder.

``python -m benchmarks SUITE`` runs a suite, or ``all``; ``python -m benchmarks compare OLD NEW`` holds two runs
against each other.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from benchmarks.compare import compare
from benchmarks.harness import Settings, Unfit
from benchmarks.machine import Watch, facts, one_core, versions
from benchmarks.results import Result, as_json, joined, read, show, show_ratios, write
from benchmarks.suites import FIGURES, SEVERAL, SUITES, TABLES

OUT = Path("out") / "benchmarks"


def run(name: str, suite: Callable[[Settings], Result], settings: Settings, out: Path) -> None:
    """Run one suite; its tables to standard output, its JSON and figure to the folder `out`."""
    file = out / f"{name}.json"
    old = read(file) if settings.tables and file.exists() else None
    if old is not None and old["settings"]["quick"] != settings.quick:
        raise Unfit(f"{file} was measured {'with' if old['settings']['quick'] else 'without'} --quick; give another --out")
    watch = Watch()
    with nullcontext() if name in SEVERAL else one_core():
        result, machine = suite(settings), facts()
    load = watch.stop()
    for title, rows in result.tables.items():
        show(title, rows)
    show_ratios(result.ratios)
    contents = as_json(name, result, settings, {"machine": {**machine, **load}, "versions": versions()})
    write(file, contents if old is None else joined(old, contents))
    if name in FIGURES:
        FIGURES[name](result, out / f"{name}.png")
    sys.stdout.write(f"written: {file}\n\n")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of rounds; expected a whole number from 1")
    return int(text)


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="suite", required=True, metavar="SUITE")
    for name in (*SUITES, "all"):
        doc = "every suite" if name == "all" else (SUITES[name].__doc__ or "").splitlines()[0]
        command = commands.add_parser(name, help=doc, description=doc)
        command.add_argument("--quick", action="store_true", help="smaller and fewer: to see that everything runs")
        command.add_argument("--rounds", type=_positive, help="turns of every job (5; quick: 3)")
        if name in TABLES:
            command.add_argument("--tables", nargs="+", choices=TABLES[name], default=(), help="these; others in the file stay")
        command.add_argument("--out", type=Path, default=OUT, help=f"folder of the JSON files and figures ({OUT})")
    command = commands.add_parser("compare", help="which ratios changed by more than their spread")
    command.add_argument("old", type=Path, help="a JSON file, or a folder of them")
    command.add_argument("new", type=Path)
    chosen = parser.parse_args(arguments)
    if chosen.suite == "compare":
        try:
            return 0 if compare(chosen.old, chosen.new) else 1
        except (ValueError, OSError) as error:
            sys.stderr.write(f"{error}\n")
            return 2
    failed = False
    tables = tuple(getattr(chosen, "tables", ()))
    settings = Settings(chosen.rounds or (3 if chosen.quick else 5), chosen.quick, tables)
    for name, suite in SUITES.items():
        if chosen.suite not in (name, "all"):
            continue
        try:
            run(name, suite, settings, chosen.out)
        except Unfit as error:  # of this machine, which only a suite that was asked for by name makes a failure
            sys.stderr.write(f"{name}: {error}\n")
            failed = chosen.suite == name
    return 2 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
