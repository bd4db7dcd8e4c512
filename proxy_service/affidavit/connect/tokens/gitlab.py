"""A token that GitLab CI put into the job's environment; it is as old as the job, and there is no other.

Source: GitLab "ID tokens" (`id_tokens`).
"""

from __future__ import annotations

from collections.abc import Mapping

from affidavit.clock import Clock
from affidavit.connect.challenge import Challenge
from affidavit.connect.tokens.token import Token, read_token
from affidavit.errors import Misconfigured

DEFAULT_NAME = "AFFIDAVIT_ID_TOKEN"


class GitLabToken:
    """A `Source`: one variable.

    Args:
        variable: As `id_tokens` of `.gitlab-ci.yml` names it.
        environment: The job's.
        clock: Now.
    """

    needs_challenge = False
    steps_up = False
    superseded = False

    def __init__(self, variable: str, environment: Mapping[str, str], clock: Clock) -> None:
        self.name = f"the variable {variable} of GitLab CI"
        self._variable = variable
        self._environment = environment
        self._clock = clock

    async def fetch(self, *, refused: Token | None, challenge: Challenge | None) -> Token:  # noqa: ARG002 it is what it is
        """See `Source.fetch`."""
        text = self._environment.get(self._variable, "")
        if not text:
            raise Misconfigured(f"{self.name} is not set: name it under id_tokens of the job, with the gateway as aud")
        now = self._clock()
        token = read_token(text, source=self.name, now=now)
        if refused is not None or (token.expires is not None and token.expires <= now):
            raise Misconfigured(
                f"{self.name} has expired or was refused, and GitLab gives a job no second one: start the job again"
            )
        return token
