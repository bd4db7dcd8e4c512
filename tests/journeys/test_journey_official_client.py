"""The MCP project's own client in both eras, through the gateway, to a server that can do everything and to ours.

What it makes of the gateway's answers is what a user of any client sees.
"""

import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import mcp_types as types
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from fakes.gateway_house import House
from fakes.process import running
from fakes.scripted_upstream import ScriptedUpstream

ERAS = ["legacy", "2026-07-28", "auto"]
EVERYTHING = """\
  - name: everything
    kind: mcp
    url: http://127.0.0.1:{port}/mcp

rules:
  - name: no-errors-please
    when: target == "test_error_handling"
    then: deny
    reason: Nobody wants errors.
  - name: ask-me
    when: upstream == "everything" && method == "elicitation/create"
    then: allow
  - name: everything-else
    when: upstream == "everything" && method != "sampling/createMessage"
    then: allow
"""


@pytest.fixture(scope="module")
def house(upstream: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory, start) -> Iterator[House]:
    """The usual house, with a server of the official package behind it as well."""
    with running("fakes.everything_server") as port:
        house = House(tmp_path_factory.mktemp("house"), upstream)
        yield from start(house, lambda text: text.replace("rules:\n", EVERYTHING.format(port=port), 1))


@contextlib.asynccontextmanager
async def connected(house: House, upstream: str, era: str, person: str = "ana", **more: Any) -> AsyncIterator[Client]:
    headers = {"Authorization": f"Bearer {house.token(person)}"}
    url = f"{house.gateway.url}/mcp/{upstream}"
    async with httpx2.AsyncClient(headers=headers, timeout=20) as http:
        transport = streamable_http_client(url, http_client=http)
        async with Client(transport, mode=era, cache=None, **more) as client:
            yield client


@pytest.mark.parametrize("era", ERAS)
async def test_a_session_from_hello_to_goodbye(house, era):
    async with connected(house, "warehouse", era, f"official-{era}") as client:
        tools = await client.list_tools()
        answer = await client.call_tool("echo", {"text": "hello"})

    assert [tool.name for tool in tools.tools] == ["echo", "held", "scripted", "sometimes"]
    assert answer.content[0].text == "echo ran"
    assert not answer.is_error
    stamp = answer.meta["affidavit/record"]
    assert house.evidence.hash_of(stamp["id"]) == stamp["sha256"]
    mine = [one for one in house.evidence.records("call:requested") if one["principal"]["subject"] == f"official-{era}"]
    expected = "mcp/2025-11-25" if era == "legacy" else "mcp/2026-07-28"
    assert {one["protocol"] for one in mine} == {expected}
    assert [one["method"] for one in mine if one["method"].startswith("tools/")][:2] == ["tools/list", "tools/call"]
    if era == "legacy":
        assert mine[0]["method"] == "initialize"
        assert mine[-1]["method"] == "delete"
        house.evidence.wait_for("session:closed", session=mine[-1]["session"])


@pytest.mark.parametrize("era", ERAS)
async def test_a_denied_tool_is_an_error_that_a_model_reads(house, upstream, era):
    """mcp "Duties": no exception, no broken session, a sentence."""
    async with connected(house, "warehouse", era) as client:
        answer = await client.call_tool("drop_table", {"table": "customers"})
        again = await client.call_tool("echo", {})

    assert answer.is_error
    assert "Schema changes go through migrations." in answer.content[0].text
    assert "nobody-drops-tables" in answer.content[0].text
    record = answer.meta["affidavit/record"]
    assert record["id"] in answer.content[0].text
    assert house.evidence.hash_of(record["id"]) == record["sha256"]
    assert not again.is_error
    assert [one.tool for one in upstream.calls()] == ["echo"]


@pytest.mark.parametrize("era", ERAS)
async def test_an_upstream_that_is_not_there_is_an_error_and_not_the_end(house, era):
    with pytest.raises(BaseExceptionGroup) as caught:
        async with connected(house, "nowhere", era) as client:
            await client.call_tool("echo", {})

    assert str(_innermost(caught.value)) == "The upstream cannot be reached. Nothing ran."


@pytest.mark.parametrize("era", ["legacy", "2026-07-28"])
async def test_everything_that_the_official_server_can_do_arrives(house, era):
    async with connected(house, "everything", era) as client:
        content = (await client.call_tool("test_multiple_content_types", {})).content
        denied = await client.call_tool("test_error_handling", {})
        prompt = await client.get_prompt("test_prompt_with_arguments", {"arg1": "a", "arg2": "b"})
        resource = await client.read_resource("test://static-text")
        resources = await client.list_resources()

    assert [one.type for one in content] == ["text", "image", "resource"]
    assert denied.is_error
    assert "Nobody wants errors." in denied.content[0].text
    assert prompt.messages
    assert resource.contents[0].text
    assert resources.resources
    recorded = house.evidence.records("call:requested", upstream="everything")
    assert {"prompts/get", "resources/read", "resources/list"} <= {one["method"] for one in recorded}
    assert "test://static-text" in {one["target"] for one in recorded}


@pytest.mark.parametrize("era", ["legacy", "2026-07-28"])
async def test_progress_arrives_while_the_call_runs(house, era):
    told: list[float] = []

    async def progress(now: float, total: float | None, message: str | None) -> None:
        told.append(now)

    async with connected(house, "everything", era) as client:
        answer = await client.call_tool("test_tool_with_progress", {}, progress_callback=progress)

    assert not answer.is_error
    assert told == sorted(told)
    assert len(told) >= 2


async def test_a_question_that_a_rule_allows_is_answered_by_the_clients_user(house):
    async def user(context: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
        return types.ElicitResult(action="accept", content={"username": "ana", "email": "ana@example.com"})

    async with connected(house, "everything", "legacy", "answering", elicitation_callback=user) as client:
        answer = await client.call_tool("test_elicitation", {"message": "Who are you?"})

    assert "action=accept" in answer.content[0].text
    mine = [one for one in house.evidence.records("call:requested") if one["principal"]["subject"] == "answering"]
    (response,) = [one for one in mine if one["method"] == "response"]
    assert b"ana@example.com" in house.evidence.body(response["request"])


async def test_a_question_that_no_rule_allows_never_reaches_the_client(house):
    asked: list[Any] = []

    async def model(context: Any, params: types.CreateMessageRequestParams) -> types.CreateMessageResult:
        asked.append(params)
        raise AssertionError("the client must not be asked")

    async with connected(house, "everything", "legacy", "unasked", sampling_callback=model) as client:
        with contextlib.suppress(MCPError):
            answer = await client.call_tool("test_sampling", {"prompt": "What is the password?"})
            assert answer.is_error

    assert asked == []
    events = house.evidence.records("call:streamed", denied="sampling/createMessage")
    assert b"What is the password?" in house.evidence.body(events[-1]["response"])


async def test_modern_questions_are_answered_and_asked_again(house):
    """MCP 2026-07-28 "Multi Round-Trip Requests"."""

    async def user(context: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
        return types.ElicitResult(action="accept", content={"name": "Ana"})

    async with connected(house, "everything", "2026-07-28", elicitation_callback=user) as client:
        answer = await client.call_tool("test_input_required_result_elicitation", {})

    assert answer.content[0].text == "Hello, Ana!"


async def test_a_client_with_a_bad_token_is_told_that_it_is_bad(house, upstream):
    headers = {"Authorization": f"Bearer {house.token(aud='https://other.example.com')}"}
    async with httpx2.AsyncClient(headers=headers) as http:
        with pytest.raises(BaseExceptionGroup):
            async with Client(streamable_http_client(f"{house.gateway.url}/mcp/warehouse", http_client=http)) as client:
                await client.list_tools()

    assert upstream.requests == []
    assert house.evidence.records("identity:rejected", reason="wrong_audience")


def _innermost(error: BaseException) -> BaseException:
    return _innermost(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error
