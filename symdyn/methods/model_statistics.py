r"""Statistics of a semilinear system along its flow, from which DPM-Solver-v3 takes its coefficients."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from symdyn.errors import CompileError, DeclarationError
from symdyn.files import put
from symdyn.system import System

__all__ = ["ModelStatistics", "StatisticsCurves"]

#: What a text of statistics says that it is, and its arrays.
FORMAT = "symdyn model statistics 2"
ARRAYS = ("log_snr", "linear", "slope", "offset")
Curve = Callable[[Any], Any]


@dataclass(frozen=True)
class StatisticsCurves:
    r"""Statistics of one state as functions of :math:`\lambda`.

    Attributes
    ----------
    linear : callable
        l.
    growth, tilt, drift : callable
        Primitives L of l and S of s, and B with :math:`B' = e^{-S} b`.
    knots : (K,) float64
        Where the third derivatives jump.

    Examples
    --------
    >>> float(StatisticsCurves.of_data().growth(3.0))
    3.0
    """

    linear: Curve
    growth: Curve
    tilt: Curve
    drift: Curve
    knots: np.ndarray

    @classmethod
    def of_data(cls) -> StatisticsCurves:
        """Those with which data are predicted, as by DPM-Solver++: l = 1, s = b = 0.

        Returns
        -------
        StatisticsCurves

        Examples
        --------
        >>> float(StatisticsCurves.of_data().linear(np.float64(2.0)))
        1.0
        """
        return cls(np.ones_like, lambda v: v, np.zeros_like, np.zeros_like, np.empty(0))


@dataclass(frozen=True, eq=False)
class ModelStatistics:
    r"""Numbers l, s and b of every state along a flow :math:`\dot x = a x + c + g N`, over its clock :math:`\lambda`.

    With :math:`y = (x - m)/\Psi`, where :math:`\dot m = a m + c`, the flow is :math:`\mathrm dy/\mathrm d\lambda = -l y - f`,
    :math:`f = (\sigma N - l\, \Psi y)/\Psi`.  The linear part l makes the mean slope of f vanish, and s and b the difference
    of :math:`\mathrm df/\mathrm d\lambda` and :math:`s f + b` least; `transport.model_statistics` computes them.

    Attributes
    ----------
    level : float
        The noise level :math:`\sigma` at the first node, where :math:`\Psi = 1` and m = 0.
    states : tuple of str
    log_snr : (n, K) float64
        :math:`\lambda`, increasing.
    linear, slope, offset : (n, K) float64
        l, s and b there.
    model : str, optional
        The digest of the system that they were computed for; without it any system with these states takes them.

    Raises
    ------
    DeclarationError
        For arrays that do not fit, are not finite, or are not in order.

    References
    ----------
    Zheng, Lu, Chen & Zhu, DPM-Solver-v3, NeurIPS 2023, eqs. 5-11.

    Examples
    --------
    >>> grid = np.array([[0.0, 1.0, 2.0, 3.0]])
    >>> statistics = ModelStatistics(1.0, ("x",), grid, np.ones((1, 4)), np.zeros((1, 4)), np.zeros((1, 4)))
    >>> float(statistics.curves(0).growth(3.0) - statistics.curves(0).growth(1.0))
    2.0
    """

    level: float
    states: tuple[str, ...]
    log_snr: np.ndarray
    linear: np.ndarray
    slope: np.ndarray
    offset: np.ndarray
    model: str | None = None

    def __post_init__(self) -> None:
        level, states = self.level, self.states
        if isinstance(level, (bool, np.bool_)) or not isinstance(level, Real) or not np.isfinite(float(level)):
            raise DeclarationError(f"level of statistics is {level!r}; expected a finite number")
        if isinstance(states, str) or not all(isinstance(s, str) for s in states):
            raise DeclarationError(f"states of statistics are {states!r}; expected a tuple of names")
        if self.model is not None and not isinstance(self.model, str):
            raise DeclarationError(f"model of statistics is {self.model!r}; expected the digest of a system, or None")
        object.__setattr__(self, "level", float(level))
        object.__setattr__(self, "states", tuple(states))
        for name in ARRAYS:
            try:
                found = np.array(getattr(self, name), float)
            except (TypeError, ValueError, OverflowError):
                raise DeclarationError(f"{name} of statistics is no array of numbers") from None
            object.__setattr__(self, name, found)
        shapes = {getattr(self, name).shape for name in ARRAYS}
        if len(shapes) > 1 or self.log_snr.ndim != 2 or len(self.log_snr) != len(self.states) or self.log_snr.shape[1] < 4:
            raise DeclarationError(
                f"statistics of {len(self.states)} states have arrays of the shapes {sorted(shapes)}; expected one shape, "
                "(states, K) with K of at least 4"
            )
        if not all(np.isfinite(getattr(self, name)).all() for name in ARRAYS) or not (np.diff(self.log_snr) > 0).all():
            raise DeclarationError("statistics must be finite, and log_snr must increase")

    @cached_property
    def text(self) -> str:
        """All numbers as JSON, from which `read` makes them again to the last bit.

        Returns
        -------
        str

        Examples
        --------
        >>> grid, one = np.array([[0.0, 1.0, 2.0, 3.0]]), np.ones((1, 4))
        >>> statistics = ModelStatistics(1.0, ("x",), grid, one, one, one)
        >>> ModelStatistics.read(statistics.text) == statistics
        True
        """
        content = {"format": FORMAT, "level": self.level, "states": self.states, "model": self.model}
        return json.dumps(content | {name: getattr(self, name).tolist() for name in ARRAYS})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ModelStatistics) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        n, count = self.log_snr.shape
        span = f"log_snr {self.log_snr[:, 0].min():.4g} to {self.log_snr[:, -1].max():.4g}"
        return f"ModelStatistics({', '.join(self.states) if n < 6 else f'{n} states'}; {count} points, {span})"

    def refuse_others(self, system: System) -> None:
        """Refuse a system that these statistics are not of.

        Parameters
        ----------
        system : System

        Raises
        ------
        CompileError
            With what differs.

        Examples
        --------
        >>> import symdyn as sd
        >>> grid, one = np.array([[0.0, 1.0, 2.0, 3.0]]), np.ones((1, 4))
        >>> try:
        ...     ModelStatistics(1.0, ("x",), grid, one, one, one).refuse_others(sd.ODESystem.from_text("y' = -y"))
        ... except sd.SymdynError as error:
        ...     print(str(error).split(";")[0])
        the statistics are those of the states x, and the system has y
        """
        own, advice = ", ".join(self.states), "compute them with sd.transport.model_statistics"
        if system.names != self.states:
            raise CompileError(
                f"the statistics are those of the states {own}, and the system has {', '.join(system.names)}; {advice}"
            )
        if self.model is not None and system.digest != self.model:
            raise CompileError(
                f"the statistics were computed for another system of the states {own}: its digest begins with "
                f"{self.model[:12]}, that of this one with {system.digest[:12]}; {advice}"
            )

    def curves(self, state: int) -> StatisticsCurves:
        r"""Those of a state, as cubic splines in :math:`\lambda`.

        Parameters
        ----------
        state : int

        Returns
        -------
        StatisticsCurves

        Examples
        --------
        >>> grid = np.array([[0.0, 1.0, 2.0, 3.0]])
        >>> statistics = ModelStatistics(1.0, ("x",), grid, 2 * np.ones((1, 4)), np.zeros((1, 4)), np.ones((1, 4)))
        >>> float(statistics.curves(0).drift(2.0))
        2.0
        """
        grid = self.log_snr[state]
        from scipy.interpolate import CubicSpline  # every process reads this module, few need splines

        linear = CubicSpline(grid, self.linear[state])
        tilt = CubicSpline(grid, self.slope[state]).antiderivative()
        drift = CubicSpline(grid, np.exp(-tilt(grid)) * self.offset[state]).antiderivative()
        return StatisticsCurves(linear, linear.antiderivative(), tilt, drift, grid)

    def save(self, path: str | Path) -> None:
        """Write the statistics to a file of text (JSON).

        Parameters
        ----------
        path : str or Path

        Examples
        --------
        >>> import tempfile
        >>> grid, one = np.array([[0.0, 1.0, 2.0, 3.0]]), np.ones((1, 4))
        >>> statistics = ModelStatistics(1.0, ("x",), grid, one, one, one)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     statistics.save(f"{folder}/statistics.json")
        ...     ModelStatistics.load(f"{folder}/statistics.json") == statistics
        True
        """
        put(Path(path), (self.text + "\n").encode())

    @classmethod
    def load(cls, path: str | Path) -> ModelStatistics:
        """Read what `save` wrote.

        Parameters
        ----------
        path : str or Path

        Returns
        -------
        ModelStatistics

        Raises
        ------
        DeclarationError
            For files that are damaged or something else.

        Examples
        --------
        >>> import tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     pathlib.Path(folder, "other.json").write_text("{}")
        ...     ModelStatistics.load(f"{folder}/other.json")
        Traceback (most recent call last):
        ...
        symdyn.errors.DeclarationError: other.json holds no model statistics that symdyn saved
        """
        return cls.read(Path(path).read_bytes(), Path(path).name)

    @classmethod
    def read(cls, text: str | bytes, name: str = "the text") -> ModelStatistics:
        """Statistics from the text of `text`.

        Parameters
        ----------
        text : str or bytes
        name : str
            For messages.

        Returns
        -------
        ModelStatistics

        Raises
        ------
        DeclarationError
            For a text that is damaged or something else.

        Examples
        --------
        >>> ModelStatistics.read("[1, 2]")
        Traceback (most recent call last):
        ...
        symdyn.errors.DeclarationError: the text holds no model statistics that symdyn saved
        """
        wrong = f"{name} holds no model statistics that symdyn saved"
        try:
            content: Any = json.loads(text.decode() if isinstance(text, bytes) else text)
        except (ValueError, RecursionError):
            raise DeclarationError(f"{wrong}: it is not JSON") from None
        written = content.pop("format", None) if isinstance(content, dict) else None
        if written != FORMAT:
            if isinstance(written, str) and written.startswith(FORMAT.rstrip("0123456789")):
                raise DeclarationError(
                    f"{name} holds {written!r}, and this version of symdyn reads {FORMAT!r}; compute the statistics again with "
                    "sd.transport.model_statistics"
                )
            raise DeclarationError(wrong)
        level: Any = content.get("level")
        states: Any = content.get("states")
        good = set(content) == {"level", "states", "model", *ARRAYS} and isinstance(level, float) and np.isfinite(level)
        if not (good and isinstance(states, list) and all(isinstance(s, str) for s in states)):
            raise DeclarationError(f"{wrong}: it is damaged")
        try:
            return cls(level, tuple(states), **{key: content[key] for key in ARRAYS}, model=content["model"])
        except DeclarationError as error:
            raise DeclarationError(f"{wrong}: {error}") from None
