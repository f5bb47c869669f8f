"""What `learn` returns: a system whose unknown terms are networks, with what is known of the training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from symdyn import html
from symdyn.attached import LearnedVerbs
from symdyn.errors import DeclarationError, RecoveryError
from symdyn.files import check_format, numbers, put_arrays, restored
from symdyn.given_values import name_of
from symdyn.inference.data import Observations, Trajectory
from symdyn.models.text import model_text, text_kinds
from symdyn.neural_terms import TrainedNetwork

__all__ = ["Learned"]

#: What the first array of a file says.
FORMAT = "symdyn learned 1"
LABELS = ("name", "functions")


@dataclass(frozen=True, eq=False, repr=False)
class Learned(LearnedVerbs):
    """A system with trained networks in the place of its unknown terms; `symdyn.learn` makes one.

    Attributes
    ----------
    system : System
        With the networks, the fitted parameters, and the fitted initial values of the first trajectory.
    members : tuple of dict of str to TrainedNetwork
        The networks of every member by the names of the functions, the best first: those of the system.
    history : dict of str to array
        Of the best member at every accepted step: ``train``, the sum of squares with the prior, and ``validation``, that of
        the points that decide when to stop; NaN without them.
    heldout : dict of str to float
        Root mean square errors of the states at the times that were held out, in their units; of an SDESystem those of one step
        ahead, in standard deviations that it predicts, which are 1 of a right one; empty without any.
    observations : Observations or FieldData
        The data.
    starts : (trajectories, n) float64
        Fitted states at the first times; of fields (trajectories, n, positions).
    seed : int
    notes : tuple of str

    Examples
    --------
    >>> import numpy as np, sympy as sp, symdyn as sd
    >>> x = sp.Symbol("x")
    >>> data = {"t": np.arange(30), "x": 2.0 * 0.9 ** np.arange(30)}
    >>> f = sd.network("f", [x], width=3)
    >>> found = sd.learn(sd.DiscreteSystem({x: f(x)}), data, members=1, iterations=20, progress=False)
    >>> found.system.networks
    (f(x),)
    """

    system: Any
    members: tuple[dict[str, TrainedNetwork], ...]
    history: Mapping[str, np.ndarray]
    heldout: Mapping[str, float]
    observations: Any
    starts: np.ndarray
    seed: int = 0
    notes: tuple[str, ...] = ()

    def term(self, f: Any) -> TrainedNetwork:
        """The network of an unknown function: ``found.term(f)(x, y)`` is a term, ``found.term(f).evaluate(points)`` its values.

        Parameters
        ----------
        f : Function, applied or not, or str

        Returns
        -------
        TrainedNetwork

        Raises
        ------
        DeclarationError
            If the system has no such network.

        Examples
        --------
        >>> import numpy as np, sympy as sp, symdyn as sd
        >>> x, f = sp.Symbol("x"), sd.network("f", [sp.Symbol("x")], width=3)
        >>> data = {"t": np.arange(30), "x": 2.0 * 0.9 ** np.arange(30)}
        >>> found = sd.learn(sd.DiscreteSystem({x: f(x)}), data, members=1, iterations=60, progress=False)
        >>> bool(abs(found.term(f).evaluate([1.0]) - 0.9) < 0.01)
        True
        """
        return self.members[0][self._name(f)]

    def spread(self, f: Any, x: Any) -> np.ndarray:
        """Standard deviation (...,) of the members' values of a term at arguments (..., n): what the data leave open.

        Parameters
        ----------
        f : Function, applied or not, or str
        x : (..., n) array

        Returns
        -------
        (...,) float64

        Raises
        ------
        RecoveryError
            If there is one member only.

        Examples
        --------
        >>> import numpy as np, sympy as sp, symdyn as sd
        >>> x, f = sp.Symbol("x"), sd.network("f", [sp.Symbol("x")], width=3)
        >>> data = {"t": np.arange(30), "x": 2.0 * 0.9 ** np.arange(30)}
        >>> found = sd.learn(sd.DiscreteSystem({x: f(x)}), data, members=2, iterations=40, progress=False)
        >>> inside, outside = found.spread(f, [[1.0], [9.0]])
        >>> bool(inside < outside)
        True
        """
        if len(self.members) < 2:
            raise RecoveryError("the spread of a term needs two networks or more: learn(..., members=4)")
        name = self._name(f)
        return np.std([m[name].evaluate(x) for m in self.members], axis=0, ddof=1)

    def _name(self, f: Any) -> str:
        name = f if isinstance(f, str) else getattr(f, "__name__", None) or str(name_of(f))
        if name not in self.members[0]:
            raise DeclarationError(f"{f} is no network of this system; its networks: {', '.join(self.members[0])}")
        return name

    def __str__(self) -> str:
        data = self.observations
        lines = [
            f"Learned from {sum(int(np.isfinite(t.values).sum()) for t in data.trajectories)} measurements in "
            f"{len(data.trajectories)} {'trajectory' if len(data.trajectories) == 1 else 'trajectories'}: "
            f"{len(self.members)} network{'s' if len(self.members) > 1 else ''} of each term",
            *(f"  {e}" for e in self.system.equations()),
            *(f"  {network}, {network.size} weights" for network in self.members[0].values()),
        ]
        if self.system.defaults:
            lines.append("  " + ", ".join(f"{p} = {v:.6g}" for p, v in self.system.defaults.items()))
        if self.heldout:
            what = (
                "errors one step ahead, in standard deviations that it predicts"
                if self.system.noises
                else "errors at held out times"
            )
            lines.append(f"  {what}: " + ", ".join(f"{s} {v:.3g}" for s, v in self.heldout.items()))
        return "\n".join([*lines, *(f"note: {n}" for n in self.notes)])

    __repr__ = __str__

    def _repr_latex_(self) -> str:
        return self.system._repr_latex_()

    def _repr_html_(self) -> str:
        title, *lines = str(self).splitlines()
        shown = {f"  {e}" for e in self.system.equations()}
        body = "".join(f"<div>{escape(line.strip())}</div>" for line in lines if line not in shown)
        return f"<div><b>{escape(title)}</b><div>{escape(self._repr_latex_())}</div>{body}{html.methods(type(self))}</div>"

    # ---- files -----------------------------------------------------------------------------------

    def save(self, path: Any) -> None:
        """Write the system, its networks and the data to a file of numpy's npz format, without pickled objects.

        Parameters
        ----------
        path : str or Path

        Raises
        ------
        DeclarationError
            For a kind of system that no text makes, such as fields.

        Examples
        --------
        >>> import tempfile, numpy as np, sympy as sp, symdyn as sd
        >>> x = sp.Symbol("x")
        >>> data = {"t": np.arange(30), "x": 2.0 * 0.9 ** np.arange(30)}
        >>> f = sd.network("f", [x], width=3)
        >>> found = sd.learn(sd.DiscreteSystem({x: f(x)}), data, members=1, iterations=9, progress=False)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     found.save(f"{folder}/f.npz")
        ...     sd.Learned.load(f"{folder}/f.npz").system == found.system
        True
        """
        bare, data = self.system.without_networks(), self.observations
        if bare.inputs:
            raise DeclarationError(
                "a system with inputs has no text that reads back; save its networks, learned.term(f).save(path)"
            )
        arrays = {
            "format": np.array(FORMAT), "kind": np.array(bare.kind), "text": np.array(model_text(bare)),
            "time": np.array(str(bare.time)), "options": np.array([str(getattr(bare, o)) for o in bare.text_options or ()]),
            "networks": np.array(list(self.members[0])), "count": np.array(len(self.members)),
            "train": np.asarray(self.history["train"]), "validation": np.asarray(self.history["validation"]),
            "heldout_states": np.array(list(self.heldout)), "heldout": np.array(list(self.heldout.values()), dtype=float),
            "scale": data.scale, "noise": data.noise, "starts": self.starts, "seed": np.array(self.seed),
            "notes": np.array(self.notes, dtype=str),
        }  # fmt: skip
        for k, run in enumerate(data.trajectories):
            arrays |= {f"times{k}": run.times, f"values{k}": run.values}
        for k, member in enumerate(self.members):
            for name, network in member.items():
                arrays |= {f"{k}/{name}/{part}": array for part, array in network.arrays().items()}
        put_arrays(Path(path), arrays)

    @classmethod
    def load(cls, path: Any) -> Learned:
        """What `save` wrote; the system simulates to the same bits.

        Parameters
        ----------
        path : str or Path

        Returns
        -------
        Learned

        Raises
        ------
        DeclarationError
            If the file is damaged, or of another kind.
        OSError
            If it cannot be read.

        Examples
        --------
        >>> import tempfile, numpy as np
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     np.savez(f"{folder}/f.npz", weights=np.ones(3))
        ...     Learned.load(f"{folder}/f.npz")
        Traceback (most recent call last):
        ...
        symdyn.errors.DeclarationError: f.npz was not written by save of learn (no array 'format')
        """
        return restored(path, cls._read, "was not written by save of learn")

    @classmethod
    def _read(cls, arrays: dict[str, np.ndarray]) -> Learned:
        check_format(arrays, FORMAT)
        if (kind := text_kinds().get(str(arrays["kind"]))) is None:
            raise ValueError(f"its kind of system is {str(arrays['kind'])[:40]!r}")
        if not (time := str(arrays["time"])).isidentifier():
            raise ValueError(f"its time is called {time[:40]!r}")
        options = {o: _option(str(v)) for o, v in zip(kind.text_options or (), arrays["options"], strict=True)}
        bare = kind.from_text(str(arrays["text"]), time=time, **options)
        names, count, n = [str(name) for name in arrays["networks"]], int(arrays["count"]), len(bare.names)
        if not names or count < 1 or set(names) != {u.func.__name__ for u in bare.unknowns}:
            raise ValueError("its networks are not those of its system")
        members = tuple({name: _network(arrays, k, name) for name in names} for k in range(count))
        starts = numbers(arrays, "starts", None, n, finite=False)
        runs = tuple(_run(arrays, k, n) for k in range(len(starts)))
        heldout = dict(zip(map(str, arrays["heldout_states"]), map(float, arrays["heldout"]), strict=True))
        history = {name: numbers(arrays, name, None, finite=False) for name in ("train", "validation")}
        seen = Observations(runs, bare.names, numbers(arrays, "scale", n), numbers(arrays, "noise", n))
        if not runs or not heldout.keys() <= set(bare.names):
            raise ValueError("it has no data" if not runs else "errors belong to states that its system lacks")
        notes = tuple(map(str, arrays["notes"]))
        system = bare.with_terms(members[0])
        return cls(system, members, history, heldout, seen, starts, int(arrays["seed"]), notes)


def _network(arrays: Mapping[str, np.ndarray], k: int, name: str) -> TrainedNetwork:
    """A network of the k-th member."""
    head = f"{k}/{name}/"
    found = TrainedNetwork.from_arrays({q.removeprefix(head): a for q, a in arrays.items() if q.startswith(head)})
    if found.name != name:
        raise ValueError(f"the network of {name} is called {found.name}")
    return found


def _run(arrays: Mapping[str, np.ndarray], k: int, states: int) -> Trajectory:
    """The k-th trajectory of the data."""
    times = numbers(arrays, f"times{k}", None)
    if not (np.diff(times) > 0).all():
        raise ValueError(f"times{k} do not increase")
    return Trajectory(times, numbers(arrays, f"values{k}", len(times), states, finite=False))


def _option(text: str) -> Any:
    """An option of a kind from its text: a truth or a word."""
    return {"True": True, "False": False}.get(text, text)
