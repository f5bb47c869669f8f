"""The command line, for scripts and terminals; ``symdyn --help`` lists its commands.

Results go to standard output or to files; everything else goes to standard error.  `symdyn.cli.ending` has the exit codes.
"""

from __future__ import annotations

import atexit
import gc
from typing import Annotated

import typer

from symdyn.cli.ending import EPILOG, Commands, ExitCode, fail
from symdyn.cli.exploring import explore
from symdyn.cli.inferring import fit, recover
from symdyn.cli.model_files import check, convert, new
from symdyn.cli.simulating import replay, run, simulate, store
from symdyn.cli.upkeep import cache_clear, cache_info, cache_warm, doctor, info
from symdyn.version import __version__

__all__ = ["ExitCode", "app", "main"]

HELP = "Simulate dynamical systems from text files, fit parameters, and recover equations from data."

#: Commands in the order of the help, with examples.
COMMANDS = {
    new: ("symdyn new jump --out model.txt",),
    check: ("symdyn check model.txt",),
    simulate: (
        "symdyn simulate model.txt --times 0:20:101 --figure run.png",
        "symdyn simulate model.txt --times 0:20:101 --set a=0.4:0.6:5 --trajectories 100 --seed 1 --out run.nc",
    ),
    explore: ("symdyn explore model.txt", "symdyn explore model.txt --stop 100 --set k=2 --no-browser"),
    run: ("symdyn run run.toml --out run.nc",),
    replay: ("symdyn replay run.nc", "symdyn replay run.nc --record run.toml"),
    store: ("symdyn store results.zarr",),
    fit: ("symdyn fit model.txt data.csv", "symdyn fit model.txt data.csv --free a --noise lognormal --out fitted/"),
    recover: (
        "symdyn recover data.csv --budget 10m --out found/",
        "symdyn recover model.txt data.csv --library populations",
    ),
    convert: ("symdyn convert model.xml model.txt", "symdyn convert model.txt model.tex"),
    info: ("symdyn info --json",),
    doctor: ("symdyn doctor",),
}
CACHE_COMMANDS = {
    "info": (cache_info, "symdyn cache info"),
    "clear": (cache_clear, "symdyn cache clear"),
    "warm": (cache_warm, "symdyn cache warm tsit5 ssa"),
}


def _epilog(examples: tuple[str, ...]) -> str:
    return "\n\n".join(("Example:" if len(examples) == 1 else "Examples:", *examples, EPILOG))


app = typer.Typer(cls=Commands, help=HELP, epilog=EPILOG, no_args_is_help=True, pretty_exceptions_enable=False)
cache_app = typer.Typer(help="Compiled code that is kept between runs.", no_args_is_help=True, epilog=EPILOG)
for _command, _examples in COMMANDS.items():
    app.command(epilog=_epilog(_examples))(_command)
for _name, (_command, _example) in CACHE_COMMANDS.items():
    cache_app.command(_name, epilog=_epilog((_example,)))(_command)
app.add_typer(cache_app, name="cache")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback(help=HELP)
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line and exit.

    This process is the command's own: what it imports stays alive, and is neither searched for garbage again and again, which
    takes a quarter of a short command's time, nor once more at the end.
    """
    gc.set_threshold(50_000)
    atexit.register(gc.freeze)
    try:
        app(prog_name="symdyn")
    except KeyboardInterrupt:  # outside of a command, while arguments were read
        fail("interrupted", ExitCode.INTERRUPTED)
