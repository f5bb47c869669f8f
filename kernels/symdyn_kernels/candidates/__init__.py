"""Systems of differential equations as data: they are fitted and compared without compiling code for each.

A *table* of T terms of d states consists of E, TY, W, B and M (`symdyn_kernels.arguments.candidates.Table`).  Term k is

    x_0^E[k,0] ... x_(d-1)^E[k,d-1]  g_0(z_0) g_1(z_1),    z_a = B[k,a] + sum_i W[k,a,i] x_i^M[k,a]

with ``g_a`` the function of number ``TY[k,a]`` (`symdyn_kernels.candidates.terms`), absent where that is 0.  E is (T, d) int64
and no exponent exceeds `terms.MOST`; TY and M are (T, 2) int64, W is (T, 2, d) and B (T, 2) float64.

A *model* is a table of K terms with the equation of each, ``EQ``, shape (K,), and places of its Q inner constants in the table,
``NL``, shape (Q, 4): term, function, 0 for B or 1 for W, and the state of W.  Its parameters ``theta`` are K coefficients, then
the Q inner constants.
"""
