"""`affidavit key`: what `verify --key` takes (C2SP signed-note)."""

import json
import os
import subprocess

import pytest

from affidavit.tlog.note import VerifierKey
from fakes.gateway_process import PROGRAM
from fakes.kms_server import KmsServer

NAME = "projects/p/locations/europe-west1/keyRings/acme/cryptoKeys/log/cryptoKeyVersions/1"
ORIGIN = "gateway.example.com/audit"


def key(*arguments, **environment):
    return subprocess.run(
        [PROGRAM, "key", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


def test_a_key_in_kms_is_printed_under_the_logs_name():
    server = KmsServer(NAME)
    with server.serving() as address:
        told = key(NAME, "--origin", ORIGIN, KMS_EMULATOR_HOST=address)

    assert told.returncode == 0, told.stderr
    assert VerifierKey.parse(told.stdout.strip()).public_key == server.key.public_key().public_bytes_raw()
    assert told.stdout.startswith(f"{ORIGIN}+")


def test_a_folders_key_is_the_one_beside_its_log(tmp_path):
    known = VerifierKey(name=ORIGIN, public_key=bytes(range(32)))
    (tmp_path / "log.vkey").write_text(f"{known}\n")

    assert key(tmp_path).stdout == f"{known}\n"
    assert json.loads(key(tmp_path, "--json").stdout) == {
        "key": str(known),
        "origin": ORIGIN,
        "public_key": bytes(range(32)).hex(),
    }


@pytest.mark.parametrize(
    ("arguments", "word"),
    [((NAME,), "--origin"), (("nowhere",), "neither a data folder"), (("projects/p/keys/k",), "of the form")],
)
def test_a_wrong_command_says_what_is_wrong(arguments, word):
    told = key(*arguments)

    assert told.returncode == 2
    assert word in told.stderr
    assert "Traceback" not in told.stderr


def test_a_folder_of_another_log_is_not_passed_off_as_this_one(tmp_path):
    (tmp_path / "log.vkey").write_text(f"{VerifierKey(name=ORIGIN, public_key=bytes(32))}\n")

    told = key(tmp_path, "--origin", "another.example.com/audit")
    assert told.returncode == 2
    assert ORIGIN in told.stderr
