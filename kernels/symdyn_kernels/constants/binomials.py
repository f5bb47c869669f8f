"""Binomial numbers of one probability over and over."""

from __future__ import annotations

#: Trials up to which numbers come from inversion, of distributions that may be kept.
SMALL = 255
#: Numbers so near the mode are compared with it by the ratios of neighbours, as long as these differ as doubles.
NEAR, DISTINCT = 20.0, 1e15
#: Far below what the bounds decide wrongly by rounding.
MARGIN = 1e-9
