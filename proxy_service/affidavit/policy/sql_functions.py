"""Functions that only compute, by the names that each dialect gives them.

A function that is on no list could do anything: it might write, call elsewhere, or be somebody's own. What could read a
file, a setting or another server, wait, or make texts of any length is on none.

Source: the functions' pages of PostgreSQL 17, MySQL 9, SQLite 3, Transact-SQL, BigQuery and Snowflake.
"""

from __future__ import annotations

from collections.abc import Mapping


def _words(*lines: str) -> frozenset[str]:
    return frozenset(word for line in lines for word in line.split())


# Built into every dialect.
COMMON = _words(
    "abs avg cast coalesce count cume_dist dense_rank first_value lag last_value lead lower ltrim max min ntile nullif",
    "percent_rank rank replace round row_number rtrim sign sum trim upper",
)
_STATISTICS = _words("corr covar_pop covar_samp stddev stddev_pop stddev_samp variance var_pop var_samp")
_NUMBERS = _words("ceil ceiling exp floor greatest least ln log mod power sqrt")
_TEXTS = _words("char_length character_length concat left length position reverse right substr substring")

DIALECTS: Mapping[str, frozenset[str]] = {
    "postgres": _STATISTICS
    | _NUMBERS
    | _TEXTS
    | _words(
        "age array array_agg array_length bool_and bool_or cardinality concat_ws date_part date_trunc every extract",
        "initcap json_agg json_array_length json_build_object json_extract_path json_extract_path_text json_typeof",
        "jsonb_agg jsonb_array_length jsonb_build_object jsonb_extract_path jsonb_extract_path_text jsonb_typeof",
        "make_date md5 mode now nth_value octet_length percentile_cont percentile_disc regexp_match regexp_replace",
        "row_to_json split_part string_agg strpos to_char to_date to_json to_jsonb to_number to_timestamp unnest",
    ),
    "mysql": _STATISTICS - {"corr", "covar_pop", "covar_samp"}
    | _NUMBERS
    | _TEXTS
    | _words(
        "concat_ws curdate curtime date date_add date_format date_sub datediff day dayofmonth dayofweek dayofyear",
        "extract from_unixtime group_concat hex hour if ifnull instr json_contains json_extract json_length",
        "json_unquote last_day locate log10 log2 md5 minute month now nth_value pow quarter regexp_like regexp_replace",
        "regexp_substr second sha1 sha2 str_to_date substring_index timestampdiff unix_timestamp week weekday year",
    ),
    "sqlite": _NUMBERS - {"greatest", "least"}
    | _words(
        "date datetime group_concat hex ifnull iif instr json_array_length json_extract julianday length nth_value pow",
        "strftime substr substring time total typeof unixepoch",
    ),
    "bigquery": _STATISTICS
    | _NUMBERS
    | _TEXTS - {"position"}
    | _words(
        "any_value approx_count_distinct array array_agg array_length byte_length contains_substr countif",
        "current_date current_timestamp date date_add date_diff date_sub date_trunc datetime datetime_trunc ends_with",
        "extract farm_fingerprint format_date format_timestamp if ifnull instr json_extract json_extract_scalar",
        "json_query json_value log10 logical_and logical_or md5 nth_value parse_date parse_timestamp percentile_cont",
        "pow regexp_contains regexp_extract regexp_replace safe_cast safe_divide split starts_with string_agg strpos",
        "struct timestamp timestamp_add timestamp_diff timestamp_sub timestamp_trunc to_json_string unnest",
    ),
    "tsql": _words(
        "ceiling charindex choose concat concat_ws convert count_big datalength dateadd datediff datename datepart day",
        "eomonth exp floor format getdate getutcdate iif isjson isnull json_query json_value left len log log10 month",
        "patindex power reverse right sqrt stdev stdevp string_agg stuff substring sysdatetime try_cast try_convert",
        "var varp year",
    ),
    "snowflake": _STATISTICS
    | _NUMBERS
    | _TEXTS - {"char_length", "character_length"}
    | _words(
        "any_value approx_count_distinct array_agg array_size charindex concat_ws contains count_if current_date",
        "current_timestamp date_part date_trunc dateadd datediff day decode endswith extract getdate hour iff ifnull",
        "initcap last_day len listagg median minute month nvl nvl2 object_construct parse_json percentile_cont pow",
        "quarter regexp_like regexp_replace regexp_substr second split split_part startswith to_char to_date",
        "to_decimal to_number to_timestamp to_varchar try_cast try_parse_json try_to_date try_to_number week year",
        "zeroifnull",
    ),
}

# What may stand before a bracket and is no function: the language's own words, and types with a length.
BEFORE_BRACKET = _words(
    "all and any apply as between by case cube distinct else except exists filter from group having ilike in intersect",
    "is join lateral like limit not offset on or over partition qualify rollup select sets some then top union using",
    "when where",
    "bigint binary bit char character datetime2 datetimeoffset dec decimal double float int nchar number numeric",
    "nvarchar time timestamp varbinary varchar varying",
)

# Words that no statement that only reads has need of, unless as a name in quotes.
WRITING = _words(
    "alter call copy create delete drop exec execute export grant insert into merge procedure revoke truncate update",
)
# Transact-SQL needs nothing between two statements: `SELECT a DELETE FROM t` is two.
TSQL_STARTERS = WRITING | _words(
    "backup begin break bulk checkpoint close commit dbcc deallocate declare deny disable enable go goto if kill",
    "lineno load move open print raiserror readtext receive reconfigure restore return revert rollback save send set",
    "setuser shutdown throw updatetext use waitfor while writetext",
)
