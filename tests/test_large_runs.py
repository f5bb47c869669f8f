"""The page on large runs: its formulas against a store, its numbers against its formulas, its links and its code."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import symdyn as sd
from symdyn.simulation.executors import Executor
from tests import blocks

PAGE = Path(__file__).parent.parent / "docs" / "large_runs.md"
TEXT = PAGE.read_text()
DECAY = sd.ODESystem.from_text("x' = -a*x; x(0) = 1")


@pytest.fixture(scope="module")
def names():
    """What the code of the page defines."""
    return blocks.run(TEXT, PAGE.name)


class Two(Executor):
    """Two slots, of which this process takes the work."""

    slots = 2

    def run(self, function, tasks, common=()):
        self.tasks = len(tasks)
        return ((i, function(*common, *task)) for i, task in enumerate(tasks))


@pytest.mark.parametrize(
    ("reduce", "rows"),
    [
        (None, {"trajectories": 1000, "parameters": {"a": 1.0}}),
        (["mean"], {"trajectories": 1, "parameters": {"a": np.ones(1000)}}),
    ],
)
def test_chunks_tasks_and_objects_are_those_of_a_store(names, tmp_path, reduce, rows):
    pytest.importorskip("zarr")
    executor = Two()
    path = tmp_path / "run"
    sd.simulate(DECAY, [0.0, 1.0], executor=executor, store=path, reduce=reduce, progress=False, **rows)
    found = names["large_run"](1000, 16, 1.0, 2, variables=1, kept=reduce is None)
    assert executor.tasks == found["tasks"] == found["chunks"]
    chunks = [p for p in path.rglob("*") if re.fullmatch(r"c\.\d+(\.0)*|\d+\.npz", p.name)]
    mine = {p.name for p in path.iterdir()} - {"time", "a", "trajectory", "x_mean", "x_count"}
    assert len([p for p in chunks if p.parent.name in {*mine, "parts"}]) == found["objects"]


def test_the_numbers_of_the_page_are_those_of_its_formulas(names):
    for made in (names["trajectories"], names["fields"]):
        for key in ("chunks", "tasks", "objects"):
            assert f"{made[key]:,}" in TEXT


def test_a_campaign_of_several_stores_is_one_dataset(names, tmp_path, monkeypatch):
    pytest.importorskip("zarr")
    monkeypatch.chdir(tmp_path)
    values = np.linspace(0, 2, 10)
    data = names["campaign"](DECAY, [0.0, 1.0], values, 3, progress=False)
    np.testing.assert_allclose(data.x.sel(time=1), np.exp(-values), rtol=1e-5)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run-000.zarr", "run-001.zarr", "run-002.zarr"]
    monkeypatch.setattr(sd, "simulate", lambda *_, **__: pytest.fail("all groups are complete"))
    assert names["campaign"](DECAY, [0.0, 1.0], values, 3).x.broadcast_equals(data.x)


def test_links_lead_somewhere():
    for link in re.findall(r"\]\(([^)]+)\)", TEXT):
        assert (PAGE.parent / link).exists(), link
