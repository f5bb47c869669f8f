"""Populations of individuals that survive, grow and reproduce at random: branching processes of several types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Self

import sympy as sp

from symdyn.errors import DeclarationError
from symdyn.models.matrix import MatrixModel
from symdyn.models.matrix_reading import read_matrix, read_vector
from symdyn.models.random_steps import SteppedSystem
from symdyn.models.reaction import rate_text
from symdyn.models.registry import KINDS
from symdyn.parsing import ModelText
from symdyn.registry import suggest
from symdyn.system import Equation

__all__ = ["OFFSPRING", "BranchingSystem"]

OFFSPRING = ("poisson", "bernoulli")
#: Amount by which the probabilities of a stage may exceed a total of 1, since they are rounded.
SLACK = 1e-12


class BranchingSystem(SteppedSystem):
    r"""A stage-structured population as a Markov chain of whole numbers, with demographic stochasticity.

    .. math:: n_i(t+1) = \sum_j \mathrm{Multinomial}\big(n_j(t);\, T_{\cdot j}\big)_i
              + \mathrm{Poisson}\Big(\sum_j F_{ij}\, n_j(t) + m_i\Big)

    Every individual of stage j is in stage i at the next step with probability :math:`T_{ij}`, and dies with the remaining
    probability; it has a Poisson number of offspring in stage i with mean :math:`F_{ij}`, or, with ``offspring="bernoulli"``,
    one with probability :math:`F_{ij}` and none otherwise.  All are independent given the numbers, on which the probabilities
    may depend.  Without density dependence it is the Galton-Watson process of several types, and with F = 0 a Markov chain of
    individuals.

    Symbols called ``dW``, ``dW1``, ``dW_rain`` ... are standard normal numbers, drawn in each step for the entire
    population of a trajectory: environmental noise.

    Parameters
    ----------
    states : sequence of Symbol or str
        The stages.
    transitions : Matrix, array or nested sequence, n x n
        T; probabilities in the column of a stage add up to at most 1.
    fecundity : Matrix, array or nested sequence, n x n
        F.
    parameters, observables, time :
        As for `ODESystem`.
    offspring : {'poisson', 'bernoulli'}
    immigration : sequence, optional
        m, the mean Poisson number of immigrants into each stage at each step.
    initial : mapping, optional
        Whole numbers by state.

    Attributes
    ----------
    transitions, fecundity : ImmutableDenseMatrix
    immigration : tuple of Expr
    offspring : str
    noise : tuple of Symbol
        The standard normal numbers of a step, in the order of their names.

    Raises
    ------
    DeclarationError
        For matrices of other shapes, and numbers that are no probabilities or means; where expressions turn out to be none in a
        simulation, the trajectory fails.

    References
    ----------
    Athreya & Ney, Branching Processes (1972), chapter V; Caswell, Matrix Population Models (2001), chapter 15

    Examples
    --------
    >>> import symdyn as sd
    >>> birds = sd.BranchingSystem(["chick", "adult"], [[0, 0], [0.3, 0.8]], [[0, 0.7], [0, 0]])
    >>> print(birds)
    chick[t+1] ~ poisson(0.7*adult)
    adult[t+1] ~ binomial(chick, 0.3) + binomial(adult, 0.8)
    >>> data = sd.simulate(birds, range(31), initial={"chick": 2, "adult": 5}, trajectories=4000, seed=1)
    >>> round(float((data.chick + data.adult == 0).sel(time=30).mean()), 1)  # extinct after 30 years
    0.3
    """

    transitions: sp.ImmutableDenseMatrix
    fecundity: sp.ImmutableDenseMatrix
    immigration: tuple[sp.Expr, ...]
    offspring: str
    kind: ClassVar[str] = "chain"
    sides: ClassVar[tuple[str, ...]] = ("transitions", "fecundity", "immigration")

    def __init__(
        self,
        states: Sequence[Any],
        transitions: Any,
        fecundity: Any,
        parameters: Mapping[Any, float] | None = None,
        *,
        offspring: str = "poisson",
        immigration: Sequence[Any] | None = None,
        initial: Mapping[Any, Any] | None = None,
        observables: Mapping[Any, Any] | None = None,
        time: Any = "t",
        provenance: Sequence[str] = (),
    ) -> None:
        if offspring not in OFFSPRING:
            raise DeclarationError(f"offspring is {offspring!r}; known: {', '.join(OFFSPRING)}.{suggest(offspring, OFFSPRING)}")
        stages = [states] if isinstance(states, (str, sp.Symbol)) else list(states)
        size = len(stages)
        survival, births = read_matrix(transitions, "transitions", size), read_matrix(fecundity, "the fecundity", size)
        arrivals = [sp.S.Zero] * size if immigration is None else read_vector(immigration, "immigration", size)
        sides = {s: (*survival.row(i), *births.row(i), arrivals[i]) for i, s in enumerate(stages)}
        if len(sides) != size:
            raise DeclarationError(f"the states are {', '.join(map(str, stages))}; each stage needs a name of its own")
        rows = self.declare(
            sides, parameters=parameters, initial=initial, observables=observables, time=time, provenance=provenance
        )
        self.__dict__.update(
            transitions=sp.ImmutableDenseMatrix([row[:size] for row in rows.values()]),
            fecundity=sp.ImmutableDenseMatrix([row[size : 2 * size] for row in rows.values()]),
            immigration=tuple(row[-1] for row in rows.values()),
            offspring=offspring,
        )
        self._check_numbers()
        self._check_noise()

    def _check_numbers(self) -> None:
        """Refuse numbers that are no probabilities or means."""
        names, most = self.names, 1.0 if self.offspring == "bernoulli" else float("inf")
        for j, stage in enumerate(names):
            column = list(self.transitions.col(j))
            for name, p in zip(names, column, strict=True):
                if p.is_number and not 0 <= p <= 1 + SLACK:
                    raise DeclarationError(f"an individual of {stage} becomes {name} with probability {p}; expected 0 to 1")
            total = sp.Add(*(p for p in column if p.is_number))
            if total > 1 + SLACK:
                raise DeclarationError(
                    f"the probabilities of what becomes of an individual of {stage} add up to {total}; expected 1 at most "
                    "(columns are the stages that individuals come from; offspring belongs to the fecundity)"
                )
            for name, f in zip(names, self.fecundity.col(j), strict=True):
                if f.is_number and not 0 <= f <= most:
                    expected = "a probability, 0 to 1, as offspring is 'bernoulli'" if most == 1.0 else "a mean, 0 or more"
                    raise DeclarationError(f"the fecundity of {stage} into {name} is {f}; expected {expected}")
        for name, m in zip(names, self.immigration, strict=True):
            if m.is_number and not m >= 0:
                raise DeclarationError(f"the immigration into {name} is {m}; expected a mean number, 0 or more")

    @cached_property
    def digest(self) -> str:
        """Hexadecimal fingerprint of the mathematics (not of default values or provenance), and the law of the offspring."""
        return super().digest + self.offspring

    @classmethod
    def example(cls) -> Self:
        x, y, a, b = sp.symbols("x y a b")
        return cls([x, y], [[0, 0], [0.5, 0.3]], [[0, a], [b, 0]], {a: 1, b: 2}, initial={x: 9, y: 4})

    @classmethod
    def from_model(cls, model: ModelText, options: dict[str, Any]) -> Self:
        raise DeclarationError(
            "a text does not distinguish survival from offspring; declare a branching process as BranchingSystem(states, "
            "transitions, fecundity), or make one of a matrix model: model.demographic()"
        )

    def mean(self) -> MatrixModel:
        r"""The matrix model that the means follow, :math:`x(t+1) = (T + F)\,x(t) + m`.

        It is exact if T and F depend neither on the numbers nor on random numbers; otherwise it is the limit of large
        populations.

        Returns
        -------
        MatrixModel

        Examples
        --------
        >>> import symdyn as sd
        >>> birds = sd.BranchingSystem(["chick", "adult"], [[0, 0], [0.25, 0.5]], [[0, 2], [0, 0]])
        >>> print(birds.mean())
        chick[t+1] = 2*adult
        adult[t+1] = 0.5*adult + 0.25*chick
        """
        return MatrixModel(
            self.transitions + self.fecundity, self.states, self.defaults, fecundity=self.fecundity,
            immigration=self.immigration, initial=self.initial, observables=self.observables, time=self.time,
            provenance=(*self.provenance, "means of a branching process"),
        )  # fmt: skip

    # ---- display -------------------------------------------------------------------------------

    def equations(self) -> list[Equation]:
        """The laws from which the next numbers are drawn; multinomial numbers of one stage are drawn jointly.

        Returns
        -------
        list of Equation
            One for each stage.

        Examples
        --------
        >>> import symdyn as sd
        >>> [str(e) for e in sd.BranchingSystem(["n"], [[0]], [[1.5]]).equations()]
        ['n[t+1] ~ poisson(1.5*n)']
        """
        t, x, written = self.time, self.states, []
        for i, s in enumerate(x):
            terms: list[tuple[str, str]] = []
            for j, p in enumerate(self.transitions.row(i)):
                alone = sum(not q.is_zero for q in self.transitions.col(j)) == 1
                if not p.is_zero:
                    terms.append(
                        (str(x[j]), sp.latex(x[j])) if p == 1 else _law("binomial" if alone else "multinomial", x[j], p)
                    )
            mean = [self.immigration[i]]
            if self.offspring == "poisson":
                mean += [f * n for f, n in zip(self.fecundity.row(i), x, strict=True)]
            else:
                terms += [_law("binomial", n, f) for f, n in zip(self.fecundity.row(i), x, strict=True) if not f.is_zero]
            if not sp.Add(*mean).is_zero:
                terms.append(_law("poisson", sp.Add(*mean)))
            text, latex = (" + ".join(part) or "0" for part in (zip(*terms, strict=True) if terms else ((), ())))
            written.append(Equation(f"{s}[{t}+1]", text, rf"{sp.latex(s)}_{{{sp.latex(t)}+1}}", latex, " ~ "))
        return written


KINDS.register("chain", BranchingSystem)


def _law(name: str, *arguments: sp.Expr) -> tuple[str, str]:
    """A distribution as text and as LaTeX."""
    latex = ",\\ ".join(map(sp.latex, arguments))
    return f"{name}({', '.join(map(rate_text, arguments))})", rf"\operatorname{{{name.capitalize()}}}\left({latex}\right)"
