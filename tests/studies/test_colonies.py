"""Phase diagrams of colonies by simulation, and the routes held against each other."""

import numpy as np
import pytest

import symdyn as sd
from symdyn.errors import DeclarationError
from symdyn.models import zoo
from symdyn.studies import compare_routes, phase_diagram

RING = [(0.5, 0), (-0.5, 0), (0, 0)]


def colony(influx=0.8, efflux=0.2, **options):
    return sd.BulkCellSystem(
        domain=sd.Disk(1), radius=0.05, centers=RING, kinetics=zoo.selkov(), secreted="v", influx=influx, efflux=efflux,
        **options,
    )  # fmt: skip


@pytest.fixture(scope="module")
def diagram():
    # Hopf values of tau in the full system: .20156 and .74426 at D = .5, .25686 and .74406 at D = 1, .30323 and .72613 at D = 2
    return phase_diagram(
        colony(),
        {"D": [0.5, 1.0, 2.0], "tau": [0.19, 0.22, 0.24, 0.28, 0.33, 0.5, 0.55, 0.71, 0.76]},
        mesh=1,
        t_end=900,
        window=150,
        progress=False,
    )


def test_boundaries_of_the_full_system(diagram):
    """Independent finite elements put the Hopf bifurcations between these values of tau."""
    lower = {0.5: (0.19, 0.22), 1.0: (0.24, 0.28), 2.0: (0.28, 0.33)}
    upper = {0.5: (0.71, 0.76), 1.0: (0.71, 0.76), 2.0: (0.71, 0.76)}
    for D in (0.5, 1.0, 2.0):
        growth = diagram.growth.sel(D=D)
        for rests, moves in (lower[D], upper[D][::-1]):
            assert growth.sel(tau=rests) < 0 < growth.sel(tau=moves)
    assert set(np.unique(diagram.unstable)) <= {0, 2}


def test_growth_changes_sign_at_the_hopf_points():
    taus = [0.25686, 0.74406]
    found = phase_diagram(colony(), {"D": [1.0], "tau": taus}, mesh=1, t_end=20, progress=False)
    assert np.abs(found.growth.values).max() < 3e-5
    for D, tau in ((0.5, [0.20156, 0.74426]), (2.0, [0.30323, 0.72613])):
        found = phase_diagram(colony(), {"D": [D], "tau": tau}, mesh=1, t_end=20, progress=False)
        assert np.abs(found.growth.values).max() < 5e-5


def test_cells_move_where_the_steady_state_is_unstable(diagram):
    moves = diagram.amplitude.max("cell") > 0.1
    grows = diagram.growth > 2e-3
    rests = diagram.growth < -5e-3
    assert moves.values[grows.values].all()
    assert not moves.values[rests.values].any()
    drift = diagram.drift.values[rests.values]
    assert (np.isnan(drift) | (drift < 0)).all()
    assert np.isnan(diagram.period.values[rests.values & (diagram.amplitude.max("cell").values < 1e-4)]).all()
    assert (diagram.status == 0).all()


def test_small_motions_follow_the_linear_theory():
    """Amplitudes of runs grow and fall at the rate of the leading eigenvalue."""
    found = phase_diagram(
        colony(), {"D": [1.0], "tau": [0.2, 0.24, 0.3]}, mesh=0, t_end=200, kick=1e-3, rtol=1e-10, progress=False
    )
    assert found.drift.values == pytest.approx(found.growth.values, rel=0.03)


def test_rhythm_of_the_full_system(diagram):
    """An independent integration by finite elements: period 8.239, v from 1.1254 to 2.0787 on the ring, 1.1414 to 2.0973."""
    found = diagram.sel(D=1.0, tau=0.55)
    assert float(found.period) == pytest.approx(8.239, abs=8e-3)
    assert found.amplitude.values == pytest.approx([0.4767, 0.4767, 0.4780], abs=2e-3)
    assert float(found.order) == pytest.approx(1, abs=1e-3)
    # the ring is 0.9 degrees behind the center
    assert found.lag.values == pytest.approx([0.9, 0.9, 0], abs=0.1)


def test_leading_eigenvalue(diagram):
    found = diagram.sel(D=1.0, tau=0.55)
    assert complex(found.growth, found.frequency) == pytest.approx(0.014271 + 0.762630j, abs=1e-5)


def test_counts_of_growing_modes():
    """Winding numbers that Iyaniwura & Ward print."""
    for D, tau, count in ((0.05, 0.15, 6), (0.15, 0.35, 4), (0.4, 0.5, 2)):
        found = phase_diagram(colony(), {"D": [D], "tau": [tau]}, t_end=5, mesh=0, progress=False)
        assert found.unstable.item() == count


def test_any_parameters_may_vary():
    """Kinetic parameters, symbols of influxes, and a single line."""
    own = colony(influx="a", parameters={"a": 0.8, "D": 1.0, "tau": 0.55})
    found = phase_diagram(own, {"a": [0.4, 0.8], "alpha": [0.9, 1.2]}, t_end=30, mesh=0, progress=False)
    assert dict(found.sizes) == {"a": 2, "alpha": 2, "cell": 3}
    same = phase_diagram(colony(), {"alpha": [0.9]}, parameters={"D": 1, "tau": 0.55}, t_end=30, mesh=0, progress=False)
    assert found.growth.sel(a=0.8, alpha=0.9).item() == pytest.approx(same.growth.item(), abs=1e-4)
    assert found.amplitude.sel(a=0.8, alpha=0.9).values == pytest.approx(same.amplitude.values[0], rel=1e-3)


def test_neither_chunks_nor_threads_matter(monkeypatch):
    own = colony()
    sweep = {"D": np.geomspace(0.5, 2, 5), "tau": np.linspace(0.3, 0.6, 4)}
    reduced = own.reduce(mesh=0, diffusion=(0.5, 2))
    one = phase_diagram(reduced, sweep, t_end=30, progress=False, threads=1)
    monkeypatch.setattr("symdyn.studies.colonies.CHUNK", 1)
    other = phase_diagram(reduced, sweep, t_end=30, progress=False, threads=2)
    for name in one.data_vars:
        assert one[name].values == pytest.approx(other[name].values, rel=1e-9, abs=1e-12, nan_ok=True)


def test_routes():
    """The table of Iyaniwura & Ward's points: finite elements, asymptotics, limits."""
    own = colony(influx=[0.8, 0.8, 0.4])
    found = compare_routes(own, [{"D": 0.4, "tau": 0.6}, {"D": 0.05, "tau": 0.2}], mesh=1, periods=False)
    far, near = found.isel(point=0), found.isel(point=1)

    def value(row, route):
        return complex(row.eigenvalue.sel(route=route))

    assert value(far, "finite elements") == pytest.approx(0.01180 + 0.77425j, abs=2e-5)
    assert value(near, "finite elements") == pytest.approx(0.03707 + 0.78399j, abs=2e-4)
    assert value(far, "asymptotic") == pytest.approx(0.0115 + 0.77284j, abs=2e-5)
    assert value(near, "asymptotic") == pytest.approx(0.034954 + 0.778998j, abs=1e-6)
    assert value(far, "large diffusion") == pytest.approx(0.01391 + 0.77863j, abs=2e-5)
    assert value(near, "large diffusion") == pytest.approx(0.037 + 0.80746j, abs=2e-5)
    assert value(far, "well mixed").real == pytest.approx(-0.02544, abs=2e-5)
    assert found.error.sel(route="reduced").max() < 1e-6
    assert found.error.sel(route="finite elements").max() == 0
    # each step away from the full system costs more, and the well-mixed bulk is stable where the full one is not
    order = ["reduced", "asymptotic", "large diffusion", "well mixed"]
    assert (np.diff(far.error.sel(route=order).values) > 0).all()
    assert far.agrees.sel(route=order).values.tolist() == [True, True, True, False]


def test_periods_by_route():
    found = compare_routes(colony(), [{"D": 1, "tau": 0.55}], mesh=0).isel(point=0)
    assert float(found.period.sel(route="reduced")) == pytest.approx(8.239, abs=5e-3)
    assert float(found.period.sel(route="large diffusion")) == pytest.approx(8.232, abs=5e-3)
    assert np.isnan(found.period.sel(route=["finite elements", "asymptotic"])).all()


def test_smaller_cells_are_nearer_to_their_asymptotics():
    """The error of the asymptotic theory falls like the square of the radius, up to a logarithm."""
    points = [{"D": 0.3, "tau": 0.4, "radius": r} for r in (0.1, 0.05, 0.025)]
    error = compare_routes(colony(), points, periods=False).error.sel(route="asymptotic").values
    slopes = np.log2(error[:-1] / error[1:])
    assert (slopes > 1.4).all()
    assert (slopes < 2.2).all()


@pytest.mark.parametrize(
    ("vary", "options", "message"),
    [
        ({}, {}, "vary is {}"),
        ({"q": [1]}, {}, "'q' is not a parameter"),
        ({"D": ["x"]}, {}, "the values of D are"),
        ({"D": [1.0]}, {"t_end": -1}, "t_end is -1"),
        ({"D": [1.0]}, {"window": 500}, "a window of 500"),
        ({"D": [1.0]}, {"mesh": 0}, "no value for the parameter tau"),
    ],
)
def test_errors(vary, options, message):
    with pytest.raises(DeclarationError, match=message):
        phase_diagram(colony(), vary, progress=False, **options)


def test_errors_of_routes():
    with pytest.raises(DeclarationError, match="points is"):
        compare_routes(colony(), [])
    with pytest.raises(DeclarationError, match="points is"):
        compare_routes(colony(), {"D": 1})


def test_the_asymptotic_error_levels_off_at_the_area_of_the_cells():
    """At large D what is left is the decay of the signal where there is none, inside the cells: an area of 3 pi epsilon^2."""
    found = compare_routes(colony(), [{"D": 1000.0, "tau": 0.55}], mesh=0, periods=False)
    leading = []
    for area in (np.pi, np.pi * (1 - 3 * 0.05**2)):
        # eq. (3.19) for equal cells that move together: exchange 2 pi/tau (d1 U - d2 v), into the bulk from three over its area
        tau, a, mu, zeta, d1, d2 = 0.55, 0.9, 2.0, 0.15, 0.8, 0.2
        v = mu / (1 + 2 * np.pi * d2 / tau * (1 - 6 * np.pi * d1 / area / (1 + 6 * np.pi * d1 / area)))
        w = mu / (a + v**2)
        q = 2 * np.pi / tau
        leading.append(
            max(
                np.linalg.eigvals(
                    [
                        [2 * v * w - 1 - q * d2, a + v**2, q * d1],
                        [-2 * zeta * v * w, -zeta * (a + v**2), 0],
                        [3 * q * d2 / area, 0, -1 / tau - 3 * q * d1 / area],
                    ]
                ),
                key=lambda x: (x.real, x.imag),
            )
        )
    error = found.error.sel(route="asymptotic").item()
    assert error == pytest.approx(abs(leading[1] - leading[0]), rel=0.02)
