"""Commands about files of models: begin one, check one, and write one in another format."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from symdyn.cli.ending import argument, note, reported
from symdyn.cli.options import (
    MODEL,
    Combinatoric,
    InterpretationOption,
    KindOption,
    Model,
    ModelForm,
    Quiet,
    Volume,
    kind_options,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import sympy as sp

    from symdyn.system import System

__all__ = ["check", "convert", "new"]


@reported
def new(
    kind: Annotated[ModelForm, typer.Argument(help="Kind of system, or what its equations have.")] = ModelForm.ODE,
    out: Annotated[Path | None, typer.Option(help="File to write; standard output unless given.")] = None,
    quiet: Quiet = False,
) -> None:
    """Write a commented model to begin with."""
    from symdyn.io.templates import command, template

    text = template(str(kind))
    if out is None:
        typer.echo(text, nl=False)
        return
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise typer.BadParameter(f"{out} exists; it is not replaced", param_hint="--out") from None
    note(f"wrote {out}; '{command(str(kind), out)}' takes it", quiet)


@reported
def check(
    model: Model,
    kind: KindOption = None,
    interpretation: InterpretationOption = None,
    volume: Volume = None,
    combinatoric: Combinatoric = False,
) -> None:
    """Read a model, and show what was understood and what a simulation still needs."""
    from symdyn.io.models import read_model

    typer.echo(_summary(read_model(model, kind, **kind_options(interpretation, volume, combinatoric))))


def _summary(system: System) -> str:
    values = {s: system.defaults.get(s) for s in system.parameters}
    starts = {s: system.initial.get(s) for s in system.states if s not in system.history}
    rows = {
        "kind": type(system).__name__,
        "states": _listed(starts),
        "parameters": _listed(values),
        "observables": ", ".join(map(str, system.observables)),
        "events": str(len(system.events) or ""),
        "unknown": ", ".join(map(str, system.unknowns)) + " (symdyn recover finds such terms)" if system.unknowns else "",
        "no value": ", ".join(str(s) for s, v in values.items() if v is None),
        "no initial": ", ".join(str(s) for s, v in starts.items() if v is None),
    }
    return "\n".join((str(system), "", *(f"{name:<12}{text}" for name, text in rows.items() if text)))


def _listed(values: Mapping[sp.Symbol, Any]) -> str:
    texts = {s: f"{v:g}" if isinstance(v, float) else str(v) for s, v in values.items() if v is not None}
    return ", ".join(f"{s} = {texts[s]}" if s in texts else str(s) for s in values)


@reported
def convert(
    source: Annotated[Path, typer.Argument(help=MODEL, show_default=False)],
    target: Annotated[Path, typer.Argument(help="File to write: .txt, .xml, .sbml, .ant or .tex.", show_default=False)],
    kind: KindOption = None,
    interpretation: InterpretationOption = None,
    volume: Volume = None,
    combinatoric: Combinatoric = False,
    quiet: Quiet = False,
) -> None:
    """Write a model in another format; what that cannot hold is refused."""
    from symdyn.io.models import check_ending, read_model, write_model

    argument(check_ending, target, "TARGET")
    if source.resolve() == target.resolve():
        raise typer.BadParameter("this is the source, which is not replaced", param_hint="TARGET")
    write_model(read_model(source, kind, **kind_options(interpretation, volume, combinatoric)), target)
    note(f"wrote {target}", quiet)
