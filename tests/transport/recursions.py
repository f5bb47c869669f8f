"""Samplers for data N(0, v) as recursions of one number, by the formulas of papers: the prediction of noise is c(t) x."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from scipy.integrate import quad

from tests.transport.beds import schedule

#: Points of the interpolation, its variable and the prediction of exponential Adams-Bashforth methods.
ADAMS = {
    "ddim": (1, "lam", "noise"), "exp-ab2": (2, "lam", "data"), "dpm-solver++3m": (3, "lam", "data"),
    "deis-tab1": (2, "t", "noise"), "deis-tab2": (3, "t", "noise"), "deis-tab3": (4, "t", "noise"),
    "deis-rhoab3": (4, "rho", "noise"), "planned": (2, "t", "noise"),
}  # fmt: skip
CLASSICAL = {1: [1], 2: [1.5, -0.5], 3: [23 / 12, -16 / 12, 5 / 12], 4: [55 / 24, -59 / 24, 37 / 24, -9 / 24]}


def log_snr(t: float) -> float:
    alpha, sigma = schedule(t)
    return float(np.log(alpha / sigma))


def time_of(lam: float) -> float:
    """Of a signal-to-noise ratio: alpha^2 = 1/(1 + exp(-2 lam)) = exp(-0.1 t - 9.95 t^2)."""
    growth = math.log1p(math.exp(-2 * lam))
    return 2 * growth / (0.1 + math.sqrt(0.01 + 4 * 9.95 * growth))


class Normal:
    """Predictions for data of the variance v."""

    def __init__(self, v: float) -> None:
        self.v = v

    def noise(self, z: float, t: float) -> float:
        alpha, sigma = schedule(t)
        return sigma / (alpha**2 * self.v + sigma**2) * z

    def data(self, z: float, t: float) -> float:
        alpha, sigma = schedule(t)
        return (z - sigma * self.noise(z, t)) / alpha


def transferred(z: float, t: float, u: float, noise: float) -> float:
    """The step of DDIM from t to u."""
    (alpha, _), (alpha_u, sigma_u) = schedule(t), schedule(u)
    return alpha_u / alpha * z - sigma_u * math.expm1(log_snr(u) - log_snr(t)) * noise


def recursion(method: str, nodes: np.ndarray, v: float) -> float:
    """Where a sampler takes 1."""
    steps, model = [(float(t), float(u)) for t, u in pairwise(nodes)], Normal(v)
    if method in ADAMS:
        return adams(*ADAMS[method], steps, model)
    named = {
        "dpm-solver++2m": plus, "heun-edm": heun, "dpm-solver-2": second, "dpm-solver-3": third, "bdia": bdia, "o-belm": belm,
        "pndm": lambda steps, model: plms(steps, model, 3), "ipndm": lambda steps, model: plms(steps, model, 0),
        "unipc-2": lambda steps, model: unified(steps, model, 2), "unipc-3": lambda steps, model: unified(steps, model, 3),
    }  # fmt: skip
    return named[method](steps, model)


def adams(points: int, variable: str, prediction: str, steps, model: Normal) -> float:
    """Integrals of exp(-lam) noise or exp(lam) data, of the polynomial through the latest predictions."""
    place = {"lam": lambda lam: lam, "t": time_of, "rho": lambda lam: math.exp(-lam)}[variable]
    z, past = 1.0, []
    for t, u in steps:
        past = [(place(log_snr(t)), getattr(model, prediction)(z, t)), *past][:points]
        sign = 1 if prediction == "data" else -1

        def integrand(lam, past=past, sign=sign):
            at, total = place(lam), 0.0
            for q, value in past:
                total += value * math.prod((at - other) / (q - other) for other, _ in past if other != q)
            return math.exp(sign * lam) * total

        whole = quad(integrand, log_snr(t), log_snr(u), epsabs=1e-14, epsrel=1e-12)[0]
        k = 1 if prediction == "data" else 0  # sigma or alpha
        z = schedule(u)[k] * (z / schedule(t)[k] + sign * whole)
    return z


def plus(steps, model: Normal) -> float:
    z, old, before = 1.0, None, 0.0
    for t, u in steps:
        data, h = model.data(z, t), log_snr(u) - log_snr(t)
        d = data if old is None else data + h / (2 * before) * (data - old)
        z = schedule(u)[1] / schedule(t)[1] * z - schedule(u)[0] * math.expm1(-h) * d
        old, before = data, h
    return z


def heun(steps, model: Normal) -> float:
    z = 1.0
    for t, u in steps:
        noise = model.noise(z, t)
        z = transferred(z, t, u, (noise + model.noise(transferred(z, t, u, noise), u)) / 2)
    return z


def second(steps, model: Normal) -> float:
    """Lu et al. (2022), algorithm 1."""
    z = 1.0
    for t, u in steps:
        middle = time_of((log_snr(t) + log_snr(u)) / 2)
        z = transferred(z, t, u, model.noise(transferred(z, t, middle, model.noise(z, t)), middle))
    return z


def third(steps, model: Normal) -> float:
    """Lu et al. (2022), algorithm 2."""
    z = 1.0
    for t, u in steps:
        start, h = log_snr(t), log_snr(u) - log_snr(t)
        one, two = time_of(start + h / 3), time_of(start + 2 * h / 3)
        noise = model.noise(z, t)
        away = model.noise(transferred(z, t, one, noise), one) - noise
        ahead = transferred(z, t, two, noise) - schedule(two)[1] * 2 * (math.expm1(2 * h / 3) / (2 * h / 3) - 1) * away
        away = model.noise(ahead, two) - noise
        z = transferred(z, t, u, noise) - schedule(u)[1] * 1.5 * (math.expm1(h) / h - 1) * away
    return z


def plms(steps, model: Normal, first: int) -> float:
    """Liu et al. (2022): pseudo-Runge-Kutta steps first, or lower orders, then the weights of even steps."""
    z, past = 1.0, []
    for i, (t, u) in enumerate(steps):
        noise = model.noise(z, t)
        past = [noise, *past][:4]
        if i < first:
            middle = (t + u) / 2
            two = model.noise(transferred(z, t, middle, noise), middle)
            three = model.noise(transferred(z, t, middle, two), middle)
            noise = (noise + 2 * two + 2 * three + model.noise(transferred(z, t, u, three), u)) / 6
        else:
            noise = sum(c * e for c, e in zip(CLASSICAL[len(past)], past, strict=True))
        z = transferred(z, t, u, noise)
    return z


def unified(steps, model: Normal, order: int) -> float:
    """Zhao et al. (2023), with B(h) = exp(h) - 1 and predictions of data."""
    z, past = 1.0, [(log_snr(steps[0][0]), model.data(1.0, steps[0][0]))]
    for i, (t, u) in enumerate(steps):
        p, h = min(order, i + 1), log_snr(u) - log_snr(t)
        size = math.expm1(-h)
        ratios = [(lam - log_snr(t)) / h for lam, _ in past[1:p]]
        slopes = [(d - past[0][1]) / r for (_, d), r in zip(past[1:p], ratios, strict=True)]
        ratios.append(1.0)
        rows = np.array([np.array(ratios) ** k for k in range(p)])
        # n! (-h) phi_{n+1}(-h) / B, with phi_{n+1}(x) = (phi_n(x) - 1/n!) / x
        phi, sides = size / -h, []
        for n in range(1, p + 1):
            phi = (phi - 1 / math.factorial(n)) / -h
            sides.append(math.factorial(n) * -h * phi / size)
        base = schedule(u)[1] / schedule(t)[1] * z - schedule(u)[0] * size * past[0][1]
        weights = [] if p == 1 else [0.5] if p == 2 else np.linalg.solve(rows[:-1, :-1], sides[:-1])
        ahead = base - schedule(u)[0] * size * sum(w * s for w, s in zip(weights, slopes, strict=True))
        if i == len(steps) - 1:
            return ahead
        new = model.data(ahead, u)
        weights = [0.5] if p == 1 else np.linalg.solve(rows, sides)
        z = base - schedule(u)[0] * size * sum(w * s for w, s in zip(weights, [*slopes, new - past[0][1]], strict=True))
        past = [(log_snr(u), new), *past][:order]
    return z


def bdia(steps, model: Normal) -> float:
    """Zhang et al. (2024) with the weight 1: back along the step before, and on."""
    before, z = 1.0, transferred(1.0, *steps[0], model.noise(1.0, steps[0][0]))
    for (s, t), (_, u) in pairwise(steps):
        noise = model.noise(z, t)
        before, z = z, transferred(z, t, u, noise) + before - transferred(z, t, s, noise)
    return z


def belm(steps, model: Normal) -> float:
    """Wang et al. (2024): a leapfrog in x/alpha against sigma/alpha."""
    z, y_before = transferred(1.0, *steps[0], model.noise(1.0, steps[0][0])), 1.0 / schedule(steps[0][0])[0]
    for (s, t), (_, u) in pairwise(steps):
        rho = [math.exp(-log_snr(q)) for q in (s, t, u)]
        k, h = rho[1] - rho[0], rho[2] - rho[1]
        y, ratio = z / schedule(t)[0], (h / k) ** 2
        after = ratio * y_before + (1 - ratio) * y + h * (1 + h / k) * model.noise(z, t)
        y_before, z = y, schedule(u)[0] * after
    return z
