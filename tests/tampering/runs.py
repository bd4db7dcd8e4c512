"""Runs the verifier over a story."""

from __future__ import annotations

from pathlib import Path

from affidavit.audit.verify.buckets import Buckets
from affidavit.audit.verify.checkpoints import Known
from affidavit.audit.verify.notes import parse_keys
from affidavit.audit.verify.report import Report
from affidavit.audit.verify.request import Request
from affidavit.audit.verify.verification import verify
from tampering.forge import micros
from tampering.story import AS_OF

SEED = b"sixteen bytes of"


def verify_folder(folder: Path, *, minutes: float = AS_OF, keys: list[str] | None = None, **more) -> Report:
    buckets = Buckets.of(f"{folder}/evidence", [f"{folder}/bodies"], {}, f"{folder}/log")
    request = Request(
        buckets=more.pop("buckets", buckets),
        keys=parse_keys(keys or [(folder / "log.vkey").read_text()]),
        now=more.pop("now", micros(minutes)),
        as_of=more.pop("as_of", micros(minutes)),
        seed=SEED,
        known=[Known(name, raw) for name, raw in more.pop("known", {}).items()],
        **more,
    )
    return verify(request)


def failed(report: Report) -> set[str]:
    return {check.id for check in report.checks if check.status == "FAIL"}


def findings(report: Report, check: str):
    return next(list(one.findings()) for one in report.checks if one.id == check)


def notes(report: Report, check: str) -> list[str]:
    return next(list(one.all_notes()) for one in report.checks if one.id == check)


def explain(report: Report) -> str:
    return "\n".join(
        f"{check.id}: {finding.object} {finding.record}: expected {finding.expected}; found {finding.found}"
        for check in report.checks
        for finding in check.findings()
    )
