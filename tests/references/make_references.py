"""Reference solutions for the tests of accuracy, from solvers that share no code with symdyn.

Run from the root of the repository::

    PYTHONPATH=.:kernels python tests/references/make_references.py

Smooth problems are integrated by mpmath's Taylor series with 30 digits.  Stiff ones are integrated by scipy's Radau
IIA of order 5 with the exact Jacobian at rtol 1e-13, the right-hand sides written by sympy's own lambdify; Robertson's,
where double precision loses eight digits, by collocation with 40 digits (`collocation`).  Stiff references are then
compared with the values that the test set for initial value problem solvers publishes (`PUBLISHED`), and the script
stops if the two differ by more than `AGREEMENT`.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import mpmath
import numpy as np
import scipy
import sympy as sp
from collocation import collocate
from scipy.integrate import Radau

from symdyn.models import zoo

FILE = Path(__file__).parent / "solutions.json"
#: Relative difference allowed between our reference and the published one.
AGREEMENT = 1e-8
SMOOTH = {"lorenz": 5.0, "lotka_volterra": 20.0}
ROBERTSON_END = 1e11
#: End time and absolute tolerance.
STIFF = {
    "van_der_pol": (2000.0, 1e-15),
    "hires": (321.8122, 1e-16),
    "orego": (360.0, 1e-14),
    "pollu": (60.0, 1e-28),
}
#: Mazzia & Magherini, Test Set for Initial Value Problem Solvers, release 2.4 (2008); van der Pol's there in the time
#: t/mu, hence the factor of 1/mu in y.
PUBLISHED = {
    "van_der_pol": (0.1706167732170483e1, -0.8928097010247975e-3),
    "robertson": (0.2083340149701255e-7, 0.8333360770334713e-13, 0.9999999791665050),
    "hires": (
        *(0.7371312573325668e-3, 0.1442485726316185e-3, 0.5888729740967575e-4, 0.1175651343283149e-2),
        *(0.2386356198831331e-2, 0.6238968252742796e-2, 0.2849998395185769e-2, 0.2850001604814231e-2),
    ),
    "orego": (0.1000814870318523e1, 0.1228178521549917e4, 0.1320554942846706e3),
    "pollu": (
        *(0.5646255480022769e-1, 0.1342484130422339, 0.4139734331099427e-8, 0.5523140207484359e-2),
        *(0.2018977262302196e-6, 0.1464541863493966e-6, 0.7784249118997964e-1, 0.3245075353396018),
        *(0.7494013383880406e-2, 0.1622293157301561e-7, 0.1135863833257075e-7, 0.2230505975721359e-2),
        *(0.2087162882798630e-3, 0.1396921016840158e-4, 0.8964884856898295e-2, 0.4352846369330103e-17),
        *(0.6899219696263405e-2, 0.1007803037365946e-3, 0.1772146513969984e-5, 0.5682943292316392e-4),
    ),
}


def numbers(system):
    """Right-hand sides with numbers for parameters, and initial values."""
    values = {s: sp.Float(v) for s, v in system.defaults.items()}
    return [f.subs(values) for f in system.drift], [system.initial[s] for s in system.states]


def taylor(system, end: float) -> list[str]:
    """The solution at `end` to 20 digits."""
    drift, initial = numbers(system)
    f = sp.lambdify([system.states], drift, "mpmath")
    with mpmath.workdps(30):
        solution = mpmath.odefun(lambda t, y: f(y), 0, [mpmath.mpf(v) for v in initial])
        return [mpmath.nstr(v, 20) for v in solution(mpmath.mpf(end))]


def radau(system, end: float, atol: float) -> list[float]:
    """The solution at `end` by Radau IIA with the exact Jacobian."""
    drift, initial = numbers(system)
    f = sp.lambdify([system.states], drift, "math")
    jacobian = sp.lambdify([system.states], sp.Matrix(drift).jacobian(system.states).tolist(), "math")
    solver = Radau(
        lambda t, y: np.array(f(y.tolist())),
        0.0,
        np.array(initial, dtype=float),
        end,
        rtol=1e-13,
        atol=atol,
        jac=lambda t, y: np.array(jacobian(y.tolist())),
    )
    while solver.status == "running":
        solver.step()
    if solver.status == "failed":
        raise RuntimeError(f"Radau failed at t = {solver.t}")
    return solver.y.tolist()


def robertson() -> tuple[list[str], str]:
    """The solution and how it was made; C = 1 - A - B is eliminated."""
    system = zoo.robertson()
    k1, k2, k3 = (sp.Rational(str(system.defaults[k])) for k in system.parameters)
    a, b = system.states[:2]
    drift = [-k1 * a + k3 * b * (1 - a - b), k1 * a - k2 * b**2 - k3 * b * (1 - a - b)]
    fine, coarse = (collocate([a, b], drift, [1, 0], ROBERTSON_END, first=1e-6, ratio=r) for r in (1.2, 1.4))
    if max(abs(f / c - 1) for f, c in zip(fine, coarse, strict=True)) > 1e-14:
        raise RuntimeError("two step sizes of the collocation disagree")
    return [mpmath.nstr(v, 17) for v in (*fine, 1 - sum(fine))], "Radau collocation of order 13 with 40 digits"


def compared(name: str, values: list) -> float:
    """Difference from the published values, relative."""
    difference = float(np.max(np.abs(np.array(values, dtype=float) / PUBLISHED[name] - 1)))
    if not difference < AGREEMENT:
        raise RuntimeError(f"{name}: {values} differs from the published values by {difference:.1e}")
    return float(f"{difference:.1e}")


def entry(name: str) -> dict:
    """The reference of one problem, with how it was made."""
    system = getattr(zoo, name)()
    if name in SMOOTH:
        values = taylor(system, SMOOTH[name])
        method = f"Taylor series with 30 digits, mpmath {mpmath.__version__}"
        return {"time": SMOOTH[name], "values": dict(zip(system.names, values, strict=True)), "method": method}
    if name == "robertson":
        end = ROBERTSON_END
        values, method = robertson()
    else:
        end, atol = STIFF[name]
        values = list(map(repr, radau(system, end, atol)))
        method = f"Radau IIA of order 5, exact Jacobian, rtol 1e-13, atol {atol:g}, scipy {scipy.__version__}"
    return {
        "time": end,
        "values": dict(zip(system.names, values, strict=True)),
        "method": method,
        "difference from the published values": compared(name, values),
    }


def main() -> None:
    """Make all references, or those named on the command line."""
    found = json.loads(FILE.read_text()) if FILE.exists() else {}
    for name in sys.argv[1:] or [*SMOOTH, *STIFF, "robertson"]:
        begin = time.perf_counter()
        found[name] = entry(name)
        FILE.write_text(json.dumps(found, indent=2) + "\n")
        difference = found[name].get("difference from the published values", "")
        sys.stdout.write(f"{name}: {time.perf_counter() - begin:.0f} s {difference}\n")


if __name__ == "__main__":
    main()
