"""Options of compiled functions."""

from __future__ import annotations

__all__ = ["HELPER", "INLINE", "INNER", "PLAIN"]

#: Of functions that other compiled functions call, or Python at their address: what would take arguments from Python is not
#: compiled, which for a function that is given tuples of arrays is most of its code.
HELPER = {"error_model": "numpy", "no_cfunc_wrapper": True, "no_cpython_wrapper": True}
#: Of functions that allocate nothing and keep no array.  numba counts references to every array that a function is given,
#: by atomic additions, which would take most of the time of a function of a few operations; `_nrt` is its only switch that
#: leaves them out, and not public: tests compile such a function, so that a release of numba without it shows.
PLAIN = {"error_model": "numpy", "_nrt": False, "no_cfunc_wrapper": True}
#: Both.
INNER = {**PLAIN, **HELPER}
#: The same, for functions that are given many arrays or tuples of them: to hand those over would take longer than the rest.
INLINE = {**INNER, "forceinline": True}
