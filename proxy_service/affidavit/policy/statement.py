"""What a text of statements does, as far as the text itself says.

`read` is one statement of which every part is known to only read. Doubt is never resolved in a statement's favour: what
does not parse, what has two readings, and functions that nobody listed are not known to only read. Knows nothing of the
server: a view or a computed column that calls functions, and a table that is a window on another server, look like
any other.

Source: architecture "Configuration"; the requirements of `statement`.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise, takewhile
from typing import Literal

import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel, SqlglotError

from affidavit.policy.sql_functions import BEFORE_BRACKET, COMMON, DIALECTS, TSQL_STARTERS, WRITING
from affidavit.policy.sql_nodes import DEFINING, PARTS, READING
from affidavit.policy.sql_nodes import WRITING as WRITING_NODES
from affidavit.policy.sql_tokens import Token, tokens_of

REMEMBERED = 256  # texts with what they do, of at most 64 KiB
MAX_NODES = 4_000  # that are made of one text, with those that are thrown away: some ways of parsing are tried twice

StatementEffect = Literal["read", "write", "ddl", "unknown"]

_QUERIES = (exp.Select, exp.SetOperation, exp.Subquery)
_BEGINS = frozenset({"select", "with", "("})

# What it means to raise, and what it raises of odd texts without meaning to: neither says that a statement reads.
_PARSER_FAILS = (
    SqlglotError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)

# It warns with pieces of what it reads, which are nobody's but the caller's.
logging.getLogger("sqlglot").disabled = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One text of statements.

    Attributes:
        effect: `read` only if it is one statement whose whole tree only reads.
        tables: Every table that is named, as written, in lower case; None where others might be touched, too. A part
            with a dot in it is quoted.
        count: How many statements; None where that is not known.
    """

    effect: StatementEffect
    tables: tuple[str, ...] | None = None
    count: int | None = None


UNKNOWN = Statement(effect="unknown")
DIALECT_NAMES = frozenset(DIALECTS)


@lru_cache(maxsize=REMEMBERED)
def read_statement(text: str, dialect: str) -> Statement:
    """Return what a text of statements does.

    Args:
        text: Of any length; one that is long, deep or of many tokens is `unknown`, so that reading it takes no time.
        dialect: One of `DIALECT_NAMES`: those whose functions are known.
    """
    tokens = tokens_of(text, dialect)
    if tokens is None:
        return UNKNOWN
    try:
        trees = _parsed(text, dialect)
        return _told(tokens, trees, dialect) if trees else UNKNOWN
    except _PARSER_FAILS:
        return UNKNOWN


def _parsed(text: str, dialect: str) -> list[exp.Expr]:
    parsed = sqlglot.parse(text, read=dialect, error_level=ErrorLevel.IMMEDIATE, max_nodes=MAX_NODES)
    return [tree for tree in parsed if tree is not None and not isinstance(tree, exp.Semicolon)]


def _told(tokens: Sequence[Token], trees: list[exp.Expr], dialect: str) -> Statement:
    nodes = [node for tree in trees for node in tree.walk()]
    if _only_reads(tokens, trees, nodes, dialect):
        return Statement(effect="read", tables=_tables(nodes, reads=True), count=1)
    effect = _effect(tokens, trees, nodes, dialect)
    known = effect in ("write", "ddl") and all(_is_known_function(node, dialect) for node in nodes)
    return Statement(effect=effect, tables=_tables(nodes) if known else None, count=len(trees))


def _only_reads(tokens: Sequence[Token], trees: list[exp.Expr], nodes: list[exp.Expr], dialect: str) -> bool:
    words = Counter(token.said for token in tokens if token.kind == "word")
    forbidden = WRITING | TSQL_STARTERS if dialect == "tsql" else WRITING
    return (
        len(trees) == 1
        and isinstance(trees[0], _QUERIES)
        and tokens[0].said in _BEGINS
        and forbidden.isdisjoint(words)
        and words["select"] == sum(type(node) is exp.Select for node in nodes)
        and _ends_once(tokens)
        and _calls_known(tokens, dialect)
        and all(_reads(node) and _is_known_function(node, dialect) for node in nodes)
    )


def _ends_once(tokens: Sequence[Token]) -> bool:
    """Tell whether nothing follows the first semicolon."""
    said = [token.said for token in tokens if token.kind == "sign"]
    return ";" not in said or (said.count(";") == 1 and tokens[-1].said == ";")


def _calls_known(tokens: Sequence[Token], dialect: str) -> bool:
    """Tell whether whatever stands before a bracket is a word of the language or a listed function, by itself."""
    functions, before = DIALECTS[dialect] | COMMON, Token("sign", "(")
    for one, following in pairwise(tokens):
        if following.said == "(" and following.kind == "sign":
            # To MySQL, `count (a)` is a function of the user's own (MySQL "Function Name Parsing and Resolution").
            own = dialect == "mysql" and following.apart and one.said not in BEFORE_BRACKET
            if not _may_open(before, one, frozenset() if own else functions):
                return False
        before = one
    return True


def _may_open(before: Token, one: Token, functions: frozenset[str]) -> bool:
    if one.kind == "word":
        own = before.kind == "sign" and before.said == "."  # somebody's schema
        return not own and (one.said in BEFORE_BRACKET or one.said in functions)
    return one.kind == "sign" and one.said not in (")", "]", ".", ";", "@", "?", ":")


def _reads(node: exp.Expr) -> bool:
    if type(node) not in READING:
        return False
    if isinstance(node, exp.Table | exp.Dot) and not isinstance(node.parts[-1], exp.Identifier | exp.Star):
        return False  # a stage, or somebody's own function
    if isinstance(node, exp.Identifier) and node.name.lower() == "nextval":
        return False  # a sequence's column, which counts it on (Snowflake "Using Sequences")
    if isinstance(node, exp.DataType) and node.this is exp.DType.USERDEFINED:
        return False  # its input function is somebody's own
    parts = PARTS.get(type(node))
    return parts is None or all(not value or name in parts for name, value in node.args.items())


def _is_known_function(node: exp.Expr, dialect: str) -> bool:
    if isinstance(node, exp.Anonymous | exp.AnonymousAggFunc):
        return isinstance(node.this, str) and node.this.lower() in DIALECTS[dialect] | COMMON
    return not isinstance(node, exp.Func | exp.Command) or type(node) in READING


def _effect(tokens: Sequence[Token], trees: list[exp.Expr], nodes: list[exp.Expr], dialect: str) -> StatementEffect:
    if any(type(node) in DEFINING for node in nodes):
        return "ddl"
    writes = all(_is_understood(tree) for tree in trees) and any(type(node) in WRITING_NODES for node in nodes)
    if not writes:
        return "unknown"
    starters = sum(token.kind == "word" and token.said in WRITING - {"into"} for token in tokens)
    if dialect == "tsql" and starters > len(trees):  # it takes no semicolon to begin another statement
        return "unknown"
    return "write"


def _is_understood(tree: exp.Expr) -> bool:
    return type(tree) in WRITING_NODES or isinstance(tree, _QUERIES)


def _tables(nodes: list[exp.Expr], *, reads: bool = False) -> tuple[str, ...]:
    """Return the tables that are named; what a write names may be the table beside a subquery of the same name."""
    tables = [node for node in nodes if isinstance(node, exp.Table) and not (reads and _is_subquery(node))]
    return tuple(dict.fromkeys(".".join(map(_part, table.parts)).lower() for table in tables if table.name))


def _part(part: exp.Expr) -> str:
    return f'"{part.name}"' if "." in part.name else part.name


def _is_subquery(table: exp.Table) -> bool:
    """Tell whether a name means a subquery of a WITH that it stands under; in doubt it means a table."""
    inner: exp.Expr = table
    while len(table.parts) == 1 and (outer := inner.parent) is not None:
        if any(_is_name_of(cte, table) for cte in _known(outer, inner)):
            return True
        inner = outer
    return False


def _known(outer: exp.Expr, inner: exp.Expr) -> Iterator[exp.Expr]:
    """Yield the subqueries that can be named within one part of a node."""
    if isinstance(outer, exp.With):  # those before it, and itself where it may be recursive
        before = takewhile(lambda cte: cte is not inner, outer.expressions)
        yield from before
        if outer.args.get("recursive"):
            yield inner
    elif (named := outer.args.get("with_")) is not None and named is not inner:
        yield from named.expressions


def _is_name_of(cte: exp.Expr, table: exp.Table) -> bool:
    alias = cte.args["alias"].this if cte.args.get("alias") else None
    name = table.this
    if not isinstance(alias, exp.Identifier) or bool(alias.args.get("quoted")) is not bool(name.args.get("quoted")):
        return False
    return bool(alias.name == name.name if alias.args.get("quoted") else alias.name.lower() == name.name.lower())
