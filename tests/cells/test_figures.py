"""Figures of cells hold what they must, where it must be; films can be read."""

from __future__ import annotations

import stat
from types import SimpleNamespace

import matplotlib
import numpy as np
import pytest
import sympy as sp
import xarray as xr
from matplotlib import pyplot as plt
from matplotlib.collections import PatchCollection, PolyCollection, QuadMesh
from matplotlib.patches import Circle
from PIL import Image

import symdyn as sd
from symdyn.cells import figures
from symdyn.cells._figure_bulk import bulk_triangles, pixels, sample_points
from symdyn.cells._figure_hopf import turning_points
from symdyn.errors import DeclarationError
from symdyn.models import zoo

THREE = [(0.5, 0.0), (-0.5, 0.0), (0.0, 0.0)]
ELL = sd.Polygon([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)])


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def colony(**changes):
    values = dict(domain=sd.Disk(1), radius=0.05, centers=THREE, kinetics=zoo.selkov(), secreted="v", influx=0.8, efflux=0.2)
    return sd.BulkCellSystem(**{**values, **changes})


def fake(field, centers=THREE, domain=None):
    """A colony of which the bulk is known."""
    return SimpleNamespace(
        domain=domain or sd.Disk(1), radius=0.05, centers=np.array(centers, float), bulk=(sp.Symbol("U"),), secreted=("v",),
        bulk_field=lambda at, parameters=None: field(*np.asarray(at).T),
    )  # fmt: skip


def cells_of(ax):
    return [c for c in ax.collections if isinstance(c, PatchCollection)]


def run(t, m=3, **more):
    return xr.Dataset({f"v_{j + 1}": ("time", 1.5 + 0.4 * np.sin(t - j)) for j in range(m)} | more, {"time": t})


# ---- maps --------------------------------------------------------------------------------------------


def test_cells_are_drawn_to_scale_where_they_are():
    ax = figures.draw(colony())
    (cells,) = cells_of(ax)
    for path, center in zip(cells.get_paths(), THREE, strict=True):
        np.testing.assert_allclose(path.get_extents().get_points(), np.add([[-0.05] * 2, [0.05] * 2], center), atol=1e-12)
    outlines = [p for p in ax.patches if isinstance(p, Circle)]
    assert {(p.center, p.radius) for p in outlines} == {((0.0, 0.0), 1)}
    assert [t.get_text() for t in ax.texts] == ["1", "2", "3"]
    assert ax.get_xlim()[0] < -1 < 1 < ax.get_xlim()[1]
    assert ax.get_aspect() == 1
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("$x$", "$y$")


def test_outlines_of_other_domains():
    ax = figures.draw(colony(domain=ELL, centers=[(0.3, 0.3), (1.5, 0.5)]))
    np.testing.assert_allclose(ax.patches[0].get_xy()[:-1], ELL.points)
    ax = figures.draw(colony(domain=sd.Rectangle(3, 1), centers=[(0.3, 0.3), (1.5, 0.5)]))
    np.testing.assert_allclose(ax.patches[0].get_xy()[:-1], [[0, 0], [3, 0], [3, 1], [0, 1]])
    ax = figures.draw(colony(domain=sd.Plane(), centers=[(-1, 0), (1, 0)]))
    assert not ax.patches
    assert ax.get_xlim()[0] < -1.05
    assert ax.get_ylim()[1] > 0.05


def test_colours_of_cells_are_their_values():
    ax = plt.figure().subplots()
    assert figures.draw(colony(), ax, values=[1.0, 3.0, np.nan], label="amplitude", numbers=False) is ax
    (cells,) = cells_of(ax)
    np.testing.assert_array_equal(cells.get_array().filled(-1), [1, 3, -1])
    assert cells.get_clim() == (1, 3)
    assert not ax.texts
    assert ax.figure.axes[1].get_ylabel() == "amplitude"


def test_permeabilities_by_name():
    mixed = colony(influx=[0.8, "q", 0.4])
    (cells,) = cells_of(figures.draw(mixed, values="influx", parameters={"q": 0.1}))
    np.testing.assert_allclose(cells.get_array(), [0.8, 0.1, 0.4])
    (cells,) = cells_of(figures.draw(mixed, values="efflux"))
    np.testing.assert_allclose(cells.get_array(), 0.2)
    with pytest.raises(DeclarationError, match=r"the influx needs a value of q; pass parameters=\{'q'"):
        figures.draw(mixed, values="influx")


def test_values_must_be_one_real_number_for_each_cell():
    with pytest.raises(DeclarationError, match="one real number for each of the 3 cells"):
        figures.draw(colony(), values=[1, 2])
    with pytest.raises(DeclarationError, match="one real number"):
        figures.draw(colony(), values=[1j, 2, 3])
    with pytest.raises(DeclarationError, match="'inflow'; expected 'influx', 'efflux'"):
        figures.draw(colony(), values="inflow")


# ---- bulk --------------------------------------------------------------------------------------------


def test_triangles_fill_the_bulk():
    for domain, centers, area in (
        (sd.Disk(1), THREE, np.pi - 3 * np.pi * 0.05**2),
        (ELL, [(0.3, 0.3), (1.5, 0.5)], 3 - 2 * np.pi * 0.05**2),
    ):
        made = fake(None, centers, domain)
        grid = bulk_triangles(made, sample_points(made, 110))
        corners = np.stack([grid.x[grid.get_masked_triangles()], grid.y[grid.get_masked_triangles()]], axis=-1)
        a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
        assert np.abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum() / 2 == pytest.approx(area, rel=2e-3)


def test_contours_lie_where_the_field_has_their_level():
    ax = figures.plot_bulk(fake(lambda x, y: x + 2 * y), levels=[-1, -0.5, 0, 0.5, 1])
    lines = [c for c in ax.collections if type(c).__name__ == "TriContourSet"][-1]
    for level, path in zip(lines.levels, lines.get_paths(), strict=True):
        points = path.vertices
        assert len(points) > 10
        np.testing.assert_allclose(points[:, 0] + 2 * points[:, 1], level, atol=1e-9)  # linear on the triangles
    assert ax.figure.axes[1].get_ylabel() == "bulk concentration $U$"


def test_bulk_of_the_asymptotic_theory():
    ax = figures.plot_bulk(colony(), {"D": 1, "tau": 0.55}, points=40)
    filled = next(c for c in ax.collections if type(c).__name__ == "TriContourSet")
    # the concentration is highest at the cells, between that far away and that of the cells
    assert 0 < filled.levels[0] < filled.levels[-1] < 1.55
    step = np.diff(filled.levels)
    np.testing.assert_allclose(step, step[0])
    assert len(step) <= 15
    mantissa = step[0] / 10 ** np.floor(np.log10(step[0] * (1 + 1e-9)))
    assert np.abs(mantissa - np.array([1, 2, 2.5, 5])).min() < 1e-6


def test_node_values_with_and_without_a_mesh():
    fem = pytest.importorskip("skfem")
    mesh = fem.MeshTri1.init_circle(4)
    made = fake(None, [(0.0, 0.0)])
    u = mesh.p[0] ** 2
    xs, ys = ("node", mesh.p[0]), ("node", mesh.p[1])
    known = xr.DataArray(u, dims="node", coords={"node_x": xs, "node_y": ys})
    elements = SimpleNamespace(points=mesh.p.T, triangles=mesh.t.T)
    for options in ({"field": u, "mesh": mesh}, {"field": known}, {"field": u, "mesh": SimpleNamespace(elements=elements)}):
        ax = figures.plot_bulk(made, levels=[0.1, 0.25, 0.5], **options)
        lines = [c for c in ax.collections if type(c).__name__ == "TriContourSet"][-1]
        np.testing.assert_allclose(np.abs(lines.get_paths()[1].vertices[:, 0]), 0.5, atol=0.01)
    with pytest.raises(DeclarationError, match="pass mesh="):
        figures.plot_bulk(made, field=u)
    with pytest.raises(DeclarationError, match=r"the field has 3 values, the mesh \d+"):
        figures.plot_bulk(made, field=u[:3], mesh=mesh)
    with pytest.raises(DeclarationError, match="one number for each node"):
        figures.plot_bulk(made, field=u[None], mesh=mesh)


def test_a_constant_bulk_has_a_scale_too():
    ax = figures.plot_bulk(fake(lambda x, y: 0 * x + 2.0), points=20)
    ax.figure.canvas.draw()


def test_pixels_reproduce_linear_fields():
    made = fake(None)
    points = sample_points(made, 40)
    grid = bulk_triangles(made, points)
    weights, (ny, nx) = pixels(grid, np.array([-1.0, -1.0]), np.array([1.0, 1.0]))
    got = (weights @ (1 + points[:, 0] - 3 * points[:, 1])).reshape(ny, nx)
    x = -1 + (np.arange(nx) + 0.5) * 2 / nx
    X, Y = np.meshgrid(x, x)
    inside = (np.hypot(X, Y) < 0.97) & (np.min([np.hypot(X - a, Y - b) for a, b in THREE], axis=0) > 0.05)
    np.testing.assert_allclose(got[inside], (1 + X - 3 * Y)[inside], atol=1e-9)


# ---- modes -------------------------------------------------------------------------------------------


def test_phasors_have_the_amplitudes_and_phases_of_the_mode():
    a = np.array([0.5 * np.exp(0.3j), 0.25 * np.exp(-2j), 1.0]) * np.exp(1j)
    ax = figures.plot_mode(colony(), a)
    discs = [p for p in ax.patches if (isinstance(p, Circle) and p.center != (0.0, 0.0)) or p.get_zorder() == 3.5]
    radii = np.array([p.radius for p in discs])
    np.testing.assert_allclose(radii / radii.max(), [0.5, 0.25, 1.0])
    assert radii.max() < 0.25  # discs of neighbours 0.5 apart do not touch
    hands = [np.diff(line.get_xydata(), axis=0)[0] for line in ax.lines]
    np.testing.assert_allclose([np.arctan2(h[1], h[0]) for h in hands], [0.3, -2, 0], atol=1e-12)
    texts = [t.get_text() for t in ax.texts]
    assert texts[:3] == ["+17\N{DEGREE SIGN}", "\N{MINUS SIGN}115\N{DEGREE SIGN}", "0\N{DEGREE SIGN}"]


def test_phases_relative_to_a_cell_that_is_named():
    ax = figures.plot_mode(colony(), [1j, 1, 2], reference=1)
    hands = [np.diff(line.get_xydata(), axis=0)[0] for line in ax.lines]
    np.testing.assert_allclose([np.arctan2(h[1], h[0]) for h in hands], [0, -np.pi / 2, -np.pi / 2], atol=1e-12)


def test_modes_of_a_spectrum():
    # states v_1, w_1, v_2, ...: the secreted one of each cell is every other
    vectors = np.array([[1, 9, -1, 9, 0.5, 9], [0, 1, 0, 1, 0, 1]], complex)
    modes = SimpleNamespace(eigenvalues=np.array([0.0143 + 0.7617j, -0.1]), vectors=vectors)
    ax = figures.plot_mode(colony(), modes)
    assert ax.get_title() == "$\\lambda$ = 0.0143 + 0.7617i, period 8.25"
    hands = [np.diff(line.get_xydata(), axis=0)[0] for line in ax.lines]
    np.testing.assert_allclose(np.array(hands)[:, 0] / hands[0][0], [1, -1, 0.5])
    named = SimpleNamespace(eigenvalues=modes.eigenvalues, secreted=np.array([[1, 2], [2, 1j], [3, 1]]))
    assert len(figures.plot_mode(colony(), named, 1).lines) == 3
    assert [t.get_text() for t in figures.plot_mode(colony(), named, 1).texts][1] == "+90\N{DEGREE SIGN}"
    with pytest.raises(DeclarationError, match="no mode 2; the spectrum has 2"):
        figures.plot_mode(colony(), modes, 2)
    with pytest.raises(DeclarationError, match="the mode is 0 in all cells"):
        figures.plot_mode(colony(), modes, 1)
    with pytest.raises(DeclarationError, match="one complex amplitude for each of the 3 cells"):
        figures.plot_mode(colony(), [1, 2])
    with pytest.raises(DeclarationError, match="no cell 4 to refer to; the cells are 1 to 3"):
        figures.plot_mode(colony(), [1, 2, 3], reference=4)


# ---- traces ------------------------------------------------------------------------------------------


def test_traces_with_what_follows_from_them():
    t = np.linspace(0, 100, 2001)
    data = run(t)
    figure = figures.plot_traces(data)
    traces, phase, cycles, order = figure.axes
    assert [ax.get_ylabel().split("\n")[0] for ax in figure.axes] == ["$v$", "phase to cell 1", "cycle", "order"]
    assert order.get_xlabel() == "time $t$"
    for j, line in enumerate(traces.lines):
        np.testing.assert_array_equal(line.get_ydata(), data[f"v_{j + 1}"])
    middle = [line.get_ydata()[1000] for line in phase.lines]
    np.testing.assert_allclose(middle, [0, -np.degrees(1), -np.degrees(2)], atol=1e-3)
    np.testing.assert_allclose(np.concatenate([line.get_ydata() for line in cycles.lines]), 2 * np.pi, rtol=1e-6)
    exact = abs(1 + np.exp(-1j) + np.exp(-2j)) / 3
    np.testing.assert_allclose(order.lines[0].get_ydata()[200:-300], exact, atol=1e-5)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["cell 1", "cell 2", "cell 3"]


def test_panels_can_be_chosen_and_resting_cells_leave_them_empty():
    t = np.linspace(0, 100, 2001)
    assert len(figures.plot_traces(run(t), "v", panels=("traces", "order")).axes) == 2
    rest = xr.Dataset({f"v_{j}": ("time", np.ones_like(t)) for j in (1, 2)}, {"time": t})
    figures.plot_traces(rest).canvas.draw()
    figures.plot_traces(run(t, m=30)).canvas.draw()
    with pytest.raises(DeclarationError, match="no panel 'spectrum'; expected some of traces, phase, period, order"):
        figures.plot_traces(run(t), panels="spectrum")


@pytest.mark.parametrize(("m", "rows"), [(6, [6]), (7, [4, 3]), (10, [5, 5]), (12, [6, 6])])
def test_legend_of_traces_is_read_row_by_row(m, rows):
    figure = figures.plot_traces(run(np.linspace(0, 20, 101), m=m), panels="traces")
    figure.canvas.draw()
    boxes = {text.get_text(): text.get_window_extent() for text in figure.legends[0].get_texts()}
    order = sorted(boxes, key=lambda name: (-round(boxes[name].y0), boxes[name].x0))
    assert order == [f"cell {j}" for j in range(1, m + 1)]
    heights = [round(boxes[name].y0) for name in order]
    assert [heights.count(y) for y in dict.fromkeys(heights)] == rows


def test_traces_of_several_runs_ask_for_one():
    t = np.linspace(0, 20, 101)
    several = run(t).expand_dims(D=[1.0, 2.0], trajectory=3)
    with pytest.raises(DeclarationError, match=r"2 of 'D', 3 of 'trajectory'; choose one, such as data.isel\(D=0"):
        figures.plot_traces(several)
    assert len(figures.plot_traces(run(t).expand_dims(trajectory=1)).axes) == 4
    with pytest.raises(DeclarationError, match="no cell 9"):
        figures.plot_traces(run(t), reference=9)


# ---- phase diagrams ----------------------------------------------------------------------------------


def curve(x, y, mode=(1, 1, 1)):
    modes = np.tile(np.array(mode, complex), (len(x), 1))
    return xr.Dataset(
        {"D": ("point", x), "tau": ("point", y), "omega": ("point", np.full(len(x), 0.8)), "mode": (("point", "cell"), modes)}
    )


def closed_curve(n=101):
    s = np.linspace(0, 2 * np.pi, n)
    x, y = 0.15 + 0.1 * np.cos(s + 0.4), 0.33 + 0.12 * np.sin(s + 0.4)
    x[-1], y[-1] = x[0], y[0]
    return curve(x, y, (1, -1, 0))


def test_turning_points_of_a_circle_and_a_parabola():
    s = np.linspace(0, 2 * np.pi, 61)
    x, y = 2 + np.cos(s), 1 + np.sin(s)
    x[-1], y[-1] = x[0], y[0]
    np.testing.assert_allclose(sorted(turning_points(x, y).tolist()), [[1, 1], [3, 1]], atol=2e-3)
    y = np.linspace(-1, 1.1, 20)
    np.testing.assert_allclose(turning_points(3 - y**2, y), [[3, 0]], atol=1e-12)
    assert turning_points(y, y**2).shape == (0, 2)


def test_hopf_curves_are_named_after_their_modes():
    lobe = curve(np.geomspace(0.05, 10, 50), np.linspace(0.2, 0.4, 50))
    ax = figures.plot_hopf([lobe, closed_curve()])
    shown = {line.get_label(): line for line in ax.lines if not line.get_label().startswith("_")}
    assert set(shown) == {"in phase", "out of phase", "fold"}
    np.testing.assert_array_equal(shown["in phase"].get_xdata(), lobe["D"])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("$D$", "$\\tau$")
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "linear")
    marks = np.concatenate([line.get_xydata() for line in ax.lines if line.get_marker() == "D" and len(line.get_xdata())])
    np.testing.assert_allclose(sorted(marks.tolist()), [[0.05, 0.33], [0.25, 0.33]], atol=1e-3)
    assert figures.plot_hopf(lobe, log=False).get_xscale() == "linear"
    names = figures.plot_hopf({"one": lobe, "two": closed_curve()}, folds=False).get_legend_handles_labels()[1]
    assert names == ["one", "two"]


def test_curves_of_one_name_look_alike_and_others_do_not():
    x = np.geomspace(0.05, 10, 50)
    sides = [curve(x, y * np.ones(50)).assign_attrs(name="together") for y in (0.2, 0.7)]
    inner = curve(x, 0.5 * np.ones(50)).assign_attrs(name="the middle one against the others")
    ax = figures.plot_hopf([sides[0], inner, sides[1], closed_curve()], folds=False)
    lines = [line for line in ax.lines if line.get_color() != "white"]
    assert lines[0].get_color() == lines[2].get_color()
    assert len({line.get_color() for line in lines}) == 3  # a name of its own, another one, and out of phase
    assert ax.get_legend_handles_labels()[1] == ["together", "the middle one against the others", "out of phase"]


def test_a_long_meaning_of_colours_is_broken_into_lines():
    told = diagram(np.zeros((3, 3))).assign_attrs(long_name="growing eigenvalues of the steady state, -1 where none was found")
    written = figures.plot_hopf((), told).figure.axes[1].get_ylabel()
    assert written.replace("\n", " ") == told.attrs["long_name"]
    assert max(map(len, written.split("\n"))) <= 42


def diagram(values, name="unstable"):
    D, tau = np.geomspace(0.05, 10, values.shape[0]), np.linspace(0.1, 1, values.shape[1])
    return xr.DataArray(values, dims=("D", "tau"), coords={"D": D, "tau": tau}, name=name)


def test_regions_by_number_and_by_amplitude():
    counts = np.zeros((6, 4), int)
    counts[2:, 1:3] = 2
    counts[4, 2] = 6
    ax = figures.plot_hopf(closed_curve(), diagram(counts))
    mesh = next(c for c in ax.collections if isinstance(c, QuadMesh))
    np.testing.assert_array_equal(mesh.get_array(), counts.T)
    assert [t.get_text() for t in ax.figure.axes[1].get_yticklabels()] == ["0", "2", "6"]
    assert ax.figure.axes[1].get_ylabel() == "unstable"
    corners = mesh.get_coordinates()
    middles = np.sqrt(corners[0, 1:, 0] * corners[0, :-1, 0])
    np.testing.assert_allclose(middles, np.geomspace(0.05, 10, 6))  # cells about their values on the logarithmic axis
    amplitude = np.where(counts > 0, 0.3 + np.linspace(0, 0.1, 24).reshape(6, 4), np.nan)
    data = xr.Dataset({"period": diagram(amplitude * 20), "amplitude": diagram(amplitude)})
    ax = figures.plot_hopf((), data, show="amplitude", label="amplitude of $v$")
    mesh = next(c for c in ax.collections if isinstance(c, QuadMesh))
    np.testing.assert_array_equal(np.ma.getmaskarray(mesh.get_array()), np.isnan(amplitude).T)
    assert ax.figure.axes[1].get_ylabel() == "amplitude of $v$"


def test_phase_diagrams_refuse_what_does_not_fit():
    with pytest.raises(DeclarationError, match="neither a curve nor a diagram"):
        figures.plot_hopf()
    with pytest.raises(DeclarationError, match="without dim 'point'"):
        figures.plot_hopf([xr.Dataset({"D": 1.0})])
    with pytest.raises(DeclarationError, match="has no alpha; it has"):
        figures.plot_hopf({"a": closed_curve()}, vary=("alpha", "tau"))
    with pytest.raises(DeclarationError, match="no variable 'order' over two parameters; it has unstable"):
        figures.plot_hopf((), diagram(np.zeros((3, 3))).to_dataset(), show="order")
    with pytest.raises(DeclarationError, match="the dims D, alpha; expected D and tau"):
        figures.plot_hopf(closed_curve(), diagram(np.zeros((3, 3))).rename(tau="alpha"))
    with pytest.raises(DeclarationError, match="select one of every other dim"):
        figures.plot_hopf((), diagram(np.zeros((3, 3))).expand_dims(alpha=2))


# ---- films -------------------------------------------------------------------------------------------


def test_films_of_cells(tmp_path):
    t = np.linspace(0, 10, 41)
    path = figures.animate_colony(colony(), run(t), tmp_path / "cells.gif", frames=5, dpi=40, fps=10)
    with Image.open(path) as image:
        assert (image.n_frames, image.info["duration"]) == (5, 100)
        assert image.size == (216, 240)
    again = figures.animate_colony(colony(), run(t), tmp_path / "again.gif", frames=5, dpi=40, fps=10)
    assert again.read_bytes() == path.read_bytes()
    assert not plt.get_fignums()  # films leave nothing open


def test_films_with_the_bulk(tmp_path):
    made = colony()
    points = sample_points(made, 25)
    t, kept = np.linspace(0, 10, 41), np.array([2.0, 2.5, 3.0])
    bulk = np.exp(-kept[:, None] * np.hypot(*points.T))
    coords = {"node_x": ("node", points[:, 0]), "node_y": ("node", points[:, 1]), "bulk_time": kept}
    data = run(t, U_field=(("trajectory", "bulk_time", "node"), bulk[None])).assign_coords(coords)
    path = figures.animate_colony(made, data, tmp_path / "bulk.gif", dpi=40)
    with Image.open(path) as image:
        assert image.n_frames == 3
        colours = []
        for k in range(3):
            image.seek(k)
            colours.append(np.asarray(image.convert("RGB"), int))
    assert np.abs(colours[0] - colours[2]).max() > 30
    for k in (0, -1):
        assert colours[0][:, k].min() > 240  # letters end before the edges


def test_films_refuse_what_they_cannot_write(tmp_path, monkeypatch):
    t = np.linspace(0, 10, 41)
    with pytest.raises(DeclarationError, match=r"a film is written to a .gif or .mp4 file, got 'a.avi'"):
        figures.animate_colony(colony(), run(t), "a.avi")
    with pytest.raises(DeclarationError, match="does not exist; make it first"):
        figures.animate_colony(colony(), run(t), tmp_path / "no" / "a.gif")
    with pytest.raises(DeclarationError, match="the data hold 2 cells with v, the colony has 3"):
        figures.animate_colony(colony(), run(t, m=2), tmp_path / "a.gif")
    with pytest.raises(DeclarationError, match="animate_colony shows one run"):
        figures.animate_colony(colony(), run(t).expand_dims(D=[1, 2]), tmp_path / "a.gif")
    with pytest.raises(DeclarationError, match="frames is 1; expected"):
        figures.animate_colony(colony(), run(t), tmp_path / "a.gif", frames=1)
    with pytest.raises(DeclarationError, match="fps is 0; expected a positive number"):
        figures.animate_colony(colony(), run(t), tmp_path / "a.gif", fps=0)
    monkeypatch.setitem(matplotlib.rcParams, "animation.ffmpeg_path", str(tmp_path / "ffmpeg"))
    with pytest.raises(DeclarationError, match=r"needs the program ffmpeg, which was not found; install it, or write a \.gif"):
        figures.animate_colony(colony(), run(t), tmp_path / "a.mp4")


def test_mp4_frames_go_to_ffmpeg(tmp_path, monkeypatch):
    program = tmp_path / "ffmpeg"
    program.write_text('#!/bin/sh\necho "$@" > "$(dirname "$0")/said"\nfor last; do :; done\ncat > "$last"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setitem(matplotlib.rcParams, "animation.ffmpeg_path", str(program))
    path = figures.animate_colony(colony(), run(np.linspace(0, 10, 41)), tmp_path / "a.mp4", frames=3, dpi=40, fps=7)
    assert path.stat().st_size == 3 * 216 * 240 * 4  # raw frames
    assert "-framerate 7" in (tmp_path / "said").read_text()


def test_polygons_of_a_map_leave_no_stray_artists():
    ax = figures.plot_bulk(fake(lambda x, y: x), points=20)
    assert not [c for c in ax.collections if isinstance(c, PolyCollection)]
