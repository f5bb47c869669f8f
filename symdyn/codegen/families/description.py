"""What a family of methods says of itself: options that they read, what they count, how steps are chosen."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from symdyn_kernels.arguments.parts import Control

from symdyn.codegen.families.task import Options
from symdyn.system import System

__all__ = ["Described"]


class Described:
    """What is known of the methods of a family before anything is compiled.

    Examples
    --------
    >>> import symdyn as sd
    >>> from symdyn.codegen.families import family_of
    >>> family_of(sd.METHODS["ssa"]).stops
    'after every event, and where time alone changes it'
    """

    schemes: ClassVar[tuple[type, ...]]
    #: Names of the options that the methods read: those of `simulate` and `compile`, and those of the methods' own.
    options: ClassVar[tuple[str, ...]] = ()
    #: Steps allowed a trajectory unless the caller says otherwise.
    max_steps: ClassVar[int] = 1_000_000
    #: Whether the methods choose their steps by tolerances.
    adaptive: ClassVar[bool] = False
    #: When the methods evaluate the condition that ends a trajectory; empty if they do not.
    stops: ClassVar[str] = ""
    #: Whether states are whole numbers at all times: bins of histograms then have integer widths.
    integer: ClassVar[bool] = False
    #: The largest state that a method can change by one.
    largest: ClassVar[float] = math.inf
    #: What initial values must be: 'real', 'nonnegative' or 'whole' (numbers of molecules).
    start: ClassVar[str] = "real"
    #: What `steps`, `rejected` and `evaluations` count.
    counted: ClassVar[Mapping[str, str]] = {
        "steps": "steps", "rejected": "steps that were rejected", "evaluations": "evaluations of the right-hand side"
    }  # fmt: skip
    #: What to try where trajectories fail, besides other values.
    remedies: ClassVar[tuple[str, ...]] = ("another method",)
    #: Whether the methods draw random numbers for every system; those of other families draw the numbers of the system.
    always_random: ClassVar[bool] = False
    #: Whether trajectories run one after the other, in one lane whatever `lanes` asks for.
    alone: ClassVar[bool] = False

    def runs(self, scheme: Any) -> bool:
        """Whether the family runs a method of one of its types: one type may serve two families.

        Parameters
        ----------
        scheme : object
            An entry of ``symdyn.METHODS``.

        Returns
        -------
        bool

        Examples
        --------
        A tableau without error estimate takes steps of one length:

        >>> import symdyn as sd
        >>> from symdyn.codegen.families import FAMILIES
        >>> [FAMILIES["adaptive"].runs(sd.METHODS[name]) for name in ("bs32", "rk4")]
        [True, False]
        """
        return True

    def reads(self, scheme: Any) -> frozenset[str]:
        """Names of the options that have an effect on a method.

        Parameters
        ----------
        scheme : object
            An entry of ``symdyn.METHODS``.

        Returns
        -------
        frozenset of str

        Examples
        --------
        >>> import symdyn as sd
        >>> from symdyn.codegen.families import family_of
        >>> scheme = sd.METHODS["tsit5"]
        >>> sorted(family_of(scheme).reads(scheme))
        ['atol', 'controller', 'inline', 'max_step', 'max_steps', 'rtol', 'until']
        """
        return frozenset({*self.options, *(("until",) if self.stops else ())})

    def lacks(self, scheme: Any) -> str:
        """What a method would have to be given to read more options, as the end of a message.

        Parameters
        ----------
        scheme : object
            An entry of ``symdyn.METHODS``.

        Returns
        -------
        str
            Empty for most.

        Examples
        --------
        >>> import symdyn as sd
        >>> from symdyn.codegen.families import family_of
        >>> family_of(sd.METHODS["heun"]).lacks(sd.METHODS["heun"])
        " without brownian='tree'"
        """
        return ""

    def random(self, system: System) -> bool:
        """Whether the methods draw random numbers for a system.

        Parameters
        ----------
        system : System

        Returns
        -------
        bool

        Examples
        --------
        >>> import symdyn as sd
        >>> from symdyn.codegen.families import family_of
        >>> family_of(sd.METHODS["ssa"]).random(sd.ReactionNetwork.example())
        True
        >>> family_of(sd.METHODS["tsit5"]).random(sd.ODESystem.example())
        False
        """
        return self.always_random or system.noises > 0 or bool(system.shuffled)

    def key(self, scheme: Any) -> str:
        """The key under which the functions of a model are cached, besides the model: methods with one key share them.

        Parameters
        ----------
        scheme : object
            An entry of ``symdyn.METHODS``.

        Returns
        -------
        str

        Examples
        --------
        Rosenbrock methods use the same right-hand side and the same elimination:

        >>> import symdyn as sd
        >>> from symdyn.codegen.families import family_of
        >>> family = family_of(sd.METHODS["rodas4"])
        >>> family.key(sd.METHODS["rodas4"]) == family.key(sd.METHODS["rodas5p"])
        True
        """
        return scheme.name

    def details(self, scheme: Any) -> Mapping[str, str]:
        """Further counts of each trajectory, in the order of ``Run.details``, and their descriptions.

        Parameters
        ----------
        scheme : object
            An entry of ``symdyn.METHODS``.

        Returns
        -------
        mapping of str to str

        Examples
        --------
        >>> import symdyn as sd
        >>> from symdyn.codegen.families import family_of
        >>> scheme = sd.METHODS["tau"]
        >>> list(family_of(scheme).details(scheme))
        ['leaps', 'exact_events']
        """
        return {}

    def facts(self, scheme: Any, options: Options) -> Mapping[str, Any]:
        """The attributes of a dataset about the approximations of a method.

        Parameters
        ----------
        scheme : object
            An entry of ``symdyn.METHODS``.
        options : Options

        Returns
        -------
        mapping of str to value
            Values that netCDF can store, by name.

        Examples
        --------
        The direct method is exact:

        >>> import symdyn as sd
        >>> from symdyn.codegen.families import family_of
        >>> scheme = sd.METHODS["ssa"]
        >>> family_of(scheme).facts(scheme, Options())
        {'accuracy': 'exact'}
        """
        return {}

    def limit(self, options: Options) -> int:
        """The number of steps allowed to each trajectory.

        Parameters
        ----------
        options : Options

        Returns
        -------
        int
            ``options.max_steps``, or the default of the family.

        Examples
        --------
        >>> import symdyn as sd
        >>> from symdyn.codegen.families import family_of
        >>> family = family_of(sd.METHODS["tsit5"])
        >>> family.limit(Options()), family.limit(Options(max_steps=10))
        (1000000, 10)
        """
        return self.max_steps if options.max_steps is None else options.max_steps

    def control(self, scheme: Any, options: Options) -> Control:
        """The step controller of a driver.

        Parameters
        ----------
        scheme : object
            An entry of ``symdyn.METHODS``.
        options : Options

        Returns
        -------
        Control
            Zeros where steps are not chosen by their error.

        Examples
        --------
        The error of 'tsit5' behaves as the fifth power of the step, and its square is given to the driver:

        >>> import symdyn as sd
        >>> from symdyn.codegen.families import family_of
        >>> scheme = sd.METHODS["tsit5"]
        >>> family_of(scheme).control(scheme, Options()).now
        -0.1
        """
        return Control(*[0.0] * len(Control._fields))
