"""Stochastic differential equations: dx = f(x, p, t) dt + g(x, p, t) dW."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Self

import sympy as sp

from symdyn.attached import DiffusionVerbs
from symdyn.declaration import derivative, expression, read_equations
from symdyn.errors import DeclarationError
from symdyn.given_values import lookup, name_of
from symdyn.models._delays import at_first, check_delays, kept_span, now, read_history, read_span, refuse_idle_history
from symdyn.models.events import Event, called, declared_events, listed_events, with_events_of
from symdyn.models.registry import KINDS
from symdyn.parsing import ModelText
from symdyn.system import Equation, System

__all__ = ["SDESystem"]

INTERPRETATIONS = ("ito", "stratonovich")


class SDESystem(DiffusionVerbs, System):
    r"""A system of stochastic differential equations driven by independent Wiener processes.

    .. math:: \mathrm{d}x_i = f_i(x, p, t)\,\mathrm{d}t + \sum_k g_{ik}(x, p, t)\,\mathrm{d}W_k

    Parameters
    ----------
    drift : mapping
        From each state to its drift.
    diffusion : mapping or matrix
        From each state to one expression (its own Wiener process) or to a sequence (a row of the diffusion
        matrix), or the complete matrix (states x noises).  States left out of a mapping have no noise.
    parameters, initial, observables, events, history, history_span, time :
        As for `ODESystem`.  Conditions of events are evaluated at the ends of steps, where they act, for a boundary that is
        moved by the mean overshoot of a step.
    interpretation : {'ito', 'stratonovich'}
        The stochastic calculus in which the equations are meant.

    Attributes
    ----------
    drift : tuple of Expr
    diffusion : ImmutableDenseMatrix, states x noises
    interpretation : str

    Raises
    ------
    DeclarationError
        If the drift is no mapping, the diffusion does not fit the states, a state has two equations, the
        interpretation is unknown, or a value is no number.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> x, k, s = sp.symbols("x k s")
    >>> print(sd.SDESystem({x: -k * x}, {x: s}, parameters={k: 1, s: 0.2}))
    dx = -k*x*dt + s*dW

    A delay, and the states before the first time; in text ``dx = -x(t - tau)*dt + s*dW`` and ``x(t <= 0) = 1``.  It is
    constant, and may stand in drift, diffusion, observables and events.  The methods ``euler-maruyama``, ``heun`` and, where
    the noise has no delay, ``milstein`` take steps no longer than the shortest, between whose ends the past is a straight line;
    their strong orders stay, 1/2 and with additive noise 1 (Baker & Buckwar, LMS J. Comput. Math. 3 (2000) 315; Hu, Mohammed &
    Yan, Ann. Probab. 32 (2004) 265).  Ito's and Stratonovich's equations differ as without delays.  A condition on the past is
    checked at the ends of steps, with no boundary moved:

    >>> X, t, tau = sp.Function("x"), *sp.symbols("t tau")
    >>> print(sd.SDESystem({x: -X(t - tau)}, {x: s}, {tau: 1, s: 0.2}, history={x: 1}))
    dx = -x(t - tau)*dt + s*dW
    x(t <= 0) = 1
    """

    drift: tuple[sp.Expr, ...]
    diffusion: sp.ImmutableDenseMatrix
    interpretation: str
    events: tuple[Event, ...]
    kind: ClassVar[str] = "sde"
    sides: ClassVar[tuple[str, ...]] = ("drift", "diffusion")
    text_options: ClassVar[tuple[str, ...] | None] = ("interpretation",)
    eventful: ClassVar[bool] = True
    delayed: ClassVar[bool] = True

    def __init__(
        self,
        drift: Mapping[Any, Any],
        diffusion: Mapping[Any, Any] | sp.MatrixBase | Iterable[Iterable[Any]],
        parameters: Mapping[Any, float] | None = None,
        *,
        initial: Mapping[Any, Any] | None = None,
        observables: Mapping[Any, Any] | None = None,
        events: Event | Iterable[Event] = (),
        history: Mapping[Any, Any] | None = None,
        history_span: tuple[float, float] | None = None,
        interpretation: str = "ito",
        time: Any = "t",
        provenance: Sequence[str] = (),
    ) -> None:
        if interpretation not in INTERPRETATIONS:
            raise DeclarationError(f"interpretation is {interpretation!r}; expected 'ito' or 'stratonovich'")
        if not isinstance(drift, Mapping) or not drift:
            raise DeclarationError("expected the drift as a non-empty mapping, {x: -k*x, ...}")
        matrix = _diffusion_rows(list(drift), diffusion)
        given = {key: (value, *row) for (key, value), row in zip(drift.items(), matrix, strict=True)}
        rows, observed, time = read_equations(given, time, observables)
        every = [*(e for row in rows.values() for e in row), *observed.values()]
        swap = now(rows, [*every, *(side for e in listed_events(events) for side in e.sides)], time)
        rows = {s: tuple(e.xreplace(swap) for e in row) for s, row in rows.items()}
        observed = {name: e.xreplace(swap) for name, e in observed.items()}
        moments, conditions = declared_events(events, {**called(drift, tuple(rows)), **swap}, tuple(rows), observed)
        before, states = read_history(history, tuple(rows), time), tuple(rows)
        self.__dict__.update(history=before, history_span=read_span(history_span, before))
        sides = [*(e for row in rows.values() for e in row), *conditions]
        begun = at_first(initial, states, time, before, [*sides, *observed.values()])
        self.settle(
            states, [*sides, *before.values()], observed, time, parameters=parameters, initial=begun, provenance=provenance
        )
        self.__dict__.update(
            drift=tuple(row[0] for row in rows.values()),
            diffusion=sp.ImmutableDenseMatrix([row[1:] for row in rows.values()]),
            interpretation=interpretation,
            events=moments,
        )
        self._check_delays()
        if before and not self.delays and (begun is initial or begun == initial):
            refuse_idle_history(before, time)

    def _check_delays(self) -> None:
        """Refuse delays that fixed steps cannot have."""
        check_delays(self.delays, self.states, self.time, self.history)
        for call in self.delays:
            moving = sorted((self.time - call.args[0]).expand().free_symbols & {self.time, *self.states}, key=str)
            if moving or call in self.slopes:
                what = f"a state whose delay depends on {moving[0]}" if moving else "the slope of a state"
                raise DeclarationError(f"{call} is {what}; an SDESystem has states delayed by numbers and parameters")

    @classmethod
    def example(cls) -> Self:
        x, y, a, b = sp.symbols("x y a b")
        return cls({x: -a * x, y: x - b * y}, {x: 0.3, y: 0.2}, {a: 1, b: 2}, initial={x: 1, y: 0})

    @classmethod
    def from_model(cls, model: ModelText, options: dict[str, Any]) -> Self:
        noises = sorted({w for row in model.noise.values() for w in row})
        if model.style == "next" or not noises:
            raise DeclarationError("an SDESystem is written dx = f*dt + g*dW, with at least one noise dW, dW1, ...")
        diffusion = {s: [model.noise.get(s, {}).get(w, 0) for w in noises] for s in model.equations}
        history = {**model.history, **{name_of(k): v for k, v in (options.get("history") or {}).items()}}
        events = with_events_of(model.events, options)
        read = {"events": events, "history": history, "history_span": kept_span(model, options)}
        return cls(model.equations, diffusion, **{**options, **read})

    def with_terms(self, terms: Mapping[Any, sp.Expr], defaults: Mapping[sp.Symbol, float] | None = None) -> Self:
        filled = super().with_terms(terms, defaults)
        filled._check_delays()
        return filled

    @property
    def digest(self) -> str:
        return super().digest + self.interpretation

    def ito(self) -> Self:
        r"""The same process as an Itô equation.

        The drift gains :math:`\tfrac12 \sum_{jk} g_{jk}\, \partial g_{ik} / \partial x_j`.

        Returns
        -------
        SDESystem

        References
        ----------
        Gardiner, Handbook of Stochastic Methods (3rd ed., 2004), section 4.3.6.

        Examples
        --------
        >>> import symdyn as sd
        >>> x, s = sp.symbols("x s")
        >>> print(sd.SDESystem({x: 0}, {x: s * x}, interpretation="stratonovich").ito())
        dx = s**2*x/2*dt + s*x*dW
        """
        if self.interpretation == "ito":
            return self
        return self.replace(
            drift=tuple(f + c for f, c in zip(self.drift, self._correction(), strict=True)),
            interpretation="ito",
            provenance=(*self.provenance, "Stratonovich to Ito"),
        )

    def stratonovich(self) -> SDESystem:
        r"""The same process as a Stratonovich equation.

        The drift loses :math:`\tfrac12 \sum_{jk} g_{jk}\, \partial g_{ik} / \partial x_j`.

        Returns
        -------
        SDESystem

        References
        ----------
        Gardiner, Handbook of Stochastic Methods (3rd ed., 2004), section 4.3.6.

        Examples
        --------
        >>> import symdyn as sd
        >>> x, s = sp.symbols("x s")
        >>> print(sd.SDESystem({x: s**2 * x / 2}, {x: s * x}).stratonovich())
        dx = s*x*dW
        """
        if self.interpretation == "stratonovich":
            return self
        return self.replace(
            drift=tuple(f - c for f, c in zip(self.drift, self._correction(), strict=True)),
            interpretation="stratonovich",
            provenance=(*self.provenance, "Ito to Stratonovich"),
        )

    def _correction(self) -> list[sp.Expr]:
        g, x = self.diffusion, self.states
        noisy = [(j, k) for j in range(len(x)) for k in range(self.noises) if g[j, k] != 0]
        pairs = [[(g[i, k], g[j, k], x[j]) for j, k in noisy if x[j] in g[i, k].free_symbols] for i in range(len(x))]
        return [sp.Add(*(gj * derivative(gi, xj) for gi, gj, xj in row)) / 2 for row in pairs]

    def equations(self) -> list[Equation]:
        """The equations in differential form, as text and as LaTeX.

        Returns
        -------
        list of Equation
            One for each state.

        Examples
        --------
        >>> import symdyn as sd
        >>> [str(e) for e in sd.SDESystem.from_text("dx = -k*x*dt + s*dW").equations()]
        ['dx = -k*x*dt + s*dW']
        """
        one = self.noises == 1
        noises = [("dW", r"\mathrm{d}W") if one else (f"dW{k}", rf"\mathrm{{d}}W_{{{k}}}") for k in range(1, self.noises + 1)]
        differentials = [("dt", r"\mathrm{d}t"), *noises]
        written = []
        for i, s in enumerate(self.states):
            terms = [(c, d) for c, d in zip((self.drift[i], *self.diffusion.row(i)), differentials, strict=True) if c != 0]
            text = " + ".join(f"({c})*{d}" if c.is_Add else f"{c}*{d}" for c, (d, _) in terms)
            latex = " + ".join(
                rf"\left({sp.latex(c)}\right)\,{d}" if c.is_Add else rf"{sp.latex(c)}\,{d}" for c, (_, d) in terms
            )
            written.append(Equation(f"d{s}", text or "0*dt", rf"\mathrm{{d}}{sp.latex(s)}", latex or "0"))
        return written


KINDS.register("sde", SDESystem)


def _diffusion_rows(states: list[Any], diffusion: Any) -> list[list[Any]]:
    """One row for each state: a mapping of single expressions becomes a diagonal."""
    if isinstance(diffusion, Mapping):
        names = [sp.Symbol(str(name_of(s))) for s in states]
        given = {lookup(k, names, "state"): v for k, v in diffusion.items()}
        if any(isinstance(v, (list, tuple, sp.MatrixBase)) for v in given.values()):
            width = max(len(v) for v in given.values() if isinstance(v, (list, tuple, sp.MatrixBase)))
            rows = [_row(given.get(s, [0] * width), f"the diffusion of {s}") for s in names]
        else:
            noisy = [s for s in names if s in given and expression(given[s]) != 0]
            rows = [[given[s] if s == w else 0 for w in noisy] for s in names]
    else:
        entries = diffusion.tolist() if hasattr(diffusion, "tolist") else diffusion
        rows = [_row(r, f"row {i} of the diffusion") for i, r in enumerate(_row(entries, "the diffusion"))]
    if len(rows) != len(states) or len({len(r) for r in rows}) != 1 or not rows[0]:
        shape = f"{len(rows)} rows of lengths {sorted({len(r) for r in rows})}"
        raise DeclarationError(f"the diffusion has {shape}; expected {len(states)} rows (one a state), all of one length >= 1")
    return rows


def _row(value: Any, what: str) -> list[Any]:
    if not isinstance(value, (list, tuple, sp.MatrixBase)):
        raise DeclarationError(
            f"{what} is {value!r}; expected a sequence, one entry a noise (or a mapping from states to expressions)"
        )
    return list(value)
