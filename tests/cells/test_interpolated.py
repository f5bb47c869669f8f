"""The bulk by interpolation against the bulk itself."""

from __future__ import annotations

import numpy as np
import pytest

import symdyn as sd
from symdyn.cells._interpolated import InterpolatedExchange, interpolated
from symdyn.cells._regions import SearchRectangle
from symdyn.models import zoo


def exchange(domain, at):
    cells = sd.BulkCellSystem(
        domain=domain, radius=0.05, centers=[(0.3, 0.4), (0.7, 0.2), (0.6, 0.8)], kinetics=zoo.selkov(), secreted="v",
        influx=[0.8, 0.5, 0.0], efflux=0.2,
    )  # fmt: skip
    return cells.exchange(at)


@pytest.mark.parametrize("domain", [sd.Disk(1.2), sd.Plane(), sd.Rectangle(1, 1)])
@pytest.mark.parametrize(("diffusion", "tau"), [(1, 0.55), (0.02, 0.1), (30, 3)])
def test_inside_a_region(domain, diffusion, tau):
    true = exchange(domain, {"D": diffusion, "tau": tau})
    region = SearchRectangle(complex(-0.8 / tau, -5), 5 + 5j)
    found = interpolated(true, region, -1 / tau)
    assert isinstance(found, InterpolatedExchange)
    generator = np.random.default_rng(1)
    at = region.low.real + region.width * generator.random(200) + 1j * (generator.random(200) - 0.5) * region.height
    exact = true.bulk(at)
    assert np.abs(found.bulk(at) - exact).max() < 1e-10 * np.abs(exact).max()
    assert (found.uptake == true.uptake).all()
    assert np.abs(found.bulk(found.points) - true.bulk(found.points)).max() < 1e-11 * np.abs(exact).max()


def test_rounding_errors_of_finite_elements_make_no_poles():
    """Beside a reentrant corner elements are tiny and solutions have errors of 1e-11: a closer fit makes poles of them."""
    true = exchange(sd.Polygon([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)]), {"D": 2, "tau": 0.6})
    found = interpolated(true, SearchRectangle(-4 / 3 - 4.7j, 4.7 + 4.7j), -1 / 0.6)
    assert isinstance(found, InterpolatedExchange)
    at = np.array([-1.3 + 0.1j, -0.5 + 4j, 0.2 + 0.7j, 4 - 3j])
    exact = true.bulk(at)
    assert np.abs(found.bulk(at) - exact).max() < 1e-9 * np.abs(exact).max()


def test_where_the_bulk_is_not_holomorphic_it_is_not_interpolated():
    true = exchange(sd.Disk(1.2), {"D": 1, "tau": 1})
    assert interpolated(true, SearchRectangle(-3 - 1j, 1 + 1j), -1) is true


def test_eigenvalues_are_those_without_interpolation(monkeypatch):
    from symdyn.cells import spectrum

    cells = sd.BulkCellSystem(
        domain=sd.Disk(1), radius=0.05, centers=[(0.5, 0), (-0.5, 0.1), (0, 0)], kinetics=zoo.selkov(), secreted="v",
        influx=0.8, efflux=0.2,
    )  # fmt: skip
    found = cells.eigenvalues({"D": 0.3, "tau": 0.4})
    monkeypatch.setattr(spectrum, "interpolated", lambda exchange, *_: exchange)
    assert found == pytest.approx(cells.eigenvalues({"D": 0.3, "tau": 0.4}), abs=1e-10)
