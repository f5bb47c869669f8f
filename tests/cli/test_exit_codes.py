"""Exit codes and messages of the command line."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import numpy as np
import pytest

import symdyn.discover.recover
import symdyn.simulation.run
from symdyn.cli import ExitCode
from symdyn.io.datasets import read_dataset
from tests.cli.commands import command, run, words


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--times", "0:1"), "expected start:stop:count, such as 0:20:101, or 0,5,20"),
        ((), "one of --times and --times-file"),
        (("--times", "0:1:2", "--times-file", "t.txt"), "one of --times and --times-file"),
        (("--times", "0:1:2", "--set", "a"), "expected name=value"),
        (("--times", "0:1:2", "--initial", "x=1,y=2"), "an option takes one name: give it once more for y"),
        (("--times", "0:1:2", "--set", "a=b"), "--set: 'b' is not a finite number"),
        (("--times", "0:1:2", "--out", "runs.xlsx"), "expected .nc, .csv, .json"),
        (("--times", "0:1:2", "--kind", "pde"), "--kind"),
        (("--times", "0:1:2", "--trajectories", "0"), "--trajectories"),
        (("--times", "0:1:2", "--colour"), "--colour"),
        (("--times", "0:1:2", "--no-resume"), "no store"),
    ],
)
def test_usage_errors_are_2(here, args, message):
    done = run("simulate", "decay.txt", *args)
    assert (done.exit_code, done.stdout) == (ExitCode.USAGE, "")
    assert message in done.stderr
    assert re.fullmatch(r"symdyn: [^\n]+; see 'symdyn simulate --help'\n", done.stderr)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("smiulate",), "No such command 'smiulate'. Did you mean 'simulate'?; see 'symdyn --help'"),
        (("simulate",), "Missing argument 'model'; see 'symdyn simulate --help'"),
        (("cache", "empty"), "No such command 'empty'; see 'symdyn cache --help'"),
        (("new", "pde"), "'pde' is not one of 'ode', 'jump', "),
        (("--colour",), "No such option: --colour"),
    ],
)
def test_a_usage_error_is_one_line_with_the_help_to_read(args, message):
    done = run(*args)
    assert (done.exit_code, done.stdout) == (ExitCode.USAGE, "")
    assert message.lower() in done.stderr.lower()
    assert done.stderr.count("\n") == 1


def test_no_command_shows_the_help():
    assert "simulate" in words(run().output)


@pytest.mark.parametrize(
    ("text", "args", "message"),
    [
        ("x' = __import__('os')", (), "m.txt"),
        ("x' = -a*x\nx(0) = 1", (), "no value for the parameter a"),
        ("x' = -x\nx(0) = 1", ("--set", "b=1"), "'b' is not a parameter"),
        ("x' = f(x)\nx(0) = 1", (), "unknown terms (f(x))"),
        ("x' = -x\nx(0) = 1", ("--method", "tsti5"), "Did you mean 'tsit5'?"),
        ("x' = -x\nx(0) = 1", ("--kind", "sde"), "with at least one noise"),
        ("x' = -x\nx(0) = 1", ("--volume", "V"), "m.txt: volume has no effect on this ODESystem; it belongs to"),
        ("x' = -x\nx(0) = 1", ("--rtol", "-1"), "expected a positive number"),
        ("x' = -x\nx(0) = 1", ("--precision", "float32"), "belongs to target='cuda'"),
        (None, (), "m.txt: No such file or directory"),
    ],
)
def test_input_errors_are_3(here, text, args, message):
    if text is not None:
        Path("m.txt").write_text(text)
    done = run("simulate", "m.txt", "--times", "0:1:2", *args)
    assert (done.exit_code, done.stdout) == (ExitCode.INPUT, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_failed_trajectories_are_4_and_write_nothing_unless_asked(here):
    Path("m.txt").write_text("x' = a*x^2\nx(0) = 1")  # x = 1/(1 - a*t) is infinite at t = 1/a
    args = ("simulate", "m.txt", "--times", "0:2:9", "--set", "a=0.1,1", "--out", "m.nc")
    done = run(*args)
    assert done.exit_code == ExitCode.FAILURE
    assert "1 of 2 trajectories failed" in done.stderr
    assert "--on-failure nan" in done.stderr
    assert not Path("m.nc").exists()
    done = run(*args, "--on-failure", "nan")
    assert done.exit_code == ExitCode.FAILURE
    found = read_dataset("m.nc")
    assert (found["status"].values.ravel() != 0).tolist() == [False, True]
    times = found["time"].values
    np.testing.assert_allclose(found["x"].values[0], 1 / (1 - 0.1 * times), rtol=1e-4)
    assert np.isnan(found["x"].values[1, times > 1]).all()


def test_codes_reach_the_shell(here):
    Path("m.txt").write_text("x' = -x")
    done = command("simulate", "m.txt", "--times", "0:1:2")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "symdyn: no value for the state x; give --initial x=...\n"
    assert len(done.stderr.splitlines()) == 1


@pytest.fixture
def interruptible():
    """Ctrl-C as a program in the foreground takes it, for shells let those in the background ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_interrupt_is_130_and_keeps_what_was_done(here, monkeypatch, interruptible):
    simulate = symdyn.simulation.run.simulate

    def interrupted(*args, **kwargs):
        data = simulate(*args, **kwargs)
        data["status"][0, 1] = 5
        return data

    monkeypatch.setattr("symdyn.simulation.run.simulate", interrupted)
    args = ("simulate", "decay.txt", "--times", "0:1:2", "--trajectories", "2", "--set", "a=1,2", "--out", "r.nc")
    done = run(*args)
    assert done.exit_code == ExitCode.INTERRUPTED
    assert read_dataset("r.nc")["status"].values.tolist() == [[0, 5], [0, 0]]
    monkeypatch.setattr("symdyn.simulation.run.simulate", lambda *_, **__: os.kill(os.getpid(), signal.SIGINT))
    done = run(*args[:-1], "other.nc")
    assert done.exit_code == ExitCode.INTERRUPTED
    assert "interrupted" in done.stderr
    assert not Path("other.nc").exists()


def test_exit_codes_are_in_the_help():
    text = words(run("simulate", "--help").stdout)
    for code in ExitCode:
        assert f" {int(code)} " in text
