"""A system of fields on a grid of cells."""

from __future__ import annotations

import hashlib
import numbers
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from symdyn.attached import GridVerbs
from symdyn.errors import CompileError, DeclarationError
from symdyn.grids.model import GridModel
from symdyn.grids.starts import sizes_text
from symdyn.grids.stencils import STENCILS
from symdyn.grids.upwind import FLUXES
from symdyn.models.pde import PDESystem
from symdyn.registry import suggest

__all__ = ["SCHEMES", "GridSystem", "discretize"]

SCHEMES = ("finite differences", "spectral")
ADVECTION = ("central", *FLUXES)


class GridSystem(GridVerbs, PDESystem):
    """A `PDESystem` with a grid; `PDESystem.discretize` makes one.

    Parameters
    ----------
    pde, points, order, scheme, dealias, implicit, advection
        As for `PDESystem.discretize`.

    Attributes
    ----------
    shape : tuple of int
        Cells along each axis; the values of fields are arrays of this shape, the last axis contiguous.
    order : int
        Of accuracy in space.
    scheme : {'finite differences', 'spectral'}
    dealias : bool
    implicit : mapping or None
    advection : {'central', 'upwind', 'weno5'}
    pde : PDESystem
        The equations without the grid.

    Raises
    ------
    DeclarationError
        If the domain is no interval, rectangle or box, the points are no whole number for each axis, an order, scheme
        or advection is unknown, or an option has no effect on the scheme.

    Examples
    --------
    >>> grid = PDESystem.from_text("u' = D*laplacian(u); D = 1", domain=(0, 1)).discretize(4)
    >>> grid.shape, grid.centers[0].tolist()
    ((4,), [0.125, 0.375, 0.625, 0.875])
    """

    shape: tuple[int, ...]
    order: int
    scheme: str
    dealias: bool
    implicit: Mapping[Any, Any] | None
    advection: str
    kind: ClassVar[str] = "field"
    gridless: ClassVar[bool] = False

    def __init__(
        self,
        pde: PDESystem,
        points: int | Sequence[int],
        *,
        order: int = 2,
        scheme: str = "finite differences",
        dealias: bool = True,
        implicit: Mapping[Any, Any] | None = None,
        advection: str = "central",
    ) -> None:
        if not pde.domain.boxed:
            raise DeclarationError(f"no grid of cells fills {pde.domain!r}; finite elements do, by mesh(size)")
        shape = tuple(points) if isinstance(points, (Sequence, np.ndarray)) else (points,) * pde.dimension
        if len(shape) != pde.dimension or not all(
            isinstance(n, numbers.Integral) and not isinstance(n, bool) and n > 0 for n in shape
        ):
            raise DeclarationError(
                f"the grid is {points!r}; expected a number of cells for each axis, {sizes_text(pde)}, each from 1"
            )
        if str(order) not in STENCILS:
            raise DeclarationError(f"order is {order!r}; finite differences have order {_choices(list(STENCILS))}")
        if scheme not in SCHEMES:
            raise DeclarationError(
                f"scheme is {scheme!r}; expected 'finite differences' or 'spectral'.{suggest(str(scheme), SCHEMES)}"
            )
        if not dealias and scheme != "spectral":
            raise DeclarationError("dealias=False belongs to scheme='spectral'; finite differences have no aliases to remove")
        if implicit is not None and not isinstance(implicit, Mapping):
            raise DeclarationError(
                f"implicit is {implicit!r}; expected a mapping such as {{{pde.fields[0]}: D*laplacian({pde.fields[0]})}}"
            )
        if advection not in ADVECTION:
            known = _choices([repr(a) for a in ADVECTION])
            raise DeclarationError(f"advection is {advection!r}; expected {known}.{suggest(str(advection), ADVECTION)}")
        if advection != "central" and scheme == "spectral":
            raise DeclarationError(f"advection={advection!r} belongs to finite differences; spectral derivatives have no faces")
        own = {k: v for k, v in pde.__dict__.items() if k not in _DERIVED}
        self.__dict__.update(
            own, shape=tuple(map(int, shape)), order=order, scheme=scheme, dealias=bool(dealias), implicit=implicit,
            advection=advection,
        )  # fmt: skip

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in super().__getstate__().items() if k not in _DERIVED}

    @cached_property
    def pde(self) -> PDESystem:
        """The equations without the grid."""
        plain = object.__new__(PDESystem)
        plain.__dict__.update({k: v for k, v in self.__dict__.items() if k not in (*_DERIVED, *_GRID)})
        return plain

    @cached_property
    def digest(self) -> str:
        """Hexadecimal fingerprint of the system and its grid (not of default values or provenance)."""
        grid = [str(getattr(self, name)) for name in _GRID]
        return hashlib.sha256(" ".join([self.pde.digest, *grid]).encode()).hexdigest()

    @property
    def default_method(self) -> str:  # type: ignore[override]
        """Explicit on differences; implicit for linear terms in spectral schemes, and where the grid has `implicit`."""
        return "bs32" if self.scheme != "spectral" and self.implicit is None else "imex"

    @property
    def spacing(self) -> tuple[float, ...]:
        """Width of the cells along each axis."""
        low, high = self.domain.box
        return tuple(float(w) / n for w, n in zip(high - low, self.shape, strict=True))

    @property
    def centers(self) -> tuple[np.ndarray, ...]:
        """Positions of the cells along each axis."""
        ends = zip(self.domain.box[0], self.spacing, self.shape, strict=True)
        return tuple(low + (np.arange(n) + 0.5) * h for low, h, n in ends)

    def __repr__(self) -> str:
        cells = " x ".join(map(str, self.shape))
        how = f"differences of order {self.order}" if self.scheme != "spectral" else "spectral"
        return f"{super().__repr__()}\n  grid: {cells} cells, {how}"

    def model(self) -> Any:
        """The compiled rates of the grid values; compiled once.

        Returns
        -------
        GridModel or SpectralModel

        Raises
        ------
        CompileError
            If the system has unknown terms.

        Examples
        --------
        >>> type(PDESystem.from_text("u' = D*laplacian(u); D = 1", domain=(0, 1)).discretize(4).model()).__name__
        'GridModel'
        """
        return self._model

    @cached_property
    def _model(self) -> Any:
        if self.unknowns:
            raise CompileError(
                f"{self.unknowns[0]} is an unknown term; give it an expression with with_terms, or recover it from data"
            )
        if self.scheme == "spectral":
            from symdyn.grids.spectral import SpectralModel

            return SpectralModel(self.pde, self.shape, dealias=self.dealias)
        model = GridModel(self.pde, self.shape, self.order, advection=self.advection, system=self)
        model.passes.check_operands()
        return model


def discretize(
    pde: PDESystem,
    points: int | Sequence[int],
    *,
    order: int = 2,
    scheme: str = "finite differences",
    dealias: bool = True,
    implicit: Mapping[Any, Any] | None = None,
    advection: str = "central",
) -> GridSystem:
    r"""The system on a grid of cells, to be simulated.

    Parameters
    ----------
    pde : PDESystem
    points : int or sequence of int
        Cells along each axis, such as ``(nx, ny)``.
    order : {2, 4, 6}
        Of accuracy in space, of finite differences; spectral schemes have none.  ``mean`` and ``integral`` are sums over
        the cells, so that what is conserved is so exactly: of second order between walls, whatever the order.  Where the
        equations are not their own mirror image at a wall, as with coefficients that have a slope there, orders 4 and 6
        conserve up to the errors of such a sum only, and order 2 exactly.
    scheme : {'finite differences', 'spectral'}
        The latter where every axis is periodic.
    dealias : bool
        Of spectral schemes: waves with :math:`|k| \ge n/3` along any axis enter no nonlinear term and leave none, so that
        products of two fields, exactly, and higher ones, nearly, put nothing on waves where it does not belong.  Linear
        terms with constant coefficients keep all waves.  Without it half as many waves more take part, and what is not
        resolved folds back on those that are, which lets steep solutions blow up.
    implicit : mapping, optional
        From fields to linear expressions, such as ``{u: D*laplacian(u)}``, that implicit and exponential methods treat so,
        in place of all that is linear.
    advection : {'central', 'upwind', 'weno5'}
        Of first derivatives in rates, of fields and of fluxes such as ``dx(u**2/2)``.  Central differences have `order` and
        add no diffusion, but oscillate at shocks and jumps.  The others take fluxes on faces from where waves come from:
        'upwind' on lines with slopes limited by minmod, of second order and without new extrema, 'weno5' of fourth order and
        more where the solution is smooth.  Both conserve what the equations conserve, to rounding; next to walls they are of
        first to second order.  Products such as ``u*dx(u)`` are no fluxes and stay central: write ``dx(u**2/2)``.

    Returns
    -------
    GridSystem

    Raises
    ------
    DeclarationError
        For sizes, orders and schemes that do not fit the system.

    Notes
    -----
    Explicit steps on differences are local: values that are 0 outside of the numerical domain of dependence stay 0.  The
    transforms of spectral schemes and of methods that treat terms implicitly or exactly spread rounding errors of some 1e-17 of
    the greatest value over all cells, and at an unstable state these errors grow: ahead of a front into :math:`u = 0` with the
    rate r they are as large as the front itself after a time of :math:`38/r`.  For such fronts take 'bs32' or 'tsit5'.

    Examples
    --------
    >>> pde = PDESystem.from_text("u' = D*laplacian(u); D = 1", domain=(0, 1))
    >>> pde.discretize(50, order=4).spacing
    (0.02,)
    """
    return GridSystem(pde, points, order=order, scheme=scheme, dealias=dealias, implicit=implicit, advection=advection)


def _choices(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"


_GRID = ("shape", "order", "scheme", "dealias", "implicit", "advection")
_DERIVED = ("pde", "_model", "digest", "_text", "expressions", "unknowns")
