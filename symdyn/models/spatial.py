"""Systems with fields, which have integrators of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from symdyn.system import System

__all__ = ["SpatialSystem"]


class SpatialSystem(System):
    """A system some of whose states are fields over a domain; `symdyn.simulate` calls its method `run`."""

    def run(
        self, times: Any, *, initial: Mapping[Any, Any] | None = None, parameters: Mapping[Any, Any] | None = None,
        **options: Any,
    ) -> Any:  # fmt: skip
        """Simulate; `options` are those of `symdyn.simulate` that were given, those of its layout by their own names.

        Returns
        -------
        xarray.Dataset

        Raises
        ------
        DeclarationError
            For options without effect, naming who reads them.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define run(times, ...)")
