"""The example of a chain that assembles ends in the numbers of combinatorics, of mass action and of detailed balance."""

import numpy as np
import pytest

from examples import assembled_chain as chain


def test_a_chain_assembles_as_independent_bonds_do(tmp_path):
    found, counts = chain.main(["--out", str(tmp_path), "--trajectories", "100"])
    n = counts[:, 0] + 1
    np.testing.assert_array_equal(counts[:, 1], n * (n + 1) // 2)
    np.testing.assert_array_equal(counts[:, 2], (n**3 - n) // 3)
    for name, breaking in chain.BREAKING.items():
        smooth, single = found[name]
        laws = np.array([chain.flory(p) for p in chain.bonds(breaking)])
        np.testing.assert_allclose(smooth.transpose("time", "length"), laws, atol=1e-5)
        complete = single.isel(time=-1).sel(length=chain.PARTS)
        share = chain.bonds_of_copies(breaking) ** (chain.PARTS - 1)
        assert float(complete.mean()) == pytest.approx(share, abs=4 * float(complete.std()) / 10)
        np.testing.assert_allclose((single * single.length).sum("length"), chain.PARTS)  # parts are kept
    assert (tmp_path / "assembled_chain.png").stat().st_size > 20_000


def test_bonds_of_many_copies_are_those_of_mass_action(monkeypatch):
    monkeypatch.setattr(chain, "BINDING", chain.BINDING * chain.COPIES / 20_000)
    monkeypatch.setattr(chain, "COPIES", 20_000)
    for breaking in chain.BREAKING.values():
        assert chain.bonds_of_copies(breaking) == pytest.approx(chain.bonds(breaking)[-1], abs=3e-4)
