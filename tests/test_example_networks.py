"""The example of closures reproduces thresholds and tables that are known otherwise."""

import numpy as np
import pytest

from examples import closure_validity as example


def test_invariance_under_a_conservation_law():
    table = example.conserved().set_index(["form", "closure", "order"])
    exact = table.loc[("exact", "", 0)]
    assert exact["mean"] == pytest.approx(7.90080, abs=1e-5)
    assert exact["variance"] == pytest.approx(5.97414, abs=1e-5)
    known = {  # A only, B only, A and B
        ("poisson", 2): [(7.91487, 5.69530), (7.75797, 8.78197), (7.92025, 5.58863)],
        ("poisson", 3): [(7.89924, 6.00509), (7.88542, 6.27853), (7.89850, 6.01965)],
        ("log-normal", 2): [(7.92516, 5.49118), (7.86259, 6.72934), (7.92874, 5.42006)],
        ("normal", 2): [(7.89351, 6.11840)] * 3,
        ("normal", 3): [(7.90046, 5.98096)] * 3,
        ("zero", 3): [(7.91533, 5.68631)] * 3,
    }
    for (closure, order), values in known.items():
        found = [table.loc[(form, closure, order), ["mean", "variance"]].to_numpy(float) for form in ("A", "B", "A and B")]
        np.testing.assert_allclose(found, values, atol=2e-5, err_msg=f"{closure} {order}")
