"""Adaptive one-step methods as data: explicit Runge-Kutta and Rosenbrock tableaus."""

from __future__ import annotations

import math
from dataclasses import dataclass

from symdyn.methods._fields import unmet_fields
from symdyn.methods.controllers import I_CONTROL, PID
from symdyn.methods.options import AdaptiveOptions, MethodOptions
from symdyn.system import System

__all__ = ["ExplicitRungeKutta", "Rosenbrock", "hermite"]

Row = tuple[float, ...]
#: Parts of systems that adaptive steps in lanes follow besides rates of change.
FOLLOWED = ("events", "shuffled", "inputs", "delays", "slopes")


def hermite(weights: Row) -> tuple[Row, ...]:
    r"""Coefficients of ``b_i`` of the cubic through the values and derivatives at both ends of a step.

    Parameters
    ----------
    weights : tuple of float
        Of the solution, without the stage at the new point.

    Returns
    -------
    tuple of rows
        For each stage, that at the new point included, the coefficients of theta, theta**2, theta**3.

    References
    ----------
    Hairer, Norsett & Wanner, Solving Ordinary Differential Equations I, 2nd ed. (1993), eq. II.6.7.

    Examples
    --------
    Of Euler's method, whose solution is :math:`y + h k_1`:

    >>> hermite((1.0,))
    ((1.0, 1.0, -1.0), (0.0, -1.0, 1.0))
    """
    first, *others = weights
    return (
        (1.0, 3 * first - 2, 1 - 2 * first), *((0.0, 3 * b, -2 * b) for b in others), (0.0, -1.0, 1.0)
    )  # fmt: skip


@dataclass(frozen=True)
class ExplicitRungeKutta:
    r"""An explicit Runge-Kutta method or pair whose last stage is the derivative at the new point.

    Every method has this form: the derivative at the new point is the first stage of the next step.

    .. math:: k_i = f\Big(t + c_i h,\; y + h \sum_{j<i} a_{ij} k_j\Big), \qquad
              y(t + \theta h) \approx y + h \sum_i b_i(\theta) k_i

    Attributes
    ----------
    name : str
    order : int
        Of the solution with which the next step starts.
    a : tuple of rows
        Rows 2 to s; the last row is ``b``, so stage s is evaluated at the new point and is the next step's first.
    error : tuple of rows
        Weights of the error estimate: one row, or two that are combined as in DOP853; none of methods that take steps of
        one length.
    error_order : int
        The estimate behaves like ``h**(error_order + 1)``.
    extra : tuple of rows
        Further stages that only the interpolant needs.
    dense : tuple of rows
        For each stage the coefficients of ``b_i``: theta, theta**2, ...; `hermite` gives those of the cubic through the
        values and derivatives at both ends.
    dense_order : int
        Order of the interpolant.
    stiff_stage, stiffness_limit : int, float
        Another stage at ``c = 1`` or nearly there (from 0), and the bound of the stability region along the negative axis; with
        them the driver distinguishes steps limited by stability from steps limited by accuracy (Hairer & Wanner, IV.2).
    reference : str
    controller : PID
        Of the step size, where the options of the method name no other one.
    options : type
        Of the method, a subclass of `MethodOptions`.

    References
    ----------
    Hairer, Norsett & Wanner, Solving Ordinary Differential Equations I, 2nd ed. (1993), II.4 to II.6.

    Examples
    --------
    The weights of a pair of orders 3 and 2 add up to 1 and meet :math:`\sum_i b_i c_i = 1/2`:

    >>> import symdyn as sd
    >>> pair = sd.METHODS["bs32"]
    >>> round(sum(pair.a[-1]), 12), round(sum(x * y for x, y in zip(pair.a[-1], pair.nodes)), 12)
    (1.0, 0.5)
    """

    name: str
    order: int
    a: tuple[Row, ...]
    error: tuple[Row, ...]
    error_order: int
    dense: tuple[Row, ...]
    dense_order: int
    stiff_stage: int
    stiffness_limit: float
    reference: str
    extra: tuple[Row, ...] = ()
    controller: PID = I_CONTROL
    options: type[MethodOptions] = AdaptiveOptions
    implicit = False
    integrals = 0

    @property
    def adaptive(self) -> bool:
        """Whether steps are chosen by an error estimate."""
        return bool(self.error)

    @property
    def stages(self) -> int:
        """Evaluations of the right-hand side a step; the first is known from the step before."""
        return len(self.a)

    @property
    def nodes(self) -> Row:
        """Abscissae of the stages, that at the new point included."""
        return (0.0, *(round(math.fsum(row), 14) for row in self.a))

    def applies(self, system: System) -> str | None:
        """None if the method can be used, else the reason why not.

        Parameters
        ----------
        system : System

        Returns
        -------
        str or None

        Examples
        --------
        >>> import symdyn as sd
        >>> sd.METHODS["tsit5"].applies(sd.ODESystem.from_text("x' = -x"))
        >>> sd.METHODS["tsit5"].applies(sd.SDESystem.from_text("dx = -x*dt + dW"))
        'it takes systems of rates of change; this SDESystem has rates of change and Wiener noise'
        >>> sd.METHODS["tsit5"].applies(sd.PDESystem.example())
        """
        if "fields" in system.parts:
            return unmet_fields(system)
        return system.unmet(["drift"], FOLLOWED if self.adaptive else ("events", "shuffled", "inputs"))


@dataclass(frozen=True)
class Rosenbrock:
    r"""A Rosenbrock method in the transformed variables that need no matrix-vector product.

    .. math:: \Big(\frac{1}{\gamma h} I - J\Big) u_i = f\Big(t + \alpha_i h, y + \sum_{j<i} a_{ij} u_j\Big)
              + \sum_{j<i} \frac{c_{ij}}{h} u_j + \gamma_i h \frac{\partial f}{\partial t}

    Algebraic equations have a zero in the place of the one in the mass matrix I, and for them the sum of :math:`c_{ij}` is left
    out.  The last stage's argument plus ``u_s`` is the new value and ``u_s`` the error estimate (stiffly accurate pairs), and

    .. math:: y(t + \theta h) \approx (1-\theta) y_0 + \theta \big(y_1 + (1-\theta)(k_1 + \theta (k_2 + \ldots))\big),
              \qquad k_m = \sum_j h_{mj} u_j

    Attributes
    ----------
    name : str
    order, error_order, dense_order : int
        Of the solution, its error estimate and its interpolant.
    gamma : float
    a, c : tuple of rows
        For stages 2 to s.
    alpha, gammas : row
        Nodes, and weights of the time derivative, for stages 1 to s.
    dense : tuple of rows
        The ``h`` above; two or three rows.
    reference : str
    controller : PID
        Of the step size, where the options of the method name no other one.
    options : type
        Of the method, a subclass of `MethodOptions`.

    References
    ----------
    Hairer & Wanner, Solving Ordinary Differential Equations II, 2nd ed. (1996), IV.7.

    Examples
    --------
    The last two stages of a stiffly accurate pair are at the end of the step:

    >>> import symdyn as sd
    >>> scheme = sd.METHODS["rodas4"]
    >>> scheme.order, scheme.stages, scheme.alpha[-2:]
    (4, 6, (1.0, 1.0))
    """

    name: str
    order: int
    error_order: int
    gamma: float
    a: tuple[Row, ...]
    c: tuple[Row, ...]
    alpha: Row
    gammas: Row
    dense: tuple[Row, ...]
    dense_order: int
    reference: str
    controller: PID = I_CONTROL
    options: type[MethodOptions] = AdaptiveOptions
    implicit = True

    @property
    def stages(self) -> int:
        """Evaluations of the right-hand side a step."""
        return len(self.alpha)

    def applies(self, system: System) -> str | None:
        """None if the method can be used, else the reason why not.

        Parameters
        ----------
        system : System

        Returns
        -------
        str or None

        Examples
        --------
        >>> import symdyn as sd
        >>> sd.METHODS["rodas4"].applies(sd.ODESystem.from_text("x' = -x"))
        >>> sd.METHODS["rodas4"].applies(sd.DiscreteSystem.from_text("x[t+1] = 2*x"))
        'it takes systems of rates of change; this DiscreteSystem has next values'
        """
        if system.slopes:
            return f"it takes no slopes of states at other times, such as {system.slopes[0]}; use an explicit method"
        return system.unmet(["drift"], (*FOLLOWED, "algebraic"))
