"""When can a moment closure be trusted?  Four networks, held against the master equation.

A closure is wrong where its equations have several stable states, none, a sustained oscillation, a negative variance or
an infinite solution, because the stationary distribution of the master equation is unique.  The networks are

- monostable: molecules that appear one by one and vanish in pairs;
- bistable: Schlögl's;
- oscillating: the Brusselator, whose rate equations have a limit cycle while the mean of an ensemble comes to rest;
- conserved: a dimerisation in which some closures depend on which of its species are written down.

    python -m examples.closure_validity --out out
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import xarray as xr

import symdyn as sd
from symdyn.models import zoo

#: The same dimerisation, 2 A <-> B with A + 2 B = 20, written in both species or in one of them.
CONSERVED = {
    "A and B": "2 A -> B, 0.1; B -> 2 A, 1; A(0) = 20; B(0) = 0",
    "A": "2 A => 0, 0.1*A*(A - 1); 0 => 2 A, (20 - A)/2; A(0) = 20",
    "B": "0 => B, 0.1*(20 - 2*B)*(19 - 2*B); B => 0, B; B(0) = 0",
}


def monostable(**options) -> xr.Dataset:
    """A lower threshold of molecule numbers, and nothing above it."""
    volumes = [0.1, 0.3, 1, 2, 3, 5, 10, 30, 100]
    return sd.studies.closure_validity(
        zoo.dimerisation(), volumes, closures=("normal", "poisson", "log-normal", "zero"), t_end=50, **options
    )


def bistable(**options) -> xr.Dataset:
    """A finite range: above its upper end closures have the two states of the rate equations."""
    volumes = [0.1, 0.5, 1, 2, 4, 5, 6, 8, 10, 12, 15, 20, 30, 60]
    closures = ("normal", "poisson", "log-normal", "zero")
    return sd.studies.closure_validity(zoo.schloegl(), volumes, closures=closures, t_end=2, **options)


def oscillating(**options) -> xr.Dataset:
    """A finite range: above its upper end closures oscillate as the rate equations do."""
    volumes = [0.25, 0.5, 1, 2, 5, 10, 20, 100, 1000, 5000, 10_000]
    return sd.studies.closure_validity(zoo.brusselator_network(), volumes, orders=(2, 3), t_end=400, **options)


def conserved() -> pd.DataFrame:
    """Stationary mean and variance of A by order and closure, in the three forms of the same network."""
    rows = []
    for form, text in CONSERVED.items():
        net = sd.ReactionNetwork.from_text(text)
        for closure in ("normal", "zero", "poisson", "log-normal"):
            for order in (2, 3):
                rows.append({"form": form, "closure": closure, "order": order, **_rest(net, closure, order)})
    exact = sd.ReactionNetwork.from_text(CONSERVED["A and B"]).master_equation()
    p = exact.stationary(initial={"A": 20, "B": 0})
    mean, variance = (float(f(p, "A")) for f in (sd.projection.mean, sd.projection.variance))
    return pd.DataFrame([*rows, {"form": "exact", "closure": "", "order": 0, "mean": mean, "variance": variance}])


def _rest(net: sd.ReactionNetwork, closure: str, order: int) -> dict[str, float]:
    """The stationary mean and variance of A, to which the time course from the initial numbers leads; NaN if it fails."""
    closed = net.moments(order, closure)
    start = {s.name: max(v, 1e-6 if closed.positive_means else 0.0) for s, v in net.initial.items()}
    runs = sd.simulate(closed, [0, 200], initial=start, rtol=1e-10, atol=1e-12, on_failure="nan", progress=False)
    last = runs.isel(time=-1)
    if "A" in net.names:
        return {"mean": float(last.A_mean), "variance": float(last.A_var)}
    return {"mean": 20 - 2 * float(last.B_mean), "variance": 4 * float(last.B_var)}


def transitions(study: xr.Dataset) -> pd.DataFrame:
    """The volumes at which closures gain or lose a usable state."""
    rows = []
    for closure in study.closure.values:
        for order in study.order.values:
            one = study.sel(closure=closure, order=order)
            for volume, kind, before, after in zip(
                one.transition_volume.values, one.transition_kind.values, one.states_before.values, one.states_after.values,
                strict=True,
            ):  # fmt: skip
                if np.isfinite(volume):
                    rows.append(
                        {"closure": closure, "order": order, "volume": volume, "kind": kind, "before": before, "after": after}
                    )
    return pd.DataFrame(rows)


def fenced(table: pd.DataFrame) -> list[str]:
    """A table as lines of a report."""
    return ["```", table.to_string(index=False), "```"]


def main() -> None:
    """Run the four studies; write figures and a report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for figures and the report")
    out = parser.parse_args().out
    matplotlib.use("Agg")
    out.mkdir(parents=True, exist_ok=True)
    report = ["# When can a moment closure be trusted?", ""]
    for name, run, closure in (
        ("monostable", monostable, "normal"),
        ("bistable", bistable, "normal"),
        ("oscillating", oscillating, "normal"),
    ):
        begin = time.perf_counter()
        study = run(store=out / "parts")
        sd.studies.plot_validity(study).savefig(out / f"validity_{name}.png", dpi=150)
        sd.studies.plot_branches(study, closure=closure).savefig(out / f"branches_{name}.png", dpi=150)
        table = sd.studies.validity_table(study)
        print(f"{name}: {time.perf_counter() - begin:.0f} s\n{table.to_string(index=False)}\n")
        report += [f"## {name}", "", "```", study.attrs["network"], "```", "", *fenced(table), ""]
        report += [*fenced(transitions(study)), "", f"![{name}](validity_{name}.png)", f"![branches](branches_{name}.png)", ""]
    table = conserved()
    print(f"conserved\n{table.to_string(index=False)}")
    report += ["## conserved", "", *fenced(table), ""]
    (out / "closure_validity.md").write_text("\n".join(report))


if __name__ == "__main__":
    main()
