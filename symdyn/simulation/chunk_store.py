"""Simulations on disk: a zarr store that is filled chunk by chunk, outlives its process, and can be resumed.

A store is a folder that ``xarray.open_zarr`` reads at any time: chunks that are missing are NaN, with the status 'interrupted'.
The folder ``.symdyn`` in it holds the manifest (what was asked, as `symdyn.simulation.request` describes it, the seed, the
chunks) and a part for each complete chunk, which is written last: the sizes and checksums of the chunk's files, how its
trajectories ended, and the statistics that were gathered.  Any process that sees the folder may write any chunk.

A path that ends in ``.nc`` names a netCDF file, which cannot be written in pieces that outlive a crash: the run is gathered in
a folder beside it, ``.nc.part``, and becomes the file when it is complete.
"""

from __future__ import annotations

import itertools
import json
import logging
import math
import os
import secrets
import shutil
import time
import warnings
import zlib
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import numpy as np
import xarray as xr
from symdyn_kernels.status import INTERRUPTED

from symdyn.codegen.load import announce
from symdyn.errors import SymdynError
from symdyn.files import ABANDONED, UNFINISHED, clear, put
from symdyn.optional import require
from symdyn.simulation import netcdf
from symdyn.simulation.chunks import Chunk
from symdyn.simulation.dataset import counts, helpers_aside, reduced_dataset
from symdyn.simulation.frames import Variable
from symdyn.simulation.gather import Folded
from symdyn.simulation.parts import Parts
from symdyn.simulation.plan import ChunkGrid, Plan, Segments
from symdyn.simulation.verdict import Outcome

__all__ = ["ChunkStore"]

LOG = logging.getLogger("symdyn")
FORMAT = {"format": "symdyn-store", "version": 2}
#: In a part the name of what describes its chunk; names of statistics contain a colon.
FACTS = "facts"
#: Threads that look for complete chunks.
READERS = 16
#: Most trajectories of a store.
MOST_ROWS = 10**15
#: The folder inside a store that holds manifest and parts; its ``zarr.json`` makes it a group without arrays.
INSIDE = ".symdyn"
#: Between the numbers in the name of a chunk's file; a slash would make a folder of each.
SEPARATOR = "."
#: Fast, and effective on numbers of molecules; a 1 means that bytes are shuffled.
COMPRESSION: dict[str, Any] = {"cname": "lz4", "clevel": 1, "shuffle": 1}


class ChunkStore:
    """An existing store; `begin` creates one, `find` opens one.

    Attributes
    ----------
    path : Path
        The folder.
    file : Path or None
        The netCDF file that it becomes.
    manifest : dict
        As it is on disk: ``request``, ``seed``, ``grid``, ``variables``, ``token``.
    outcomes : dict from int to Outcome
        Of the chunks that are known to be complete: those that were found by `look` and those that were written since.
    """

    def __init__(self, path: Path, manifest: Mapping[str, Any], file: Path | None = None) -> None:
        self.path, self.manifest, self.file = path, manifest, file
        made = {**manifest["grid"], "shape": tuple(manifest["grid"]["shape"])}
        self.grid = Segments(**made) if "every" in made else ChunkGrid(**made)
        self.outcomes: dict[int, Outcome] = {}
        self._parts = Parts(path / INSIDE / "parts")
        self._codec = require("numcodecs").Blosc(**COMPRESSION)

    # ---- beginning and finding -----------------------------------------------------------------

    @classmethod
    def find(cls, path: Path) -> Self | None:
        """The store at a path, or None if there is nothing; its complete chunks are not looked for yet.

        Raises
        ------
        SymdynError
            If something else is there.
        """
        path, file = _split(path)
        if file is not None and file.exists():
            manifest = netcdf.read_manifest(file)
            try:
                found = cls(path, _checked(manifest), file)
                found.outcomes = {i: Outcome.read(o) for i, o in enumerate(manifest["outcomes"])}
            except (ValueError, KeyError, TypeError, IndexError):
                raise SymdynError(f"{file} has a manifest that cannot be read; remove it or name another path") from None
            return found
        try:
            manifest = json.loads((path / INSIDE / "zarr.json").read_text(encoding="utf-8"))["attributes"]
            if {k: manifest[k] for k in FORMAT} == FORMAT:
                return cls(path, _checked(manifest), file)
            other = f"is of version {manifest['version']}, this symdyn reads version {FORMAT['version']}"
        except (FileNotFoundError, NotADirectoryError):
            if not path.exists() or (path.is_dir() and not any(path.iterdir())):
                return None
            other = "is not a store of symdyn"
        except (ValueError, KeyError, TypeError, RecursionError):
            other = "has a manifest that cannot be read"
        except OSError as error:
            other = f"cannot be looked at ({error.strerror})"
        raise SymdynError(f"{path} {other}; name a path where there is nothing, or remove what is there")

    @classmethod
    def begin(cls, path: Path, blank: xr.Dataset, grid: ChunkGrid, plan: Plan, request: Mapping[str, str]) -> Self:
        """Make an empty store, complete with coordinates and attributes, and move it into place.

        Parameters
        ----------
        blank : Dataset
            What the result will look like; its values are not used.
        plan : Plan
            If it reduces trajectories, variables over time are statistics, which are written at the end.
        request : mapping
            All that determines the numbers.
        """
        require("zarr")
        path, file = _split(path)
        names = [str(name) for name in blank.data_vars]
        seed = plan.options.seed if plan.kernel.stochastic else None
        lengths = {v.name: _length(v, plan.times.size, grid) for v in plan.frame.variables}
        manifest = {**FORMAT, "request": dict(request), "seed": seed, "grid": asdict(grid), "variables": names}
        manifest["token"] = secrets.token_hex(8)
        path = path.resolve() if path.is_symlink() else path
        temporary = path.with_name(f".{path.name}-{manifest['token']}{UNFINISHED}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            clear(path)
            with ThreadPoolExecutor(1) as pool:  # zarr has threads of its own, which an interrupt here would not stop
                aside = helpers_aside(blank, plan.frame.declared).coords.keys() - blank.coords.keys()
                pool.submit(_make_blank, temporary, blank, grid, lengths, plan.reductions is not None, aside).result()
            put(temporary / INSIDE / "zarr.json", _json({"zarr_format": 3, "node_type": "group", "attributes": manifest}))
            try:
                os.rename(temporary, path)  # also onto an empty folder
            except OSError as error:
                raise SymdynError(f"{path} cannot be made ({error.strerror}): does another process begin it?") from None
        except BaseException as error:
            _remove(temporary)
            if isinstance(error, OSError):
                raise SymdynError(f"the store {path} cannot be made: {error.strerror or error}") from None
            raise
        return cls(path, manifest, file)

    # ---- chunks --------------------------------------------------------------------------------

    def write(
        self, index: int, plan: Plan, chunk: Chunk, *, final: bool = True, beside: Mapping[str, np.ndarray] | None = None
    ) -> None:
        """Write a chunk that is complete: its arrays, of which the status is the last, then the part with their checksums.

        Who reads it before it is complete then finds 'interrupted', and never a success whose counts are not there.  Of parts
        in time of a trajectory the `final` one has its counts, and what the next one needs is kept `beside` the facts.
        """
        variables = plan.frame.variables if plan.reductions is None else ()
        size, last = plan.times.size, not isinstance(self.grid, Segments) or final
        arrays = {v.name: (v.of(chunk.run.values, chunk.run.aside), _length(v, size, self.grid)) for v in variables
                  if v.timed or last}  # fmt: skip
        if last:
            arrays |= {name: (values, 1) for name, (values, _) in counts(plan.kernel, chunk.run).items()}
            arrays["status"] = arrays.pop("status")
        begun = index if isinstance(self.grid, Segments) else 0
        files = {}
        for name, (values, length) in arrays.items():
            start = begun if name in {v.name for v in variables if v.timed} else 0
            for number, first in enumerate(range(0, values.shape[1] if values.ndim > 1 else 1, length), start):
                data = self._encode(name, values[:, first : first + length] if values.ndim > 1 else values, length)
                key = self._key(name, index, number, values.ndim)
                files[key] = len(data), zlib.crc32(data)
                put(self.path / key, data)
        record = {FACTS: np.frombuffer(_json({"files": files, "outcome": chunk.outcome}), np.uint8)}
        for point, gathered in chunk.statistics.items():
            record |= {f"{point}:{name}": values for name, values in gathered.items()}
        self._parts.save(_part(index), {**record, **(beside or {})})
        self.outcomes[index] = chunk.outcome

    def look(self) -> None:
        """Find the chunks that are complete, and check what is there: a chunk whose files are damaged is not."""
        if self.finished:
            return
        numbers = (int(name) for name in self._parts.names() if name.isascii() and name.isdecimal() and len(name) < 20)
        there = sorted(number for number in numbers if number < len(self.grid))
        with ThreadPoolExecutor(READERS) as pool:  # files of a network are slow to open; checksums need no interpreter
            found = pool.map(self._outcomes, (there[k::READERS] for k in range(READERS)))
            self.outcomes = dict(sorted(itertools.chain(*found)))

    def beside(self, index: int) -> dict[str, np.ndarray]:
        """What was kept with a segment that is complete."""
        part = self._parts.load(_part(index))
        if part is None:
            raise SymdynError(
                f"a file of segment {index} of {self.path} cannot be read; run again, which does that segment again"
            )
        return {k: v for k, v in part.items() if k != FACTS}

    @property
    def seed(self) -> int | None:
        """The seed that it was begun with, or that was drawn then; None where none matters."""
        return self.manifest["seed"]

    @property
    def _manifest_file(self) -> Path:
        return self.path / INSIDE / "zarr.json"

    @property
    def finished(self) -> bool:
        """Whether the netCDF file is there."""
        return self.file is not None and self.file.exists()

    def __str__(self) -> str:
        bounds = [self.grid.bounds(i) for i in self.outcomes]
        if isinstance(self.grid, Segments):
            return f"{self.file or self.path}: {len(bounds)} of {len(self.grid)} segments of {self.grid.every} times complete"
        done, size = sum(b - a for a, b in bounds), int(np.prod(self.grid.shape))
        seed = "" if self.seed is None else f", seed {self.seed}"
        chunks = f"{len(bounds)} of {len(self.grid)} chunks complete"
        return f"{self.file or self.path}: {chunks}, {done} of {size} trajectories{seed}"

    def _outcomes(self, indices: Iterable[int]) -> list[tuple[int, Outcome]]:
        """The outcomes of those chunks that are complete."""
        found = ((index, self._outcome(index)) for index in indices)
        return [(index, outcome) for index, outcome in found if outcome is not None]

    def _outcome(self, index: int) -> Outcome | None:
        """The outcome of a chunk, or None if it is missing or one of its files is damaged."""
        part = self._parts.load(_part(index))
        if part is None:
            return None
        facts = json.loads(part[FACTS].tobytes())
        for key, (size, checksum) in facts["files"].items():
            try:
                data = (self.path / key).read_bytes()
            except OSError:
                data = b""
            if len(data) != size or zlib.crc32(data) != checksum:
                announce()
                LOG.warning("%s is damaged, and its chunk is done again", self.path / key)
                return None
        return Outcome(*facts["outcome"])

    def _key(self, name: str, index: int, piece: int, dims: int) -> str:
        """The file of a piece of a chunk of a variable with `dims` dimensions, of which that of the rows is one."""
        inner = [piece, *(0 for _ in range(dims - 2))] if dims > 1 else []
        return f"{name}/" + SEPARATOR.join(map(str, ["c", *self.grid.place(index), *inner]))

    def _encode(self, name: str, values: np.ndarray, length: int) -> bytes:
        """The content of that file: a full box of numbers, compressed; a box at the end of the array is padded."""
        inner = (length, *values.shape[2:]) if values.ndim > 1 else ()
        box = np.full((math.prod(self.grid.box), *inner), _fill(name, values.dtype), dtype=values.dtype)
        box[tuple(map(slice, values.shape))] = values
        return self._codec.encode(box)

    # ---- the result ----------------------------------------------------------------------------

    def finish(self, plan: Plan, attrs: Mapping[str, Any]) -> None:
        """Write what is known at the end: attributes, statistics, and if all is complete the netCDF file."""
        try:
            if not self.finished:
                self._conclude(plan, attrs)
        except Exception:
            if not self.finished:  # else another process was first, and has taken the folder away
                raise
        if self.finished:
            self._manifest_file.unlink(missing_ok=True)  # before the chunks, so that who still reads them can tell
            shutil.rmtree(self.path, ignore_errors=True)

    def _conclude(self, plan: Plan, attrs: Mapping[str, Any]) -> None:
        if plan.reductions is not None:
            if len(self.outcomes) < len(self.grid):
                self.look()  # for what other processes have done meanwhile
            self._finish_statistics(plan)
        root = json.loads((self.path / "zarr.json").read_text(encoding="utf-8"))
        known = dict(root["attributes"])
        root["attributes"] |= attrs
        if root["attributes"] != known:
            put(self.path / "zarr.json", _json(root))
        for leftover in self.path.rglob(f".*{UNFINISHED}"):
            with suppress(FileNotFoundError):  # what is young is perhaps being written by another process
                if time.time() - leftover.stat().st_mtime > ABANDONED:
                    leftover.unlink()
        if self.file is not None and len(self.outcomes) == len(self.grid):
            outcomes = [tuple(self.outcomes[i]) for i in range(len(self.grid))]
            netcdf.write_file(self.dataset(), {**self.manifest, "outcomes": outcomes}, self.file, source=self._manifest_file)

    def _finish_statistics(self, plan: Plan) -> None:
        zarr = require("zarr")
        folded = Folded(plan)
        for index in sorted(self.outcomes):
            gathered: dict[int, dict[str, np.ndarray]] = {}
            part = self._parts.load(_part(index))
            if part is None:  # a mean of the others would look like one of all
                raise SymdynError(
                    f"a file of chunk {index} of {self.path} cannot be read; run again, which does that chunk again"
                )
            for key, values in part.items():
                point, separator, name = key.partition(":")
                if separator:
                    gathered.setdefault(int(point), {})[name] = values
            folded.take(index, gathered)
        group = zarr.open_group(self.path, mode="r+")
        data = reduced_dataset(plan.frame, plan.design, plan.times, folded.close(), {}, {})
        for variable in data.data_vars.values():
            group[str(variable.name)][...] = variable.values

    def dataset(self, *, shared: bool = True) -> xr.Dataset:
        """What is there, read when it is needed: by dask chunk by chunk, or if it is not `shared` by this process alone.

        The workers of a cluster that do not see the folder would find no chunk in it, and take that for NaN.
        """
        chunks: dict[str, int] | None = {} if shared else None
        if self.file is not None and self.finished:
            return netcdf.open_file(self.file, chunks)
        require("dask")
        data = xr.open_zarr(self.path, consolidated=True, chunks=chunks)
        return data[self.manifest["variables"]].assign_coords(data.coords)  # also those that no variable has


def _checked(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    """A manifest as `ChunkStore.begin` writes it; a `ValueError` for another, which a run might take for its own."""
    grid, seed, names = manifest["grid"], manifest["seed"], manifest["variables"]
    shape = [*grid["shape"], grid["length"]]
    good = (
        all(type(n) is int and 0 < n <= MOST_ROWS for n in shape)
        and math.prod(shape[:-1]) <= MOST_ROWS
        and type(grid["axis"]) is int
        and 0 <= grid["axis"] < max(1, len(grid["shape"]))
        and set(grid) <= {"shape", "axis", "length", "every", "times"}
        and ("every" in grid) == ("times" in grid)
        and all(type(grid[k]) is int and 0 < grid[k] <= MOST_ROWS for k in ("every", "times") if k in grid)
        and (seed is None or (type(seed) is int and seed >= 0))
        and all(isinstance(text, str) for text in [manifest["token"], *names, *manifest["request"].values()])
        and not any(set(name) & {"/", "\\"} or name in ("", ".", "..") for name in names)
    )
    if not good:
        raise ValueError("manifest")
    return manifest


def _length(variable: Variable, times: int, grid: ChunkGrid) -> int:
    """Numbers along the first dimension after those of the design that are in one file."""
    if variable.timed and isinstance(grid, Segments):
        return min(grid.every, grid.times)
    return variable.piece(times) if variable.timed else (*variable.shape, 1)[0]


def _make_blank(
    path: Path, blank: xr.Dataset, grid: ChunkGrid, lengths: Mapping[str, int], reduced: bool, aside: Collection[Any]
) -> None:
    """A store with coordinates, attributes and arrays without chunks; `lengths` are those of pieces along the time.

    Who reads it finds the variables that stand `aside` among the coordinates.
    """
    zarr = require("zarr")
    names = [str(name) for name in blank.data_vars]
    with warnings.catch_warnings():  # of what the third version of the format does not specify yet
        warnings.simplefilter("ignore")
        blank.drop_vars(names).to_zarr(path, zarr_format=3, consolidated=False)
        group = zarr.open_group(path, mode="r+")
        for name, variable in blank.data_vars.items():
            whole = reduced and "time" in variable.dims
            _create(zarr, group, str(name), variable, None if whole else (grid, lengths.get(str(name), 1)))
        if aside:
            group.attrs["coordinates"] = " ".join([*str(group.attrs.get("coordinates", "")).split(), *sorted(map(str, aside))])
        zarr.consolidate_metadata(path)


def _remove(path: Path) -> None:
    """Remove a folder that zarr may still be writing to: of several writes at once it does not wait for all where one fails."""
    gone = 0
    for _ in range(100):
        shutil.rmtree(path, ignore_errors=True)
        gone = 0 if os.path.lexists(path) else gone + 1  # and no error for a path that there cannot be
        if gone == 3:
            return
        time.sleep(0.01)


def _create(zarr: Any, group: Any, name: str, variable: xr.DataArray, layout: tuple[ChunkGrid, int] | None) -> None:
    """An array whose chunks are those of a grid along the dimensions of the design, and so long along the next one."""
    chunks: Any = "auto"
    if layout is not None:
        grid, length = layout
        inner = variable.shape[len(grid.shape) :]
        chunks = (*grid.box, *((length, *inner[1:]) if inner else ()))
    group.create_array(
        name, shape=variable.shape, dtype=variable.dtype, chunks=chunks, fill_value=_fill(name, variable.dtype),
        dimension_names=[str(d) for d in variable.dims], attributes=dict(variable.attrs),
        chunk_key_encoding={"name": "default", "separator": SEPARATOR},
        compressors=zarr.codecs.BloscCodec(**{**COMPRESSION, "shuffle": "shuffle"}),
    )  # fmt: skip


def _fill(name: str, dtype: np.dtype) -> float:
    """What stands where nothing has been written."""
    return np.nan if dtype.kind == "f" else INTERRUPTED if name == "status" else 0


def _split(path: Path) -> tuple[Path, Path | None]:
    """The folder of a store, and the netCDF file that it becomes."""
    return (path.with_name(f"{path.name}.part"), path) if path.suffix == ".nc" else (path, None)


def _part(index: int) -> str:
    return f"{index:06d}"


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, default=np.generic.item).encode()
