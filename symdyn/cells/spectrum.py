r"""The globally coupled eigenvalue problem: growth rates of a steady colony, and the modes that grow.

Sources c and cell states x of a perturbation :math:`e^{\lambda t}` satisfy

.. math:: \begin{pmatrix} W(\lambda) & q E^T \\ -E g & \lambda - J \end{pmatrix} \begin{pmatrix} c \\ x \end{pmatrix} = 0,

with W, q and g of the exchange, and E that puts secreted states in their places.  Unlike the matrix of the sources alone,
:math:`M = W + q K g` with :math:`K = E^T(\lambda - J)^{-1}E`, it has no poles at the eigenvalues of the isolated cells, near
which roots are easily missed.

References
----------
Iyaniwura & Ward, SIAM Journal on Applied Dynamical Systems 20 (2021) 438-499, section 2.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from symdyn.cells._interpolated import interpolated
from symdyn.cells._regions import SearchRectangle, read_region
from symdyn.cells.contour import eigenpairs
from symdyn.cells.exchange import Exchange
from symdyn.cells.steady import SteadyState
from symdyn.cells.values import CellValues
from symdyn.cells.winding import Winding
from symdyn.errors import DeclarationError

__all__ = ["CoupledProblem", "Spectrum", "spectrum", "unstable_count"]

#: By default eigenvalues are sought from this multiple of 1/tau on; the bulk without cells decays with 1/tau and faster.
SLOW = -0.8
#: Imaginary parts below this, relative to the region, are rounding.
REAL = 1e-9


@dataclass(frozen=True)
class Spectrum:
    """Eigenvalues of a steady colony with their modes.

    Parameters
    ----------
    eigenvalues, sources, secreted, states
        Computed by `BulkCellSystem.modes`.

    Attributes
    ----------
    eigenvalues : (r,) complex array
        Largest real part first; of conjugates the one with positive imaginary part first.
    sources : (S m, r) complex array
        c: perturbations of the sources, species by species; of norm 1, the largest entry real and positive.
    secreted : (S m, r) complex array
        Perturbations of the secreted states, of norm 1: their moduli and arguments compare amplitude and phase of the cells.
    states : (n, r) complex array
        Perturbations of all states of the cells, in the scale of `secreted`.

    Examples
    --------
    Of two equal cells that are mirror images one mode is in phase, the other in antiphase:

    >>> import symdyn as sd
    >>> pair = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0.5, 0), (-0.5, 0)], parameters={"D": 1, "tau": 0.1},
    ...     kinetics=sd.ODESystem.from_text("v' = 1 - v/2"), secreted="v", influx=0.8, efflux=0.2)
    >>> found = pair.modes()
    >>> found.unstable, np.abs(found.phases[1]).round().tolist(), found.amplitudes.round(6).tolist()
    (0, [0.0, 180.0], [[1.0, 1.0], [1.0, 1.0]])
    """

    eigenvalues: np.ndarray
    sources: np.ndarray
    secreted: np.ndarray
    states: np.ndarray

    @property
    def amplitudes(self) -> np.ndarray:
        """Amplitude of each cell against the largest, (S m, r)."""
        size = np.abs(self.secreted)
        return size / size.max(axis=0)

    @property
    def phases(self) -> np.ndarray:
        """Phase of each cell in degrees against the first, (S m, r)."""
        return np.degrees(np.angle(self.secreted / self.secreted[:1]))

    @property
    def unstable(self) -> int:
        """Number of growing eigenvalues."""
        return int((self.eigenvalues.real > 0).sum())

    def __len__(self) -> int:
        return len(self.eigenvalues)

    def __str__(self) -> str:
        lines = [f"{len(self)} eigenvalues, {self.unstable} of them growing"]
        for k, value in enumerate(self.eigenvalues[:12]):
            parts = zip(self.amplitudes[:6, k], self.phases[:6, k], strict=True)
            cells = ", ".join(f"{a:.2f} at {p:.0f}°" for a, p in parts) + (", ..." if len(self.secreted) > 6 else "")
            lines.append(f"  {value:.6g}: {cells}")
        return "\n".join([*lines, *(["  ..."] if len(self) > 12 else [])])

    __repr__ = __str__


class CoupledProblem:
    """The eigenvalue problem of a colony in a steady state.

    Parameters
    ----------
    values : CellValues
    exchange : Exchange
    steady : SteadyState
    """

    def __init__(self, values: CellValues, exchange: Exchange, steady: SteadyState) -> None:
        self.exchange = exchange
        self.places = values.secreted.ravel()
        self.jacobian = values.kinetics.jacobian(steady.u)
        self.uptake, self.gain = exchange.uptake, exchange.gain
        # cells of one size are solved in one batch
        sizes, starts = values.kinetics.sizes, values.kinetics.starts
        self._groups = []
        for size in np.unique(sizes):
            rows = starts[sizes == size][:, None] + np.arange(size)
            blocks = self.jacobian[rows[:, :, None], rows[:, None, :]]
            cells = np.flatnonzero(sizes == size)
            local = values.secreted[:, cells] - starts[cells]
            self._groups.append((cells, blocks, local))
        self.poles = np.concatenate([np.linalg.eigvals(blocks).ravel() for _, blocks, _ in self._groups]).astype(complex)
        self.species, self.cells = values.secreted.shape

    def matrices(self, lambdas: np.ndarray) -> np.ndarray:
        """The coupled matrix, (k, S m + n, S m + n), sources first."""
        k, s, n = len(lambdas), len(self.places), len(self.jacobian)
        out = np.zeros((k, s + n, s + n), complex)
        out[:, :s, :s] = self.exchange.bulk(lambdas)
        out[:, range(s), s + self.places] = self.uptake
        out[:, s + self.places, range(s)] = -self.gain
        out[:, s:, s:] = lambdas[:, None, None] * np.eye(n) - self.jacobian
        return out

    def responses(self, lambdas: np.ndarray) -> np.ndarray:
        """K of each cell, (k, m, S, S): the response of its secreted states to inflow."""
        out = np.zeros((len(lambdas), self.cells, self.species, self.species), complex)
        for cells, blocks, local in self._groups:
            size = blocks.shape[1]
            unit = np.zeros((len(cells), size, self.species))
            unit[np.arange(len(cells))[None, :], local, np.arange(self.species)[:, None]] = 1
            solved = np.linalg.solve(lambdas[:, None, None, None] * np.eye(size) - blocks, unit[None])
            out[:, cells] = np.einsum("jas,kjat->kjst", unit, solved)
        return out

    def coupled(self, lambdas: np.ndarray) -> np.ndarray:
        """M, of the sources only, (k, S m, S m); it has poles at those of the isolated cells."""
        out = self.exchange.bulk(lambdas)
        answer = self.responses(lambdas)
        m = self.cells
        cell = np.arange(m)
        for a in range(self.species):
            for b in range(self.species):
                out[:, a * m + cell, b * m + cell] += (
                    self.uptake[a * m + cell] * answer[:, :, a, b] * self.gain[b * m + cell]
                )  # fmt: skip
        return out

    def characteristic(self, lambdas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """det M as its phase and the logarithm of its modulus."""
        phase, size = np.linalg.slogdet(self.coupled(np.atleast_1d(lambdas)))
        return phase, size

    def largest(self) -> float:
        r"""No eigenvalue with positive real part is larger: :math:`|J| + |E g W^{-1} q E^T|`, the walls pass no more.

        It ends where waves are as short as a cell, :math:`|1 + \tau\lambda| = D/(4\epsilon^2)`: the theory of small cells means
        nothing beyond.
        """
        v = self.exchange.values
        wall = float((2 * np.pi * v.efflux / v.delay[:, None]).max())
        short = float((v.diffusion / (4 * v.radius**2 * v.delay)).min())
        inner = max(float(np.linalg.norm(blocks, 2, axis=(1, 2)).max()) for _, blocks, _ in self._groups)
        return min(1.05 * (inner + wall), max(short, 1.05 * inner))


def spectrum(values: CellValues, exchange: Exchange, steady: SteadyState, region: Any = None) -> Spectrum:
    """All eigenvalues in a region, by default the growing and the slowly decaying ones, with their modes.

    Parameters
    ----------
    values : CellValues
    exchange : Exchange
    steady : SteadyState
    region : optional
        See `symdyn.cells._regions.read_region`.

    Returns
    -------
    Spectrum

    Raises
    ------
    DeclarationError
        If the region reaches where the bulk alone decays.
    SymdynError
        If eigenvalues were counted that are not found.
    """
    problem = CoupledProblem(values, exchange, steady)
    limit = -1 / float(values.delay.max())
    if region is None:
        reach = problem.largest()
        asked = SearchRectangle(complex(SLOW * -limit, -reach), complex(reach, reach))
    else:
        asked = read_region(region)
    if asked.low.real <= limit and asked.low.imag <= 0 <= asked.high.imag:
        raise DeclarationError(
            f"{asked} reaches to {limit:.6g} = -1/tau, from where the bulk decays by itself; begin at a larger real part"
        )
    problem.exchange = interpolated(exchange, asked, limit)
    symmetric = asked.symmetric and values.with_conjugates
    # of a symmetric region the upper half is enough, with a strip below the axis on which real eigenvalues lie
    strip = 0.0213 * min(asked.height, asked.width)
    part = SearchRectangle(complex(asked.low.real, -strip), asked.high) if symmetric else asked
    found, vectors = eigenpairs(
        problem.matrices, problem.characteristic, problem.poles, part, limit if _meets_axis(part) else -np.inf
    )
    if symmetric:
        tiny = REAL * max(asked.height, asked.width)
        kept = found.imag > -tiny
        found, vectors = found[kept], vectors[:, kept]
        real = np.abs(found.imag) <= tiny
        found = np.where(real, found.real, found)
    order = _growing_first(found)
    found, vectors = found[order], vectors[:, order]
    if symmetric:  # each with its conjugate behind it
        times = np.where(found.imag == 0, 1, 2)
        mirrored = np.arange(times.sum()) != np.repeat(np.cumsum(times) - times, times)
        found, vectors = np.repeat(found, times), np.repeat(vectors, times, axis=1)
        found, vectors = np.where(mirrored, found.conj(), found), np.where(mirrored, vectors.conj(), vectors)
    return _modes(problem, found, vectors)


def unstable_count(values: CellValues, exchange: Exchange, steady: SteadyState) -> int:
    r"""Number of growing eigenvalues, :math:`\frac1{2\pi}[\arg\det M] + P`, around the right half plane as far as they may lie.

    Conjugates are counted both, as in equation (4.21) of Iyaniwura & Ward.
    """
    problem = CoupledProblem(values, exchange, steady)
    reach = problem.largest()
    half = SearchRectangle(complex(0, -reach), complex(reach, reach))
    problem.exchange = interpolated(exchange, half, -1 / float(values.delay.max()))
    winding = Winding(problem.characteristic, problem.poles)
    turns = winding.around_symmetric(half) if values.with_conjugates else winding.around(half)
    return turns + int((problem.poles.real > 0).sum())


def _meets_axis(part: SearchRectangle) -> bool:
    """Whether contours around parts may cross the real axis."""
    return part.low.imag - part.height < 0 < part.high.imag + part.height


def _growing_first(values: np.ndarray) -> np.ndarray:
    """Order by falling real part, then by falling frequency."""
    scale = 1e-9 * max(1.0, float(np.abs(values).max(initial=0)))
    growth, frequency = np.round(values.real / scale), np.round(np.abs(values.imag) / scale)
    return np.lexsort((-values.imag, -frequency, -growth))


def _modes(problem: CoupledProblem, values: np.ndarray, vectors: np.ndarray) -> Spectrum:
    s = len(problem.places)
    if not len(values):
        empty = np.empty((s, 0), complex)
        return Spectrum(values, empty, empty, np.empty((len(problem.jacobian), 0), complex))
    sources, states = vectors[:s], vectors[s:]
    lead = np.take_along_axis(sources, np.abs(sources).argmax(axis=0)[None], axis=0)
    turn = np.abs(lead) / lead
    secreted = states[problem.places] * turn
    size = np.linalg.norm(secreted, axis=0)
    return Spectrum(
        values, sources * turn / np.linalg.norm(sources, axis=0), secreted / size, states * turn / size
    )  # fmt: skip
