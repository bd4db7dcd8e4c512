"""One masking rule, as the policy file says it.

Source: architecture "Configuration"; evidence-format section 5, `masks`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

View = Literal["recorded", "forwarded", "released"]
Direction = Literal["request", "answer"]

USUAL_VIEWS: frozenset[View] = frozenset({"recorded", "released"})


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskingRule:
    """What is masked, where, and for whom.

    Attributes:
        fields: Names of members, at any depth, whatever their case.
        views: Where it is masked: as it is recorded, as it goes to the upstream, as it goes to the client.
    """

    name: str
    fields: tuple[str, ...] = ()
    views: frozenset[View] = USUAL_VIEWS
