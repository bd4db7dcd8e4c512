"""Recorded text can be read on a terminal and can do nothing there: cli/rendering/recorded.py."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affidavit.cli.rendering.recorded import Fold, harmless, lines_of

CONTROLS = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


@given(st.text(st.characters(codec=None)))
def test_nothing_that_controls_a_terminal_is_ever_printed(recorded):
    """Unicode chapter 4: the categories of what is not a letter, a mark, a number, a sign or a blank."""
    for line in lines_of(recorded):
        assert not {unicodedata.category(char) for char in harmless(line).plain} & CONTROLS


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"])))
def test_what_can_be_read_stands_as_it_is(recorded):
    assert harmless(recorded).plain == recorded


@pytest.mark.parametrize(
    ("recorded", "shown"),
    [
        ("\x1b[2J\x1b[H", r"\x1b[2J\x1b[H"),
        ("\x9b2J", r"\x9b2J"),  # ECMA-48: CSI in one character
        ("a\rb", r"a\rb"),
        ("user\u202egnp.exe", r"user\u202egnp.exe"),
        ("in\u200bvisible", r"in\u200bvisible"),
        ("\udc80", r"\udc80"),
        ("\U000e0041", r"\U000e0041"),  # a tag character: letters that nobody sees and models read
        ("\u2028", r"\u2028"),
        ("[red]not markup[/red]", "[red]not markup[/red]"),
    ],
)
def test_what_would_do_something_is_shown_as_an_escape(recorded, shown):
    assert harmless(recorded).plain == shown


def test_escapes_are_told_apart_from_text_that_looks_like_them():
    escape, text = harmless("\x1b"), harmless(r"\x1b")

    assert escape.plain == text.plain
    assert escape.spans
    assert not text.spans


@given(st.text("ab\n", max_size=60), st.integers(1, 5), st.integers(1, 20))
def test_a_fold_says_exactly_what_it_leaves_out(recorded, lines, characters):
    shown, left = Fold(lines, characters).cut(recorded)

    assert len(shown) <= lines
    assert recorded.startswith("\n".join(shown))
    counted = re.match(r"([\d,]+) more (line|character)", left)
    if not left:
        assert "\n".join(shown) == recorded
    elif counted[2] == "line":
        assert int(counted[1]) == recorded.count("\n") + 1 - len(shown)
    else:
        assert int(counted[1]) == len(recorded) - len("\n".join(shown))
