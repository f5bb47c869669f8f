"""Commands about the installation and its compiled code."""

from __future__ import annotations

import json
from functools import partial
from typing import Annotated

import typer

from symdyn.cli.ending import ExitCode, fail, quieten, reported
from symdyn.cli.options import AsJSON, Quiet

__all__ = ["cache_clear", "cache_info", "cache_warm", "doctor", "info"]


@reported
def info(as_json: AsJSON = False) -> None:
    """Show versions, optional packages, targets and the cache."""
    from symdyn.io.environment import environment, summary

    facts = environment()
    typer.echo(json.dumps(facts, indent=1) if as_json else summary(facts))


@reported
def doctor(as_json: AsJSON = False, quiet: Quiet = False) -> None:
    """Check the installation: versions, cache, files, and a short run of each kind of system against theory.

    The first time the drivers of all methods are compiled, which takes minutes.
    """
    from dataclasses import asdict

    from symdyn.doctor import findings
    from symdyn.io.environment import environment, summary

    quieten(quiet)
    facts, found = environment(), []
    if not as_json:
        typer.echo(summary(facts))
    for finding in findings():
        found.append(finding)
        if not as_json:
            typer.echo(f"{finding.outcome:<8} {finding.name:<22} {finding.seconds:6.2f} s  {finding.message}")
    if as_json:
        typer.echo(json.dumps({**facts, "checks": [asdict(finding) for finding in found]}, indent=1))
    if failed := [finding.name for finding in found if finding.outcome == "failed"]:
        fail(f"{len(failed)} of {len(found)} checks failed: {', '.join(failed)}", ExitCode.FAILURE)


@reported
def cache_info(as_json: AsJSON = False) -> None:
    """Show where the cache is and what it holds."""
    from symdyn.io.environment import cache_facts, cache_summary

    facts = cache_facts()
    typer.echo(json.dumps(facts) if as_json else cache_summary(facts))


@reported
def cache_clear() -> None:
    """Remove all compiled code; it is compiled again when it is needed."""
    from symdyn.io.environment import cache_facts, cache_summary, clear_cache

    clear_cache()
    typer.echo(cache_summary(cache_facts()))


@reported
def cache_warm(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Methods, 'methods' for all, or names that --list shows; everything unless given.", show_default=False
        ),
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="Show the names, and compile nothing.")] = False,
    processes: Annotated[int, typer.Option(min=1, help="Processes that compile at once; each takes about 1.5 GB.")] = 1,
    portable: Annotated[
        bool,
        typer.Option(
            "--portable",
            help="Compile for every processor of this architecture, into the folder of the installed kernels: for a wheel, "
            "or an installation that unlike machines share. Their first runs then take about a second.",
        ),
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Compile drivers in advance, so that the first runs need not: those of all methods and of models with further parts.

    All of them take some minutes.
    """
    from rich.console import Console
    from rich.progress import track

    from symdyn.io.environment import cache_facts, cache_summary
    from symdyn.io.warming import MEANINGS, compiled, drivers, made_portable, portable_summary
    from symdyn.methods.registry import METHODS
    from symdyn.registry import suggest

    known = drivers()
    if list_:
        typer.echo(f"methods: {', '.join(METHODS)}")
        typer.echo("\n".join(f"{name}: {meaning}" for name, meaning in MEANINGS.items()))
        return
    groups = {**{name: [name] for name in known}, "methods": list(METHODS)}
    if unknown := [name for name in names or () if name not in groups]:
        raise typer.BadParameter(f"{unknown[0]!r} is not known.{suggest(unknown[0], groups)} --list shows the names")
    asked = dict.fromkeys(group for name in names or known for group in groups[name])
    quieten(True)  # the bar says what is being compiled
    console = Console(stderr=True)
    hidden = quiet or not console.is_terminal
    places = [(name, place) for name in asked for place in range(len(known[name]))]
    done = (made_portable if portable else compiled)(places, processes, partial(quieten, True))
    for _ in track(done, "compiling drivers", len(places), console=console, disable=hidden):
        pass
    typer.echo(portable_summary() if portable else cache_summary(cache_facts()))
