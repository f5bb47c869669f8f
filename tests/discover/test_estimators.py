"""Every regressor keeps the conventions of scikit-learn."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytest.importorskip("sklearn", reason="needs scikit-learn")

from sklearn.utils.estimator_checks import parametrize_with_checks

from symdyn.discover.regressors.operon import OperonRegression
from symdyn.discover.regressors.pysr import PySRRegression
from symdyn.discover.regressors.registry import REGRESSORS
from symdyn.discover.regressors.sparse import SparseRegression

#: What a real search costs minutes for: the process that runs PySR is replaced by a small one.
STUB = (sys.executable, "-I", "-S", str(Path(__file__).with_name("stub_worker.py")))
CHECKED = [SparseRegression(), SparseRegression(method="stlsq"), PySRRegression(command=STUB)]
if find_spec("pyoperon") is not None:
    CHECKED.append(OperonRegression(population_size=50, generations=5))


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks(CHECKED)
def test_scikit_learn_conventions(estimator, check):
    check(estimator)


def test_all_regressors_are_checked():
    checked = {type(estimator) for estimator in CHECKED} | {OperonRegression}
    assert checked == set(REGRESSORS.values())
