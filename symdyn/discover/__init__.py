"""Recovering unknown terms from data.

`symdyn.recover` is the main entry; `symdyn.fit` fits parameters of systems whose form is known.  Names are imported when they
are first used, because that imports scikit-learn and, for networks, jax.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from symdyn.lazy import lazy

if TYPE_CHECKING:
    from symdyn.discover.evidence import errors
    from symdyn.discover.options import RecoverOptions
    from symdyn.discover.regressors.sparse import Conserved

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "evidence": ("errors",),
        "options": ("RecoverOptions",),
        "regressors.sparse": ("Conserved",),
    },
)
