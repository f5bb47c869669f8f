"""Selection of PEtab models: criteria from likelihoods, the order of the search, and files that are none."""

from pathlib import Path

import numpy as np
import pytest

import symdyn as sd

pytest.importorskip("petab_select")
pytest.importorskip("libsbml")
PROBLEM = Path("examples/data/petab_select/conversion.yaml")


@pytest.mark.filterwarnings("ignore")
def test_all_subsets_of_two_rates(tmp_path: Path) -> None:
    found = sd.select_petab(PROBLEM, starts=3)
    assert len(found.table) == 4
    assert sorted(found.table["count"]) == [0, 1, 1, 2]
    for name, row in found.table.iterrows():  # Akaike's criterion
        assert row["criterion"] == pytest.approx(2 * row["count"] - 2 * row["log_likelihood"], abs=1e-6)
        assert found.fits[name].log_likelihood == row["log_likelihood"] if row["count"] else name not in found.fits
    assert np.all(np.diff(found.table["criterion"]) >= 0)
    whole = sd.fit(sd.read_petab("examples/data/petab_conversion/conversion.yaml"), starts=3)
    [both] = found.table.index[found.table["count"] == 2]
    assert found.fits[both].parameters == pytest.approx(whole.parameters, rel=1e-4)
    assert found.best.problem.names == ("k1",)  # the other was 0.6 where the data were made
    assert "4 models by AIC, the best first" in str(found)
    found.models.to_yaml(tmp_path / "result.yaml")
    assert "AIC" in (tmp_path / "result.yaml").read_text()


def test_foreign_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(sd.DeclarationError, match="there is no such file"):
        sd.select_petab(tmp_path / "none.yaml")
    (tmp_path / "other.yaml").write_text("a: [1, 2]\n")
    with pytest.raises(sd.DeclarationError, match="this is no problem of PEtab Select"):
        sd.select_petab(tmp_path / "other.yaml")
    with pytest.raises(sd.DeclarationError, match="limit is 0"):
        sd.select_petab(PROBLEM, limit=0)
