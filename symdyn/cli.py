"""The command line: ``symdyn simulate``, ``replay``, ``store``, ``recover``, ``info``, ``doctor`` and ``cache``, for scripts.

Results go to standard output or to files; everything else goes to standard error.  `symdyn.command` has the exit codes.
"""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

import symdyn as sd
from symdyn.command import EPILOG, ExitCode, argument, fail, note, quieten, reported
from symdyn.errors import DeclarationError

__all__ = ["ExitCode", "app", "main"]


class Kind(StrEnum):
    """Kinds of systems that a text can hold."""

    ODE = "ode"
    SDE = "sde"
    MAP = "map"
    JUMP = "jump"


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


app = typer.Typer(
    help="Simulate dynamical systems from text files, and recover equations from data.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
cache_app = typer.Typer(help="Compiled code that is kept between runs.", no_args_is_help=True, epilog=EPILOG)
app.add_typer(cache_app, name="cache")


def main() -> None:
    """Run the command line and exit."""
    try:
        app(prog_name="symdyn")
    except KeyboardInterrupt:  # outside of a command, while arguments were read
        fail("interrupted", ExitCode.INTERRUPTED)


# ---- options that commands share -----------------------------------------------------------------

Model = Annotated[Path, typer.Argument(help="Text file with one equation a line.", show_default=False)]
KindOption = Annotated[Kind | None, typer.Option(help="Kind of system; inferred from the text unless given.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar, no notes.")]
Seed = Annotated[int | None, typer.Option(min=0, help="Seed of random numbers.")]
AsJSON = Annotated[bool, typer.Option("--json", help="As JSON.")]


def _version(asked: bool) -> None:
    if asked:
        typer.echo(sd.__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Simulate dynamical systems from text files, and recover equations from data."""


# ---- commands ------------------------------------------------------------------------------------


@app.command(epilog=EPILOG)
@reported
def simulate(
    model: Model,
    times: Annotated[str | None, typer.Option(help="Output times, start:stop:count, such as 0:20:101.")] = None,
    times_file: Annotated[
        Path | None, typer.Option(help="File with the output times, or a table with a column of them.")
    ] = None,
    set_: Annotated[
        list[str], typer.Option("--set", help="Parameter, a=0.5; a sweep, a=0.4,0.5 or a=0.4:0.6:3. Repeatable.")
    ] = [],  # noqa: B006
    initial: Annotated[list[str], typer.Option(help="Initial value, x=30, a sweep of it, or x=2*a. Repeatable.")] = [],  # noqa: B006
    trajectories: Annotated[int | None, typer.Option(min=1, help="Trajectories at each point of the sweep.")] = None,
    seed: Seed = None,
    method: Annotated[str | None, typer.Option(help="Numerical method; chosen for the system unless given.")] = None,
    rtol: Annotated[float | None, typer.Option(help="Relative tolerance; 1e-6 unless given.")] = None,
    atol: Annotated[float | None, typer.Option(help="Absolute tolerance; 1e-9 unless given.")] = None,
    step: Annotated[float | None, typer.Option(help="Longest step of a fixed-step method.")] = None,
    epsilon: Annotated[
        float | None, typer.Option(help="Accuracy of tau-leaping and hybrid methods; 0.03 unless given.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Condition at which trajectories of a network stop, 'X <= 0'.")] = None,
    kind: KindOption = None,
    interpretation: Annotated[
        Interpretation | None, typer.Option(help="Calculus in which an SDE is meant: ito unless given.")
    ] = None,
    volume: Annotated[str | None, typer.Option(help="Volume of a reaction network: the name of a parameter.")] = None,
    combinatoric: Annotated[
        bool, typer.Option(help="Rate constants of a reaction network count each set of equal reactants once.")
    ] = False,
    reduce: Annotated[list[str], typer.Option(help="Statistic over trajectories: mean, var, quantile ... Repeatable.")] = [],  # noqa: B006
    out: Annotated[
        Path | None, typer.Option(help="File to write: .nc, .csv or .json. CSV to standard output unless given.")
    ] = None,
    on_failure: Annotated[
        OnFailure, typer.Option(help="raise: write nothing; nan: write NaN from each failure on.")
    ] = OnFailure.RAISE,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads; as many as processors unless given.")] = None,
    target: Annotated[Target, typer.Option(help="Where trajectories are computed: processor or CUDA card.")] = Target.CPU,
    precision: Annotated[Precision, typer.Option(help="Floating-point numbers of a CUDA kernel.")] = Precision.DOUBLE,
    store: Annotated[
        Path | None, typer.Option(help="Zarr folder, or .nc file, to which results are streamed; nothing else is written then.")
    ] = None,
    resume: Annotated[bool, typer.Option(help="Resume a store that exists; else it is refused.")] = True,
    scheduler: Annotated[
        str | None,
        typer.Option(
            help="Address of a dask scheduler whose workers compute, tcp://host:8786; who reaches its port runs code, but for tls://."
        ),
    ] = None,
    tls_ca_file: Annotated[str | None, typer.Option(help="Certificate of the authority, for tls://.")] = None,
    tls_cert: Annotated[str | None, typer.Option(help="Certificate of this client.")] = None,
    tls_key: Annotated[str | None, typer.Option(help="Key of this client.")] = None,
    quiet: Quiet = False,
) -> None:
    """Simulate a model, or a sweep of it, and write the trajectories."""
    from symdyn_kernels.status import INTERRUPTED

    from symdyn.codegen.kernel import with_options
    from symdyn.io.arguments import parse_assignments, parse_range, parse_starts
    from symdyn.io.datasets import check_format, write_csv, write_dataset
    from symdyn.io.models import read_model
    from symdyn.io.tables import read_times
    from symdyn.simulation.cluster import connect
    from symdyn.simulation.run import simulate as run
    from symdyn.simulation.settings import Layout, Store

    if (times is None) == (times_file is None):
        raise typer.BadParameter("give the output times by one of --times and --times-file", param_hint="--times")
    at = argument(parse_range, times, "--times") if times_file is None else read_times(times_file)
    parameters = argument(parse_assignments, set_, "--set")
    start = argument(parse_starts, initial, "--initial")
    if out is not None:
        argument(check_format, out, "--out")
        if store is not None and out.resolve() == store.resolve():
            raise typer.BadParameter("this is the store, which holds the results already", param_hint="--out")
    if scheduler is None and (tls_ca_file or tls_cert or tls_key):
        raise typer.BadParameter("the files are for a scheduler, --scheduler tls://host:8786", param_hint="--tls-ca-file")
    quieten(quiet)
    given = {"interpretation": interpretation and str(interpretation), "volume": volume, "combinatoric": combinatoric or None}
    system = read_model(model, kind, **{k: v for k, v in given.items() if v is not None})
    data = run(
        system,
        at,
        initial=start,
        parameters=parameters,
        trajectories=trajectories,
        seed=seed,
        method=method if epsilon is None else with_options(system, method, epsilon=epsilon),
        target=str(target),
        rtol=rtol,
        atol=atol,
        step=step,
        until=until,
        reduce=reduce or None,
        layout=Layout(threads=threads, precision=str(precision)),
        executor=None if scheduler is None else connect(scheduler, ca=tls_ca_file, cert=tls_cert, key=tls_key),
        store=None if store is None else Store(store, resume=resume),
        progress=not quiet,
        on_failure=str(on_failure),
    )
    if out is None and store is not None:
        note(_state(store), quiet)
    elif out is None:
        write_csv(data, sys.stdout)
        sys.stdout.flush()
    else:
        write_dataset(data, out)
        note(f"wrote {out}: {', '.join(f'{size} {dim}' for dim, size in data.sizes.items())}", quiet)
    status = data["status"].values
    if (status == INTERRUPTED).any():
        fail("interrupted; what was done before is in the results", ExitCode.INTERRUPTED)
    failed = int((status != 0).sum())
    if failed:
        fail(f"{failed} of {status.size} trajectories failed; they are NaN from there on", ExitCode.FAILURE)


def _state(path: Path) -> str:
    from symdyn.simulation.chunk_store import ChunkStore

    found = ChunkStore.find(path)
    if found is None:
        raise DeclarationError(f"there is no store at {path}; 'symdyn simulate --store' makes one")
    found.look()
    return str(found)


@app.command(epilog=EPILOG)
@reported
def replay(
    file: Annotated[Path, typer.Argument(help="A .nc or .json file of simulate, or a store.", show_default=False)],
    out: Annotated[Path | None, typer.Option(help="File of the new results: .nc, .csv or .json.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads; as many as processors unless given.")] = None,
    quiet: Quiet = False,
) -> None:
    """Repeat a simulation from what its file records, and say whether the bits are the same."""
    from symdyn.io.datasets import check_format, write_dataset
    from symdyn.io.replay import replay as run

    if out is not None:
        argument(check_format, out, "--out")
    quieten(quiet)
    found = run(file, threads=threads, progress=not quiet)
    typer.echo(found)
    if out is not None:
        write_dataset(found.data, out)
    if not found.same:
        raise SystemExit(int(ExitCode.FAILURE))


@app.command(epilog=EPILOG)
@reported
def store(
    path: Annotated[Path, typer.Argument(help="Folder or .nc file given to simulate --store.", show_default=False)],
) -> None:
    """Show how many chunks of a store are complete; all are checked."""
    typer.echo(_state(path))


@app.command(epilog=EPILOG)
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
        Path | None, typer.Option(help="Folder for a report with figures, the system, and tables; a search resumes from it.")
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
    budget: Annotated[str | None, typer.Option(help="Time after which the search ends, such as 90s, 10m or 2h.")] = None,
    heldout: Annotated[
        float, typer.Option(min=0.0, max=0.9, help="Last fraction of the times that is not used but predicted.")
    ] = 0.0,
    seed: Annotated[int, typer.Option(min=0, help="Seed of surrogate and regressor.")] = 0,
    time: Annotated[str | None, typer.Option(help="Name of the column of times; by its name unless given.")] = None,
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
        checkpoint=None if out is None else out / "checkpoint.npz",
        options=None if functions is None else RecoverOptions(functions=[name.strip() for name in functions.split(",")]),
    )
    typer.echo(model_text(found.system), nl=False)
    if out is not None:
        made: dict[str, object] = {
            "model": model,
            "data": ", ".join(map(str, data)),
            "surrogate": surrogate,
            "regressor": regressor,
        }
        made |= {"library": library, "library degree": library_degree, "functions": functions, "budget": budget}
        made |= {"held out": heldout, "seed": seed}
        write_recovery(found, out, options={**made, "symdyn": sd.__version__})
        note(f"wrote report.md with figures, system.txt, equations.tex, table.csv and recovery.json to {out}", quiet)


@app.command(epilog=EPILOG)
@reported
def info(as_json: AsJSON = False) -> None:
    """Show versions, optional packages, targets and the cache."""
    from symdyn.io.environment import environment, summary

    facts = environment()
    typer.echo(json.dumps(facts, indent=1) if as_json else summary(facts))


@app.command(epilog=EPILOG)
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


# ---- the cache -----------------------------------------------------------------------------------


@cache_app.command("info")
@reported
def cache_info(as_json: AsJSON = False) -> None:
    """Show where the cache is and what it holds."""
    from symdyn.io.environment import cache_facts, cache_summary

    facts = cache_facts()
    typer.echo(json.dumps(facts) if as_json else cache_summary(facts))


@cache_app.command("clear")
@reported
def cache_clear() -> None:
    """Remove all compiled code; it is compiled again when it is needed."""
    from symdyn.io.environment import cache_facts, cache_summary, clear_cache

    clear_cache()
    typer.echo(cache_summary(cache_facts()))


@cache_app.command("warm")
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
    quiet: Quiet = False,
) -> None:
    """Compile drivers in advance, so that the first runs need not: those of all methods and of models with further parts.

    All of them take some minutes.
    """
    from rich.console import Console
    from rich.progress import track

    from symdyn.io.environment import cache_facts, cache_summary
    from symdyn.io.warming import MEANINGS, compiled, drivers
    from symdyn.registry import suggest

    known = drivers()
    if list_:
        typer.echo(f"methods: {', '.join(sd.METHODS)}")
        typer.echo("\n".join(f"{name}: {meaning}" for name, meaning in MEANINGS.items()))
        return
    groups = {**{name: [name] for name in known}, "methods": list(sd.METHODS)}
    if unknown := [name for name in names or () if name not in groups]:
        raise typer.BadParameter(f"{unknown[0]!r} is not known.{suggest(unknown[0], groups)} --list shows the names")
    asked = dict.fromkeys(group for name in names or known for group in groups[name])
    quieten(True)  # the bar says what is being compiled
    console = Console(stderr=True)
    hidden = quiet or not console.is_terminal
    places = [(name, place) for name in asked for place in range(len(known[name]))]
    done = compiled(places, processes, partial(quieten, True))
    for _ in track(done, "compiling drivers", len(places), console=console, disable=hidden):
        pass
    typer.echo(cache_summary(cache_facts()))


if __name__ == "__main__":
    main()
