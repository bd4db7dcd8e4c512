"""One view of one message: every leaf that a rule finds something in is replaced.

Only leaves change: texts, and under a masked member also numbers and booleans, which become texts. A text that is JSON
itself is masked inside; base64 of text is masked inside or, where it is recorded, as a whole.

Source: evidence-format section 5, `masks`.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from affidavit.errors import AffidavitError
from affidavit.masking.pointers import Step, leads_to, print_pointer
from affidavit.masking.screen import Found, Screen, read_inner
from affidavit.masking.spans import Span, joined
from affidavit.masking.unescaped import MAX_INNER, searchable
from affidavit.mcp.strict_json import print_json

MAX_LEAVES = 2_000_000  # of one message, inner ones too
MAX_MASKS = 100_000  # of one message
MAX_BYTES = 64 << 20  # of one message's text; what a body holds at most (evidence-format section 1)
_ROUNDS = 8  # what is left beside a token may match by itself

_NO_TEXT = re.compile(r"(?i)(?:image|audio|video|font)/")
_BLOBS = ("blob", "data")
# Descriptions of fields, whose members are named like the fields.
_SCHEMAS = re.compile(
    r"(?:/result/tools/\d+/(?:in|out)putSchema|(?:/result/inputRequests/[^/]*)?/params/requestedSchema)/.*"
)


class MaskingFailed(AffidavitError):
    """A rule failed or took too long: nothing of the message may be recorded or go on."""

    def __init__(self, rule: str, why: str) -> None:
        super().__init__(f"the masking rule {rule!r} {why}")
        self.rule = rule


Replace = Callable[[str, bytes], bytes]


@dataclass(frozen=True, slots=True)
class Change:
    """One leaf that was replaced.

    Attributes:
        path: From the top of the message.
        leaf: What stands there now.
        text: What `leaf` is the base64 of, if it is.
    """

    path: tuple[Step, ...]
    leaf: str
    text: str | None

    def counts(self, tokens: re.Pattern[bytes]) -> dict[str, int]:
        """Return how many tokens of which rules stand there."""
        counts: dict[str, int] = {}
        for match in tokens.finditer((self.text or self.leaf).encode("utf-8", "surrogatepass")):
            rule = rule_of(match[0])
            counts[rule] = counts.get(rule, 0) + 1
        return counts

    @property
    def pointer(self) -> str:
        """The place as RFC 6901 writes it."""
        return print_pointer(self.path)


@dataclass(slots=True)
class Walk:
    """Goes through one message for one view.

    Args:
        replacement: Returns what stands in the place of a rule's value.
        tokens: Finds what stands for values already.
        whole_blobs: Base64 with something in it is replaced as a whole, so that the token can be read.

    Attributes:
        changes: Of the outermost message, in order.
        has_blobs: Base64 was replaced as a whole.
    """

    screen: Screen
    replacement: Replace
    tokens: re.Pattern[bytes]
    whole_blobs: bool
    changes: list[Change] = field(default_factory=list)
    has_blobs: bool = False
    _leaves: int = 0
    _count: int = 0
    _inner: int = 0

    def value(self, value: Any) -> Any:
        """Return a JSON value with its leaves masked; the same object where nothing was; raises `MaskingFailed`."""
        try:
            found = self.screen.find_in(value)
            return value if found is None else self._node(value, (), found, None)
        except _UNEXPECTED as error:
            raise MaskingFailed(_first(self.screen), f"could not be tried ({type(error).__name__})") from error

    def plain(self, text: bytes) -> tuple[bytes, list[tuple[str, int, int]]]:
        """Return a text that is no JSON, masked, with each token's rule and range in the result."""
        found = self.screen.find(text)
        if found is None:
            return text, []
        masked = self._text(text, found)
        if masked is text:
            return text, []
        return masked, [(rule_of(match[0]), *match.span()) for match in self.tokens.finditer(masked)]

    def _node(self, node: Any, path: tuple[Step, ...], found: Found, under: str | None) -> Any:
        kind = type(node)
        if kind is not dict and kind is not list:
            return self._leaf(node, path, found, under)
        if under is None and 0 < len(path) < _DEPTH_LOOKED_AHEAD and not found.pointers:
            narrower = self.screen.find_in(node)  # most parts of a message have nothing in them
            if narrower is None:
                return node
            found = narrower
        return self._object(node, path, found, under) if kind is dict else self._list(node, path, found, under)

    def _object(self, node: dict[str, Any], path: tuple[Step, ...], found: Found, under: str | None) -> dict[str, Any]:
        changed: dict[str, Any] | None = None
        for name, member in node.items():
            self._check_name(name, found)
            here = (*path, name)
            rule = under or self._rule_for(name, member, here, found)
            if found.blobs and rule is None and name in _BLOBS and type(member) is str:
                masked = self._blob(member, node.get("mimeType"), here, found)
            else:
                masked = self._node(member, here, found, rule)
            if masked is not member:
                changed = changed or dict(node)
                changed[name] = masked
        return node if changed is None else changed

    def _list(self, node: list[Any], path: tuple[Step, ...], found: Found, under: str | None) -> list[Any]:
        changed: list[Any] | None = None
        for i, member in enumerate(node):
            here = (*path, i)
            masked = self._node(member, here, found, under or self._pointed(here, found))
            if masked is not member:
                changed = changed or list(node)
                changed[i] = masked
        return node if changed is None else changed

    def _check_name(self, name: str, found: Found) -> None:
        if not found.probes or len(name) < _SHORTEST_SECRET:
            return
        text = name.encode("utf-8", "surrogatepass")
        for rule, probe, withholds in found.probes:
            if withholds and self._spans_of(rule, probe, text):
                raise MaskingFailed(rule, "found a credential in the name of a member, where nothing can be masked")

    def _rule_for(self, name: str, member: Any, path: tuple[Step, ...], found: Found) -> str | None:
        for fields in found.fields:
            if fields.has(name) and (fields.deep or _is_flat(member)) and not _is_schema(path):
                return fields.rule
        return self._pointed(path, found)

    @staticmethod
    def _pointed(path: tuple[Step, ...], found: Found) -> str | None:
        return next((rule for rule, steps in found.pointers if leads_to(steps, path)), None)

    def _leaf(self, leaf: Any, path: tuple[Step, ...], found: Found, under: str | None) -> Any:
        self._leaves += 1
        if self._leaves > MAX_LEAVES:
            raise MaskingFailed(_first(self.screen), f"was to look at more than {MAX_LEAVES} values in one message")
        if under is not None and leaf is not None:
            return self._whole(leaf, path, under)
        if type(leaf) is not str:
            return self._number(leaf, path, found)
        if len(leaf) < _SHORTEST:
            return leaf
        return self._tell(path, leaf, self._any_text(leaf, found))

    def _number(self, leaf: Any, path: tuple[Step, ...], found: Found) -> Any:
        """A card's number may be written as a number."""
        if type(leaf) is not int or type(leaf) is bool or not found.probes:
            return leaf
        text = str(leaf)
        if len(text) < _SHORTEST:
            return leaf
        masked = self._text(text.encode(), found)
        return leaf if masked == text.encode() else self._tell(path, text, masked.decode())

    def _whole(self, leaf: Any, path: tuple[Step, ...], rule: str) -> Any:
        text = leaf.encode("utf-8", "surrogatepass") if type(leaf) is str else print_json(leaf)
        if not text or not self.tokens.sub(b"", text).strip():
            return leaf
        self._spend(rule)
        return self._tell(path, leaf, self.replacement(rule, text).decode())

    def _any_text(self, leaf: str, found: Found) -> str:
        data = leaf.encode("utf-8", "surrogatepass")
        if leaf[0] in "{[" and self._inner < MAX_INNER:
            inside = self._json_inside(leaf, data, found)
            if inside is not leaf:
                leaf, data = inside, inside.encode("utf-8", "surrogatepass")
        if not any(probe.expression.occurs(data) for _, probe, _ in found.probes):
            return leaf
        masked = self._text(data, found)
        return leaf if masked is data else masked.decode("utf-8", "surrogatepass")

    def _json_inside(self, leaf: str, data: bytes, found: Found) -> str:
        narrower = found if found.pointers else self.screen.find(searchable(data))
        if narrower is None or (parsed := read_inner(leaf)) is None:
            return leaf
        self._inner += 1
        masked = self._node(parsed, (), narrower, None)
        self._inner -= 1
        return leaf if masked is parsed else print_json(masked).decode()

    def _blob(self, blob: str, media_type: Any, path: tuple[Step, ...], found: Found) -> str:
        masked: str = self._leaf(blob, path, found, None)
        if masked is not blob or (type(media_type) is str and _NO_TEXT.match(media_type)):
            return masked
        text = _decoded(blob)
        inside = None if text is None else self._inside(text)
        if text is None or inside is None or inside == text:
            return blob
        if self.whole_blobs:
            rule = next((rule_of(match[0]) for match in self.tokens.finditer(inside.encode())), _first(self.screen))
            self.has_blobs = True
            return str(self._whole(blob, path, rule))
        return str(self._tell(path, blob, base64.b64encode(inside.encode()).decode(), inside))

    def _inside(self, text: str) -> str | None:
        parsed = read_inner(text) if text[:1] in ("{", "[") else None
        found = self.screen.find_in(text if parsed is None else [text, parsed])
        if found is None:
            return None
        self._inner += 1
        inside = self._any_text(text, found) if text else text
        self._inner -= 1
        return inside

    def _tell(self, path: tuple[Step, ...], before: Any, after: str, text: str | None = None) -> Any:
        """Take note of what stands at a place now, in the outermost message; return it."""
        if after is before or after == before:
            return before
        if self._inner == 0:  # else the place is the text around
            self.changes.append(Change(path, after, text))
        return after

    def _text(self, text: bytes, found: Found) -> bytes:
        """Return a text with what the probes find replaced; the same object where nothing was."""
        if not found.probes:
            return text
        for _ in range(_ROUNDS):
            spans = self._all_spans(text, found)
            if not spans:
                return text
            text = self._replaced(text, spans)
            again = self.screen.find(self._blanked(text))  # what is left may look like something else now
            if again is None:
                return text
            found = again
        return self._replaced(text, [(0, len(text), spans[0][2])])  # rules that never come to an end get all of it

    def _replaced(self, text: bytes, spans: Sequence[Span]) -> bytes:
        pieces, at = [], 0
        for start, end, rule in spans:
            pieces += [text[at:start], self.replacement(rule, text[start:end])]
            at = end
        return b"".join((*pieces, text[at:]))

    def _all_spans(self, text: bytes, found: Found) -> Sequence[Span]:
        kept = [match.span() for match in self.tokens.finditer(text)] if b"[masked:" in text else []
        text = self._blanked(text) if kept else text
        spans: list[Span] = []
        for rule, probe, _ in found.probes:
            spans += ((start, end, rule) for start, end in self._spans_of(rule, probe, text))
        result = joined(spans, kept)
        for _, _, rule in result:
            self._spend(rule)
        return result

    def _blanked(self, text: bytes) -> bytes:
        """Return a text in whose tokens nothing can be found."""
        return self.tokens.sub(lambda match: b"\0" * len(match[0]), text)

    def _spans_of(self, rule: str, probe: Any, text: bytes) -> list[tuple[int, int]]:
        try:
            spans: list[tuple[int, int]] = []
            for span in probe.spans(text):
                spans.append(span)
                if len(spans) > MAX_MASKS:
                    raise MaskingFailed(rule, f"found more than {MAX_MASKS} values in one message")
        except _UNEXPECTED as error:
            raise MaskingFailed(rule, f"failed ({type(error).__name__})") from error
        return spans

    def _spend(self, rule: str) -> None:
        self._count += 1
        if self._count > MAX_MASKS:
            raise MaskingFailed(rule, f"found more than {MAX_MASKS} values in one message")


_UNEXPECTED = (ArithmeticError, LookupError, RecursionError, TypeError, ValueError)
_DEPTH_LOOKED_AHEAD = 12  # each level costs a print of the message
_SHORTEST = 3  # characters; a card's verification number
_SHORTEST_SECRET = 12  # characters of a credential that can stand in a name


def _decoded(blob: str) -> str | None:
    """Return the text that base64 is of; None if it is of none."""
    try:
        return base64.b64decode(blob, validate=True).decode()
    except (binascii.Error, ValueError):
        return None


def _is_flat(member: Any) -> bool:
    return type(member) is not dict and not (type(member) is list and any(type(one) in (dict, list) for one in member))


def _is_schema(path: tuple[Step, ...]) -> bool:
    return len(path) > 3 and path[0] in ("result", "params") and _SCHEMAS.fullmatch(print_pointer(path)) is not None  # noqa: PLR2004


def rule_of(token: bytes) -> str:
    """Return the rule that a token names."""
    return token[len(b"[masked:") :].rstrip(b"]").split(b":")[0].decode()


def _first(screen: Screen) -> str:
    return screen.rules[0].name if screen.rules else "none"
