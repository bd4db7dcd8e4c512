"""What of a policy file is in force for a call, pinned by the call when it is decided.

A file that is loaded meanwhile is for the calls after it.

Source: architecture "The way of one call" (policy pinned by hash); evidence-format section 5, `policy`.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

import orjson

from affidavit.masking.mask import Masker
from affidavit.policy.decide import Policy
from affidavit.policy.decision import Decision


@dataclass(frozen=True, slots=True)
class Permit:
    """A decision of the policy, with the canonical form that records carry; None is the gateway's own."""

    decision: Decision | None
    record: orjson.Fragment


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """One loaded policy file.

    Attributes:
        permits: Decisions that were made already, for calls that are alike.
    """

    policy: Policy
    masker: Masker
    permits: dict[Hashable, Permit] = field(default_factory=dict)
