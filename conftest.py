"""Imports symdyn before modules are collected one by one for their doctests: a module of the package exists once."""

import symdyn  # noqa: F401
