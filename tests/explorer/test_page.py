"""The page in a real browser: sliders, keyboard, bookmarks, failures; screenshots are kept in build/explorer."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import symdyn as sd
from symdyn.explorer import Explorer

selenium = pytest.importorskip("selenium", reason="selenium is not installed")
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

SHOTS = Path(__file__).parents[2] / "build" / "explorer"


class Page:
    """The page of one explorer."""

    def __init__(self, driver, address, width=1200):
        self.driver = driver
        driver.set_window_size(width, 1000)
        driver.get(address)
        self.settle()

    def find(self, css):
        return self.driver.find_element(By.CSS_SELECTOR, css)

    def labelled(self, label):
        return self.find(f"[aria-label='{label}']")

    def frames(self):
        found = self.driver.find_elements(By.CSS_SELECTOR, ".symdyn-explorer")
        return int(found[0].get_attribute("data-frames") or 0) if found else 0

    def settle(self, after=0):
        """Wait for a frame after so many, and until no further one is on its way."""
        wait = WebDriverWait(self.driver, 60, poll_frequency=0.03)
        wait.until(lambda _: self.frames() > after)
        wait.until(lambda _: self.find(".symdyn-explorer").get_attribute("data-busy") is None)

    def press(self, element, *keys):
        before = self.frames()
        element.send_keys(*keys)
        self.settle(before)

    def type(self, label, value):
        element, before = self.labelled(label), self.frames()
        element.clear()
        element.send_keys(str(value))
        self.settle(before)
        assert element.get_property("value") == str(value)

    def pixels(self, label):
        return self.driver.execute_script("return arguments[0].toDataURL()", self.labelled(label))

    def cell(self, row):
        cells = self.driver.execute_script(
            "return [...document.querySelectorAll('tbody tr')].map(r => [...r.cells].map(c => c.textContent))"
        )
        return next((values for name, *values in cells if name == row), [])

    def shot(self, name):
        self.driver.save_screenshot(str(SHOTS / f"{name}.png"))


def drawn(driver, figure):
    """Columns and rows of the pixels in which a figure has the first colour, blue."""
    return driver.execute_script(
        """const c = arguments[0], d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data, found = [];
        for (let i = 0; i < d.length; i += 4) if (d[i] < 40 && d[i+1] > 90 && d[i+1] < 140 && d[i+2] > 150)
          found.push([(i / 4) % c.width, Math.floor(i / 4 / c.width)]);
        return found""",
        figure,
    )


def test_the_curve_follows_a_slider(browser, serve, decay):
    page = Page(browser, serve(Explorer(decay, stop=2)).address)
    before = page.pixels("trajectories over time")
    assert float(page.cell("x")[0]) == pytest.approx(math.exp(-2), rel=1e-4)
    slider = page.labelled("parameter k")
    page.press(slider, Keys.ARROW_RIGHT * 40)
    WebDriverWait(browser, 60).until(lambda _: float(page.cell("x")[0]) < 0.05)
    k = float(page.labelled("parameter k, number").get_property("value"))
    assert k == pytest.approx(10**0.2, rel=1e-3)  # 40 of 400 positions of two decades
    assert page.pixels("trajectories over time") != before
    assert slider.get_attribute("aria-valuetext") == f"{k:g}"
    WebDriverWait(browser, 60).until(lambda _: float(page.cell("x")[0]) == pytest.approx(math.exp(-2 * k), rel=1e-4))
    assert browser.get_log("browser") == []  # nothing that the policy of the page refuses, no errors


def test_the_curve_that_is_drawn_is_the_solution(browser, serve, decay):
    page = Page(browser, serve(Explorer(decay, stop=2)).address)
    points = np.array(drawn(browser, page.labelled("trajectories over time")))
    left, right, low, high = points[:, 0].min(), points[:, 0].max(), points[:, 1].max(), points[:, 1].min()
    half = points[np.abs(points[:, 0] - left - (right - left) * math.log(2) / 2) <= 1, 1].mean()
    share = (half - high) / (low - high)  # of the way from x = 1 down to exp(-2), where x is 1/2
    assert share == pytest.approx(0.5 / (1 - math.exp(-2)), abs=0.02)


def test_everything_is_reached_by_keyboard_and_has_a_name(browser, serve, predators):
    page = Page(browser, serve(Explorer(predators)).address)
    names, body = [], page.find("body")
    for _ in range(40):
        (body if not names else browser.switch_to.active_element).send_keys(Keys.TAB)
        active = browser.switch_to.active_element
        if active.tag_name == "body" or (names and active.accessible_name == names[0]):
            break
        names.append(active.accessible_name)
    assert all(names)
    wanted = ["parameter a", "parameter a, number", "parameter d", "initial value of x", "last time t", "y", "Bookmark"]
    assert [n for n in names if n in wanted] == wanted
    assert page.labelled("phase plane").aria_role in ("img", "image")
    assert page.find("[role=status]").is_displayed()


def test_steady_states_are_shown(browser, serve, predators):
    page = Page(browser, serve(Explorer(predators, stop=40)).address)
    page.type("parameter d, number", 0.6)
    WebDriverWait(browser, 60).until(lambda _: page.cell("20")[:1] == ["16.667"])  # d/c, a/b
    page.press(page.find("form button:nth-of-type(3)"), Keys.ENTER)
    WebDriverWait(browser, 60).until(lambda _: "these are all" in page.find("table:nth-of-type(2) caption").text)


def test_a_bookmark_gives_the_code_of_what_is_shown(browser, serve, predators):
    page = Page(browser, serve(Explorer(predators, stop=40)).address)
    page.type("parameter a, number", 0.7)
    page.find("form button").send_keys(Keys.ENTER)
    code = page.find(".bookmarks pre").text
    page.type("parameter a, number", 0.2)
    page.press(page.labelled("restore bookmark 1"), Keys.ENTER)
    assert page.labelled("parameter a, number").get_property("value") == "0.7"
    names = {}
    exec(code, names)
    exact = sd.simulate(predators, np.linspace(0, 40, 301), parameters={"a": 0.7}, progress=False)
    assert names["data"].x.identical(exact.x)
    WebDriverWait(browser, 60).until(lambda _: float(page.cell("x")[0]) == pytest.approx(float(exact.x[-1]), rel=1e-4))


def test_failures_are_shown_as_words(browser, serve):
    blow_up = sd.ODESystem.from_text("x' = a*x**2; a = 0.5; x(0) = 1")  # infinite at t = 1/a
    page = Page(browser, serve(Explorer(blow_up, stop=1)).address)
    assert page.find("[role=status]").text == ""
    page.type("parameter a, number", 4)
    WebDriverWait(browser, 60).until(lambda _: "failed" in page.find("[role=status]").text)
    assert page.cell("x") == ["none"]
    page.shot("failure")
    page.type("parameter a, number", 0.5)
    WebDriverWait(browser, 60).until(lambda _: page.find("[role=status]").text == "")


@pytest.mark.parametrize("width", [600, 1200])
def test_nothing_is_cut_off(browser, serve, predators, birth, width):
    for name, system in {"flow": predators, "network": birth}.items():
        page = Page(browser, serve(Explorer(system, stop=40)).address, width)
        assert browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
        page.shot(f"{name}_{width}")


def test_the_page_of_the_documentation(browser, serve):
    # FitzHugh and Nagumo at I = 0.5: the only steady state is unstable, so that the neuron fires again and again
    neuron = sd.ODESystem.from_text(
        "v' = v - v**3/3 - w + I; w' = (v + a - b*w)/s; a = 0.7; b = 0.8; s = 12.5; I = 0.5; v(0) = -1; w(0) = 1"
    )
    page = Page(browser, serve(Explorer(neuron, stop=120, ranges={"I": (0, 1.5)})).address)
    roots = np.roots([-1 / 3, 0, 1 - 1 / 0.8, 0.5 - 0.7 / 0.8])  # w = (v + a)/b in the first equation
    v = float(roots[np.abs(roots.imag) < 1e-9].real[0])
    row = page.cell(f"{v:.5g}")
    assert row[1] == "unstable focus"
    browser.set_window_size(1200, 1500)
    page.find("form button").click()
    page.shot("howto")  # docs/static/explorer.png is this one


def test_the_widget_of_notebooks_draws_the_same_page(browser, serve, decay):
    explorer = Explorer(decay, stop=2)
    page = Page(browser, serve(explorer).address)
    browser.set_script_timeout(60)
    found = browser.execute_async_script(
        """const [description, done] = arguments, el = document.createElement('div'), heard = [], kept = {};
        document.body.replaceChildren(el);
        import('./explorer.js').then(({ default: widget }) => {
          const model = {
            get: () => description, on: (name, act) => heard.push(act), off: () => {}, save_changes: () => {},
            set: (name, value) => { kept[name] = value; },
            send: async ({ number, request }) => {
              const answer = await fetch('frame', { method: 'POST', body: JSON.stringify(request),
                headers: { 'Content-Type': 'application/json' } });
              const frame = await answer.json();
              heard.forEach((act) => act({ number, frame }));
            },
          };
          widget.render({ model, el });
          setTimeout(() => {
            el.querySelector('form button').click();
            const { length, 0: first } = kept.bookmarks;
            done([el.querySelector('tbody td:nth-child(2)').textContent, length, first.request.stop]);
          }, 1500);
        });""",
        explorer.description(),
    )
    assert float(found[0]) == pytest.approx(math.exp(-2), rel=1e-4)
    assert found[1:] == [1, 2]
    assert page.frames() >= 1


def test_a_dear_frame_is_given_up_for_newer_values(browser, serve):
    """10^9 molecules would take hours; the median of a Poisson distribution with mean 20 is 20."""
    system = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g; k = 10; g = 1; X(0) = 0")
    page = Page(browser, serve(Explorer(system, stop=10)).address)
    set_to = "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input', {bubbles: true}))"
    number = page.labelled("parameter k, number")
    browser.execute_script(set_to, number, "1000000000")
    WebDriverWait(browser, 60).until(lambda _: page.find("[role=status]").text == "computing")
    browser.execute_script(set_to, number, "20")
    WebDriverWait(browser, 60).until(lambda _: page.cell("X") and abs(float(page.cell("X")[1]) - 20) <= 2)
    assert page.find("[role=status]").text == ""


def test_units_are_shown(browser, serve, decay):
    pytest.importorskip("pint", reason="units need pint")
    page = Page(browser, serve(Explorer(decay, stop=2, units={"x": "mM", "t": "min"})).address)
    assert page.labelled("parameter k in min^-1")
    assert page.find(".control small").text == "min^-1"
    assert page.cell("x [mM]") == [f"{math.exp(-2):.5g}"]
    page.shot("units")
