"""Commands that simulate, repeat a simulation, and look at a store of results."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from symdyn.cli.ending import ExitCode, argument, fail, note, quieten, reported
from symdyn.cli.options import (
    Combinatoric,
    FigureFile,
    InterpretationOption,
    KindOption,
    Model,
    OnFailure,
    OnFailureOption,
    Out,
    Precision,
    Quiet,
    Seed,
    Target,
    Threads,
    Volume,
    kind_options,
)  # fmt: skip
from symdyn.errors import DeclarationError

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["replay", "run", "simulate", "store"]


#: Files of figures by their suffix.
FIGURES = (".png", ".svg", ".pdf")


@reported
def simulate(
    model: Model,
    times: Annotated[str | None, typer.Option(help="Output times, start:stop:count, such as 0:20:101, or 0,5,20.")] = None,
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
    until: Annotated[str | None, typer.Option(help="Condition at which trajectories stop, such as 'X <= 0'.")] = None,
    kind: KindOption = None,
    interpretation: InterpretationOption = None,
    volume: Volume = None,
    combinatoric: Combinatoric = False,
    reduce: Annotated[list[str], typer.Option(help="Statistic over trajectories: mean, var, quantile ... Repeatable.")] = [],  # noqa: B006
    out: Out = None,
    figure: FigureFile = None,
    on_failure: OnFailureOption = OnFailure.RAISE,
    threads: Threads = None,
    target: Annotated[Target, typer.Option(help="Where trajectories are computed: processor or CUDA card.")] = Target.CPU,
    precision: Annotated[Precision, typer.Option(help="Floating-point numbers of a CUDA kernel.")] = Precision.DOUBLE,
    store: Annotated[
        Path | None, typer.Option(help="Zarr folder, or .nc file, to which results are streamed, in place of a CSV.")
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
    record: Annotated[Path | None, typer.Option(help="Run file to write, .toml, which 'symdyn run' runs again.")] = None,
    quiet: Quiet = False,
) -> None:
    """Simulate a model, or a sweep of it, and write the trajectories."""
    from symdyn.codegen.kernel import with_options
    from symdyn.io.arguments import parse_assignments, parse_starts, parse_times
    from symdyn.io.datasets import check_format
    from symdyn.io.models import read_model
    from symdyn.io.tables import read_times
    from symdyn.simulation.cluster import connect
    from symdyn.simulation.run import simulate as run_once
    from symdyn.simulation.settings import Layout, Store

    if (times is None) == (times_file is None):
        raise typer.BadParameter("give the output times by one of --times and --times-file", param_hint="--times")
    at = argument(parse_times, times, "--times") if times_file is None else read_times(times_file)
    parameters = argument(parse_assignments, set_, "--set")
    start = argument(parse_starts, initial, "--initial")
    if out is not None:
        argument(check_format, out, "--out")
        if store is not None and out.resolve() == store.resolve():
            raise typer.BadParameter("this is the store, which holds the results already", param_hint="--out")
    _record_to(record)
    _figure_to(figure)
    if scheduler is None and (tls_ca_file or tls_cert or tls_key):
        raise typer.BadParameter("the files are for a scheduler, --scheduler tls://host:8786", param_hint="--tls-ca-file")
    if store is None and not resume:
        raise typer.BadParameter("there is no store to refuse; name one, --store", param_hint="--no-resume")
    quieten(quiet)
    system = read_model(model, kind, **kind_options(interpretation, volume, combinatoric))
    data = run_once(
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
    elif out is not None or figure is None:
        _put(data, out, quiet)
    _record(data, record, quiet)
    _figure(data, figure, quiet)
    _end(data)


@reported
def run(
    file: Annotated[Path, typer.Argument(help="A run file, .toml.", show_default=False)],
    out: Out = None,
    figure: FigureFile = None,
    on_failure: OnFailureOption = OnFailure.RAISE,
    threads: Threads = None,
    quiet: Quiet = False,
) -> None:
    """Run a simulation that a run file holds: model, values, times, method, seed."""
    from symdyn.io.datasets import check_format
    from symdyn.io.run_files import RunFile

    if out is not None:
        argument(check_format, out, "--out")
    _figure_to(figure)
    quieten(quiet)
    data = RunFile.read(file).simulate(threads=threads, progress=not quiet, on_failure=str(on_failure))
    if out is not None or figure is None:
        _put(data, out, quiet)
    _figure(data, figure, quiet)
    _end(data)


def _put(data: xr.Dataset, out: Path | None, quiet: bool) -> None:
    """Write results to a file, or as CSV to standard output."""
    from symdyn.io.datasets import write_csv, write_dataset

    if out is None:
        write_csv(data, sys.stdout)
        sys.stdout.flush()
    else:
        write_dataset(data, out)
        note(f"wrote {out}{_sizes(data)}", quiet)


def _sizes(data: xr.Dataset) -> str:
    """What a note says of results."""
    return f": {', '.join(f'{size} {dim}' for dim, size in data.sizes.items())}"


def _record_to(record: Path | None) -> None:
    """Refuse a name that no run file has, before anything is computed."""
    if record is not None:
        from symdyn.io.run_files import check_toml

        argument(check_toml, record, "--record")


def _record(data: xr.Dataset, record: Path | None, quiet: bool) -> None:
    """Write the run file of results."""
    if record is not None:
        from symdyn.errors import DeclarationError
        from symdyn.io.models import NAMES_WEIGHTS
        from symdyn.io.run_files import RunFile

        if NAMES_WEIGHTS in data.attrs.get("model", ""):
            raise DeclarationError(
                "no run file holds trained networks; keep the results, which 'symdyn replay --networks' repeats"
            )
        RunFile.of(data).write(record)
        note(f"wrote {record}", quiet)


def _figure_to(figure: Path | None) -> None:
    """Refuse a name that no figure has, before anything is computed."""
    if figure is not None and (figure.suffix not in FIGURES or not figure.parent.is_dir()):
        raise typer.BadParameter(
            f"expected a file {', '.join(FIGURES)} in a folder that exists, got {figure}", param_hint="--figure"
        )


def _figure(data: xr.Dataset, figure: Path | None, quiet: bool) -> None:
    """Draw the trajectories."""
    if figure is not None:
        from symdyn.figure_style import style
        from symdyn.io.datasets import write_file
        from symdyn.io.drawing import plot

        with style():  # text in vector files stays text
            write_file(figure, plot(data).savefig)
        note(f"wrote {figure}{_sizes(data)}", quiet)


def _end(data: xr.Dataset) -> None:
    """End with the status that failures ask for."""
    from symdyn_kernels.status import INTERRUPTED

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


@reported
def replay(
    file: Annotated[Path, typer.Argument(help="A .nc or .json file of simulate, or a store.", show_default=False)],
    out: Annotated[Path | None, typer.Option(help="File of the new results: .nc, .csv or .json.")] = None,
    record: Annotated[Path | None, typer.Option(help="Run file of it to write, .toml, which 'symdyn run' runs.")] = None,
    networks: Annotated[Path | None, typer.Option(help="File of the weights of trained networks, .npz.")] = None,
    threads: Threads = None,
    quiet: Quiet = False,
) -> None:
    """Repeat a simulation from what its file records, and say whether the bits are the same."""
    from symdyn.io.datasets import check_format, write_dataset
    from symdyn.io.replaying import replay as repeat

    if out is not None:
        argument(check_format, out, "--out")
    _record_to(record)
    quieten(quiet)
    found = repeat(file, networks=networks, threads=threads, progress=not quiet)
    typer.echo(found)
    if out is not None:
        write_dataset(found.data, out)
    _record(found.data, record, quiet)
    if not found.same:
        raise SystemExit(int(ExitCode.FAILURE))


@reported
def store(
    path: Annotated[Path, typer.Argument(help="Folder or .nc file given to simulate --store.", show_default=False)],
) -> None:
    """Show how many chunks of a store are complete; all are checked."""
    typer.echo(_state(path))
