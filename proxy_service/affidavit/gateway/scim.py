"""The SCIM endpoint: a directory's request, from its secret to an answer that is on record.

A change is stored for every instance, and is on record, before it is answered.

Source: RFC 7644; identity-and-approvals "Who tells us that Ana left"; evidence-format section 5, `directory:changed`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from affidavit.clock import Clock
from affidavit.errors import Malformed, OutcomeUnknown, Refused, Unauthenticated, Unavailable
from affidavit.gateway.call import Inbound
from affidavit.gateway.directory_changes import Changes
from affidavit.gateway.directory_secrets import DirectorySecrets
from affidavit.gateway.doorman import Doorman
from affidavit.gateway.people import People
from affidavit.gateway.problems import RETRY_AFTER, Reply
from affidavit.gateway.rejections import Rejections
from affidavit.identity.reading import Change
from affidavit.identity.roster import Entry
from affidavit.identity.scim.discovery import RESOURCES, discovered
from affidavit.identity.scim.listing import Query, found
from affidavit.identity.scim.problem import ScimProblem, not_found
from affidavit.identity.scim.resource import ResourceType, etag
from affidavit.mcp.strict_json import parse_json

MAX_BODY = 512 * 1024  # bytes; what is kept of it fits in one document of Firestore
TYPE = (b"content-type", b"application/scim+json")

_STATUS: Mapping[str, int] = {
    "bad_header": HTTPStatus.BAD_REQUEST,
    "incomplete": HTTPStatus.BAD_REQUEST,
    "too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "overloaded": HTTPStatus.SERVICE_UNAVAILABLE,
}


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
        changes: Changes,
        rejections: Rejections,
        clock: Clock,
        new_id: Callable[[], str],
        base: str,
    ) -> None:
        self._doorman = doorman
        self._secrets = secrets
        self._people = people
        self._changes = changes
        self._rejections = rejections
        self._clock = clock
        self._new_id = new_id
        self._base = base

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
        told = discovered(request.path, self._base, filtered=request.query.filter is not None)
        if told is not None:
            if request.method != "GET":
                raise _no_such_method()
            return _reply(HTTPStatus.OK, told)
        resource = next((one for one in RESOURCES if one.endpoint == request.path[0]), None)
        match request.path if resource is None else request.path[1:]:
            case (".search",):
                return await self._search([resource] if resource else RESOURCES, request)
            case () if resource is not None:
                return await self._at_all(resource, request)
            case (entry_id,) if resource is not None:
                return await self._at_one(resource, request, entry_id)
        raise not_found()

    async def _search(self, resources: Sequence[ResourceType], request: _Request) -> Reply:
        if request.method != "POST":
            raise _no_such_method()
        return await self._list(resources, request, Query.searched(request.body))

    async def _at_all(self, resource: ResourceType, request: _Request) -> Reply:
        if request.method == "POST":
            return await self._create(resource, request)
        if request.method != "GET":
            raise _no_such_method()
        return await self._list([resource], request, request.query)

    async def _list(self, resources: Sequence[ResourceType], request: _Request, query: Query) -> Reply:
        await self._people.refresh()
        return _reply(HTTPStatus.OK, found(resources, request.directory, self._people.roster, query, self._base))

    async def _at_one(self, resource: ResourceType, request: _Request, entry_id: str) -> Reply:
        match request.method:
            case "GET":
                return await self._get(resource, request, entry_id)
            case "PUT" | "PATCH":
                return await self._change(resource, request, entry_id)
            case "DELETE":
                return await self._delete(resource, request, entry_id)
        raise _no_such_method()

    async def _get(self, resource: ResourceType, request: _Request, entry_id: str) -> Reply:
        await self._people.refresh()
        entry = resource.require(self._people.roster, request.directory, entry_id)
        if request.inbound.unverified.get("if-none-match") == etag(entry):
            return Reply(HTTPStatus.NOT_MODIFIED, [(b"etag", etag(entry).encode())], b"")
        return self._shown(resource, request, entry, HTTPStatus.OK)

    async def _create(self, resource: ResourceType, request: _Request) -> Reply:
        body, entry_id = request.body, self._new_id()

        def make() -> Change:
            entry = resource.create(body, directory=request.directory, entry_id=entry_id, now=self._clock())
            resource.check_name(entry, self._people.roster)
            return None, entry

        _, entry = await self._changes.make(make)
        where = f"{self._base}/{resource.endpoint}/{entry.id}"
        reply = self._shown(resource, request, entry, HTTPStatus.CREATED)
        reply.headers.append((b"location", where.encode()))
        return reply

    async def _change(self, resource: ResourceType, request: _Request, entry_id: str) -> Reply:
        body = request.body
        change = resource.replaced if request.method == "PUT" else resource.patched

        def make() -> Change:
            before = self._require(resource, request, entry_id)
            entry = change(before, body, self._clock())
            resource.check_name(entry, self._people.roster)
            return before, entry

        _, entry = await self._changes.make(make)
        return self._shown(resource, request, entry, HTTPStatus.OK)

    async def _delete(self, resource: ResourceType, request: _Request, entry_id: str) -> Reply:
        def make() -> Change:
            gone = self._people.roster.buried(request.directory, resource.kind, entry_id)
            if gone is not None:  # whoever asks again may have asked in vain: that it is deleted goes on record again
                return gone, gone
            before = self._require(resource, request, entry_id)
            return before, resource.deleted(before, self._clock())

        before, _ = await self._changes.make(make)
        if before is not None and before.deleted:
            raise not_found()
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


def _reply(status: int, form: Mapping[str, Any]) -> Reply:
    body = json.dumps(form, ensure_ascii=False, separators=(",", ":")).encode()
    return Reply(int(status), [TYPE], body)


def _problem(problem: ScimProblem, headers: list[tuple[bytes, bytes]] | None = None) -> Reply:
    reply = _reply(problem.status, problem.form())
    reply.headers.extend(headers or [])
    return reply


def _no_such_method() -> ScimProblem:
    return ScimProblem(HTTPStatus.METHOD_NOT_ALLOWED, "That method is not for this resource.")


def _unavailable() -> Reply:
    problem = ScimProblem(HTTPStatus.SERVICE_UNAVAILABLE, "This cannot be stored or recorded now; try again.")
    return _problem(problem, [(b"retry-after", RETRY_AFTER)])
