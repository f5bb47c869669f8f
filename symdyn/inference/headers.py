"""Headers of columns as people write them: names that a model's text can hold, and which columns hold times and labels."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache

import sympy as sp

from symdyn.declaration import RESERVED_NAMES
from symdyn.errors import ParseError
from symdyn.parsing import parse_model

__all__ = ["LABELS", "TRAJECTORY", "label_columns", "legible", "legible_names", "split_unit", "time_column", "unique"]

#: Column that tells trajectories apart, and what else it may be called, in any case.
TRAJECTORY = "trajectory"
LABELS = frozenset(
    {TRAJECTORY, "trajectories", "trajectory_id", "id", "run", "replicate", "subject", "individual", "experiment", "series"}
)
#: What the first column may be called, in any case, to be the column of times.
TIME_NAMES = frozenset(
    {"time", "times", "t", "second", "seconds", "minute", "minutes", "hour", "hours", "day", "days", "week", "weeks"}
    | {"month", "months", "year", "years", "date", "dates", "datetime", "timestamp", "generation", "generations"}
    | {"step", "steps"}
)
#: Characters of a name that is made of a longer header.
_LONGEST = 60


def split_unit(header: str) -> tuple[str, str]:
    """A header without the brackets at its end, and what they hold.

    >>> split_unit("dose [mg/(kg d)]"), split_unit("hare")
    (('dose', 'mg/(kg d)'), ('hare', ''))
    """
    header = header.strip()
    opening = {"]": "[", ")": "("}.get(header[-1:], "")
    place = header.find(opening, 1) if opening else -1
    return (header[:place].rstrip(), header[place + 1 : -1].strip()) if place > 0 else (header, "")


def unique(headers: Iterable[str]) -> list[str]:
    """Headers that differ: empty ones are called by their place, those that come again are counted.

    >>> unique(["t", "x", "x", ""])
    ['t', 'x', 'x #2', 'column 4']
    """
    found: dict[str, None] = {}
    times: dict[str, int] = {}
    for place, header in enumerate(headers, start=1):
        first = header = header.strip() or f"column {place}"
        while header in found:
            times[first] = times.get(first, 1) + 1
            header = f"{first} #{times[first]}"
        found[header] = None
    return list(found)


def legible(header: str) -> str:
    """A name for a header that the text of a model can hold: without the unit, in letters, digits and underscores.

    Greek letters are spelled, accents dropped, and other characters become underscores.  A function, constant or other word
    of the grammar gets a number.

    >>> [legible(h) for h in ("S", "Temp (°C)", "θ", "dV/dt", "OD 600", "exp", "t")]
    ['S', 'Temp', 'theta', 'dV_dt', 'OD_600', 'exp_1', 't_1']
    """
    return header if header.isascii() and _is_name(header) else _word(split_unit(header)[0])


def legible_names(headers: Iterable[str], known: Collection[str] = ()) -> dict[str, str]:
    """For each header a `legible` name of its own.

    Names of states, `known`, and headers in ASCII that are names remain.  The unit is added where two headers differ in it,
    and a number where that does not tell them apart.

    >>> legible_names(["S", "x [mM]", "x [g/L]", "OD 600", "OD-600"])
    {'S': 'S', 'x [mM]': 'x_mM', 'x [g/L]': 'x_g_L', 'OD 600': 'OD_600', 'OD-600': 'OD_600_2'}
    >>> legible_names(["mass [kg]"], known=["mass_kg"])
    {'mass [kg]': 'mass_kg'}
    """
    headers = list(headers)
    names = {h: h for h in headers if h in known or legible(h) == h}
    rest = [h for h in headers if h not in names]
    shared = Counter(map(legible, rest))
    for header in rest:
        short, full = legible(header), _word(" ".join(split_unit(header)))
        taken = set(names.values())
        choices = [*([short] if shared[short] == 1 else []), full, *(f"{full}_{k}" for k in range(2, len(headers) + 2))]
        free = [c for c in choices if c not in taken]
        names[header] = next((c for c in (short, *free) if c in known and c not in taken), free[0])
    return {h: names[h] for h in headers}


@lru_cache(maxsize=1024)
def _is_name(name: str) -> bool:
    """Whether a state may have this name and its equation can be read."""
    if name in RESERVED_NAMES or name in ("pi", "t"):
        return False
    try:
        return parse_model(f"{name}' = -{name}").equations == {name: -sp.Symbol(name)}
    except ParseError:
        return False


def _word(text: str) -> str:
    """A name made of the letters and digits of a text."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    spelled = re.sub(r"\W+", "_", unicodedata.normalize("NFKC", "".join(map(_spelled, plain))))
    word = re.sub(r"_+", "_", spelled).strip("_")[:_LONGEST].rstrip("_") or "x"
    word = word if word[0].isidentifier() else f"x{word}"
    return next(w for w in (word, f"{word}_1", "x") if _is_name(w))


def _spelled(character: str) -> str:
    """The name of a Greek letter, else the character."""
    _, _, letter = unicodedata.name(character, "").rpartition(" ")
    if not unicodedata.name(character, "").startswith("GREEK ") or not character.isalpha():
        return character
    letter = letter.lower().replace("lamda", "lambda")
    return f"_{letter.capitalize() if character.isupper() else letter}_"


def time_column(
    headers: Sequence[str], dates: Collection[str] = (), states: Collection[str] = (), time: str = ""
) -> str | None:
    """The column of times: by its name, the only one with `dates`, or the first if it has one of `TIME_NAMES`.

    >>> time_column(["x", "Time [h]"]), time_column(["year", "x"]), time_column(["x", "year"])
    ('Time [h]', 'year', None)
    """
    free = [h for h in headers if h not in states]
    for name in (time if time != "t" else "time", "time", "t"):
        if name in free:
            return name
    found = [h for h in free if split_unit(h)[0].lower() in ("time", "times")] or [h for h in free if h in dates]
    if len(found) == 1:
        return found[0]
    first = next((h for h in headers if not _is_label(h)), "")
    return first if first in free and split_unit(first)[0].lower() in TIME_NAMES else None


def label_columns(headers: Iterable[str], states: Collection[str] = ()) -> list[str]:
    """Columns that may tell trajectories apart.

    >>> label_columns(["id", "time", "x"])
    ['id']
    """
    return [h for h in headers if h not in states and _is_label(h)]


def _is_label(header: str) -> bool:
    return header.strip().lower().replace(" ", "_") in LABELS
