"""Commands that recover equations and fit parameters."""

from __future__ import annotations

import warnings
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from symdyn.cli.ending import argument, note, quieten, reported
from symdyn.cli.options import BudgetOption, KindOption, Quiet, TimeColumn
from symdyn.version import __version__

if TYPE_CHECKING:
    from symdyn.inference.fits import Fit

__all__ = ["fit", "recover"]

#: File in the folder of results from which a search goes on.
CHECKPOINT = "checkpoint.npz"


@reported
def fit(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="A model, then tables of measurements with a column of times; or a PEtab problem (.yaml) alone.",
            metavar="FILES",
            show_default=False,
        ),
    ],
    free: Annotated[
        list[str],
        typer.Option(help="A parameter or state with a value that is fitted too: a, or with bounds a=0.1:10. Repeatable."),
    ] = [],  # noqa: B006
    observe: Annotated[
        list[str], typer.Option(help="What a column of the data is, light=s*x; symbols such as s are fitted. Repeatable.")
    ] = [],  # noqa: B006
    noise: Annotated[
        str | None, typer.Option(help="A standard deviation, or a law: normal, lognormal, laplace, student, poisson ...")
    ] = None,
    likelihood: Annotated[str | None, typer.Option(help="Of networks and SDEs; chosen for them unless given.")] = None,
    starts: Annotated[int | None, typer.Option(min=1, help="Points from which the search begins; 20 unless given.")] = None,
    level: Annotated[float, typer.Option(help="Of the intervals.")] = 0.9,
    budget: BudgetOption = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the starts.")] = 0,
    kind: KindOption = None,
    time: TimeColumn = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the fit, tables, the system and a figure. What --budget or Ctrl-C cut short goes on from it "
            "when the same command is run again."
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Fit parameters without a value to data; the system goes to standard output, the estimates before it as comments."""
    from symdyn.inference.fitting import fit as run
    from symdyn.io.arguments import parse_assignments, parse_bounds, parse_duration, parse_noise
    from symdyn.io.models import PETAB_FILES, read_model
    from symdyn.io.petab.problem import read_petab
    from symdyn.io.tables import read_table
    from symdyn.models.text import model_text
    from symdyn.parsing import parse_expression

    quieten(quiet)
    chosen: dict[str, Any] = {"level": level, "seed": seed} | ({} if starts is None else {"starts": starts})
    chosen |= {"budget": None if budget is None else parse_duration(budget), "progress": not quiet}
    if files[0].suffix in PETAB_FILES:
        if len(files) > 1 or free or observe or noise or likelihood or kind or time:
            raise typer.BadParameter("a PEtab problem names its data and what is fitted; leave tables and such options out")
        arguments: tuple[Any, ...] = (read_petab(files[0]),)
    else:
        if len(files) == 1:
            raise typer.BadParameter(f"there are no data beside {files[0]}; name a table of measurements after the model")
        system = read_model(files[0], kind)
        formulas = argument(partial(parse_assignments, read=parse_expression), observe, "--observe")
        tables = [read_table(path, time=time, columns=(*system.names, *system.observables, *formulas)) for path in files[1:]]
        chosen |= {"parameters": argument(parse_bounds, free, "--free"), "observables": formulas or None}
        chosen |= {} if likelihood is None else {"likelihood": likelihood}
        chosen |= {"noise": argument(parse_noise, noise, "--noise")}
        arguments = (system, tables if len(tables) > 1 else tables[0])
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        chosen |= {"checkpoint": out / CHECKPOINT}
    found = run(*arguments, **chosen)
    typer.echo("\n".join(f"# {line}".rstrip() for line in str(found).splitlines()))
    typer.echo("\n" + model_text(found.system), nl=False)
    _warn_cut_short("fit", found.complete, out)
    if out is not None:
        note(f"wrote {', '.join(_write_fit(found, out))} to {out}", quiet)


def _warn_cut_short(what: str, complete: bool, out: Path | None) -> None:
    """Say that a fit or a search is not complete, and how it goes on."""
    if not complete:
        further = "with --out FOLDER the same command would go on" if out is None else f"the same command goes on from {out}"
        warnings.warn(f"the {what} was cut short, this is the best so far; {further}", stacklevel=2)


def _write_fit(found: Fit, folder: Path) -> list[str]:
    """Write what there is of a fit, and say which files."""
    from symdyn.inference.observed_problem import ObservedProblem
    from symdyn.inference.stochastic_problem import StochasticProblem
    from symdyn.io.datasets import write_file
    from symdyn.io.models import write_model

    write_model(found.system, folder / "system.txt")
    write_file(folder / "parameters.csv", lambda path: found.intervals.to_csv(path, index=False, lineterminator="\n"))
    names = ["system.txt", "parameters.csv"]
    if isinstance(found.problem, (ObservedProblem, StochasticProblem)):  # those of PEtab are kept by their own files
        found.save(folder / "fit.nc")
        write_file(folder / "fit.png", lambda path: found.plot().savefig(path, dpi=150))
        names += ["fit.nc", "fit.png"]
    return names


@reported
def recover(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="A model with unknown terms such as f(x, y), then tables of measurements with a column of times; tables "
            "(.csv, .tsv) alone if nothing is known of the equations.",
            metavar="FILES",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for a report with figures, the system, and tables. What --budget or Ctrl-C cut short goes on from it "
            "when the same command is run again."
        ),
    ] = None,
    surrogate: Annotated[str, typer.Option(help="What learns states and terms first; auto, or none.")] = "auto",
    regressor: Annotated[str, typer.Option(help="What turns learned terms into formulas; auto, or none.")] = "auto",
    library_degree: Annotated[
        int | None, typer.Option(min=1, max=8, help="Degree of the monomials that are candidates.")
    ] = None,
    library: Annotated[
        str | None, typer.Option(help="Terms that are candidates instead, by name: populations, mechanics or chemistry.")
    ] = None,
    functions: Annotated[
        str | None, typer.Option(help="Functions in the library beside monomials, such as sin,exp; see the documentation.")
    ] = None,
    budget: BudgetOption = None,
    heldout: Annotated[
        float, typer.Option(min=0.0, max=0.9, help="Last fraction of the times that is not used but predicted.")
    ] = 0.0,
    seed: Annotated[int, typer.Option(min=0, help="Seed of surrogate and regressor.")] = 0,
    time: TimeColumn = None,
    states: Annotated[
        str | None, typer.Option(help="Columns that are states, x,y, if nothing is known; all but the times unless given.")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Recover unknown terms, or all equations, from data; the system found goes to standard output."""
    from symdyn.discover.recover import RecoverOptions
    from symdyn.discover.recover import recover as run
    from symdyn.inference.headers import legible_names
    from symdyn.io.arguments import parse_duration
    from symdyn.io.models import read_model
    from symdyn.io.report import write_recovery
    from symdyn.io.tables import TABLES, read_table
    from symdyn.models.text import model_text

    quieten(quiet)
    model, data = (None, files) if files[0].suffix.lower() in TABLES else (files[0], files[1:])
    if not data:
        raise typer.BadParameter(f"there are no data beside {model}; name a table of measurements after the model")
    system = None if model is None else read_model(model)
    if system is not None and states is not None:
        raise typer.BadParameter("the model names the states", param_hint="--states")
    columns = None if states is None else [name.strip() for name in states.split(",")]
    known = columns if system is None else system.names
    tables = [read_table(path, time=time, columns=known) for path in data]
    named = {name for table in tables for pair in legible_names(map(str, table), columns or ()).items() for name in pair}
    missing = [name for name in columns or () if name not in named]
    if missing:
        raise typer.BadParameter(f"the data have no column {missing[0]!r}", param_hint="--states")
    if library is not None and library_degree is not None:
        raise typer.BadParameter("--library says which terms there are, and so does --library-degree; leave one of them out")
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    found = run(
        system,
        tables,
        library=library_degree if library is None else library,
        surrogate=None if surrogate == "none" else surrogate,
        regressor=None if regressor == "none" else regressor,
        budget=parse_duration(budget) if budget is not None else None,
        seed=seed,
        heldout=heldout,
        progress=not quiet,
        checkpoint=None if out is None else out / CHECKPOINT,
        options=None if functions is None else RecoverOptions(functions=[name.strip() for name in functions.split(",")]),
    )
    typer.echo(model_text(found.system), nl=False)
    _warn_cut_short("search", found.complete, out)
    if out is not None:
        made: dict[str, object] = {
            "model": model,
            "data": ", ".join(map(str, data)),
            "surrogate": surrogate,
            "regressor": regressor,
        }
        made |= {"library": library, "library degree": library_degree, "functions": functions, "budget": budget}
        made |= {"held out": heldout, "seed": seed}
        write_recovery(found, out, options={**made, "symdyn": __version__})
        note(f"wrote report.md with figures, system.txt, equations.tex, table.csv and recovery.json to {out}", quiet)
