"""Levenberg-Marquardt for the parameters and the initial values of all windows jointly.

Initial values of different windows are coupled only through the parameters: the normal matrix is an arrow matrix, and its
Schur complement has the size of the parameters alone.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from symdyn_kernels.arguments.candidates import ArrowEquations, SensitivitySums
from symdyn_kernels.candidates.linear import factor, solve
from symdyn_kernels.candidates.steps import workspace
from symdyn_kernels.candidates.windows import FAILED, hint, normal
from symdyn_kernels.options import PLAIN

__all__ = ["minimise", "place"]

#: First damping, its factors after a step that failed and one that did not, and the attempts of a step.
DAMPING, UP, DOWN, ATTEMPTS = 1e-3, 8.0, 8.0, 6
#: Rounding-level addition to scaled diagonals.
RIDGE = 1e-13


@njit(**PLAIN)
def place(theta, model):
    """Write the inner constants into the table."""
    EQ, NL, table = model
    for q in range(NL.shape[0]):
        if NL[q, 2] == 0:
            table.offsets[NL[q, 0], NL[q, 1]] = theta[EQ.size + q]
        else:
            table.weights[NL[q, 0], NL[q, 1], NL[q, 3]] = theta[EQ.size + q]


@njit(error_model="numpy")
def expand(arguments, starts, theta, most, work, sums, arrow, rss):
    """Fill `arrow` with the normal equations of all windows; False if a run failed."""
    App, gp, Api, Aii, gi = arrow
    d, p, A, g = starts.shape[1], theta.size, sums.products, sums.gradient
    place(theta, arguments.model)
    App[:] = 0.0
    gp[:] = 0.0
    rss[:] = 0.0
    work.attempted[0] = 0
    h = hint(arguments)
    for w in range(starts.shape[0]):
        A[:] = 0.0
        g[:] = 0.0
        taken = normal(arguments, w, starts[w], theta, most, h, work, sums, rss)
        if taken == FAILED:
            return False
        if taken > 0.0:
            h = taken
        for a in range(p):
            gp[a] += g[a]
            for b in range(p):
                App[a, b] += A[a, b]
            for i in range(d):
                Api[w, a, i] = A[a, p + i]
        for i in range(d):
            gi[w, i] = g[p + i]
            for j in range(d):
                Aii[w, i, j] = A[p + i, p + j]
    total = 0.0
    for a in range(p):
        for b in range(p):
            total += App[a, b]
    return np.isfinite(total)


@njit(error_model="numpy")
def step(arrow, damping, move, moves):
    """The damped step of parameters and initial values; False if the matrix is singular."""
    App, gp, Api, Aii, gi = arrow
    p, windows, d = gp.size, gi.shape[0], gi.shape[1]
    lift = 1.0 + damping + RIDGE
    C = App.copy()
    for a in range(p):
        C[a, a] = C[a, a] * lift + 1e-300
        move[a] = gp[a]
    solved = np.empty((windows, p + 1, d))
    L = np.empty((d, d))
    for w in range(windows):
        for i in range(d):
            for j in range(d):
                L[i, j] = Aii[w, i, j]
            L[i, i] = L[i, i] * lift + 1e-300
        if not factor(L, d):
            return False
        for a in range(p):
            for i in range(d):
                solved[w, a, i] = Api[w, a, i]
            solve(L, d, solved[w, a])
        for i in range(d):
            solved[w, p, i] = gi[w, i]
        solve(L, d, solved[w, p])
        for a in range(p):
            for i in range(d):
                move[a] -= Api[w, a, i] * solved[w, p, i]
            for b in range(a + 1):
                for i in range(d):
                    C[a, b] -= Api[w, a, i] * solved[w, b, i]
    scale = np.empty(p)
    for a in range(p):
        if not C[a, a] > 0.0:
            return False
        scale[a] = 1.0 / np.sqrt(C[a, a])
    for a in range(p):
        move[a] *= scale[a]
        for b in range(a + 1):
            C[a, b] *= scale[a] * scale[b]
        C[a, a] += RIDGE
    if p > 0 and not factor(C, p):
        return False
    solve(C, p, move)
    for a in range(p):
        move[a] *= scale[a]
    for w in range(windows):
        for i in range(d):
            v = solved[w, p, i]
            for a in range(p):
                v -= solved[w, a, i] * move[a]
            moves[w, i] = v
    return True


@njit(error_model="numpy")
def minimise(arguments):
    """Fit parameters and initial values; without iterations, expand about them."""
    theta, starts, settings, arrow = arguments.theta, arguments.starts, arguments.settings, arguments.arrow
    rss, info, model = arguments.rss, arguments.info, arguments.model
    d, p, windows = starts.shape[1], theta.size, starts.shape[0]
    work = workspace(arguments.integration.pair.error.size, d, p, 0)
    sums = SensitivitySums(np.zeros((p + d, p + d)), np.zeros(p + d), np.zeros(0))
    info[:] = 0
    ok = expand(arguments, starts, theta, np.inf, work, sums, arrow, rss)
    info[2], info[3] = 1, work.attempted[0]
    if not ok:
        return
    info[0] = 1
    total = rss.sum()
    trial = ArrowEquations(
        np.zeros((p, p)), np.zeros(p), np.zeros((windows, p, d)), np.zeros((windows, d, d)), np.zeros((windows, d))
    )
    trial_rss, move, moves = np.zeros(d), np.zeros(p), np.zeros((windows, d))
    theta_new, starts_new = np.empty(p), np.empty((windows, d))
    damping = DAMPING
    for iteration in range(int(settings[0])):
        accepted = False
        for _ in range(ATTEMPTS):
            if not step(arrow, damping, move, moves):
                damping *= UP
                continue
            theta_new[:] = theta + move
            starts_new[:] = starts + moves
            info[2] += 1
            ok = expand(arguments, starts_new, theta_new, total, work, sums, trial, trial_rss)
            info[3] += work.attempted[0]
            if ok and trial_rss.sum() < total:
                accepted = True
                break
            damping *= UP
        if not accepted:
            break
        info[1] += 1
        fall = total - trial_rss.sum()
        theta[:] = theta_new
        starts[:] = starts_new
        rss[:] = trial_rss
        arrow.parameters[:] = trial.parameters
        arrow.gradient[:] = trial.gradient
        arrow.mixed[:] = trial.mixed
        arrow.starts[:] = trial.starts
        arrow.start_gradient[:] = trial.start_gradient
        total -= fall
        damping = max(damping / DOWN, 1e-12)
        if fall < settings[1] and fall < settings[2] * total:
            break
        if iteration >= 3 and fall < 0.02 * total and total > settings[3]:
            break
    place(theta, model)
