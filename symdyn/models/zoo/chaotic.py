"""Chaotic flows of the literature by name, with their equations as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from symdyn.models.ode import ODESystem
from symdyn.registry import suggest

__all__ = ["ChaoticFlows", "chaotic"]

_SPROTT = "Sprott, Physical Review E 50 (1994) R647"
#: Equations, a state on the attractor or near it, and source.
_FLOWS: Mapping[str, tuple[str, tuple[float, ...], str]] = {
    "lorenz": (
        "x' = 10*(y - x); y' = x*(28 - z) - y; z' = x*y - 8/3*z", (0, -0.01, 9),
        "Lorenz, Journal of the Atmospheric Sciences 20 (1963) 130",
    ),
    "roessler": (
        "x' = -y - z; y' = x + 0.2*y; z' = 0.2 + z*(x - 5.7)", (-9, 0, 0), "Rössler, Physics Letters A 57 (1976) 397",
    ),
    "sprott_a": ("x' = y; y' = -x + y*z; z' = 1 - y^2", (0, 5, 0), _SPROTT),
    "sprott_b": ("x' = y*z; y' = x - y; z' = 1 - x*y", (0.05, 0.05, 0.05), _SPROTT),
    "sprott_c": ("x' = y*z; y' = x - y; z' = 1 - x^2", (0.05, 0.05, 0.05), _SPROTT),
    "sprott_d": ("x' = -y; y' = x + z; z' = x*z + 3*y^2", (0.05, 0.05, 0.05), _SPROTT),
    "sprott_e": ("x' = y*z; y' = x^2 - y; z' = 1 - 4*x", (0.05, 0.05, 0.05), _SPROTT),
    "sprott_f": ("x' = y + z; y' = -x + 0.5*y; z' = x^2 - z", (0.05, 0.05, 0.05), _SPROTT),
    "sprott_g": ("x' = 0.4*x + z; y' = x*z - y; z' = -x + y", (0.05, 0.05, 0.05), _SPROTT),
    "sprott_h": ("x' = -y + z^2; y' = x + 0.5*y; z' = x - z", (0.05, 0.05, 0.05), _SPROTT),
    "sprott_i": ("x' = -0.2*y; y' = x + z; z' = x + y^2 - z", (0.05, 0.05, 0.05), _SPROTT),
    "sprott_j": ("x' = 2*z; y' = -2*y + z; z' = -x + y + y^2", (0.05, 0.05, 0.05), _SPROTT),
    "sprott_k": ("x' = x*y - z; y' = x - y; z' = x + 0.3*z", (0.05, 0.05, 0.05), _SPROTT),
    "sprott_l": ("x' = y + 3.9*z; y' = 0.9*x^2 - y; z' = 1 - x", (0.05, 0.05, 0.05), _SPROTT),
    "sprott_m": ("x' = -z; y' = -x^2 - y; z' = 1.7 + 1.7*x + y", (0.05, 0.05, 0.05), _SPROTT),
    "sprott_n": ("x' = -2*y; y' = x + z^2; z' = 1 + y - 2*z", (0.05, 0.05, 0.05), _SPROTT),
    "sprott_o": ("x' = y; y' = x - z; z' = x + x*z + 2.7*y", (0.05, 0.05, 0.05), _SPROTT),
    "sprott_p": ("x' = 2.7*y + z; y' = -x + y^2; z' = x + y", (0.05, 0.05, 0.05), _SPROTT),
    "sprott_q": ("x' = -z; y' = x - y; z' = 3.1*x + y^2 + 0.5*z", (0.05, 0.05, 0.05), _SPROTT),
    "sprott_r": ("x' = 0.9 - y; y' = 0.4 + z; z' = x*y - z", (0.05, 0.05, 0.05), _SPROTT),
    "sprott_s": ("x' = -x - 4*y; y' = x + z^2; z' = 1 + x", (0.05, 0.05, 0.05), _SPROTT),
    "quadratic_jerk": (
        "x' = y; y' = z; z' = -2.017*z + y^2 - x", (-0.9, 0, 0.5), "Sprott, Physics Letters A 228 (1997) 271",
    ),
    "cubic_jerk": (
        "x' = y; y' = z; z' = -2.028*z + x*y^2 - x", (0, 0.96, 0), "Malasoma, Physics Letters A 264 (2000) 383",
    ),
    "chen": (
        "x' = 35*(y - x); y' = -7*x - x*z + 28*y; z' = x*y - 3*z", (-10, 0, 37),
        "Chen & Ueta, International Journal of Bifurcation and Chaos 9 (1999) 1465",
    ),
    "lue": (
        "x' = 36*(y - x); y' = -x*z + 20*y; z' = x*y - 3*z", (5, 5, 15),
        "Lü & Chen, International Journal of Bifurcation and Chaos 12 (2002) 659",
    ),
    "halvorsen": (
        "x' = -1.27*x - 4*y - 4*z - y^2; y' = -1.27*y - 4*z - 4*x - z^2; z' = -1.27*z - 4*x - 4*y - x^2", (-5, 0, 0),
        "Sprott, Chaos and Time-Series Analysis (2003), appendix A",
    ),
    "thomas": (
        "x' = -0.18*x + sin(y); y' = -0.18*y + sin(z); z' = -0.18*z + sin(x)", (0.1, 0, 0),
        "Thomas, International Journal of Bifurcation and Chaos 9 (1999) 1889",
    ),
    "diffusionless_lorenz": (
        "x' = -y - x; y' = -x*z; z' = x*y + 1", (1, -1, 0.01), "van der Schrier & Maas, Physica D 141 (2000) 19",
    ),
    "rabinovich_fabrikant": (
        "x' = y*(z - 1 + x^2) + 0.87*x; y' = x*(3*z + 1 - x^2) + 0.87*y; z' = -2*z*(1.1 + x*y)", (-1, 0, 0.5),
        "Rabinovich & Fabrikant, Soviet Physics JETP 50 (1979) 311",
    ),
    "rucklidge": (
        "x' = -2*x + 6.7*y - y*z; y' = x; z' = -z + y^2", (1, 0, 4.5), "Rucklidge, Journal of Fluid Mechanics 237 (1992) 209",
    ),
    "genesio_tesi": (
        "x' = y; y' = z; z' = -x - 1.1*y - 0.44*z + x^2", (0.1, 0.1, 0.1), "Genesio & Tesi, Automatica 28 (1992) 531",
    ),
    "hindmarsh_rose": (
        "x' = y - x^3 + 3*x^2 - z + 3.25; y' = 1 - 5*x^2 - y; z' = 0.006*(4*(x + 1.6) - z)", (-1, -4, 3),
        "Hindmarsh & Rose, Proceedings of the Royal Society of London B 221 (1984) 87",
    ),
    "lorenz_84": (
        "x' = -0.25*x - y^2 - z^2 + 2; y' = x*y - 4*x*z - y + 1; z' = 4*x*y + x*z - z", (1, 1, 1),
        "Lorenz, Tellus 36A (1984) 98",
    ),
    "moore_spiegel": (
        "x' = y; y' = z; z' = -z + (14 - 20*x^2)*y - 6*x", (0.1, 0, 0),
        "Moore & Spiegel, Astrophysical Journal 143 (1966) 871",
    ),
    "shimizu_morioka": (
        "x' = y; y' = x - 0.75*y - x*z; z' = -0.45*z + x^2", (0.1, 0, 0.5),
        "Shimizu & Morioka, Physics Letters A 76 (1980) 201",
    ),
    "burke_shaw": (
        "x' = -10*x - 10*y; y' = -10*x*z - y; z' = 10*x*y + 13", (0.6, 0, 0),
        "Shaw, Zeitschrift für Naturforschung 36a (1981) 80",
    ),
    "newton_leipnik": (
        "x' = -0.4*x + y + 10*y*z; y' = -x - 0.4*y + 5*x*z; z' = 0.175*z - 5*x*y", (0.349, 0, -0.16),
        "Leipnik & Newton, Physics Letters A 86 (1981) 63",
    ),
    "dadras": (
        "x' = y - 3*x + 2.7*y*z; y' = 1.7*y - x*z + z; z' = 2*x*y - 9*z", (1, 1, 1),
        "Dadras & Momeni, Physics Letters A 373 (2009) 3637",
    ),
    "finance": (
        "x' = z + (y - 0.9)*x; y' = 1 - 0.2*y - x^2; z' = -x - 1.2*z", (1, 3, 2),
        "Ma & Chen, Applied Mathematics and Mechanics 22 (2001) 1240",
    ),
    "rikitake": (
        "x' = -2*x + y*z; y' = -2*y + x*(z - 5); z' = 1 - x*y", (1, 0, 0.6),
        "Rikitake, Mathematical Proceedings of the Cambridge Philosophical Society 54 (1958) 89",
    ),
    "windmi": (
        "x' = y; y' = z; z' = -0.7*z - y + 2.5 - exp(x)", (0, 0.8, 0),
        "Horton, Weigel & Sprott, Physics of Plasmas 8 (2001) 2946",
    ),
    "arneodo": (
        "x' = y; y' = z; z' = 5.5*x - 3.5*y - z - x^3", (0.2, 0.2, -0.75),
        "Arneodo, Coullet & Tresser, Communications in Mathematical Physics 79 (1981) 573",
    ),
    "chen_lee": (
        "x' = 5*x - y*z; y' = -10*y + x*z; z' = -3.8*z + x*y/3", (5, 10, 10),
        "Chen & Lee, Chaos, Solitons & Fractals 21 (2004) 957",
    ),
    "vallis": (
        "x' = 102*y - 3*x; y' = -y + x*z; z' = -z - x*y + 1", (1, 0, 0),
        "Vallis, Journal of Geophysical Research 93 (1988) 13979",
    ),
    "hyperchaotic_roessler": (
        "x' = -y - z; y' = x + 0.25*y + w; z' = 3 + x*z; w' = -0.5*z + 0.05*w", (-20, 0, 0, 15),
        "Rössler, Physics Letters A 71 (1979) 155",
    ),
    "lorenz_stenflo": (
        "x' = 2*(y - x) + 1.5*w; y' = x*(26 - z) - y; z' = x*y - 0.7*z; w' = -x - 2*w", (1, 1, 1, 1),
        "Stenflo, Physica Scripta 53 (1996) 83",
    ),
    "lorenz_96": (
        "x1' = (x2 - x4)*x5 - x1 + 8; x2' = (x3 - x5)*x1 - x2 + 8; x3' = (x4 - x1)*x2 - x3 + 8; x4' = (x5 - x2)*x3 - x4 + 8; "
        "x5' = (x1 - x3)*x4 - x5 + 8", (8, 8, 8, 8, 8.01),
        "Lorenz, Proceedings of the Seminar on Predictability, ECMWF (1996) 1",
    ),
}  # fmt: skip


class ChaoticFlows(Mapping[str, ODESystem]):
    """Systems by name; each is made when it is asked for.  `chaotic` is the one of them.

    Constants of the papers stand in the equations as numbers, initial values lie on the attractor or lead to it.

    Examples
    --------
    >>> from symdyn.models import zoo
    >>> len(zoo.chaotic), list(zoo.chaotic)[:3]
    (47, ['lorenz', 'roessler', 'sprott_a'])
    >>> print(zoo.chaotic["sprott_b"], zoo.chaotic["sprott_b"].provenance, sep=chr(10))
    x' = y*z
    y' = x - y
    z' = -x*y + 1
    ('zoo.chaotic: Sprott, Physical Review E 50 (1994) R647',)
    """

    def __getitem__(self, name: str) -> ODESystem:
        if name not in _FLOWS:
            raise KeyError(f"no chaotic flow is called {name!r}.{suggest(str(name), _FLOWS)}")
        return _made(name)

    def __iter__(self) -> Iterator[str]:
        return iter(_FLOWS)

    def __len__(self) -> int:
        return len(_FLOWS)

    def __repr__(self) -> str:
        return f"<{len(self)} chaotic flows: {', '.join(self)}>"


@cache
def _made(name: str) -> ODESystem:
    text, begin, source = _FLOWS[name]
    read = ODESystem.from_text(text)
    rows, start = (dict(zip(read.states, values, strict=True)) for values in (read.part("drift"), begin))
    return ODESystem(rows, initial=start, provenance=(f"zoo.chaotic: {source}",))


chaotic = ChaoticFlows()
