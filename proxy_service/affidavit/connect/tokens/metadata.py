"""A token of the service account that this machine runs as, from Google's metadata server, without Google's libraries.

Source: Compute Engine "Verifying the identity of instances"; `GCE_METADATA_HOST` of google-auth.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from affidavit.clock import Clock
from affidavit.connect.challenge import Challenge
from affidavit.connect.http import Http
from affidavit.connect.tokens.resource import Audience
from affidavit.connect.tokens.token import Token, read_token
from affidavit.errors import Misconfigured, OutcomeUnknown, Unavailable

TIMEOUT = 5.0  # seconds
PROBE_TIMEOUT = 1.0  # seconds; it is on the same machine, or not at all
_HOST = "metadata.google.internal"
_PATH = "/computeMetadata/v1/instance/service-accounts/default/identity"
_HEADERS = {"Metadata-Flavor": "Google"}
_OK, _NOT_FOUND = 200, 404


class MetadataToken:
    """A `Source`: identity tokens with an audience.

    Args:
        environment: May name another host.
        audience: Finds out whom the token shall be for.
        http: Connections.
        clock: Now.
    """

    name = "Google's metadata server"
    needs_challenge = False
    steps_up = False
    superseded = False

    def __init__(self, environment: Mapping[str, str], audience: Audience, http: Http, clock: Clock) -> None:
        self._host = host_of(environment)
        self._audience = audience
        self._http = http
        self._clock = clock

    async def fetch(self, *, refused: Token | None, challenge: Challenge | None) -> Token:  # noqa: ARG002 it is not told
        """See `Source.fetch`."""
        query = f"audience={quote(await self._audience(), safe='')}&format=full"
        try:
            reply = await self._http.send("GET", f"http://{self._host}{_PATH}?{query}", _HEADERS, timeout=TIMEOUT)
        except OutcomeUnknown as error:
            raise Unavailable(f"{self.name} gives no token now") from error
        if reply.status == _NOT_FOUND:
            raise Misconfigured(f"{self.name} knows no service account of this machine: run it as one")
        if reply.status != _OK or reply.body is None:
            raise Unavailable(f"{self.name} answers with status {reply.status}")
        return read_token(reply.body.decode("ascii", "replace"), source=self.name, now=self._clock())


def host_of(environment: Mapping[str, str]) -> str:
    """Return where the metadata server is."""
    return environment.get("GCE_METADATA_HOST") or _HOST


async def is_on_google(environment: Mapping[str, str], http: Http) -> bool:
    """Tell whether a metadata server answers."""
    try:
        reply = await http.send("GET", f"http://{host_of(environment)}/", _HEADERS, timeout=PROBE_TIMEOUT)
    except (Unavailable, OutcomeUnknown):
        return False
    return reply.status == _OK and reply.headers.get("metadata-flavor") == "Google"
