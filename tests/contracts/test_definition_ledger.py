"""The laws of `gateway.ports.DefinitionLedger` and of its review, on the fake, SQLite and Firestore."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from grpc import StatusCode

from affidavit.adapters.embedded.state import Ledger, State
from affidavit.adapters.gcp.firestore import PACKED_BYTES, FirestoreDefinitions, FirestoreLedger, open_database
from affidavit.clock import MINUTE
from affidavit.errors import Misconfigured, OutcomeUnknown, Unavailable
from affidavit.evidence.packing import pack
from fakes.definitions import MemoryLedger
from fakes.failing_server import Fault
from fakes.firestore import VARIABLE, Database
from fakes.gateway_process import PROGRAM
from fakes.real_project import with_project

NOW = 1_795_350_357_000_001
BY = "ana@example.com"
ONE, TWO = b'{"name":"query"}', b'{"description":"changed","name":"query"}'


class Clock:
    def __init__(self):
        self.now = NOW

    def __call__(self):
        self.now += MINUTE
        return self.now


class Memory:
    def __init__(self):
        self.ledger = self.review = MemoryLedger()

    def again(self):
        return self.ledger, self.review

    def break_next(self, *, persisted):
        self.ledger.faults.fail(persisted=persisted)

    def close(self):
        pass


class Sqlite:
    def __init__(self, path):
        self.path = path
        self.clock = Clock()
        self.opened = []
        self.ledger, self.review = self.again()

    def again(self):
        review = State(self.path, self.clock)
        ledger = Ledger(State(self.path, self.clock))
        self.opened += [ledger, review]
        return ledger, review

    def close(self):
        for one in self.opened:
            one.close()


class Firestore:
    def __init__(self, emulator):
        self.database = Database.of(emulator)
        self.clock = Clock()
        self.ledgers = []
        self.ledger, self.review = self.again()

    def again(self):
        return self.over(self.database.open())

    def over(self, client):
        definitions = FirestoreDefinitions(client, self.clock)
        self.ledgers.append(FirestoreLedger(definitions))
        return self.ledgers[-1], definitions

    def break_next(self, *, persisted):
        """Let the next commit fail, in a way that is not tried again."""
        fault = Fault(StatusCode.DATA_LOSS, persisted)
        self.ledger, self.review = self.over(self.database.open_failing(fault, 1, method="/Commit"))

    def close(self):
        for one in self.ledgers:
            one.close()
        self.database.close()


def made_of(request, tmp_path):
    match request.param:
        case "memory":
            return Memory()
        case "sqlite":
            return Sqlite(tmp_path / "state.sqlite")
        case "firestore":
            return Firestore(request.getfixturevalue("firestore_emulator"))
        case _:
            return Firestore(None)


@pytest.fixture(params=with_project("memory", "sqlite", "firestore", needs="DATABASE"))
def made(request, tmp_path):
    made = made_of(request, tmp_path)
    yield made
    made.close()


@pytest.fixture(params=with_project("memory", "firestore", needs="DATABASE"))
def breakable(request, tmp_path):
    made = made_of(request, tmp_path)
    yield made
    made.close()


@pytest.fixture
def firestore(firestore_emulator):
    made = Firestore(firestore_emulator)
    yield made
    made.close()


@pytest.fixture
def upstream():
    return f"warehouse-{uuid.uuid4()}"


def standing_digest(standing):
    return None if standing is None else standing.digest


def shown(review, upstream):
    """Return what was shown of an upstream's tools: (target, digest, whether it stands)."""
    return [(one.target, one.digest, one.stands) for one in review.definitions() if one.upstream == upstream]


async def test_the_first_definition_stands_until_another_is_accepted(made, upstream):
    """mcp "Duties": the rug pull."""
    assert standing_digest(await made.ledger.standing(upstream, "query")) is None
    assert standing_digest(await made.ledger.see(upstream, "query", "a", ONE)) == "a"
    assert standing_digest(await made.ledger.see(upstream, "query", "b", TWO)) == "a"
    assert standing_digest(await made.ledger.standing(upstream, "query")) == "a"

    assert made.review.accept(upstream, "query", "b", BY) is True

    assert standing_digest(await made.ledger.standing(upstream, "query")) == "b"
    assert standing_digest(await made.ledger.see(upstream, "query", "a", ONE)) == "b"


async def test_what_stands_says_who_accepted_it(made, upstream):
    """mcp "Duties": a changed definition is reviewed by somebody."""
    first = await made.ledger.see(upstream, "query", "a", ONE)
    await made.ledger.see(upstream, "query", "b", TWO)
    assert first.by is None

    made.review.accept(upstream, "query", "b", BY)

    assert (await made.ledger.standing(upstream, "query")).by == BY
    assert (await made.ledger.see(upstream, "query", "b", TWO)).by == BY


async def test_what_one_process_has_seen_stands_for_all(made, upstream):
    await made.ledger.see(upstream, "query", "a", ONE)
    ledger, review = made.again()

    assert standing_digest(await ledger.standing(upstream, "query")) == "a"
    assert standing_digest(await ledger.see(upstream, "query", "b", TWO)) == "a"
    assert review.accept(upstream, "query", "b", BY)
    assert standing_digest(await made.ledger.standing(upstream, "query")) == "b"


async def test_what_was_never_shown_cannot_be_accepted(made, upstream):
    assert made.review.accept(upstream, "query", "a", BY) is False
    await made.ledger.see(upstream, "query", "a", ONE)

    assert made.review.accept(upstream, "query", "b", BY) is False
    assert made.review.accept(upstream, "other", "a", BY) is False
    assert standing_digest(await made.ledger.standing(upstream, "query")) == "a"


async def test_all_that_was_shown_can_be_reviewed_the_newest_last(made, upstream):
    """`affidavit definitions` shows how the newest differs from the one that stands, and accepts the newest."""
    for digest in "abcdefb":
        await made.ledger.see(upstream, "query", digest, b'"%s"' % digest.encode())
    await made.ledger.see(upstream, "list", "x", ONE)

    assert shown(made.review, upstream) == [
        ("list", "x", True),
        ("query", "a", True),
        *[("query", digest, False) for digest in "cdefb"],
    ]
    found = {one.digest: one.canonical for one in made.review.definitions() if one.upstream == upstream}
    assert found == {"x": ONE, **{digest: b'"%s"' % digest.encode() for digest in "abcdef"}}


async def test_the_one_that_stands_may_be_the_newest_again(made, upstream):
    for digest in ("a", "b", "a"):
        await made.ledger.see(upstream, "query", digest, ONE)

    assert shown(made.review, upstream) == [("query", "b", False), ("query", "a", True)]


@pytest.mark.parametrize("target", ["", ".", "..", "__a__", "a/b", "ä💥", "\x00", "x" * 2048, "'; drop table standing"])
async def test_tools_may_be_called_anything(made, upstream, target):
    """mcp: a name is whatever the upstream says; Firestore's own names may be no such thing."""
    await made.ledger.see(upstream, target, "a", ONE)
    await made.ledger.see(upstream, target + "/", "b", TWO)

    assert standing_digest(await made.ledger.standing(upstream, target)) == "a"
    assert shown(made.review, upstream) == [(target, "a", True), (target + "/", "b", True)]


async def test_tools_of_two_upstreams_are_two_tools(made, upstream):
    """However a name is put together of the two."""
    await made.ledger.see(upstream, "x/query", "a", ONE)
    await made.ledger.see(upstream + "/x", "query", "b", TWO)

    assert standing_digest(await made.ledger.standing(upstream, "x/query")) == "a"
    assert standing_digest(await made.ledger.standing(upstream + "/x", "query")) == "b"


async def test_of_8_that_race_one_is_the_first(made, upstream):
    """google-cloud "Firestore"."""
    racers = [made.again()[0] for _ in range(8)]

    def race(number):
        return standing_digest(asyncio.run(racers[number].see(upstream, "query", str(number), ONE)))

    with ThreadPoolExecutor(8) as threads:
        told = set(threads.map(race, range(8)))

    assert told == {standing_digest(await made.ledger.standing(upstream, "query"))}
    assert sorted(digest for _, digest, _ in shown(made.review, upstream)) == [str(number) for number in range(8)]
    assert [stands for _, _, stands in shown(made.review, upstream)].count(True) == 1


@pytest.mark.parametrize("persisted", [False, True])
async def test_what_failed_may_be_seen_again(breakable, upstream, persisted):
    breakable.break_next(persisted=persisted)

    with pytest.raises((Unavailable, OutcomeUnknown)):
        await breakable.ledger.see(upstream, "query", "a", ONE)

    assert standing_digest(await breakable.ledger.standing(upstream, "query")) == ("a" if persisted else None)
    assert standing_digest(await breakable.ledger.see(upstream, "query", "a", ONE)) == "a"
    assert shown(breakable.review, upstream) == [("query", "a", True)]


@pytest.mark.parametrize("persisted", [False, True])
async def test_what_failed_may_be_accepted_again(breakable, upstream, persisted):
    await breakable.ledger.see(upstream, "query", "a", ONE)
    await breakable.ledger.see(upstream, "query", "b", TWO)
    breakable.break_next(persisted=persisted)

    with pytest.raises((Unavailable, OutcomeUnknown)):
        breakable.review.accept(upstream, "query", "b", BY)

    assert standing_digest(await breakable.ledger.standing(upstream, "query")) == ("b" if persisted else "a")
    assert breakable.review.accept(upstream, "query", "b", BY) is True
    assert standing_digest(await breakable.ledger.standing(upstream, "query")) == "b"


# What only Firestore does


@pytest.mark.parametrize("persisted", [False, True])
@pytest.mark.parametrize("code", ["ABORTED", "UNAVAILABLE", "INTERNAL", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED"])
async def test_a_hiccup_changes_nothing(firestore, upstream, code, persisted):
    """A commit whose answer was lost is made again, and finds that somebody was first: itself."""
    ledger, review = firestore.over(
        firestore.database.open_failing(Fault(StatusCode[code], persisted), 1, method="/Commit")
    )

    assert standing_digest(await ledger.see(upstream, "query", "a", ONE)) == "a"
    assert shown(review, upstream) == [("query", "a", True)]


@pytest.mark.parametrize(
    ("code", "mend"),
    [
        (StatusCode.PERMISSION_DENIED, "roles/datastore.user"),
        (StatusCode.UNAUTHENTICATED, "roles/datastore.user"),
        (StatusCode.NOT_FOUND, "create it"),
        (StatusCode.DATA_LOSS, "does not answer"),
    ],
)
async def test_a_database_that_refuses_is_unavailable_and_the_mend_is_said(firestore, upstream, code, mend):
    ledger, review = firestore.over(firestore.database.open_failing(Fault(code), float("inf")))

    with pytest.raises(Unavailable, match=mend):
        await ledger.see(upstream, "query", "a", ONE)
    with pytest.raises(Unavailable, match=mend):
        standing_digest(await ledger.standing(upstream, "query"))
    with pytest.raises(Unavailable, match=mend):
        review.accept(upstream, "query", "a", BY)
    with pytest.raises(Unavailable, match=mend):
        review.definitions()


async def test_silence_ends(firestore, upstream):
    ledger, _ = firestore.over(firestore.database.open_failing(Fault(None), float("inf")))

    with pytest.raises(Unavailable, match="does not answer"):
        standing_digest(await ledger.standing(upstream, "query"))


async def test_what_is_seen_again_is_not_written_again(firestore, upstream):
    """Every process lists every upstream's tools when it starts."""
    await firestore.ledger.see(upstream, "query", "a", ONE)
    ledger, _ = firestore.over(
        firestore.database.open_failing(Fault(StatusCode.DATA_LOSS), float("inf"), method="/Commit")
    )

    assert standing_digest(await ledger.see(upstream, "query", "a", ONE)) == "a"


async def test_a_definition_over_a_document_s_size_stands_without_its_text(firestore, upstream):
    """A Firestore document holds 1 MiB; what the ledger must know is the digest, and the text is in the records."""
    packable = json.dumps("x" * 5_000_000).encode()
    barely = json.dumps(os.urandom(PACKED_BYTES // 2 - 1000).hex()).encode()
    too_large = json.dumps(os.urandom(2 * PACKED_BYTES).hex()).encode()
    for digest, canonical in [("a", packable), ("b", barely), ("c", too_large)]:
        await firestore.ledger.see(upstream, digest, digest, canonical)

    one, two, three = (seen.canonical for seen in firestore.review.definitions())
    assert (one, two) == (packable, barely)
    assert "tool:defined" in json.loads(three)
    assert standing_digest(await firestore.ledger.standing(upstream, "c")) == "c"


async def test_the_newest_is_the_last_whatever_the_clocks_of_other_instances_say(firestore, upstream):
    await firestore.ledger.see(upstream, "query", "a", ONE)
    firestore.clock.now -= 60 * MINUTE
    await firestore.ledger.see(upstream, "query", "b", TWO)

    assert shown(firestore.review, upstream) == [("query", "a", True), ("query", "b", False)]


async def test_what_is_kept_while_somebody_reads_all_is_shown_the_next_time(firestore, upstream):
    """Two collections are read, one after the other."""
    await firestore.ledger.see(upstream, "query", "a", ONE)
    stray = {"tool": "of-a-later-moment", "digest": "b", "canonical": pack(TWO), "seen": "2026-11-22T12:25:57.000001Z"}
    firestore.database.open().collection("definitions").document("stray").set(stray)

    assert shown(firestore.review, upstream) == [("query", "a", True)]


async def test_a_person_reads_and_accepts_what_a_gateway_on_google_cloud_has_kept(firestore, upstream):
    await firestore.ledger.see(upstream, "query", "a", ONE)
    await firestore.ledger.see(upstream, "query", "b", TWO)

    def definitions(*arguments):
        command = [PROGRAM, "definitions", "--project", firestore.database.project, *arguments]
        environment = {**os.environ, VARIABLE: firestore.database.emulator}
        return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60, env=environment)

    listed = definitions()
    accepted = definitions("--accept", f"{upstream}/query")

    assert listed.returncode == 1
    assert "CHANGED  " in listed.stdout
    assert '+  "description": "changed"' in listed.stdout
    assert accepted.returncode == 0, accepted.stderr
    assert standing_digest(await firestore.ledger.standing(upstream, "query")) == "b"
    assert definitions().returncode == 0


def test_definitions_are_of_a_folder_or_of_a_project(tmp_path):
    for where in ([], [str(tmp_path), "--project", "a-project"]):
        told = subprocess.run([PROGRAM, "definitions", *where], check=False, capture_output=True, text=True, timeout=60)
        assert told.returncode == 2
        assert "--project PROJECT" in told.stderr


def test_an_emulator_on_cloud_run_is_a_mistake():
    """It would keep nothing."""
    with pytest.raises(Misconfigured, match="FIRESTORE_EMULATOR_HOST"):
        open_database("a-project", "(default)", {"FIRESTORE_EMULATOR_HOST": "127.0.0.1:1", "K_SERVICE": "gateway"})


def test_without_credentials_the_mend_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "absent.json"))

    with pytest.raises(Misconfigured, match="gcloud auth application-default login"):
        open_database("a-project", "(default)", {})
