"""A simulation repeated from what its dataset records, and compared with it bit for bit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from symdyn_kernels.status import INTERRUPTED

from symdyn.errors import DeclarationError
from symdyn.io.datasets import read_dataset
from symdyn.io.run_files import RunFile
from symdyn.optional import require
from symdyn.system import System

__all__ = ["Replay", "replay"]


class Replay:
    """A simulation that was repeated.

    Attributes
    ----------
    data : Dataset
        The new results.
    differences : tuple of str
        What of the record the new results do not have, one line a variable; empty if all bits are the same.
    notes : tuple of str
        Versions that differ, and trajectories that had been interrupted, which are not compared.

    Examples
    --------
    >>> import symdyn as sd
    >>> decay = sd.ODESystem.from_text("x' = -x; x(0) = 1")
    >>> data = sd.simulate(decay, [0, 1], progress=False)
    >>> print(sd.replay(data, progress=False))
    the same bits: x (2), status, steps, rejected, evaluations
    >>> print(sd.replay(data.assign(x=data.x + 1e-9), progress=False))   # the bits of 2 numbers
    not the same
      x: 2 of 2 numbers differ, by up to 1e-09
    """

    def __init__(self, data: xr.Dataset, differences: tuple[str, ...], notes: tuple[str, ...]) -> None:
        self.data, self.differences, self.notes = data, differences, notes

    @property
    def same(self) -> bool:
        """Whether there are no differences."""
        return not self.differences

    def __str__(self) -> str:
        names = (f"{name} ({v.size})" if v.size > 1 else str(name) for name, v in self.data.data_vars.items())
        lines = [f"the same bits: {', '.join(names)}" if self.same else "not the same", *self.differences, *self.notes]
        return "\n  ".join(lines)

    def __repr__(self) -> str:
        return f"<Replay: {self}>"


def replay(
    data: xr.Dataset | str | Path, *, networks: Any = None, system: System | None = None, threads: int | None = None,
    progress: bool = True,
) -> Replay:  # fmt: skip
    """Repeat a simulation from what its dataset records: model, values, method, tolerances, seed.

    The bits are the same for any number of threads, and on machines whose processors have the same instructions; other
    versions of the software may change the last digits, and are noted.

    Parameters
    ----------
    data : Dataset, str or Path
        What `simulate` returned, or a file of it: ``.nc``, ``.json``, or the folder of a store.
    networks : str, Path or mapping of str to TrainedNetwork, optional
        Of a system with trained networks: their file, or themselves.  They are compared with the fingerprints that the data
        record.
    system : System, optional
        The one that was simulated, where the data record no text of it: fields, colonies, matrix models, moments, automata,
        reduced systems, and those with inputs that are paths.  Another one shows in its results.
    threads : int, optional
        As many as processors by default.
    progress : bool, optional
        Whether to show a bar.

    Returns
    -------
    Replay

    Raises
    ------
    DeclarationError
        If it is no dataset of a simulation, or does not record all of it, and where a system is given that is of another kind,
        or of no effect.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> import symdyn as sd
    >>> net = sd.ReactionNetwork.from_text("0 -> X, 10; X -> 0, 1; X(0) = 0")
    >>> first = sd.simulate(net, [0, 1, 2], trajectories=100, progress=False)   # the seed is drawn, and recorded
    >>> again = sd.replay(first, threads=1, progress=False)
    >>> again.same, bool((again.data.X == first.X).all())
    (True, True)
    """
    if not isinstance(data, xr.Dataset | str | Path):
        raise DeclarationError(f"replay needs a dataset or the path of its file, got {type(data).__name__}")
    name, text = ("the dataset", False) if isinstance(data, xr.Dataset) else (str(data), Path(data).suffix.lower() == ".json")
    known = data if isinstance(data, xr.Dataset) else _read(Path(data))
    run = RunFile.of(known, name, networks=networks, system=system)
    try:
        versions = dict(pair.split(" ", 1) for pair in run.versions.split(", "))
    except ValueError as error:
        raise DeclarationError(f"{name} has a record that cannot be read: {error}") from None
    new = run.simulate(threads=threads, on_failure="nan", progress=progress)
    return Replay(new, tuple(_differences(known, new, finite=text)), tuple(_notes(known, new, versions)))


def _read(path: Path) -> xr.Dataset:
    if path.suffix.lower() == ".toml":
        raise DeclarationError(f"{path} is a run file, which holds no results to compare with; RunFile.read(path) runs it")
    if not path.is_dir():
        return read_dataset(path)
    require("zarr")
    try:
        return xr.open_zarr(path, chunks=None)
    except FileNotFoundError:
        raise DeclarationError(f"{path}: this folder is no store of a simulation") from None


def _differences(known: xr.Dataset, new: xr.Dataset, *, finite: bool) -> Iterator[str]:
    """A line for each variable that is not the same; where the record is text, only what is `finite` was kept."""
    done = known["status"] != INTERRUPTED
    aside = [name for name, v in new.coords.items() if "time" in v.dims and name != "time"]  # see `System.helpers`
    for name in dict.fromkeys((*known.data_vars, *new.data_vars, *aside)):
        if name not in known or name not in new:
            yield f"{name}: it is only in the {'record' if name in known else 'new results'}"
            continue
        old, now = known[name].load(), new[name]
        if old.dims != now.dims or old.shape != now.shape:
            yield f"{name}: dimensions {dict(old.sizes)} in the record, {dict(now.sizes)} now"
            continue
        a, b = (np.asarray(v.values, float if old.dtype.kind == "f" else None) for v in (old, now))
        wrong = a != b
        if old.dtype.kind == "f":
            lost = np.isnan(a) & (~np.isfinite(b) if finite else np.isnan(b))
            wrong = (a.view(np.int64) != b.view(np.int64)) & ~lost
        if set(done.dims) <= set(old.dims):
            wrong &= done.transpose(*(d for d in old.dims if d in done.dims)).broadcast_like(old).transpose(*old.dims).values
        if wrong.any():
            yield f"{name}: {int(wrong.sum())} of {old.size} numbers differ, by up to {_largest(a[wrong], b[wrong]):.3g}"


def _largest(a: np.ndarray, b: np.ndarray) -> float:
    with np.errstate(all="ignore"):
        return float(np.nanmax(np.append(np.abs(a.astype(float) - b), 0.0)))


def _notes(known: xr.Dataset, new: xr.Dataset, then: Mapping[str, str]) -> Iterator[str]:
    if interrupted := int((known["status"] == INTERRUPTED).sum()):
        yield f"{interrupted} of {known['status'].size} trajectories were interrupted, and are not compared"
    if known.attrs["method"] != new.attrs["method"]:
        yield f"method was {known.attrs['method']}, is {new.attrs['method']}"
    now = dict(pair.split(" ", 1) for pair in new.attrs["versions"].split(", "))
    for name in sorted(then.keys() | now.keys()):
        if then.get(name) != now.get(name):
            yield f"{name} was {then.get(name, 'not there')}, is {now.get(name, 'not there')}"
