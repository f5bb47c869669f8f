"""Commented texts of models to begin with, one of each kind that a text can hold."""

from __future__ import annotations

from symdyn.errors import DeclarationError
from symdyn.registry import suggest

__all__ = ["TEMPLATES", "template"]

#: By kind; each is a complete model.
TEMPLATES = {
    "ode": """\
# Ordinary differential equations, here of prey and predators: one statement a line, comments after #.
prey' = a*prey - b*prey*predators
predators' = c*prey*predators - d*predators

# Values of parameters; --set a=0.4,0.5 gives others.
a = 0.5
b = 0.03
c = 0.03
d = 0.8

# Initial values; --initial prey=20 gives others.
prey(0) = 30
predators(0) = 4

# What is recorded beside the states.
total := prey + predators

# Further statements that a model may have:
#   when prey > 60, prey = 0.5*prey         an event, when a condition turns true
#   at 5 every 10 times 3, prey = prey + 9  one at given times
#   x'' = -x - c*x'                         an equation of higher order
#   x' = -x(t - 1)                          a delay, with what was before: x(t <= 0) = 1
#   0 = x + y - total                       an algebraic equation
#   x' = f(x, y)                            a term that is unknown, for symdyn recover
""",
    "jump": """\
# A reaction network: reactants -> products, rate constant of mass action; one reaction a line.
0 -> M, transcription
M -> M + P, translation
M -> 0, 1/5
P -> 0, decay
# After => stands the complete propensity instead, as in: P => 0, v*P/(K + P)

# Values of parameters; --set decay=0.05,0.1 gives others.
transcription = 2
translation = 4
decay = 0.05

# Initial numbers of molecules; --initial P=10 gives others.
M(0) = 0
P(0) = 0
""",
    "map": """\
# A map: what the next generation is; times are whole numbers.
N[t+1] = N*exp(r*(1 - N/K))

r = 2.2
K = 100
N(0) = 10
""",
    "sde": """\
# A stochastic differential equation: drift*dt + noise*dW; dW1, dW2 ... are independent of each other.
dx = rate*(mean - x)*dt + strength*sqrt(x)*dW

# Values of parameters; --set strength=0.1,0.2 gives others.
rate = 1
mean = 2
strength = 0.2

x(0) = 1
""",
}


def template(kind: str) -> str:
    """The text of a model to begin with.

    Parameters
    ----------
    kind : {'ode', 'sde', 'map', 'jump'}

    Raises
    ------
    DeclarationError
        For other kinds.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.DiscreteSystem.from_text(template("map")).names
    ('N',)
    """
    if kind not in TEMPLATES:
        raise DeclarationError(f"{kind!r} is no kind of model.{suggest(kind, TEMPLATES)} Kinds: {', '.join(TEMPLATES)}")
    return TEMPLATES[kind]
