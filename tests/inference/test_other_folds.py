"""Cross-validation of paths and of PEtab problems: closed forms, and fits to files that lack a fold."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import symdyn as sd

CONVERSION = Path("examples/data/petab_conversion")


def test_paths_of_a_walk_with_drift_are_foretold_in_closed_form() -> None:
    """dx = m dt + dW/2: without a path m is the displacement of the others over their time, and increments are normal."""
    rng, times = np.random.default_rng(0), np.array([0.0, 0.5, 1.5, 2.0])
    steps = [0.3 * np.diff(times) + 0.5 * np.sqrt(np.diff(times)) * rng.normal(size=3) for _ in range(4)]
    paths = [{"t": times, "x": np.concatenate([[0.0], np.cumsum(s)])} for s in steps]
    fit = sd.fit(sd.SDESystem.from_text("dx = m*dt + 0.5*dW"), paths, likelihood="lna", parameters={"m": (-5, 5)}, starts=1)
    found = fit.cross_validate(by="trajectory")
    assert found.table["observable"].unique().tolist() == ["path"]
    for k, own in enumerate(steps):
        m = sum(s.sum() for j, s in enumerate(steps) if j != k) / 6
        assert found.parameters["m"][k] == pytest.approx(m, rel=1e-5)
        density = stats.norm.logpdf(own, m * np.diff(times), 0.5 * np.sqrt(np.diff(times))).sum()
        assert found.table.set_index("trajectory")["log_density"][k] == pytest.approx(density, rel=1e-5)
    assert found.compare(found)["difference"] == 0
    with pytest.raises(sd.RecoveryError, match="4 trajectories, too few for 5 folds"):
        fit.cross_validate(5, by="trajectory")


@pytest.fixture(scope="module")
def conversion() -> sd.Fit:
    pytest.importorskip("libsbml")
    return sd.fit(sd.read_petab(CONVERSION / "conversion.yaml"), starts=4)


def test_a_condition_of_a_petab_problem_is_foretold_by_the_fit_to_a_file_without_it(conversion: sd.Fit, tmp_path: Path) -> None:
    found = conversion.cross_validate(by="condition")
    shutil.copytree(CONVERSION, tmp_path / "less")
    rows = pd.read_csv(CONVERSION / "measurements.tsv", sep="\t")
    rows[rows.simulationConditionId == "weak"].to_csv(tmp_path / "less" / "measurements.tsv", sep="\t", index=False)
    less, whole = sd.read_petab(tmp_path / "less" / "conversion.yaml"), sd.read_petab(CONVERSION / "conversion.yaml")
    other = sd.fit(less, starts=4)
    fold = int(found.table.loc[found.table["condition"] == "strong", "fold"].iloc[0])
    assert dict(found.parameters.loc[fold]) == pytest.approx(other.parameters, rel=1e-4)
    fitted = dict(found.parameters.loc[fold])
    density = whole.objective(fitted) - less.objective(fitted)
    assert found.table.loc[found.table["fold"] == fold, "log_density"].sum() == pytest.approx(density, abs=1e-4)


def test_rows_and_blocks_of_a_petab_problem(conversion: sd.Fit) -> None:
    table = conversion.cross_validate(4, by="measurement", seed=1).table
    assert sorted(table.groupby("fold").size()) == [3, 3, 3, 3]
    assert len(table) == 12
    blocks = conversion.cross_validate(2, by="time").table
    early, late = (blocks[blocks["fold"] == f].groupby("condition")["time"] for f in (0, 1))
    assert (early.max() < late.min()).all()
    with pytest.raises(sd.RecoveryError, match="take by='condition'"):
        conversion.cross_validate(by="trajectory")


@pytest.mark.filterwarnings("ignore")
def test_leaving_out_rows_of_a_petab_problem_by_samples(conversion: sd.Fit) -> None:
    """Near a normal posterior the estimate is that of fits without each row, which are those of cross-validation."""
    for name in ("arviz", "emcee"):
        pytest.importorskip(name)
    samples = conversion.sample(150, tune=60, seed=1)
    found, fitted = conversion.loo(samples), conversion.cross_validate(12, by="measurement")
    assert samples.log_likelihood["measurement"].shape[-1] == 12
    assert float(found.elpd_loo) == pytest.approx(fitted.log_score, abs=1.5)
