"""The local server: what it answers, and to whom; the widget of notebooks; the command."""

from __future__ import annotations

import http.client
import json
import math
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import symdyn as sd
from symdyn.errors import DeclarationError
from symdyn.explorer import Explorer, ExplorerServer


@pytest.fixture
def server(serve, decay):
    return serve(Explorer(decay, stop=2))


def ask(server, method, path, body=None, **headers):
    """Status, headers and content."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=30)
    sent = {"Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
    connection.request(method, path, body, sent)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, answer.headers, content


def below(server, name=""):
    return urlsplit(server.address).path + name


def test_it_answers_frames(server):
    status, _, content = ask(server, "POST", below(server, "frame"), json.dumps({"parameters": {"k": 3}}))
    assert status == 200
    assert json.loads(content)["curves"]["x"][-1] == pytest.approx(math.exp(-6), rel=1e-4)


def test_it_serves_its_page_and_nothing_else(server):
    for name in ("", "page.js", "explorer.js", "explorer.css", "description"):
        status, headers, content = ask(server, "GET", below(server, name))
        assert status == 200
        assert content
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert b"http" not in content.replace(b"symdyn", b"") or name == "description"  # nothing from elsewhere
    for path in (
        "/",
        "/frame",
        "/x/",
        below(server, "../"),
        below(server, "page.py"),
        below(server, "..%2fserver.py"),
        below(server)[:-2],
    ):
        assert ask(server, "GET", path)[0] == 404
    assert ask(server, "POST", below(server, "description"), "{}")[0] == 404
    assert ask(server, "PUT", below(server, "frame"), "{}")[0] == 501


def test_it_refuses_other_hosts_origins_and_tokens(server):
    assert ask(server, "GET", below(server), Host="evil.example")[0] == 403
    assert ask(server, "GET", below(server), Host=f"evil.example:{server.server_port}")[0] == 403
    assert ask(server, "POST", below(server, "frame"), "{}", Origin="http://evil.example")[0] == 403
    assert ask(server, "POST", "/" + "a" * 32 + "/frame", "{}")[0] == 404
    other = ExplorerServer(server.explorer)
    other.server_close()
    assert other.token != server.token
    assert server.server_address[0] == "127.0.0.1"


def test_bodies_are_bounded_and_strict(server):
    path = below(server, "frame")
    assert ask(server, "POST", path, "{")[0] == 400
    assert ask(server, "POST", path, "[" * 60_000)[0] == 400
    assert ask(server, "POST", path, b"\xff\xfe")[0] == 400
    assert ask(server, "POST", path, "x" * 70_000)[0] == 413
    assert ask(server, "POST", path, "{}", Content_Type="text/plain")[0] == 415
    assert ask(server, "POST", path, "", Content_Length="-5")[0] == 413
    assert ask(server, "POST", path, "", Content_Length="1" * 6000)[0] == 413
    assert "NaN" not in ask(server, "POST", path, '{"stop": NaN}')[2].decode().replace("nan", "")


def test_ports(decay):
    explorer = Explorer(decay)
    for port in (-1, 65_536, "80", True):
        with pytest.raises(DeclarationError, match="port"):
            ExplorerServer(explorer, port)
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        ExplorerServer(explorer, taken.getsockname()[1])


def wait_for(condition, seconds=30):
    """Until a thread has done what is waited for."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def endless():
    """Some hundred million reactions, which take far longer than a test may."""
    net = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g; k = 1e6; g = 1; X(0) = 0")
    return Explorer(net, stop=1e4, trajectories=200)


def test_a_frame_that_nobody_waits_for_is_given_up(endless, serve):
    """A newer request does not wait for the old one: that one ends at its next poll."""
    server, answers = serve(endless), {}
    path = below(server, "frame")

    def post(name, body):
        answers[name] = json.loads(ask(server, "POST", path, json.dumps(body))[2])

    old = threading.Thread(target=post, args=("old", {}))
    old.start()
    wait_for(server.lock.locked)
    assert ask(server, "POST", below(server, "supersede"), "{}")[0] == 200
    old.join(30)
    assert answers["old"] == {"superseded": True}
    post("new", {"parameters": {"k": 10}, "stop": 5})
    assert len(answers["new"]["times"]) == 301


def test_the_widget_gives_up_what_is_superseded(endless):
    pytest.importorskip("anywidget")
    widget, sent = sd.explorer.ExplorerWidget(endless), []
    widget.send = sent.append
    widget._handle_custom_msg({"number": 1, "request": {}}, [])
    widget._handle_custom_msg({"superseded": 1}, [])
    widget._handle_custom_msg({"number": 2, "request": {"parameters": {"k": 10}, "stop": 5}}, [])
    wait_for(lambda: len(sent) == 2)
    frames = {m["number"]: m["frame"] for m in sent}
    assert frames[1] == {"superseded": True}
    assert len(frames[2]["times"]) == 301


def test_units_are_described(decay):
    pytest.importorskip("pint", reason="units need pint")
    found = Explorer(decay, units={"x": "mM", "t": "min"}).description()["units"]
    assert found == {"x": "mM", "t": "min", "k": "min^-1"}
    with pytest.raises(DeclarationError, match="contradict"):
        Explorer(decay, units={"x": "mM", "t": "min", "k": "mM"})


def test_the_widget_answers_messages(decay):
    pytest.importorskip("anywidget")
    widget, sent = sd.explore(decay, stop=2), []
    widget.send = sent.append
    widget._handle_custom_msg({"number": 4, "request": {"parameters": {"k": 2}}}, [])
    widget._handle_custom_msg({"number": 5, "request": "os.system('')"}, [])
    widget._handle_custom_msg("else", [])
    wait_for(lambda: len(sent) == 2)
    sent.sort(key=lambda m: m["number"])
    assert [m["number"] for m in sent] == [4, 5]
    assert sent[0]["frame"]["curves"]["x"][-1] == pytest.approx(math.exp(-4), rel=1e-4)
    assert list(sent[1]["frame"]) == ["message"]


def start(*arguments):
    """The command, which is interrupted as from a terminal, though tests run in the background of a shell that shields them."""
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{root / 'kernels'}"}
    return subprocess.Popen(
        [sys.executable, "-m", "symdyn", "explore", *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_the_command_serves_a_model_until_it_is_interrupted(tmp_path):
    model = tmp_path / "model.txt"
    model.write_text("x' = -k*x; k = 1; x(0) = 1\n")
    with start(model, "--no-browser", "--set", "k=2", "--stop", 1) as process:
        address = urlsplit(process.stdout.readline().strip())
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
        connection.request("POST", f"{address.path}frame", "{}", {"Content-Type": "application/json"})
        frame = json.loads(connection.getresponse().read())
        connection.close()
        process.send_signal(signal.SIGINT)
        try:
            rest, said = process.communicate(timeout=30)
        finally:
            process.kill()
    assert frame["curves"]["x"][-1] == pytest.approx(math.exp(-2), rel=1e-4)
    assert (process.returncode, rest, said) == (0, "", "")


def test_wrong_arguments_of_the_command_are_named(tmp_path):
    from typer.testing import CliRunner

    from symdyn.cli import app

    model = tmp_path / "model.txt"
    model.write_text("x' = -k*x; x(0) = 1\n")
    for arguments, code, words in (
        (["--no-browser"], 3, "no value for the parameter k"),
        (["--set", "k=1,2"], 2, "several values"),
        (["--set", "k=1", "--seed", "3"], 3, "seed"),
        (["--set", "q=1"], 3, "'q' is not a parameter"),
    ):
        done = CliRunner().invoke(app, ["explore", str(model), *arguments])
        assert (done.exit_code, words in done.output) == (code, True), done.output
