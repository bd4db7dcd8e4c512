"""A mapping of the configuration file: known keys only, and the forms of its single values.

Source: architecture "Configuration". Never loads what compiles conditions, so that a verifier can read a part of the
file without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict

from affidavit.policy import fields


def text(read: Callable[[str], Any]) -> BeforeValidator:
    """Return what reads a text that stands in the file; `read` raises ValueError with what is wrong with it."""

    def validate(value: Any) -> Any:
        if not isinstance(value, str):
            raise ValueError("must be a text (in quotes, if it looks like a number)")  # noqa: TRY004
        return read(value)

    return BeforeValidator(validate)


Name = Annotated[str, text(fields.name)]
Class = Annotated[str, text(fields.retention_class)]
Email = Annotated[str, text(fields.email)]
File = Annotated[str, text(fields.file)]
Duration = Annotated[int, text(fields.duration)]
SecureUrl = Annotated[str, text(fields.secure_url)]


class Section(BaseModel):
    """A mapping of the file: known keys only.

    `LATER` lists keys, and `LATER_VALUES` values by key, that are designed and not built.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    LATER: ClassVar[tuple[str, ...]] = ()
    LATER_VALUES: ClassVar[Mapping[str, tuple[str, ...]]] = {}
