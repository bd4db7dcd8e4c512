"""Tools that ask the client something on the open stream: sampling and elicitation of the legacy era.

Source: MCP 2025-11-25 client/sampling and client/elicitation; SEP-1034 (defaults) and SEP-1330 (enums).
"""

import json
from typing import Any

import mcp_types as types
from mcp.shared.message import ServerMessageMetadata

from fakes.everything_server.registry import Call, said, tool

TEXT_WANTED: dict[str, Any] = {"type": "string"}
DEFAULTS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "description": "Name", "default": "John Doe"},
        "age": {"type": "integer", "description": "Age", "default": 30},
        "score": {"type": "number", "description": "Score", "default": 95.5},
        "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
        "verified": {"type": "boolean", "description": "Verified", "default": True},
    },
    "required": [],
}


def _titled(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    return [{"const": value, "title": title} for value, title in pairs]


ENUMS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "untitledSingle": {"type": "string", "enum": ["option1", "option2", "option3"]},
        "titledSingle": {"type": "string", "oneOf": _titled(("value1", "First"), ("value2", "Second"))},
        "legacyEnum": {"type": "string", "enum": ["opt1", "opt2"], "enumNames": ["Option One", "Option Two"]},
        "untitledMulti": {"type": "array", "items": {"type": "string", "enum": ["option1", "option2", "option3"]}},
        "titledMulti": {"type": "array", "items": {"anyOf": _titled(("value1", "First"), ("value2", "Second"))}},
    },
    "required": [],
}
ONE_ANSWER: dict[str, Any] = {
    "type": "object",
    "properties": {"username": {"type": "string"}, "email": {"type": "string"}},
    "required": ["username", "email"],
}


def _wants(argument: str) -> dict[str, Any]:
    return {"type": "object", "properties": {argument: TEXT_WANTED}, "required": [argument]}


def question(text: str, max_tokens: int = 100) -> types.CreateMessageRequest:
    """A sampling request of one sentence."""
    message = types.SamplingMessage(role="user", content=types.TextContent(type="text", text=text))
    return types.CreateMessageRequest(
        params=types.CreateMessageRequestParams(messages=[message], max_tokens=max_tokens)
    )


async def _elicited(call: Call, message: str, schema: dict[str, Any]) -> str:
    # Without the related request it would go to the GET stream, and be lost where the client has none.
    result = await call.context.session.elicit_form(message, schema, related_request_id=call.context.request_id)
    return f"action={result.action}, content={json.dumps(result.content or {})}"


@tool("Lets the client's model answer.", _wants("prompt"))
async def test_sampling(call: Call) -> types.CallToolResult:
    related = ServerMessageMetadata(related_request_id=call.context.request_id)
    answer = await call.context.session.send_request(
        question(call.arguments["prompt"]), types.CreateMessageResult, metadata=related
    )
    return said(f"LLM response: {getattr(answer.content, 'text', answer.content.type)}")


@tool("Lets the client's user answer.", _wants("message"))
async def test_elicitation(call: Call) -> types.CallToolResult:
    return said("User response: " + await _elicited(call, call.arguments["message"], ONE_ANSWER))


@tool("Asks with a default for each primitive type.")
async def test_elicitation_sep1034_defaults(call: Call) -> types.CallToolResult:
    return said("Elicitation completed: " + await _elicited(call, "Please review the defaults", DEFAULTS))


@tool("Asks with each form of an enum.")
async def test_elicitation_sep1330_enums(call: Call) -> types.CallToolResult:
    return said("Elicitation completed: " + await _elicited(call, "Please choose", ENUMS))


TOOLS = (test_sampling, test_elicitation, test_elicitation_sep1034_defaults, test_elicitation_sep1330_enums)
