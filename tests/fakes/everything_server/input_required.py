"""Tools that answer "input required" and are called again with the answers: the modern era's questions.

Source: MCP 2026-07-28 (SEP-2322, SEP-2575). `requestState` is sealed and opened by the boundary in app.py.
"""

from collections.abc import Mapping
from typing import Any

import mcp_types as types
from mcp.shared.exceptions import MCPError

from fakes.everything_server.asking import question
from fakes.everything_server.registry import Call, Outcome, said, tool


def form(message: str, field: str, kind: str = "string") -> types.ElicitRequest:
    """A form with one required field."""
    schema: dict[str, Any] = {"type": "object", "properties": {field: {"type": kind}}, "required": [field]}
    return types.ElicitRequest(params=types.ElicitRequestFormParams(message=message, requested_schema=schema))


def field_of(answers: Mapping[str, Any], key: str, field: str) -> Any:
    """What a person filled in, or None when they declined or something else was answered."""
    answer = answers.get(key)
    content = answer.content if isinstance(answer, types.ElicitResult) else None
    return (content or {}).get(field)


def ask(state: str | None = None, **requests: Any) -> types.InputRequiredResult:
    return types.InputRequiredResult(input_requests=requests, request_state=state)


@tool("Asks for a name.")
async def test_input_required_result_elicitation(call: Call) -> Outcome:
    name = field_of(call.answers, "user_name", "name")
    return said(f"Hello, {name}!") if name else ask(user_name=form("What is your name?", "name"))


@tool("Asks the client's model.")
async def test_input_required_result_sampling(call: Call) -> Outcome:
    answer = call.answers.get("capital_question")
    if isinstance(answer, types.CreateMessageResult):
        return said(f"The model said: {getattr(answer.content, 'text', answer.content.type)}")
    return ask(capital_question=question("What is the capital of France?"))


@tool("Asks for the client's roots.")
async def test_input_required_result_list_roots(call: Call) -> Outcome:
    answer = call.answers.get("client_roots")
    if isinstance(answer, types.ListRootsResult):
        return said(f"{len(answer.roots)} roots.")
    return ask(client_roots=types.ListRootsRequest())


@tool("Asks for a confirmation and wants its state back.")
async def test_input_required_result_request_state(call: Call) -> Outcome:
    if call.state == "asked" and field_of(call.answers, "confirm", "ok"):
        return said("state-ok: confirmed")
    return ask("asked", confirm=form("Please confirm", "ok", "boolean"))


@tool("Refuses a state that it did not give out.")
async def test_input_required_result_tampered_state(call: Call) -> Outcome:
    if call.state == "asked":
        return said("state-ok: untouched")
    return ask("asked", confirm=form("Please confirm", "ok", "boolean"))


@tool("Asks a person, a model and for roots at once.")
async def test_input_required_result_multiple_inputs(call: Call) -> Outcome:
    if call.answers.keys() >= {"user_name", "greeting", "client_roots"}:
        return said("Everything was answered.")
    return ask(
        "asked",
        user_name=form("What is your name?", "name"),
        greeting=question("Generate a greeting", 50),
        client_roots=types.ListRootsRequest(),
    )


@tool("Asks twice, the second question carrying the first answer in its state.")
async def test_input_required_result_multi_round(call: Call) -> Outcome:
    step, _, name = (call.state or "").partition(":")
    answered = field_of(call.answers, "step1", "name")
    colour = field_of(call.answers, "step2", "color")
    if step == "2" and colour:
        return said(f"{name} likes {colour}.")
    if step == "1" and answered:
        return ask(f"2:{answered}", step2=form("Step 2: What is your favorite color?", "color"))
    return ask("1:", step1=form("Step 1: What is your name?", "name"))


@tool("Asks only for what the client said it can do.")
async def test_input_required_result_capabilities(call: Call) -> Outcome:
    requests: dict[str, Any] = {}
    if call.capabilities.sampling is not None:
        requests["sample"] = question("Say hello", 50)
    if call.capabilities.elicitation is not None:
        requests["name"] = form("What is your name?", "name")
    return ask("asked", **requests)


@tool("Answers with a question on a stream, which must carry no request of its own.")
async def test_streaming_elicitation(call: Call) -> Outcome:
    await call.progress(1, 2)
    return ask(user_name=form("What is your name?", "name"))


@tool("Needs a client that can sample.")
async def test_missing_capability(call: Call) -> Outcome:
    if call.capabilities.sampling is None:
        raise MCPError(
            code=types.MISSING_REQUIRED_CLIENT_CAPABILITY,
            message="This tool needs a client with the sampling capability.",
            data={"requiredCapabilities": {"sampling": {}}},
        )
    return said("The client can sample.")


TOOLS = (
    test_input_required_result_elicitation,
    test_input_required_result_sampling,
    test_input_required_result_list_roots,
    test_input_required_result_request_state,
    test_input_required_result_tampered_state,
    test_input_required_result_multiple_inputs,
    test_input_required_result_multi_round,
    test_input_required_result_capabilities,
    test_streaming_elicitation,
    test_missing_capability,
)
