"""Adaptive one-step methods as data: explicit Runge-Kutta and Rosenbrock tableaus."""

from __future__ import annotations

from dataclasses import dataclass

from symdyn.methods.options import AdaptiveOptions, MethodOptions
from symdyn.system import System

__all__ = ["ExplicitRungeKutta", "Rosenbrock"]

Row = tuple[float, ...]


@dataclass(frozen=True)
class ExplicitRungeKutta:
    r"""An explicit Runge-Kutta pair whose last stage is the derivative at the new point.

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
        Weights of the error estimate: one row, or two that are combined as in DOP853.
    error_order : int
        The estimate behaves like ``h**(error_order + 1)``.
    extra : tuple of rows
        Further stages that only the interpolant needs.
    dense : tuple of rows
        For each stage the coefficients of ``b_i``: theta, theta**2, ...
    dense_order : int
        Order of the interpolant.
    stiff_stage, stiffness_limit : int, float
        Another stage at ``c = 1`` (from 0), and the bound of the stability region along the negative axis; with them the
        driver distinguishes steps limited by stability from steps limited by accuracy (Hairer & Wanner, IV.2).
    reference : str
    options : type
        Of the method, a subclass of `MethodOptions`.

    References
    ----------
    Hairer, Norsett & Wanner, Solving Ordinary Differential Equations I, 2nd ed. (1993), II.4 to II.6.

    Examples
    --------
    The pair of orders 3 and 2 of Bogacki & Shampine, whose weights add up to 1 and meet :math:`\sum_i b_i c_i = 1/2`:

    >>> pair = ExplicitRungeKutta(
    ...     name="bogacki-shampine", order=3, a=((1 / 2,), (0.0, 3 / 4), (2 / 9, 1 / 3, 4 / 9)),
    ...     error=((2 / 9 - 7 / 24, 1 / 3 - 1 / 4, 4 / 9 - 1 / 3, -1 / 8),), error_order=2,
    ...     dense=((1.0, -4 / 3, 5 / 9), (0.0, 1.0, -2 / 3), (0.0, 4 / 3, -8 / 9), (0.0, -1.0, 1.0)), dense_order=3,
    ...     stiff_stage=-1, stiffness_limit=2.5, reference="Bogacki & Shampine, Appl. Math. Lett. 2 (1989) 321",
    ... )
    >>> b, c = pair.a[-1], [0.0, *map(sum, pair.a[:-1])]
    >>> round(sum(b), 12), round(sum(x * y for x, y in zip(b, c)), 12)
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
    options: type[MethodOptions] = AdaptiveOptions
    implicit = False

    @property
    def stages(self) -> int:
        """Evaluations of the right-hand side a step; the first is known from the step before."""
        return len(self.a)

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
        """
        return system.unmet(["drift"])


@dataclass(frozen=True)
class Rosenbrock:
    r"""A Rosenbrock method in the transformed variables that need no matrix-vector product.

    .. math:: \Big(\frac{1}{\gamma h} I - J\Big) u_i = f\Big(t + \alpha_i h, y + \sum_{j<i} a_{ij} u_j\Big)
              + \sum_{j<i} \frac{c_{ij}}{h} u_j + \gamma_i h \frac{\partial f}{\partial t}

    The last stage's argument plus ``u_s`` is the new value and ``u_s`` the error estimate (stiffly accurate pairs), and

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
        return system.unmet(["drift"])
