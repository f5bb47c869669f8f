"""Systems with published or exact reference numbers that the tests of reductions share."""

from functools import cache

import numpy as np
import sympy as sp
import xarray as xr

import symdyn as sd

TIMES = np.linspace(0, 1, 101)
ACCURATE = {"method": "rodas5p", "rtol": 1e-8, "atol": 1e-10, "progress": False}


@cache
def burgers(n=256):
    """u_t + (u^2/2)_x = nu u_xx on (0, 1) with u = 0 at the walls, at n inner points, central differences."""
    h, x = 1 / (n + 1), np.linspace(0, 1, n + 2)[1:-1]
    nu, u = sp.Symbol("nu"), sp.symbols(f"u0:{n}")
    rates = {}
    for i in range(n):
        left, right = (u[i - 1] if i else sp.S.Zero), (u[i + 1] if i < n - 1 else sp.S.Zero)
        rates[u[i]] = nu * (left - 2 * u[i] + right) / h**2 - (right**2 - left**2) / (4 * h)
    return sd.ODESystem(rates, {nu: 0.01}, initial=dict(zip(u, np.sin(np.pi * x), strict=True))), x


@cache
def burgers_runs(*values):
    return sd.simulate(burgers()[0], TIMES, parameters={"nu": values if len(values) > 1 else values[0]}, **ACCURATE)


def starts(pairs, times):
    """Runs of Burgers' equation from a sin(pi x) + b sin(2 pi x) at nu = 0.01."""
    full, x = burgers()
    rows = [a * np.sin(np.pi * x) + b * np.sin(2 * np.pi * x) for a, b in pairs]
    initial = {s: xr.DataArray([row[i] for row in rows], dims="start") for i, s in enumerate(full.states)}
    return sd.simulate(full, times, initial=initial, **ACCURATE)


@cache
def fitzhugh_nagumo(n=512):
    """Chaturantabut & Sorensen (2010), section 5.2, epsilon = 0.015."""
    h, t = 1 / (n - 1), sp.Symbol("t")
    v, w, eps = sp.symbols(f"v0:{n}"), sp.symbols(f"w0:{n}"), sp.Float(0.015)
    rates = {}
    for i in range(n):
        left, right = (v[i - 1] if i else v[1]), (v[i + 1] if i < n - 1 else v[n - 2])
        rates[v[i]] = eps * (left - 2 * v[i] + right) / h**2 + (v[i] * (v[i] - 0.1) * (1 - v[i]) - w[i] + 0.05) / eps
    rates[v[0]] += 2 * eps / h * 50000 * t**3 * sp.exp(-15 * t)
    rates |= {w[i]: 0.5 * v[i] - 2 * w[i] + 0.05 for i in range(n)}
    full = sd.ODESystem(rates, initial=dict.fromkeys(v + w, 0))
    return full, {"v": v, "w": w}, sd.simulate(full, np.linspace(0, 8, 801), **ACCURATE)
