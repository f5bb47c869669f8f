"""Fields on structured grids: discretisation of a `PDESystem` by the method of lines, and its way through time."""

from __future__ import annotations
