"""Firestore: which tool definitions stand, and what is revoked.

Every write is one commit whose preconditions decide who was first, so nothing waits for a lock, and where an answer was
lost, doing the same again is right. Never listens (`on_snapshot` has gone silent): who needs news asks.

Source: google-cloud "Firestore"; architecture "Ports".
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from google.api_core.exceptions import (
    Aborted,
    AlreadyExists,
    DeadlineExceeded,
    Forbidden,
    GoogleAPIError,
    InternalServerError,
    NotFound,
    ServiceUnavailable,
    TooManyRequests,
    Unauthorized,
)
from google.api_core.retry import Retry, if_exception_type
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError
from google.cloud.firestore import (
    Client,
    CollectionReference,
    DocumentReference,
    FieldFilter,
)

from affidavit.adapters.gcp.emulators import refuse_emulators
from affidavit.clock import Clock, format_time
from affidavit.errors import Misconfigured, Unavailable
from affidavit.evidence.packing import pack
from affidavit.evidence.stored import unpack
from affidavit.gateway.ports import SeenDefinition, Standing
from affidavit.identity.revocation import Revocation

PACKED_BYTES = 1_000_000  # of a definition; a document holds 1 MiB, its other fields and its name in it
TOO_LARGE = b'"too large to be kept here: its text is the body of the tool:defined record with this digest"'
THREADS = 4  # that ask Firestore for the gateway
TRIES = 20  # to get the next place in the list of revocations; each time somebody else got one

_TRANSIENT = (Aborted, DeadlineExceeded, InternalServerError, ServiceUnavailable, TooManyRequests)
# Seconds: 2 for an answer, 4 in all. Every commit here may be made twice.
WITHIN: Final[dict[str, Any]] = {
    "retry": Retry(predicate=if_exception_type(*_TRANSIENT), initial=0.1, maximum=0.5, multiplier=2.0, timeout=4.0),
    "timeout": 2.0,
}
_LISTING = 30.0  # seconds to read all definitions, for a person who waits
_T = TypeVar("_T")


class FirestoreDefinitions:
    """The definitions that tools were shown with, and the one of each that stands; a `DefinitionReview`."""

    def __init__(self, database: Client, clock: Clock) -> None:
        self._database = database
        self._tools = database.collection("tools")
        self._shown = database.collection("definitions")
        self._clock = clock

    def see(self, upstream: str, target: str, digest: str, canonical: bytes) -> Standing:
        """Keep a definition, the first of a tool standing at once, and return the one that stands."""
        tool = self._tool(upstream, target)
        with translated():
            shown = _read(tool)
            if shown is None:
                first = {"upstream": upstream, "target": target, "standing": digest, "newest": digest}
                first["since"] = self._now()
                with contextlib.suppress(AlreadyExists):
                    self._keep(tool, first, digest, canonical, exists=False)
                    return _standing(first)
                shown = _read(tool) or first
            if shown["newest"] != digest:
                self._keep(tool, {"newest": digest}, digest, canonical, exists=True)
            return _standing(shown)

    def standing(self, upstream: str, target: str) -> Standing | None:
        """Return the definition that stands."""
        with translated():
            shown = _read(self._tool(upstream, target))
        return None if shown is None else _standing(shown)

    def accept(self, upstream: str, target: str, digest: str, by: str) -> bool:
        """Let another definition stand, in somebody's name; return False where it was never shown."""
        tool = self._tool(upstream, target)
        with translated():
            if _read(self._definition(tool, digest)) is None:
                return False
            tool.update({"standing": digest, "since": self._now(), "by": by}, **WITHIN)
        return True

    def definitions(self) -> list[SeenDefinition]:
        """Return every definition that was ever shown, the newest last for each tool."""
        with translated():
            tools = _all(self._tools)
            shown = _all(self._shown)  # after the tools, so that all are there that those name
        found = [(tools[one["tool"]], one) for one in shown.values() if one["tool"] in tools]
        found.sort(key=lambda pair: (pair[1]["digest"] == pair[0]["newest"], pair[1]["seen"]))
        return sorted((_seen(*pair) for pair in found), key=lambda one: (one.upstream, one.target))

    def close(self) -> None:
        """Close the connection."""
        self._database.close()  # type: ignore[no-untyped-call]

    def _keep(
        self, tool: DocumentReference, told: Mapping[str, Any], digest: str, canonical: bytes, *, exists: bool
    ) -> None:
        packed = pack(canonical)
        commit = self._database.batch()
        (commit.update if exists else commit.create)(tool, dict(told))
        commit.set(
            self._definition(tool, digest),
            {
                "tool": tool.id,
                "digest": digest,
                "canonical": packed if len(packed) <= PACKED_BYTES else pack(TOO_LARGE),
                "seen": self._now(),
            },
        )
        commit.commit(**WITHIN)

    def _tool(self, upstream: str, target: str) -> DocumentReference:
        return self._tools.document(document_id(upstream, target))

    def _definition(self, tool: DocumentReference, digest: str) -> DocumentReference:
        return self._shown.document(document_id(tool.id, digest))

    def _now(self) -> str:
        return format_time(self._clock())


class FirestoreLedger:
    """The gateway's `DefinitionLedger` over `FirestoreDefinitions`, which waits in threads of its own."""

    def __init__(self, definitions: FirestoreDefinitions) -> None:
        self._definitions = definitions
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="firestore")

    async def see(self, upstream: str, target: str, digest: str, canonical: bytes) -> Standing:
        """See `DefinitionLedger.see`."""
        return await self._run(lambda: self._definitions.see(upstream, target, digest, canonical))

    async def standing(self, upstream: str, target: str) -> Standing | None:
        """See `DefinitionLedger.standing`."""
        return await self._run(lambda: self._definitions.standing(upstream, target))

    def close(self) -> None:
        """Finish what is under way and close the connection."""
        self._threads.shutdown()
        self._definitions.close()

    async def _run(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


class FirestoreRevocations:
    """A `RevocationList`: one document an entry, and whoever creates the next one was first."""

    def __init__(self, database: Client) -> None:
        self._entries = database.collection("revocations")

    def add(self, revocation: Revocation) -> None:
        """See `RevocationList.add`."""
        form = {
            "what": revocation.what,
            "value": revocation.value,
            "by": revocation.by,
            "reason": revocation.reason,
            "at": revocation.at,
        }
        known = list(self.since(0))
        for _ in range(TRIES):
            if revocation in known:
                return
            place = len(known)
            with translated(), contextlib.suppress(AlreadyExists):
                self._entries.document(f"{place:012d}").create({**form, "place": place}, **WITHIN)
                return
            known += self.since(place)
        raise Unavailable("too many revoke at once; try again")

    def since(self, position: int) -> Sequence[Revocation]:
        """See `RevocationList.since`."""
        rest = self._entries.where(filter=FieldFilter("place", ">=", position)).order_by("place")
        with translated():
            found = [one.to_dict() or {} for one in rest.stream(**WITHIN)]
        return [Revocation(**{name: value for name, value in one.items() if name != "place"}) for one in found]


def open_database(project: str, database: str, environment: Mapping[str, str]) -> Client:
    """Connect to a database, or to the emulator where `FIRESTORE_EMULATOR_HOST` says where.

    Raises:
        Misconfigured: There are no credentials, or an emulator is named on Cloud Run.
    """
    refuse_emulators(environment)
    emulator = environment.get("FIRESTORE_EMULATOR_HOST")
    nobody = AnonymousCredentials() if emulator else None  # type: ignore[no-untyped-call]
    try:
        client = Client(project, database=database, credentials=nobody)
    except DefaultCredentialsError as error:
        raise Misconfigured(
            "there are no Google credentials: run with a service account, or `gcloud auth application-default login`"
        ) from error
    client._emulator_host = emulator or None  # noqa: SLF001 or it would read the process's environment, not this one
    return client


def document_id(*parts: str) -> str:
    """Return a document's name for any text: Firestore's may hold no slash, and be 1,500 bytes."""
    return hashlib.sha256(json.dumps(parts).encode("ascii")).hexdigest()


def _read(document: DocumentReference) -> dict[str, Any] | None:
    found: dict[str, Any] | None = document.get(**WITHIN).to_dict()
    return found


def _all(collection: CollectionReference) -> dict[str, dict[str, Any]]:
    return {one.id: one.to_dict() or {} for one in collection.stream(timeout=_LISTING)}


def _standing(tool: Mapping[str, Any]) -> Standing:
    return Standing(tool["standing"], tool.get("by"), tool["since"])


def _seen(tool: Mapping[str, Any], one: Mapping[str, Any]) -> SeenDefinition:
    return SeenDefinition(
        upstream=tool["upstream"],
        target=tool["target"],
        digest=one["digest"],
        canonical=unpack(one["canonical"]),
        seen=one["seen"],
        stands=one["digest"] == tool["standing"],
    )


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turn what Firestore's client raises in the block into `Unavailable`, with its mend."""
    try:
        yield
    except (Forbidden, Unauthorized) as error:
        raise Unavailable("Firestore refuses this account: grant it roles/datastore.user on the project") from error
    except NotFound as error:
        raise Unavailable("the Firestore database is not there: create it (terraform/gateway does)") from error
    except (GoogleAPIError, GoogleAuthError) as error:
        raise Unavailable(f"Firestore does not answer ({type(error).__name__})") from error
