"""Models as they are exchanged between programs: quantities, rules, reactions and events, and their lowering to systems."""

from symdyn.io.exchange.model import Change, Delayed, Exchange, Quantity, RateOf, Trigger

__all__ = ["Change", "Delayed", "Exchange", "Quantity", "RateOf", "Trigger"]
