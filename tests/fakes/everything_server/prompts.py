"""The prompts. Source: the scenarios `prompts-get-*` and `input-required-result-non-tool-request`."""

import mcp_types as types

from fakes.everything_server.content import embedded, image
from fakes.everything_server.input_required import ask, field_of, form
from fakes.everything_server.registry import Call, Told, prompt


def _user(*contents: types.ContentBlock) -> types.GetPromptResult:
    return types.GetPromptResult(messages=[types.PromptMessage(role="user", content=one) for one in contents])


def _text(text: str) -> types.TextContent:
    return types.TextContent(type="text", text=text)


@prompt("One sentence.")
async def test_simple_prompt(call: Call) -> Told:
    return _user(_text("This is a simple prompt for testing."))


@prompt("A sentence with two arguments.", "arg1", "arg2")
async def test_prompt_with_arguments(call: Call) -> Told:
    return _user(_text("Prompt with arguments: arg1='{arg1}', arg2='{arg2}'".format_map(call.arguments)))


@prompt("A resource and a sentence.", "resourceUri")
async def test_prompt_with_embedded_resource(call: Call) -> Told:
    resource = embedded(call.arguments["resourceUri"], "text/plain", "Embedded resource content for testing.")
    return _user(resource, _text("Please process the embedded resource above."))


@prompt("An image and a sentence.")
async def test_prompt_with_image(call: Call) -> Told:
    return _user(image(), _text("Please analyze the image above."))


@prompt("A prompt that first asks for its context.")
async def test_input_required_result_prompt(call: Call) -> Told:
    context = field_of(call.answers, "user_context", "context")
    if context:
        return _user(_text(f"Use the following context: {context}"))
    return ask(user_context=form("What context should the prompt use?", "context"))


PROMPTS = (
    test_simple_prompt,
    test_prompt_with_arguments,
    test_prompt_with_embedded_resource,
    test_prompt_with_image,
    test_input_required_result_prompt,
)
