"""Networks in the text of a model, with their weights in a file beside it."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.files import read_arrays
from symdyn.io.models import read_model, write_model
from symdyn.models.text import model_text
from symdyn.network_files import load_networks, save_networks, weights_mark

x, y, a, s = sp.symbols("x y a s")


def trained(name: str, seed: int, factors: tuple = ()) -> sd.TrainedNetwork:
    rng = np.random.default_rng(seed)
    layers = [
        (rng.normal(size=(5, 2)), rng.normal(size=5), "tanh"),
        (rng.normal(size=(len(factors) or 1, 5)), None, "identity"),
    ]
    return sd.TrainedNetwork(sd.DenseLayers(name, layers), factors)


F, G = trained("f", 1, ((0, 0.3),)), trained("g", 2)
SYSTEMS = {
    "ode": sd.ODESystem({x: a * x - F(x, y), y: F(x, y) - G(y, x)}, {a: 0.1}, initial={x: 1, y: 0.5},
                        observables={"z": G(x, x)}),
    "sde": sd.SDESystem({x: -F(x, y), y: -y}, {x: 0.1 * G(x, y), y: s}, {s: 1 / 3}, initial={x: 1, y: 0},
                        interpretation="stratonovich"),
    "map": sd.DiscreteSystem({x: F(x, y), y: x}, initial={x: 0.1, y: 0.7}),
}  # fmt: skip


@pytest.mark.parametrize("kind", SYSTEMS)
def test_a_text_and_the_file_beside_it_are_the_same_system_to_the_last_bit(kind, tmp_path):
    system = SYSTEMS[kind]
    write_model(system, tmp_path / "model.txt")
    assert sorted(f.name for f in tmp_path.iterdir()) == ["model.npz", "model.txt"]
    text = (tmp_path / "model.txt").read_text()
    assert f"f := network(5, {weights_mark(F)})" in text
    options = {"interpretation": "stratonovich"} if kind == "sde" else {}
    again = read_model(tmp_path / "model.txt", **options)
    assert again == system
    assert again.digest == system.digest
    assert again.defaults == system.defaults
    options |= {"seed": 3, "trajectories": 4} if kind == "sde" else {}
    options.pop("interpretation", None)
    runs = [sd.simulate(s, [0, 1, 2], progress=False, **options) for s in (system, again)]
    for name in runs[0].data_vars:
        np.testing.assert_array_equal(runs[0][name], runs[1][name])
    assert type(system).from_text(text, networks={"f": F, "g": G}, **{} if kind != "sde" else
                                  {"interpretation": "stratonovich"}) == system  # fmt: skip


def test_what_is_not_the_file_of_the_text_is_refused(tmp_path):
    write_model(SYSTEMS["ode"], tmp_path / "m.txt")
    path, good = tmp_path / "m.npz", (tmp_path / "m.npz").read_bytes()

    def refused(message: str) -> None:
        with pytest.raises(sd.DeclarationError, match=message):
            read_model(tmp_path / "m.txt")

    save_networks(path, [F, trained("g", 7)])
    refused(r"m\.txt: the network g of m\.npz is another one than the text names: g := network\(5, weights_")
    save_networks(path, [F])
    refused("m.npz has no network g; it has f")
    for damaged in (b"", good[:-300], good[:200] + b"\xff" * 50 + good[250:]):
        path.write_bytes(damaged)
        refused("m.npz holds no networks that symdyn wrote")
    arrays = dict(zip("ab", ([object()], [1.0]), strict=True))
    np.savez(path, **{k: np.array(v, dtype=object) for k, v in arrays.items()}, allow_pickle=True)
    refused("m.npz holds no networks that symdyn wrote")
    save_networks(path, [F, G])
    np.savez(path, **{k.replace("f/", "h/"): v for k, v in read_arrays(path).items()})
    refused("the network of h is called f")
    path.unlink()
    refused("the text names the weights of the network f, g, which are in a file; give networks='model.npz'")


def test_one_network_may_be_in_a_file_of_its_own(tmp_path):
    F.save(tmp_path / "f.npz")
    assert load_networks(tmp_path / "f.npz") == {"f": F}
    text = f"x' = -f(x, 2*x); f := network(5, {weights_mark(F)})"
    assert sd.ODESystem.from_text(text, networks=tmp_path / "f.npz").networks == (F(x, 2 * x),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x' = f(x, x); f := network(5, weights_12)", "with 32 hexadecimal digits"),
        (f"x' = f(x, x); f := network(5 {weights_mark(F)})", "are written f := network"),
        (f"x' = f(x, x); f := network(5, {weights_mark(F)}) + 1", "are written f := network"),
        (f"x' = x; f := network(5, {weights_mark(F)})", "no equation contains the network f"),
        (f"x' = f(x, x); f := network(5, {weights_mark(F)}); f := network(5, {weights_mark(F)})", "f has two networks"),
        (f"x' = f(x, x); f := network(6, {weights_mark(F)})", "is another one than the text names"),
        ("x' = f(x, x)", "networks has no effect on a text that names no weights"),
        (f"x' = f(x); f := network(5, {weights_mark(F)})", "takes 2 arguments, got 1"),
    ],
)
def test_texts_that_name_no_network_are_refused(text, message):
    with pytest.raises(sd.SymdynError, match=message):
        sd.ODESystem.from_text(text, networks={"f": F})


def test_what_no_text_holds_is_refused():
    raw = sd.ODESystem({x: F.layers(x, x)})
    with pytest.raises(sd.DeclarationError, match="the layers f are no network of one output"):
        model_text(raw)
    net = sd.ReactionNetwork.from_text("0 => X, k*f(X, X)").with_terms({"f": F})
    with pytest.raises(sd.DeclarationError, match="a ReactionNetwork with trained networks has no text"):
        model_text(net)
    with pytest.raises(sd.ParseError, match="has no trained networks in its text"):
        sd.ReactionNetwork.from_text(f"0 => X, f(X, X); f := network(5, {weights_mark(F)})")
    with pytest.raises(sd.DeclarationError, match="expected a file, or TrainedNetworks by name"):
        sd.ODESystem.from_text(f"x' = f(x, x); f := network(5, {weights_mark(F)})", networks=3)


def test_nothing_is_lost_by_writing(tmp_path):
    with pytest.raises(sd.DeclarationError, match="two different networks are called f"):
        write_model(sd.ODESystem({x: F(x, y), y: trained("f", 8)(x, y)}), tmp_path / "m.txt")
    with pytest.raises(sd.DeclarationError, match="two different networks are called f"):
        save_networks(tmp_path / "m.npz", [F, trained("f", 8)])
    np.savez(tmp_path / "m.npz", mine=np.ones(3))
    with pytest.raises(sd.DeclarationError, match=r"holds no networks .* and is not overwritten by the weights of m\.txt"):
        write_model(SYSTEMS["ode"], tmp_path / "m.txt")
    assert list(read_arrays(tmp_path / "m.npz")) == ["mine"]
    assert not (tmp_path / "m.txt").exists()


def test_networks_have_no_effect_on_runs_without_them():
    net = sd.ReactionNetwork.from_text("A -> 0, k; k = 1; A(0) = 5")
    with pytest.raises(sd.DeclarationError, match="networks has no effect on reaction networks"):
        sd.replay(sd.simulate(net, [0, 1], seed=1, progress=False), networks={"f": F}, progress=False)


@pytest.mark.parametrize("kind", ["ode", "sde"])
def test_a_run_is_repeated_with_the_weights_that_it_names(kind, tmp_path):
    system = SYSTEMS[kind]
    save_networks(tmp_path / "n.npz", [F, G])
    data = sd.simulate(system, [0, 1, 2], trajectories=3, seed=1, progress=False)
    data.to_netcdf(tmp_path / "run.nc")
    assert sd.replay(tmp_path / "run.nc", networks=tmp_path / "n.npz", progress=False).same
    with pytest.raises(sd.DeclarationError, match="give networks="):
        sd.replay(data, progress=False)
    with pytest.raises(sd.DeclarationError, match="is another one than the text names"):
        sd.replay(data, networks={"f": F, "g": trained("g", 9)}, progress=False)
