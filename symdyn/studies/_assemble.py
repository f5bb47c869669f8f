"""The answers of a study as one labelled dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from symdyn.studies._cell import Cell
from symdyn.studies._reference import Reference
from symdyn.studies._verdict import MEANINGS, errors, gap, verdict

__all__ = ["assemble"]

CELL = ("closure", "order", "volume")
GRID = ("closure", "order")
#: Criteria of validity and the verdicts that meet them: qualitatively right, or within the tolerance, too.
CRITERIA = (("consistent", ("valid", "unchecked", "inaccurate")), ("accurate", ("valid",)))


def assemble(
    coords: Mapping[str, Sequence[Any]],
    cells: Mapping[tuple[int, int, int], Cell],
    exact: Mapping[int, Reference],
    changes: Mapping[tuple[int, int], Sequence[tuple[float, str, int, int]]],
    *,
    tolerance: float,
) -> xr.Dataset:
    """One dataset of all answers; missing ones are NaN, with the verdict ''.

    Parameters
    ----------
    coords : mapping
        Labels of closure, order, volume, species and start.
    cells : mapping from (closure, order, volume) to Cell
    exact : mapping from volume to Reference
    changes : mapping from (closure, order) to transitions in the order of their volumes
    tolerance : float
    """
    shape = tuple(len(coords[d]) for d in CELL)
    count, starts = len(coords["species"]), len(coords["start"])
    branches = max((len(c.mean) for c in cells.values()), default=0)

    def blank(*sizes: int, fill: Any = np.nan, kind: Any = float) -> np.ndarray:
        return np.full((*shape, *sizes), fill, dtype=kind)

    mean, covariance = blank(branches, count), blank(branches, count, count)
    stable, physical = blank(branches, fill=False, kind=bool), blank(branches, fill=False, kind=bool)
    reached, swing = blank(starts, fill=-1, kind=np.int64), blank(starts)
    blow_up, unphysical = blank(starts), blank(starts)
    complete = blank(fill=False, kind=bool)
    word, off_mean, off_std, gaps = blank(fill="", kind="U10"), blank(count), blank(count), blank()
    failures = []
    for place, cell in cells.items():
        b = len(cell.mean)
        for table, part in ((mean, cell.mean), (covariance, cell.covariance), (stable, cell.stable), (physical, cell.physical)):
            table[place][:b] = part
        for table, part in (
            (reached, cell.reached),
            (swing, cell.swing),
            (blow_up, cell.blow_up),
            (unphysical, cell.unphysical),
        ):
            table[place] = part
        complete[place] = cell.complete
        if place[2] in exact:
            word[place] = verdict(cell, exact[place[2]], tolerance)
            off_mean[place], off_std[place] = errors(cell, exact[place[2]])
        following = cells.get((place[0], place[1] + 1, place[2]))
        if following is not None:
            gaps[place] = gap(cell, following)
        if cell.error:
            names = ", ".join(str(coords[d][i]) for d, i in zip(CELL, place, strict=True))
            failures.append(f"({names}): {cell.error}")
    data = xr.Dataset(
        {
            "verdict": (CELL, word),
            "mean_error": ((*CELL, "species"), off_mean),
            "std_error": ((*CELL, "species"), off_std),
            "order_gap": (CELL, gaps),
            "mean": ((*CELL, "branch", "species"), mean),
            "covariance": ((*CELL, "branch", "species", "with"), covariance),
            "stable": ((*CELL, "branch"), stable),
            "physical": ((*CELL, "branch"), physical),
            "complete": (CELL, complete),
            "reached": ((*CELL, "start"), reached),
            "swing": ((*CELL, "start"), swing),
            "blow_up": ((*CELL, "start"), blow_up),
            "unphysical": ((*CELL, "start"), unphysical),
        },
        coords={**{d: list(coords[d]) for d in (*CELL, "species", "start")}, "with": list(coords["species"])},
        attrs={"tolerance": tolerance, "failures": "\n".join(failures)},
    )
    data["verdict"].attrs.update(MEANINGS)
    data["order_gap"].attrs["long_name"] = "largest relative difference of means and standard deviations to the next order"
    _add_exact(data, exact, count)
    _add_transitions(data, changes)
    _add_range(data)
    _add_given_away(data, tolerance)
    return data


def _add_exact(data: xr.Dataset, exact: Mapping[int, Reference], count: int) -> None:
    size = data.sizes["volume"]
    missing = Reference.unknown(count, "")
    rows = [exact.get(v, missing) for v in range(size)]
    dims = ("volume", "species")
    data["exact_mean"] = (dims, np.stack([r.mean for r in rows]))
    data["exact_covariance"] = ((*dims, "with"), np.stack([r.covariance for r in rows]))
    data["exact_mean_error"] = (dims, np.stack([r.mean_error for r in rows]))
    data["exact_covariance_error"] = ((*dims, "with"), np.stack([r.covariance_error for r in rows]))
    data["reference"] = ("volume", np.array([r.source for r in rows]))


def _add_transitions(data: xr.Dataset, changes: Mapping) -> None:
    shape = data.sizes["closure"], data.sizes["order"]
    most = max((len(c) for c in changes.values()), default=0)
    volume, kind = np.full((*shape, most), np.nan), np.full((*shape, most), "", dtype="U8")
    counts = np.full((2, *shape, most), -1)
    for place, found in changes.items():
        for i, (v, k, before, after) in enumerate(found):
            volume[place][i], kind[place][i], counts[0][place][i], counts[1][place][i] = v, k, before, after
    data["transition_volume"] = ((*GRID, "transition"), volume)
    data["transition_kind"] = ((*GRID, "transition"), kind)
    data["states_before"] = ((*GRID, "transition"), counts[0])
    data["states_after"] = ((*GRID, "transition"), counts[1])


def _add_range(data: xr.Dataset) -> None:
    """The longest run of volumes with a good verdict, widened to the transitions that end it."""
    volumes, species = data["volume"].values, data.sizes["species"]
    shape = (data.sizes["closure"], data.sizes["order"], len(CRITERIA))
    ends = np.full((2, *shape), np.nan)
    for c, o, k in np.ndindex(*shape):
        good = np.isin(data["verdict"].values[c, o], CRITERIA[k][1])
        first, last = _longest(good)
        if first < 0:
            continue
        marks = data["transition_volume"].values[c, o]
        below = marks[(marks < volumes[first]) & (marks > (volumes[first - 1] if first else 0.0))]
        above = marks[(marks > volumes[last]) & (marks < (volumes[last + 1] if last + 1 < len(volumes) else np.inf))]
        ends[0, c, o, k] = below.max() if below.size else volumes[first]
        ends[1, c, o, k] = above.min() if above.size else volumes[last]
    data.coords["criterion"] = [name for name, _ in CRITERIA]
    for name, values in zip(("lower", "upper"), ends, strict=True):
        data[name] = ((*GRID, "criterion"), values)
        data[name].attrs["long_name"] = f"{name} end of the range of volumes in which the closure may be used"
        means = [_interpolate(values, volumes, data["exact_mean"].values[:, i]) for i in range(species)]
        data[f"{name}_mean"] = ((*GRID, "criterion", "species"), np.stack(means, axis=-1))


def _longest(good: np.ndarray) -> tuple[int, int]:
    """First and last place of the longest run of True, or (-1, -1)."""
    best, begin = (-1, -1), None
    for i, g in enumerate([*good, False]):
        if g and begin is None:
            begin = i
        if not g and begin is not None:
            if i - begin > best[1] - best[0] + (best[0] >= 0):
                best = (begin, i - 1)
            begin = None
    return best


def _interpolate(at: np.ndarray, volumes: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Exact means between the volumes of the study, linear in the logarithms."""
    known = np.isfinite(means) & (means > 0)
    if known.sum() < 1:
        return np.full(at.shape, np.nan)
    return np.exp(np.interp(np.log(at), np.log(volumes[known]), np.log(means[known])))


def _add_given_away(data: xr.Dataset, tolerance: float) -> None:
    """For each closure and volume where an order misleads: the first comparison of orders that shows it."""
    orders = data["order"].values
    word, gaps = data["verdict"].values, data["order_gap"].values
    text = np.full(word.shape, "", dtype="U12")
    for c, o, v in np.ndindex(*word.shape):
        if word[c, o, v] in ("valid", "unchecked", ""):
            continue
        shown = [j for j in range(o, len(orders) - 1) if gaps[c, j, v] > tolerance]
        text[c, o, v] = (
            f"{orders[shown[0]]} vs {orders[shown[0] + 1]}"
            if shown
            else "by itself"
            if _obvious(str(word[c, o, v]))
            else "no order"
        )
    data["given_away"] = (CELL, text)
    data["given_away"].attrs["long_name"] = (
        "comparison of orders that shows that a closure misleads, where no exact moments are known"
    )


def _obvious(word: str) -> bool:
    return word in ("several", "oscillates", "unphysical", "diverges", "failed")
