"""Commands about files of models, and fits, from the shell."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest

import symdyn as sd
from symdyn.cli import ExitCode
from symdyn.cli.options import ModelForm
from symdyn.io.models import read_model
from symdyn.io.tables import read_table
from symdyn.io.templates import TEMPLATES, command
from symdyn.models.text import text_kinds
from tests.cli.commands import run


@pytest.mark.parametrize("kind", TEMPLATES)
def test_a_new_model_is_complete_and_of_its_kind(here, kind):
    assert run("new", kind, "--out", "model.txt").exit_code == 0
    assert run("new", kind).stdout == (here / "model.txt").read_text()
    system = read_model("model.txt")
    assert system.kind == {"matrix": "map"}.get(kind, kind if kind in text_kinds() else "ode")
    assert set(system.defaults) == set(system.parameters)
    assert set(system.initial) | set(system.history) == set(system.states)
    shown = run("check", "model.txt")
    assert shown.exit_code == 0
    assert "no value" not in shown.stdout
    assert "no initial" not in shown.stdout


def test_there_is_a_model_to_begin_with_for_each_kind_that_a_text_holds():
    assert [str(form) for form in ModelForm] == list(TEMPLATES)
    assert set(text_kinds()) <= set(TEMPLATES)


@pytest.mark.parametrize("kind", [k for k in TEMPLATES if k != "unknown"])
def test_the_command_that_a_new_model_names_takes_it(here, kind):
    assert run("new", kind, "--out", "model.txt").exit_code == 0
    _, *args = command(kind, "model.txt").replace("--figure run.png", "--out run.csv").split()
    found = run(*args, "-q")
    assert found.exit_code == 0, found.output
    values = read_table("run.csv").drop(columns="time").to_numpy()
    assert len(values) > 20
    assert np.isfinite(values).all()
    assert (np.ptp(values, axis=0) > 0).any()


def test_the_command_for_a_name_with_a_space_is_one_that_a_shell_reads():
    assert shlex.split(command("map", "my fish.txt"))[:3] == ["symdyn", "simulate", "my fish.txt"]


def test_an_unknown_term_is_left_to_recover(here):
    assert run("new", "unknown", "--out", "model.txt").exit_code == 0
    assert "f(prey, predators)" in run("check", "model.txt").stdout
    assert command("unknown", "model.txt").startswith("symdyn recover model.txt")


def test_a_new_model_replaces_no_file(here):
    (here / "model.txt").write_text("mine")
    found = run("new", "--out", "model.txt")
    assert found.exit_code == ExitCode.USAGE
    assert "exists" in found.stderr
    assert (here / "model.txt").read_text() == "mine"


def test_check_says_what_is_missing_and_where_a_text_is_wrong(here):
    (here / "model.txt").write_text("x' = -k*x + f(x, y)\ny' = a - y\na = 2\ny(0) = 1/3\nhalf := x/2\nwhen x > 3, x = 0")
    lines = run("check", "model.txt").stdout.splitlines()
    rows = {line[:12].strip(): line[12:] for line in lines[lines.index("") + 1 :]}
    assert rows["kind"] == "ODESystem"
    assert rows["parameters"] == "a = 2, k" or rows["parameters"] == "k, a = 2"
    assert rows["observables"] == "half"
    assert rows["events"] == "1"
    assert rows["unknown"].startswith("f(x, y)")
    assert (rows["no value"], rows["no initial"]) == ("k", "x")
    (here / "wrong.txt").write_text("x' = -x\ny' = x +* y")
    found = run("check", "wrong.txt")
    assert found.exit_code == ExitCode.INPUT
    assert "line 2, column 9" in found.stderr
    assert found.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["model.xml", "model.sbml", "model.ant", "again.txt"])
def test_a_converted_model_reads_back_with_the_same_equations(here, name):
    """Random evaluation of the right-hand sides is in the tests of the formats; this is their way through the shell."""
    if name != "again.txt":
        pytest.importorskip("antimony" if name == "model.ant" else "libsbml")
    (here / "model.txt").write_text("x' = a*x - b*x*y; y' = b*x*y - y; a = 0.5; b = 0.03; x(0) = 3; y(0) = 4")
    assert run("convert", "model.txt", name).exit_code == 0
    found, given = read_model(name, kind="ode"), read_model("model.txt")
    difference = [p - q for p, q in zip(found.expressions, given.expressions, strict=True)]
    assert [e.expand() for e in difference] == [0, 0]
    assert {s.name: v for s, v in found.initial.items()} == {"x": 3.0, "y": 4.0}


def test_what_cannot_be_converted_is_refused_and_nothing_is_written(here):
    (here / "model.txt").write_text("dx = -x*dt + dW; x(0) = 1")
    found = run("convert", "model.txt", "model.xml")
    assert found.exit_code == ExitCode.INPUT
    assert "SDESystem" in found.stderr
    assert not (here / "model.xml").exists()
    assert run("convert", "model.txt", "model.tex").exit_code == 0
    assert r"\begin{align}" in (here / "model.tex").read_text()
    assert run("convert", "model.txt", "model.docx").exit_code == ExitCode.USAGE
    assert run("convert", "model.txt", "./model.txt").exit_code == ExitCode.USAGE


def test_a_fit_gives_a_model_that_simulates_and_a_folder(here):
    (here / "model.txt").write_text("x' = -k*x; x(0) = 2")
    (here / "data.csv").write_text("time,x\n" + "".join(f"{t},{2 * 0.5**t}\n" for t in range(6)))
    found = run("fit", "model.txt", "data.csv", "--starts", "3", "--noise", "0.01", "--out", "fitted", "-q")
    assert found.exit_code == 0, found.output
    (here / "found.txt").write_text(found.stdout)
    system = read_model("found.txt")
    assert float(system.defaults[system.parameters[0]]) == pytest.approx(0.6931471805599453, abs=1e-6)
    assert found.stdout.startswith("# ")
    assert sorted(p.name for p in (here / "fitted").iterdir()) == ["fit.nc", "fit.png", "parameters.csv", "system.txt"]
    assert sd.Fit.load("fitted/fit.nc").parameters["k"] == pytest.approx(0.6931471805599453, abs=1e-6)


def test_a_fit_that_was_cut_short_says_how_it_goes_on(here):
    (here / "model.txt").write_text("x' = -k*x; k = 1; x(0) = 2")
    (here / "data.csv").write_text("time,x\n" + "".join(f"{n},{2 * 0.5**n * (1 + 0.01 * (-1) ** n)}\n" for n in range(8)))
    command = ("fit", "model.txt", "data.csv", "--free", "k=0.1:10", "--noise", "0.01", "--budget", "0.001")
    found = run(*command)
    assert found.exit_code == 0
    assert "measurements, cut short; " in found.stdout.splitlines()[0]
    said = "warning: the fit was cut short, this is the best so far; "
    assert f"{said}with --out FOLDER the same command would go on" in found.stderr
    assert f"{said}the same command goes on from fitted" in run(*command, "--out", "fitted").stderr
    assert not sd.Fit.load("fitted/fit.nc").complete
    assert "cut short" not in run(*command[:-2], "--out", "fitted").stderr
    assert sd.Fit.load("fitted/fit.nc").complete


def test_options_of_a_fit_reach_the_library(here, monkeypatch):
    import symdyn.inference.fitting as fitting

    seen = {}

    def fit(system, data, **options):
        seen.update(options, data=data)
        raise sd.RecoveryError("enough")

    monkeypatch.setattr(fitting, "fit", fit)
    (here / "model.txt").write_text("x' = -k*x; k = 1; x(0) = 2")
    (here / "data.csv").write_text("hours,light\n0,2\n1,1\n")
    options = ("--free", "k=0.1:10", "--free", "x", "--observe", "light=s*x", "--noise", "lognormal", "--time", "hours")
    assert run("fit", "model.txt", "data.csv", *options, "--level", "0.8", "--seed", "4").exit_code == ExitCode.FAILURE
    assert seen["parameters"] == {"k": (0.1, 10.0), "x": (None, None)}
    assert str(seen["observables"]["light"]) == "s*x"
    assert (seen["noise"], seen["level"], seen["seed"]) == ("lognormal", 0.8, 4)
    assert (seen["budget"], seen["progress"]) == (None, True)
    assert not {"starts", "checkpoint"} & {*seen}
    assert list(seen["data"].columns) == ["time", "light"] or "light" in seen["data"]
    run("fit", "model.txt", "data.csv", "--free", "k", "--budget", "10m", "--out", "fitted", "-q")
    assert (seen["budget"], seen["checkpoint"], seen["progress"]) == (600.0, Path("fitted/checkpoint.npz"), False)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("model.txt",), "no data beside model.txt"),
        (("model.txt", "data.csv", "--free", "k=1:2:3"), "expected bounds low:high"),
        (("model.txt", "data.csv", "--free", "k", "--free", "k=1:2"), "k is given twice; leave one out"),
        (("model.txt", "data.csv", "--noise", "1e999"), "not a finite number"),
        (("problem.yaml", "data.csv"), "names its data"),
    ],
)
def test_wrong_options_of_a_fit_are_named(here, args, message):
    (here / "model.txt").write_text("x' = -k*x; k = 1; x(0) = 2")
    (here / "data.csv").write_text("time,x\n0,2\n1,1\n")
    found = run("fit", *args)
    assert found.exit_code == ExitCode.USAGE
    assert message in " ".join(found.stderr.replace("│", " ").split())


def test_a_petab_problem_is_read_checked_and_fitted(here, request):
    pytest.importorskip("libsbml")
    problem = str(request.config.rootpath / "examples/data/petab_conversion/conversion.yaml")
    assert run("convert", problem, "model.txt").exit_code == 0
    assert read_model("model.txt").kind == "ode"
    found = run("fit", problem, "--starts", "2", "--out", "fitted", "-q")
    assert found.exit_code == 0, found.output
    assert sorted(p.name for p in (here / "fitted").iterdir()) == ["parameters.csv", "system.txt"]
