from symdyn.models.ode import ODESystem
from symdyn.models.discrete import DiscreteSystem
from symdyn.models.sde import SDESystem
