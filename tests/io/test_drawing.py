"""``sd.plot``: every variable has its line, ensembles and reduced ones their bands, and what cannot be drawn is named."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import to_hex
from typer.testing import CliRunner

import symdyn as sd
from symdyn.cli import app
from symdyn.errors import DeclarationError
from symdyn.figure_style import COLOURS

mpl.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")

NET = "0 -> X, k; X -> 0, g; k = 10; g = 1; X(0) = 0; twice := 2*X"
T = np.linspace(0, 5, 11)


def simulated(**options):
    return sd.simulate(sd.ReactionNetwork.from_text(NET), T, seed=1, progress=False, **options)


def labels(figure):
    return [text.get_text() for text in figure.axes[0].get_legend().get_texts()]


def test_lines_bands_and_colours():
    runs = simulated(trajectories=40)
    figure = sd.plot(runs)
    ax = figure.axes[0]
    assert labels(figure) == ["X", "twice"]
    assert [to_hex(line.get_color()).upper() for line in ax.lines if line.get_label() == "X"] == [COLOURS[0]]
    (mean,) = [line.get_ydata() for line in ax.lines if line.get_label() == "X"]
    assert np.allclose(mean, runs.X.mean("trajectory"))
    edges = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert edges.max() == np.quantile(runs.X, 0.95, axis=0).max()
    reduced = simulated(trajectories=40, reduce=["mean", "std"])
    band = sd.plot(reduced, "X_mean").axes[0].collections[0].get_paths()[0].vertices[:, 1]
    assert np.isclose(band.max(), (reduced.X_mean + reduced.X_std).max())
    assert labels(sd.plot(reduced)) == ["X_mean", "twice_mean"]
    plt.close("all")


def test_a_sweep_has_a_line_for_each_value():
    swept = simulated(parameters={"k": [1, 5, 25]})
    assert labels(sd.plot(swept, "X")) == ["k = 1", "k = 5", "k = 25"]
    both = sd.plot(swept).axes[0]
    assert len(both.lines) == 6
    assert both.get_legend().get_title().get_text() == "k from 1 (pale) to 25"
    plt.close("all")


def test_quantiles_have_the_median_in_their_band():
    levels = {"quantile": [0.5, 0.95, 0.05]}
    ax = sd.plot(simulated(trajectories=40, reduce=levels), "X_quantile").axes[0]
    every = np.quantile(simulated(trajectories=40).X, [0.05, 0.5, 0.95], axis=0)
    assert np.allclose(ax.lines[0].get_ydata(), every[1])
    edges = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert np.allclose([edges.min(), edges.max()], [every[0].min(), every[2].max()], atol=0.1)  # those of a run are sketched
    outer = simulated(trajectories=40, reduce={"quantile": [0.1, 0.9]})
    assert labels(sd.plot(outer, "X_quantile"))[0] in ("X_quantile 0.1", "X_quantile 0.9")
    plt.close("all")


@pytest.mark.filterwarnings("error")
def test_failed_runs_names_of_sweeps_and_axes_of_others():
    runs = simulated(trajectories=4)
    runs["X"] = runs.X.where(runs.time < 3)
    mean = sd.plot(runs, "X").axes[0].lines[-1].get_ydata()
    assert np.array_equal(np.isnan(mean), T >= 3)
    sites = xr.concat([simulated(), simulated()], "site").assign_coords(site=["north", "south"])
    assert sd.plot(sites[["X", "twice"]]).axes[0].get_legend().get_title().get_text() == "site from north (pale) to south"
    _, ax = plt.subplots()
    sd.plot(simulated(), "X", ax=ax), sd.plot(simulated().isel(time=slice(0, 3)), "twice", ax=ax)
    assert ax.get_xlim()[1] >= T[-1]
    sd.plot(simulated().isel(time=[0]).rename(X="_X"), "_X")
    many = sd.plot(xr.Dataset({f"x{i}": ("time", T) for i in range(8)})).axes[0]
    assert len({(line.get_color(), line.get_linestyle()) for line in many.lines}) == 8
    plt.close("all")


@pytest.mark.parametrize(("data", "names", "message"), [
    (lambda: simulated().X, None, r"data\[\['x'\]\]"),
    (lambda: simulated(), "Y", "no Y over time in the data; there are X, twice"),
    (lambda: simulated(parameters={"k": [1, 2], "g": [1, 2]}), None, r"varies with k, g; choose a value .* data.isel\(k=0\)"),
    (lambda: sd.simulate(sd.PDESystem.example(), [0, 0.1], grid=8, progress=False), None, "is a field over .*space_time"),
    (lambda: 3, None, "got int"),
    (lambda: simulated().isel(time=-1), None, "got Dataset with {}"),
    (lambda: simulated().isel(time=slice(0, 0)), None, "'time': 0"),
    (lambda: xr.Dataset({f"x{i}": ("time", T) for i in range(29)}), None, "29 variables are more lines .* choose 28 or fewer"),
])  # fmt: skip
def test_what_is_no_line_over_time_is_refused(data, names, message):
    with pytest.raises(DeclarationError, match=message):
        sd.plot(data(), names)


def test_the_shell_draws_it(tmp_path):
    (tmp_path / "model.txt").write_text(NET)
    call = [
        "simulate",
        str(tmp_path / "model.txt"),
        "--times",
        "0:5:11",
        "--quiet",
        "--out",
        str(tmp_path / "run.nc"),
        "--figure",
    ]
    assert CliRunner().invoke(app, [*call, str(tmp_path / "run.svg")]).exit_code == 0
    assert ">twice<" in (tmp_path / "run.svg").read_text()
    refused = CliRunner().invoke(app, [*call, str(tmp_path / "run.gif")])
    assert refused.exit_code == 2
    assert ".png, .svg, .pdf" in " ".join(refused.output.replace("│", "").split())
