r"""The logarithm of a density along a flow, as a further state."""

from __future__ import annotations

from typing import Any

import sympy as sp

from symdyn.declaration import derivative
from symdyn.errors import DeclarationError
from symdyn.models.ode import ODESystem

__all__ = ["with_log_density"]


def with_log_density(system: ODESystem, name: str = "log_density") -> ODESystem:
    r"""The system with one more state, the change of the logarithm of the density along its flow.

    .. math:: \frac{\mathrm d}{\mathrm dt} \log p_t(x(t)) = -\nabla\!\cdot\! f(x, t)

    with the divergence derived symbolically.  It begins at 0 unless `initial` gives it a value; from a point at the first time
    to the last, :math:`\log p_0(x_0) = \log p_T(x_T) - \ell_T` where :math:`\ell` is this state.

    Parameters
    ----------
    system : ODESystem
    name : str
        Of the state.

    Returns
    -------
    ODESystem

    Raises
    ------
    DeclarationError
        For algebraic equations and delays, and if the name is taken.

    References
    ----------
    Chen et al., Neural ordinary differential equations, NeurIPS 2018, theorem 1.

    Examples
    --------
    >>> import symdyn as sd
    >>> print(sd.ODESystem.from_text("x' = -k*x^3").with_log_density())
    x' = -k*x**3
    log_density' = 3*k*x**2
    """
    if (reason := system.unmet(["drift"])) is not None or system.algebraic or system.history:
        raise DeclarationError(f"a density along a flow: {reason or 'algebraic equations and delays have none on the states'}")
    taken = {s.name for s in (*system.states, *system.parameters, *system.observables, system.time)}
    if name in taken:
        raise DeclarationError(f"the name {name!r} of the further state is taken; choose another one, name=...")
    ell = sp.Symbol(name)
    divergence = sp.Add(*(derivative(f, x) for f, x in zip(system.drift, system.states, strict=True)))
    rows: dict[Any, sp.Expr] = dict(zip(system.states, system.drift, strict=True))
    return ODESystem(
        rows | {ell: -divergence}, dict(system.defaults), initial={**system.initial, ell: 0}, time=system.time,
        observables=dict(system.observables), provenance=(*system.provenance, "with the density along its flow"),
    )  # fmt: skip
