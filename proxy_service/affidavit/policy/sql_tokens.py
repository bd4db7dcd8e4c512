"""Texts of statements that have only one reading, whatever server reads them, taken apart.

A text that two servers, or one with two settings, could take apart differently is refused: what is a comment or a
string to this reader might be a statement to the other. So are texts that would take long to parse.

Source: PostgreSQL "Lexical Structure"; MySQL "Language Structure"; SQLite "Tokenizer"; Transact-SQL and Snowflake
"Comments"; BigQuery "Lexical structure".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

MAX_TEXT = 64 * 1024  # characters
MAX_TOKENS = 1_500  # parsing takes some 12 us each, and 40 us the worst that was found
MAX_DEPTH = 40  # of brackets; the parser recurses
MAX_INDEXES = 16  # one right after another, as in a[1][2]; parsing takes the square of them

Kind = Literal["word", "quoted", "text", "number", "sign"]

# A backslash before a quote ends a string here and does not there; three quotes are one in BigQuery; `/*!` is run by
# MySQL, and `--` begins a comment there only before a blank; comments nest in some.
_TOKEN = re.compile(
    r"""
      (?P<blank>   (?:[ \t\n]|\r\n)+ | --(?=[ \t\r\n]|\Z)[^\n\r\0]* | /\*(?![!+Mm])(?:[^*/\0]|\*(?!/)|/(?!\*))*\*/ )
    | (?P<text>    '(?!'')(?:[^'\\\0]|''|\\(?!['"`]))*' )
    | (?P<double>  "(?!"")(?:[^"\\\0]|""|\\(?!['"`]))*" )
    | (?P<back>    `[^`\\\0]+`(?!`) )
    | (?P<word>    [A-Za-z_][A-Za-z0-9_]* )
    | (?P<number>  [0-9][A-Za-z0-9_.]* | \$[0-9]+ | \.[0-9][A-Za-z0-9_]* )
    | (?P<sign>    :(?!=) | -(?!-) | /(?![*/]) | \|(?!>) | &(?!['"]) | [()\[\],;.=<>!+*%^~?@] )
    """,
    re.VERBOSE,
)
_IN_BRACKETS = re.compile(r"\[[A-Za-z0-9_ .-]+\]")  # a name in Transact-SQL and SQLite
_BRACKETED_NAMES = frozenset({"tsql", "sqlite"})
_BACKTICKED_NAMES = frozenset({"mysql", "bigquery", "sqlite"})
_PREFIXES = frozenset({"b", "e", "n", "r", "x", "br", "rb", "date", "time", "timestamp", "datetime", "interval"})
_OPENS, _CLOSES = frozenset("(["), frozenset(")]")


@dataclass(frozen=True, slots=True)
class Token:
    """One piece of a text.

    Attributes:
        kind: `quoted` is a name or a text, by the dialect; `text` is a text in all.
        said: A word or sign in lower case; of others, the text itself.
        apart: Whether a blank or a comment stands before it.
    """

    kind: Kind
    said: str
    apart: bool = False


def tokens_of(text: str, dialect: str) -> Sequence[Token] | None:
    """Return the tokens of a text without its comments; None where it has two readings, or is too long or deep."""
    if len(text) > MAX_TEXT:
        return None
    tokens: list[Token] = []
    at = depth = indexes = 0
    apart = False
    while at < len(text):
        if text[at] == "[" and dialect in _BRACKETED_NAMES:
            found, kind = _IN_BRACKETS.match(text, at), "quoted"
        else:
            found = _TOKEN.match(text, at)
            kind = (found.lastgroup or "") if found else ""
        if found is None or len(tokens) >= MAX_TOKENS:
            return None
        if kind != "blank":
            token = _token(kind, found[0], text, at, dialect, apart=apart)
            if token is None:
                return None
            indexes += token.said == "[" and bool(tokens) and tokens[-1].said == "]"
            tokens.append(token)
            depth += (token.said in _OPENS) - (token.said in _CLOSES)
            if not 0 <= depth <= MAX_DEPTH or indexes > MAX_INDEXES:
                return None
        apart = kind == "blank"
        at = found.end()
    return tokens


def _token(kind: str, said: str, text: str, at: int, dialect: str, *, apart: bool) -> Token | None:
    if kind == "word":
        return Token("word", said.lower(), apart)
    if kind == "sign":
        return Token("sign", said, apart)
    if kind == "number":
        return Token("number", said, apart)
    if kind == "back" and dialect not in _BACKTICKED_NAMES:
        return None
    if kind in ("text", "double") and not _stands_alone(text, at):
        return None
    return Token("text" if kind == "text" else "quoted", said, apart)


def _stands_alone(text: str, at: int) -> bool:
    """Tell whether a quote does not belong to a word before it that makes something else of it, as in `q'[…]'`."""
    word = re.search(r"[A-Za-z0-9_$@&#]*\Z", text[max(0, at - 20) : at])
    return word is None or not word[0] or word[0].lower() in _PREFIXES
