"""Antimony through libantimony: networks and equations, submodels, imports, limits; by example."""

from __future__ import annotations

import errno
import io
import json
import math
import os
import subprocess
import sys
from contextlib import suppress

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.errors import DeclarationError, MissingPackageError, ParseError
from symdyn.io import _documents, _reading
from symdyn.io.antimony import read_antimony
from symdyn.io.models import read_model
from symdyn.models.events import Event
from symdyn.models.reactions import ReactionNetwork

pytest.importorskip("antimony")

MODEL = """
// the model of an enzyme
model *enzyme()
  compartment cell = 1;
  species S in cell, E in cell, $Waste in cell;
  S = 301; E = 120; ES = 0; P = 0   # numbers
  bind:   S + E -> ES; k1*S*E - k2*ES;
  turn:   ES => E + P; k3*ES
  spill:  P => $Waste; k4*P
  total := S + ES + P
  k1 = 0.00166; k2 = 1e-4; /* of
  two lines */ k3 = 1e-3
end
"""


def test_a_network():
    expected = ReactionNetwork.from_text(
        "S + E <-> ES, k1, k2; ES -> E + P, k3; P -> 0, k4; total := S + ES + P; S(0) = 301; E(0) = 120; ES(0) = 0; P(0) = 0;"
        "k1 = 0.00166; k2 = 1e-4; k3 = 1e-3"
    )
    assert read_antimony(MODEL) == expected


def test_a_text_is_read_after_the_folder_is_gone_in_which_reading_began(tmp_path, monkeypatch):
    _reading._process.end()
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    _reading._process.started()
    os.chdir(tmp_path)
    gone.rmdir()
    assert read_antimony(MODEL).names == ("S", "E", "ES", "P")


def test_concentrations_and_amounts():
    text = "compartment cell = 4; species A in cell; substanceOnly species B in cell; A = 2.5; B = 3\n"
    net = read_antimony(text + "2 A => B; cell*k*A^2\nB => ; q*B*cell; k = 1")
    A, B, k, q, cell = sp.symbols("A B k q cell")
    assert net.propensities == (k * A**2 / cell, q * B * cell)
    assert net.initial == {A: 10, B: 3}
    assert net.volume == cell
    assert net.defaults[cell] == 4


def test_laws_of_networks():
    text = "2 A => ; k*A^2; k = 1; A = 9"
    assert not read_antimony(text).reactions[0].mass_action
    assert read_antimony(text, laws="rate equations").reactions[0].mass_action


def test_laws_of_several_powers_of_the_size_are_whole_in_rate_equations():
    """In amounts; each power alone makes the compartment the volume."""
    text = "compartment cell = 2; species A in cell; A = 1; R: -> A; {}; D: A => ; cell*g*A; k0 = 1; v0 = 3; g = 0.1"
    cell, k0, v0, g, A = sp.symbols("cell k0 v0 g A")
    net = read_antimony(text.format("cell*k0 + v0"))
    assert sp.expand(net.rate_equations().drift[0] - (cell * k0 + v0 - g * A)) == 0
    assert read_antimony(text.format("cell*k0")).volume == cell
    assert read_antimony(text.format("cell*k0/(1 + A)")).volume == cell


def test_equations():
    """Decay of A into B in 2 litres; x grows by itself, y follows, a + x = 3; an event halves A."""
    system = read_antimony(
        """
        function rate(z, n)
          n*z
        end
        compartment V = 2; species A in V = 5, B in V = 0
        R1: A -> B; k*A*V; k = 0.4
        x' = rate(x, 2); x = 1; y := 3*x + time
        0 = a + x - 3; var a
        at (time >= 1), fromTrigger=false: A = A/2
        """,
        as_="ode",
    )
    t = np.array([0.0, 0.5, 2.0])
    run = sd.simulate(system, t, rtol=1e-10, atol=1e-12, progress=False)
    left = 5 * np.exp(-0.4 * t) * [1, 1, 0.5]
    np.testing.assert_allclose(run.A, left, rtol=1e-8)
    np.testing.assert_allclose(
        run.B, [0, 5 - left[1], 5 - 5 * math.exp(-0.4) + 2.5 * (math.exp(-0.4) - math.exp(-0.8))], atol=1e-8
    )
    np.testing.assert_allclose(run.y, 3 * np.exp(2 * t) + t, rtol=1e-8)
    np.testing.assert_allclose(run.a, 3 - np.exp(2 * t), rtol=1e-8)


def test_submodels():
    text = "model step(a, b)\n J: a -> b; k*a; k = 3\nend\nmodel *chain()\n s1: step(A, B); s2: step(B, C); s2.k = 5\nend\n"
    system = read_antimony(text, as_="ode")
    A, B, C, k1, k2 = sp.symbols("A B C s1_k s2_k")
    assert dict(zip(system.states, system.drift, strict=True)) == {A: -k1 * A, B: k1 * A - k2 * B, C: k2 * B}
    assert system.defaults == {k1: 3, k2: 5}


def test_events_of_networks():
    net = read_antimony("=> X; k; X => ; g*X; k = 1; g = 1; X = 40; at 2 after (X > 30), fromTrigger=true: X = X - 5")
    X = sp.Symbol("X")
    assert net.events == (Event(X > 30, {X: X - 5}, delay=2, from_trigger=True),)


def test_seventeen_digits():
    """libsbml writes 15 digits; two numbers that differ in the 17th are different, and short ones are unchanged."""
    text = "x' = -k*x + 1.2345678901234568e-5*x^2 + c; k = 1.2345678901234566; c = 0.1; d = 1.23456789012346; x = 0.1 + 0.2\n"
    system = read_antimony(text + "y' = d + -2.2204460492503131e-16", as_="ode")
    defaults = {str(p): v for p, v in system.defaults.items()}
    assert defaults == {"k": 1.2345678901234566, "c": 0.1, "d": 1.23456789012346}
    numbers = {float(f) for e in system.drift for f in e.atoms(sp.Float)}
    assert numbers == {1.2345678901234568e-5, -2.2204460492503131e-16}


def test_a_file(tmp_path):
    path = tmp_path / "enzyme.ant"
    path.write_text("\ufeff" + MODEL, encoding="utf-8")
    assert read_antimony(path) == read_antimony(str(path)) == read_antimony(MODEL)
    path.write_text("A => B; k*A*{;\n")
    with pytest.raises(ParseError, match=r"enzyme\.ant: syntax error"):
        read_antimony(path)


def test_imports_are_files_of_the_same_folder(tmp_path):
    (tmp_path / "part.ant").write_text("model part(a)\n J: a -> ; k*a; k = 3\nend\n")
    (tmp_path / "further.ant").write_text('import "part.ant"\nmodel further(a)\n p: part(a)\nend\n')
    path = tmp_path / "all.ant"
    path.write_text('import "further.ant"; import "part.ant" // import "none.ant"\nf: further(X); X = 2\n')
    X, k = sp.symbols("X f_p_k")
    assert read_antimony(path, as_="ode").drift == (-k * X,)
    path.write_text('import "part.ant"\n\nA -> ; k*(A\n')
    with pytest.raises(ParseError) as caught:
        read_antimony(path)
    assert caught.value.line == 3
    (tmp_path / "below").mkdir()
    for name in ("../part.ant", str(tmp_path / "part.ant"), "none.ant"):
        (tmp_path / "below" / "m.ant").write_text(f'import /* here */ "{name}"\nA -> ; k*A\n')
        with pytest.raises(DeclarationError, match=r"imports .* no file in the folder"):
            read_antimony(tmp_path / "below" / "m.ant")
    with pytest.raises(DeclarationError, match=r"imports .part\.ant., which is no file"):
        read_antimony('import "part.ant"; A -> ; k*A')


def test_nothing_else_is_opened(tmp_path, monkeypatch):
    """Whatever becomes an import for libantimony, it opens no file."""
    (tmp_path / "part.ant").write_text("model part(a)\n J: a -> ; k*a; k = 3\nend\n")
    monkeypatch.setattr("symdyn.io.antimony._imported", lambda text, *_: text)
    with pytest.raises(ParseError, match=r"part\.ant exists, but seemingly cannot be read"):
        read_antimony(f'import "{tmp_path / "part.ant"}"\nA -> ; k*A')


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("A -> B; k*A; A' = 3;", ParseError, "cannot be determined simultaneously by both reactions and rules"),
        ("A -> B; k*A; k = k2; k2 = k;", ParseError, "Loop detected"),
        ("A -> B; f(A);", ParseError, "no such function was defined"),
        ("=> 1.5 A; k;", DeclarationError, r"stoichiometry 1\.5 of A"),
        ("A -> B; k*A - q;", DeclarationError, "reaction _J0, which goes both ways"),
        ("A => B;\n", DeclarationError, "_J0 has no kinetic law"),
        ("species A, B;", DeclarationError, "no reaction"),
        ("A => B; k*A*{;", ParseError, "syntax error"),
        ("A => B; k*A; x' = 2;", DeclarationError, "rate rule of x.*read it as_='ode'"),
        ("A => B; k*delay(A, 2);", DeclarationError, "a delay; read it as_='ode'"),
    ],
)
def test_what_is_not_understood(text, error, message):
    with pytest.raises(error, match=message):
        read_antimony(text)


@pytest.mark.parametrize(
    ("source", "message"), [("", "the source is empty"), (3, "of type int"), (b"A -> B;", "of type bytes"), (None, "NoneType")]
)
def test_what_is_no_source(source, message):
    for reader in (read_antimony, sd.read_sbml):
        with pytest.raises(DeclarationError, match=message):
            reader(source)


def test_errors_point_at_the_line():
    with pytest.raises(ParseError) as caught:
        read_antimony("ok: A -> B; k*A;\n  bad: B -> ; k**;\n")
    assert (caught.value.line, caught.value.column) == (2, 3)


def test_time():
    assert read_antimony("=> X; k*(1 + sin(time));").time_dependent


def test_read_model_knows_the_ending(tmp_path):
    path = tmp_path / "enzyme.ant"
    path.write_text(MODEL)
    assert read_model(path) == read_model(path, kind="jump") == read_antimony(MODEL)
    assert read_model(path, kind="ode") == read_antimony(MODEL, as_="ode")
    with pytest.raises(DeclarationError, match="holds a reaction network"):
        read_model(path, kind="sde")


def test_limits_name_themselves():
    text = "".join(f"R{i}: A{i} => A{i + 1}; k*A{i}\n" for i in range(2000))
    for options, message in (
        ({"seconds": 0.01}, r"took more than seconds=0\.01"),
        ({"memory": 1_000_000}, "memory=1000000 bytes"),
        ({"characters": 1000}, r"characters, more than characters=1000; raise characters="),
        ({"seconds": 0}, "seconds is 0; expected a positive number"),
        ({"characters": True}, "characters is True"),
    ):
        with pytest.raises(DeclarationError, match=message):
            read_antimony(text, **options)
    assert len(read_antimony("A => B; k*A").reactions) == 1  # a new process reads it


def test_folders_that_cannot_be_listed_for_want_of_memory_name_the_limit(monkeypatch):
    """Python lists the folder of a package when it is imported: the system's own error is then the first sign."""

    def answer(request, text):
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM), "site-packages/antimony")

    monkeypatch.setattr(_documents, "_answer", answer)
    answers = io.BytesIO()
    _documents._serve(io.BytesIO(b'{"size": 0, "alarm": 9}\n'), answers)
    assert json.loads(answers.getvalue())["outcome"] == "memory"


def test_a_limit_of_time_that_ends_one_reading_does_not_end_the_next():
    for seconds in (1e-9, 1e-4, 1e-3, 1e-2):
        with suppress(DeclarationError):  # the process may be quick enough
            read_antimony("A -> B; k*A; k = 1; A = 2; B = 0", seconds=seconds)
        assert len(read_antimony("A -> B; k*A; k = 1; A = 2; B = 0").reactions) == 1


def test_functions_of_functions_are_counted_before_they_are_written_out():
    """f19(x) has more than 2^(2^19) nodes."""
    functions = "".join(f"function f{i}(x)\n f{i - 1}(f{i - 1}(x))\nend\n" for i in range(1, 20))
    with pytest.raises(DeclarationError, match=r"kinetic law of R has 1e\+12 symbols, numbers and operators"):
        read_antimony(f"function f0(x)\n x*x + 1\nend\n{functions}R: A => B; f19(A)", as_="ode")


def test_constants_that_are_infinite_or_no_number_come_back():
    system = read_antimony("P = inf; Q = -inf; R = nan; x' = 1; x = 0", as_="ode")
    assert [system.observables[sp.Symbol(name)] for name in "PQR"] == [sp.oo, -sp.oo, sp.nan]
    assert read_antimony(system.to_antimony(), as_="ode") == system


def test_a_text_that_ends_the_process(monkeypatch):
    """The next text is read by another one."""
    read_antimony("A => B; k*A")
    monkeypatch.setattr(_reading._process, "started", lambda real=_reading._process.started: _killed(real()))
    with pytest.raises(DeclarationError, match=r"libantimony crashed on it \(signal 9\)"):
        read_antimony("A => B; k*A")
    monkeypatch.undo()
    assert len(read_antimony("A => B; k*A").reactions) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_a_text_that_ends_the_process_of_a_program_that_ends_at_broken_pipes():
    """As scripts do that write to head(1); run apart, since it would end the tests."""
    script = (
        "import signal, symdyn as sd\nfrom symdyn.io import _reading\n"
        "signal.signal(signal.SIGPIPE, signal.SIG_DFL)\nsd.read_antimony('A => B; k*A')\n"
        "started = _reading._process.started\n"
        "def killed():\n    process = started()\n    process.kill()\n    process.wait()\n    return process\n"
        "_reading._process.started = killed\n"
        "try:\n    sd.read_antimony('A => B; k*A')\nexcept sd.DeclarationError as error:\n    print(error)\n"
        "_reading._process.started = started\nprint(sd.read_antimony('A => B; k*A'))\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p or os.getcwd() for p in sys.path)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done
    assert "libantimony crashed on it (signal 9)" in done.stdout
    assert done.stdout.endswith("A -> B, k\n")


def _run_here(folder, name, script, before=""):
    """The output of a script of that name in a folder."""
    (folder / name).write_text(script)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p or os.getcwd() for p in sys.path)}
    command = ["bash", "-c", f"{before} exec {sys.executable} {name}"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=True).stdout


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are those of Linux")
def test_a_script_named_like_the_library_and_memory_that_the_system_bounds_further(tmp_path):
    """Its folder comes first where modules are looked for."""
    script = "import symdyn as sd\nif __name__ == '__main__':\n    for m in (3e9, 1e300):\n"
    script += "        print(sd.read_antimony('A => B; k*A', memory=m))"
    assert _run_here(tmp_path, "antimony.py", script, "ulimit -v 2500000;") == "A -> B, k\n" * 2


def _killed(process):
    process.kill()
    process.wait()
    return process


def test_a_missing_package_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "antimony", None)
    with pytest.raises(MissingPackageError, match=r"pip install \"symdyn-modeling\[antimony\]\""):
        read_antimony("A -> B; k*A")


def test_a_stoichiometry_that_a_rate_contains_is_fixed_in_a_network():
    """Reactions of a network keep their numbers of molecules: what decides one is no parameter, in rates and starts neither."""
    text = "n = 2; k = 0.5; A -> n B; k*A/n; A = 3*n; B = 0"
    net = sd.read_antimony(text)
    assert [p.name for p in net.parameters] == ["k"]
    assert str(net.propensities[0]) == "A*k/2"
    assert net.changes.tolist() == [[-1], [2]]
    run = sd.simulate(net, [0, 1], seed=0, progress=False)
    assert (float(run.A[0]), float(run.n[1])) == (6, 2)
    with pytest.raises(DeclarationError, match="'n' is not a parameter"):
        sd.simulate(net, [0, 1], parameters={"n": 3}, seed=0, progress=False)
    ode = sd.simulate(sd.read_antimony(text, as_="ode"), [0, 1], parameters={"n": 3}, rtol=1e-9, progress=False)
    # A = 9 exp(-k t/3), of each of which three B are made
    assert float(ode.B[1]) == pytest.approx(27 * (1 - np.exp(-1 / 6)), rel=1e-7)


def test_a_concentration_set_after_a_delay_by_a_value_from_before_it():
    """The amount is that value, C(1) = 1.5, times the size at the end of the delay, C(2) = 2, and stays while C grows."""
    text = "compartment C = 1; C' = 0.5; species B in C; B = 1; J: B -> ; 0*B; V: at 1 after time >= 1: B = C"
    run = sd.simulate(sd.read_antimony(text, as_="ode"), [0, 1, 2, 3], rtol=1e-9, progress=False)
    np.testing.assert_allclose(run.B, [1, 1 / 1.5, 1.5, 1.2], rtol=1e-8)
    boundary = sd.read_antimony(text.replace("species B", "species $B"), as_="ode")  # no reaction changes its amount either
    np.testing.assert_allclose(sd.simulate(boundary, [0, 1, 2, 3], rtol=1e-9, progress=False).B, run.B, rtol=1e-8)
    ruled = text.replace("C = 1; C' = 0.5", "C; C := 1 + time/2")
    np.testing.assert_allclose(
        sd.simulate(sd.read_antimony(ruled, as_="ode"), [0, 1, 2, 3], rtol=1e-9, progress=False).B, run.B, rtol=1e-8
    )
    for jumping, expected in (
        ("k*time/2; k = 1; at time >= 1.5: k = 2", [1, 1 / 1.5, 1.5, 1.5 * 3 / 4]),  # C is 1.5, 3 and 4
        ("piecewise(0, time < 1.5, 1)", [1, 1, 1, 1]),  # C is 1, then 2
    ):
        system = sd.read_antimony(ruled.replace("time/2", jumping), as_="ode")
        np.testing.assert_allclose(sd.simulate(system, [0, 1, 2, 3], rtol=1e-9, progress=False).B, expected, rtol=1e-8)
    both = text + "; W: at 1 after time >= 2: C = 3"  # at 3, from when on C is 3 + (t - 3)/2
    for said in (both, both.replace("2:", "2, fromTrigger=false:")):
        now = sd.simulate(sd.read_antimony(said, as_="ode"), [0, 3.5], rtol=1e-9, progress=False)
        assert float(now.B[-1]) == pytest.approx(1.5 * 2 / 3.25, rel=1e-8)
    late = "compartment C = 1; species $B in C; B = 6; B' = 0; at time >= 2: C = 2; W: at 1 after time >= 1.5: C = 3*C"
    now = sd.simulate(sd.read_antimony(late, as_="ode"), [0, 1, 2, 3], rtol=1e-9, progress=False)
    np.testing.assert_allclose(now.C, [1, 1, 2, 3])  # by C = 1 of the trigger
    np.testing.assert_allclose(now.B, [6, 6, 3, 2], rtol=1e-9)  # the amount stays
