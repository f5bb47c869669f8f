"""Systems with known solutions, and a headless browser."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

import pytest

import symdyn as sd

#: Where the screenshots of the tests are.
SHOTS = Path(__file__).parents[2] / "build" / "explorer"


@pytest.fixture(scope="session")
def decay():
    """x' = -k x, whose solution is exp(-k t)."""
    return sd.ODESystem.from_text("x' = -k*x; k = 1; x(0) = 1")


@pytest.fixture(scope="session")
def predators():
    """Lotka and Volterra, who rest at (d/c, a/b)."""
    return sd.ODESystem.from_text(
        "x' = a*x - b*x*y; y' = c*x*y - d*y; a = 0.5; b = 0.03; c = 0.03; d = 0.8; x(0) = 30; y(0) = 4"
    )


@pytest.fixture(scope="session")
def birth():
    """Birth and death, Poisson with the mean k/g in the end."""
    return sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g; k = 20; g = 1; X(0) = 0")


@pytest.fixture
def serve():
    """A function that serves an explorer in a thread."""
    running = []

    def start(explorer):
        server = sd.explorer.ExplorerServer(explorer)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        running.append((server, thread))
        return server

    yield start
    for server, thread in running:
        server.shutdown()
        server.server_close()
        thread.join(10)


@pytest.fixture(scope="session")
def browser():
    """Chromium without a screen; where it is required, as in continuous integration, its absence is a failure."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    found = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if None in found:
        reason = "no chromium and chromedriver here (Debian: apt-get install chromium chromium-driver)"
        if os.environ.get("SYMDYN_BROWSER_TESTS") == "required":
            pytest.fail(reason)
        pytest.skip(reason)
    options = webdriver.ChromeOptions()
    options.binary_location = found[0]
    # its sandbox works neither for root nor in many containers, and no page but ours is shown
    for argument in (
        "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--force-device-scale-factor=1", "--hide-scrollbars"
    ):  # fmt: skip
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(found[1]))
    SHOTS.mkdir(parents=True, exist_ok=True)
    yield driver
    driver.quit()
