"""Commented texts of models to begin with, one of each kind and form that a text can hold."""

from __future__ import annotations

import shlex
from pathlib import Path

from symdyn.errors import DeclarationError
from symdyn.registry import suggest

__all__ = ["TEMPLATES", "command", "template"]

#: By kind or form; each is a complete model, and its second line is a command that takes it.
TEMPLATES = {
    "ode": """\
# Ordinary differential equations, here of prey and predators: one statement a line, comments after #.
# symdyn simulate model.txt --times 0:20:101 --figure run.png
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
#   when prey > 60, prey = 0.5*prey         an event, when a condition turns true: symdyn new event
#   at 5 every 10 times 3, prey = prey + 9  one at given times: symdyn new dose
#   x'' = -x - c*x'                         an equation of higher order: symdyn new oscillator
#   x' = -x(t - 1)                          a delay, with what was before: symdyn new delay
#   0 = x + y - total                       an algebraic equation: symdyn new algebraic
#   x' = f(x, y)                            a term that is unknown: symdyn new unknown
""",
    "jump": """\
# A reaction network: reactants -> products, rate constant of mass action; one reaction a line.
# symdyn simulate model.txt --times 0:100:101 --trajectories 50 --seed 1 --figure run.png
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
# symdyn simulate model.txt --times 0:40:41 --figure run.png
N[t+1] = N*exp(r*(1 - N/K))

r = 2.2
K = 100
N(0) = 10
""",
    "sde": """\
# A stochastic differential equation: drift*dt + noise*dW; dW1, dW2 ... are independent of each other.
# symdyn simulate model.txt --times 0:10:101 --trajectories 50 --seed 1 --figure run.png
dx = rate*(mean - x)*dt + strength*sqrt(x)*dW

# Values of parameters; --set strength=0.1,0.2 gives others.
rate = 1
mean = 2
strength = 0.2

x(0) = 1
""",
    "event": """\
# Equations with an event, here a neuron that integrates its input and fires.
# symdyn simulate model.txt --times 0:20:401 --figure run.png
v' = (input - v)/tau

# When the condition turns true, v is set to 0, and spikes, which nothing else changes, grows by one.
spikes' = 0
when v > threshold, v = 0, spikes = spikes + 1

# Further forms of an event:
#   when v > 1 delay 0.5, v = 0           half a unit of time after the condition turned true
#   at 5, v = 0                           at a time; at 5 every 10 times 3, ... at three times

input = 1.5
tau = 2
threshold = 1
v(0) = 0
spikes(0) = 0
""",
    "dose": """\
# Pharmacokinetics: doses by mouth, absorption, and elimination from the blood; hours, mg and litres.
# symdyn simulate model.txt --times 0:72:289 --figure run.png
gut' = -absorption*gut
blood' = absorption*gut - clearance/volume*blood

# The first dose at hour 0, six in all, one every twelve hours.
at 0 every 12 times 6, gut = gut + amount

# The concentration is recorded beside the states.
concentration := blood/volume

amount = 100
absorption = 0.8
clearance = 5
volume = 40
gut(0) = 0
blood(0) = 0
""",
    "delay": """\
# A delay differential equation: a density that feels itself of some time ago (Hutchinson).
# symdyn simulate model.txt --times 0:60:301 --figure run.png
N' = r*N*(1 - N(t - 1)/K)

r = 1.8
K = 100

# What N was up to the time 0; it may depend on t, as in N(t <= 0) = 20 + t
N(t <= 0) = 20
""",
    "algebraic": """\
# Differential equations with an algebraic one: an enzyme that binds its substrate at once (Michaelis and Menten, total).
# symdyn simulate model.txt --times 0:50:101 --figure run.png
substrate' = -k*complex

# What is 0 at all times, and the variable that it determines.
0 = (enzyme - complex)*(substrate - complex) - affinity*complex for complex

k = 0.5
enzyme = 1
affinity = 2
substrate(0) = 10

# A first guess of what the algebraic equation determines.
complex(0) = 0.8
""",
    "oscillator": """\
# An equation of second order with a periodic force (Duffing); x' becomes the state x_dot.
# symdyn simulate model.txt --times 0:60:601 --figure run.png
x'' = x - x^3 - damping*x' + strength*cos(omega*t)

damping = 0.3
strength = 0.5
omega = 1.2
x(0) = 1
x'(0) = 0
""",
    "matrix": """\
# A matrix population model (Leslie): three ages, a step is a year; each line is a row of the matrix.
# symdyn simulate model.txt --times 0:30:31 --figure run.png
young[t+1] = fertility*adults
ones[t+1] = s0*young
adults[t+1] = s1*ones + s2*adults

# What is recorded beside the ages. Growth rate and elasticities: sd.MatrixModel in Python.
total := young + ones + adults

fertility = 3
s0 = 0.3
s1 = 0.6
s2 = 0.8
young(0) = 100
ones(0) = 0
adults(0) = 10
""",
    "unknown": """\
# Equations with a term that is not known, f(prey, predators), which data tell.
# symdyn recover model.txt data.csv --out found/
prey' = a*prey - f(prey, predators)
predators' = c*prey*predators - d*predators

a = 0.5
c = 0.03
d = 0.8
prey(0) = 30
predators(0) = 4
""",
}


def template(kind: str) -> str:
    """The text of a model to begin with.

    Parameters
    ----------
    kind : str
        A key of `TEMPLATES`: a kind of system, or what the equations of one may have, such as 'delay'.

    Raises
    ------
    DeclarationError
        For other kinds, with those that there are.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.DiscreteSystem.from_text(template("map")).names
    ('N',)
    """
    if kind not in TEMPLATES:
        raise DeclarationError(f"{kind!r} is no kind of model.{suggest(kind, TEMPLATES)} Kinds: {', '.join(TEMPLATES)}")
    return TEMPLATES[kind]


def command(kind: str, path: str | Path) -> str:
    """The command that takes a model to begin with, as its second line has it, for the file at `path`, as a shell reads it.

    >>> command("map", "fish.txt")
    'symdyn simulate fish.txt --times 0:40:41 --figure run.png'
    """
    return template(kind).splitlines()[1].removeprefix("# ").replace("model.txt", shlex.quote(str(path)))
