"""Conditions as values of the configuration file.

Source: architecture "Configuration".
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, InstanceOf

from affidavit.policy.condition import Condition, Language
from affidavit.policy.facts import RULES


def condition(language: Language) -> BeforeValidator:
    """Return what reads a condition of a language."""

    def validate(value: Any) -> Condition:
        if isinstance(value, bool):  # `when: true` is a condition, too
            value = str(value).lower()
        if not isinstance(value, str):
            raise ValueError("must be a condition, in quotes")  # noqa: TRY004
        return language.compile(value)

    return BeforeValidator(validate)


When = Annotated[InstanceOf[Condition], condition(RULES)]
