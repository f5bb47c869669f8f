"""PySR in a process of its own: what it is told, what it answers, and what is said when it cannot."""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

from symdyn.errors import RecoveryError

pytest.importorskip("sklearn", reason="needs scikit-learn")

from symdyn.discover.regressors._hall_of_fame import read_hall_of_fame
from symdyn.discover.regressors.pysr import PySRRegression

x, y = sp.symbols("x y")
STUB = (sys.executable, "-I", "-S", str(Path(__file__).with_name("stub_worker.py")))


@pytest.fixture
def samples():
    points = np.random.default_rng(0).uniform(0.5, 3, (60, 2))
    return points, 2 * points[:, 0] + 3 * points[:, 1] - 1


def script(tmp_path, body):
    """A command that stands in for the search."""
    place = tmp_path / "worker.py"
    place.write_text(f"import sys, time\nfolder = sys.argv[-1]\n{body}\n")
    return (sys.executable, "-I", "-S", str(place))


def test_formulas_of_the_process_are_refitted(samples):
    points, values = samples
    found = PySRRegression(command=STUB, names=(x, y)).fit(points, values)
    assert sp.Poly(found.expression_, x, y).as_dict().keys() == {(1, 0), (0, 1), (0, 0)}
    np.testing.assert_allclose(found.predict(points), values, rtol=1e-8)
    assert [c.complexity for c in found.front_] == sorted(c.complexity for c in found.front_)


def test_the_process_is_told_everything():
    options = PySRRegression(
        {2: ["+", "*"], 1: ["exp"]}, guesses=[2 * x * y, "x^2"], units=["m", "s"], target_units="m/s", unit_penalty=100.0,
        maxsize=15, parsimony=0.01, timeout=30.0, options={"populations": 8}, names=(x, y),
    )  # fmt: skip
    task = json.loads(json.dumps(options._task((x, y))))
    assert task["search"]["operators"] == {"2": ["+", "*"], "1": ["exp"]}
    assert task["search"]["guesses"] == ["2*x0*x1", "x0^2"]
    assert task["fit"] == {"variable_names": ["x0", "x1"], "X_units": ["m", "s"], "y_units": "m/s"}
    expected = {
        "dimensional_constraint_penalty": 100.0, "maxsize": 15, "parsimony": 0.01, "timeout_in_seconds": 30.0,
        "populations": 8, "deterministic": True, "parallelism": "serial",
    }  # fmt: skip
    assert expected.items() <= task["search"].items()
    with pytest.raises(RecoveryError, match="units has 1 entries for 2 columns"):
        PySRRegression(units=["m"])._task((x, y))


def test_a_template_is_passed_on_and_its_rows_are_put_together(samples, tmp_path):
    points, _ = samples
    template = {"combine": "f(x) * y + p[1]", "expressions": ["f"], "parameters": {"p": 1}}
    row = '5,0.1,"f = square(#1) - 0.5; p = [2.0]"'
    command = script(tmp_path, f"open(folder + '/hall_of_fame.csv', 'w').write('Complexity,Loss,Equation\\n' + {row!r})")
    values = (points[:, 0] ** 2 - 0.5) * points[:, 1] + 2
    regressor = PySRRegression(template=template, names=(x, y), command=command)
    assert regressor._task((x, y))["template"]["variable_names"] == ["x", "y"]
    found = regressor.fit(points, values)
    assert sp.expand(found.expression_ - (x**2 * y - 0.5 * y + 2)).subs({x: 1.7, y: 0.3}) == pytest.approx(0, abs=1e-9)
    with pytest.raises(RecoveryError, match="the template lacks 'expressions'"):
        PySRRegression(template={"combine": "f(x)"})._task((x, y))


@pytest.mark.skipif(find_spec("pysr") is not None, reason="pysr is installed")
def test_missing_pysr_says_how_to_install_it(samples):
    with pytest.raises(RecoveryError, match="needs PySR; install it with: pip install"):
        PySRRegression().fit(*samples)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("sys.exit('no Julia here')", "PySR failed with 'no Julia here'; if Julia is missing: pip install"),
        ("pass", "PySR failed with 'no hall of fame'"),
        ("open(folder + '/hall_of_fame.csv', 'w').write('a,b\\n1,2')", "no column Equation"),
    ],
)
def test_a_process_that_fails_is_reported(samples, tmp_path, body, message):
    with pytest.raises(RecoveryError, match=message):
        PySRRegression(command=script(tmp_path, body)).fit(*samples)


def test_a_process_that_is_late_leaves_what_it_has(samples, tmp_path, monkeypatch):
    monkeypatch.setattr("symdyn.discover.regressors.pysr.STARTING", 1.0)
    table = "Complexity,Loss,Equation\\n3,1.0,x0 + x1\\n"
    saving = (
        "import os\nos.makedirs(folder + '/runs/a')\n"
        f"open(folder + '/runs/a/hall_of_fame.csv', 'w').write('{table}')\ntime.sleep(60)"
    )
    found = PySRRegression(command=script(tmp_path, saving), timeout=1.0, names=(x, y)).fit(*samples)
    assert found.expression_.has(x, y)
    with pytest.raises(RecoveryError, match="found nothing within the timeout"):
        PySRRegression(command=script(tmp_path, "time.sleep(60)"), timeout=0.1).fit(*samples)
    with pytest.raises(RecoveryError, match="could not be started by '/no/such/python'"):
        PySRRegression(command=("/no/such/python",)).fit(*samples)


def test_hall_of_fame_is_parsed_not_evaluated(tmp_path):
    table = tmp_path / "hall_of_fame.csv"
    table.write_text(
        'Complexity,Loss,Equation\n1,2.0,"x0"\n3,0.1,"0.9 * (x0 * x1)"\n4,0.1,"inv(cube(x0))"\n'
        '5,0.05,"__import__(\'os\').x"\n6,0.01,"unheard(x0)"\n'
    )
    a, b = sp.symbols("x0 x1")
    assert read_hall_of_fame(table) == [a, sp.Float(0.9) * a * b, a**-3]
    table.write_text("a,b\n1,2\n")
    with pytest.raises(RecoveryError, match="no column Equation"):
        read_hall_of_fame(table)
    table.write_text("Complexity,Loss,Equation\n1,1.0,f = #1\n")
    with pytest.raises(RecoveryError, match="no equation of"):
        read_hall_of_fame(table, {"combine": "f(x0) + g(x0)", "expressions": ["f", "g"]})
