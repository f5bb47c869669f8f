"""Cells coupled by a diffusing signal: one declaration, and the routes from it.

>>> import symdyn as sd
>>> from symdyn.models import zoo
>>> cell = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], kinetics=zoo.selkov(),
...     secreted="v", influx=0.8, efflux=0.2)
>>> float(cell.steady_state({"D": 1, "tau": 0.55}).v[0].round(4))
1.3104

Names are imported when they are first used.
"""

from __future__ import annotations
