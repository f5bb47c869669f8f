"""A learned score: the network that tells data from noise, the system with it, and its file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import sympy as sp

from symdyn.dense import DenseLayers
from symdyn.discover.scores.declared import ReversedProcess
from symdyn.discover.surrogates.denoiser import DenoiserFit, features
from symdyn.errors import DeclarationError
from symdyn.files import check_format, numbers, put_arrays, restored
from symdyn.models.sde import SDESystem
from symdyn.models.text import model_text, reads_back

__all__ = ["LearnedScore"]

#: What the first array of a file says.
FORMAT = "symdyn learned score 1"
#: Characters of a process beyond which it is not read, since its schedule is derived.
LONGEST = 20_000


@dataclass(frozen=True, kw_only=True, repr=False)
class LearnedScore:
    r"""A score that a network learned, and the system with it.

    It takes the place of a density: ``process.probability_flow(found)`` is the flow from noise to data, on which all samplers
    know the prediction of noise and the signal-to-noise ratio; ``.with_log_density()`` of that gives likelihoods.

    Attributes
    ----------
    system : SDESystem
        The reversed process with the network in the place of its unknown terms; weights are data of the generated code.
    score, noise : dict of Symbol to Expr
        :math:`\nabla \log p_t` by state, and :math:`-\sigma\, \nabla \log p_t`, in the time of the process that was reversed.
    alpha, sigma : Expr
        Of that process.
    sigmas : tuple of Expr
        The same by state.
    network : DenseLayers
    losses : dict of str to array
        ``train``, and ``heldout`` on a tenth of the samples, by part of the training: mean squared errors of what the network
        predicts, in units in which a network that predicts nothing has about 1.
    seconds : float
        Of the training, of all threads.
    horizon : float or Expr
        Where the samples are in the time of `system`.
    hidden : SDESystem
        The reversed process with its unknown terms.
    mean, scale : (d,) float64, float
        Of the samples.
    warnings : tuple of str

    Examples
    --------
    >>> import tempfile, numpy as np, sympy as sp, symdyn as sd
    >>> from symdyn.discover import RecoverOptions
    >>> x, t = sp.symbols("x t")
    >>> process = sd.transport.diffusion(x, sp.exp(-t), sp.sqrt(1 - sp.exp(-2*t)))
    >>> hidden = process.reverse_time(sp.Function("s")(x, t), horizon=2)
    >>> tiny = RecoverOptions(surrogate={"width": 4, "depth": 1, "steps": 20, "batch": 16})
    >>> samples = np.random.default_rng(0).normal(size=(200, 1))
    >>> found = sd.recover(hidden, samples, surrogate="denoiser", options=tiny, progress=False)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     found.save(f"{folder}/score.npz")
    ...     sd.LearnedScore.load(f"{folder}/score.npz").system == found.system
    True
    """

    system: SDESystem
    score: dict[sp.Symbol, sp.Expr]
    noise: dict[sp.Symbol, sp.Expr]
    alpha: sp.Expr
    sigma: sp.Expr
    sigmas: tuple[sp.Expr, ...]
    network: Any
    losses: dict[str, np.ndarray]
    seconds: float
    horizon: Any
    hidden: SDESystem
    mean: np.ndarray
    scale: float
    warnings: tuple[str, ...] = ()
    observations: None = None
    complete: bool = True

    @classmethod
    def of(cls, hidden: SDESystem, fit: DenoiserFit, warnings: tuple[str, ...] = ()) -> LearnedScore:
        """The score that a trained network gives the unknown terms of a reversed process.

        Parameters
        ----------
        hidden : SDESystem
            As of `reverse_time` with unknown functions.
        fit : DenoiserFit
            The training.
        warnings : tuple of str

        Returns
        -------
        LearnedScore

        Raises
        ------
        RecoveryError
            If parameters of the process have no value, or its drift and noise before the reversal are not those
            of one schedule.

        Examples
        --------
        >>> import numpy as np, sympy as sp, symdyn as sd
        >>> x, t = sp.symbols("x t")
        >>> process = sd.transport.diffusion(x, sp.exp(-t), sp.sqrt(1 - sp.exp(-2*t)))
        >>> layers = sd.DenseLayers("denoiser", [(np.zeros((1, features(1))), None, "identity")])
        >>> fit = DenoiserFit(layers, np.zeros(1), 1.0, {"train": np.ones(1), "heldout": np.ones(1)}, 0.0, 1)
        >>> found = LearnedScore.of(process.reverse_time(sp.Function("s")(x, t), horizon=1), fit)
        >>> found.horizon
        1
        """
        process = ReversedProcess(hidden)
        score, noise = fit.expressions(process)
        return cls(
            system=hidden.with_terms(process.terms(score)), score=score, noise=noise, alpha=process.alpha, sigma=process.sigma,
            sigmas=(process.sigma,) * len(process.states), network=fit.layers, losses=fit.losses, seconds=fit.seconds,
            horizon=process.horizon, hidden=hidden, mean=fit.mean, scale=fit.scale, warnings=warnings,
        )  # fmt: skip

    def __repr__(self) -> str:
        last = self.losses["heldout"][-1]
        return (
            f"LearnedScore({', '.join(map(str, self.score))}; {self.network.size} weights, held-out loss {last:.4g}, "
            f"{self.seconds:.3g} s of CPU)"
        )

    # ---- files -----------------------------------------------------------------------------------

    def save(self, path: Any) -> None:
        """Write the process, the network and its training to a file of numpy's npz format, without pickled objects.

        Parameters
        ----------
        path : str or Path

        Raises
        ------
        DeclarationError
            For a process that no text makes, such as one with inputs over time.

        Examples
        --------
        >>> import tempfile
        >>> import numpy as np, sympy as sp, symdyn as sd
        >>> x, t = sp.symbols("x t")
        >>> process = sd.transport.diffusion(x, sp.exp(-t), sp.sqrt(1 - sp.exp(-2*t)))
        >>> layers = sd.DenseLayers("denoiser", [(np.zeros((1, features(1))), None, "identity")])
        >>> fit = DenoiserFit(layers, np.zeros(1), 1.0, {"train": np.ones(1), "heldout": np.ones(1)}, 0.0, 1)
        >>> found = LearnedScore.of(process.reverse_time(sp.Function("s")(x, t), horizon=1), fit)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     found.save(f"{folder}/score.npz")
        ...     LearnedScore.load(f"{folder}/score.npz").network == found.network
        True
        """
        text = model_text(self.hidden)
        if not reads_back(self.hidden, text):
            raise DeclarationError("the process has no text that reads back; keep the Python that declares it, and the network")
        arrays = {
            "format": np.array(FORMAT), "text": np.array(text), "time": np.array(str(self.hidden.time)),
            "interpretation": np.array(self.hidden.interpretation), "mean": np.asarray(self.mean, float),
            "scale": np.array(float(self.scale)), "seconds": np.array(float(self.seconds)),
            "train": np.asarray(self.losses["train"], float), "heldout": np.asarray(self.losses["heldout"], float),
            "warnings": np.array(self.warnings, dtype=str),
        }  # fmt: skip
        put_arrays(Path(path), arrays | self.network.arrays())

    @classmethod
    def load(cls, path: Any) -> LearnedScore:
        """What `save` wrote; the system simulates to the same bits.  Nothing in the file is run.

        Parameters
        ----------
        path : str or Path

        Returns
        -------
        LearnedScore

        Raises
        ------
        DeclarationError
            If the file is damaged, or of another kind.
        OSError
            If it cannot be read.

        Examples
        --------
        >>> import tempfile, numpy as np, symdyn as sd
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     np.savez(f"{folder}/f.npz", weights=np.ones(3))
        ...     sd.LearnedScore.load(f"{folder}/f.npz")
        Traceback (most recent call last):
        ...
        symdyn.errors.DeclarationError: f.npz holds no learned score (no array 'format')
        """
        return restored(path, cls._read, "holds no learned score")

    @classmethod
    def _read(cls, arrays: dict[str, np.ndarray]) -> LearnedScore:
        check_format(arrays, FORMAT)
        if not (time := str(arrays["time"])).isidentifier():
            raise ValueError(f"its time is called {time[:40]!r}")
        if len(text := str(arrays["text"])) > LONGEST:
            raise ValueError(f"its process is a text of {len(text)} characters; expected at most {LONGEST}")
        hidden = SDESystem.from_text(text, time=time, interpretation=str(arrays["interpretation"]))
        n = len(hidden.states)
        mean, scale = numbers(arrays, "mean", n), float(numbers(arrays, "scale"))
        losses = {name: numbers(arrays, name, None) for name in ("train", "heldout")}
        if not scale > 0 or len(losses["train"]) != len(losses["heldout"]) or not len(losses["train"]):
            raise ValueError("the scale or the losses of the training are damaged")
        layers = DenseLayers.from_arrays("denoiser", arrays)
        widths = (features(n), n)
        if (layers.inputs, layers.outputs) != widths:
            raise ValueError(f"its network maps {layers.inputs} numbers to {layers.outputs}; expected {widths[0]} to {n}")
        fit = DenoiserFit(layers, mean, scale, losses, float(numbers(arrays, "seconds")), len(losses["train"]))
        return cls.of(hidden, fit, tuple(map(str, arrays["warnings"])))
