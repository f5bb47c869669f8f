r"""The signature of a path: its iterated integrals, as a system that inputs drive."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import sympy as sp

from symdyn.errors import DeclarationError
from symdyn.models.ode import ODESystem
from symdyn.paths import Path, PathSlope

__all__ = ["signature"]

#: Most words of a signature.
LARGEST = 5000


def signature(channels: Sequence[Any], depth: int = 4) -> ODESystem:
    r"""The iterated integrals of a path with several channels, up to a depth.

    .. math:: \dot S_{w i}(t) = S_w(t)\,\dot X_i(t), \qquad S_{\varnothing} = 1, \quad S_w(t_0) = 0

    for all words w of channels 1, 2, ... of the path :math:`X`.  They determine a path that is straight between its knots up to
    detours that it takes back, and functions of paths are nearly linear in them.

    Parameters
    ----------
    channels : sequence of Path and Symbol
        Inputs of any kind but ``hold``; a symbol is the time itself, which makes the signature tell all paths
        apart.  At most nine.
    depth : int, optional
        The longest words.

    Returns
    -------
    ODESystem
        With the states ``S_1``, ``S_2``, ``S_11``, ``S_12`` ..., which begin at 0.

    Raises
    ------
    DeclarationError
        For other channels and depths, paths of the kind ``hold``, which have no slope, and more than 5,000 words.

    References
    ----------
    Chen, Ann. Math. 65 (1957) 163; Lyons, Caruana & Levy, Differential Equations Driven by Rough Paths (2007), section 2.2.

    Examples
    --------
    Along a straight line every word of length n is the product of increments over n!:

    >>> import sympy as sp, symdyn as sd
    >>> u = sd.Path("u", [0, 2], [1, 4])
    >>> iterated = sd.derive.signature([sp.Symbol("t"), u], depth=2)
    >>> print(iterated)
    S_1' = 1
    S_2' = du/dt
    S_11' = S_1
    S_12' = du/dt*S_1
    S_21' = S_2
    S_22' = du/dt*S_2
    >>> sd.simulate(iterated, [0, 2], progress=False).S_12[-1].round(9).item()   # 2*3/2
    3.0
    """
    channels = tuple(channels)
    if not 1 <= len(channels) <= 9 or len(set(channels)) < len(channels):
        raise DeclarationError(f"a signature is of one to nine different channels; got {len(channels)}")
    if not isinstance(depth, int) or isinstance(depth, bool) or depth < 1:
        raise DeclarationError(f"depth is {depth!r}; expected 1, 2, 3, or a higher whole number")
    if (words := sum(len(channels) ** k for k in range(1, depth + 1))) > LARGEST:
        raise DeclarationError(
            f"a signature of depth {depth} of {len(channels)} channels has {words} words; up to {LARGEST} are made"
        )
    times = [c for c in channels if isinstance(c, sp.Symbol) and not isinstance(c, (Path, PathSlope))]
    slopes: list[sp.Expr] = []
    for channel in channels:
        if isinstance(channel, Path):
            slopes.append(channel.diff(sp.Symbol("t")))
        elif channel in times and len(times) == 1:
            slopes.append(sp.S.One)
        else:
            raise DeclarationError(f"{channel!r} is no channel of a signature; expected paths, and one symbol for the time")
    rows: dict[sp.Symbol, sp.Expr] = {}
    state: dict[tuple[int, ...], sp.Expr] = {(): sp.S.One}
    for length in range(1, depth + 1):
        for word in product(range(len(channels)), repeat=length):
            state[word] = sp.Symbol("S_" + "".join(str(i + 1) for i in word))
            rows[state[word]] = state[word[:-1]] * slopes[word[-1]]
    return ODESystem(
        rows, initial=dict.fromkeys(rows, 0), time=times[0] if times else "t",
        provenance=(f"signature of depth {depth} of {', '.join(map(str, channels))}",),
    )  # fmt: skip
