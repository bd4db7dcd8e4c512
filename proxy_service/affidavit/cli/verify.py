"""`affidavit verify`: prove, offline, that nothing committed was altered or removed.

Needs a copy of the buckets and the log's verifier key, nothing else; buckets on Google Cloud are copied first
(`copies.py`). Never writes to what it verifies; of a folder, never asks the network.

Source: evidence-format section 9.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from rich.console import Console

from affidavit.audit.verify.buckets import BodyBuckets, Bucket, Buckets, read_file
from affidavit.audit.verify.checkpoints import Known
from affidavit.audit.verify.expect import Expected, accept, read_expected
from affidavit.audit.verify.notes import LogKeys, parse_keys
from affidavit.audit.verify.report import UNREADABLE, WRONG_USAGE, Report
from affidavit.audit.verify.request import Request
from affidavit.audit.verify.verification import verify
from affidavit.cli.copies import local
from affidavit.cli.progress import Bar
from affidavit.cli.sources import Sources, place
from affidavit.cli.verdict import show
from affidavit.clock import SECOND, Micros, system_clock
from affidavit.errors import Malformed, Misconfigured, Unavailable
from affidavit.evidence.names import RETENTION_CLASS

INTERRUPTED = 130  # what a shell expects of a command that Ctrl-C ended
_SEED_BYTES = 16

_EPILOG = """\
what is checked
  checkpoint    the log's signatures, at every size that it ever signed
  tree          the Merkle tree, recomputed from the records, and every tile that is served
  commits       the order of the log: each commit names the one before, none stays unsigned
  segments      every stored segment, its hash, its form and its writer's signature
  chains        every writer's chain: registered, admitted, no record missing or moved, silent ones accounted for
  bodies        what was said, as long as it must be kept
  calls         every call that began has ended, once
  approvals     every approved call has its approval, for exactly that call
  masks         what was hidden is hidden where the record says so
  attestations  who vouches for each writer's key
  identities    each proof of who called, held against what was verified and the keys of then
  gaps          no hole, no fork
  uncommitted   what is stored and not in the log yet
  strays        everything else that lies there

exit status
  0  all of it holds          2  the command is wrong; nothing was checked
  1  something is proved false, missing or forged
  3  nothing is proved false, but something could not be read, or the answer could not be written

examples
  affidavit verify ./data
      a data folder of an embedded gateway that is running
  affidavit verify ./data --as-of commit
      one that is switched off, or an archived copy: time is judged as of its newest commit
  affidavit verify --evidence E --bodies B --log L --key gateway.example.com/audit+1a2b3c4d+AQ…
      copies of buckets; B holds one folder for each retention class, or say --bodies standard=DIR
  affidavit verify gs://acme-evidence --copy ./acme --key gateway.example.com/audit+1a2b3c4d+AQ…
      buckets on Google Cloud, with acme-log and the body bucket of each class (acme-body-standard, …); the copy is
      kept, and next time only what is new is fetched. Without --copy it is removed afterwards.
      Needs the role roles/storage.objectViewer on them, and pip install "affidavit[gcp]"
  affidavit verify gs://a --log gs://b --bodies standard=gs://c --key log.vkey
      buckets of other names
  affidavit verify ./data --known checkpoint-of-last-year
      also prove that the log still begins as it did then: keep checkpoints, nothing else shows that
      everything was rolled back
  affidavit verify ./data --expect known.yaml
      accept findings that somebody answers for, each with check, object, record, by and why
"""


def add_parser(subparsers: Any) -> None:
    """Add this command to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "verify",
        help="prove that nothing committed was altered or removed",
        description="Prove, from a copy of the buckets and the log's verifier key, that nothing committed was altered "
        "or removed, and that each chain of records is whole.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "dir",
        nargs="?",
        type=place,
        metavar="DIR|gs://BUCKET",
        help="a data folder: evidence/ bodies/ log/ log.vkey; or an evidence bucket whose siblings are named alike",
    )
    parser.add_argument(
        "--evidence", type=place, metavar="DIR|gs://BUCKET", help="the evidence bucket, or a copy of it"
    )
    parser.add_argument(
        "--bodies",
        action="append",
        default=[],
        metavar="DIR|CLASS=DIR|CLASS=gs://BUCKET",
        help="a folder with a copy of each body bucket, or one such bucket or its copy; may be given again",
    )
    parser.add_argument("--log", type=place, metavar="DIR|gs://BUCKET", help="the log bucket, or a copy of it")
    parser.add_argument(
        "--copy", type=Path, metavar="DIR", help="keep the copies of buckets here, and fetch only what is not there yet"
    )
    parser.add_argument(
        "--key",
        action="append",
        default=[],
        metavar="KEY|FILE",
        help="the log's verifier key, or a file that holds it; again for each key since it was rotated",
    )
    parser.add_argument(
        "--as-of",
        metavar="TIME|commit",
        help="judge what is late as of a time (2026-11-22T12:25:57Z) or of the newest commit; default: now",
    )
    parser.add_argument(
        "--known",
        action="append",
        default=[],
        type=Path,
        metavar="CHECKPOINT",
        help="a checkpoint that you kept; may be given again",
    )
    parser.add_argument("--expect", type=Path, metavar="FILE", help="findings that are known and accepted, YAML")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Verify; return 0, 1, 2 or 3 as the help says."""
    errors = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    try:
        expected, report = _verify(arguments, errors)
    except Misconfigured as error:
        errors.print(f"affidavit verify: {error}")
        return WRONG_USAGE
    except Unavailable as error:
        errors.print(f"affidavit verify: {error}")
        return UNREADABLE
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 the top: whatever is in a copy, its reader gets a sentence
        errors.print(f"affidavit verify: stopped by a mistake of its own ({type(error).__name__}); nothing is proved")
        return UNREADABLE
    accept(report.checks, expected)
    _print(report, as_json=arguments.json)
    return report.status


def _verify(arguments: argparse.Namespace, errors: Console) -> tuple[list[Expected], Report]:
    sources = Sources.of(arguments)
    if not sources.given:
        _buckets(arguments)  # says what is wrong with them first
    asked, expected = _asked(arguments, system_clock()), _expected(arguments.expect)
    with local(arguments, sources, os.environ, errors) as copied:
        # Disposal goes by the time of looking; what is late, by the time when copying began.
        request = replace(asked, buckets=_buckets(copied), now=system_clock())
        with Bar(errors, "verifying") as bar:
            return expected, verify(replace(request, progress=bar.move))


def _print(report: Report, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(report.form()) + "\n")
    else:
        show(report, Console(soft_wrap=True, highlight=False))


def _asked(arguments: argparse.Namespace, now: Micros) -> Request:
    return Request(
        buckets=Buckets.of("", [], {}, ""),
        keys=_keys(arguments),
        now=now,
        as_of=_as_of(arguments.as_of, now),
        seed=os.urandom(_SEED_BYTES),
        known=[_known(path) for path in arguments.known],
    )


def _buckets(arguments: argparse.Namespace) -> Buckets:
    folder: Path | None = arguments.dir
    if folder is None and arguments.evidence is None:
        raise Misconfigured("say what to verify: a data folder, or --evidence, --bodies, --log and --key")
    if folder is not None and not any((folder / name).is_dir() for name in ("evidence", "log", "bodies")):
        raise Misconfigured(
            f"{folder} is no data folder: it has neither evidence/ nor log/. Copies of buckets are given one by one, "
            "with --evidence, --bodies and --log"
        )
    return Buckets(
        evidence=Bucket("evidence", _folder(arguments.evidence, folder, "evidence")),
        bodies=_bodies(arguments.bodies, folder),
        log=_log(arguments.log, folder),
    )


def _folder(given: Path | None, folder: Path | None, name: str) -> str:
    if given is None:
        return str((folder or Path()) / name)
    if not given.is_dir():
        raise Misconfigured(f"--{name} {given}: there is no such folder")
    return str(given)


def _log(given: Path | None, folder: Path | None) -> Bucket | None:
    return None if given is None and folder is None else Bucket("log", _folder(given, folder, "log"))


def _bodies(given: Sequence[str], folder: Path | None) -> BodyBuckets:
    roots: list[str] = []
    single: dict[str, str] = {}
    for text in given:
        retention_class, separator, path = text.partition("=")
        if separator and RETENTION_CLASS.fullmatch(retention_class) and not Path(text).is_dir():
            single[retention_class] = path
        else:
            roots.append(path := text)
        if not Path(path).is_dir():
            raise Misconfigured(f"--bodies {text}: there is no such folder")
    if not given and folder is not None:
        roots.append(str(folder / "bodies"))
    return BodyBuckets(roots, single)


def _keys(arguments: argparse.Namespace) -> LogKeys:
    given: list[str] = list(arguments.key)
    if not given and not isinstance(arguments.dir, Path | None):
        raise Misconfigured("--key is missing: the log's verifier key lies in no bucket; `affidavit key` prints it")
    if not given and arguments.dir is not None:
        beside = arguments.dir / "log.vkey"
        if not beside.is_file():
            raise Misconfigured(f"{beside} is not there: give the log's verifier key with --key")
        given = [str(beside)]
    texts = [line for text in given for line in _key_lines(text)]
    try:
        return parse_keys(texts)
    except (Malformed, ValueError) as error:
        raise Misconfigured(f"--key: {error}. A key reads <origin>+<8 hex digits>+<base64>") from error


def _key_lines(text: str) -> list[str]:
    """Return a key that is given as it is, or those in a file, one a line."""
    try:
        data = read_file(text)
    except (Malformed, Unavailable, ValueError) as error:
        raise Misconfigured(f"--key {text}: {error}") from error
    return [text] if data is None else [line for line in data.decode("utf-8", "replace").split("\n") if line.strip()]


def _as_of(text: str | None, now: Micros) -> Micros | Literal["commit"]:
    if text is None:
        return now
    if text == "commit":
        return "commit"
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise Misconfigured(f"--as-of {text}: not a time like 2026-11-22T12:25:57Z, nor `commit`") from error
    if at.tzinfo is None:
        raise Misconfigured(f"--as-of {text}: say the zone, for instance {at.isoformat()}Z")
    seconds = int(at.replace(microsecond=0).timestamp())
    return seconds * SECOND + at.microsecond


def _known(path: Path) -> Known:
    return Known(str(path), _read(path, "--known"))


def _expected(path: Path | None) -> list[Expected]:
    return [] if path is None else read_expected(_read(path, "--expect"), str(path))


def _read(path: Path, option: str) -> bytes:
    try:
        data = read_file(str(path))
    except (Malformed, Unavailable) as error:
        raise Misconfigured(f"{option} {path}: {error}") from error
    if data is None:
        raise Misconfigured(f"{option} {path}: there is no such file")
    return data
