"""Tables of measurements from CSV files.

A table has a header line, a column of times, and commas between its columns (tabulators in a ``.tsv`` file); where the
header holds semicolons or tabulators, these, and then decimals may be written with a comma.  Lines that begin with ``#`` and
lines without a value are passed over.  An empty cell, ``NA`` or ``NaN`` is a missing value.  Times may be dates.
"""

from __future__ import annotations

import csv
import re
import warnings
from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd

from symdyn.errors import DeclarationError, ParseError
from symdyn.inference.columns import MISSING, days, is_ambiguous_date, read_date, read_number, written_date
from symdyn.inference.headers import TRAJECTORY, label_columns, legible_names, time_column, unique
from symdyn.inference.limits import is_limit
from symdyn.io.plain_text import read_text

__all__ = ["TABLES", "read_table", "read_times"]

#: Suffixes of files with tables.
TABLES = frozenset({".csv", ".tsv"})
#: Columns that are read of a table.
MAX_COLUMNS = 1_000


class _Reader:
    """The cells of a file, and errors with positions in it."""

    def __init__(self, path: str | Path) -> None:
        self.path, self.text = path, read_text(path)
        kept = [line for line in self.text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
        header = kept[0] if kept else ""
        # a comma may belong to a header or a decimal, a semicolon in every line separates
        even = (mark for mark in ";\t" if mark in header and len({line.count(mark) for line in kept}) == 1)
        usual = next(even, None) or next((mark for mark in ",;\t" if mark in header), ",")
        self.separator = "\t" if Path(path).suffix.lower() == ".tsv" else usual
        self.points = any(re.search(r"\d\.\d", line) for line in kept[1:])

    def lines(self) -> list[tuple[int, list[str]]]:
        """Offset in the text and cells of each line that holds something."""
        found, offset = [], 0
        for line in self.text.splitlines(keepends=True):
            if line.strip() and not line.lstrip().startswith("#"):
                try:
                    cells = next(csv.reader([line], delimiter=self.separator, strict=True))
                except csv.Error as error:
                    raise self.error(
                        f"this line cannot be read ({error}); a quoted cell must end on its line", offset
                    ) from None
                cells = [c.strip() for c in cells]
                if any(cells):
                    found.append((offset, cells))
            offset += len(line)
        return found

    def error(self, message: str, offset: int, column: int = 0) -> ParseError:
        """An error at a cell; at the start of the line if quotes make the position of the cell uncertain."""
        line = self.text[offset:].split("\n", 1)[0]
        if '"' not in line:
            offset += sum(len(c) + 1 for c in line.split(self.separator)[:column])
        return ParseError(f"{self.path}: {message}", self.text, offset)


def read_table(path: str | Path, *, time: str | None = None, columns: Collection[str] | None = None) -> pd.DataFrame:
    r"""Read a table of numbers; its column of times is called ``time`` in the result, whatever its name in the file.

    Parameters
    ----------
    path : str or Path
    time : str, optional
        Name of the column of times.  Otherwise it is found as in `symdyn.inference.data.observations`.
    columns : collection of str, optional
        The columns to read, if they exist, as they are called in the file or in formulas; all by default.  Other columns
        may contain anything, and are named in a warning.

    Returns
    -------
    pandas.DataFrame
        Columns of float64 in the order of the file, NaN where a value is missing; those that tell trajectories apart
        (``trajectory``, ``id``, ``run`` ...) may contain labels, others limits such as ``<0.5``, for fits.  Headers are those
        of the file; one that comes again has a number, and one that is empty the place of its column, unless that is empty,
        too.
        ``attrs["time"]`` is the name that the column of times has in the file, ``attrs["path"]`` that of the file.  Dates such
        as 2021-03-01 or 2021-03-01 12:30+02:00 become days since the first of them, in UTC, which ``attrs["origin"]`` keeps.

    Raises
    ------
    ParseError
        Naming the file, the line and the column: cells that are no numbers, lines that are too short or too long,
        no column of times, missing times or labels, dates that can be read in two ways, no data.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "counts.csv"
    ...     _ = path.write_text("days,N\n0,2\n1,\n2,9\n")
    ...     read_table(path, time="days").to_dict("list")
    {'time': [0.0, 1.0, 2.0], 'N': [2.0, nan, 9.0]}
    """
    reader = _Reader(path)
    lines = reader.lines()
    if len(lines) < 2:
        raise reader.error("the table is empty; expected a header line, such as time,x,y, and lines of numbers", 0)
    (start, given), rows = lines[0], lines[1:]
    if all(read_number(name) is not None for name in given):
        raise reader.error(
            "the first line holds numbers; expected a header line with names of the columns, such as time,x,y", start
        )
    if len(columns or given) > MAX_COLUMNS:
        raise reader.error(f"{len(columns or given)} columns are more than {MAX_COLUMNS}; name those that matter", start)
    for offset, cells in rows:
        if len(cells) != len(given):
            raise reader.error(f"this line has {len(cells)} cells, the header {len(given)}", offset)
    places = {h: c for c, h in enumerate(unique(given)) if given[c] or any(cells[c] for _, cells in rows)}
    time_name = _time_column(reader, start, list(places), [h for h, c in places.items() if read_date(rows[0][1][c])], time)
    labels = label_columns(places, columns or ())
    names = legible_names(places, columns or ())
    chosen = places if columns is None else {h for h in places if h in columns or names[h] in columns}
    wanted = [h for h in places if h in chosen or h in (time_name, *labels)]
    table = pd.DataFrame()
    for name in wanted:
        c = places[name]
        column = [(offset, cells[c]) for offset, cells in rows]
        if name == time_name:
            table["time"] = _times(reader, c, name, column, table)
        elif name in labels:
            table[name] = _labels(reader, c, name, column)
        else:
            table[name] = [cell if is_limit(cell) else _number(reader, offset, c, (name, cell)) for offset, cell in column]
    left = [h for h in places if h not in wanted]
    if left:
        warnings.warn(f"{path}: columns that are no state are ignored: {', '.join(left)}", stacklevel=2)
    table.attrs |= {"time": time_name, "path": str(path)}
    return table


def _times(reader: _Reader, c: int, name: str, column: list[tuple[int, str]], table: pd.DataFrame) -> np.ndarray:
    """The times of all lines; dates become days since the first, which is recorded in the attributes of the table."""
    for offset, cell in column:
        if cell.lower() in MISSING:
            raise reader.error(f"the time is missing in column {name!r}", offset, c)
    begin, first = column[0]
    if read_date(first) is None:
        if is_ambiguous_date(first):
            raise reader.error(f"the date {first!r} can be read in more than one way; write 2021-03-31, or numbers", begin, c)
        return np.array([_number(reader, offset, c, (name, cell)) for offset, cell in column])
    dates = []
    for offset, cell in column:
        dates.append(read_date(cell))
        if dates[-1] is None:
            raise reader.error(f"column {name!r} has {cell!r} among its dates; expected one such as 2021-03-31", offset, c)
    known = np.array(dates, dtype="datetime64[us]")
    table.attrs["origin"] = written_date(known.min())
    return days(known, known.min())


def _labels(reader: _Reader, c: int, name: str, column: list[tuple[int, str]]) -> list[float] | list[str]:
    """Numbers if all labels are, else texts."""
    for offset, cell in column:
        if cell.lower() in MISSING:
            raise reader.error(f"the label is missing in column {name!r}; label every line", offset, c)
    numbers = [read_number(cell) for _, cell in column]
    known = [number for number in numbers if number is not None]
    return known if len(known) == len(column) else [cell for _, cell in column]


def _time_column(reader: _Reader, start: int, header: list[str], dates: list[str], asked: str | None) -> str:
    names = ", ".join(header)
    if asked is not None:
        if asked not in header:
            raise reader.error(f"there is no column {asked!r} of times; the columns: {names}", start)
        if asked != "time" and "time" in header:
            raise reader.error(f"{asked!r} was asked for as the column of times, but there is a column 'time' too", start)
        return asked
    found = time_column(header, dates)
    if found is None:
        raise reader.error(
            f"which column holds the times? None is called 'time' or 't', and the name of the first, {header[0]!r}, is no "
            f"usual one such as day or year; rename one, or name it with time=... (command line: --time); columns: {names}",
            start,
        )
    return found


def _number(reader: _Reader, offset: int, column: int, cell: tuple[str, str]) -> float:
    name, text = cell
    value = read_number(text, comma=reader.separator != ",")
    if value is None:
        raise reader.error(
            f"column {name!r} has {text!r} where a finite number belongs; leave the cell empty if it is missing, call the "
            f"column {TRAJECTORY!r} if it labels trajectories, or name the columns that are states, as --states does",
            offset, column,
        )  # fmt: skip
    if "," in text and reader.points:
        raise reader.error(
            f"column {name!r} has {text!r}, but other numbers of the file have decimal points; use one of them", offset, column
        )
    return value


def read_times(path: str | Path) -> np.ndarray:
    r"""Read output times: the column of times of a ``.csv`` or ``.tsv`` table, else numbers between white space or commas.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    (T,) float64
        As they are in the file.

    Raises
    ------
    ParseError, DeclarationError
        If the file holds something else.
    OSError
        If it cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "times.txt"
    ...     _ = path.write_text("0, 0.5  # two on a line\n1")
    ...     read_times(path).tolist()
    [0.0, 0.5, 1.0]
    """
    if Path(path).suffix.lower() in TABLES:
        return read_table(path)["time"].to_numpy()
    lines = (line.partition("#")[0] for line in read_text(path).splitlines())
    words = [word for line in lines for word in line.replace(",", " ").split()]
    try:
        return np.array([float(word) for word in words])
    except ValueError as error:
        raise DeclarationError(f"{path}: {error}; expected numbers, one a line") from None
