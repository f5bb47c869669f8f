"""Rules that the tests share, and their step matrices by enumeration, written without symdyn."""

import itertools

import numpy as np
import sympy as sp

import symdyn as sd

s, R, L = sp.symbols("s R L", cls=sp.IndexedBase)
p1, p2 = sp.symbols("p1 p2")
k = s[0] + s[1]
DOMANY_KINZEL = sp.Piecewise((0, sp.Eq(k, 0)), (p1, sp.Eq(k, 1)), (p2, True))


def domany_kinzel(sites, **options):
    return sd.Automaton(DOMANY_KINZEL, sites, {p1: 0.6, p2: 0.8}, initial={"s": 1}, **options)


def ising(sites, beta):
    b = sp.Symbol("b")
    return sd.Automaton(1 / (1 + sp.exp(-4 * b * (s[-1] + s[1] - 1))), sites, {b: beta})


def collided(i):
    """Right and left movers of a site that change places where the left neighbour is full."""
    full = R[i - 1] * L[i - 1]
    return full * L[i] + (1 - full) * R[i], full * R[i] + (1 - full) * L[i]


def movers(sites):
    return sd.Automaton({R: collided(-1)[0], L: collided(1)[1]}, sites)


def configurations(sites, values=(0, 1)):
    return np.array(list(itertools.product(values, repeat=sites)))


def domany_kinzel_matrix(sites, a=0.6, b=0.8):
    states = configurations(sites)
    matrix = np.zeros((2**sites, 2**sites))
    for j, now in enumerate(states):
        pairs = now + np.roll(now, -1)
        chance = np.where(pairs == 0, 0, np.where(pairs == 1, a, b))
        matrix[:, j] = np.prod(np.where(states == 1, chance, 1 - chance), axis=1)
    return matrix
