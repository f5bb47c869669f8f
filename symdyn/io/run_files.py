"""Run files: a simulation written down in TOML, which a colleague can read, change and run."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import sympy as sp
import xarray as xr

from symdyn.codegen.effects import refuse_idle
from symdyn.codegen.kernel import default_method, with_options
from symdyn.errors import DeclarationError, ParseError
from symdyn.files import put
from symdyn.io._run_tables import (
    KEYS,
    SETTINGS,
    listed,
    read_statistics,
    read_times_of,
    read_values,
    read_volume,
    recorded_statistics,
    recorded_values,
    times_table,
    typed,
    value_table,
)
from symdyn.io._toml import toml
from symdyn.io.models import NETWORK_FILES, read_model, read_model_text
from symdyn.io.plain_text import read_text
from symdyn.methods.options import AdaptiveOptions, MethodOptions
from symdyn.methods.registry import METHODS
from symdyn.models.text import expression_text, model_text, text_kinds, text_of
from symdyn.registry import suggest
from symdyn.simulation.run import simulate
from symdyn.simulation.settings import Layout
from symdyn.system import System

__all__ = ["RunFile", "check_toml"]

#: Most characters of a file.
_MOST_TEXT = 20_000_000


@dataclass(frozen=True, eq=False)
class RunFile:
    """A simulation written down: what `simulate` is called with, as numbers and texts.

    A dataset records the same, and `RunFile.of` takes it from there.  In a file it is TOML, with these keys:

    ``model`` or ``file``
        The text of the model, or the path of its file, from the folder of the run file.
    ``system``
        ``"ode"``, ``"sde"``, ``"map"`` or ``"jump"``; told from the text unless given.
    ``interpretation``, ``volume``, ``combinatoric``, ``time``
        What the class of the system reads beside the text.
    ``times``
        A list, or ``{start = 0, stop = 20, count = 101}``.
    ``[parameters]``, ``[initial]``
        By name a number; a list, which is a sweep; of initial values also an expression, as a text; or
        ``{along = ["case"], values = [0.1, 0.2]}``, values along dimensions, which sweep together.
    ``[labels]``
        Of dimensions, each a list.
    ``method``, ``[options]``
        The name of a method, and its options.
    ``trajectories``, ``seed``, ``rtol``, ``atol``, ``step``, ``until``, ``target``, ``precision``, ``reduce``
        As of `simulate`; ``reduce`` is a list of statistics, or a table of those with their numbers.
    ``versions``
        Of the software that wrote the file, for its reader.

    Attributes
    ----------
    system : System
    times : (T,) float64
    parameters, initial : dict
        By name a number, list or DataArray, of initial values also an expression.
    method : str or MethodOptions or None
    settings : dict
        What else `simulate` takes, by name.
    precision : str
    file : str or None
        Path of the model, where the run file does not hold it; in a file, from its folder.
    versions : str

    Examples
    --------
    >>> import symdyn as sd
    >>> net = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, 1; X(0) = 0")
    >>> data = sd.simulate(net, [0, 1, 3], parameters={"k": [5, 10]}, trajectories=100, seed=3, reduce="mean", progress=False)
    >>> run = sd.RunFile.of(data)
    >>> bool((run.simulate(progress=False).X_mean == data.X_mean).all())
    True
    >>> print(run.text().partition("versions")[0], end="")
    model = \"\"\"
    0 -> X, k
    X -> 0, 1
    X(0) = 0.0
    \"\"\"
    system = "jump"
    times = [0.0, 1.0, 3.0]
    method = "ssa"
    trajectories = 100
    seed = 3
    target = "cpu"
    reduce = ["mean"]
    """

    system: System
    times: np.ndarray
    parameters: dict[str, Any] = field(default_factory=dict)
    initial: dict[str, Any] = field(default_factory=dict)
    method: str | MethodOptions | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    precision: str = "float64"
    file: str | None = None
    versions: str = ""

    def __str__(self) -> str:
        return self.text()

    def simulate(self, *, threads: int | None = None, progress: bool = True, on_failure: str = "raise") -> xr.Dataset:
        """Run it.

        Parameters
        ----------
        threads : int, optional
            As many as processors by default.
        progress : bool, optional
            Whether to show a bar.
        on_failure : {'raise', 'nan'}, optional
            As of `simulate`.

        Returns
        -------
        Dataset

        Raises
        ------
        DeclarationError
            If the system or an option of the record cannot be used, as `simulate` says.
        SimulationError
            If trajectories fail and ``on_failure`` is 'raise'.

        Examples
        --------
        >>> import symdyn as sd
        >>> decay = sd.ODESystem.from_text("x' = -x; x(0) = 1")
        >>> run = sd.RunFile(decay, np.array([0.0, 1.0]))
        >>> round(float(run.simulate(progress=False).x[-1]), 6)
        0.367879
        """
        return simulate(
            self.system, self.times, parameters=self.parameters, initial=self.initial, method=self.method, **self.settings,
            layout=Layout(threads=threads, precision=self.precision), progress=progress, on_failure=on_failure,
        )  # fmt: skip

    # ---- from a dataset ----------------------------------------------------------------------------

    @classmethod
    def of(cls, data: xr.Dataset, name: str = "the dataset", *, networks: Any = None, system: System | None = None) -> RunFile:
        """What a dataset of `simulate` records.

        Parameters
        ----------
        data : Dataset
        name : str, optional
            Of the dataset in messages.
        networks : str, Path or mapping of str to TrainedNetwork, optional
            The weights that the model names, as of ``from_text``.
        system : System, optional
            The one that was simulated, where it has no text.

        Returns
        -------
        RunFile

        Raises
        ------
        DeclarationError
            If it is no dataset of a simulation, or does not record all of it: systems without a text (fields, colonies, matrix
            models, moments, automata, reduced ones, inputs that are paths) are declared again in Python, and given.

        Examples
        --------
        >>> import symdyn as sd
        >>> decay = sd.ODESystem.from_text("x' = -k*x; x(0) = 1")
        >>> sd.RunFile.of(sd.simulate(decay, [0, 1], parameters={"k": 2}, method="tsit5", progress=False)).parameters
        {'k': 2.0}
        """
        attrs = {str(key): value.item() if isinstance(value, np.generic) else value for key, value in data.attrs.items()}
        if not {"system", "target", "method", "versions"} <= attrs.keys() or "time" not in data.dims or "status" not in data:
            raise DeclarationError(f"{name} is not what symdyn.simulate returned; expected its dataset, with all attributes")
        if system is None and "model" not in attrs:
            raise DeclarationError(
                f"{name} records no text of its {attrs['system']}, which has none; run the Python that declared it again, and "
                "give symdyn.replay the system"
            )
        if system is not None and "model" in attrs:
            raise DeclarationError(f"{name} records the text of its system; leave system out")
        if system is not None and type(system).__name__ != attrs["system"]:
            raise DeclarationError(f"{name} is of a system {attrs['system']}; system is of the kind {type(system).__name__}")
        try:
            return cls._recorded(data, attrs, networks, system)
        except (KeyError, TypeError, ValueError, StopIteration) as error:
            if isinstance(error, DeclarationError):
                raise
            raise DeclarationError(f"{name} has a record that cannot be read: {error}") from None

    @classmethod
    def _recorded(cls, data: xr.Dataset, attrs: Mapping[str, Any], networks: Any, system: System | None) -> RunFile:
        kind = next((k for k, c in text_kinds().items() if c.__name__ == attrs["system"]), None)
        about = {name: attrs[name] for name in ("interpretation", "volume", "combinatoric") if name in attrs}
        if "volume" in about:
            about |= {"volume": read_volume(about["volume"]), "combinatoric": bool(about["combinatoric"])}
        values = {kind: recorded_values(attrs.get(kind, "")) for kind in ("parameters", "initial")}
        for coordinate in data.coords.values():
            for what, own in (("initial", "initial"), ("parameter", "parameters")):
                if what in coordinate.attrs:
                    values[own][coordinate.attrs[what]] = coordinate.reset_coords(drop=True).load()
        numbers = {**attrs} | ({"trajectories": data.sizes["trajectory"]} if "trajectory" in data.sizes else {})
        settings = {key: numbers[key] for key in SETTINGS if key in numbers}
        settings |= {"reduce": recorded_statistics(attrs["reduce"])} if "reduce" in attrs else {}
        # the default one where stiffness was looked for
        options = AdaptiveOptions if "stiff_trajectories" in attrs else METHODS[attrs["method"]].options
        if networks is not None and kind == "jump":
            raise DeclarationError("networks has no effect on reaction networks, whose text names no weights; leave it out")
        about |= {} if networks is None else {"networks": networks}
        if system is None:
            if kind is None:
                raise DeclarationError(f"the dataset is of a system {attrs['system']}, which this symdyn does not know")
            system = text_kinds()[kind].from_text(attrs["model"], time=data["time"].attrs["long_name"], **about)
        return cls(
            system, data["time"].values, values["parameters"], values["initial"],
            options(**{f.name: attrs[f.name] for f in fields(options) if f.name in attrs}),
            settings, attrs.get("precision", "float64"), versions=attrs["versions"],
        )  # fmt: skip

    # ---- to a file and from one --------------------------------------------------------------------

    def text(self) -> str:
        """The file.

        Returns
        -------
        str
            TOML.

        Raises
        ------
        DeclarationError
            If the system has no text, or labels are neither numbers nor texts.

        Examples
        --------
        >>> import symdyn as sd
        >>> decay = sd.ODESystem.from_text("x' = -k*x; x(0) = 1")
        >>> print(sd.RunFile(decay, np.array([0.0, 1.5, 2.0]), {"k": np.array([1.0, 2.0])}).text(), end="")
        model = \"\"\"
        x' = -k*x
        x(0) = 1.0
        \"\"\"
        system = "ode"
        times = [0.0, 1.5, 2.0]
        <BLANKLINE>
        [parameters]
        k = [1.0, 2.0]
        """
        labels: dict[str, np.ndarray] = {}
        table = self._of_model() | {"times": times_table(self.times)}
        if isinstance(self.method, MethodOptions):
            table |= {"method": self.method.method} if self.method.method else {}
            table["options"] = self.method.recorded
        elif self.method is not None:
            table["method"] = self.method
        table |= {key: value for key, value in self.settings.items() if value is not None and key != "reduce"}
        table |= {"precision": self.precision} if self.precision != "float64" else {}
        if (reduced := self.settings.get("reduce")) is not None:
            named = isinstance(reduced, Mapping) and any(value is not None for value in reduced.values())
            table["reduce"] = {k: [] if v is None else v for k, v in reduced.items()} if named else listed(reduced)
        table |= {"versions": self.versions} if self.versions else {}
        for kind, values in (("parameters", self.parameters), ("initial", self.initial)):
            table[kind] = {str(name): value_table(str(name), value, labels) for name, value in values.items()}
        table["labels"] = labels
        return toml({key: value for key, value in table.items() if not (isinstance(value, Mapping) and not value)})

    def _of_model(self) -> dict[str, Any]:
        """Keys of the model."""
        kind = next((k for k, c in text_kinds().items() if type(self.system) is c), None)
        if self.file is not None:
            found: dict[str, Any] = {"file": self.file}
        elif kind is None or text_of(self.system) is None:
            raise DeclarationError(f"this {type(self.system).__name__} has no text that a run file could hold")
        else:
            found = {"model": model_text(self.system)}
        found |= {"system": kind} if kind is not None else {}
        if self.file is None and self.system.time.name != "t":
            found["time"] = self.system.time.name
        if self.file is not None and Path(self.file).suffix in NETWORK_FILES:
            return found  # such a file holds its volume and its combinatorics
        about = {name: getattr(self.system, name) for name in self.system.text_options or ()}
        usual = {"interpretation": "ito", "volume": 1, "combinatoric": False}
        about = {n: expression_text(v) if isinstance(v, sp.Expr) else v for n, v in about.items() if v != usual[n]}
        return found | about

    def write(self, path: str | Path) -> None:
        """Write the file.

        Parameters
        ----------
        path : str or Path
            Ending in ``.toml``.

        Raises
        ------
        DeclarationError
            As of `text`, and for another ending.
        OSError
            If it cannot be written.

        Examples
        --------
        >>> import symdyn as sd, tempfile
        >>> decay = sd.ODESystem.from_text("x' = -x; x(0) = 1")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     sd.RunFile(decay, np.array([0.0, 1.0])).write(f"{folder}/run.toml")
        ...     sd.RunFile.read(f"{folder}/run.toml").times
        array([0., 1.])
        """
        path = check_toml(path)
        near = self if self.file is None else replace(self, file=os.path.relpath(self.file, path.parent))
        put(path, near.text().encode())

    @classmethod
    def read(cls, path: str | Path) -> RunFile:
        r"""Read a run file.  Its texts are parsed by a grammar and never evaluated.

        Parameters
        ----------
        path : str or Path
            Ending in ``.toml``.

        Returns
        -------
        RunFile

        Raises
        ------
        DeclarationError, ParseError
            If it is no run file, naming the key and what is expected.
        OSError
            If it, or the model that it names, cannot be read.

        Examples
        --------
        >>> import symdyn as sd, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "run.toml"
        ...     _ = path.write_text("model = 'x[t+1] = a*x'\ntimes = [0, 1]\nparameters.a = [2, 3]\ninitial.x = 'a + 1'")
        ...     sd.RunFile.read(path).simulate(progress=False).x.values.tolist()
        [[3.0, 6.0], [4.0, 12.0]]
        """
        path = check_toml(path)
        text = read_text(path)
        if len(text) > _MOST_TEXT:
            raise DeclarationError(f"{path} has {len(text)} characters; expected at most {_MOST_TEXT} of a run file")
        try:
            table = tomllib.loads(text)
        except RecursionError:
            raise DeclarationError(f"{path} is no run file: it has lists or tables too deep within each other") from None
        except ValueError as error:  # of the grammar, and whole numbers of thousands of digits
            raise DeclarationError(f"{path} is no TOML: {error}") from None
        try:
            return cls._read(table, path)
        except (DeclarationError, ParseError) as error:
            raise type(error)(f"{path}: {error}") from None

    @classmethod
    def _read(cls, table: dict[str, Any], path: Path) -> RunFile:
        for key, value in table.items():
            if key not in KEYS:
                raise DeclarationError(f"a run file has no key {key!r}.{suggest(key, KEYS)} Its keys: {', '.join(KEYS)}")
            typed(key, value, KEYS[key])
        if ("model" in table) == ("file" in table):
            raise DeclarationError("give the model by one of model, its text, and file, its path")
        if "times" not in table:
            raise DeclarationError("times are missing; give a list, or {start = 0, stop = 20, count = 101}")
        about = {key: table[key] for key in ("interpretation", "volume", "combinatoric", "time") if key in table}
        if "volume" in about:
            about["volume"] = read_volume(about["volume"])
        if "file" in table:
            if "time" in about:
                raise DeclarationError("time belongs to a model in the run file; the file of a model has its own")
            system = read_model(path.parent / table["file"], table.get("system"), **about)
        else:
            system = read_model_text(table["model"], table.get("system"), **about)
        parameters, initial = read_values(table)
        settings = {key: table[key] for key in SETTINGS if key in table} | (
            {"reduce": read_statistics(table["reduce"])} if "reduce" in table else {}
        )
        method = table.get("method")
        if "options" in table:
            method = _with_options(system, method, table["options"])
        file = str(path.parent / table["file"]) if "file" in table else None
        return cls(
            system, read_times_of(table["times"]), parameters, initial, method, settings,
            table.get("precision", "float64"), file, table.get("versions", ""),
        )  # fmt: skip


def check_toml(path: str | Path) -> Path:
    """Refuse a path whose ending is not that of run files.

    >>> check_toml("run.toml").name
    'run.toml'
    """
    if Path(path).suffix.lower() != ".toml":
        raise DeclarationError(f"{path}: a run file ends in .toml")
    return Path(path)


def _with_options(system: System, method: str | None, options: Mapping[str, Any]) -> MethodOptions:
    """A method with options; where none is named, trajectories that turn out to be stiff are still passed on."""
    if method is None and issubclass(METHODS[default_method(system)].options, AdaptiveOptions):
        refuse_idle(options, {f.name for f in fields(AdaptiveOptions)}, "the default method")
        return AdaptiveOptions(**options)
    return with_options(system, method, **options)
