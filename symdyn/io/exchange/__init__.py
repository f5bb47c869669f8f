"""Models as they are exchanged between programs: quantities, rules, reactions and events, and their lowering to systems."""

from symdyn.io.exchange.model import Delayed, ExchangeModel, ExchangeReaction, Quantity, RateOf, Trigger

__all__ = ["Delayed", "ExchangeModel", "ExchangeReaction", "Quantity", "RateOf", "Trigger"]
