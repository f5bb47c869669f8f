"""Published projection matrices, for examples and for comparison with other programs.

>>> from symdyn.leslie import gallery
>>> round(gallery.loggerhead_turtle().growth_factor, 6)
0.945031
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from symdyn.errors import DeclarationError
from symdyn.leslie.declare import from_life_table, from_matrix
from symdyn.models.matrix import MatrixModel
from symdyn.registry import suggest

__all__ = [
    "desert_tortoise",
    "emperor_goose",
    "hudsonia",
    "killer_whale",
    "loggerhead_turtle",
    "polar_bear",
    "teasel",
    "united_states_1967",
]

#: Offspring of subadults and both adult classes of the desert tortoise.
TORTOISE = {
    "low": (0.042, 0.069, 0.069),
    "medium low": (0.42, 0.69, 0.69),
    "medium high": (1.3, 1.98, 2.57),
    "high": (2.22, 3.38, 4.38),
}


def loggerhead_turtle() -> MatrixModel:
    """The loggerhead sea turtle, *Caretta caretta*: seven stages, one year a step.

    Returns
    -------
    MatrixModel
        With the published entries as numbers.

    References
    ----------
    Crouse, Crowder & Caswell, Ecology 68 (1987) 1412, table 4.

    Examples
    --------
    >>> from symdyn.leslie import gallery
    >>> gallery.loggerhead_turtle().names[:3]
    ('hatchlings', 'small_juveniles', 'large_juveniles')
    """
    names = ["hatchlings", "small_juveniles", "large_juveniles", "subadults", "novices", "remigrants", "mature"]
    stay = [0, 0.7370, 0.6610, 0.6907, 0, 0, 0.8089]
    grow = [0.6747, 0.0486, 0.0147, 0.0518, 0.8091, 0.8091]
    return _stages(stay, grow, [0, 0, 0, 0, 127, 4, 80], names, "loggerhead turtle, Crouse et al. (1987)")


def killer_whale() -> MatrixModel:
    """Females of the killer whale, *Orcinus orca*: reducible, since the old do not reproduce; one year a step.

    Returns
    -------
    MatrixModel
        With the published entries as numbers.

    References
    ----------
    Brault & Caswell, Ecology 74 (1993) 1444; Caswell, Matrix Population Models, 2nd ed. (2001), example 5.1.

    Examples
    --------
    >>> from symdyn.leslie import gallery
    >>> bool(gallery.killer_whale().irreducible)
    False
    """
    names = ["yearlings", "juveniles", "mature", "postreproductive"]
    stay, grow = [0, 0.9111, 0.9534, 0.9804], [0.9775, 0.0736, 0.0452]
    return _stages(stay, grow, [0, 0.0043, 0.1132, 0], names, "killer whale, Brault & Caswell (1993)")


def desert_tortoise(fertility: str = "medium high") -> MatrixModel:
    """The desert tortoise, *Gopherus agassizii*, of the western Mojave: eight classes of age and size, one year a step.

    Parameters
    ----------
    fertility : {'low', 'medium low', 'medium high', 'high'}

    Returns
    -------
    MatrixModel
        With the published entries as numbers.

    Raises
    ------
    DeclarationError
        If the fertility is none of those that the study has.

    References
    ----------
    Doak, Kareiva & Klepetka, Ecological Applications 4 (1994) 446.

    Examples
    --------
    >>> from symdyn.leslie import gallery
    >>> [round(gallery.desert_tortoise(f).growth_factor, 6) for f in ("low", "medium low", "medium high", "high")]
    [0.874088, 0.918503, 0.958059, 0.981896]
    """
    if fertility not in TORTOISE:
        raise DeclarationError(
            f"the fertility is {fertility!r}; known: {', '.join(TORTOISE)}.{suggest(str(fertility), TORTOISE)}"
        )
    names = ["yearlings", "juvenile1", "juvenile2", "immature1", "immature2", "subadults", "adult1", "adult2"]
    stay = [0, 0.567, 0.567, 0.604, 0.560, 0.678, 0.851, 0.860]
    grow = [0.716, 0.149, 0.149, 0.235, 0.225, 0.249, 0.016]
    return _stages(
        stay, grow, [0, 0, 0, 0, 0, *TORTOISE[fertility]], names, f"desert tortoise, {fertility} fertility, Doak et al. (1994)"
    )


def teasel() -> MatrixModel:
    """The teasel, *Dipsacus sylvestris*: what flowers makes seeds and rosettes of all sizes, the last column; one year a step.

    Returns
    -------
    MatrixModel
        With the published entries as numbers.

    References
    ----------
    Werner & Caswell, Ecology 58 (1977) 1103; Caswell, Matrix Population Models, 2nd ed. (2001), example 5.2.

    Examples
    --------
    >>> from symdyn.leslie import gallery
    >>> float(gallery.teasel().matrix[0, 5])
    322.388
    """
    names = ["first_year_seeds", "second_year_seeds", "small_rosettes", "medium_rosettes", "large_rosettes", "flowering"]
    matrix = [
        [0, 0, 0, 0, 0, 322.388],
        [0.966, 0, 0, 0, 0, 0],
        [0.013, 0.010, 0.125, 0, 0, 3.488],
        [0.007, 0, 0.125, 0.238, 0, 30.170],
        [0.008, 0, 0.038, 0.245, 0.167, 0.862],
        [0, 0, 0, 0.023, 0.750, 0],
    ]
    births = [[0, 0, 0, 0, 0, row[-1]] for row in matrix]
    return from_matrix(matrix, names, fecundity=births, provenance=("teasel, Werner & Caswell (1977)",))


def united_states_1967() -> MatrixModel:
    """Women of the United States in 1967 up to the age of 50: ten classes of five years, five years a step.

    Returns
    -------
    MatrixModel
        With the published entries as numbers.

    References
    ----------
    Keyfitz & Flieger, Population: Facts and Methods of Demography (1971); Caswell, Theoretical Population Biology 49 (1996) 30.

    Examples
    --------
    >>> from symdyn.leslie import gallery
    >>> gallery.united_states_1967().names[-1]
    'age_45'
    """
    births = [0, 0.0010478, 0.0820086, 0.2884376, 0.3777064, 0.2647110, 0.1405144, 0.0585568, 0.0134388, 0.0003327]
    lives = [0.9972036, 0.9983625, 0.9978063, 0.9967535, 0.9961039, 0.9948677, 0.9923658, 0.9885968, 0.9828676]
    names = [f"age_{a}" for a in range(0, 50, 5)]
    return from_life_table(births, lives, names, provenance=("United States 1967, Keyfitz & Flieger (1971)",))


def emperor_goose() -> MatrixModel:
    """The emperor goose, *Chen canagica*, with vital rates as symbols; one year a step.

    Returns
    -------
    MatrixModel
        With the published vital rates as default values of its parameters.

    References
    ----------
    Morris & Doak, Quantitative Conservation Biology (2002), ch. 9; Schmutz, Rockwell & Petersen, Journal of Wildlife
    Management 61 (1997) 191.

    Examples
    --------
    >>> from symdyn.leslie import gallery
    >>> gallery.emperor_goose().matrix
    Matrix([
    [ 0,  0, f2*s1, f3*s1],
    [s0,  0,     0,     0],
    [ 0, s1,     0,     0],
    [ 0,  0,    s1,    s1]])
    """
    s0, s1, f2, f3 = sp.symbols("s0 s1 f2 f3")
    matrix = [[0, 0, f2 * s1, f3 * s1], [s0, 0, 0, 0], [0, s1, 0, 0], [0, 0, s1, s1]]
    values = {s0: 0.1357, s1: 0.8926, f2: 0.6388, f3: 0.8943}
    return from_matrix(
        matrix, ["age_0", "age_1", "age_2", "age_3"], values, provenance=("emperor goose, Morris & Doak (2002)",)
    )


def polar_bear() -> list[MatrixModel]:
    """The polar bear, *Ursus maritimus*, of the southern Beaufort Sea, 2001 to 2005: the ice was poor in the last two years.

    Stages are females of two, three and four years; adults without young, with cubs of the year, with yearlings.

    Returns
    -------
    list of MatrixModel
        One for each year.

    References
    ----------
    Hunter, Caswell, Runge, Regehr, Amstrup & Stirling, Ecology 91 (2010) 2883.

    Examples
    --------
    >>> from symdyn.leslie import gallery
    >>> [round(m.growth_factor, 4) for m in gallery.polar_bear()]
    [1.0591, 1.0614, 1.0363, 0.765, 0.7991]
    """
    # year: survival of the young; of two-year-olds born to mothers with yearlings; adults; breeding; litters
    years = {
        2001: (0.9858, 0.5811, (0.5061, 0.3791, 0.9918), (0.4857, 0.0681), 0.5433),
        2002: (0.9842, 0.5800, (0.4563, 0.3654, 0.9911), (0.5348, 0.0808), 0.5435),
        2003: (0.9415, 0.5379, (0.2840, 0.3081, 0.9662), (0.6822, 0.1384), 0.5160),
        2004: (0.6578, 0.2773, (0.5367, 0.4243, 0.7587), (0.2220, 0.0327), 0.2689),
        2005: (0.7034, 0.3165, (0.7225, 0.4328, 0.7943), (0.0718, 0.0081), 0.3254),
    }
    names = ["two_years", "three_years", "four_years", "adults", "with_cubs", "with_yearlings"]
    models = []
    for year, (young, recruits, adults, breeding, litters) in years.items():
        matrix = [
            [0, 0, 0, 0, 0, recruits],
            [young, 0, 0, 0, 0, 0],
            [0, young, 0, 0, 0, 0],
            [0, 0, young, *adults],
            [0, 0, 0, *breeding, 0],
            [0, 0, 0, 0, litters, 0],
        ]
        models.append(from_matrix(matrix, names, provenance=(f"polar bear in {year}, Hunter et al. (2010)",)))
    return models


def hudsonia() -> list[MatrixModel]:
    """The mountain golden heather, *Hudsonia montana*, 1985 to 1988: seeds, seedlings and four sizes; one year a step.

    Returns
    -------
    list of MatrixModel
        One for each year.

    References
    ----------
    Frost, thesis (1990); Morris & Doak, Quantitative Conservation Biology (2002), table 6.7.

    Examples
    --------
    >>> from symdyn.leslie import gallery
    >>> [round(m.growth_factor, 4) for m in gallery.hudsonia()]
    [0.9593, 1.0098, 0.8453, 1.0183]
    """
    # year: seeds that germinate; seeds and seedlings by size; who becomes tiny, small, medium, large
    years = {
        1985: (
            0.0004, (4.5782, 12.1425, 22.3167, 50.1895), (0.0039, 0.0102, 0.0188, 0.0423),
            (0.4773, 0.7059, 0.1294, 0.0831, 0), (0.1345, 0.4530, 0.2079, 0.2), (0, 0.3235, 0.6238, 0.2),
            (0, 0.0647, 0.0831, 0.6),
        ),
        1986: (
            0.0004, (4.5782, 12.1425, 22.3167, 50.1895), (0.0039, 0.0102, 0.0188, 0.0423),
            (0.4773, 0.4995, 0.2178, 0.0493, 0), (0.2913, 0.4356, 0.1480, 0), (0, 0.2722, 0.4440, 0), (0, 0, 0.3454, 0.9994),
        ),
        1987: (
            0.0003, (4.4234, 11.7319, 21.5620, 48.4923), (0.0028, 0.0073, 0.0135, 0.0303),
            (0.4545, 0.4575, 0.3079, 0.1425, 0), (0.1144, 0.5544, 0.1425, 0.0769), (0, 0.0616, 0.4985, 0.3846),
            (0, 0, 0.2137, 0.5385),
        ),
        1988: (
            0.0003, (4.7330, 12.5531, 23.0714, 51.8867), (0.0028, 0.0075, 0.0137, 0.0308),
            (0.5, 0.7331, 0.1429, 0, 0), (0.2200, 0.4286, 0, 0), (0, 0.4286, 0.6154, 0.1), (0, 0, 0.3846, 0.9),
        ),
    }  # fmt: skip
    names = ["seeds", "seedlings", "tiny", "small", "medium", "large"]
    models = []
    for year, (germination, seeds, seedlings, tiny, *larger) in years.items():
        matrix = [[0.4995, 0, *seeds], [germination, 0, *seedlings], [0, *tiny], *([0, 0, *row] for row in larger)]
        births = [[0, 0, *seeds], [0, 0, *seedlings], *([0] * 6 for _ in range(4))]
        line = f"mountain golden heather in {year}, Morris & Doak (2002)"
        models.append(from_matrix(matrix, names, fecundity=births, provenance=(line,)))
    return models


def _stages(
    stay: Sequence[float], grow: Sequence[float], births: Sequence[float], names: Sequence[str], line: str
) -> MatrixModel:
    """Stages in a row: individuals stay or grow into the next, and are born into the first."""
    n = len(names)
    matrix = [[stay[i] if i == j else grow[j] if i == j + 1 else 0 for j in range(n)] for i in range(n)]
    matrix[0] = [stay[0] + b if j == 0 else b for j, b in enumerate(births)]
    fecundity = [list(births), *([0] * n for _ in range(n - 1))]
    return from_matrix(matrix, names, fecundity=fecundity, provenance=(line,))
