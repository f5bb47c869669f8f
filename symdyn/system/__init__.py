"""System, the common form of models: its contents, where it begins, and how it is declared, changed and shown."""

from symdyn.system.contents import PARTS, delays_in
from symdyn.system.declared import System
from symdyn.system.display import Equation

__all__ = ["PARTS", "Equation", "System", "delays_in"]
