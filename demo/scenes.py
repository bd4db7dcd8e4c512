"""The scenes of the demo, in their order; each makes claims, and the demo fails where one does not hold."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import jobs
from house import BIN, Broken, House
from stage import Stage

from affidavit.audit.timeline import finding
from affidavit.audit.timeline.entries import CallEntry
from affidavit.audit.timeline.items import Recorded, StoredSegment
from affidavit.audit.timeline.reader import Reader
from affidavit.audit.timeline.standing import Log
from affidavit.audit.timeline.weave import Weaver
from affidavit.cli.folder import log_key, open_buckets
from affidavit.cli.rendering.entries import EntryPrinter
from affidavit.cli.rendering.page import Page

LOW_STOCK = """\
select sku, name, on_hand, reorder_at from products join stock using (sku)
where on_hand < reorder_at order by on_hand"""
PICK = "update stock set on_hand = on_hand - 12 where sku = 'ANC-10-80'"
DROP = "drop table orders"
REFILL = "update stock set on_hand = 500 where sku = 'ANC-10-80'"
LEFT = "select on_hand from stock where sku = 'ANC-10-80'"
PICTURED = (2, 3)  # of the calls: a change that was made, and one that was denied
TOKEN_S = 600  # a job's token
COMMITTED_S = 15.0  # until what was said is in the log: the sequencer runs every second


async def a_job_with_a_sponsor(stage: Stage, house: House) -> str:
    """Let a nightly job do its work; return the record of what it changed."""
    stage.scene(
        "A nightly CI job calls the warehouse through the gateway",
        "Nobody pressed its button; ana@example.com sponsors its repository, so she answers for it.",
    )
    async with jobs.connected(house, "stock-keeper", _ci_token(house)) as job:
        with stage.left_out_of_the_picture():
            low = await _said(stage, job, "sql.query", sql=LOW_STOCK)
            customer = await _said(stage, job, "customers.lookup", name="Okafor")
        picked = await _said(stage, job, "sql.query", sql=PICK)
        stage.claim("Three calls are answered", "ANC-10-80" in low.text and "Leeds" in customer.text)
        stage.claim("and each answer names its record", None not in (low.record, customer.record, picked.record))
        before = house.requests_at_the_warehouse()
        denied = await _said(stage, job, "sql.query", sql=DROP)
        stage.claim("The fourth is denied by a rule", denied.code == "denied")
        stage.claim("and does not reach the warehouse", house.requests_at_the_warehouse() == before)
    if picked.record is None or picked.text != "1 row changed":
        raise Broken(f"the warehouse does not change its stock: {picked.text}")
    return picked.record


async def a_job_without(stage: Stage, house: House) -> None:
    """Let somebody come for whom nobody answers."""
    stage.scene("A bare service account calls", "Its token is genuine, but no person stands behind it.")
    token = house.cloud.token(house.url, lasts=TOKEN_S, **jobs.SERVICE_ACCOUNT)
    async with jobs.connected(house, "etl", token) as job:
        before = house.requests_at_the_warehouse()
        outcome = await _said(stage, job, "customers.lookup", id=1003)
        stage.claim("It is refused", outcome.code == "denied")
        stage.claim("and nothing reaches the warehouse", house.requests_at_the_warehouse() == before)


async def an_outage(stage: Stage, house: House) -> str:
    """Let a call come while the journal cannot be written; return the record of the first call after it."""
    stage.scene(
        "The journal is not available",
        "From here on the kernel lets no write of the gateway succeed, as on a full disk. No record, no action:",
    )
    async with jobs.connected(house, "stock-keeper", _ci_token(house)) as job:
        before = house.requests_at_the_warehouse()
        with house.unwritable_journal():
            outcome = await _said(stage, job, "sql.query", sql=REFILL)
            after = house.requests_at_the_warehouse()
        stage.claim("The call is refused with a clear error", outcome.code == "unavailable")
        stage.claim(f"The warehouse had counted {before} requests before it, and {after} after it", before == after)
        stage.say("The disk is back.", "dim")
        waited = house.wait_until_ready()
        left = await _said(stage, job, "sql.query", sql=LEFT)
        stage.claim(
            f"The gateway takes calls again {waited:.1f} s later, and the stock is what it was", "5" in left.text
        )
    if left.record is None:
        raise Broken("an answer names no record")
    return left.record


def the_timeline(stage: Stage, house: House, last: str) -> None:
    """Show what the evidence says of all that."""
    stage.scene("What the evidence says", f"affidavit show {house.data}")
    with stage.step("Waiting until the log holds and signs the last of it"):
        _wait_for_signature(house, last)
    reader = Reader(open_buckets(house.data))
    weaver = Weaver(lambda writer: writer in reader.commits.admitted)
    printer = EntryPrinter(Page(stage.console), lambda record: f"affidavit show {house.data} {record}")
    for item in reader.since():
        weaver.take(item)
    calls = [entry for entry in weaver.rest() if isinstance(entry, CallEntry) and (entry.acts or entry.refused)]
    for number, call in enumerate(calls):
        with contextlib.nullcontext() if number in PICTURED else stage.left_out_of_the_picture():
            printer.print(call)
    refused = [call for call in calls if call.refused]
    stage.claim(
        f"{len(calls)} calls with their persons, commands and answers, {len(refused)} of them refused",
        (len(calls), len(refused)) == (7, 3),
    )


def the_proof(stage: Stage, house: House) -> None:
    """Verify everything."""
    stage.scene("Nobody has to believe that: affidavit verify", "Every hash, every signature, the whole Merkle tree.")
    status, said = _verify(stage, house.data)
    stage.quote(said, pictured=r"^(ok|All)")
    stage.claim("Everything holds (exit status 0)", status == 0)


def the_flip(stage: Stage, house: House, record: str) -> None:
    """Change one bit in a copy, and verify that."""
    found, segment = _request_of(house, record)
    copy = house.folder / "copy"
    private = shutil.ignore_patterns("journal", "tmp", "*.key", "state.sqlite*")
    shutil.copytree(house.data, copy, ignore=private, copy_function=_copy_if_there)
    object_ = copy / segment.object
    stage.scene("One flipped byte", f"In a copy, where it says who asked to change the stock: record {found.id} in")
    stage.say(segment.object, "dim")
    stored = bytearray(object_.read_bytes())
    stored[len(stored) // 2] ^= 1
    object_.chmod(0o600)
    object_.write_bytes(stored)
    status, said = _verify(stage, copy)
    stage.quote(said, pictured=r"FAIL|other bytes|expected|/segment/|proved")
    stage.claim("It is found (exit status 1)", status == 1)
    stage.claim("and named, object and record", _names(copy, found, segment))
    shutil.rmtree(copy)


def _copy_if_there(source: str, copy: str) -> None:
    """Copy a file of a living log: a partial tile is gone when the full one is there."""
    with contextlib.suppress(FileNotFoundError):
        shutil.copyfile(source, copy)


def _request_of(house: House, record: str) -> tuple[Recorded, StoredSegment]:
    """Return the record that says what was asked in the call of another record."""
    writer, _, seq = record.partition("/")
    reader = Reader(open_buckets(house.data))
    found = finding.record(reader, writer, int(seq))
    if found is not None:
        for item in finding.records_of_call(reader, str(found.record["call"]), writer):
            if isinstance(item, Recorded) and item.segment is not None:
                return item, item.segment
    raise Broken(f"the record {record} is not there")


def _verify(stage: Stage, data: Path) -> tuple[int, str]:
    colour = {"FORCE_COLOR": "1", "COLUMNS": str(stage.console.width - 5)} if stage.console.is_terminal else {}
    with stage.step("affidavit verify"):
        done = subprocess.run(
            [str(BIN / "affidavit"), "verify", str(data)],
            capture_output=True,
            text=True,
            env={**os.environ, **colour},
            check=False,
        )
    return done.returncode, (done.stdout + done.stderr).rstrip()


def _names(data: Path, record: Recorded, segment: StoredSegment) -> bool:
    """Tell whether the verifier's findings name the object, and a record in it."""
    done = subprocess.run([str(BIN / "affidavit"), "verify", str(data), "--json"], capture_output=True, check=False)
    findings = [one for check in json.loads(done.stdout)["checks"] for one in check["findings"]]
    held = {f"{record.writer}/{seq}" for seq in range(segment.first_seq, segment.next_seq)}
    return any(one["object"] == segment.object and one["record"] in held for one in findings)


def _wait_for_signature(house: House, record: str) -> None:
    writer, _, seq = record.partition("/")
    buckets = open_buckets(house.data)
    begun = time.monotonic()
    while time.monotonic() - begun < COMMITTED_S:
        house.gateway.check()
        reader = Reader(buckets)
        found = finding.record(reader, writer, int(seq))
        if found is not None and Log(buckets, reader.commits, log_key(house.data)).standing(found).proved:
            return
        time.sleep(0.1)
    raise Broken(f"record {record} is not in the signed log after {COMMITTED_S:.0f} s")


def _ci_token(house: House) -> str:
    return house.ci.token(house.url, lasts=TOKEN_S, **jobs.RUN)


async def _said(stage: Stage, job: jobs.Job, tool: str, **arguments: object) -> jobs.Outcome:
    asked = " ".join(" ".join(str(value).split()) for value in arguments.values())
    outcome = await job.call(tool, **arguments)
    refused = outcome.code is not None
    stage.say(f"{tool}  {asked}", "bold", mark="→ ")
    stage.quote(outcome.text, "red" if refused else "")
    return outcome
