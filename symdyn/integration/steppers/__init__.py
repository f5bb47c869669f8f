"""What a method does in one step, as array operations on a problem; the schemes are those of ``symdyn.METHODS``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symdyn.errors import CompileError
from symdyn.integration.problem import Problem, SplitProblem
from symdyn.integration.steppers.additive import AdditiveStepper
from symdyn.integration.steppers.base import Stepper
from symdyn.integration.steppers.explicit import ExplicitStepper
from symdyn.integration.steppers.exponential import ExponentialStepper
from symdyn.integration.steppers.multistep import MultistepStepper
from symdyn.methods.additive import AdditiveRungeKutta
from symdyn.methods.exponential import ExponentialRungeKutta
from symdyn.methods.multistep import ImexMultistep
from symdyn.methods.runge_kutta import ExplicitRungeKutta

__all__ = ["STEPPERS", "make_stepper"]

#: The stepper of each type of scheme.
STEPPERS: dict[type, Callable[..., Stepper]] = {
    ExplicitRungeKutta: ExplicitStepper,
    AdditiveRungeKutta: AdditiveStepper,
    ExponentialRungeKutta: ExponentialStepper,
    ImexMultistep: MultistepStepper,
}


def make_stepper(problem: Problem, scheme: Any, *, estimates: bool) -> Stepper:
    """The stepper of a scheme for a problem.

    Parameters
    ----------
    problem : Problem
        A `SplitProblem`, if the scheme is not explicit.
    scheme : object
        An entry of ``symdyn.METHODS``.
    estimates : bool
        Whether steps are chosen by estimates of their errors.

    Returns
    -------
    Stepper

    Raises
    ------
    CompileError
        For a scheme without a form for arrays.
    DeclarationError
        For an exponential method and a linear part that is not diagonal.
    """
    for kind, stepper in STEPPERS.items():
        if isinstance(scheme, kind) and (kind is ExplicitRungeKutta or isinstance(problem, SplitProblem)):
            return stepper(problem, scheme, estimates=estimates)
    raise CompileError(f"{scheme.name} has no form for a {type(problem).__name__}")
