"""A person's token: kept from the last sign-in, refreshed, or got by signing in.

Source: RFC 6749 section 6; RFC 9728; MCP 2026-07-28 "Authorization" (scope selection, step-up).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from affidavit.clock import SECOND, Clock, Micros
from affidavit.connect.address import Address
from affidavit.connect.challenge import Challenge
from affidavit.connect.http import Http
from affidavit.connect.options import Options
from affidavit.connect.telling import Tell
from affidavit.connect.tokens.oauth.requests import Client, Grant, Rejected, redeem
from affidavit.connect.tokens.oauth.server import Server, find_server
from affidavit.connect.tokens.oauth.sign_in import SignIn
from affidavit.connect.tokens.oauth.store import Kept, Store
from affidavit.connect.tokens.resource import Resource, fetch_resource
from affidavit.connect.tokens.token import Token, read_token, unverified_claims
from affidavit.errors import Misconfigured

_OPENID = ("openid", "email")  # what a gateway needs to know a person
_OFFLINE = "offline_access"


class OAuthToken:
    """A `Source`.

    Args:
        options: How to sign in.
        address: The gateway.
        http: Connections.
        store: What is kept.
        sign_in: Signs in.
        clock: Now.
    """

    steps_up = True
    superseded = False

    def __init__(
        self, options: Options, address: Address, http: Http, *, store: Store, sign_in: SignIn, clock: Clock
    ) -> None:
        self.name = "a sign-in"
        self._options = options
        self._address = address
        self._http = http
        self._store = store
        self._sign_in = sign_in
        self._clock = clock

    @property
    def needs_challenge(self) -> bool:
        """Whether nobody has signed in yet: the gateway's refusal says where to."""
        return not self._store.is_there

    async def fetch(self, *, refused: Token | None, challenge: Challenge | None) -> Token:
        """See `Source.fetch`."""
        async with self._store.locked():
            kept = self._store.read()
            if kept is not None and (refused is None or kept.token != refused.text):
                token = self._token(kept)
                if token.renew is None or self._clock() < token.renew:
                    return token  # another process was faster
            resource = await self._resource(challenge)
            server = await self._server(resource)
            wants_more = challenge is not None and challenge.error == "insufficient_scope"
            if kept is not None and kept.refresh is not None and kept.issuer == server.issuer and not wants_more:
                with contextlib.suppress(Rejected):
                    return await self._refreshed(kept, kept.refresh, server, resource)
            scope = self._scope(server, resource, challenge, kept if wants_more else None)
            done = await self._sign_in.run(server, resource.identifier, scope, kept)
            return self._keep(
                Kept(
                    issuer=server.issuer,
                    client_id=done.client.id,
                    registered=done.client.registered and done.client.secret is None,
                    port=done.port,
                    scope=done.grant.scope or scope,
                    token=self._presented(done.grant),
                    refresh=done.grant.refresh_token,
                    expires=self._expires(done.grant),
                )
            )

    async def _refreshed(self, kept: Kept, refresh: str, server: Server, resource: Resource) -> Token:
        named = self._options.client_id
        client = await self._sign_in.client(server, "", "", kept) if named else Client(kept.client_id, None, True)
        form = {"grant_type": "refresh_token", "refresh_token": refresh, "resource": resource.identifier}
        grant = await redeem(self._http, server, client, form)
        if grant.id_token is None and not _is_jwt(grant.access_token) and _is_jwt(kept.token):
            raise Rejected("the new grant has no ID token")  # and the gateway takes nothing else
        return self._keep(
            replace(
                kept,
                token=self._presented(grant),
                refresh=grant.refresh_token or refresh,
                expires=self._expires(grant),
                scope=grant.scope or kept.scope,
            )
        )

    async def _resource(self, challenge: Challenge | None) -> Resource:
        options = self._options
        if options.issuer is not None and options.audience is not None:
            return Resource(options.audience, (options.issuer,), None)
        named = challenge.resource_metadata if challenge is not None else None
        return await fetch_resource(self._http, self._address, named=named, audience=options.audience)

    async def _server(self, resource: Resource) -> Server:
        issuer = self._options.issuer
        issuers = resource.servers if issuer is None else (issuer,)
        return await find_server(self._http, issuers, named=issuer is not None)

    def _scope(self, server: Server, resource: Resource, challenge: Challenge | None, before: Kept | None) -> str:
        if self._options.scope is not None:
            wanted = self._options.scope.split()
        elif challenge is not None and challenge.scope:
            wanted = challenge.scope.split()
        else:
            wanted = list(resource.scopes or _OPENID)
            if _OFFLINE in server.scopes:
                wanted.append(_OFFLINE)
        return " ".join(dict.fromkeys([*(before.scope.split() if before is not None else []), *wanted]))

    def _keep(self, kept: Kept) -> Token:
        token = self._token(kept)
        self._store.write(kept)
        return token

    def _token(self, kept: Kept) -> Token:
        return read_token(kept.token, source=kept.issuer, now=self._clock(), expires=kept.expires)

    def _presented(self, grant: Grant) -> str:
        """Return what the gateway gets: it verifies JWTs, and what is none tells it nothing."""
        if grant.id_token is None and self._options.id_token:
            raise Misconfigured("the authorization server gave no ID token: ask for one with --scope 'openid email'")
        wants_id_token = self._options.id_token or not _is_jwt(grant.access_token)
        return grant.id_token if wants_id_token and grant.id_token is not None else grant.access_token

    def _expires(self, grant: Grant) -> Micros | None:
        return None if grant.lives is None else self._clock() + int(grant.lives * SECOND)


def open_oauth(
    options: Options,
    address: Address,
    http: Http,
    *,
    folder: Path,
    open_browser: Callable[[str], bool],
    clock: Clock,
    tell: Tell,
) -> OAuthToken:
    """Return the source for one gateway's address; a sign-in is kept for each address and each way of signing in."""
    said = (address.url, options.issuer, options.client_id, options.audience, options.scope, str(options.id_token))
    store = Store(folder, "\0".join(one or "" for one in said))
    sign_in = SignIn(options=options, http=http, open_browser=open_browser, tell=tell)
    return OAuthToken(options, address, http, store=store, sign_in=sign_in, clock=clock)


def _is_jwt(text: str) -> bool:
    return bool(unverified_claims(text))
