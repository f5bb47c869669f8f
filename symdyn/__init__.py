"""symdyn: write a dynamical system down as mathematics; derive, generate, simulate, recover."""

from symdyn.codegen.kernel import compile
from symdyn.models.discrete import DiscreteSystem
from symdyn.models.ode import ODESystem
from symdyn.models.sde import SDESystem
