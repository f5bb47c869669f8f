"""How a system shows itself: as text, as equations in LaTeX, and as a page in a notebook."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from functools import cached_property
from html import escape
from itertools import islice
from typing import Any

import sympy as sp

from symdyn import dag, html
from symdyn.system.initial import Beginning

__all__ = ["Displayed", "Equation", "values_html"]

#: Equations of which LaTeX has no more; states, and nodes of the graph of all expressions, from which it has none.
SHOWN, MANY, LARGE = 40, 400, 20_000


class Equation:
    """Both sides of an equation, as text (which `System.from_text` reads back, to the digits printed) and as LaTeX.

    Parameters
    ----------
    left, right : str
    left_latex : str
    right_latex : str or callable
        A function is called when the LaTeX is asked for: it takes longer to make than all text of a system.
    join : str, optional
        Between the sides of the text.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.ODESystem.from_text("x' = -k*x").equations()[0].right_latex
    '- k x'
    """

    def __init__(self, left: str, right: str, left_latex: str, right_latex: str | Callable[[], str], join: str = " = ") -> None:
        self.left, self.right, self.left_latex, self.join = left, right, left_latex, join
        self._latex = right_latex

    @cached_property
    def right_latex(self) -> str:
        """The right side as LaTeX."""
        return self._latex if isinstance(self._latex, str) else self._latex()

    @property
    def join_latex(self) -> str:
        """What is between the sides as LaTeX."""
        return r"\qquad" if self.join == ", " else self.join.strip()

    def __str__(self) -> str:
        return f"{self.left}{self.join}{self.right}"

    def __repr__(self) -> str:
        return f"Equation({str(self)!r})"


class Displayed(Beginning):
    """A system that has equations to show."""

    @abstractmethod
    def equations(self) -> list[Equation]:
        """The equations as text and as LaTeX, in the order of the states (of the reactions for a network).

        Returns
        -------
        list of Equation

        Examples
        --------
        >>> import symdyn as sd
        >>> [str(e) for e in sd.ODESystem.from_text("x' = y; y' = -x").equations()]
        ["x' = y", "y' = -x"]
        """

    @cached_property
    def _text(self) -> str:
        """Equations and events as text, printed once: of large systems that takes longer than to simulate them."""
        return "\n".join([*map(str, (*self.equations(), *self.events)), *self._written_history])

    @property
    def _written_history(self) -> list[str]:
        """The histories, with every number to its last digit, as text reads them."""
        return [f"{s}({self._past('<=')}) = {dag.written_exactly(e)}" for s, e in self.history.items()]

    def _past(self, less: str, time: str = "") -> str:
        """When a history is what was, before any first time or between two."""
        time = time or str(self.time)
        if self.history_span is None:
            return f"{time} {less} 0"
        low, high = (repr(end).removesuffix(".0") for end in self.history_span)
        return f"{low} {less} {time} {less} {high}"

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__}: {', '.join(self.names)}"]
        lines += [f"    {e}" for e in self.equations()]
        lines += [f"    0 = {c} (kept)" for c in self.constraints]
        lines += [f"    {e}" for e in self.events]
        lines += [f"    {s}({self._past('<=')}) = {e}" for s, e in self.history.items()]
        if plain := [p for p in self.parameters if p not in self.inputs]:
            shown = (f"{p} = {self.defaults[p]:g}" if p in self.defaults else f"{p}" for p in plain)
            lines.append(f"  parameters: {', '.join(shown)}")
        if self.initial:
            shown = (f"{s} = {v if isinstance(v, sp.Expr) else format(v, 'g')}" for s, v in self.initial.items())
            lines.append(f"  initial: {', '.join(shown)}")
        if self.unknowns:
            lines.append(f"  unknown: {', '.join(map(str, self.unknowns))}")
        lines += [f"  {text}" for text in dict.fromkeys(str(n.network) for n in self.networks)]
        return "\n".join(lines)

    def latex(self) -> str:
        r"""All equations, events and histories in LaTeX, also as ``sympy.latex(system)``.

        Returns
        -------
        str
            An ``aligned`` environment of amsmath, to be put between dollar signs or into an ``equation``.

        Examples
        --------
        >>> import symdyn as sd
        >>> print(sd.ODESystem.from_text("x' = a*x - y^2; y' = x/y").latex())
        \begin{aligned}
        \dot{x} &= a x - y^{2} \\
        \dot{y} &= \frac{x}{y}
        \end{aligned}
        """
        rows = [*map(_aligned, self.equations()), *self._further_rows(_plain)]
        return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"

    def _latex(self, printer: Any) -> str:
        return self.latex()

    def _further_rows(self, words: Callable[[str], str] = str) -> list[str]:
        """Events as text, in notebooks as it is: there no character but a brace means anything within a text."""
        rows = [rf"\text{{{words(str(e))}}} &" for e in self.events]
        past = self._past(r"\le", sp.latex(self.time))
        return rows + [f"{sp.latex(s)}({past}) &= {sp.latex(e)}" for s, e in self.history.items()]

    def _repr_latex_(self) -> str:
        if len(self.states) > MANY or sum(1 for _ in islice(dag.nodes(self.expressions), LARGE)) == LARGE:
            rows = [rf"& \text{{{len(self.states)} equations, which print shows}}"]
        else:
            equations = self.equations()
            rows = [*map(_aligned, equations[:SHOWN])]
            if len(equations) > SHOWN:
                rows.append(rf"& \;\,\vdots \quad \text{{({len(equations)} equations in all)}}")
        return r"$\displaystyle \begin{aligned}" + r" \\ ".join([*rows, *self._further_rows()]) + r"\end{aligned}$"

    def _repr_html_(self) -> str:
        known = {**self.defaults, **self.initial, **self.history}
        lines = [f"{_formula(s)} := {_formula(e)}" for s, e in self.observables.items()]
        lines.append(", ".join(values_html(self)))
        if missing := [s for s in (*self.parameters, *self.states) if s not in known]:
            lines.append(f"no value yet: {', '.join(map(_formula, missing))}")
        if self.unknowns:
            lines.append(f"unknown: {', '.join(map(_formula, self.unknowns))}")
        lines += [escape(text) for text in dict.fromkeys(str(n.network) for n in self.networks)]
        body = "".join(f"<div>{line}</div>" for line in lines if line)
        return (
            f"<div><b>{type(self).__name__}</b><div>{escape(self._repr_latex_())}</div>{body}{html.methods(type(self))}</div>"
        )


def _aligned(e: Equation) -> str:
    return f"{e.left_latex} &{e.join_latex} {e.right_latex}"


def _plain(text: str) -> str:
    """Text within formulas of LaTeX, where characters mean themselves."""
    marks = {**{c: f"\\{c}" for c in "_&%$#{}"}, "^": r"\^{}", "<": "$<$", ">": "$>$"}
    return "".join(marks.get(c, c) for c in text)


def _formula(e: sp.Expr) -> str:
    return html.formula(sp.latex(e))


def values_html(system: Beginning) -> list[str]:
    """Values of parameters and initial values, each as ``a = 1``."""
    values = [f"{_formula(k)} = {v:g}" for k, v in system.defaults.items() if k not in system.inputs]
    starts = {s: _formula(v) if isinstance(v, sp.Expr) else f"{v:g}" for s, v in system.initial.items()}
    return values + [f"{_formula(s)}(0) = {v}" for s, v in starts.items()]
