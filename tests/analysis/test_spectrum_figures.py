"""Figures of Lyapunov spectra and of characteristic roots show what is in the data."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

import symdyn as sd
from symdyn.analysis import plot_lyapunov, plot_roots


def spectrum(values, **dims):
    """What `lyapunov_exponents` returns, of exponents (..., n)."""
    values = np.asarray(values, float)
    kinds = (*dims, "exponent")
    errors = xr.DataArray(np.full(values.shape, 0.01), dims=kinds)
    flat = {
        "lyapunov": xr.DataArray(values, dims=kinds),
        "standard_error": errors,
        "kaplan_yorke": 0 * errors.isel(exponent=0) + 2.06,
    }
    return xr.Dataset(flat, {**dims, "exponent": 1 + np.arange(values.shape[-1])})


def test_a_spectrum_is_bars_and_a_sweep_is_curves():
    ax = plot_lyapunov(spectrum([0.9, 0.0, -14.57])).axes[0]
    assert [bar.get_height() for bar in ax.patches] == [0.9, 0, -14.57]
    assert ax.get_title() == "Kaplan-Yorke dimension 2.06"
    top, below = plot_lyapunov(spectrum([[0.1, -1], [0.2, -np.inf], [np.nan, np.nan]], a=[1.0, 1.2, 1.4])).axes
    np.testing.assert_array_equal(top.lines[0].get_ydata(), [0.1, 0.2, np.nan])
    np.testing.assert_array_equal(top.lines[1].get_ydata(), [-1, np.nan, np.nan])
    assert (below.get_xlabel(), below.lines[0].get_xdata().tolist()) == ("a", [1, 1.2, 1.4])
    plt.close("all")


def test_roots_are_counted_and_coloured():
    ax = plot_roots(np.array([0.1 + 1j, 0.1 - 1j, -2])).axes[0]
    assert ax.get_title() == "2 of 3 roots with a positive real part"
    assert [len(line.get_xdata()) for line in ax.lines[1:]] == [1, 2]
    assert plot_roots(np.array([1e-16 + 1j, 1e-16 - 1j])).axes[0].get_title() == "0 of 2 roots with a positive real part"
    plt.close("all")


def test_what_is_no_spectrum_is_refused():
    with pytest.raises(sd.DeclarationError, match="expected a dataset from lyapunov_exponents, got ndarray"):
        plot_lyapunov(np.zeros(3))
    with pytest.raises(sd.DeclarationError, match=r"has the sweeps a, b; draw a part, such as data.isel\(b=0\)"):
        plot_lyapunov(spectrum(np.zeros((2, 2, 1)), a=[1, 2], b=[1, 2]))
    with pytest.raises(sd.DeclarationError, match="no exponent of the spectrum is finite"):
        plot_lyapunov(spectrum([np.nan]))
    for roots in (None, "x", [np.nan], [[1]], []):
        with pytest.raises(sd.DeclarationError, match="expected the roots from characteristic_roots"):
            plot_roots(roots)
