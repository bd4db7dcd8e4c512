"""The door: what can be refused before anybody is asked who they are.

Source: mcp "Duties" (Origin, Host); RFC 9110 section 7.2; RFC 6454 section 7.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from affidavit.errors import Refused
from affidavit.gateway.call import Call, Flaw, Inbound
from affidavit.gateway.protected_resource import metadata_url
from affidavit.gateway.trail import Trail
from affidavit.gateway.upstreams import Upstream

MAX_IN_FLIGHT = 1024  # calls without an answer; what they may hold in memory is bounded by it

# Somebody before or behind us may go by the other one.
_ONCE = frozenset({"authorization", "content-type", "host", "mcp-session-id", "origin"})
_FLAWS: Mapping[Flaw, str] = {
    "too_large": "A message may have at most 8 MiB.",
    "incomplete": "The message broke off before its end.",
    "overloaded": "Too many large messages and answers are under way; try again in a moment.",
}
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class Doorman:
    """Lets a request in, or says why not.

    Args:
        upstreams: By the name they are served under.
        public_url: What clients call the gateway; its host and its origin are let in.
        listens_on_loopback: Whether loopback names, at the same port, are let in too.
        port: Where the gateway listens.
        trail: Knows how many calls are under way.
    """

    def __init__(
        self,
        upstreams: Mapping[str, Upstream],
        *,
        public_url: str,
        listens_on_loopback: bool,
        port: int,
        audiences: Mapping[str, str],
        trail: Trail,
    ) -> None:
        self._upstreams = upstreams
        self._audiences = audiences
        self._public_url = public_url
        self._trail = trail
        public = urlsplit(public_url)
        self._hosts = {public.netloc.lower()}
        self._origins = {f"{public.scheme}://{public.netloc}".lower()}
        if listens_on_loopback:
            self._hosts |= {f"{name}:{port}" for name in _LOOPBACK}
            self._origins |= {f"http://{name}:{port}" for name in _LOOPBACK}

    def greet(self, inbound: Inbound) -> None:
        """Let in what comes whole and under a right name, whatever it is for; raises `Refused`."""
        self._check_name(inbound)
        if inbound.flaw is not None:
            raise Refused(_FLAWS[inbound.flaw], code=inbound.flaw)

    def admit(self, call: Call) -> None:
        """Find the upstream that a request is for.

        Raises:
            Refused: It came under a wrong name, from a foreign page, for nothing that is served here, or too many are
                under way.
        """
        inbound = call.inbound
        self._check_name(inbound)
        upstream = self._upstreams.get(inbound.upstream)
        if upstream is None:
            raise Refused("No upstream is served under that name.", code="unknown_upstream")
        if inbound.has_query:
            raise Refused("The path takes no query; a token belongs in the Authorization header.", code="query")
        if inbound.http_method not in ("POST", "GET", "DELETE"):
            raise Refused("MCP is spoken with POST, GET and DELETE.", code="method_not_allowed")
        if inbound.flaw is not None:
            raise Refused(_FLAWS[inbound.flaw], code=inbound.flaw)
        if self._trail.in_flight >= MAX_IN_FLIGHT:
            raise Refused("Too many calls are under way; try again in a moment.", code="overloaded")
        call.upstream = upstream
        call.audience = self._audiences[upstream.name]

    def _check_name(self, inbound: Inbound) -> None:
        if not inbound.repeated.isdisjoint(_ONCE):
            name = min(inbound.repeated & _ONCE)
            raise Refused(f"The header {name} stands twice.", code="bad_header")
        if inbound.unverified.get("host", "").lower() not in self._hosts:
            raise Refused("This gateway is not served under that Host.", code="forbidden_host")
        origin = inbound.unverified.get("origin")
        if origin is not None and origin.lower() not in self._origins:
            raise Refused("Pages of that Origin may not call this gateway.", code="forbidden_origin")

    def metadata_url(self, call: Call) -> str:
        """Return where a client learns how to get a token for what it asked for."""
        return metadata_url(self._public_url, call.inbound.upstream)
