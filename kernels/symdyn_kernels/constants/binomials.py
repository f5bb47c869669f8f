"""Binomial variates with repeated probabilities."""

from __future__ import annotations

#: Trials up to which variates come from inversion, and distributions may be tabulated.
SMALL = 255
#: Numbers so near the mode are compared with it by the ratios of neighbours, as long as these differ as doubles.
NEAR, DISTINCT = 20.0, 1e15
#: Far below what the bounds decide wrongly by rounding.
MARGIN = 1e-9
