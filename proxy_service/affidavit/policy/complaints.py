"""Complaints of the schema, put as sentences with lines.

Source: architecture "Configuration": an unknown or misspelt key is an error with its line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from affidavit.policy.condition import BadCondition, did_you_mean
from affidavit.policy.problems import Place, Problem
from affidavit.policy.yaml_lines import Tree

NOT_YET = "not supported yet"

_EXPECTED = {
    "missing": "this is missing",
    "model_type": "must be a mapping (key: value)",
    "dict_type": "must be a mapping (key: value)",
    "list_type": "must be a list",
    "int_type": "must be a whole number",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """What one mapping of the file knows.

    Attributes:
        keys: That it may have.
        later: Keys that are designed and not built.
        later_values: Values by key that are designed and not built.
    """

    keys: tuple[str, ...]
    later: tuple[str, ...]
    later_values: Mapping[str, tuple[str, ...]]


def explain(
    complaints: Iterable[Mapping[str, Any]], tree: Tree, vocabulary_at: Callable[[Place], Vocabulary]
) -> list[Problem]:
    """Return problems for the schema's complaints.

    Args:
        complaints: Each with `type`, `loc`, `input` and `ctx`, as pydantic has them.
        tree: Where things stand.
        vocabulary_at: What the mapping at a place knows.
    """
    complaints = [complaint for complaint in complaints if complaint["loc"] not in tree.empty]
    # Beside a key that is not supported yet, what is missing is missing because of it.
    later = {complaint["loc"][:-1] for complaint in complaints if _is_later(complaint, vocabulary_at)}
    told = [one for one in complaints if not (one["type"] == "missing" and one["loc"][:-1] in later)]
    return [_explain(complaint, tree, vocabulary_at) for complaint in told]


def _is_later(complaint: Mapping[str, Any], vocabulary_at: Callable[[Place], Vocabulary]) -> bool:
    place = complaint["loc"]
    return complaint["type"] == "extra_forbidden" and place[-1] in vocabulary_at(place[:-1]).later


def _explain(complaint: Mapping[str, Any], tree: Tree, vocabulary_at: Callable[[Place], Vocabulary]) -> Problem:
    place: Place = tuple(step for step in complaint["loc"] if step != "[key]")
    kind = complaint["type"]
    if kind == "extra_forbidden":
        return tree.problem(place, _unknown_key(str(place[-1]), vocabulary_at(place[:-1])))
    if kind == "literal_error":
        return tree.problem(place, _wrong_word(complaint, str(place[-1]), vocabulary_at(place[:-1])))
    error = complaint.get("ctx", {}).get("error")
    if isinstance(error, BadCondition):
        return tree.problem(place, str(error), line=tree.texts.get(place, tree.line(place)) + error.line)
    return tree.problem(place, str(error) if error else _EXPECTED.get(kind, complaint["msg"]))


def _unknown_key(key: str, known: Vocabulary) -> str:
    if key in known.later:
        return NOT_YET
    return f"unknown key{did_you_mean(key, known.keys + known.later)}; known are {', '.join(known.keys)}"


def _wrong_word(complaint: Mapping[str, Any], key: str, known: Vocabulary) -> str:
    word, expected = complaint["input"], complaint["ctx"]["expected"]
    if word in known.later_values.get(key, ()):
        return f"'{word}' is {NOT_YET}"
    words = [part.strip("'") for part in expected.replace(" or ", ", ").split(", ")]
    return f"must be {expected}{did_you_mean(str(word), words)}"
