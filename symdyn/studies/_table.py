"""The result of a validity study as a table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from symdyn.errors import DeclarationError

__all__ = ["check_study", "validity_table"]


def check_study(data: object, of: str, *names: str) -> None:
    """Refuse what is no dataset with the variables of a study."""
    lacking = [n for n in names if n not in data] if isinstance(data, xr.Dataset) else [*names]
    if lacking:
        raise DeclarationError(f"the {type(data).__name__} has no {lacking[0]!r}; expected the result of {of}")


def validity_table(data: xr.Dataset) -> pd.DataFrame:
    """Summary table of a validity study: a row for each closure and order.

    Parameters
    ----------
    data : xarray.Dataset
        From `closure_validity`.

    Returns
    -------
    pandas.DataFrame
        Columns: closure, order; ``consistent`` and ``accurate``, the ranges of volumes in which the closure is qualitatively
        right and within the tolerance (a '<' or '>' where the range extends beyond the study); ``molecules``, the exact means
        at both ends of the first; ``error``, the largest relative error of a mean or standard deviation in it; ``below`` and
        ``above``, the verdicts outside; ``given away by``, the comparisons of orders that reveal it.

    Raises
    ------
    DeclarationError
        If the dataset is no result of `closure_validity`.

    Examples
    --------
    >>> import xarray as xr
    >>> cell, ends = ("closure", "order", "volume"), ("closure", "order", "criterion")
    >>> data = xr.Dataset(  # a study of one closure of order 2 at two volumes
    ...     {"verdict": (cell, [[["diverges", "valid"]]]), "given_away": (cell, [[["by itself", ""]]]),
    ...      "mean_error": ((*cell, "species"), [[[[np.nan], [0.02]]]]),
    ...      "std_error": ((*cell, "species"), [[[[np.nan], [0.03]]]]),
    ...      "lower": (ends, [[[4.0, 10.0]]]), "upper": (ends, [[[10.0, 10.0]]]),
    ...      "lower_mean": ((*ends, "species"), [[[[3.0], [7.0]]]]), "upper_mean": ((*ends, "species"), [[[[7.0], [7.0]]]])},
    ...     {"closure": ["normal"], "order": [2], "volume": [1.0, 10.0], "species": ["X"],
    ...      "criterion": ["consistent", "accurate"]})
    >>> validity_table(data)[["consistent", "molecules", "accurate", "below"]].iloc[0].tolist()
    ['4 to >10', 'X 3 to 7', '10 to >10', 'diverges']
    """
    check_study(data, "closure_validity", "verdict", "lower", "closure", "order")
    rows = []
    for closure in data["closure"].values:
        for order in data["order"].values:
            rows.append(_row(data.sel(closure=closure, order=order), str(closure), int(order)))
    return pd.DataFrame(rows)


def _row(one: xr.Dataset, closure: str, order: int) -> dict[str, object]:
    volumes, words = one["volume"].values, one["verdict"].values
    kind = one.sel(criterion="consistent")
    low, high = float(kind["lower"]), float(kind["upper"])
    inside = (volumes >= low) & (volumes <= high) if np.isfinite(low) else np.zeros(volumes.size, bool)
    off = np.concatenate([one["mean_error"].values, one["std_error"].values], axis=1)[inside]
    ends = zip(one["species"].values, kind["lower_mean"].values, kind["upper_mean"].values, strict=True)
    away = [str(g) for g in dict.fromkeys(one["given_away"].values) if g]
    return {
        "closure": closure,
        "order": order,
        "consistent": _range(kind, volumes),
        "molecules": "; ".join(f"{s} {a:.4g} to {b:.4g}" for s, a, b in ends) if inside.any() else "",
        "accurate": _range(one.sel(criterion="accurate"), volumes),
        "error": float(np.nanmax(np.abs(off))) if np.isfinite(off).any() else np.nan,
        "below": ", ".join(dict.fromkeys(map(str, words[volumes < low] if inside.any() else words))),
        "above": ", ".join(dict.fromkeys(map(str, words[volumes > high] if inside.any() else ()))),
        "given away by": ", ".join(away),
    }


def _range(one: xr.Dataset, volumes: np.ndarray) -> str:
    low, high = float(one["lower"]), float(one["upper"])
    if not np.isfinite(low):
        return "nowhere"
    return f"{'<' if low == volumes[0] else ''}{low:.6g} to {'>' if high == volumes[-1] else ''}{high:.6g}"
