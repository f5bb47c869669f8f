"""What options of several commands may be, and how they are declared."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer


class Kind(StrEnum):
    """Kinds of systems that a text can hold."""

    ODE = "ode"
    SDE = "sde"
    MAP = "map"
    JUMP = "jump"


class ModelForm(StrEnum):
    """What a new model begins with: a kind of system, or what equations may have."""

    ODE = "ode"
    JUMP = "jump"
    MAP = "map"
    SDE = "sde"
    EVENT = "event"
    DOSE = "dose"
    DELAY = "delay"
    ALGEBRAIC = "algebraic"
    OSCILLATOR = "oscillator"
    MATRIX = "matrix"
    UNKNOWN = "unknown"


class Target(StrEnum):
    """Where kernels run."""

    CPU = "cpu"
    CUDA = "cuda"


class Precision(StrEnum):
    """Numbers in which a CUDA kernel computes."""

    DOUBLE = "float64"
    SINGLE = "float32"


class OnFailure(StrEnum):
    """What happens to the results if trajectories fail."""

    RAISE = "raise"
    NAN = "nan"


class Interpretation(StrEnum):
    """Stochastic calculus."""

    ITO = "ito"
    STRATONOVICH = "stratonovich"


MODEL = "A text with one equation a line, SBML (.xml, .sbml), Antimony (.ant), PySB (.py) or a PEtab problem (.yaml)."
Model = Annotated[
    Path,
    typer.Argument(help=MODEL, show_default=False),
]
KindOption = Annotated[Kind | None, typer.Option("--kind", help="Kind of system; told from the text unless given.")]
InterpretationOption = Annotated[
    Interpretation | None, typer.Option("--interpretation", help="Calculus in which an SDE is meant: ito unless given.")
]
Volume = Annotated[str | None, typer.Option("--volume", help="Volume of a reaction network: the name of a parameter.")]
Combinatoric = Annotated[
    bool, typer.Option("--combinatoric", help="Rate constants of a reaction network count each set of equal reactants once.")
]
TimeColumn = Annotated[str | None, typer.Option("--time", help="Name of the column of times; by its name unless given.")]
BudgetOption = Annotated[
    str | None,
    typer.Option(
        "--budget", help="Time after which it ends with the best so far, such as 90s, 10m or 2h; with --out it can go on."
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar, no notes.")]
Seed = Annotated[int | None, typer.Option(min=0, help="Seed of random numbers.")]
Out = Annotated[
    Path | None,
    typer.Option(help="File to write: .nc, .csv or .json. CSV to standard output unless this or a figure is asked for."),
]
FigureFile = Annotated[
    Path | None, typer.Option(help="Figure of the trajectories to write, .png, .svg or .pdf; without --out no numbers.")
]
OnFailureOption = Annotated[OnFailure, typer.Option(help="raise: write nothing; nan: write NaN from each failure on.")]
Threads = Annotated[int | None, typer.Option(min=1, help="Threads; as many as processors unless given.")]
AsJSON = Annotated[bool, typer.Option("--json", help="As JSON.")]


def kind_options(interpretation: Interpretation | None, volume: str | None, combinatoric: bool) -> dict[str, Any]:
    """What was given of the options that only some kinds of systems have."""
    given = {"interpretation": interpretation and str(interpretation), "volume": volume, "combinatoric": combinatoric or None}
    return {name: value for name, value in given.items() if value is not None}
