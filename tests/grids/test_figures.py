"""Figures of fields hold what they must, where it must be; films can be read."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from matplotlib import pyplot as plt
from matplotlib.collections import QuadMesh
from PIL import Image

from symdyn.errors import DeclarationError
from symdyn.grids import figures


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


T = np.linspace(0, 5, 51)
X = (np.arange(40) + 0.5) / 4  # 0 to 10
Y = (np.arange(24) + 0.5) / 6  # 0 to 4


def line_data():
    """A wave that moves right with a speed of 1, beside a scalar."""
    u = np.exp(-((X - 2 - T[:, None]) ** 2))
    return xr.Dataset({"S": ("time", T), "u": (("time", "x"), u)}, {"time": T, "x": X})


def plane_data(signed=False):
    u = np.exp(-((X[:, None] - 2 - T[:, None, None]) ** 2) - (Y - 1) ** 2)
    field = u * np.cos(4 * Y) if signed else u
    data = xr.Dataset({"u": (("trajectory", "time", "x", "y"), field[None])}, {"time": T, "x": X, "y": Y})
    data["u"].attrs["units"] = "mM"
    return data


# ---- snapshots ---------------------------------------------------------------------------------------


def test_snapshots_of_a_line():
    data = line_data()
    figure = figures.snapshots(data, times=[0, 2.52, 5])
    (ax,) = figure.axes
    for line, t in zip(ax.lines, (0, 2.5, 5), strict=True):
        np.testing.assert_array_equal(line.get_ydata(), data["u"].sel(time=t, method="nearest"))
        np.testing.assert_array_equal(line.get_xdata(), X)
        assert line.get_label() == f"$t$ = {t:.4g}"
    assert ax.get_xlim() == (0, 10)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("$x$", "$u$")
    assert len(figures.snapshots(data, times=20).axes) == 2  # many lines have a bar of colours


def test_snapshots_of_a_plane_share_their_colours():
    figure = figures.snapshots(plane_data())
    maps, bar = figure.axes[:-1], figure.axes[-1]
    assert [ax.get_title() for ax in maps] == ["$t$ = 0", "$t$ = 1.7", "$t$ = 3.3", "$t$ = 5"]
    images = [ax.images[0] for ax in maps]
    assert len({i.get_clim() for i in images}) == 1
    for image, t in zip(images, (0, 1.7, 3.3, 5), strict=True):
        shown = np.asarray(image.get_array())
        row, column = np.unravel_index(shown.argmax(), shown.shape)
        assert X[column] == pytest.approx(2 + t, abs=0.13)  # x to the right, y upwards
        assert Y[row] == pytest.approx(1, abs=0.09)
        np.testing.assert_allclose(image.get_extent(), (0, 10, 0, 4), atol=1e-12)
        assert image.origin == "lower"
    assert bar.get_ylabel() == "$u$ (mM)"
    assert (maps[0].get_ylabel(), maps[-1].get_xlabel()) == ("$y$", "$x$")


def test_rows_of_maps():
    figure = figures.snapshots(plane_data(), "u", times=5, columns=3)
    figure.canvas.draw()
    shown = [ax for ax in figure.axes if ax.images]
    assert len(shown) == 5
    assert [bool(ax.get_xlabel()) for ax in shown] == [False, False, True, True, True]


def test_snapshots_of_few_or_uneven_times():
    few = line_data().isel(time=[0, -1])
    assert len(figures.snapshots(few).axes[0].lines) == 2
    with pytest.raises(DeclarationError, match="times is 4, but the data have 2 output times; ask for 2, or"):
        figures.snapshots(few, times=4)
    uneven = line_data().isel(time=[0, 1, 2, 3, -1])
    shown = [line.get_label() for line in figures.snapshots(uneven, times=4).axes[0].lines]
    assert len(set(shown)) == 4
    assert [shown[0], shown[-1]] == [f"$t$ = {uneven.time.values[k]:.4g}" for k in (0, -1)]


def test_colours_of_signed_fields_are_symmetric():
    low, high = figures.snapshots(plane_data(signed=True)).axes[0].images[0].get_clim()
    assert low == -high
    # rounding errors below 0 are no second sign
    data = line_data()
    data["u"] = data["u"] - 1e-9
    mesh = next(c for c in figures.space_time(data).collections if isinstance(c, QuadMesh))
    assert mesh.get_clim()[0] == pytest.approx(-1e-9)
    assert mesh.get_cmap().name == "viridis"
    image = figures.snapshots(plane_data(signed=True), limits=(-3, 1), cmap="magma").axes[0].images[0]
    assert (image.get_clim(), image.get_cmap().name) == ((-3, 1), "magma")


def test_constant_and_failed_fields_can_be_shown():
    data = line_data()
    figures.snapshots(data.assign(u=0 * data["u"])).canvas.draw()
    figures.snapshots(data.assign(u=data["u"].where(data["time"] < 3))).canvas.draw()
    figures.space_time(data.assign(u=np.nan * data["u"])).figure.canvas.draw()


# ---- space and time ----------------------------------------------------------------------------------


def test_space_time_of_a_line():
    data = line_data()
    ax = plt.figure().subplots()
    assert figures.space_time(data, "u", ax) is ax
    (mesh,) = [c for c in ax.collections if isinstance(c, QuadMesh)]
    np.testing.assert_array_equal(mesh.get_array(), data["u"])
    corners = mesh.get_coordinates()
    np.testing.assert_allclose(corners[0, :, 0], np.linspace(0, 10, 41), atol=1e-12)
    np.testing.assert_allclose((corners[1:, 0, 1] + corners[:-1, 0, 1]) / 2, T, atol=1e-12)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("$x$", "time $t$")
    assert ax.get_ylim() == (0, 5)


def test_cuts_of_a_plane():
    data = plane_data()
    ax = figures.space_time(data, at=("y", 1.1))
    (mesh,) = [c for c in ax.collections if isinstance(c, QuadMesh)]
    np.testing.assert_array_equal(mesh.get_array(), data["u"].isel(trajectory=0).sel(y=1.1, method="nearest"))
    assert ax.get_title() == "$y$ = 1.083"
    ax = figures.space_time(data, at=("x", 3))
    assert (ax.get_xlabel(), mesh.get_array().shape) == ("$y$", (51, 40))
    assert figures.space_time(data).get_title() in ("$y$ = 1.917", "$y$ = 2.083")  # on either side of the middle


# ---- films -------------------------------------------------------------------------------------------


def test_films_of_a_line_and_a_plane(tmp_path):
    path = figures.animate(line_data(), path=tmp_path / "line.gif", frames=6, dpi=40, fps=25)
    with Image.open(path) as image:
        assert (image.n_frames, image.info["duration"]) == (6, 40)
    path = figures.animate(plane_data(), "u", tmp_path / "plane.gif", frames=4, dpi=40)
    centers = []
    with Image.open(path) as image:
        assert image.n_frames == 4
        for k in range(4):
            image.seek(k)
            pixels = np.asarray(image.convert("RGB"), float)
            yellow = (pixels[..., 0] > 200) & (pixels[..., 1] > 200) & (pixels[..., 2] < 120)
            columns = np.flatnonzero(yellow[:, : int(0.8 * pixels.shape[1])].any(axis=0))
            centers.append(columns.mean())
    steps = np.diff(centers)
    assert (steps > 0).all()  # the peak moves right, at an even pace
    assert steps.std() < 0.2 * steps.mean()
    again = figures.animate(plane_data(), "u", tmp_path / "again.gif", frames=4, dpi=40)
    assert again.read_bytes() == path.read_bytes()
    assert not plt.get_fignums()


def test_all_times_and_chosen_frames(tmp_path):
    data = line_data().isel(time=slice(0, 7))
    with Image.open(figures.animate(data, path=tmp_path / "all.gif", frames=None, dpi=30)) as image:
        assert image.n_frames == 7


# ---- errors ------------------------------------------------------------------------------------------


def test_several_runs_ask_for_a_selection(tmp_path):
    several = line_data().expand_dims(D=[0.1, 0.2, 0.3], trajectory=2)
    for show in (figures.snapshots, figures.space_time, lambda d: figures.animate(d, path=tmp_path / "a.gif")):
        with pytest.raises(DeclarationError, match=r"3 of 'D', 2 of 'trajectory'; choose one, such as data.isel\(D=0, traj"):
            show(several)
    figures.snapshots(several.isel(D=1, trajectory=0))


def test_fields_by_name():
    data = line_data()
    with pytest.raises(DeclarationError, match="'S' is a scalar over time; the fields are u"):
        figures.snapshots(data, "S")
    with pytest.raises(DeclarationError, match="'w' is not in the dataset; the fields are u"):
        figures.space_time(data, "w")
    with pytest.raises(DeclarationError, match="needs a field over time and space; the dataset holds S"):
        figures.snapshots(data[["S"]])
    with pytest.raises(DeclarationError, match="got DataArray"):
        figures.snapshots(data["u"])
    other = data.rename(x="r")
    assert figures.snapshots(other).axes[0].get_xlabel() == "$r$"


def test_times_limits_and_cuts_that_do_not_fit(tmp_path):
    data = plane_data()
    with pytest.raises(DeclarationError, match="from time 0 to 5; 7 lies outside"):
        figures.snapshots(data, times=[1, 7])
    with pytest.raises(DeclarationError, match="times is 0; expected how many"):
        figures.snapshots(data, times=0)
    with pytest.raises(DeclarationError, match="times is 'late'"):
        figures.snapshots(data, times="late")
    with pytest.raises(DeclarationError, match="expected the lower one first"):
        figures.snapshots(data, limits=(1, 0))
    with pytest.raises(DeclarationError, match="expected two numbers"):
        figures.snapshots(data, limits=3)
    with pytest.raises(DeclarationError, match="no axis 'z'; its axes are x and y"):
        figures.space_time(data, at=("z", 1))
    with pytest.raises(DeclarationError, match="the cut at y = 9 lies outside the grid, 0 to 4"):
        figures.space_time(data, at=("y", 9))
    with pytest.raises(DeclarationError, match="expected an axis and a position, such as"):
        figures.space_time(data, at=2.0)
    with pytest.raises(DeclarationError, match="needs no cut"):
        figures.space_time(line_data(), at=("x", 1))
    with pytest.raises(DeclarationError, match=r"written to a .gif or .mp4 file"):
        figures.animate(data, "u", tmp_path / "a.png")
    with pytest.raises(DeclarationError, match="dpi is -1"):
        figures.animate(data, "u", tmp_path / "a.gif", dpi=-1)


def test_cuts_of_a_box(tmp_path):
    x, y, z, t = (np.linspace(0, n, 4 + n) for n in (1, 2, 3, 4))
    values = t[:, None, None, None] + 10 * x[:, None, None] + 100 * y[:, None] + 1000 * z
    data = xr.Dataset({"u": (("time", "x", "y", "z"), values)}, {"time": t, "x": x, "y": y, "z": z})
    shown = figures.snapshots(data, times=[0, 4], at=("y", 2))
    first, second = (a.images[0].get_array() for a in shown.axes[:2])
    np.testing.assert_allclose(first, (10 * x[:, None] + 200 + 1000 * z).T)
    np.testing.assert_allclose(second, first + 4)
    assert shown.axes[0].get_title() == "$t$ = 0, $y$ = 2"
    assert [a.get_ylabel() for a in shown.axes[:1]] == ["$z$"]
    ax = figures.space_time(data, at=[("x", 1), ("z", 3)])
    np.testing.assert_allclose(ax.collections[0].get_array().reshape(t.size, y.size), t[:, None] + 10 + 100 * y + 3000)
    assert figures.animate(data, path=tmp_path / "box.gif", frames=2, at=("z", 0)).exists()
    with pytest.raises(DeclarationError, match="needs no cut along z"):
        figures.snapshots(data, at=[("y", 0), ("z", 0)])
    with pytest.raises(DeclarationError, match="two cuts along one axis"):
        figures.space_time(data, at=[("x", 0), ("x", 1)])
    with pytest.raises(DeclarationError, match="has no axis 'w'"):
        figures.snapshots(data, at=("w", 0))
    with pytest.raises(DeclarationError, match="lies outside the grid"):
        figures.animate(data, path=tmp_path / "box.gif", at=("z", 9))
