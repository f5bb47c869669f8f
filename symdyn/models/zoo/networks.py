"""Reaction networks on which approximations of the chemical master equation are tried."""

from __future__ import annotations

from symdyn.models.reactions import ReactionNetwork

__all__ = ["brusselator_network", "cascade", "dimerisation", "gene_expression", "schloegl", "toggle_switch"]


def schloegl() -> ReactionNetwork:
    r"""Schlögl's network, bistable with the default rates.

    The reservoirs A and B are part of the rate constants; the rate equation in the concentration x is
    :math:`\dot x = 60 x^2 - x^3 + 4600 - 1000 x`, at rest at 7.7034, 16.843 (unstable) and 35.454.

    Returns
    -------
    ReactionNetwork
        Species X, volume V (10 by default), from nothing.

    References
    ----------
    Schlögl, Z. Phys. 253 (1972) 147-161.

    Examples
    --------
    >>> print(schloegl())
    2 X -> 3 X, k1
    3 X -> 2 X, k2
    0 -> X, k3
    X -> 0, k4
    volume V
    """
    return ReactionNetwork.from_text(
        """
        2 X <-> 3 X, k1, k2
        0 <-> X, k3, k4
        """,
        {"k1": 60, "k2": 1, "k3": 4600, "k4": 1000, "V": 10},
        volume="V",
        initial={"X": 0},
        provenance=("zoo.schloegl: Schlögl (1972)",),
    )


def brusselator_network() -> ReactionNetwork:
    r"""The Brusselator as a network; its rate equations oscillate when :math:`c_2 > 1 + c_1` (for :math:`c_3 = c_4 = 1`).

    Returns
    -------
    ReactionNetwork
        Species X and Y, volume V (100 by default), from one molecule of each.

    References
    ----------
    Prigogine & Lefever, J. Chem. Phys. 48 (1968) 1695-1700; rates of Schnoerr, Sanguinetti & Grima,
    J. Chem. Phys. 143 (2015) 185101.

    Examples
    --------
    >>> print(brusselator_network())
    2 X + Y -> 3 X, c1
    X -> Y, c2
    0 -> X, c3
    X -> 0, c4
    volume V
    """
    return ReactionNetwork.from_text(
        """
        2 X + Y -> 3 X, c1
        X -> Y, c2
        0 <-> X, c3, c4
        """,
        {"c1": 0.9, "c2": 2, "c3": 1, "c4": 1, "V": 100},
        volume="V",
        initial={"X": 1, "Y": 1},
        provenance=("zoo.brusselator_network: Prigogine & Lefever (1968)",),
    )


def dimerisation() -> ReactionNetwork:
    r"""Molecules that are produced singly and annihilated in pairs; steady state at :math:`x = \sqrt{k_0 / 2 k_1}`.

    Returns
    -------
    ReactionNetwork
        Species X, volume V (10 by default), from nothing.

    Examples
    --------
    >>> print(dimerisation())
    0 -> X, k0
    2 X -> 0, k1
    volume V
    """
    return ReactionNetwork.from_text(
        "0 -> X, k0; 2 X -> 0, k1",
        {"k0": 1, "k1": 1, "V": 10},
        volume="V",
        initial={"X": 0},
        provenance=("zoo.dimerisation",),
    )


def gene_expression() -> ReactionNetwork:
    """A gene that switches, its messengers and proteins; every moment of it is known exactly.

    Returns
    -------
    ReactionNetwork
        Species off and on (one gene), M and P.

    References
    ----------
    Shahrezaei & Swain, PNAS 105 (2008) 17256-17261.

    Examples
    --------
    >>> print(gene_expression())
    off -> on, k_on
    on -> off, k_off
    on -> on + M, k_m
    M -> 0, d_m
    M -> M + P, k_p
    P -> 0, d_p
    """
    return ReactionNetwork.from_text(
        """
        off <-> on, k_on, k_off
        on -> on + M, k_m
        M -> 0, d_m
        M -> M + P, k_p
        P -> 0, d_p
        """,
        {"k_on": 0.3, "k_off": 0.3, "k_m": 10, "d_m": 1, "k_p": 4, "d_p": 1},
        initial={"off": 1, "on": 0, "M": 0, "P": 0},
        binary=("off", "on"),
        provenance=("zoo.gene_expression: Shahrezaei & Swain (2008)",),
    )


def toggle_switch() -> ReactionNetwork:
    """Two genes that repress one another, with Hill functions for rates: bistable.

    Returns
    -------
    ReactionNetwork
        Proteins A and B.

    References
    ----------
    Gardner, Cantor & Collins, Nature 403 (2000) 339-342.

    Examples
    --------
    >>> print(toggle_switch())
    0 => A, a/(B**2*c + 1) + a0
    A -> 0, d
    0 => B, a/(A**2*c + 1) + a0
    B -> 0, d
    """
    return ReactionNetwork.from_text(
        """
        0 => A, a0 + a/(1 + c*B^2)
        A -> 0, d
        0 => B, a0 + a/(1 + c*A^2)
        B -> 0, d
        """,
        {"a0": 1, "a": 50, "c": 0.01, "d": 1},
        initial={"A": 10, "B": 10},
        provenance=("zoo.toggle_switch: Gardner, Cantor & Collins (2000)",),
    )


def cascade() -> ReactionNetwork:
    """Fifteen species, each producing the next: a linear network of 30 reactions.

    Returns
    -------
    ReactionNetwork
        Species S0 to S14, 10 molecules of each at the start and on average.

    Examples
    --------
    >>> net = cascade()
    >>> len(net.species), len(net.reactions)
    (15, 30)
    """
    lines = ["0 -> S0, b"]
    lines += [f"S{i} -> S{i} + S{i + 1}, k" for i in range(14)]
    lines += [f"S{i} -> 0, d" for i in range(15)]
    return ReactionNetwork.from_text(
        "\n".join(lines),
        {"b": 10, "k": 1, "d": 1},
        initial={f"S{i}": 10 for i in range(15)},
        provenance=("zoo.cascade",),
    )
