"""`affidavit key`: the log's verifier key, as `verify --key` takes it."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from affidavit.errors import Malformed, Misconfigured
from affidavit.settings import KEY_VERSION
from affidavit.tlog.note import VerifierKey
from affidavit.wiring.cloud import load_cloud

_DESCRIPTION = """\
Print the log's verifier key: <origin>+<key id>+<key>, the form of C2SP signed-note. Keep it where nobody who could
change the log can change it: whoever has it can prove, for ever and without us, what the log held.

examples
  affidavit key projects/P/locations/L/keyRings/R/cryptoKeys/log/cryptoKeyVersions/1 --origin gateway.example.com/audit
      out of Cloud KMS; needs roles/cloudkms.publicKeyViewer
  affidavit key ./data
      of an embedded gateway's data folder"""


def add_parser(subparsers: Any) -> None:
    """Add this command to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "key",
        help="print the log's verifier key",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("key", metavar="KEY_VERSION|DIR", help="a version of a key in Cloud KMS, or a data folder")
    parser.add_argument("--origin", metavar="NAME", help="the log's name; a data folder knows its own")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the key; return 0."""
    key = (
        _in_kms(arguments)
        if KEY_VERSION.fullmatch(arguments.key)
        else _in_folder(Path(arguments.key), arguments.origin)
    )
    form = {"key": str(key), "origin": key.name, "public_key": key.public_key.hex()}
    sys.stdout.write(f"{json.dumps(form) if arguments.json else key}\n")
    return 0


def _in_kms(arguments: argparse.Namespace) -> VerifierKey:
    if not arguments.origin:
        raise Misconfigured("--origin is missing: a key in KMS does not know the name of its log")
    key: VerifierKey = load_cloud("log_key").verifier_key(arguments.key, arguments.origin, os.environ)
    return key


def _in_folder(folder: Path, origin: str | None) -> VerifierKey:
    file = folder / "log.vkey"
    try:
        key = VerifierKey.parse(file.read_text(encoding="utf-8").strip())
    except OSError as error:
        raise Misconfigured(
            f"{folder} is neither a data folder with its log.vkey nor of the form projects/P/locations/L/keyRings/R/"
            "cryptoKeys/K/cryptoKeyVersions/1"
        ) from error
    except (Malformed, ValueError) as error:
        raise Misconfigured(f"{file} is no verifier key: {error}") from error
    if origin not in (None, key.name):
        raise Misconfigured(f"{file} is of the log {key.name}, not of {origin}")
    return key
