"""The benchmark's harness with made-up jobs, its references against exact solutions, and its C++ lanes against ours."""

from __future__ import annotations

import doctest
import json
import math
import os
import platform
import shutil
from contextlib import nullcontext

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from benchmarks import compare as comparison
from benchmarks import driven_paths, ensembles, harness, populations, thread_scaling
from benchmarks.__main__ import main, run
from benchmarks.discovery import calibration
from benchmarks.ensembles import Solver
from benchmarks.gcc_lanes import make_gcc
from benchmarks.harness import Curve, Sample, Settings, Unfit, attempt, interleaved, paired
from benchmarks.machine import facts
from benchmarks.problems import Problem
from benchmarks.receptor import receptor
from benchmarks.reference import extrapolated
from benchmarks.results import Ratio, Result, as_json, joined, read, write
from benchmarks.scheduling import scheduling
from benchmarks.ssa import SPEED
from benchmarks.suites import FIGURES, SUITES


def saved(path, suite, ratios):
    """A file of results with ratios by name."""
    made = Result({}, [Ratio(name, Sample(values)) for name, values in ratios.items()])
    write(path, as_json(suite, made, Settings(), {}))
    return path


@pytest.mark.parametrize("module", [harness, comparison], ids=lambda m: m.__name__)
def test_examples_in_docstrings_hold(module):
    found = doctest.testmod(module)
    assert found.attempted > 0
    assert found.failed == 0


def test_jobs_take_turns_and_each_round_is_kept():
    clock, calls = [0.0], []

    def job(name, seconds):
        def work():
            calls.append(name)
            clock[0] += seconds

        return work

    seconds = interleaved({"a": job("a", 2.0), "b": job("b", 3.0)}, 3, lambda: clock[0], least=0.0)
    assert calls == ["a", "b"] * 4  # one round to warm up
    assert seconds["a"].values == (2.0, 2.0, 2.0)
    assert paired(lambda a, b: b / a, seconds["a"], seconds["b"]).values == (1.5, 1.5, 1.5)


def test_short_jobs_are_repeated_within_their_turn():
    clock = [0.0]

    def job():
        clock[0] += 1.0

    assert interleaved({"a": job}, 2, lambda: clock[0], least=1e-3)["a"].values == (1.0, 1.0)
    assert clock[0] > 10  # a job of microseconds, repeated for a millisecond in each round


def test_throughput_at_an_error_follows_a_power_law():
    errors = [1e-4, 1e-8, 1e-6]
    curve = Curve(errors, [e**0.125 for e in errors])
    for error in (1e-4, 3e-5, 1e-7, 1e-8):
        assert curve.at(error) == pytest.approx(error**0.125)
    assert math.isnan(curve.at(1e-9))
    assert harness.best([curve, Curve([1e-12], [0.5])], 1e-9) == 0.5


def test_a_peer_that_is_missing_or_fails_says_why():
    def missing():
        import no_such_package  # noqa: F401

    assert attempt(missing) == (None, "not installed (No module named 'no_such_package')")
    assert attempt(lambda: 7) == (7, "")
    failed, note = attempt(lambda: [][1])
    assert (failed, note) == (None, "IndexError: list index out of range")


def test_errors_are_measured_and_a_missing_peer_keeps_its_row(monkeypatch):
    def missing(*arguments):
        raise ImportError("nobody made it")

    monkeypatch.setitem(ensembles.MAKERS, "missing", missing)
    x, a = sp.symbols("x a")
    decay = Problem(
        "decay", sd.ODESystem({x: -a * x}, initial={x: 1.0}), lambda y, p: (-p[0] * y[0],), np.linspace(0, 2, 5), ((1.0, 2.0),)
    )
    solvers = [Solver("symdyn", "tsit5", 64, (1e-5, 1e-8)), Solver("missing", "method", 8, (1e-6,))]
    loose, tight, row = ensembles._measure(decay, solvers, Settings(rounds=2))
    assert row["note"] == "not installed (nobody made it)"
    assert ensembles.THROUGHPUT not in row
    assert 1e-7 < loose["error"] < 1e-4
    assert tight["error"] < 1e-7
    assert len(tight[ensembles.THROUGHPUT].values) == 2


def test_references_are_exact_to_the_last_digits():
    times = np.linspace(0, 10, 11)
    start, speeds = np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([[1.0], [1.5]])
    found = extrapolated(lambda y, p: (p[0] * y[1], -p[0] * y[0]), start, speeds, times, 1e-15)
    turn = speeds * times
    exact = np.stack([start[:, :1] * np.cos(turn) + start[:, 1:] * np.sin(turn)], axis=-1)
    assert np.abs(found[..., :1] - exact).max() < 4e-15
    with pytest.raises(ArithmeticError, match=r"good to .* alone; 1.0e-30 was asked for"):
        extrapolated(lambda y, p: (-p[0] * y[0],), np.ones((1, 1)), np.ones((1, 1)), times, 1e-30)


def test_results_are_written_read_and_shown(tmp_path, capsys):
    found = Result(
        {"speeds": [{"solver": "one", "speed": Sample((1.0, 3.0, 2.0))}, {"solver": "two", "note": "not installed"}]},
        [Ratio("one / two", Sample((2.0, math.nan)), 50.0), Ratio("three / two", Sample((60.0,)), 50.0)],
    )
    run("speeds", lambda settings: found, Settings(rounds=3), tmp_path)
    shown = capsys.readouterr().out
    assert "2 [1 .. 3]" in shown
    assert "not installed" in shown
    contents = read(tmp_path / "speeds.json")
    assert contents["tables"]["speeds"][0]["speed"] == {"median": 2.0, "low": 1.0, "high": 3.0, "values": [1.0, 3.0, 2.0]}
    assert contents["ratios"][0]["values"] == [2.0, None]
    assert contents["settings"] == {"rounds": 3, "quick": False}
    assert contents["versions"]["numpy"] == np.__version__
    assert contents["machine"]["cores"] >= 1
    assert "time of others" in contents["machine"] or "load at start" in contents["machine"]


def test_tables_that_are_measured_apart_keep_the_others_and_the_load_of_each():
    def made(tables, ratio, load):
        result = Result({name: [] for name in tables}, [Ratio(ratio, Sample((2.0,)))])
        return as_json("neural", result, Settings(), {"machine": {"load at start": load}})

    found = joined(joined(made(["ode"], "a", 1.0), made(["cde"], "b", 2.0)), made(["ode"], "a", 3.0))
    assert set(found["tables"]) == {"ode", "cde"}
    assert [r["name"] for r in found["ratios"]] == ["b", "a"]
    assert {k: v["load at start"] for k, v in found["measured apart"].items()} == {"ode": 3.0, "cde": 2.0}


def test_tables_of_quick_runs_do_not_come_among_others(tmp_path):
    write(tmp_path / "neural.json", as_json("neural", Result({"ode": []}, []), Settings(), {"machine": {}}))

    def suite(settings):
        raise AssertionError("nothing is measured that is not kept")

    with pytest.raises(Unfit, match=r"neural\.json was measured without --quick; give another --out"):
        run("neural", suite, Settings(1, True, ("cde",)), tmp_path)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processes are held on a core on Linux alone")
@pytest.mark.parametrize(("name", "held"), [("speeds", True), ("threads", False)])
def test_suites_are_held_on_one_core_unless_they_measure_several(tmp_path, name, held):
    before, seen = os.sched_getaffinity(0), []

    def suite(settings):
        seen.append(os.sched_getaffinity(0))
        return Result({"speeds": []})

    run(name, suite, Settings(rounds=3), tmp_path)
    assert seen == [{max(before)} if held else before]
    assert os.sched_getaffinity(0) == before
    assert read(tmp_path / f"{name}.json")["machine"]["cores"] == len(seen[0])


def test_the_receptor_has_the_published_size_and_loses_no_molecule():
    network = receptor()
    assert (len(network.states), len(network.reactions)) == (354, 3680)  # Faeder et al. (2003)
    held = [2 if s.startswith("D_") else int(s[:2] in ("R_", "L_")) for s in network.names]
    lyn = [s.count("Lyn") for s in network.names]
    for r in network.reactions:
        for count in (held, lyn):
            number = dict(zip(network.states, count, strict=True))
            assert sum(number[s] * k for s, k in r.reactants.items()) == sum(number[s] * k for s, k in r.products.items())


def test_no_result_names_the_machine():
    assert len(platform.node()) < 3 or platform.node() not in json.dumps(facts())


def test_regressions_are_ratios_whose_ranges_lie_apart(tmp_path, capsys):
    old = saved(tmp_path / "old.json", "ssa", {"same": (2.0, 2.2), "worse": (2.0, 2.2), "gone": (1.0,)})
    new = saved(tmp_path / "new.json", "ssa", {"same": (1.9, 2.1), "worse": (1.0, 1.5), "better": (3.0,)})
    assert main(["compare", str(old), str(new)]) == 1
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("ssa ")]
    assert [(line[1], line[-1]) for line in lines] == [
        ("worse", "regressed"), ("gone", "old"), ("better", "new"), ("same", "same")
    ]  # fmt: skip
    assert main(["compare", str(old), str(old)]) == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is no JSON file"),
        ("[]", "holds no results of this benchmark"),
        ('{"schema": 9}', "expected a file with schema 1"),
    ],
)
def test_other_files_are_refused(tmp_path, capsys, text, message):
    path = tmp_path / "other.json"
    path.write_text(text)
    assert main(["compare", str(path), str(path)]) == 2
    assert message in capsys.readouterr().err


def test_quick_runs_are_not_held_against_full_ones(tmp_path, capsys):
    full = saved(tmp_path / "full.json", "ssa", {"a / b": (2.0,)})
    quick = tmp_path / "quick.json"
    write(quick, as_json("ssa", Result({}, [Ratio("a / b", Sample((1.0,)))]), Settings(quick=True), {}))
    assert main(["compare", str(full), str(quick)]) == 2
    assert "with --quick once and once without" in capsys.readouterr().err


def test_folders_without_a_suite_in_common_are_refused(tmp_path, capsys):
    old, new = saved(tmp_path / "a" / "x.json", "ssa", {}).parent, saved(tmp_path / "b" / "x.json", "ode", {}).parent
    assert main(["compare", str(old), str(new)]) == 2
    assert "no suite in common" in capsys.readouterr().err


def test_the_suites_are_there_and_say_what_they_measure(capsys):
    assert set(SUITES) == {
        "ssa", "ode", "stiff", "sde", "populations", "cme", "pde", "dense", "lattices", "derivation", "exponents", "sbml",
        "discovery", "compile", "first", "threads", "scheduling", "calibration", "reduction", "cuda", "sizes", "paths",
        "large", "growth", "neural", "scores",
    }  # fmt: skip
    assert set(FIGURES) <= set(SUITES)
    assert all(suite.__doc__ for suite in SUITES.values())
    with pytest.raises(SystemExit):
        main(["ssa", "--rounds", "0"])
    assert "expected a whole number from 1" in capsys.readouterr().err


def test_costs_of_chunks_are_measured(monkeypatch):
    pytest.importorskip("distributed")
    pytest.importorskip("zarr")
    monkeypatch.setattr("benchmarks.scheduling.QUICK", (20, 40))
    found = scheduling(Settings(rounds=2, quick=True))
    tasks, chunks = found.tables["tasks"], found.tables["chunks"]
    assert [row["tasks"] for row in tasks] == [row["chunks"] for row in chunks] == [20, 40]
    assert min(row["scheduler, CPU ms"].low for row in (*tasks, *chunks)) >= 0
    # of each chunk: x, status, steps, rejected, evaluations, and the part
    few, many = (row["objects"].median * row["chunks"] for row in chunks)
    assert many - few == pytest.approx(6 * 20)
    assert len(found.ratios) == 3


def test_growth_and_risk_of_the_solvers_of_populations_agree():
    for title, solvers in populations.SOLVERS.items():
        found = []
        for make, kind in solvers.values():
            if kind != "alone":  # of which there would be too few
                found.append(make()(2000))
        (ours, risk), (other, other_risk) = found
        assert ours == pytest.approx(other, abs=2e-3), title  # 2000 trajectories
        assert risk == pytest.approx(other_risk, abs=0.01), title


def test_figures_are_drawn(tmp_path):
    points = [
        {"problem": "p", "solver": s, "error": e, ensembles.THROUGHPUT: Sample((1e3, 2e3))}
        for s in ("symdyn tsit5", "other") for e in (1e-4, 1e-6)
    ]  # fmt: skip
    bars = [{"network": "n", "solver": s, SPEED: Sample((1.0, 2.0))} for s in ("symdyn, ensemble", "b")]
    lines = [{"equations": n, "compiler": "symdyn dop853, new", "CPU-seconds": Sample((0.1 * n,))} for n in (3, 30)]
    bins = [{"weight": "0.9 to 1", "answers": 9, "claimed": 0.95, "share": 0.9, "low": 0.6, "high": 0.98}]
    tables = {
        "ssa": {"ssa": bars}, "ode": {"ode": points}, "stiff": {"stiff": points}, "compile": {"compile": lines},
        "calibration": {calibration.TITLE: bins},
    }  # fmt: skip
    for name, draw in FIGURES.items():
        draw(Result(tables[name]), tmp_path / f"{name}.png")
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_the_lanes_of_a_compiler_are_ours_bit_for_bit():
    if shutil.which("g++") is None:
        pytest.skip("there is no g++")
    text = "0 -> X, k; X -> 0, d; 0 => Y, 2 + a*X/(1 + X); Y -> 0, d; X(0) = 3; Y(0) = 0"
    net = sd.ReactionNetwork.from_text(text, {"k": 10.0, "d": 1.0, "a": 5.0})
    times, initial = np.linspace(0, 8, 5), np.tile([3.0, 0.0], (200, 1))
    rates = {p.name: float(net.defaults[p]) for p in net.parameters}
    parameters = np.tile([rates[p.name] for p in net.parameters], (200, 1))
    values, events = make_gcc(net, 16)(initial, parameters, times, 5)
    ours = sd.compile(net, lanes=16)(initial, parameters, times, seed=5)
    assert (events == ours.steps).mean() > 0.98  # a time that is rounded otherwise may move an event across the end
    assert (values == ours.values).all(axis=(1, 2)).mean() > 0.98
    mean = 10 + (3 - 10) * np.exp(-8)  # of X, Poisson plus what is left of the start
    assert abs(values[:, -1, 0].mean() - mean) < 4 * (mean / 200) ** 0.5


def test_the_lanes_of_a_compiler_refuse_what_they_have_not():
    net = sd.ReactionNetwork.from_text("0 -> geometric(2) X, k; X -> 0, d; X(0) = 3", {"k": 1.0, "d": 1.0})
    with pytest.raises(Unfit, match=r"no bursts|no g\+\+"):
        make_gcc(net, 16)


def test_a_field_on_two_threads_has_the_wall_clock_alone(monkeypatch):
    """Its threads wait for each other and spin, so that CPU time says nothing; ensembles have both."""
    monkeypatch.setattr(
        thread_scaling, "interleaved", lambda jobs, *_: {name: Sample((2.0 if name == "one" else 1.0,)) for name in jobs}
    )
    monkeypatch.setattr(thread_scaling, "_serial_share", lambda job: 0.0)
    monkeypatch.setattr(thread_scaling, "_beside", nullcontext)
    found = thread_scaling.threads(Settings(rounds=1))
    goals = {ratio.name: ratio.goal for ratio in found.ratios}
    assert [(n.rpartition(": ")[2], g) for n, g in goals.items() if n.startswith("PDE")] == [
        ("two threads / one, wall clock", 1.8)
    ]
    assert {g for n, g in goals.items() if not n.startswith("PDE")} == {1.9}
    assert len(goals) == 2 * len(found.tables["threads"]) - 1


def test_two_processes_run_a_job_at_once(tmp_path):
    def job() -> None:
        with (tmp_path / "processes").open("a") as file:
            file.write(f"{os.getpid()}\n")

    with thread_scaling._beside(job) as both:
        both()
        both()
    first, *runs = (tmp_path / "processes").read_text().split()
    assert first == str(os.getpid())
    assert runs.count(first) == 2
    assert len(runs) == 4
    assert len(set(runs)) == 2


def test_irregular_paths_lead_where_an_implementation_in_numpy_says():
    """Signatures and interpolated equations of 600 paths, beside numbers of numpy and scipy."""
    times, values, ends = driven_paths.paths()
    mean, size = ends[:400].mean(axis=0), ends[:400].std(axis=0)
    scaled = (ends - mean) / size
    for depth, error in ((4, 0.926), (5, 0.521)):
        found = driven_paths.ridge(driven_paths.signatures(times, values, depth), scaled)
        assert np.mean((found - scaled[400:]) ** 2) == pytest.approx(error, abs=1e-3)
    found = (driven_paths.interpolated(times[400:], values[400:], "spline") - mean) / size
    assert np.mean((found - scaled[400:]) ** 2) == pytest.approx(0.0024, abs=1e-4)
