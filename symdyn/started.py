"""When this process imported the package: what is imported first, so that sources edited later can be told."""

from __future__ import annotations

import time

__all__ = ["STARTED"]

STARTED = time.time()
