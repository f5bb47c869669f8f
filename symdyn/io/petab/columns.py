"""What is estimated of a PEtab problem as columns of a fit, with priors between bounds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from symdyn.errors import RecoveryError
from symdyn.inference.fit_problem import FittedColumn
from symdyn.io.petab.contents import PetabParameter
from symdyn.io.petab.distributions import PetabPrior

__all__ = ["fitted_column"]

#: Relative distance from a bound within which a value is at it.
ROUNDING = 1e-12


@dataclass(frozen=True)
class _Law:
    """A prior as `FittedColumn` takes it, of values between bounds."""

    prior: PetabPrior
    low: float
    high: float

    @property
    def flat(self) -> bool:
        """Whether all values between its bounds are as likely."""
        return self.prior.name == "uniform" and self.prior.scale == "lin"

    def logpdf(self, value: np.ndarray) -> np.ndarray:
        for end, inwards in ((self.low, ROUNDING), (self.high, -ROUNDING)):
            # the value of the coordinate of a bound may lie beyond it by rounding, where the density is zero
            if np.isfinite(end):
                value = np.where(np.isclose(value, end, rtol=ROUNDING, atol=0), end + inwards * abs(end), value)
        return np.asarray(self.prior.log_density(value))

    def slopes(self, value: np.ndarray, *, fisher: bool) -> tuple[np.ndarray, np.ndarray]:
        return self.prior.slopes(value, fisher=fisher)


def fitted_column(p: PetabParameter, guesses: dict[str, float]) -> FittedColumn:
    """A parameter as a fit takes it, in natural logarithms where its scale is logarithmic.

    Raises
    ------
    RecoveryError
        If its prior has no values between its bounds.
    """
    logarithmic = p.scale != "lin"
    size = 1.0 if logarithmic else max(abs(x) for x in (p.lower, p.upper, 1e-300) if np.isfinite(x))
    guess = (guesses[p.name],) if p.name in guesses else ()
    if p.prior is None:
        return FittedColumn(p.name, p.lower, p.upper, logarithmic, size, guess)
    least, most = p.prior.support
    low, high = max(p.lower, least), min(p.upper, most)
    if low > high:
        raise RecoveryError(
            f"the prior of {p.name} has values from {least:g} to {most:g}, its bounds are {p.lower:g} and {p.upper:g}: none is "
            "left"
        )
    return FittedColumn(p.name, low, high, logarithmic, size, guess, _Law(p.prior, low, high))
