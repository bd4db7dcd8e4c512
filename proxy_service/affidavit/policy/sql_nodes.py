"""Kinds of nodes in a parsed statement: those that only read, and those that write or define.

What is on no list is not known to only read. A name that sqlglot no longer has is an error when this is loaded.

Source: sqlglot 30, `sqlglot.expressions`.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

Kinds = frozenset[type]


def _kinds(*lines: str) -> Kinds:
    return frozenset(getattr(exp, name) for line in lines for name in line.split())


def _parts(names: str) -> frozenset[str]:
    return frozenset(names.split())


# Parts of a query, operators, values and types.
_QUERY = _kinds(
    "CTE Column Cube Distinct Except Fetch Filter From Group GroupingSets Having Identifier Intersect Join Lateral",
    "Limit LimitOptions Offset Order Ordered Paren Qualify Rollup Select Star Subquery Table TableAlias Tuple Union",
    "Where Window WindowSpec With WithinGroup",
)
_OPERATORS = _kinds(
    "Add Alias Aliases All And Any ArrayContainsAll ArrayContainedBy AtTimeZone Between BitwiseAnd BitwiseLeftShift",
    "BitwiseNot BitwiseOr BitwiseRightShift BitwiseXor Bracket Case Collate DPipe Div Dot EQ Escape Exists GT GTE Glob",
    "ILike IgnoreNulls In IntDiv Is LT LTE Like Mod Mul NEQ Neg Not NullSafeEQ NullSafeNEQ Or RegexpILike RegexpLike",
    "RespectNulls SimilarTo Sub Xor",
)
_VALUES = _kinds(
    "BitString Boolean ByteString DataType DataTypeParam HexString Interval JSONPath JSONPathKey JSONPathRoot",
    "JSONPathSubscript Literal Localtime Localtimestamp National Null Parameter Placeholder RawString Var",
)
# Each of them stands for functions of `sql_functions` only; a user's own function of such a name is a name of those.
_FUNCTIONS = _kinds(
    "Abs AnyValue ApproxDistinct Array ArrayAgg ArraySize Avg ByteLength Cast Ceil Coalesce Concat ConcatWs Contains",
    "Convert Corr Count CountIf CovarPop CovarSamp CumeDist CurrentDate CurrentTime CurrentTimestamp Date DateAdd",
    "DateDiff DateFromParts DateSub DateTrunc Datetime DatetimeTrunc Day DayOfMonth DayOfWeek DayOfYear Decode",
    "DecodeCase DenseRank EndsWith Exp Extract FarmFingerprint FirstValue Floor Greatest GroupConcat Hex Hour If",
    "Initcap JSONArrayAgg JSONBExtract JSONBExtractScalar JSONExtract JSONExtractScalar JSONFormat Lag LastDay",
    "LastValue Lead Least Left Length Ln Log LogicalAnd LogicalOr Lower MD5 MD5Digest Max Median Min Minute Mode Month",
    "NthValue Ntile Nullif NumberToStr Nvl2 ParseJSON PercentRank PercentileCont PercentileDisc Pow Quarter Rank",
    "RegexpExtract RegexpReplace RegexpSubstr Replace Reverse Right Round RowNumber SHA SHA2 SafeDivide Second Sign",
    "Split SplitPart Sqrt StartsWith Stddev StddevPop StddevSamp StrPosition StrToDate StrToTime Struct Stuff",
    "Substring SubstringIndex Sum TimeStrToTime TimeToStr Timestamp TimestampAdd TimestampDiff TimestampFromParts",
    "TimestampSub TimestampTrunc ToChar ToNumber Trim TryCast TsOrDsToDate TsOrDsToDatetime TsOrDsToTimestamp Typeof",
    "UnixToTime Unnest Upper Variance VariancePop Week Year",
)
READING = _QUERY | _OPERATORS | _VALUES | _FUNCTIONS | _kinds("Anonymous PropertyEQ")

# Parts that these may have; with any other (INTO, locks, hints, samples, time travel) they are not known to only read.
PARTS: Mapping[type, frozenset[str]] = {
    exp.Select: _parts(
        "distinct expressions from_ group having joins laterals limit offset order qualify where windows with_"
    ),
    exp.Table: _parts("alias catalog db joins this"),
    exp.Subquery: _parts("alias joins limit offset order this with_"),
    exp.Lateral: _parts("alias cross_apply this"),
}

DEFINING = _kinds("Alter Comment Create Drop Grant Revoke TruncateTable")
WRITING = _kinds("Copy Delete Export Insert Into LoadData Merge Put Update")
