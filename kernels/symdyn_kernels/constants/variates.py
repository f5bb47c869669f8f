"""Random variates."""

from __future__ import annotations

import numpy as np

#: Means from which on rejection takes the place of inversion.
SWITCH = 10.0
#: Kinds of bursts.
GEOMETRIC, POISSON = 0, 1
#: log(n!) - log(sqrt(2 pi n) (n/e)^n) for n = 0 (unused) to 15
STIRLING = np.array(
    [
        0.0, 0.08106146679532726, 0.0413406959554093, 0.02767792568499834, 0.020790672103765093, 0.016644691189821193,
        0.013876128823070748, 0.01189670994589177, 0.010411265261972096, 0.009255462182712733, 0.00833056343336287,
        0.007573675487951841, 0.00694284010720953, 0.006408994188004207, 0.0059513701127588475, 0.005554733551962801,
    ]
)  # fmt: skip
