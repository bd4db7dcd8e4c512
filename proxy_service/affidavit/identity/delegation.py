"""Who acts for whom: the actors of a delegated token.

Source: RFC 8693 section 4.1; identity-and-approvals (the outermost `act` is the current actor).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from affidavit.errors import Unauthenticated

MAX_ACTORS = 8  # one inside the other
_MAX_SUBJECT = 255  # characters, OpenID Connect Core section 2


def current_actor(claims: Mapping[str, Any], issuer: str) -> str | None:
    """Return who acts now; None where the subject does.

    Raises:
        Unauthenticated: What the token says of its actors is no chain of them.
    """
    if "act" not in claims:
        return None
    subjects: list[str] = []
    act: Any = claims["act"]
    while act is not None:
        subject = act.get("sub") if isinstance(act, dict) else None
        if not isinstance(subject, str) or not 0 < len(subject) <= _MAX_SUBJECT or len(subjects) == MAX_ACTORS:
            raise Unauthenticated("'act' is no chain of actors", code="malformed_token", issuer=issuer)
        subjects.append(subject)
        act = act.get("act")
    return subjects[0]
