"""Numbers and times of a column: dates become days since the first of them, whatever holds them."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd

from symdyn.errors import RecoveryError

__all__ = [
    "MISSING",
    "as_array",
    "as_numbers",
    "as_times",
    "days",
    "has_dates",
    "is_ambiguous_date",
    "read_date",
    "read_number",
    "written_date",
]

#: Text, in any case, of a missing value.
MISSING = frozenset({"", "na", "n/a", "#n/a", "nan", "<na>", "null", "none", "-"})
#: Dates that mean one thing only, and those that do not.
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?")
_AMBIGUOUS = re.compile(r"\d+[./-]\d+[./-]\d+.*")
_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")


def read_number(text: str, *, comma: bool = False) -> float | None:
    """The finite number in a cell, NaN if it is missing, None for anything else; with `comma` decimals may have one.

    >>> read_number("2,5", comma=True), read_number("NA"), read_number("1_0")
    (2.5, nan, None)
    """
    text = text.strip()
    if text.lower() in MISSING:
        return math.nan
    try:
        value = float(text.replace(",", ".") if comma and _COMMA.fullmatch(text) else text)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in text else None


def read_date(text: str) -> np.datetime64 | None:
    """The date in a cell, in UTC, or None if it holds none that means one thing only.

    >>> read_date("2021-03-01 12:30")
    np.datetime64('2021-03-01T12:30:00.000000')
    >>> read_date("01/03/2021") is None
    True
    """
    if not _DATE.fullmatch(text.strip()):
        return None
    try:
        return _utc(datetime.fromisoformat(text.strip()))
    except ValueError:
        return None


def is_ambiguous_date(text: str) -> bool:
    """Whether a text is a date whose day and month cannot be told apart.

    >>> is_ambiguous_date("03/04/2021"), is_ambiguous_date("2021-04-03")
    (True, False)
    """
    return _AMBIGUOUS.fullmatch(text.strip()) is not None and not _DATE.fullmatch(text.strip())


def _utc(value: datetime) -> np.datetime64:
    naive = value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
    return np.datetime64(naive, "us")


def _date_of(cell: Any) -> np.datetime64 | None:
    """The date of an object that is one, or of its text; NaT if it is missing."""
    if isinstance(cell, str):
        return read_date(cell)
    if isinstance(cell, pd.Period):
        cell = cell.start_time
    if cell is pd.NaT:
        return np.datetime64("NaT", "us")
    if isinstance(cell, datetime):
        return _utc(cell)
    if isinstance(cell, date):
        return np.datetime64(cell, "us")
    return cell.astype("datetime64[us]") if isinstance(cell, np.datetime64) else None


def as_array(values: Any, what: str) -> np.ndarray:
    """Any column as an array; of numbers with NaN where one is missing, else of the objects.

    Raises
    ------
    RecoveryError
        If rows have different lengths; `what` is what messages call the column.

    Examples
    --------
    >>> as_array(pd.Series([1, None], dtype="Int64"), "the column 'x'")
    array([1, <NA>], dtype=object)
    """
    if isinstance(values, np.ma.MaskedArray):
        return np.ma.filled(values.astype(float), np.nan)
    if isinstance(values, (pd.Series, pd.Index)) and isinstance(values.dtype, pd.api.extensions.ExtensionDtype):
        return values.to_numpy(dtype=object)
    try:
        return np.asarray(values)
    except ValueError as error:
        raise RecoveryError(f"{what} is no array of numbers ({error}); expected one number for each time") from None


def has_dates(values: Any) -> bool:
    """Whether a column begins with a date or holds lengths of time.

    >>> has_dates(pd.Series(pd.to_datetime(["2021-03-01"]))), has_dates(["2021-03-01"]), has_dates([2021.5])
    (True, True, False)
    """
    array = as_array(values, "a column")
    return array.dtype.kind in "Mm" or _begins_with_date(array)


def _begins_with_date(array: np.ndarray) -> bool:
    return array.dtype.kind in "OU" and array.size > 0 and _date_of(array.flat[0]) is not None


def as_numbers(values: Any, what: str) -> np.ndarray:
    """A column as float64, NaN where a value is missing.

    Parameters
    ----------
    values : array-like
        Numbers, or their text.
    what : str
        What messages call the column.

    Raises
    ------
    RecoveryError
        Naming the row, from 0, of the first cell that is no number.

    Examples
    --------
    >>> as_numbers(["1.5", "NA", 2], "the column 'x'")
    array([1.5, nan, 2. ])
    """
    array = as_array(values, what)
    if array.dtype.kind in "biuf":
        return array.astype(float)
    if array.dtype.kind not in "OU":
        raise RecoveryError(f"{what} has the type {array.dtype}; expected real numbers")
    found = np.empty(array.shape)
    for place, cell in np.ndenumerate(array):
        found[place] = _number(cell, what, place)
    return found


def _number(cell: Any, what: str, place: tuple[int, ...]) -> float:
    number: float | None
    if isinstance(cell, str):
        number = read_number(cell)
    elif cell is None or cell is pd.NA:
        number = math.nan
    else:
        try:
            number = float(cell)
        except (TypeError, ValueError):
            number = None
    if number is None:
        row = place[0] if len(place) == 1 else place
        shown = str(cell) if isinstance(cell, str) else cell
        hint = "; write decimals with a point, or read the file with symdyn.io.read_table" if "," in str(cell) else ""
        raise RecoveryError(
            f"{what} has {shown!r} in row {row} (from 0) where a number belongs; NaN marks a missing value{hint}"
        )
    return number


def as_times(values: Any, what: str) -> tuple[np.ndarray, np.datetime64 | None]:
    """A column of times as float64, and the date from which its days are counted; None for numbers.

    Dates, in UTC, become days since the first; lengths of time become days.

    Raises
    ------
    RecoveryError
        For times that are missing or infinite, that are neither numbers nor dates, or dates that can be read in two ways.

    Examples
    --------
    >>> as_times(["2021-03-01", "2021-03-02 12:00"], "the times")
    (array([0. , 1.5]), np.datetime64('2021-03-01T00:00:00.000000'))
    """
    array = as_array(values, what)
    if array.dtype.kind == "m":
        array = array / np.timedelta64(1, "D")
    elif array.dtype.kind in "OU" and array.size:
        first = array.flat[0]
        if isinstance(first, str) and is_ambiguous_date(first):
            raise RecoveryError(
                f"{what}: the date {str(first)!r} can be read in more than one way; write 2021-03-31, or numbers"
            )
        array = _dates(array, what) if _begins_with_date(array) else array
    if array.dtype.kind != "M":
        array = as_numbers(array, what)
    bad = ~np.isfinite(array)
    if bad.any():
        row = int(np.argwhere(bad)[0][0])
        raise RecoveryError(f"{what}: the time in row {row} (from 0) is missing or infinite; a trajectory needs finite times")
    if array.dtype.kind != "M" or not array.size:
        return array.astype(float), None
    # microseconds make the same days of a date, whatever resolution it came with
    coarse = array.astype("datetime64[us]")
    array = coarse if (coarse == array).all() else array
    return days(array, array.min()), array.min()


def _dates(array: np.ndarray, what: str) -> np.ndarray:
    found = [_date_of(cell) for cell in array]
    wrong = next((i for i, d in enumerate(found) if d is None), None)
    if wrong is not None:
        raise RecoveryError(
            f"{what} has {array[wrong]!r} in row {wrong} (from 0) among its dates; expected one such as 2021-03-31"
        )
    return np.array(found, dtype="datetime64[us]")


def days(dates: Any, origin: np.datetime64) -> Any:
    """Days from `origin` to each date, float64.

    >>> days(np.array(["2021-03-02T12"], dtype="datetime64[us]"), np.datetime64("2021-03-01"))
    array([1.5])
    """
    return (dates - origin) / np.timedelta64(1, "D")


def written_date(value: np.datetime64) -> str:
    """A date as text, without a time of day at midnight.

    >>> written_date(np.datetime64("2021-03-01T00:00:00"))
    '2021-03-01'
    """
    return pd.Timestamp(value).isoformat(sep=" ").removesuffix(" 00:00:00")
