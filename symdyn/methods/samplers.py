r"""Samplers as tables of numbers: every row is a linear combination of earlier states and evaluations.

.. math:: x_r = \sum_k a_{rk}\, x_k + \sum_k c_{rk}\, N(x_k, t_k) + d_r

The formula of a method is written once, with `SamplerTrace`; running it for the nodes of a simulation gives the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from symdyn.methods.clocks import NodeClock
from symdyn.methods.options import MethodOptions
from symdyn.methods.registry import METHODS
from symdyn.methods.sampler_options import SamplerOptions
from symdyn.methods.sampler_traces import ONE, Combination, SamplerTrace, Source
from symdyn.system import System
from symdyn.text.mixtures import NOISE_LEVEL

__all__ = ["SamplerScheme", "SamplerTable", "needs_level", "sampler"]

Options = TypeVar("Options", bound=SamplerOptions)
#: What ends the documentation of every sampler.
EXAMPLE = """Examples
--------
A logistic equation, whose exact value at 1 is 0.1 e / (0.9 + 0.1 e):

>>> import numpy as np, symdyn as sd
>>> logistic = sd.ODESystem.from_text("x' = x - x^2; x(0) = 0.1; noise_level := 2*exp(t) - 1")
>>> data = sd.simulate(logistic, [0, 1], method=sd.methods.{name}(nodes=np.linspace(0, 1, 17)), progress=False)
>>> bool(abs(data.x.values[-1] - 0.1 * np.e / (0.9 + 0.1 * np.e)) < {bound})
True
"""


@dataclass(frozen=True)
class SamplerTable:
    r"""The rows of a sampler: :math:`x_r = \sum a_{rk} x_k + \sum c_{rk} N_k + d_r + e_r z_r`, for G groups of states.

    Attributes
    ----------
    times : (R,) float64
        Of the rows; the first is that of the initial state.
    reached : (n + 1,) int64
        The rows at the nodes.
    evaluated : (R,) bool
        Where N is evaluated.
    terms : tuple of tuple of (str, int)
        Of each row, the states ("x") and evaluations ("n") of earlier rows.
    coefficients : tuple of (G, m) float64
        Their coefficients.
    shifts : (R, G) float64
        :math:`d_r`.
    spreads : (R, G) float64
        :math:`e_r`, the factors of standard normal numbers; 0 of samplers without noise.

    Examples
    --------
    >>> import symdyn as sd
    >>> clock = NodeClock([0.0, 0.5, 1.0], lambda t: 0 * t, lambda t: 0 * t, lambda t: 1 + 0 * t)
    >>> print(sd.METHODS["deis-tab1"].table([clock]))
    x1 = 1 x0 + 0.5 n0  at 0.5
    x2 = 1 x1 + 0.75 n1 - 0.25 n0  at 1
    """

    times: np.ndarray
    reached: np.ndarray
    evaluated: np.ndarray
    terms: tuple[tuple[Source, ...], ...]
    coefficients: tuple[np.ndarray, ...]
    shifts: np.ndarray
    spreads: np.ndarray

    @property
    def evaluations(self) -> int:
        """How often N is evaluated: the number of function evaluations (NFE).

        Returns
        -------
        int

        Examples
        --------
        >>> import symdyn as sd
        >>> clock = NodeClock([0.0, 0.5, 1.0], lambda t: 0 * t, lambda t: 0 * t, lambda t: 1 + 0 * t)
        >>> sd.METHODS["heun-edm"].table([clock]).evaluations
        4
        """
        return int(self.evaluated.sum())

    @property
    def window(self) -> int:
        """How many rows back a row looks at most.

        Returns
        -------
        int

        Examples
        --------
        >>> import symdyn as sd
        >>> clock = NodeClock([0.0, 0.5, 1.0], lambda t: 0 * t, lambda t: 0 * t, lambda t: 1 + 0 * t)
        >>> sd.METHODS["deis-tab1"].table([clock]).window
        2
        """
        return max((r - k for r, terms in enumerate(self.terms) for _, k in terms), default=0)

    def __str__(self) -> str:
        lines = []
        for r in range(1, len(self.times)):
            combination = Combination(dict(zip(self.terms[r], map(float, self.coefficients[r][0]), strict=True)))
            shift = f" + {self.shifts[r, 0]:.6g}" if self.shifts[r, 0] else ""
            noise = f" + {self.spreads[r, 0]:.6g} z{r}" if self.spreads[r, 0] else ""
            lines.append(f"x{r} = {combination}{shift}{noise}  at {self.times[r]:.6g}")
        return "\n".join(lines)


@dataclass(frozen=True, kw_only=True)
class SamplerScheme:
    """A sampler, or exponential multistep method, for systems that split into a linear part and a rest.

    Attributes
    ----------
    name, reference : str
    order : float
        Order of convergence on nodes whose clock is spaced evenly.  Methods of several steps begin with lower orders, and the
        order of the first step bounds theirs.
    formula : callable
        ``formula(trace)`` notes the rows of the method in a `SamplerTrace`.
    options : type
        Of the method, a subclass of `SamplerOptions`.
    level : bool or None
        Whether the formula uses the noise level; None if it does where the system declares one.
    damped_order : float, optional
        The higher order that is seen where the flow contracts and damps the error of the first steps, such as from noise to
        data.
    by_state : bool
        Whether coefficients differ between states with the same linear part, as of statistics.

    Examples
    --------
    Exponential Euler, which is DDIM:

    >>> import symdyn as sd
    >>> def formula(trace):
    ...     x = trace.start
    ...     for t, u in trace.steps:
    ...         x = trace.reach(u, trace.ddim(x, trace.noise(x), t, u))
    >>> from symdyn.methods.sampler_options import SamplerOptions
    >>> euler = SamplerScheme(name="e", reference="", order=1, formula=formula, options=SamplerOptions)
    >>> print(euler.table([NodeClock([0.0, 1.0], lambda t: 0 * t, lambda t: 0 * t, lambda t: 1 + 0 * t)]))
    x1 = 1 x0 + 1 n0  at 1
    """

    name: str
    reference: str
    order: float
    formula: Callable[[SamplerTrace], None]
    options: type[MethodOptions]
    level: bool | None = False
    damped_order: float | None = None
    by_state: bool = False

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
        >>> sd.METHODS["ddim"].applies(sd.ODESystem.from_text("x' = -x + sin(x)"))
        """
        if (reason := system.unmet(["drift"])) is not None:
            return reason
        if system.algebraic or system.history:
            return "it takes rates of change at one time, without algebraic equations and delays"
        return needs_level(system) if self.level else None

    def table(self, clocks: list[NodeClock], options: Mapping[str, Any] | None = None) -> SamplerTable:
        """The table for nodes.

        Parameters
        ----------
        clocks : list of NodeClock
            Of each group of states, at the same nodes.
        options : mapping, optional
            Of the method besides the nodes.

        Returns
        -------
        SamplerTable

        Examples
        --------
        >>> import symdyn as sd
        >>> clock = NodeClock([0.0, 1.0], lambda t: 0 * t, lambda t: 0 * t, lambda t: 1 + 0 * t)
        >>> print(sd.METHODS["ddim"].table([clock]))
        x1 = 1 x0 + 1 n0  at 1
        """
        traces: list[SamplerTrace] = []
        for member, clock in enumerate(clocks):
            traces.append(SamplerTrace(clock, traces[0] if traces else None, options, member=member, members=len(clocks)))
            self.formula(traces[-1])
        first = traces[0]
        terms, coefficients = [], []
        shifts = np.zeros((len(first.rows), len(traces)))
        for r in range(len(first.rows)):
            keys = tuple(dict.fromkeys(k for trace in traces for k, v in trace.rows[r].terms.items() if v and k != ONE))
            terms.append(keys)
            coefficients.append(np.array([[trace.rows[r].terms.get(k, 0.0) for k in keys] for trace in traces]))
            for g, trace in enumerate(traces if r else ()):
                of = trace.clock.mean
                kept = sum(v * of(trace.times[k]) for (kind, k), v in trace.rows[r].terms.items() if kind == "x")
                shifts[r, g] = of(trace.times[r]) - kept + trace.rows[r].terms.get(ONE, 0.0)
        evaluated = np.array([k in first.evaluated for k in range(len(first.rows))])
        return SamplerTable(
            np.array(first.times),
            np.array(first.reached),
            evaluated,
            tuple(terms),
            tuple(coefficients),
            shifts,
            np.array([trace.spreads for trace in traces]).T,
        )


def needs_level(system: System) -> str | None:
    """None where a system declares its noise level, else the reason that methods with this clock give."""
    if any(o.name == NOISE_LEVEL for o in system.observables):
        return None
    return (
        "it interpolates in the logarithmic signal-to-noise ratio, and this system declares no noise level: the observable "
        "noise_level, a solution of s' = a*s + g, which probability flows have; 'deis-tab2' interpolates in time"
    )


def sampler(
    *, reference: str, order: float, formula: Callable[[SamplerTrace], None], level: bool | None = False,
    damped_order: float | None = None, by_state: bool = False,
) -> Callable[[type[Options]], type[Options]]:  # fmt: skip
    """Register a sampler: a decorator of the class of its options.

    The docstring of the class gets an example.

    Parameters
    ----------
    reference, order, formula, level, damped_order, by_state :
        Those of `SamplerScheme`; the name is the attribute `method` of the class.

    Returns
    -------
    callable
        Of the class, which it returns.

    Examples
    --------
    >>> import symdyn as sd
    >>> print(sd.methods.Ddim.__doc__.partition("Examples")[2].splitlines()[2])
    A logistic equation, whose exact value at 1 is 0.1 e / (0.9 + 0.1 e):
    """

    def registered(options: type[Options]) -> type[Options]:
        name = options.method
        example = EXAMPLE.format(name=options.__name__, bound="1e-2" if order == 1 else "1e-3")
        options.__doc__ = f"{options.__doc__ or ''}\n{example}"
        scheme = SamplerScheme(
            name=name,
            reference=reference,
            order=order,
            formula=formula,
            options=options,
            level=level,
            damped_order=damped_order,
            by_state=by_state,
        )
        METHODS.register(name, scheme)
        return options

    return registered
