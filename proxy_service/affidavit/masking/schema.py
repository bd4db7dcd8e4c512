"""Masked `structuredContent` that still is what the tool's `outputSchema` says.

Clients check it and throw away what does not fit. So where a token does not fit, a value of the same shape stands that
says nothing; where no such value fits either, the answer is withheld.

Source: MCP 2025-06-18 and later, "Output Schema"; JSON Schema 2020-12. Never fetches what a schema refers to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import jsonschema_rs
import orjson

from affidavit.masking.leaves import with_leaves
from affidavit.masking.pointers import Step
from affidavit.masking.walk import MaskingFailed

MAX_SCHEMA = 256 * 1024  # bytes of its print; a larger one is no schema
_ROUNDS = 4  # a leaf that fits may show another that does not
_UNSAID = str.maketrans(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", "A" * 26 + "a" * 26 + "0" * 10
)


@dataclass(frozen=True, slots=True)
class _Shaped:
    path: tuple[Step, ...]
    leaf: Any


class OutputSchema:
    """One tool's output schema, compiled; expressions in it take linear time.

    Args:
        validator: Of jsonschema-rs.
    """

    def __init__(self, validator: Any) -> None:
        self._validator = validator

    def accepts(self, value: Any) -> bool:
        """Tell whether a value is what the schema says."""
        return bool(self._validator.is_valid(value))

    def faults(self, value: Any) -> Iterator[tuple[Step, ...]]:
        """Yield the places that the schema does not accept."""
        for error in self._validator.iter_errors(value):
            yield tuple(error.instance_path)


def compile_schema(schema: Any) -> OutputSchema | None:
    """Return a tool's output schema, ready to check; None for what is none, or is too large to be checked."""
    if type(schema) not in (dict, bool):
        return None
    try:
        if len(orjson.dumps(schema)) > MAX_SCHEMA:
            return None
        validator = jsonschema_rs.validator_for(schema, retriever=_refuse, pattern_options=jsonschema_rs.RegexOptions())
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError, TypeError):
        return None
    return OutputSchema(validator)


def fit(original: Any, masked: Any, schema: OutputSchema | None) -> Any:
    """Return masked structured content as it may be released.

    Args:
        original: As the upstream said it.
        masked: The same with tokens in the place of leaves.
        schema: The tool's; None where there is none.

    Raises:
        MaskingFailed: The schema accepts the original and nothing that hides what is to be hidden.
    """
    if masked is original or schema is None or schema.accepts(masked) or not schema.accepts(original):
        return masked
    changed = dict(_changed(original, masked, ()))
    fitted = masked
    for _ in range(_ROUNDS):
        wrong = _beside_faults(schema.faults(fitted), changed)
        if not wrong:
            break
        fitted = with_leaves(fitted, [_Shaped(path, _shaped(changed.pop(path))) for path in wrong])
        if schema.accepts(fitted):
            return fitted
    fitted = with_leaves(fitted, [_Shaped(path, _shaped(leaf)) for path, leaf in changed.items()])
    if schema.accepts(fitted):
        return fitted
    raise MaskingFailed("outputSchema", "leaves nothing that the tool's output schema accepts")


def _beside_faults(faults: Iterable[tuple[Step, ...]], changed: dict[tuple[Step, ...], Any]) -> list[tuple[Step, ...]]:
    """Return the changed leaves at or below the places of faults."""
    places = set(faults)
    return [path for path in changed if any(path[: len(place)] == place for place in places if place)]


def _changed(original: Any, masked: Any, path: tuple[Step, ...]) -> Iterator[tuple[tuple[Step, ...], Any]]:
    """Yield the leaves that differ, with what they were."""
    if masked is original:
        return
    if type(original) is dict and type(masked) is dict:
        for name, member in original.items():
            yield from _changed(member, masked[name], (*path, name))
    elif type(original) is list and type(masked) is list:
        for i, member in enumerate(original):
            yield from _changed(member, masked[i], (*path, i))
    elif original != masked or type(original) is not type(masked):
        yield path, original


def _shaped(leaf: Any) -> Any:
    """Return what is of the same type and form as a leaf and says nothing of it."""
    if type(leaf) is str:
        return leaf.translate(_UNSAID)
    if type(leaf) is bool:
        return False
    return 0 if isinstance(leaf, int) else 0.0


def _refuse(uri: str) -> Any:
    raise ValueError(f"{uri[:80]} is not fetched")
