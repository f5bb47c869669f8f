"""Networks in place of the unknown terms of a system, and its parameters that have no value."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from symdyn.dense import DenseLayers
from symdyn.discover.surrogates._perceptron import Perceptron
from symdyn.errors import RecoveryError
from symdyn.network_forms import Form, form_of
from symdyn.neural_terms import TrainedNetwork
from symdyn.system import System

__all__ = ["LOOSE", "TermNetworks", "Unpacked"]

#: Precision of the priors of free parameters, which begin at 1, and of initial values, in their units.
LOOSE = 1e-6
#: Precision of the prior of weights, in units of the data.
USUAL = 1.0


class Unpacked(NamedTuple):
    """Shared weights as matrices; what is the same in all steps of a solver is taken apart once.

    Attributes
    ----------
    layers : list of list of (matrix, biases)
        Of all networks of one form, one after another; where there are several they are stacked.
    parameters : (p,) float64
    """

    layers: Any
    parameters: Any


class TermNetworks:
    """One network for each unknown function, of its form; functions of flat weights.

    Attributes
    ----------
    nets, forms : dict of str to Perceptron, and to Form
        By the name of the function; without a form of its own it has two hidden layers of `width` neurons.
    size : int
        Weights of all networks and free parameters, which come last.
    classes : (size,) int64
        Of weights that are alike: the matrices, or the biases, of one layer of all networks of one form; -1 of parameters.
    """

    def __init__(self, system: System, width: int, decay: float | None, signs: Any) -> None:
        self.unknowns = system.unknowns
        groups = {u.func.__name__ for u in self.unknowns}
        self.signs = {getattr(k, "__name__", str(k)): v for k, v in (signs or {}).items()}
        wrong = set(self.signs) - set(groups)
        if wrong:
            known = ", ".join(groups) or "none"
            raise RecoveryError(f"signs names {min(wrong)!r}, no unknown term; the unknown terms: {known}")
        self.forms = {}
        for u in self.unknowns:
            name = u.func.__name__
            form = form_of(u) if hasattr(u.func, "form") else Form(len(u.args), width)
            self.forms[name] = replace(form, sign=self.signs[name]) if name in self.signs else form
        self.nets = {name: _perceptron(form) for name, form in self.forms.items()}
        ends = np.cumsum([0, *(net.size for net in self.nets.values())])
        self._own = {name: slice(int(a), int(b)) for name, (a, b) in zip(self.nets, pairwise(ends), strict=True)}
        ends_of = np.cumsum([0, *(len(u.args) for u in self.unknowns)])
        self._places = [slice(int(a), int(b)) for a, b in pairwise(ends_of)]  # of its arguments among all
        self._alike: dict[Form, list[int]] = {}
        for j, u in enumerate(self.unknowns):
            self._alike.setdefault(self.forms[u.func.__name__], []).append(j)
        self._fixed = np.array([system.defaults.get(p, 1.0) for p in system.parameters])
        free = [p for p in system.parameters if p not in system.defaults]
        self._where = np.array([system.parameters.index(p) for p in free], dtype=int)
        self._networks = int(ends[-1])
        self.size = self._networks + len(free)
        each = USUAL if decay is None else float(decay)
        self.precision = np.concatenate([np.full(self._networks, each), np.full(len(free), LOOSE)])

    @cached_property
    def classes(self) -> np.ndarray:
        known: dict[Any, int] = {}
        found: list[int] = []
        for name, net in self.nets.items():
            for layer, (a, b) in enumerate(pairwise(net.shape)):
                for part, count in (("matrix", a * b), ("biases", b)):
                    found += [known.setdefault((self.forms[name], layer, part), len(known))] * count
        return np.array(found + [-1] * len(self._where), dtype=int)

    def first(self, rng: np.random.Generator) -> np.ndarray:
        """Weights to begin with, (size,)."""
        return np.concatenate([*(net.first(rng) for net in self.nets.values()), np.zeros(len(self._where))])

    def free(self, s: Any) -> Any:
        """The free parameters."""
        return 1.0 + s[self._networks :]

    def parameters(self, s: Any) -> jax.Array:
        """All parameters."""
        if isinstance(s, Unpacked):
            return s.parameters
        return jnp.asarray(self._fixed).at[self._where].set(self.free(s))

    def unpacked(self, s: Any) -> Unpacked:
        """Flat weights as matrices, unless they are already."""
        if isinstance(s, Unpacked):
            return s
        layers = []
        for alike in self._alike.values():
            names = [self.unknowns[j].func.__name__ for j in alike]
            each = [self.nets[name].matrices(s[self._own[name]]) for name in names]
            layers.append(each[0] if len(each) == 1 else jax.tree.map(lambda *parts: jnp.stack(parts), *each))
        return Unpacked(layers, self.parameters(s))

    def value(self, d: Any, s: jax.Array, j: int, arguments: jax.Array) -> jax.Array:
        """The j-th unknown term at its arguments, in the units ``middle``, ``spread`` and ``reach`` of `d`."""
        name, place = self.unknowns[j].func.__name__, self._places[j]
        raw = self.nets[name](s[self._own[name]], (arguments - d.middle[place]) / d.spread[place])
        return self._scaled(d, j, arguments, raw)

    def _scaled(self, d: Any, j: int, arguments: jax.Array, raw: jax.Array) -> jax.Array:
        """The j-th unknown term from the outputs of its network."""
        place, form = self._places[j], self.forms[self.unknowns[j].func.__name__]
        if form.zero_at:
            at, zero = np.array([k for k, _ in form.zero_at]), np.array([a for _, a in form.zero_at])
            return d.reach[j] * (((arguments[at] - zero) / d.spread[place][at]) @ raw)
        return d.reach[j] * (form.sign * jax.nn.softplus(raw[0]) if form.sign else raw[0])

    def values(self, d: Any, s: Any, arguments: jax.Array) -> jax.Array:
        """All unknown terms (k,) at their arguments, one after another."""
        if not self._places:
            return jnp.zeros(0)
        found: dict[int, jax.Array] = {}
        for alike, layers in zip(self._alike.values(), self.unpacked(s).layers, strict=True):
            net = self.nets[self.unknowns[alike[0]].func.__name__]
            scaled = [(arguments[p] - d.middle[p]) / d.spread[p] for p in (self._places[j] for j in alike)]
            several = len(alike) > 1  # networks of one form are applied side by side, as one product of matrices
            raw = jax.vmap(net.applied)(layers, jnp.stack(scaled)) if several else net.applied(layers, scaled[0])[None]
            found |= {j: self._scaled(d, j, arguments[self._places[j]], raw[i]) for i, j in enumerate(alike)}
        return jnp.stack([found[j] for j in range(len(found))])

    def shared(self, middle: np.ndarray, spread: np.ndarray, reach: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Units of arguments and sizes of terms, the same wherever a function occurs."""
        middle, spread, reach = middle.copy(), spread.copy(), reach.copy()
        for name in self.nets:
            own = [j for j, u in enumerate(self.unknowns) if u.func.__name__ == name]
            places = [self._places[j] for j in own]
            centres = np.array([middle[place] for place in places])
            wide = np.sqrt(np.mean([spread[place] ** 2 for place in places], axis=0) + centres.var(axis=0))
            for j, place in zip(own, places, strict=True):
                middle[place], spread[place], reach[j] = centres.mean(axis=0), wide, reach[own].max()
        return middle, spread, reach

    def trained(self, d: Any, s: Any) -> dict[str, TrainedNetwork]:
        """The networks by name, with units and forms in their weights."""
        found = {}
        for j, u in enumerate(self.unknowns):
            name, place = u.func.__name__, self._places[j]
            if name in found:
                continue
            form, middle, spread, reach = self.forms[name], d.middle[place], d.spread[place], float(d.reach[j])
            matrices = [
                tuple(np.asarray(v) for v in pair) for pair in self.nets[name].matrices(jnp.asarray(s[self._own[name]]))
            ]
            layers = [[matrix.T.copy(), bias.copy(), form.activation] for matrix, bias in matrices]
            layers[0][0] /= spread
            layers[0][1] -= layers[0][0] @ middle
            layers[-1][2] = "softplus" if form.sign else "identity"
            if form.sign:
                layers.append([np.array([[form.sign * reach]]), np.zeros(1), "identity"])
            else:
                scale = reach / spread[[k for k, _ in form.zero_at]] if form.zero_at else np.array([reach])
                layers[-1][0] *= scale[:, None]
                layers[-1][1] *= scale
            found[name] = TrainedNetwork(DenseLayers(name, layers), form.zero_at)
        return found


def _perceptron(form: Form) -> Perceptron:
    """The network of a form; a negative sign turns it round."""
    turned = tuple(t * (form.sign or 1) for t in form.monotone)
    shape = (form.arguments, *[form.width] * form.depth, len(form.zero_at) or 1)
    return Perceptron(shape, form.activation, turned)
