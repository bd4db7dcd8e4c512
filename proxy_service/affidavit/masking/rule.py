"""One masking rule, as the policy file says it.

Source: architecture "Configuration"; evidence-format section 5, `masks`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

View = Literal["recorded", "forwarded", "released"]
Direction = Literal["request", "answer"]
Check = Literal["luhn", "iban", "entropy"]
SetName = Literal["credentials", "payment", "personal"]

USUAL_VIEWS: frozenset[View] = frozenset({"recorded", "released"})


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskingRule:
    """What is masked, where, and for whom; several kinds of "what" in one rule are alternatives.

    Attributes:
        fields: Names of members, at any depth, whatever their case; of query parameters and of form fields, too.
        pointers: JSON pointers from the top of the message (RFC 6901) in which `*` is any one step and `**` any number
            of them.
        pattern: A regular expression of RE2; its first group is what is masked, all of the match where it has none.
        check: What a match of the pattern must satisfy as well.
        sets: Built-in detectors.
        upstreams: Of which, by name; empty for all.
        tools: Of which calls, by what they are for (`target`); empty for all.
        direction: Only requests or only answers; None for both.
        views: Where it is masked: as it is recorded, as it goes to the upstream, as it goes to the client.
        except_groups: Whose people get it as it is. What is recorded is masked for everybody.
    """

    name: str
    fields: tuple[str, ...] = ()
    pointers: tuple[str, ...] = ()
    pattern: str | None = None
    check: Check | None = None
    sets: tuple[SetName, ...] = ()
    upstreams: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    direction: Direction | None = None
    views: frozenset[View] = USUAL_VIEWS
    except_groups: tuple[str, ...] = ()

    def is_about(self, *, upstream: str, target: str, direction: Direction) -> bool:
        """Tell whether the rule looks at messages of one kind."""
        return (
            (not self.upstreams or upstream in self.upstreams)
            and (not self.tools or target in self.tools)
            and self.direction in (None, direction)
        )

    def shows(self, view: View, groups: tuple[str, ...]) -> bool:
        """Tell whether people of some groups get a view unmasked by this rule."""
        if view not in self.views:
            return True
        return view != "recorded" and any(group in self.except_groups for group in groups)


UNLESS_SAID = (MaskingRule(name="credentials", sets=("credentials",)),)  # a file without the key `masking`
