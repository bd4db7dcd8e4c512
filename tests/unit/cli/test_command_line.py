"""The command line itself: what every command has in common."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import affidavit
from affidavit.cli import main
from fakes.ledger import Ledger

AFFIDAVIT = Path(sys.executable).with_name("affidavit")


@pytest.fixture
def data(tmp_path) -> Path:
    ledger = Ledger(tmp_path / "data")
    gateway = ledger.gateway()
    for _ in range(300):
        gateway.call()
    ledger.settle()
    return ledger.root


def run(monkeypatch, *arguments) -> int:
    monkeypatch.setattr(sys, "argv", ["affidavit", *map(str, arguments)])
    try:
        return main()
    except SystemExit as end:
        return end.code


def test_the_version_is_told(monkeypatch, capfd):
    assert run(monkeypatch, "--version") == 0
    assert capfd.readouterr().out == f"affidavit {affidavit.__version__}\n"


@pytest.mark.parametrize("command", ["serve", "verify", "show", "tail", "check", "definitions"])
def test_every_command_is_listed_and_explains_itself(monkeypatch, capfd, command):
    assert run(monkeypatch, "--help") == 0
    assert f"\n    {command} " in capfd.readouterr().out.replace("\n    definitions\n", "\n    definitions ")
    assert run(monkeypatch, command, "--help") == 0
    assert f"usage: affidavit {command} " in capfd.readouterr().out


@pytest.mark.parametrize("arguments", [(), ("shew",), ("show",), ("show", "DIR", "--last", "0"), ("show", "D", "--x")])
def test_a_wrong_command_line_is_status_2(monkeypatch, capfd, arguments):
    assert run(monkeypatch, *arguments) == 2
    assert "usage: affidavit" in capfd.readouterr().err


def test_an_error_is_one_sentence_and_no_trace(monkeypatch, capfd, tmp_path):
    assert run(monkeypatch, "show", tmp_path / "nowhere") == 2

    out, err = capfd.readouterr()
    assert out == ""
    assert err == f"affidavit: {tmp_path}/nowhere is no data folder: there is no evidence/ in it\n"


def test_an_error_is_red_on_a_terminal(monkeypatch, capfd, tmp_path):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    run(monkeypatch, "show", tmp_path)

    assert capfd.readouterr().err.startswith("\x1b[31m")


def test_a_reader_that_has_enough_is_no_error(data):
    with subprocess.Popen([AFFIDAVIT, "show", data], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as show:
        assert show.stdout.readline()
        show.stdout.close()
        assert show.wait(60) == 128 + signal.SIGPIPE
        assert show.stderr.read() == b""


def test_a_terminal_that_knows_few_letters_is_no_error(data):
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([AFFIDAVIT, "show", data], capture_output=True, env=environment, check=True, timeout=60)

    assert done.stdout.isascii()
    assert b"\\u2713 warehouse" in done.stdout


@pytest.mark.parametrize("columns", ["20", "80", "200"])
def test_lines_are_wrapped_to_a_terminal_and_not_in_a_pipe(data, columns):
    environment = {**os.environ, "FORCE_COLOR": "1", "NO_COLOR": "", "COLUMNS": columns, "TERM": "xterm"}
    terminal = subprocess.run([AFFIDAVIT, "show", data], capture_output=True, env=environment, check=True, timeout=60)
    environment.pop("FORCE_COLOR")
    pipe = subprocess.run([AFFIDAVIT, "show", data], capture_output=True, env=environment, check=True, timeout=60)

    assert b"\x1b" not in pipe.stdout
    widths = {len(line) for line in re.sub(r"\x1b\[[\d;]*m", "", terminal.stdout.decode()).splitlines()}
    assert max(widths) <= max(int(columns), 24 + 2 + 20)
    assert len(terminal.stdout.splitlines()) >= len(pipe.stdout.splitlines())


@pytest.mark.parametrize("command", ["verify", "show", "tail"])
def test_an_auditors_command_loads_no_server(command):
    """architecture "The house": `affidavit verify` of a folder needs neither a server nor a cloud."""
    script = "import sys\nfrom affidavit.cli import main\ntry: main()\nexcept SystemExit: print(*sys.modules)"

    done = subprocess.run([sys.executable, "-c", script, command, "--help"], capture_output=True, text=True, check=True)

    loaded = set(done.stdout.splitlines()[-1].split())
    assert f"affidavit.cli.{command}" in loaded
    assert loaded.isdisjoint({"aiohttp", "uvicorn", "uvloop", "starlette", "cel_expr_python", "affidavit.gateway"})
