"""The command line itself: what every command has in common."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import affidavit
from affidavit.adapters.embedded.state import SeenDefinition, State
from affidavit.cli import main
from affidavit.clock import system_clock
from fakes.ledger import Ledger
from fakes.process import killed_at_the_end

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


@pytest.mark.parametrize("command", ["serve", "verify", "show", "tail", "check", "definitions", "doctor", "connect"])
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
    with killed_at_the_end([AFFIDAVIT, "show", data], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as show:
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
    assert command != "verify" or "isal" not in loaded, "who only reads needs no compressor"


def shell(command: str) -> tuple[int, str]:
    """Run a line of a shell; return the status of `affidavit` in it, and what it said to people."""
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    return int(done.stdout.splitlines()[-1]), done.stderr


@pytest.mark.parametrize("command", ["verify", "show"])
def test_a_full_disk_behind_the_output_proves_nothing_false(data, command):
    """evidence-format section 9: 1 says that something is proved false; a full disk does not."""
    status, said = shell(f"{AFFIDAVIT} {command} {data} > /dev/full; echo $?")

    assert (status, said) == (3, "affidavit: the answer could not be written: No space left on device\n")


@pytest.mark.parametrize("command", ["verify", "show"])
def test_a_closed_output_proves_nothing_false(data, command):
    status, said = shell(f"{AFFIDAVIT} {command} {data} >&-; echo $?")

    assert (status, said) == (3, "affidavit: there is no standard output to write to\n")


@pytest.mark.parametrize("command", ["verify", "verify --json", "show"])
def test_a_reader_that_reads_nothing_is_no_finding(data, command):
    status, said = shell(f"{AFFIDAVIT} {command} {data} | true; echo ${{PIPESTATUS[0]}}")

    assert (status, said) == (141, "")


def test_definitions_in_a_damaged_file_are_a_sentence(monkeypatch, capfd, tmp_path):
    (tmp_path / "state.sqlite").write_bytes(b"junk " * 1000)

    assert run(monkeypatch, "definitions", tmp_path) == 2
    assert capfd.readouterr().err.count("\n") == 1


def test_definitions_are_not_broken_into_lines_in_a_pipe(monkeypatch, capfd, tmp_path):
    state = State(tmp_path / "state.sqlite", system_clock)
    state.close()
    seen = [
        SeenDefinition("up", "tool" * 30, digest * 64, canonical, "2026-11-26", stands)
        for digest, canonical, stands in (
            ("a", b'{"description":"old"}', True),
            ("b", b'{"description":"%s"}' % (b"word " * 40), False),
        )
    ]
    monkeypatch.setattr(State, "definitions", lambda _: seen)

    assert run(monkeypatch, "definitions", tmp_path) == 1
    out = capfd.readouterr().out
    assert any(line.endswith(('word "', 'word "')) and line.startswith("+") for line in out.splitlines()), out


@pytest.mark.parametrize(("command", "value"), [("show", "0"), ("tail", "-1"), ("tail", "x")])
def test_a_wrong_number_of_calls_is_told_as_what_it_is(monkeypatch, capfd, data, command, value):
    assert run(monkeypatch, command, data, f"--last={value}") == 2
    assert f"'{value}' is no number from" in capfd.readouterr().err
