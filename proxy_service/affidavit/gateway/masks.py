"""Masking at the places where a call passes: what of it is recorded, what goes to the upstream, what to the client.

Each call is masked by the rules that were in force when it was decided. What cannot be masked raises `MaskingFailed`:
then nothing of it is recorded but its size and its HMAC, and nothing goes on.

Source: evidence-format section 5, `masks`; mcp "Duties" (`Mcp-Param-*`).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from affidavit.errors import Malformed
from affidavit.gateway.call import Call, Content
from affidavit.gateway.decisions import Decisions
from affidavit.masking.mask import Mask, MaskingFailed, Sieve
from affidavit.masking.rule import Direction
from affidavit.mcp.calls import target_of
from affidavit.mcp.eras import client_info
from affidavit.mcp.headers import JSON, decoded, encoded
from affidavit.mcp.jsonrpc import Message, parse_message, print_message
from affidavit.mcp.sse import RawEvent, print_event

MASKED_KEY = "affidavit/masked"
AGENTS = 512  # texts beside messages whose masked form is remembered

_PARAMETER = "mcp-param-"
# What the protocol itself gives back as it was given: changed, it would mean nothing to whoever made it.
_OPAQUE = {
    "params": ("requestState", "cursor", "progressToken", "requestId", "taskId"),
    "result": ("requestState", "nextCursor", "taskId"),
}


class Masks:
    """Masks what passes.

    Args:
        decisions: Know which rules are in force.
    """

    def __init__(self, decisions: Decisions) -> None:
        self._decisions = decisions

    def request(self, call: Call) -> None:
        """Put the views of a request on its call, and the names that records give it.

        Raises:
            MaskingFailed: It cannot be masked.
        """
        body, message = call.inbound.body, call.message
        if message is None:  # a GET or a DELETE; or what is no message, which cannot be told apart by its members
            call.content = Content(None, body) if body else None
            return
        sieve = self._sieve(call, "request")
        call.recorded_target = call.target
        if sieve.idle:
            call.content = Content(body, body)
            return
        masked = sieve.value(message.value)
        recorded, sent = body, body
        if masked.recorded is not message.value:
            recorded = print_message(masked.recorded)
            call.recorded_target = target_of(call.method or "", masked.recorded.get("params"))
            call.client_info = _client_info(masked.recorded, call)
        if masked.sent is not message.value:
            sent = print_message(_with_opaque(message.value, masked.sent))
        changed = self._change_headers(call, sieve, message.value, masked.sent)
        call.content = Content(recorded, sent, masked.masks + changed)

    def agent(self, call: Call, agent: str) -> str:
        """Return what a client calls itself, as it is recorded."""
        return _recorded(self._sieve(call, "request"), agent)

    def reason(self, call: Call, reason: str) -> str:
        """Return why a call was refused, as it is recorded: it may quote what was asked."""
        try:
            return _recorded(self._sieve(call, "request"), reason)
        except MaskingFailed:
            return "The reason quotes what could not be masked."

    def answer(self, call: Call, came: bytes, message: Message) -> tuple[Content, Any]:
        """Return the views of an answer, and the value that is released; that *is* the message's where nothing changed.

        Raises:
            MaskingFailed: It cannot be masked.
        """
        sieve = self._sieve(call, "answer")
        if sieve.idle:
            return Content(came, came), message.value
        masked = sieve.value(message.value)
        recorded = came if masked.recorded is message.value else print_message(masked.recorded)
        released = masked.sent
        if released is not message.value:
            released = _told(_with_opaque(message.value, released), masked.masks)
        return Content(recorded, came, masked.masks), released

    def body(self, call: Call, came: bytes, media_type: str) -> Content:
        """Return the views of an answer to the gateway's own call.

        Raises:
            MaskingFailed: It cannot be masked.
        """
        try:
            message = parse_message(came) if media_type == JSON else None
        except Malformed:
            message = None
        return self.data(call, came) if message is None else self.answer(call, came, message)[0]

    def data(self, call: Call, came: bytes) -> Content:
        """Return the views of an answer that is no JSON; raises `MaskingFailed`."""
        sieve = self._sieve(call, "answer")
        if sieve.idle:
            return Content(came, came)
        masked = sieve.data(came)
        return Content(masked.recorded, masked.sent, masked.masks)

    def frame(self, call: Call, event: RawEvent, content: Content) -> tuple[Content, bool]:
        """Return the views of an event whose frame is on record, and whether the frame may not leave as it is.

        Args:
            call: Whose stream it is on.
            event: As it came.
            content: The views of its data.

        Raises:
            MaskingFailed: It cannot be masked.
        """
        sieve = self._sieve(call, "answer")
        if sieve.idle:
            return Content(event.raw, event.raw), False
        around = b"\n".join(line for line in event.raw.splitlines() if not line.startswith(b"data:"))
        frame = sieve.data(around)
        if not content.masks and not frame.masks:
            return Content(event.raw, event.raw), False
        recorded = print_event(content.recorded or b"", event) + frame.recorded
        masks = sieve.tokens_in(recorded) + tuple(one for one in content.masks if one.view != "recorded")
        return Content(recorded, event.raw, masks), frame.sent is not around

    def quoted(self, call: Call, text: str) -> str:
        """Return what an upstream has said, such as an event's id, as it is recorded beside a body."""
        return _recorded(self._sieve(call, "answer"), text)

    def _sieve(self, call: Call, direction: Direction) -> Sieve:
        in_force = call.in_force or self._decisions.current
        groups = call.principal.groups if call.principal is not None else ()
        return in_force.masker.sieve(
            upstream=call.inbound.upstream, target=call.target or "", direction=direction, groups=groups
        )

    @staticmethod
    def _change_headers(
        call: Call, sieve: Sieve, before: Mapping[str, Any], after: Mapping[str, Any]
    ) -> tuple[Mask, ...]:
        """Let headers that repeat what stands in the body say what it says now; mask the others by themselves."""
        if call.headers is None or not sieve.sent.rules or not any(_repeats(name) for name in call.headers):
            return ()
        said = _leaves(before.get("params"), after.get("params")) if after is not before else {}
        headers, masks = dict(call.headers), []
        for name in filter(_repeats, call.headers):
            text = decoded(headers[name]) or headers[name]
            if text in said:
                headers[name] = encoded(said[text])  # by the masks of the body
                continue
            masked = sieve.text(text, f"header:{name}")
            if masked.sent is not text:
                headers[name] = encoded(masked.sent)
                masks += [one for one in masked.masks if one.view == "forwarded"]
        call.headers = headers
        return tuple(masks)


def _repeats(name: str) -> bool:
    return name.startswith(_PARAMETER) or name == "mcp-name"


def _leaves(before: Any, after: Any) -> dict[str, str]:
    """Return what changed, as headers would say it: each old text with its new one."""
    if type(before) is dict and type(after) is dict:
        pairs = [(before[key], after[key]) for key in before]
    elif type(before) is list and type(after) is list:
        pairs = list(zip(before, after, strict=True))
    elif before == after or type(after) is not str:
        return {}
    else:
        return {_as_header(before): after}
    changed: dict[str, str] = {}
    for old, new in pairs:
        if old is not new:
            changed.update(_leaves(old, new))
    return changed


def _as_header(value: Any) -> str:
    return value if type(value) is str else print_message(value).decode()


def _with_opaque(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """Return a masked message whose protocol members are what they were."""
    kept: dict[str, Any] = {name: before[name] for name in ("jsonrpc", "id", "method") if name in before}
    after = {**after, **kept}
    for part, names in _OPAQUE.items():
        was, now = before.get(part), after.get(part)
        if type(was) is dict and type(now) is dict and was is not now:
            after[part] = {**now, **{name: was[name] for name in names if name in was}}
            token = was.get("_meta")
            if type(token) is dict and "progressToken" in token and type(now.get("_meta")) is dict:
                after[part]["_meta"] = {**now["_meta"], "progressToken": token["progressToken"]}
    return after


def _told(value: dict[str, Any], masks: tuple[Mask, ...]) -> dict[str, Any]:
    """Return an answer that says which rules masked how much of it."""
    result = value.get("result")
    if type(result) is not dict or not result:
        return value
    counts: dict[str, int] = {}
    for one in masks:
        if one.view == "released":
            counts[one.rule] = counts.get(one.rule, 0) + one.count
    meta = result.get("_meta")
    known = meta if type(meta) is dict else {}
    told = {**known, MASKED_KEY: [{"rule": rule, "count": count} for rule, count in counts.items()]}
    return {**value, "result": {**result, "_meta": told}}


def _client_info(recorded: dict[str, Any], call: Call) -> tuple[str | None, str | None]:
    message = call.message
    if message is None:
        return call.client_info
    return client_info(Message(message.kind, message.id, message.method, recorded.get("params"), recorded))


@lru_cache(maxsize=AGENTS)
def _recorded(sieve: Sieve, text: str) -> str:
    return text if sieve.idle else sieve.text(text, "text").recorded
