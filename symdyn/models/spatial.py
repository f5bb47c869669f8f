"""Systems with fields, which have integrators of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from symdyn.system import System

__all__ = ["SpatialSystem"]


class SpatialSystem(System):
    """A system some of whose states are fields over a domain; `symdyn.simulate` calls its method `run`.

    Examples
    --------
    >>> import symdyn as sd
    >>> isinstance(sd.PDESystem.example(), SpatialSystem), isinstance(sd.ODESystem.example(), SpatialSystem)
    (True, False)
    """

    def run(
        self, times: Any, *, initial: Mapping[Any, Any] | None = None, parameters: Mapping[Any, Any] | None = None,
        **options: Any,
    ) -> Any:  # fmt: skip
        """Simulate the system; `symdyn.simulate` calls this.

        Parameters
        ----------
        times : (T,) sequence of float
            Output times in the unit of time of the system, increasing; the first is the time of the initial values.
        initial, parameters : mapping, optional
            Initial values and parameters, as for `symdyn.simulate`.
        **options
            Arguments of `symdyn.simulate` that were given; those of its layout by their own names.

        Returns
        -------
        xarray.Dataset

        Raises
        ------
        DeclarationError
            For options without effect, with the methods that read them.

        Examples
        --------
        >>> import symdyn as sd
        >>> decay = sd.PDESystem.from_text("u' = -u; u(0) = 1", domain=(0, 1))
        >>> decay.run([0, 1], grid=2, rtol=1e-8, progress=False).u[-1].values.round(4).tolist()  # exp(-1)
        [0.3679, 0.3679]
        """
        raise NotImplementedError(f"{type(self).__name__} does not define run(times, ...)")
