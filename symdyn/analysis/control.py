r"""Metabolic control analysis: how much each reaction of a network governs concentrations and fluxes at rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy.linalg
import sympy as sp
import xarray as xr

from symdyn.analysis.field import Field, parameter_row
from symdyn.analysis.linearisation import read_state
from symdyn.analysis.search import newton
from symdyn.analysis.starts import values_at
from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.lower import lower
from symdyn.derive.rate_equations import rate_equations
from symdyn.errors import DeclarationError
from symdyn.gradients import gradients
from symdyn.models.reactions import ReactionNetwork
from symdyn.simulation.dataset import attributes, listed_values
from symdyn.system import System

__all__ = ["control_coefficients"]

#: Farthest that Newton's method may move from the state that is given, relative to the largest state.
NEAR = 1e-2
#: Condition of the Jacobian within the conserved totals from which on a state is no function of the rates.
SINGULAR = 1e13


def control_coefficients(
    network: ReactionNetwork, state: Any, parameters: Mapping[Any, float] | None = None, *, scaled: bool = True
) -> xr.Dataset:
    r"""Control, elasticity and response coefficients of a steady state.

    With the stoichiometric matrix :math:`N`, the rates :math:`v(x, p)`, :math:`\epsilon = \partial v/\partial x` and
    columns :math:`U` that span the changes of `x`, so that conserved totals stay as they are,

    .. math::
        C^x = -U (U^T N \epsilon U)^{-1} U^T N, \qquad C^v = 1 + \epsilon\, C^x, \qquad
        R^x = C^x \frac{\partial v}{\partial p}, \qquad R^v = C^v \frac{\partial v}{\partial p} .

    :math:`C_{ij}` is the change of a state or rate at rest for a change of the activity of reaction j, and R that for a
    parameter.  Scaled coefficients are derivatives of logarithms by logarithms.  Each row of :math:`C^x` then adds up to 0 and
    each row of :math:`C^v` to 1.  A reversible reaction ``A <-> B`` is two reactions; the control of both together is the sum
    of their coefficients.

    Parameters
    ----------
    network : ReactionNetwork
        Its rates are those of `ReactionNetwork.rate_equations`: the limit of large volumes, or the laws of an SBML model.
    state : mapping or Dataset
        A value for each species, near the state at rest; or one branch of `steady_states` of the rate equations,
        ``found.isel(branch=0)``.  It is refined by Newton's method, its conserved totals are kept.
    parameters : mapping, optional
        Numbers over those at which `state` was found, over the defaults of the network.
    scaled : bool
        False for the derivatives themselves, in the units of states, rates and parameters.

    Returns
    -------
    xarray.Dataset
        ``steady_state`` (state), ``flux`` (reaction), ``elasticity`` (reaction, state), ``concentration_control`` (state,
        reaction), ``flux_control`` (flux_of, reaction), ``concentration_response`` (state, parameter) and ``flux_response``
        (flux_of, parameter).  Scaled coefficients of states and fluxes that are zero are NaN.

    Raises
    ------
    DeclarationError
        For other systems, where no steady state is near, and where it is at a fold or one of a family.

    See Also
    --------
    root_slopes : derivatives of the steady states of any system.

    References
    ----------
    Kacser & Burns, Symp. Soc. Exp. Biol. 27, 65 (1973); Heinrich & Rapoport, Eur. J. Biochem. 42, 89 (1974); Reder, J. Theor.
    Biol. 135, 175 (1988), on conserved totals.

    Examples
    --------
    Nine of ten molecules of A are lost before they become B, so that the flux through B follows the conversion by 0.9:

    >>> import symdyn as sd
    >>> chain = sd.ReactionNetwork.from_text("0 -> A, 2; A -> 0, 9; A -> B, 1; B -> 0, 1")
    >>> rest = sd.analysis.steady_states(chain.rate_equations()).isel(branch=0)
    >>> found = sd.analysis.control_coefficients(chain, rest)
    >>> found.flux_control.isel(flux_of=3).values.round(9).tolist()
    [1.0, -0.9, 0.9, 0.0]
    """
    if not isinstance(network, ReactionNetwork):
        raise DeclarationError(
            f"control coefficients are those of the reactions of a ReactionNetwork, not of a {type(network).__name__}; "
            "see root_slopes for the steady states of other systems"
        )
    system = rate_equations(network)
    field, p = Field(system), parameter_row(system, values_at(system, state, parameters))
    given = read_state(system, state)
    rates = network.macroscopic
    changes = _numbers(system, list(network.stoichiometry), given, p).reshape(len(system.states), len(rates))
    kept = scipy.linalg.null_space(changes.T).T
    x = newton(field, given, p, (kept, kept @ given))
    if x is None or (np.abs(x - given) > NEAR * (1e-9 + np.abs(given).max())).any():
        near = listed_values(zip(system.names, given, strict=True))
        raise DeclarationError(f"no steady state of the rate equations is near {near}; start from one that steady_states finds")
    flux = _numbers(system, rates, x, p)
    by_state, by_parameter = (
        _numbers(system, [row.get(s, sp.S.Zero) for row in gradients(rates, by) for s in by], x, p).reshape(len(rates), len(by))
        for by in (system.states, system.parameters)
    )
    spanned = scipy.linalg.orth(changes)
    matrix = spanned.T @ changes @ by_state @ spanned
    if not np.linalg.cond(matrix) < SINGULAR:
        raise DeclarationError(
            f"the steady state {listed_values(zip(system.names, x, strict=True))} is at a fold, or one of a family, and no "
            "function of the rates"
        )
    of_states = -spanned @ np.linalg.solve(matrix, spanned.T @ changes)
    of_fluxes = np.eye(len(rates)) + by_state @ of_states
    found = {
        "elasticity": (("reaction", "state"), by_state, flux, x),
        "concentration_control": (("state", "reaction"), of_states, x, flux),
        "flux_control": (("flux_of", "reaction"), of_fluxes, flux, flux),
        "concentration_response": (("state", "parameter"), of_states @ by_parameter, x, p),
        "flux_response": (("flux_of", "parameter"), of_fluxes @ by_parameter, flux, p),
    }
    names, symbols = [str(r) for r in network.reactions], [s.name for s in system.parameters]
    coordinates = {"state": list(system.names), "reaction": names, "flux_of": names, "parameter": np.array(symbols, str)}
    data = xr.Dataset({"steady_state": ("state", x), "flux": ("reaction", flux)}, coordinates)
    for name, (dims, values, of, by) in found.items():
        data[name] = dims, _scaled(values, of, by) if scaled else values
    known = listed_values((s.name, v) for s, v in zip(system.parameters, p, strict=True))
    data.attrs = attributes(network, scaled=int(scaled), parameters=known)
    return data


def _numbers(system: System, expressions: Sequence[sp.Expr], x: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Values (k,) of expressions of states and parameters."""
    blocks = [("lane", ()), ("y", system.states), ("p", system.parameters)]
    program = lower("numbers", blocks, expressions, [""] * len(expressions))
    return np.array([float(v) for v in evaluate(program, [], list(x), list(p))])


def _scaled(values: np.ndarray, of: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Derivatives of logarithms by logarithms; NaN of what is zero."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(of[:, None] != 0, values * by / of[:, None], np.nan)
