"""Tools that answer at once: every content type, an error, a schema with every keyword.

Source: the scenarios `tools-call-*`, `json-schema-2020-12` `http-custom-header-server-validation` and `tasks-*`.
"""

from typing import Any

import mcp_types as types

from fakes.everything_server.registry import Call, said, tool

# The smallest things that decoders accept: one pixel of PNG, a WAV without samples.
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mP4z8AAAAMBAQD3A0FDAAAAAElFTkSuQmCC"
SILENCE = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA="

EVERY_KEYWORD: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        },
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}
MIRRORED_REGION: dict[str, Any] = {
    "type": "object",
    "properties": {"region": {"type": "string", "x-mcp-header": "Region"}},
}
NAMED: dict[str, Any] = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
SLOW: dict[str, Any] = {
    "type": "object",
    "properties": {"seconds": {"type": "number"}, "label": {"type": "string"}},
}


def image() -> types.ImageContent:
    return types.ImageContent(type="image", data=PIXEL, mime_type="image/png")


def embedded(uri: str, media_type: str, text: str) -> types.EmbeddedResource:
    contents = types.TextResourceContents(uri=uri, mime_type=media_type, text=text)
    return types.EmbeddedResource(type="resource", resource=contents)


@tool("Says one sentence.")
async def test_simple_text(call: Call) -> types.CallToolResult:
    return said("This is a simple text response for testing.")


@tool("Shows one image.")
async def test_image_content(call: Call) -> types.CallToolResult:
    return types.CallToolResult(content=[image()])


@tool("Plays one sound.")
async def test_audio_content(call: Call) -> types.CallToolResult:
    return types.CallToolResult(content=[types.AudioContent(type="audio", data=SILENCE, mime_type="audio/wav")])


@tool("Carries one resource.")
async def test_embedded_resource(call: Call) -> types.CallToolResult:
    resource = embedded("test://embedded-resource", "text/plain", "This is an embedded resource content.")
    return types.CallToolResult(content=[resource])


@tool("Greets.", NAMED)
async def greet(call: Call) -> types.CallToolResult:
    return said(f"Hello, {call.arguments.get('name')}!")


@tool("Would take long on a server that offers the tasks extension; this one answers at once.", SLOW)
async def slow_compute(call: Call) -> types.CallToolResult:
    return said(f"Computed {call.arguments.get('label', 'it')}.")


@tool("Answers with a text, an image and a resource.")
async def test_multiple_content_types(call: Call) -> types.CallToolResult:
    text = types.TextContent(type="text", text="Multiple content types test:")
    resource = embedded("test://mixed-content-resource", "application/json", '{"test":"data","value":123}')
    return types.CallToolResult(content=[text, image(), resource])


@tool("Always fails, as a tool fails.")
async def test_error_handling(call: Call) -> types.CallToolResult:
    return said("This tool intentionally returns an error for testing", is_error=True)


@tool("Has an input schema with every keyword that a gateway could lose.", EVERY_KEYWORD)
async def json_schema_2020_12_tool(call: Call) -> types.CallToolResult:
    return said("json_schema_2020_12_tool")


@tool("Has an argument that a client must mirror in the header Mcp-Param-Region.", MIRRORED_REGION)
async def test_x_mcp_header(call: Call) -> types.CallToolResult:
    return said(f"region={call.arguments.get('region')}")


TOOLS = (
    test_simple_text,
    test_image_content,
    test_audio_content,
    test_embedded_resource,
    greet,
    slow_compute,
    test_multiple_content_types,
    test_error_handling,
    json_schema_2020_12_tool,
    test_x_mcp_header,
)
