"""The answer of a validity study as a table to cite."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

__all__ = ["validity_table"]


def validity_table(data: xr.Dataset) -> pd.DataFrame:
    """One row for each closure and order: where it may be used, how accurate it is there, and what goes wrong elsewhere.

    Parameters
    ----------
    data : xarray.Dataset
        From `closure_validity`.

    Returns
    -------
    pandas.DataFrame
        Columns: closure, order; ``from`` and ``to`` (volumes; a leading '<' or '>' where the range goes on beyond the
        study), ``molecules`` (exact means at both ends, species by species), ``error`` (largest relative error of a mean
        or standard deviation within the range), ``below`` and ``above`` (verdicts outside), ``given away by``.
    """
    rows = []
    for closure in data["closure"].values:
        for order in data["order"].values:
            rows.append(_row(data.sel(closure=closure, order=order), str(closure), int(order)))
    return pd.DataFrame(rows)


def _row(one: xr.Dataset, closure: str, order: int) -> dict[str, object]:
    volumes, words = one["volume"].values, one["verdict"].values
    low, high = float(one["lower"]), float(one["upper"])
    inside = (volumes >= low) & (volumes <= high) if np.isfinite(low) else np.zeros(volumes.size, bool)
    off = np.concatenate([one["mean_error"].values, one["std_error"].values], axis=1)[inside]
    open_low, open_high = (bool(e) for e in one["at_edge"].values)
    below = words[volumes < low] if inside.any() else words
    above = words[volumes > high] if inside.any() else np.array([], dtype=str)
    away = [str(g) for g in dict.fromkeys(one["given_away"].values) if g]
    return {
        "closure": closure,
        "order": order,
        "from": _bound(low, "<" if open_low else ""),
        "to": _bound(high, ">" if open_high else ""),
        "molecules": "; ".join(
            f"{s} {_bound(float(a))}-{_bound(float(b))}"
            for s, a, b in zip(one["species"].values, one["lower_mean"].values, one["upper_mean"].values, strict=True)
        )
        if inside.any()
        else "nowhere",
        "error": float(np.nanmax(np.abs(off))) if np.isfinite(off).any() else np.nan,
        "below": ", ".join(dict.fromkeys(map(str, below))),
        "above": ", ".join(dict.fromkeys(map(str, above))),
        "given away by": ", ".join(away),
    }


def _bound(value: float, mark: str = "") -> str:
    return "-" if not np.isfinite(value) else f"{mark}{value:.6g}"
