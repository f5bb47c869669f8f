"""Systems from systems: rate equations, Langevin equations, fluctuations, moments and their closures, sensitivities."""
