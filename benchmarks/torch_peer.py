"""torchdiffeq, torchcde and torchsde on problems of the benchmarks, in an interpreter that `make bench` makes.

``python torch_peer.py START RESULT TASK TOLERANCE`` writes what it found to RESULT and prints ``ready``; for each line of
standard input it does the same again and prints its CPU-seconds.  TASK is ``ode`` or ``cde`` (solutions to a tolerance),
``well`` (a double well with noise from START on [0, 1] along a Brownian tree, in steps of the length TOLERANCE), or
``train-ode`` or ``train-cde`` (training until the error START[0] is reached, or the CPU-seconds START[1] are over; the result
is the error and the number of updates).
"""

from __future__ import annotations

import sys
import time

import numpy as np
import torch
import torchcde
import torchdiffeq
import torchsde
from neural_problems import (
    TIMES,
    area_paths,
    cde_weights,
    random_weights,
    spirals,
    stacked_paths,
)

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)


def network(weights):
    layers = []
    for k, (matrix, bias) in enumerate(weights):
        layer = torch.nn.Linear(matrix.shape[1], matrix.shape[0])
        with torch.no_grad():
            layer.weight.copy_(torch.tensor(matrix))
            layer.bias.copy_(torch.tensor(bias))
        layers += [layer, *([torch.nn.Tanh()] if k < len(weights) - 1 else [])]
    return torch.nn.Sequential(*layers)


def ode(start, tolerance):
    """The ensemble of `benchmarks.dense_layers` with Dormand and Prince's method."""
    net, begin, turn = network(random_weights((2, 16, 16, 2))), torch.tensor(start), torch.tensor([[-0.2, 1.0], [-1.0, -0.2]])

    def rate(t, z):
        return net(z) + z @ turn.T

    def run():
        with torch.no_grad():
            found = torchdiffeq.odeint(rate, begin, torch.tensor(TIMES), rtol=tolerance, atol=tolerance / 100)
        return found.permute(1, 0, 2).numpy()

    return run


class Field(torch.nn.Module):
    def __init__(self, net, states):
        super().__init__()
        self.net, self.states = net, states

    def forward(self, t, z):
        return self.net(z).reshape(len(z), self.states, 2)


def channels(times, values):
    """Paths with the number of the sample in the place of the time, which solutions do not depend on."""
    return torchcde.LinearInterpolation(torch.tensor(stacked_paths(times, values)))


def cde(start, tolerance):
    field = Field(torch.nn.Sequential(*network(cde_weights()), torch.nn.Tanh()), 8)
    times, values, _ = area_paths(int(start[0]), 0)
    path = channels(times, values)
    begin = torch.zeros(len(times), 8)

    def run():
        with torch.no_grad():
            found = torchcde.cdeint(
                path, field, begin, path.interval, adjoint=False, method="dopri5", rtol=tolerance, atol=tolerance / 100,
                options={"jump_t": path.grid_points[1:-1]},
            )  # fmt: skip
        return found[:, -1].numpy()

    return run


def train_ode(start, tolerance):
    """Adam on segments of ten points, as in the example of torchdiffeq."""
    goal, limit = start
    times, data = spirals(8, 0.02, seed=0)
    _, truth = spirals(16, 0.0, seed=9)
    values, piece = torch.tensor(data), torch.tensor(times[:10])

    def run():
        torch.manual_seed(0)
        net = torch.nn.Sequential(torch.nn.Linear(2, 16), torch.nn.Tanh(), torch.nn.Linear(16, 16), torch.nn.Tanh(),
                                  torch.nn.Linear(16, 2))  # fmt: skip
        optimiser, rng = torch.optim.Adam(net.parameters(), 1e-2), np.random.default_rng(0)
        began, judged, error, done = time.process_time(), 0.0, np.inf, 0
        while error > goal and time.process_time() - began - judged < limit:
            for _ in range(50):
                which, first = rng.integers(8, size=32), rng.integers(22, size=32)
                batch = torch.stack([values[w, f : f + 10] for w, f in zip(which, first, strict=True)], dim=1)
                optimiser.zero_grad()
                found = torchdiffeq.odeint(lambda t, z: net(z), batch[0], piece, method="rk4")
                torch.mean((found - batch) ** 2).backward()
                optimiser.step()
                done += 1
            before = time.process_time()
            with torch.no_grad():
                path = torchdiffeq.odeint(
                    lambda t, z: net(z), torch.tensor(truth[:, 0]), torch.tensor(times), rtol=1e-6, atol=1e-8
                )
            error = float(np.sqrt(np.mean((path.permute(1, 0, 2).numpy() - truth) ** 2)))
            judged += time.process_time() - before
        return np.array([error, done]), time.process_time() - began - judged

    return run


class Well(torch.nn.Module):
    noise_type, sde_type = "additive", "ito"

    def f(self, t, y):
        return y - y**3

    def g(self, t, y):
        return torch.full((len(y), 1, 1), 0.5)


def well(start, step):
    begin, times = torch.tensor(start)[:, None], torch.tensor([0.0, 1.0])

    def run():
        path = torchsde.BrownianTree(0.0, torch.zeros(len(start), 1), t1=1.0)
        with torch.no_grad():
            return torchsde.sdeint(Well(), begin, times, bm=path, method="euler", dt=step)[-1, :, 0].numpy()

    return run


def train_cde(start, tolerance):
    goal, limit = start
    times, values, areas = area_paths(80, 1)
    others = area_paths(100, 2)
    target = torch.tensor(areas + 0.02 * np.random.default_rng(4).normal(size=80))
    path, test = channels(times, values), channels(*others[:2])

    def run():
        torch.manual_seed(0)
        field = Field(torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 8)), 4)
        optimiser = torch.optim.Adam(field.parameters(), 1e-2)
        began, judged, error, done = time.process_time(), 0.0, np.inf, 0

        def ends(x, count):
            return torchcde.cdeint(x, field, torch.zeros(count, 4), x.interval, adjoint=False, method="rk4",
                                   options={"step_size": 1.0})[:, -1, 0]  # fmt: skip

        while error > goal and time.process_time() - began - judged < limit:
            for _ in range(50):
                optimiser.zero_grad()
                torch.mean((ends(path, 80) - target) ** 2).backward()
                optimiser.step()
                done += 1
            before = time.process_time()
            with torch.no_grad():
                error = float(np.sqrt(np.mean((ends(test, 100).numpy() - others[2]) ** 2)))
            judged += time.process_time() - before
        return np.array([error, done]), time.process_time() - began - judged

    return run


def main() -> None:
    """Serve until standard input ends."""
    begin, result, task, tolerance = np.load(sys.argv[1]), sys.argv[2], sys.argv[3], float(sys.argv[4])
    run = {"ode": ode, "cde": cde, "well": well, "train-ode": train_ode, "train-cde": train_cde}[task](begin, tolerance)
    training = task.startswith("train")

    def once() -> float:
        before = time.process_time()
        found = run()
        seconds = time.process_time() - before
        if training:
            found, seconds = found
        np.save(result, found)
        return seconds

    if not training:
        once()
    print("ready", flush=True)
    for _ in sys.stdin:
        print(once(), flush=True)


if __name__ == "__main__":
    main()
