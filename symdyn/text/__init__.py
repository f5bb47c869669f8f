"""The grammar of formulas: characters to tokens, tokens to terms, terms to sympy, without evaluation of any text."""
