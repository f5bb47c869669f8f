r"""A sweep on a cluster that outlives crashes: when does one infected person start an epidemic?

In a population of N people, of whom one is infected, the infection dies out early with the probability 1/R0 for R0 > 1, as
the branching process of the first infections tells, and surely for R0 <= 1.  Every trajectory runs until nobody is infected;
those who were ever infected are then either few or a large fraction of N.

    python -m examples.cluster_sweep --workers 2 --store out/outbreaks.zarr
    python -m examples.cluster_sweep --scheduler tcp://host:8786 --store /shared/outbreaks.zarr

A run that was killed goes on where it was when the same line is given again, and ends with the same bits.  ``symdyn store
out/outbreaks.zarr`` tells how far it is, and ``xarray.open_zarr`` reads it at any time.

On a cluster with SLURM, workers are jobs, which dask-jobqueue (``pip install dask-jobqueue``) hands in.  In a script or
notebook on the login node::

    from dask_jobqueue import SLURMCluster
    from distributed import Client

    cluster = SLURMCluster(
        queue="batch", walltime="04:00:00", cores=32, processes=32, memory="64GB",
        job_script_prologue=["export SYMDYN_CACHE_DIR=$HOME/.cache/symdyn"],  # one cache of kernels for all workers
    )
    cluster.scale(jobs=10)  # or cluster.adapt(maximum_jobs=10); the sweep begins with the first worker that comes
    found = outbreaks(executor=Client(cluster), store="/scratch/outbreaks.zarr")

The store lies on a file system that all machines see: workers then write there by themselves.  If they do not see it, this
process writes what they send.  Workers that are lost, with their walltime say, cost the chunks they were at work on.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from distributed import Client

import symdyn as sd

PEOPLE = 1000
NETWORK = sd.ReactionNetwork.from_text(
    f"S + I -> 2 I, R0/{PEOPLE}; I -> R, 1; S(0) = {PEOPLE - 1}; I(0) = 1; R(0) = 0", parameters={"R0": 2}
)
#: Fraction of the people below which an outbreak is minor: the sizes of minor and major ones lie far apart.
MINOR = 0.1


def outbreaks(*, trajectories: int = 2000, **options: Any) -> xr.Dataset:
    """Numbers of people in the beginning and when nobody is infected any more, for several R0; `options` are of `simulate`."""
    sweep = {"R0": np.array([0.5, 1.5, 2.0, 3.0])}
    return sd.simulate(NETWORK, [0.0, 1e6], parameters=sweep, trajectories=trajectories, until="I <= 0", **options)


def minor(runs: xr.Dataset) -> xr.DataArray:
    """The fraction of outbreaks that stayed minor, for each R0."""
    return (runs.R.isel(time=-1) < MINOR * PEOPLE).mean("trajectory")


def main() -> None:
    """Run the sweep and print the fractions beside the theory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=2, help="processes of this machine, unless a scheduler is named")
    parser.add_argument("--scheduler", help="address of a dask scheduler, tcp://host:8786")
    parser.add_argument("--store", type=Path, default=Path("out/outbreaks.zarr"), help="folder that keeps what is done")
    given = parser.parse_args()
    with Client(given.scheduler) if given.scheduler else Client(n_workers=given.workers, threads_per_worker=1) as client:
        for fraction in minor(outbreaks(executor=client, store=given.store, seed=1)):
            ratio = float(fraction.R0)
            print(f"R0 = {ratio:g}: {float(fraction):.3f} stayed minor, in theory {min(1.0, 1 / ratio):.3f}")


if __name__ == "__main__":  # workers of a local cluster import this program
    main()
