"""What is fuzzed: every reader of files and texts of strangers, each with inputs to begin from."""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
import sympy as sp

import symdyn as sd
from symdyn.discover.surrogates.denoiser import DenoiserFit, features
from symdyn.inference.data import Observations, Trajectory
from symdyn.inference.journal import Journal
from symdyn.inference.reading import read_data
from symdyn.io.arguments import parse_assignments, parse_duration, parse_range
from symdyn.io.models import read_model
from symdyn.io.tables import read_table, read_times
from symdyn.network_files import load_networks, network_text, save_networks
from symdyn.simulation.chunk_store import ChunkStore

__all__ = ["TARGETS", "TOKENS", "Target"]

#: Pieces that mutation inserts: syntax of the readers, extreme numbers, and what would run if it were evaluated.
TOKENS = tuple(
    text.encode()
    for text in (
        "__import__('os').system('CANARY')", "exec('CANARY')", "CANARY", "().__class__", "lambda: 0", "sin(",
        "exp(exp(", "x", "y'", "->", "<->", ":=", "=", "==", "'", '"', ";", "\n", "#", "//", "/*", "*/", "@", "at",
        "piecewise(", "where", "d/dt", "dx(", "laplacian(", "x[t+1]", "1e308", "1e-308", "1e400", "-1", "0", "nan",
        "inf", "9" * 45, "^", "**", "^9^9^9", "/0", "(" * 60, ")" * 60, "[", "]", "{", "}", ",", ";;", "\x00", "\ufeff",
        "é", "π", "1,5", "2024-01-31", "31.12.2024 23:59", "12:30", "%", "null", "true", "[[[[", '{"a":', "<a>", "</a>",
        "<!DOCTYPE x>", "&lt;", "<apply><power/>", "<ci>x</ci>", "<cn>1e999</cn>", "<piecewise>", "<sbml ",
        "../../etc/passwd", "/dev/zero", "CON", "PK\x03\x04", "\x93NUMPY",
    )
)  # fmt: skip


@dataclass(frozen=True)
class Target:
    """A reader.

    Parameters
    ----------
    seeds : tuple of bytes
        Valid inputs.
    read : callable
        Of the bytes; a `SymdynError` is a proper answer.
    """

    seeds: tuple[bytes, ...]
    read: Callable[[bytes], object]


def _text(read: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda data: read(data.decode("utf-8", "replace"))


@cache
def _folder() -> Path:
    """Where files to be read are written."""
    return Path(tempfile.mkdtemp(prefix="symdyn-fuzz-"))


def _file(name: str, read: Callable[[Path], object]) -> Callable[[bytes], object]:
    """A reader of a file, which is written anew each time."""

    def written(data: bytes) -> object:
        path = _folder() / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return read(path)

    return written


def _recovery() -> Target:
    x, f = sp.Symbol("x"), sp.Function("f")
    t = np.linspace(0, 4, 21)
    found = sd.recover(
        sd.ODESystem({x: f(x)}), {"t": t, "x": 1 / (1 + 4 * np.exp(-t))}, library=2, surrogate=None, progress=False
    )
    folder = _folder() / "recovery"
    found.save(folder)
    return Target(
        ((folder / "recovery.json").read_bytes(),), _file("recovery/recovery.json", lambda p: sd.Recovery.load(p.parent))
    )


def _store() -> Target:
    path = _folder() / "run.zarr"
    sd.simulate(sd.ODESystem({sp.Symbol("x"): -sp.Symbol("x")}), [0, 1], initial={"x": [1, 2, 3]}, store=path, progress=False)
    (manifest,) = (p for p in path.rglob("zarr.json") if b'"request"' in p.read_bytes())

    def read(data: bytes) -> object:
        manifest.write_bytes(data)
        found = ChunkStore.find(path)
        if found is not None:
            found.look()
        return str(found)

    return Target((manifest.read_bytes(),), read)


def _checkpoint() -> Target:
    buffer = io.BytesIO()
    np.savez(buffer, **{"ab-0": np.arange(3.0), "ab-1": np.ones((2, 2))})
    lone = io.BytesIO()
    np.save(lone, np.arange(3.0))
    empty = io.BytesIO()
    zipfile.ZipFile(empty, "w").close()
    return Target((buffer.getvalue(), lone.getvalue(), empty.getvalue()), _file("search.npz", Journal))


def _trained() -> sd.TrainedNetwork:
    return sd.TrainedNetwork(sd.DenseLayers("f", [(np.ones((3, 1)), np.zeros(3), "tanh"), (np.ones((1, 3)), None, "identity")]))


def _networks() -> Target:
    """A file of networks."""
    with tempfile.TemporaryDirectory() as folder:
        save_networks(Path(folder) / "n.npz", [_trained()])
        return Target(((Path(folder) / "n.npz").read_bytes(),), _file("n.npz", load_networks))


def _text_with_network() -> Target:
    """A text that names the weights of a network, which is there."""
    network = _trained()
    text = f"x' = a - f(x)\na = 1\nx(0) = 2\n{network_text(network)}"
    return Target((text.encode(),), _text(lambda text: sd.ODESystem.from_text(text, networks={"f": network})))


def _learned(read: Callable[[Path], object]) -> Target:
    """Files of a network, and of a system that was learned."""
    x, seeds, network = sp.Symbol("x"), [], _trained()
    seen = Observations((Trajectory(np.arange(3.0), np.ones((3, 1))),), ("x",), np.ones(1), np.ones(1))
    system = sd.ODESystem({x: network(x)}, initial={x: 1.0})
    whole = sd.Learned(system, ({"f": network},), {"train": np.ones(2), "validation": np.ones(2)}, {}, seen, np.ones((1, 1)))
    with tempfile.TemporaryDirectory() as folder:
        for one in (network, whole):
            one.save(Path(folder) / "f.npz")
            seeds.append((Path(folder) / "f.npz").read_bytes())
    return Target(tuple(seeds), _file("f.npz", read))


def _score() -> Target:
    """A file of a score with the weights of nobody."""
    x, t = sp.symbols("x t")
    process = sd.transport.diffusion(x, sp.exp(-t), sp.sqrt(1 - sp.exp(-2 * t)))
    layers = sd.DenseLayers("denoiser", [(np.ones((2, features(1))), np.zeros(2), "tanh"), (np.ones((1, 2)), None, "identity")])
    fit = DenoiserFit(layers, np.zeros(1), 1.0, {"train": np.ones(2), "heldout": np.ones(2)}, 0.0, 2)
    with tempfile.TemporaryDirectory() as folder:
        sd.LearnedScore.of(process.reverse_time(sp.Function("s")(x, t), horizon=1), fit).save(Path(folder) / "s.npz")
        return Target(((Path(folder) / "s.npz").read_bytes(),), _file("s.npz", sd.LearnedScore.load))


def _statistics() -> Target:
    grid, one = np.arange(4.0)[None], np.ones((1, 4))
    seed = sd.methods.ModelStatistics(1.0, ("x",), grid, one, one, one).text
    return Target((seed.encode(),), _file("s.json", sd.methods.ModelStatistics.load))


def _sbml() -> Target:
    network = sd.ReactionNetwork.from_text("2 X <-> Y, k1, k2\n0 -> X, a/(1 + Y)\nk1 = 2; k2 = 1; a = 3; X(0) = 5")
    return Target((network.to_sbml().encode(),), _file("model.xml", sd.read_sbml))


def _sbml_equations() -> Target:
    text = ODE + "\ns := x + y; when x > 3 delay 1 priority 2, x = y"
    seed = sd.ODESystem.from_text(text).to_sbml()
    return Target((seed.encode(), *_sbml().seeds), _file("model.xml", partial(sd.read_sbml, as_="ode")))


def _petab() -> Target:
    """All files of a problem in one, each after a line with its name."""
    source, mark = Path(__file__).parents[2] / "examples" / "data" / "petab_conversion", b"\n==== "
    names = sorted(p.name for p in source.iterdir() if p.suffix in (".yaml", ".tsv", ".xml"))
    seed = b"".join(mark + name.encode() + b"\n" + (source / name).read_bytes() for name in names)
    folder = _folder() / "petab"
    folder.mkdir()

    def read(data: bytes) -> object:
        for part in data.split(mark)[1:]:
            name, _, content = part.partition(b"\n")
            if name.decode("utf-8", "replace") in names:
                (folder / name.decode()).write_bytes(content)
        return str(sd.read_petab(folder / "conversion.yaml"))

    return Target((seed,), read)


def _archive() -> Target:
    """The bytes of an archive, of which most mutations break checksums."""
    return Target((EXPERIMENT.read_bytes(),), _file("experiment.omex", _described))


def _experiment() -> Target:
    """The model and the experiment of an archive in one, each after a line with its name."""
    mark, path = b"\n==== ", _folder() / "experiment.omex"
    with zipfile.ZipFile(EXPERIMENT) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}

    def read(data: bytes) -> object:
        found = {**parts}
        for part in data.split(mark)[1:]:
            name, _, content = part.partition(b"\n")
            found[name.decode("utf-8", "replace")[:50] or "model.xml"] = content
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in found.items():
                archive.writestr(name, content)
        return _described(path)

    listed = [mark + name.encode() + b"\n" + parts[name] for name in ("experiment.sedml", "model.xml")]
    return Target((b"".join(listed), *listed), read)


def _described(path: Path) -> object:
    archive = sd.read_archive(path)
    return str(archive) + str(archive.systems)


def _data(path: Path) -> object:
    return read_data(read_table(path))


EXPERIMENT = Path(__file__).parents[2] / "examples" / "data" / "conversion.omex"
ODE = """x' = a*x - b*x*y + piecewise(1, x > 2, 0)
y' = c*x*y/(1 + x^2) - d*exp(-y)
a = 0.5; b = 3e-2; c = 1/3; d = 2
x(0) = 1"""
NETWORK = (
    "2 X <-> 3 X, k1, k2\n0 <-> X, k3, k4\nTotal := X + 1\nat X >= 5: X = 0\nk1 = 60; k2 = 1; k3 = 4600; k4 = 1000; X(0) = 3"
)

#: What makes each target: some run a simulation or a recovery first.
TARGETS: dict[str, Callable[[], Target]] = {
    "ODE text": lambda: Target((ODE.encode(), b"x' = f(x) + sin(t)\ny' = -y"), _text(sd.ODESystem.from_text)),
    "map text": lambda: Target((b"x[t+1] = r*x[t]*(1 - x[t])\nr = 3.7; x(0) = 0.2",), _text(sd.DiscreteSystem.from_text)),
    "network text": lambda: Target(
        (NETWORK.encode(), b"A + B -> C, k\nC => A, v*C/(K + C)"), _text(sd.ReactionNetwork.from_text)
    ),
    "field text": lambda: Target(
        (b"u' = D*laplacian(u) + u*(1 - u) - dx(u^2)\nD = 0.1; u(0) = sin(x)",),
        _text(lambda text: sd.PDESystem.from_text(text, domain=(0, 1))),
    ),
    "Antimony": lambda: Target(
        (b"J1: 2 A -> B; k1*A*(A - 1); J2: B => 2 A; k2*B\nA = 10; k1 = 0.5; k2 := A + 1",),
        _file("model.ant", sd.read_antimony),
    ),
    "PySB": lambda: Target(
        (
            b"Monomer('A', ['b', 's'], {'s': ['u', 'p']}); Monomer('B', ['a']); Parameter('k', 2*0.5); Parameter('n', 3)\n"
            b"Initial(A(b=None, s='u'), n); Initial(B(a=None), n); Observable('o', A(s=('p', ANY)) + B())\n"
            b"Rule('r', A(b=None) + B(a=None) | A(b=1) % B(a=1), k, n)\n"
            b"Rule('q', A(b=1, s='u') % B(a=1) >> A(b=1, s='p') % B(a=1), k)",
        ),
        _file("model.py", partial(sd.read_pysb, species=50, reactions=200)),
    ),
    "SBML": _sbml,
    "SBML as equations": _sbml_equations,
    "model file": lambda: Target((b"# ode\n" + ODE.encode(), NETWORK.encode()), _file("model.txt", read_model)),
    "table": lambda: Target(
        (
            b"time [d],hare (1000),lynx\n0,30.1,4\n1,,6.1\n2,70.2,9.8\n",
            b"Date;A;B\n01.02.2024;1,5;2\n02.02.2024;1,75;3\n",
            b"id,t,x\n1,0,1\n1,1,2\n2,0,3\n2,1,5\n",
        ),
        _file("table.csv", _data),
    ),
    "times": lambda: Target((b"0\n1\n2.5\n", b"t\n0\n1\n"), _file("times.txt", read_times)),
    "ranges": lambda: Target((b"0:20:101", b"1e-3:1e3:7:log"), _text(parse_range)),
    "durations": lambda: Target((b"10m", b"1h30m", b"2.5 s"), _text(parse_duration)),
    "assignments": lambda: Target((b"a=0.4,0.5:2:7", b"x=1e3"), _text(lambda text: parse_assignments([text]))),
    "recovery": _recovery,
    "checkpoint": _checkpoint,
    "network": lambda: _learned(sd.TrainedNetwork.load),
    "learned system": lambda: _learned(sd.Learned.load),
    "networks": _networks,
    "text with a network": _text_with_network,
    "automaton text": lambda: Target(
        (b"s[i] = piecewise(0, s[i] + s[i+1] == 0, p, s[i] + s[i+1] == 1, q)\np = 0.6; q = 0.8; s(0) = 1",),
        _text(lambda text: sd.Automaton.from_text(text, sites=9)),
    ),
    "learned score": _score,
    "statistics of a system": _statistics,
    "store": _store,
    "PEtab": _petab,
    "archive": _archive,
    "experiment in an archive": _experiment,
}
