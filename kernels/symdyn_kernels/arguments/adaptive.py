"""Arguments of the drivers of adaptive methods for ordinary differential equations."""

from __future__ import annotations

from typing import NamedTuple

from symdyn_kernels.arguments.constraints import ConstraintTables
from symdyn_kernels.arguments.delays import DelayTables
from symdyn_kernels.arguments.events import EventTables
from symdyn_kernels.arguments.parts import Batch, Control, IntegerRows, Run, Signals, Tolerances

__all__ = [
    "AdaptiveArguments",
    "AdaptiveFunctions",
    "AdaptiveSizes",
    "CommonArguments",
    "MethodFunctions",
    "SeriesArguments",
    "SeriesFunctions",
    "SeriesSizes",
]


class AdaptiveFunctions(NamedTuple):
    """Addresses of lane functions; those of what there is not are 0.

    Attributes
    ----------
    rhs, factor, solve : int
        The right-hand side; of implicit methods the factors of ``shift*I - J``, the solution of a linear system from them.
    margin : int
        Of the condition that ends trajectories: 0 or above where it is true.
    """

    rhs: int
    factor: int
    solve: int
    margin: int


class AdaptiveSizes(NamedTuple):
    """Sizes of a model, and lanes.

    Attributes
    ----------
    states, parameters, factors : int
        How many there are.
    rates : int
        The number of states if the factors are followed by time derivatives, else 0.
    lanes : int
        1, 8, 16 or 32.
    """

    states: int
    parameters: int
    factors: int
    rates: int
    lanes: int


class AdaptiveArguments(NamedTuple):
    """Arguments of ``drivers/adaptive.py``.

    Attributes
    ----------
    functions, sizes, batch, tolerances, control, run, signals :
        As their classes describe; ``values``, ``status`` and ``passage`` of the run are filled.
    detect : int
        Whether to stop trajectories that turn out to be stiff, with STIFF.
    counts : (N, 4) int64
        Filled: accepted steps, rejected steps, steps with output, stops.
    events : EventTables
    constraints : ConstraintTables
    delays : DelayTables
    """

    functions: AdaptiveFunctions
    sizes: AdaptiveSizes
    batch: Batch
    tolerances: Tolerances
    control: Control
    detect: int
    run: Run
    counts: IntegerRows
    signals: Signals
    events: EventTables
    constraints: ConstraintTables
    delays: DelayTables


class MethodFunctions(NamedTuple):
    """Lane functions, and a method: what is in the text of a driver that serves one method alone.

    Attributes
    ----------
    rhs, factor, solve, margin : int
        As in `AdaptiveFunctions`.
    first, last, slots, degree : int
    threshold : float
        The constants that begin the text of `symdyn_kernels.drivers._steps`.
    step, error, stiffness, dense : int
        Addresses of its functions.
    """

    rhs: int
    factor: int
    solve: int
    margin: int
    first: int
    last: int
    slots: int
    degree: int
    threshold: float
    step: int
    error: int
    stiffness: int
    dense: int


class CommonArguments(NamedTuple):
    """Arguments of ``drivers/adaptive.py`` where it serves every method.

    Attributes
    ----------
    functions : MethodFunctions
    sizes, batch, tolerances, control, detect, run, counts, signals, events, constraints, delays :
        As in `AdaptiveArguments`.
    """

    functions: MethodFunctions
    sizes: AdaptiveSizes
    batch: Batch
    tolerances: Tolerances
    control: Control
    detect: int
    run: Run
    counts: IntegerRows
    signals: Signals
    events: EventTables
    constraints: ConstraintTables
    delays: DelayTables


class SeriesFunctions(NamedTuple):
    """Addresses of lane functions, which `symdyn.codegen.taylor_series` describes.

    Attributes
    ----------
    zeroth, higher : int
        Coefficients of order 1 from those of order 0; those of order k + 1 from those below.
    margin : int
        Of the condition that ends trajectories, 0 or above where it is true; 0 where there is none.
    """

    zeroth: int
    higher: int
    margin: int


class SeriesSizes(NamedTuple):
    """Sizes of a model and its series, and lanes.

    Attributes
    ----------
    states, parameters, rows, kept : int
        How many there are; rows in an order, and the further rows that ``zeroth`` stores.
    order : int
        At which the series end.
    lanes : int
        1, 8, 16 or 32.
    """

    states: int
    parameters: int
    rows: int
    kept: int
    order: int
    lanes: int


class SeriesArguments(NamedTuple):
    """Arguments of ``drivers/taylor.py``.

    Attributes
    ----------
    functions, sizes, batch, tolerances, run, signals :
        As their classes describe; ``values``, ``status`` and ``passage`` of the run are filled.
    counts : (N, 3) int64
        Filled: accepted steps, rejected steps, steps with output.
    events : EventTables
    """

    functions: SeriesFunctions
    sizes: SeriesSizes
    batch: Batch
    tolerances: Tolerances
    run: Run
    counts: IntegerRows
    signals: Signals
    events: EventTables
