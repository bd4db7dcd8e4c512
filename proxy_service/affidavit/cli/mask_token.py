"""`affidavit mask-token`: what would stand in a record if a value had been masked there."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

from affidavit.errors import Misconfigured
from affidavit.evidence.fingerprints import SECRET_BYTES, derive
from affidavit.masking.tokens import PURPOSE, Tokens
from affidavit.wiring.cloud import load_cloud

KEY_FILE = "mask.key"  # in a data folder

_RULE = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", re.ASCII)
_SECRET = re.compile(r"projects/[^/]+/secrets/[A-Za-z0-9_-]{1,255}/versions/(latest|[1-9][0-9]*)", re.ASCII)

_DESCRIPTION = """\
Print the token that a masking rule records in the place of a value, so that you can look for it: "was this value ever
said?". A token is an HMAC, so this needs the deployment's secret, and nobody without it can test a guess.

The value is read from standard input, never from the command line, where others on the machine could see it; one line
end after it is not a part of it. It must be exactly what was masked: `4111 1111` and `41111111` are two values. Of a
number or a boolean under a masked field it is how JSON prints it.

examples
  printf %s 'the value' | affidavit mask-token --data ./data --rule credentials
  affidavit mask-token --data ./data --rule cards < value.txt
  affidavit mask-token --secret projects/P/secrets/affidavit-deployment/versions/1 --rule cards < value.txt
      on Google Cloud; needs roles/secretmanager.secretAccessor on that secret"""


def add_parser(subparsers: Any) -> None:
    """Add this command to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "mask-token",
        help="print the token of a masked value",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--data", type=Path, metavar="DIR", help="a data folder, whose mask.key is read")
    where.add_argument("--secret", metavar="SECRET_VERSION", help="the deployment's secret in Secret Manager")
    parser.add_argument("--rule", required=True, metavar="RULE", help="the masking rule, by its name in the file")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the token; return 0."""
    if not _RULE.fullmatch(arguments.rule):
        raise Misconfigured(f"'{arguments.rule}' is not the name of a rule: small letters, digits, '-' and '_'")
    secret = _of_folder(arguments.data) if arguments.data is not None else _of_cloud(arguments.secret)
    value = sys.stdin.buffer.read().removesuffix(b"\n").removesuffix(b"\r")
    if not value:
        raise Misconfigured("there is no value: give it on standard input, as in printf %s 'the value' | affidavit …")
    token = Tokens(derive(secret, PURPOSE)).recorded_bytes(arguments.rule, value).decode()
    sys.stdout.write(f"{json.dumps({'rule': arguments.rule, 'token': token}) if arguments.json else token}\n")
    return 0


def _of_folder(folder: Path) -> bytes:
    file = folder / KEY_FILE
    try:
        secret = file.read_bytes()
    except OSError as error:
        raise Misconfigured(f"{file} cannot be read: {error.strerror}; is {folder} a data folder?") from error
    if len(secret) < SECRET_BYTES:
        raise Misconfigured(f"{file} is no key: it has {len(secret)} bytes")
    return secret


def _of_cloud(reference: str) -> bytes:
    if not _SECRET.fullmatch(reference):
        raise Misconfigured(f"'{reference}' is not of the form projects/P/secrets/NAME/versions/1")
    secret: bytes = load_cloud("deployment_secret").read_deployment_secret(reference, os.environ)
    return secret
