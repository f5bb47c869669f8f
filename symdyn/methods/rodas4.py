"""RODAS4: stiffly accurate fourth-order Rosenbrock method of Hairer & Wanner, with a third-order interpolant."""

from __future__ import annotations

from symdyn.methods.options import AdaptiveOptions
from symdyn.methods.registry import METHODS
from symdyn.methods.runge_kutta import Rosenbrock

__all__ = ["Rodas4"]

A = (
    (1.544,),
    (0.9466785280815826, 0.2557011698983284),
    (3.314825187068521, 2.896124015972201, 0.9986419139977817),
    (1.221224509226641, 6.019134481288629, 12.53708332932087, -0.687886036105895),
    (1.221224509226641, 6.019134481288629, 12.53708332932087, -0.687886036105895, 1.0),
)
C = (
    (-5.6688,),
    (-2.430093356833875, -0.2063599157091915),
    (-0.1073529058151375, -9.594562251023355, -20.47028614809616),
    (7.496443313967647, -10.24680431464352, -33.99990352819905, 11.7089089320616),
    (8.083246795921522, -7.981132988064893, -31.52159432874371, 16.31930543123136, -6.058818238834054),
)
DENSE = (
    (10.12623508344586, -7.487995877610167, -34.80091861555747, -7.992771707568823, 1.025137723295662),
    (-0.6762803392801253, 6.087714651680015, 16.43084320892478, 24.76722511418386, -6.594389125716872),
)


class Rodas4(AdaptiveOptions):
    """The Rosenbrock method of order 4 of Hairer & Wanner, for stiff ODEs.

    Examples
    --------
    >>> import symdyn as sd
    >>> decay = sd.ODESystem.from_text("x' = -x; x(0) = 1")
    >>> data = sd.simulate(decay, [0, 1], method=sd.methods.Rodas4(max_step=0.1), progress=False)
    >>> bool(data.steps >= 10)
    True
    """

    method = "rodas4"


METHODS.register(
    "rodas4",
    Rosenbrock(
        name="rodas4",
        order=4,
        error_order=3,
        gamma=0.25,
        a=A,
        c=C,
        alpha=(0.0, 0.386, 0.21, 0.63, 1.0, 1.0),
        gammas=(0.25, -0.1043, 0.1035, -0.0362, 0.0, 0.0),
        dense=DENSE,
        dense_order=3,
        reference="Hairer & Wanner, Solving Ordinary Differential Equations II, 2nd ed. (1996), IV.7",
        options=Rodas4,
    ),
)
