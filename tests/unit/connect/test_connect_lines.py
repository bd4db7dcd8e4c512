"""Lines of stdin and stdout: whole whatever the chunks, exact, and bounded."""

import asyncio
import os

from hypothesis import given
from hypothesis import strategies as st

from affidavit.connect.stdio import Lines, Output, TooLong, lines_of


@given(
    st.lists(st.binary(min_size=1).filter(lambda line: b"\n" not in line and line.strip()), max_size=8),
    st.integers(1, 9),
)
def test_lines_are_whole_however_they_are_cut(lines, size):
    """A CR before the LF belongs to the line's end."""
    text = b"".join(line + b"\n" for line in lines)
    parser = Lines()

    found = [line for at in range(0, len(text), size) for line in parser.feed(text[at : at + size])]

    assert found == [line.removesuffix(b"\r") for line in lines]
    assert parser.end() == []


def test_a_line_without_an_end_counts_and_an_empty_one_does_not():
    parser = Lines()

    assert parser.feed(b"\n  \r\n{}") == []
    assert parser.end() == [b"{}"]


def test_a_line_that_is_too_long_is_passed_over_and_the_next_one_is_not():
    parser = Lines(limit=4)

    first, second = [*parser.feed(b"12"), *parser.feed(b"345"), *parser.feed(b"6\n789\n")]

    assert isinstance(first, TooLong)
    assert second == b"789"


async def test_a_file_is_read_as_well_as_a_pipe(tmp_path):
    """`affidavit connect URL < messages`."""
    (tmp_path / "messages").write_bytes(b"one\ntwo")
    with (tmp_path / "messages").open("rb", 0) as opened:
        assert [line async for line in lines_of(opened)] == [b"one", b"two"]


async def test_a_message_is_one_line_in_a_file_too(tmp_path):
    with (tmp_path / "answers").open("wb", 0) as opened:
        output = Output(opened)
        await output.open()
        await output.write(b'{\r\n"a": "b\\n"}')
        await output.write(b"{}")

    assert (tmp_path / "answers").read_bytes() == b'{  "a": "b\\n"}\n{}\n'


async def test_a_reader_that_hung_up_is_noticed_and_nothing_fails():
    incoming, outgoing = os.pipe()
    with os.fdopen(outgoing, "wb", 0) as opened:
        output = Output(opened)
        await output.open()
        os.close(incoming)
        async with asyncio.timeout(10):
            while not output.gone.is_set():
                await output.write(b"x" * 1024)
        await output.write(b"nobody")

    assert output.gone.is_set()
