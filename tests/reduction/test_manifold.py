"""Quadratic manifolds and operator inference beside the projection on straight spaces, and what sensors tell."""

from functools import cache

import numpy as np
import pytest
import xarray as xr
from scipy import stats

import symdyn as sd
from symdyn.reduction.background import Background, backgrounds, most_probable
from symdyn.reduction.basis import pod_basis
from symdyn.reduction.layout import RunStates
from tests.reduction.fields import burgers, starts

TRAINED = tuple((a, b) for a in (0.5, 0.75, 1.0) for b in (-0.4, 0, 0.4))
LATER = np.linspace(0, 2, 101)


@cache
def runs():
    return starts(TRAINED, np.linspace(0, 1, 51)), starts(((0.6, 0.2), (0.9, -0.3), (0.85, 0.1)), LATER)


@cache
def bent(modes):
    """The projection on a quadratic manifold, made once."""
    return sd.reduction.pod(burgers()[0], runs()[0], modes, 20, manifold="quadratic")


def errors(small):
    """Of three starts that were not trained, in the time that was and beyond it."""
    (read,) = small.layout.read(runs()[1])
    z = small._repeated(read, small.basis.project(read.values), {"rtol": 1e-6})
    apart = small.basis.lift(z) - read.values
    return [
        np.mean([np.linalg.norm(a[s]) / np.linalg.norm(y[s]) for a, y in zip(apart, read.values, strict=True)])
        for s in (slice(0, 51), slice(51, None))
    ]


# modes; operator inference, linear Galerkin and quadratic manifold, each in [0, 1] and in (1, 2]: numpy with BDF
@pytest.mark.parametrize(
    ("modes", "inferred", "linear", "quadratic"),
    [
        (4, (2.9e-2, 3.7e-2), (4.4e-2, 7.2e-2), (1.5e-2, 5.5e-2)),
        (6, (7.1e-3, 1.5e-2), (1.3e-2, 3.5e-2), (3.2e-3, 1.1e-2)),
        (8, (7.5e-3, 9.9e-3), (4.8e-3, 1.05e-2), (1.0e-3, 1.7e-3)),
    ],
)
def test_burgers_from_starts_that_were_not_trained(modes, inferred, linear, quadratic):
    train = runs()[0]
    assert errors(sd.reduction.infer(train, modes)) == pytest.approx(inferred, rel=0.05)
    assert errors(sd.reduction.pod(burgers()[0], train, modes, exact=2)) == pytest.approx(linear, rel=0.05)
    curved = bent(modes)
    assert errors(curved) == pytest.approx(quadratic, rel=0.05)
    gram = curved.basis.modes.T @ (curved.basis.weights[:, None] * curved.basis.curvature)
    assert np.abs(gram).max() < 1e-12


def test_intervals_of_inferred_coefficients_hold_the_truth():
    """A linear system in its own coordinates: 90 % intervals at small steps, with noise that only they know of."""
    line = sd.ODESystem.from_text("x' = -0.1*x - y; y' = x - 0.1*y; x(0) = 1; y(0) = 0")
    data = sd.simulate(line, np.linspace(0, 20, 4001), rtol=1e-10, atol=1e-12, progress=False)
    hits = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        noisy = data.copy()
        for name in ("x", "y"):
            noisy[name] = data[name] + 1e-6 * rng.standard_normal(4001)
        small = sd.reduction.infer(noisy, 2, degree=1, ridge=0.0)
        rows = small.intervals
        value = {
            (a, b): (low, high)
            for a, b, low, high in zip(rows["rate of"], rows["term"], rows["lower"], rows["upper"], strict=True)
        }
        trace = value["z_1", "z_1"], value["z_2", "z_2"]  # their sum is -0.2 in every basis
        middle = sum((low + high) / 2 for low, high in trace)
        width = np.hypot(*((high - low) / 2 for low, high in trace))
        hits.append(abs(middle + 0.2) <= width)
    assert sum(hits) >= 14  # of 20, at 90 %: fewer has a probability below 0.01


def test_sensors_tell_the_field_and_its_future():
    train, new = runs()
    small = sd.reduction.pod(burgers()[0], train, 6, exact=2)
    (read,) = small.layout.read(new)
    truth, rng = read.values[2], np.random.default_rng(3)
    places = np.arange(16, 256, 32)
    seen = truth[:26:5][:, places]
    noise = 0.01 * np.abs(seen).max()
    seen = seen + noise * rng.standard_normal(seen.shape)
    data = {"t": LATER[:26:5], **{f"s{k}": seen[:, k] for k in range(8)}}
    found = small.assimilate(data, at={f"s{k}": f"u{p}" for k, p in enumerate(places)}, noise=float(noise), starts=2)
    later = found.forecast(LATER[::10], members=50)
    field = np.stack([later.variables[f"u{i}"].values for i in range(256)], axis=1)
    assert np.linalg.norm(field - truth[::10]) / np.linalg.norm(truth[::10]) < 2.8e-2
    low, high = (np.stack([later.variables[f"u{i}_{end}"].values for i in range(256)], axis=1) for end in ("lower", "upper"))
    covered = (low <= truth[::10]) & (truth[::10] <= high)  # without the error of the reduced system a fifth is
    assert covered.mean() > 0.85
    assert "the reduced system errs by 0.015" in repr(found)
    for options, message in (({"times": [0.5, -0.1]}, "begins at 0"), ({"times": [1], "level": 90}, "level is 90")):
        with pytest.raises(sd.DeclarationError, match=message):
            found.forecast(**options)
    with pytest.raises(sd.DeclarationError, match="the sensor s is at 'w'"):
        small.assimilate(data, at={"s": "w"})


def test_sensors_tell_more_through_a_quadratic_manifold():
    """Eight irregular sensors, six times within [0, 0.5], 1 % noise, up to 2: 9.7e-3 by eight straight modes in numpy."""
    small = bent(8)
    (read,) = small.layout.read(runs()[1])
    apart, covered = [], []
    for k, truth in enumerate(read.values):
        rng = np.random.default_rng([1, k])
        places = np.sort(rng.choice(256, 8, replace=False))
        seen = truth[:26:5][:, places]
        noise = 0.01 * np.abs(seen).max()
        data = {"t": LATER[:26:5]} | dict(zip("abcdefgh", (seen + noise * rng.standard_normal(seen.shape)).T, strict=True))
        at = dict(zip("abcdefgh", (f"u{p}" for p in places), strict=True))
        later = small.assimilate(data, at=at, noise=float(noise), starts=1).forecast(LATER[::10], members=50)
        field, low, high = (
            np.stack([later.variables[f"u{i}{end}"].values for i in range(256)], axis=1) for end in ("", "_lower", "_upper")
        )
        apart.append(np.linalg.norm(field - truth[::10]) / np.linalg.norm(truth[::10]))
        covered.append(((low <= truth[::10]) & (truth[::10] <= high)).mean())
    assert np.mean(apart) < 5e-3
    assert np.mean(covered) > 0.75  # 0.9 on average over draws; of three, whose points err together, less


def test_backgrounds_are_weighed_as_the_evidence_of_linear_measurements():
    """Density of measurements under each background by its own normal law, and the mean of the posterior."""
    rng = np.random.default_rng(2)
    first = Background(np.zeros(3), np.diag([3.0, 1.0, 0.3]), np.log(0.5))
    others = [Background(rng.normal(size=3), 0.5 * rng.normal(size=(3, 3)), np.log(0.125)) for _ in range(4)]
    matrix, noise = rng.normal(size=(7, 3)), 0.2
    for state in rng.normal(size=(20, 3)) * [3.0, 1.0, 0.3]:
        seen = matrix @ state + noise * rng.normal(size=7)
        design = matrix @ first.factor  # of standardised coordinates
        covariance = np.linalg.inv(np.eye(3) + design.T @ design / noise**2)
        chosen, w = most_probable([first, *others], covariance @ design.T @ seen / noise**2, covariance)
        evidence = [
            b.weight + stats.multivariate_normal(matrix @ b.mean, whole(b, matrix, noise)).logpdf(seen)
            for b in (first, *others)
        ]
        assert chosen is (first, *others)[int(np.argmax(evidence))]
        gain = chosen.factor @ chosen.factor.T @ matrix.T @ np.linalg.inv(whole(chosen, matrix, noise))
        assert chosen.coordinates(w) == pytest.approx(chosen.mean + gain @ (seen - matrix @ chosen.mean), abs=1e-9)


def whole(background, matrix, noise):
    return matrix @ background.factor @ background.factor.T @ matrix.T + noise**2 * np.eye(len(matrix))


def test_a_background_keeps_to_the_directions_that_runs_share():
    """Starts on a line through six dimensions, and in all of them: covariances shrink towards that of all snapshots."""
    rng = np.random.default_rng(0)
    line, cloud = rng.normal(size=(12, 1)) * rng.normal(size=6), rng.normal(size=(12, 6))
    values = np.stack([line, cloud], axis=1)  # (runs, moments, n)
    snapshots = values.reshape(-1, 6).T
    basis = pod_basis(snapshots, np.ones(6), {"": np.arange(6)}, 6, center=True)
    reads = [RunStates(values, np.array([0.0, 1.0]), {"run": 12}, None, {})]
    overall, at_line, at_cloud = backgrounds(basis, reads)
    covariance = basis.modes @ overall.factor @ overall.factor.T @ basis.modes.T
    assert covariance == pytest.approx(np.cov(snapshots, bias=True), abs=1e-12)
    relative = [np.linalg.svd(np.linalg.solve(overall.factor, b.factor), compute_uv=False) for b in (at_line, at_cloud)]
    assert relative[0][1] < 0.02 < 0.3 < relative[0][0]
    assert relative[1][-1] > 0.3
    assert len(backgrounds(basis, [RunStates(values[:2], np.array([0.0, 1.0]), {"run": 2}, None, {})])) == 1


def decays(name):
    """Two decays, the first at a rate of this name, reduced to themselves from nine runs."""
    pair = sd.ODESystem.from_text(f"x' = -{name}*x; y' = -2*y; x(0) = 1; y(0) = 1; {name} = 1")
    begun = 1 + 0.3 * np.random.default_rng(0).normal(size=(2, 9))
    initial = {s: xr.DataArray(b, dims="run") for s, b in zip(pair.states, begun, strict=True)}
    return sd.reduction.pod(pair, sd.simulate(pair, np.linspace(0, 1, 9), initial=initial, progress=False), 2)


def test_coordinates_of_the_first_state_take_no_name_of_a_parameter():
    seen = {"t": [0, 0.5, 1], "s": [1, 0.61, 0.37], "r": [1, 0.37, 0.13]}
    found, other = (decays(n).assimilate(seen, at={"s": "x", "r": "y"}, noise=0.01, starts=2) for n in ("a", "prior_1"))
    assert list(found.fit.parameters.values()) == pytest.approx(list(other.fit.parameters.values()), rel=1e-6)
    assert "prior_1" not in other.fit.parameters
    assert other.fit.log_likelihood == pytest.approx(found.fit.log_likelihood, rel=1e-8)
    assert other.forecast([2.0], members=20).x[0] == pytest.approx(np.exp(-2), rel=0.02)
    assert len(found.fit.ends) == 2  # as many as were asked for, whatever the background


def test_further_priors_count_and_other_sensors_are_refused():
    seen = {"t": [0, 0.5, 1], "s": [1, 0.61, 0.37]}
    options = {"at": {"s": "x"}, "noise": 0.01, "parameters": ["a"], "starts": 1}
    found = decays("a").assimilate(seen, priors={"a": stats.lognorm(1e-4, scale=1.05)}, **options)
    assert found.fit.parameters["a"] == pytest.approx(1.05, rel=1e-3)
    for name in ("observables", "initial"):
        with pytest.raises(sd.DeclarationError, match=f"{name} has no effect here"):
            decays("a").assimilate(seen, **options, **{name: {"s": 1}})


@pytest.mark.parametrize("second", [1, 1e-9])
def test_difference_quotients_are_sensitivities(monkeypatch, second):
    """The same fit of a straight basis both ways, in any unit of time: values, and intervals from the information."""
    model = f"u' = D*laplacian(u); D = {0.1 * second}"
    heat = sd.PDESystem.from_text(model, domain=(0, 1), initial={"u": "cos(pi*x) + cos(3*pi*x)"})
    times = np.linspace(0, 1, 21) / second
    small = sd.reduction.pod(heat.discretize(16), sd.simulate(heat, times, grid=16, progress=False), modes=2)
    t = np.linspace(0, 0.5, 6)
    data = {"t": t / second, "s": 2 * np.exp(-0.1 * np.pi**2 * t), "r": 0.6 * np.exp(-0.1 * np.pi**2 * t)}
    found = []
    for by_differences in (False, True):
        monkeypatch.setattr(type(small), "by_differences", by_differences)
        at, fitted = {"s": ("u", 0.02), "r": ("u", 0.4)}, {"D": (0.01 * second, second)}
        found.append(small.assimilate(data, at=at, noise=0.01, parameters=fitted, starts=2).fit)
    for name, value in found[0].parameters.items():
        assert found[1].parameters[name] == pytest.approx(value, rel=1e-4)
    first, second = (f.intervals.select_dtypes("number").to_numpy() for f in found)
    assert second == pytest.approx(first, rel=1e-3)


def test_what_is_saved_comes_back_with_the_same_bits_and_other_files_are_refused(tmp_path):
    train, new = runs()
    small = sd.reduction.pod(burgers()[0], train, 4, 12, manifold="quadratic")
    small.save(tmp_path / "small.npz")
    again = sd.reduction.ReducedSystem.load(tmp_path / "small.npz")
    assert again == small
    assert again.digest == small.digest
    assert again.interpolation.points == small.interpolation.points
    assert (again.error(new).error.values == small.error(new).error.values).all()
    assert (again.own_error() == small.own_error()).all()
    seen = {"t": LATER[:26:5]} | {f"s{p}": new[f"u{p}"].values[0, :26:5] for p in range(20, 256, 40)}
    found, other = (m.assimilate(seen, at={f"s{p}": f"u{p}" for p in range(20, 256, 40)}, noise=0.01, starts=1)
                    for m in (small, again))  # fmt: skip
    assert other.fit.parameters == found.fit.parameters
    found.fit.save(tmp_path / "fit.nc")
    fit = sd.Fit.load(tmp_path / "fit.nc")
    assert fit.intervals.equals(found.fit.intervals)
    first, second = (f.predict(LATER[::20]) for f in (found.fit, fit))
    assert all((first[v].values == second[v].values).all() for v in first.data_vars)
    whole = (tmp_path / "small.npz").read_bytes()
    for name, data in (("cut.npz", whole[:-100]), ("text.npz", b"small")):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(sd.DeclarationError, match=f"{name} was not written by save of a reduced system"):
            sd.reduction.ReducedSystem.load(tmp_path / name)
    driven = small.replace(observables={"u": small.states[0]})
    with pytest.raises(sd.DeclarationError, match="inputs or observables"):
        driven.save(tmp_path / "driven.npz")
