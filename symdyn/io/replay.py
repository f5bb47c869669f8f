"""A simulation repeated from what its dataset records, and compared with it bit for bit."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from symdyn_kernels.status import INTERRUPTED

from symdyn.errors import DeclarationError
from symdyn.io.datasets import read_dataset
from symdyn.methods.options import AdaptiveOptions, MethodOptions
from symdyn.methods.registry import METHODS
from symdyn.models.text import text_kinds
from symdyn.optional import require
from symdyn.simulation.run import simulate
from symdyn.simulation.settings import Layout
from symdyn.system import System

__all__ = ["Replay", "replay"]

#: A statistic in the attribute ``reduce``: its name, and a number or numbers in brackets.
_STATISTIC = re.compile(r"(\w+)(?:: (\(.*?\)|[^,]+))?(?:, |$)")


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


def replay(data: xr.Dataset | str | Path, *, threads: int | None = None, progress: bool = True) -> Replay:
    """Repeat a simulation from what its dataset records: model, values, method, tolerances, seed.

    The bits are the same for any number of threads, and on machines whose processors have the same instructions; other
    versions of the software may change the last digits, and are noted.

    Parameters
    ----------
    data : Dataset, str or Path
        What `simulate` returned, or a file of it: ``.nc``, ``.json``, or the folder of a store.
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
        If it is no dataset of a simulation, or does not record all of it: systems without a text (fields, colonies, matrix
        models, moments, inputs that are paths) are repeated by the Python that declared them.
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
    attrs = {str(key): value.item() if isinstance(value, np.generic) else value for key, value in known.attrs.items()}
    if not {"system", "target", "method", "versions"} <= attrs.keys() or "time" not in known.dims or "status" not in known:
        raise DeclarationError(f"{name} is not what symdyn.simulate returned; expected its dataset, with all attributes")
    if "model" not in attrs:
        raise DeclarationError(
            f"{name} records no text of its {attrs['system']}, which has none; run the Python that declared it again"
        )
    try:
        request, versions = _request(known, attrs), _versions(known)
    except (KeyError, TypeError, ValueError, StopIteration) as error:
        if isinstance(error, DeclarationError):
            raise
        raise DeclarationError(f"{name} has a record that cannot be read: {error}") from None
    layout = Layout(threads=threads, precision=attrs.get("precision", "float64"))
    new = simulate(**request, layout=layout, on_failure="nan", progress=progress)
    return Replay(new, tuple(_differences(known, new, finite=text)), tuple(_notes(known, new, versions)))


def _read(path: Path) -> xr.Dataset:
    if not path.is_dir():
        return read_dataset(path)
    require("zarr")
    return xr.open_zarr(path, chunks=None)


def _request(known: xr.Dataset, attrs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `simulate`."""
    given: dict[str, dict[str, Any]] = {"initial": _pairs(attrs, "initial"), "parameters": _pairs(attrs, "parameters")}
    for coordinate in known.coords.values():
        for what, kind in (("initial", "initial"), ("parameter", "parameters")):
            if what in coordinate.attrs:
                given[kind][coordinate.attrs[what]] = coordinate.reset_coords(drop=True).load()
    options = {name: attrs[name] for name in ("rtol", "atol", "step", "seed", "until", "target") if name in attrs}
    return {
        "system": _system(attrs, known["time"].attrs["long_name"]), "t": known["time"].values, **given, **options,
        "method": _method(attrs), "trajectories": known.sizes.get("trajectory"), "reduce": _reductions(attrs),
    }  # fmt: skip


def _system(attrs: Mapping[str, Any], time: str) -> System:
    cls = next((c for c in text_kinds().values() if c.__name__ == attrs["system"]), None)
    if cls is None:
        raise DeclarationError(f"the dataset is of a system {attrs['system']}, which this symdyn does not know")
    options = {"interpretation": attrs["interpretation"]} if "interpretation" in attrs else {}
    if "volume" in attrs:
        options = {"volume": attrs["volume"] if attrs["volume"] != "1" else 1, "combinatoric": bool(attrs["combinatoric"])}
    found: System = cls.from_text(attrs["model"], time=time, **options)
    return found


def _method(attrs: Mapping[str, Any]) -> MethodOptions:
    """The method with its options; the default one where stiffness was looked for."""
    cls = AdaptiveOptions if "stiff_trajectories" in attrs else METHODS[attrs["method"]].options
    found: MethodOptions = cls(**{f.name: attrs[f.name] for f in fields(cls) if f.name in attrs})
    return found


def _pairs(attrs: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """``k = 1, V = 100`` as a mapping."""
    pairs = (pair.partition(" = ") for pair in attrs.get(kind, "").split(", "))
    return {name: float(value) for name, _, value in pairs if name}


def _reductions(attrs: Mapping[str, Any]) -> dict[str, Any] | None:
    """``mean, quantile: (0.1, 0.5), histogram: 16`` as a mapping."""
    if "reduce" not in attrs:
        return None
    found: dict[str, Any] = {}
    for name, value in _STATISTIC.findall(attrs["reduce"]):
        numbers = tuple(float(v) for v in value.strip("()").split(",") if v.strip())
        found[name] = None if not value else numbers if value.startswith("(") else int(value)
    return found


def _differences(known: xr.Dataset, new: xr.Dataset, *, finite: bool) -> Iterator[str]:
    """A line for each variable that is not the same; where the record is text, only what is `finite` was kept."""
    done = known["status"] != INTERRUPTED
    for name in dict.fromkeys((*known.data_vars, *new.data_vars)):
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


def _versions(data: xr.Dataset) -> dict[str, str]:
    return dict(pair.split(" ", 1) for pair in data.attrs["versions"].split(", "))


def _notes(known: xr.Dataset, new: xr.Dataset, then: Mapping[str, str]) -> Iterator[str]:
    if interrupted := int((known["status"] == INTERRUPTED).sum()):
        yield f"{interrupted} of {known['status'].size} trajectories were interrupted, and are not compared"
    if known.attrs["method"] != new.attrs["method"]:
        yield f"method was {known.attrs['method']}, is {new.attrs['method']}"
    now = _versions(new)
    for name in sorted(then.keys() | now.keys()):
        if then.get(name) != now.get(name):
            yield f"{name} was {then.get(name, 'not there')}, is {now.get(name, 'not there')}"
