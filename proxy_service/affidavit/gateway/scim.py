"""The SCIM endpoint: a directory's request, from its secret to an answer that is on record.

What gives somebody more is on record before it is stored; what takes away is stored first, for every instance, and is on
record before it is answered. So nobody is let in unrecorded, and nobody stays in because records fail.

Source: RFC 7644; identity-and-approvals "Who tells us that Ana left"; evidence-format section 5, `directory:changed`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from affidavit.clock import Clock
from affidavit.errors import Conflict, Malformed, OutcomeUnknown, Refused, Unauthenticated, Unavailable
from affidavit.evidence.recorder import Recorder
from affidavit.gateway.call import Inbound
from affidavit.gateway.directory_secrets import DirectorySecrets
from affidavit.gateway.doorman import Doorman
from affidavit.gateway.people import People
from affidavit.gateway.problems import RETRY_AFTER, Reply
from affidavit.gateway.rejections import Rejections
from affidavit.identity.roster import Entry
from affidavit.identity.scim.discovery import RESOURCES, one_of, resource_types, schemas, service_provider_config
from affidavit.identity.scim.listing import Query, found, list_response
from affidavit.identity.scim.problem import ScimProblem, not_found
from affidavit.identity.scim.resource import ResourceType, etag
from affidavit.mcp.strict_json import parse_json

TRIES = 5  # to put a change; each time somebody else changed the same meanwhile
MAX_BODY = 512 * 1024  # bytes; what is kept of it fits in one document of Firestore
TYPE = (b"content-type", b"application/scim+json")

_STATUS: Mapping[str, int] = {
    "bad_header": HTTPStatus.BAD_REQUEST,
    "incomplete": HTTPStatus.BAD_REQUEST,
    "too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "overloaded": HTTPStatus.SERVICE_UNAVAILABLE,
}
_CLASS = "standard"  # of the bodies: as all that belongs to no upstream


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    directory: str
    method: str
    path: tuple[str, ...]
    query: Query
    inbound: Inbound

    @property
    def body(self) -> Any:
        if len(self.inbound.body) > MAX_BODY:
            raise ScimProblem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A body may have at most {MAX_BODY} bytes.")
        return parse_json(self.inbound.body)


Make = Callable[[], tuple[Entry | None, Entry]]


class ScimEndpoint:
    """Answers directories.

    Args:
        doorman: Knows under which names this gateway is served.
        secrets: Tell which directory asks.
        people: What the directories have said.
        new_id: Makes ids.
        base: Where this is served, as clients call it.
    """

    def __init__(
        self,
        *,
        doorman: Doorman,
        secrets: DirectorySecrets,
        people: People,
        recorder: Recorder,
        rejections: Rejections,
        clock: Clock,
        new_id: Callable[[], str],
        base: str,
    ) -> None:
        self._doorman = doorman
        self._secrets = secrets
        self._people = people
        self._recorder = recorder
        self._rejections = rejections
        self._clock = clock
        self._new_id = new_id
        self._base = base
        self._writing = asyncio.Lock()

    async def handle(self, inbound: Inbound, path: str, query: bytes) -> Reply:
        """Answer one request; whatever is wrong with it is an answer, too."""
        try:
            self._doorman.greet(inbound)
            directory = self._secrets.whose(inbound.unverified_token)
            request = _Request(
                directory=directory,
                method=inbound.http_method,
                path=tuple(path.split("/")),
                query=Query.read(query),
                inbound=inbound,
            )
            return await self._answer(request)
        except Refused as error:
            return _problem(ScimProblem(_STATUS.get(error.code, HTTPStatus.FORBIDDEN), str(error)))
        except ScimProblem as error:
            return _problem(error)
        except Malformed as error:
            return _problem(ScimProblem(HTTPStatus.BAD_REQUEST, str(error), scim_type="invalidSyntax"))
        except (Unavailable, OutcomeUnknown):
            return _unavailable()
        except Unauthenticated as error:
            return await self._reject(error, inbound)

    async def _reject(self, error: Unauthenticated, inbound: Inbound) -> Reply:
        try:
            receipt = await self._rejections.identity(error, inbound.ip)
        except Unavailable:
            return _unavailable()
        headers = [(b"www-authenticate", b'Bearer realm="scim"')]
        if receipt is not None:
            headers.append((b"affidavit-record", receipt.id.encode()))
        return _problem(ScimProblem(HTTPStatus.UNAUTHORIZED, str(error)), headers)

    async def _answer(self, request: _Request) -> Reply:
        match request.path:
            case ("ServiceProviderConfig",):
                return self._told(request, service_provider_config(self._base))
            case ("ResourceTypes" | "Schemas" as name, *rest):
                return self._discovery(request, name, rest)
        resource = next((one for one in RESOURCES if one.endpoint == request.path[0]), None)
        if resource is None:
            raise not_found()
        match request.path[1:], request.method:
            case (), "GET":
                await self._people.refresh()
                page = found(resource, request.directory, self._people.roster, request.query, self._base)
                return _reply(HTTPStatus.OK, page)
            case (), "POST":
                return await self._create(resource, request)
            case ((entry_id,), "GET"):
                return await self._get(resource, request, entry_id)
            case ((entry_id,), "PUT" | "PATCH"):
                return await self._change(resource, request, entry_id)
            case ((entry_id,), "DELETE"):
                return await self._delete(resource, request, entry_id)
            case ((".search",), "POST"):
                raise ScimProblem(HTTPStatus.NOT_IMPLEMENTED, "Searching by POST is not built: use GET with a filter.")
            case ((), _) | ((_,), _):
                raise ScimProblem(HTTPStatus.METHOD_NOT_ALLOWED, "That method is not for this resource.")
        raise not_found()

    def _discovery(self, request: _Request, name: str, rest: list[str]) -> Reply:
        known = resource_types(self._base) if name == "ResourceTypes" else schemas(self._base)
        if rest:
            return self._told(request, one_of(known, "/".join(rest)))
        if request.query.filter is not None:  # RFC 7644 section 4
            raise ScimProblem(HTTPStatus.FORBIDDEN, "What the endpoint says of itself has no filter.")
        return self._told(request, list_response(list(known.values()), total=len(known)))

    @staticmethod
    def _told(request: _Request, form: Mapping[str, Any]) -> Reply:
        if request.method != "GET":
            raise ScimProblem(HTTPStatus.METHOD_NOT_ALLOWED, "This can be read only.")
        return _reply(HTTPStatus.OK, form)

    async def _get(self, resource: ResourceType, request: _Request, entry_id: str) -> Reply:
        await self._people.refresh()
        entry = resource.require(self._people.roster, request.directory, entry_id)
        if request.inbound.unverified.get("if-none-match") == etag(entry):
            return Reply(HTTPStatus.NOT_MODIFIED, [(b"etag", etag(entry).encode())], b"")
        return self._shown(resource, request, entry, HTTPStatus.OK)

    async def _create(self, resource: ResourceType, request: _Request) -> Reply:
        body, entry_id = request.body, self._new_id()

        def make() -> tuple[Entry | None, Entry]:
            entry = resource.create(body, directory=request.directory, entry_id=entry_id, now=self._clock())
            resource.check_name(entry, self._people.roster)
            return None, entry

        entry = await self._write(make)
        where = f"{self._base}/{resource.endpoint}/{entry.id}"
        reply = self._shown(resource, request, entry, HTTPStatus.CREATED)
        reply.headers.append((b"location", where.encode()))
        return reply

    async def _change(self, resource: ResourceType, request: _Request, entry_id: str) -> Reply:
        body = request.body
        change = resource.replaced if request.method == "PUT" else resource.patched

        def make() -> tuple[Entry | None, Entry]:
            before = self._require(resource, request, entry_id)
            entry = change(before, body, self._clock())
            resource.check_name(entry, self._people.roster)
            return before, entry

        return self._shown(resource, request, await self._write(make), HTTPStatus.OK)

    async def _delete(self, resource: ResourceType, request: _Request, entry_id: str) -> Reply:
        def make() -> tuple[Entry | None, Entry]:
            before = self._require(resource, request, entry_id)
            return before, resource.deleted(before, self._clock())

        await self._write(make)
        return Reply(HTTPStatus.NO_CONTENT, [], b"")

    def _require(self, resource: ResourceType, request: _Request, entry_id: str) -> Entry:
        entry = resource.require(self._people.roster, request.directory, entry_id)
        wanted = request.inbound.unverified.get("if-match")
        if wanted not in (None, "*", etag(entry)):
            raise ScimProblem(HTTPStatus.PRECONDITION_FAILED, "It was changed meanwhile: read it again.")
        return entry

    def _shown(self, resource: ResourceType, request: _Request, entry: Entry, status: int) -> Reply:
        form = resource.form(entry, self._people.roster, self._base)
        reply = _reply(status, request.query.shown(form))
        reply.headers.append((b"etag", etag(entry).encode()))
        return reply

    async def _write(self, make: Make) -> Entry:
        """Make a change, store it, and have it on record.

        Raises:
            ScimProblem: It cannot be made.
            Unavailable, OutcomeUnknown: It may have been stored, and may not be on record; doing it again is right.
        """
        async with self._writing:
            for _ in range(TRIES):
                await self._people.refresh()
                before, after = make()
                try:
                    await (self._take_away if takes_away(before, after) else self._give)(before, after)
                except Conflict:
                    continue
                return after
        raise Unavailable("others change the same all the time")

    async def _give(self, before: Entry | None, after: Entry) -> None:
        self._recorder.check()
        await self._record(before, after, self._recorder.intend)
        await self._put(before, after)

    async def _take_away(self, before: Entry | None, after: Entry) -> None:
        await self._put(before, after)
        await self._record(before, after, self._recorder.conclude)

    async def _put(self, before: Entry | None, after: Entry) -> None:
        if after is not before:
            await asyncio.to_thread(self._people.store.put, [after])
            await self._people.refresh()

    async def _record(self, before: Entry | None, after: Entry, say: Callable[..., Awaitable[object]]) -> None:
        kept = json.dumps(after.attributes, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        body = self._recorder.body(kept.encode(), _CLASS)
        fields = {
            "directory": after.directory,
            "what": after.kind,
            "id": after.id,
            "how": "deleted" if after.deleted else "created" if before is None else "changed",
            "email": after.addresses[0] if after.kind == "user" and after.addresses else None,
            "active": after.active,
            "resource": {**body.reference(), "media_type": "application/json"},
        }
        await say("directory:changed", fields, (body,))


def takes_away(before: Entry | None, after: Entry) -> bool:
    """Tell whether a change gives nobody anything: someone inactive, something deleted, members fewer."""
    if before is None:
        return False
    if after.kind == "user":
        return not after.active
    return after.deleted or (after.name == before.name and set(after.members) <= set(before.members))


def _reply(status: int, form: Mapping[str, Any]) -> Reply:
    body = json.dumps(form, ensure_ascii=False, separators=(",", ":")).encode()
    return Reply(int(status), [TYPE], body)


def _problem(problem: ScimProblem, headers: list[tuple[bytes, bytes]] | None = None) -> Reply:
    reply = _reply(problem.status, problem.form())
    reply.headers.extend(headers or [])
    return reply


def _unavailable() -> Reply:
    problem = ScimProblem(HTTPStatus.SERVICE_UNAVAILABLE, "This cannot be stored or recorded now; try again.")
    return _problem(problem, [(b"retry-after", RETRY_AFTER)])
