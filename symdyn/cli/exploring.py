"""The command that shows a model with sliders in a browser."""

from __future__ import annotations

import webbrowser
from typing import Annotated, Any

import typer

from symdyn.cli.ending import argument, note, quieten, reported
from symdyn.cli.options import (
    Combinatoric,
    InterpretationOption,
    KindOption,
    Model,
    Quiet,
    Seed,
    Volume,
    kind_options,
)  # fmt: skip
from symdyn.errors import DeclarationError

__all__ = ["explore"]


@reported
def explore(
    model: Model,
    stop: Annotated[float | None, typer.Option(help="Last time; 20 unless given, 50 steps of a map. The first is 0.")] = None,
    points: Annotated[int | None, typer.Option(min=2, help="Output times; 301 unless given.")] = None,
    set_: Annotated[list[str], typer.Option("--set", help="Value of a parameter in the beginning, a=0.5. Repeatable.")] = [],  # noqa: B006
    initial: Annotated[list[str], typer.Option(help="Initial value in the beginning, x=30. Repeatable.")] = [],  # noqa: B006
    trajectories: Annotated[
        int | None, typer.Option(min=1, help="Trajectories of models with noise; 200 unless given.")
    ] = None,
    seed: Seed = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the page on this machine; 0 takes a free one.")] = 0,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")] = True,
    kind: KindOption = None,
    interpretation: InterpretationOption = None,
    volume: Volume = None,
    combinatoric: Combinatoric = False,
    quiet: Quiet = False,
) -> None:
    """Show a model in a browser, with sliders for parameters and initial values; Ctrl-C ends it."""
    from symdyn.explorer.server import ExplorerServer
    from symdyn.explorer.views import Explorer
    from symdyn.io.arguments import parse_assignments
    from symdyn.io.models import read_model

    given = argument(_single, argument(parse_assignments, set_, "--set"), "--set")
    start = argument(_single, argument(parse_assignments, initial, "--initial"), "--initial")
    quieten(quiet)
    system = read_model(model, kind, **kind_options(interpretation, volume, combinatoric))
    explorer = Explorer(
        system, parameters=given, initial=start, stop=stop, points=points, trajectories=trajectories, seed=seed
    )  # fmt: skip
    with ExplorerServer(explorer, port) as server:
        typer.echo(server.address)
        note("the page is for this machine alone; Ctrl-C ends it", quiet)
        if browser:
            webbrowser.open(server.address)
        try:
            server.serve_forever(poll_interval=0.1)
        except KeyboardInterrupt:  # the way to end it
            note("ended", quiet)


def _single(values: dict[str, Any]) -> dict[str, Any]:
    for name, value in values.items():
        if not isinstance(value, (int, float)):
            raise DeclarationError(f"{name} has several values; a slider begins at one")
    return values
