"""`affidavit connect`: what it prints for each client, and what it says of a wrong command line."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from affidavit.cli import _parser
from affidavit.cli import connect as command
from affidavit.clock import SECOND
from affidavit.connect.tokens.token import unverified_claims
from affidavit.errors import Misconfigured
from affidavit.wiring.cloud_tokens import open_id_tokens
from fakes.gateway_process import PROGRAM
from fakes.iam_server import IamServer
from fakes.ports import free_port

URL = "https://gateway.example.com/mcp/warehouse"


def connect(*words: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PROGRAM, "connect", *words], capture_output=True, text=True, check=False, cwd=folder)


@pytest.mark.parametrize(
    ("client", "root", "more"),
    [
        ("claude", "mcpServers", {}),
        ("cursor", "mcpServers", {}),
        ("vscode", "servers", {"type": "stdio"}),
        ("gemini", "mcpServers", {"timeout": 600_000}),
    ],
)
def test_a_snippet_is_what_the_client_reads_and_starts_the_same_bridge(tmp_path, client, root, more):
    """The formats of 2026-11; the command is a whole path, because clients start in nobody's shell."""
    options = ["--token-file", "token", "--audience", "https://gateway.example.com"]
    done = connect(URL, "--print", client, *options, folder=tmp_path)

    assert done.returncode == 0, done.stderr
    (name, entry), *others = json.loads(done.stdout)[root].items()
    assert (name, others) == ("warehouse", [])
    assert entry.pop("command") == PROGRAM
    assert entry.pop("args") == [
        "connect",
        URL,
        "--token-file",
        str(tmp_path / "token"),
        "--audience",
        "https://gateway.example.com",
    ]
    assert entry == more
    assert client == "claude" or "mcp.json" in done.stderr or "settings.json" in done.stderr


def test_a_snippet_has_the_name_that_was_chosen_and_keeps_words_with_blanks():
    done = connect(URL, "--name=db", "--print=claude", "--token-command", "gcloud auth 'print identity'")
    (name, entry), *_ = json.loads(done.stdout)["mcpServers"].items()

    assert name == "db"
    assert entry["args"] == ["connect", URL, "--token-command", "gcloud auth 'print identity'"]
    _parser().parse_args(entry["args"])


@pytest.mark.parametrize(
    "words",
    [
        "http://gateway.example.com/mcp/w --check",
        "https://gateway.example.com/mcp/w?token=x --check",
        f"{URL} --impersonate a@b.iam.gserviceaccount.com --check",
        f"{URL} --oauth --google",
        f"{URL} --print emacs",
        f"{URL} --callback-port 0",
        "",
    ],
)
def test_a_wrong_command_line_is_status_2_and_one_sentence(words):
    done = connect(*shlex.split(words))

    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_check_of_a_gateway_that_is_not_there_is_one_sentence_and_status_1(tmp_path):
    (tmp_path / "token").write_text("opaque")
    url = f"http://127.0.0.1:{free_port()}/mcp/warehouse"

    done = connect(url, "--check", "--token-file", str(tmp_path / "token"))

    assert done.returncode == 1
    assert done.stdout.startswith("Not connected: The gateway at http://127.0.0.1:")
    assert len(done.stdout.splitlines()) == 1


def test_google_without_its_libraries_is_told_what_to_install(monkeypatch):
    """An auditor's and a desktop's machine has none of them (`wiring/cloud.py`)."""
    monkeypatch.setitem(sys.modules, "affidavit.wiring.cloud_tokens", None)
    with pytest.raises(Misconfigured, match="affidavit\\[gcp\\]"):
        command._around().load_google("a@b.iam.gserviceaccount.com")


def test_google_by_impersonation_asks_iam():
    """IAM Service Account Credentials API v1 (`generateIdToken`); the token's end is said with it."""
    iam = IamServer("reader@proj.iam.gserviceaccount.com")
    with iam.serving() as address:
        id_token = open_id_tokens("reader@proj.iam.gserviceaccount.com", {"IAM_CREDENTIALS_EMULATOR_HOST": address})
        text, expires = id_token("https://gateway.example.com")

    claims = unverified_claims(text)
    assert claims["aud"] == "https://gateway.example.com"
    assert expires == claims["exp"] * SECOND


def test_stdout_is_the_protocols_alone(tmp_path):
    """A browser, a library or a command that prints must not be taken for a message."""
    script = "import os, sys; os.write(1, b'stray'); print('also stray', flush=True)"
    program = f"from affidavit.cli.connect import _own_streams as own; i, o = own(); {script}; o.write(b'm')"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        check=True,
        input=b"",
    )

    assert done.stdout == b"m"
    assert b"stray" in done.stderr
