"""Systems with fields: they bring their own integrators, since a field is no short list of numbers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from symdyn.system import System

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["SpatialSystem"]


class SpatialSystem(System):
    """A system some of whose states are fields over a domain; `symdyn.simulate` hands it the work."""

    @abstractmethod
    def run(
        self, times: np.ndarray, *, initial: Mapping[Any, Any] | None, parameters: Mapping[Any, Any] | None, **options: Any
    ) -> xr.Dataset:
        """Simulate; `options` are those of `symdyn.simulate` that were given, those of its layout by their own names.

        Raises
        ------
        DeclarationError
            For options without effect, naming who reads them.
        """
