"""Values of parameters that runs were made with."""

from __future__ import annotations

import numpy as np

from symdyn.errors import DeclarationError
from symdyn.reduction.layout import Snapshots
from symdyn.system import System

__all__ = ["run_parameters"]


def run_parameters(system: System, read: Snapshots) -> np.ndarray:
    """Values (P, L) of the parameters of a system in the trajectories of some runs; those of inputs are numbers of courses.

    Raises
    ------
    DeclarationError
        If neither the runs nor the system tell a value.
    """
    pairs = (pair.partition(" = ") for pair in str(read.attrs.get("parameters", "")).split(", "))
    given = {name: float(value) for name, _, value in pairs if name and value}
    sizes, found = tuple(read.sizes.values()), []
    varied = {str(c.attrs["parameter"]): c for c in read.lead.coords.values() if "parameter" in c.attrs}
    varied |= {str(name): c for name, c in read.lead.coords.items() if name in {p.name for p in system.parameters}}
    for p in system.parameters:
        if p.name in varied:
            c = varied[p.name]
            shaped = c.reset_coords(drop=True).expand_dims({d: n for d, n in read.sizes.items() if d not in c.dims})
            found.append(np.broadcast_to(shaped.transpose(*read.sizes).values, sizes).ravel())
        elif p.name in given or p in system.defaults:
            found.append(np.full(len(read.values), given.get(p.name, float(system.defaults.get(p, 0.0)))))
        else:
            raise DeclarationError(f"the runs do not tell the value of {p.name}; give the full system a default value of it")
    return np.array(found, float).reshape(len(system.parameters), len(read.values))
