"""A token of a job in GitHub Actions, asked for with an audience.

Source: GitHub Docs "OpenID Connect reference" (`ACTIONS_ID_TOKEN_REQUEST_URL`, `ACTIONS_ID_TOKEN_REQUEST_TOKEN`).
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from affidavit.clock import Clock
from affidavit.connect.address import check_safe
from affidavit.connect.challenge import Challenge
from affidavit.connect.http import Http
from affidavit.connect.tokens.documents import read_object
from affidavit.connect.tokens.resource import Audience
from affidavit.connect.tokens.token import Token, read_token
from affidavit.errors import Misconfigured, OutcomeUnknown, Unavailable

URL, BEARER = "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
TIMEOUT = 10.0  # seconds
_PERMISSION = "give the job `permissions: id-token: write`"


class GitHubToken:
    """A `Source`: the job's own issuer.

    Args:
        environment: The job's.
        audience: Finds out whom the token shall be for.
        http: Connections.
        clock: Now.
    """

    name = "GitHub Actions"
    needs_challenge = False
    steps_up = False
    superseded = False

    def __init__(self, environment: Mapping[str, str], audience: Audience, http: Http, clock: Clock) -> None:
        self._environment = environment
        self._audience = audience
        self._http = http
        self._clock = clock

    async def fetch(self, *, refused: Token | None, challenge: Challenge | None) -> Token:  # noqa: ARG002 GitHub is not told
        """See `Source.fetch`."""
        url, bearer = self._environment.get(URL, ""), self._environment.get(BEARER, "")
        if not url or not bearer:
            raise Misconfigured(f"this is no job of GitHub Actions that may have tokens ({URL}): {_PERMISSION}")
        check_safe(url, f"{URL} of the environment")
        joint = "&" if "?" in url else "?"
        asked = f"{url}{joint}audience={quote(await self._audience(), safe='')}"
        headers = {"Authorization": f"Bearer {bearer}", "Accept": "application/json"}
        try:
            reply = await self._http.send("GET", asked, headers, timeout=TIMEOUT)
        except OutcomeUnknown as error:
            raise Unavailable("GitHub Actions gives no token now") from error
        if reply.status in (401, 403):
            raise Misconfigured(f"GitHub Actions refuses this job a token: {_PERMISSION}")
        value = read_object(reply, "GitHub Actions").get("value")
        return read_token(value if isinstance(value, str) else "", source=self.name, now=self._clock())
