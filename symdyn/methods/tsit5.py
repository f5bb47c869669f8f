"""Tsit5: Tsitouras' fifth-order method with its free fourth-order interpolant."""

from __future__ import annotations

from symdyn.methods.options import AdaptiveOptions
from symdyn.methods.registry import METHODS
from symdyn.methods.runge_kutta import ExplicitRungeKutta

__all__ = ["Tsit5"]

A = (
    (0.161,),
    (-0.008480655492356989, 0.335480655492357),
    (2.8971530571054935, -6.359448489975075, 4.3622954328695815),
    (5.325864828439257, -11.748883564062828, 7.4955393428898365, -0.09249506636175525),
    (5.86145544294642, -12.92096931784711, 8.159367898576159, -0.071584973281401, -0.028269050394068383),
    (0.09646076681806523, 0.01, 0.4798896504144996, 1.379008574103742, -3.290069515436081, 2.324710524099774),
)
ERROR = (
    (
        -0.001780011052225777,
        -0.0008164344596567469,
        0.007880878010261995,
        -0.1447110071732629,
        0.5823571654525552,
        -0.45808210592918697,
        0.015151515151515152,
    ),
)
DENSE = (
    (1.0, -2.763706197274826, 2.9132554618219126, -1.0530884977290216),
    (0.0, 0.13169999999999998, -0.2234, 0.1017),
    (0.0, 3.9302962368947516, -5.941033872131505, 2.490627285651253),
    (0.0, -12.411077166933676, 30.33818863028232, -16.548102889244902),
    (0.0, 37.50931341651104, -88.1789048947664, 47.37952196281928),
    (0.0, -27.896526289197286, 65.09189467479366, -34.87065786149661),
    (0.0, 1.5, -4.0, 2.5),
)


class Tsit5(AdaptiveOptions):
    """The explicit Runge-Kutta method of order 5 of Tsitouras.

    Examples
    --------
    >>> import symdyn as sd
    >>> decay = sd.ODESystem.from_text("x' = -x; x(0) = 1")
    >>> data = sd.simulate(decay, [0, 1], method=sd.methods.Tsit5(max_step=0.1), progress=False)
    >>> bool(data.steps >= 10)
    True
    """

    method = "tsit5"


METHODS.register(
    "tsit5",
    ExplicitRungeKutta(
        name="tsit5",
        order=5,
        a=A,
        error=ERROR,
        error_order=4,
        dense=DENSE,
        dense_order=4,
        stiff_stage=5,
        stiffness_limit=3.25,
        reference="Tsitouras, Computers & Mathematics with Applications 62 (2011) 770-775",
        options=Tsit5,
    ),
)
