"""Life-cycle graphs: what is drawn, and that nothing lies on anything else."""

import itertools

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

import symdyn as sd
from symdyn.leslie import gallery
from symdyn.leslie._life_cycle import arrange
from symdyn.leslie.drawing import _NAME, _arrows, _name, _size

MODELS = {
    "turtle": gallery.loggerhead_turtle(),
    "whale": gallery.killer_whale(),
    "teasel": gallery.teasel(),
    "heather": gallery.hudsonia()[0],
    "United States": gallery.united_states_1967(),
    "goose": gallery.emperor_goose(),
    "predators": sd.leslie.predator_prey(
        [[0.5, 1.2], [0.6, 0]], [[0.05, 0.02], [0.01, 0.03]], [[0.4, 1.0], [0.7, 0]], [[0.03, 0.02], [0.02, 0.04]]
    ),
    "one stage": sd.leslie.from_matrix([[1.2]]),
}


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def _layout(model):
    place = {s: i for i, s in enumerate(model.states)}
    rows = [[place[s] for s in group] for group in model.species.values()]
    return arrange(rows, [_size(_name(s), _NAME) for s in model.states], _arrows(model))


@pytest.mark.parametrize("name", MODELS)
def test_every_contribution_has_an_arrow_and_a_label(name):
    model = MODELS[name]
    ax = model.draw()
    ax.figure.canvas.draw()
    wanted = sum(e != 0 for part in (model.transitions, model.fecundity) for e in part)
    assert sum(isinstance(p, FancyArrowPatch) for p in ax.patches) == wanted
    assert sum(isinstance(p, FancyBboxPatch) for p in ax.patches) == len(model.states)
    names = len(model.states) + (len(model.species) if len(model.species) > 1 else 0)
    assert len(ax.texts) == wanted + names


@pytest.mark.parametrize("name", MODELS)
def test_labels_and_boxes_do_not_cover_each_other(name):
    layout = _layout(MODELS[name])
    rectangles = [(np.array([b.x, b.y]), np.array([b.width, b.height]) / 2) for b in layout.boxes]
    rectangles += [(a.place, np.array(a.size) / 2) for a in layout.arrows]
    for (p, a), (q, b) in itertools.combinations(rectangles, 2):
        assert (np.abs(p - q) > a + b - 0.03).any()


@pytest.mark.parametrize("name", MODELS)
def test_everything_lies_within_the_corners(name):
    layout = _layout(MODELS[name])
    for a in layout.arrows:
        points = a.along(np.linspace(0, 1, 50))
        assert (points >= layout.low).all()
        assert (points <= layout.high).all()


def test_reproduction_is_above_and_survival_below():
    layout = _layout(MODELS["turtle"])
    for a in layout.arrows:
        height = a.along(0.5)[1]
        assert (height > 0) == (a.kind == "reproduction") or abs(height) < 1e-12


def test_species_stand_in_rows_and_losses_are_told_from_gains():
    layout = _layout(MODELS["predators"])
    assert len({b.y for b in layout.boxes}) == 2
    kinds = [a.kind for a in layout.arrows]
    assert kinds.count("gain") == kinds.count("loss") == 4
    assert all(a.label.startswith("\N{MINUS SIGN}") for a in layout.arrows if a.kind == "loss")
    labels = [t.get_text() for t in MODELS["predators"].draw().get_legend().get_texts()]
    assert labels == ["survival, growth", "reproduction", "into another species or patch", "taken by another species"]


def test_three_patches():
    patch = [[0.5, 1.2], [0.6, 0]]
    stay = [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]]
    ax = sd.leslie.patches([patch] * 3, [stay] * 2).draw()
    assert sum(isinstance(p, FancyBboxPatch) for p in ax.patches) == 6


def test_into_axes_that_are_there():
    _, ax = plt.subplots()
    assert MODELS["whale"].draw(ax) is ax


def test_names_as_words_and_as_mathematics():
    words = [t.get_text() for t in MODELS["turtle"].draw().texts]
    assert "small\njuveniles" in words
    assert any("s_{1}" in t.get_text() for t in MODELS["goose"].draw().texts)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_arrows_end_on_the_edges_of_boxes(name):
    layout = _layout(MODELS[name])
    for arrow in (a for a in layout.arrows if a.sides != (0, 0)):
        for point, stage in ((arrow.curve[0], arrow.source), (arrow.curve[-1], arrow.target)):
            box = layout.boxes[stage]
            assert abs(point[0] - box.x) <= box.width / 2
