"""What statements do: the requirements "Policy" (`statement`); each group says whose documentation it is from."""
# ruff: noqa: E501 a statement is easier to read on one line

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affidavit.policy.sql_tokens import MAX_DEPTH, MAX_INDEXES, MAX_TEXT, MAX_TOKENS, tokens_of
from affidavit.policy.statement import DIALECT_NAMES, read_statement

READS = [
    ("postgres", "select 1"),
    (
        "postgres",
        "SELECT a, count(*) FROM s.t WHERE b > 1 GROUP BY a HAVING count(*) > 1 ORDER BY 2 DESC NULLS LAST LIMIT 5;",
    ),
    (
        "postgres",
        "with q as (select 1 as n) select * from q join b on q.n = b.n left join lateral (select 1) z on true",
    ),
    (
        "postgres",
        "select a->>'b', data->'x', date_trunc('day', t), x::int, cast(y as numeric(10,2)), now() from t -- why\n",
    ),
    (
        "postgres",
        "/* why */ select row_number() over (partition by a order by b rows between 1 preceding and current row) from t",
    ),
    ("postgres", "(select 1) union all (select 2) order by 1"),
    ("postgres", "select 1 from t where name ilike '%x%' and not exists (select 1 from z) and c between 1 and 2"),
    (
        "postgres",
        "select case when a then 1 else 2 end, coalesce(b, 'it''s'), $1, E'\\n' from t where c = any(array[1, 2])",
    ),
    ("postgres", 'select "drop", "delete from" from "update" where d = \'drop table t; --\''),
    (
        "postgres",
        "select extract(year from a), substring(a from 1 for 2), trim(both 'x' from a), position('a' in b) from t",
    ),
    ("postgres", "select a from t group by rollup(a), grouping sets ((a), (b)) fetch first 3 rows only"),
    ("mysql", 'select `a`.`b`, ifnull(x, 1), "str" from `a` where d > date_sub(now(), interval 1 day) limit 3'),
    ("mysql", "select date_format(d, '%Y-%m') m, group_concat(distinct a order by b separator ',') from t group by m"),
    ("mysql", "select a from t -- a word\nwhere b <=> c"),
    (
        "bigquery",
        "select * except (z), timestamp_trunc(ts, day) from `p-q.d.t`, unnest(x) as y where regexp_contains(a, r'x')",
    ),
    (
        "bigquery",
        "select array_agg(x ignore nulls limit 3), struct(a as b) from d.t qualify row_number() over (order by b) = 1",
    ),
    ("sqlite", "select strftime('%Y', a), [a b], \"c\" from t where a glob 'x*' limit 5 offset 2"),
    ("tsql", "select top (5) [a b], isnull(x, 1), datediff(day, a, b) from dbo.[t u] where y = N'z'"),
    ("tsql", "select a from t cross apply (select 1 as z) q order by a offset 5 rows fetch next 5 rows only"),
    ("snowflake", "select listagg(a, ',') within group (order by b), iff(a, b, c), v:a.b::string from db.s.t"),
    ("snowflake", "select a from t qualify row_number() over (partition by b order by c) = 1"),
    ("mysql", "select count(a), ifnull(b, 1) from t where c in (1, 2)"),
]


@pytest.mark.parametrize(("dialect", "text"), READS)
def test_what_only_reads_is_a_read(dialect, text):
    statement = read_statement(text, dialect)

    assert (statement.effect, statement.count) == ("read", 1)
    assert statement.tables is not None


# Each might do more than read, for its own server or for one that takes it apart differently.
NOT_READS = [
    # PostgreSQL "Functions and Operators", "Additional Supplied Modules".
    ("postgres", "select pg_sleep(10)"),
    ("postgres", "select * from dblink('host=x', 'delete from t') as t(a int)"),
    ("postgres", "select dblink_exec('delete from t')"),
    ("postgres", "select lo_import('/etc/passwd')"),
    ("postgres", "select lo_export(1, '/tmp/x')"),
    ("postgres", "select lo_unlink(1)"),
    ("postgres", "select nextval('s')"),
    ("postgres", "select setval('s', 1)"),
    ("postgres", "select set_config('role', 'admin', false)"),
    ("postgres", "select current_setting('x')"),
    ("postgres", "select pg_read_file('/etc/passwd')"),
    ("postgres", "select pg_ls_dir('/')"),
    ("postgres", "select pg_terminate_backend(1)"),
    ("postgres", "select pg_advisory_lock(1)"),
    ("postgres", "select query_to_xml('delete from t', true, true, '')"),
    ("postgres", "select database_to_xml(true, true, '')"),
    ("postgres", "select * from generate_series(1, 1000000000)"),
    ("postgres", "select repeat('x', 1000000000)"),
    ("postgres", "select my_function()"),
    ("postgres", "select my_schema.lower(a) from t"),
    ("postgres", "select pg_catalog.lower(a) from t"),
    ("postgres", 'select "lower"(a) from t'),
    ("postgres", 'select "Lower" (a) from t'),
    ("postgres", "select a.f(1) from t"),
    ("postgres", "select (t).f(1) from t"),
    ("postgres", "select lower(my_function(a)) from t"),
    ("postgres", "select 1 where exists (select my_function())"),
    ("postgres", "select a from t order by my_function()"),
    ("postgres", "select count(*) filter (where my_function()) from t"),
    ("postgres", "select 1 limit (select my_function())"),
    ("postgres", "select my_function/**/(1)"),
    ("postgres", "select my_function -- x\n (1)"),
    ("postgres", "select ifnull(a, b) from t"),  # no function of PostgreSQL: it would be somebody's own
    ("postgres", "select a::my_domain from t"),
    ("postgres", "select 'x'::regclass"),
    # PostgreSQL "SQL Commands".
    ("postgres", "with x as (delete from t returning *) select * from x"),
    ("postgres", "with x as (insert into t values (1) returning *) select * from x"),
    ("postgres", "with x as (update t set a = 1 returning *) select * from x"),
    ("postgres", "with a as (with b as (delete from t returning 1) select * from b) select * from a"),
    ("postgres", "select * from (with b as (delete from t returning 1) select * from b) c"),
    ("postgres", "select a into b from t"),
    ("postgres", "select a into temp b from t"),
    ("postgres", "select a from t for update"),
    ("postgres", "select a from t for no key update"),
    ("postgres", "select a from t for share"),
    ("postgres", "select a from t for key share skip locked"),
    ("postgres", "select * from (select a from t for share) x"),
    ("postgres", "explain select 1"),
    ("postgres", "explain analyze delete from t"),
    ("postgres", "explain (analyze) delete from t"),
    ("postgres", "copy t to '/tmp/x'"),
    ("postgres", "copy t from program 'id'"),
    ("postgres", "copy (select 1) to program 'id'"),
    ("postgres", "call p()"),
    ("postgres", "do $$ begin delete from t; end $$"),
    ("postgres", "do 'begin end'"),
    ("postgres", "set role admin"),
    ("postgres", "set x = 1"),
    ("postgres", "reset all"),
    ("postgres", "show all"),
    ("postgres", "values (1)"),
    ("postgres", "table t"),
    ("postgres", "from t"),
    ("postgres", "vacuum"),
    ("postgres", "listen x"),
    ("postgres", "notify x"),
    ("postgres", "lock table t"),
    ("postgres", "prepare x as delete from t"),
    ("postgres", "execute x"),
    ("postgres", "deallocate x"),
    ("postgres", "begin"),
    ("postgres", "commit"),
    ("postgres", "refresh materialized view x"),
    ("postgres", "analyze t"),
    ("postgres", "cluster t"),
    ("postgres", "declare c cursor for select 1"),
    ("postgres", "fetch all from c"),
    # PostgreSQL "Lexical Structure": what is a string or a comment, and where it ends.
    ("postgres", "select $$a$$"),
    ("postgres", "select $x$ '; delete from t; -- $x$"),
    ("postgres", "select 'a\\'; delete from t; --'"),
    ("postgres", "select E'a\\'; delete from t; --'"),
    ("postgres", "select U&'\\0041'"),
    ("postgres", 'select * from U&"\\0070ayroll"'),
    ("postgres", "select 1 /* /* */ ; delete from t; -- */"),
    ("postgres", "select 1 /* never ends"),
    ("postgres", "select 'never ends"),
    ("postgres", "select 1 \\; delete from t"),
    ("postgres", "select 1\0; delete from t"),
    ("postgres", "select 1\x0b"),
    ("postgres", "select\u00a01"),
    ("postgres", "select \u2018a\u2019"),
    ("postgres", "select `a`"),
    ("postgres", "select 1 -- x\rdelete from t"),
    ("postgres", "select {{ x }}"),
    ("postgres", "select 1 {# ; #} "),
    # MySQL "Comments", "String Literals", "SELECT".
    ("mysql", "select 1 /*! ; delete from t */"),
    ("mysql", "select 1 /*!50000 into outfile '/tmp/x' */"),
    ("mysql", "select 1 /*M! ; delete from t */"),
    ("mysql", "select /*+ max_execution_time(1) */ 1"),
    ("mysql", "select 1 --1; delete from t"),
    ("mysql", "select 1 # x\n; delete from t"),
    ("mysql", "select 'a\\'; delete from t; -- '"),
    ("mysql", 'select "a\\"; delete from t; -- "'),
    ("mysql", "select '\\\\'"),
    ("mysql", "select * from t into outfile '/tmp/x'"),
    ("mysql", "select * into outfile '/tmp/x' from t"),
    ("mysql", "select * from t into dumpfile '/tmp/x'"),
    ("mysql", "select a into @x from t"),
    ("mysql", "select @a := 1"),
    ("mysql", "select a from t lock in share mode"),
    ("mysql", "select a from t for update"),
    ("mysql", "select a from t procedure analyse()"),
    ("mysql", "select sleep(10)"),
    ("mysql", "select benchmark(1000000, md5('x'))"),
    ("mysql", "select get_lock('x', 1)"),
    ("mysql", "select load_file('/etc/passwd')"),
    ("mysql", "select sys_exec('id')"),
    ("mysql", "select last_insert_id(5)"),
    ("mysql", "select @@global.x"),
    ("mysql", "select t.lower(a) from t"),
    ("mysql", "select `lower`(a) from t"),
    # MySQL "Function Name Parsing and Resolution": with a blank it is a function of the user's own.
    ("mysql", "select count (a) from t"),
    ("mysql", "select now/**/() from t"),
    ("mysql", "handler t open"),
    ("mysql", "describe t"),
    ("mysql", "explain delete from t"),
    ("mysql", "show tables"),
    ("mysql", "use other"),
    ("mysql", "kill 1"),
    ("mysql", "replace into t values (1)"),
    ("mysql", "load data infile '/x' into table t"),
    ("mysql", "set global x = 1"),
    ("mysql", "flush tables"),
    ("mysql", "delimiter //"),
    # BigQuery "Procedural language", "Statements".
    ("bigquery", "begin select 1; end"),
    ("bigquery", "if true then select 1; end if"),
    ("bigquery", "declare x int64; select 1"),
    ("bigquery", "execute immediate 'delete from t'"),
    ("bigquery", "export data options(uri='gs://x/*') as select 1"),
    ("bigquery", "select * from external_query('c', 'delete from t')"),
    ("bigquery", "select * from ml.predict(model m, table t)"),
    ("bigquery", "select d.f(1)"),
    ("bigquery", "select session_user(), error('x')"),
    ("bigquery", "select '''a'; delete from t; --'''"),
    ("bigquery", 'select """a"; delete from t; --"""'),
    ("bigquery", "select r'\\'; delete from t; --'"),
    ("bigquery", "from t |> where a = 1"),
    ("bigquery", "select * from t |> drop a"),
    ("bigquery", "assert true"),
    ("bigquery", "load data into t from files(uris=['x'])"),
    ("bigquery", "create temp function f() as (1); select f()"),
    # SQLite "Core Functions", "PRAGMA", "ATTACH".
    ("sqlite", "select load_extension('x')"),
    ("sqlite", "select writefile('x', 'y')"),
    ("sqlite", "select readfile('x')"),
    ("sqlite", "select fts3_tokenizer('x', y)"),
    ("sqlite", "select edit('x')"),
    ("sqlite", "select randomblob(1000000000)"),
    ("sqlite", "pragma user_version"),
    ("sqlite", "select * from pragma_table_info('t')"),
    ("sqlite", "attach 'x' as y"),
    ("sqlite", "detach y"),
    ("sqlite", "explain select 1"),
    ("sqlite", "select [a'; delete from t; --]"),
    ("sqlite", "vacuum into 'x'"),
    # Transact-SQL: nothing is needed between two statements.
    ("tsql", "select a delete from t"),
    ("tsql", "select a from t delete from t"),
    ("tsql", "select 1 exec xp_cmdshell 'id'"),
    ("tsql", "select 1 drop table t"),
    ("tsql", "select a shutdown from t"),
    ("tsql", "select a waitfor from t"),
    ("tsql", "select a declare from t"),
    ("tsql", "select 1 select 2"),
    ("tsql", "exec sp_who"),
    ("tsql", "execute ('delete from t')"),
    ("tsql", "sp_who"),
    ("tsql", "xp_cmdshell 'id'"),
    ("tsql", "select * into u from t"),
    ("tsql", "select * from openrowset('x', 'y', 'delete from t')"),
    ("tsql", "select * from openquery(s, 'delete from t')"),
    ("tsql", "select * from t with (updlock)"),
    ("tsql", "select * from t (tablockx)"),
    ("tsql", "select next value for s"),
    ("tsql", "select dbo.f(1)"),
    ("tsql", "select [len](a) from t"),
    ("tsql", "select * from fn_trace_gettable('x', 1)"),
    ("tsql", "select [a'] from t; delete from t --]"),
    ("tsql", "select 1\ngo\ndelete from t"),
    ("tsql", "waitfor delay '0:0:10'"),
    ("tsql", "dbcc x"),
    # Snowflake "SQL Command Reference", "Comments".
    ("snowflake", "select $$a$$"),
    ("snowflake", "execute immediate $$ delete from t $$"),
    ("snowflake", "select * from @stage/file"),
    ("snowflake", "select * from table(result_scan(last_query_id()))"),
    ("snowflake", "select system$cancel_query('x')"),
    ("snowflake", "select s.nextval"),
    ("snowflake", 'select s."NEXTVAL"'),
    ("snowflake", "select 1 // x\n; delete from t"),
    ("snowflake", "select 1 ->> delete from t"),
    ("snowflake", "call p()"),
    ("snowflake", "put file:///x @s"),
    ("snowflake", "copy into t from @s"),
    ("snowflake", "select * from t at(offset => -60)"),
    ("snowflake", "show tables"),
    ("snowflake", "use role admin"),
    ("snowflake", "with p as procedure () returns int language sql as $$ select 1 $$ call p()"),
    # Several, or none.
    ("postgres", "select 1; select 2"),
    ("postgres", "select 1;;"),
    ("postgres", "select 1; -- x\n delete from t"),
    ("postgres", ""),
    ("postgres", ";"),
    ("postgres", "-- only a word"),
    ("postgres", "select 1 1"),
    ("postgres", "select 1 from t garbage more"),
    ("postgres", "select 1)"),
    ("postgres", "(select 1"),
    ("postgres", "sel ect 1"),
]


@pytest.mark.parametrize(("dialect", "text"), NOT_READS)
def test_what_might_do_more_is_no_read(dialect, text):
    assert read_statement(text, dialect).effect != "read"


EFFECTS = [
    ("postgres", "insert into t (a, b) values (1, 2)", "write", ("t",), 1),
    ("postgres", "insert into t select a from u on conflict (a) do update set a = 1", "write", ("t", "u"), 1),
    ("postgres", "update S.T set a = lower(b) where c = 1", "write", ("s.t",), 1),
    ("postgres", "with x as (delete from t returning *) select * from x", "write", ("x", "t"), 1),
    ("postgres", "select a into b from t", "write", ("b", "t"), 1),
    ("postgres", "insert into t select my_function()", "write", None, 1),
    ("postgres", "delete from t; delete from u", "write", ("t", "u"), 2),
    ("postgres", "select 1; delete from u", "write", ("u",), 2),
    ("postgres", "merge into t using s on t.a = s.a when matched then delete", "write", ("t", "s"), 1),
    ("tsql", "update t set a = 1", "write", ("t",), 1),
    ("mysql", "delete from `a`.`b`", "write", ("a.b",), 1),
    ("postgres", "drop table t", "ddl", ("t",), 1),
    ("postgres", "create table a as select 1", "ddl", ("a",), 1),
    ("postgres", "alter table t add x int", "ddl", None, 1),
    ("postgres", "truncate t", "ddl", ("t",), 1),
    ("postgres", "grant select on t to bob", "ddl", None, 1),
    ("postgres", "insert into t values (1); drop table t", "ddl", ("t",), 2),
    ("postgres", "select 1; select 2", "unknown", None, 2),
    ("postgres", "delete from t; call p()", "unknown", None, 2),
    ("postgres", "call p()", "unknown", None, 1),
    ("tsql", "insert into t select 1 exec p", "unknown", None, None),
    ("tsql", "delete from t where a = 1 delete", "unknown", None, None),
    ("postgres", "select 'a\\'", "unknown", None, None),
    ("postgres", "nonsense nonsense nonsense", "unknown", None, None),
]


@pytest.mark.parametrize(("dialect", "text", "effect", "tables", "count"), EFFECTS)
def test_a_statement_has_an_effect_tables_and_a_count(dialect, text, effect, tables, count):
    statement = read_statement(text, dialect)

    assert statement.effect == effect
    if tables is not None or effect == "unknown":
        assert statement.tables == tables
    if count is not None:
        assert statement.count == count


def test_tables_are_named_as_they_are_written_in_lower_case():
    text = 'select 1 from Db.S."T", u as v, (select 1 from w) x where a in (select b from y union select c from z)'

    assert set(read_statement(text, "postgres").tables) == {"db.s.t", "u", "w", "y", "z"}


SUBQUERIES = [
    ("with x as (select 1 from a) select * from x, b", {"a", "b"}),
    ("with x as (select 1 from a), y as (select 1 from x) select * from y, (select * from x) z", {"a"}),
    ("with payroll as (select * from payroll) select * from payroll", {"payroll"}),
    ("with recursive x as (select 1 from a union all select 1 from x) select * from x", {"a"}),
    ("with y as (select 1 from x), x as (select 1) select * from y", {"x"}),
    ("select * from payroll, (with payroll as (select 1) select * from payroll) z", {"payroll"}),
    ("with x as (select 1) select * from s.x", {"s.x"}),
    ('with "Payroll" as (select 1) select * from payroll', {"payroll"}),
    ('with payroll as (select 1) select * from "payroll"', {"payroll"}),
    ('with "X" as (select 1) select * from "x"', {"x"}),
    ("with X as (select 1) select * from x", set()),
]


@pytest.mark.parametrize(("text", "tables"), SUBQUERIES)
def test_what_a_with_names_is_no_table_and_hides_none(text, tables):
    statement = read_statement(text, "postgres")

    assert statement.effect == "read"
    assert set(statement.tables) == tables


def test_a_name_with_a_dot_in_it_is_told_from_two_names():
    assert read_statement('select 1 from "a.b", a.b', "postgres").tables == ('"a.b"', "a.b")


def test_a_write_names_the_table_that_it_changes_whatever_a_with_calls_so():
    assert "t" in read_statement("with t as (select 1) delete from t", "postgres").tables


def test_where_a_function_could_touch_others_tables_are_not_told():
    assert read_statement("insert into t select query_to_xml('select * from payroll')", "postgres").tables is None


# What would take long.

LONG = [
    "select '" + "x" * MAX_TEXT + "'",
    "select 1 " + "/**/" * MAX_TEXT,
    "select " + "(" * (MAX_DEPTH + 1) + "1" + ")" * (MAX_DEPTH + 1),
    "select " + "f(" * 5_000,
    "select a" + "[1]" * (MAX_INDEXES + 2),
    "select " + ", ".join(["a"] * MAX_TOKENS),
    "select " + "not " * (MAX_TOKENS - 10) + "a",
    "select " + "- " * (MAX_TOKENS - 10) + "1",
    "select " + "case when a then " * 360,
    " union all ".join(["select 1"] * 400),
    "select 1" + "::int" * 600,
    ";" * 10_000,
    "select " + "join in " * 400,  # each is tried as two joins and as one in another
]


@pytest.mark.parametrize("text", LONG)
@pytest.mark.parametrize("dialect", ["postgres", "mysql", "bigquery", "sqlite", "tsql", "snowflake"])
def test_what_would_take_long_is_unknown_or_taken_apart_within_bounds(dialect, text):
    tokens = tokens_of(text, dialect)

    assert tokens is None or len(tokens) <= MAX_TOKENS
    if tokens is None:
        assert read_statement(text, dialect).effect == "unknown"
    else:
        read_statement(text, dialect)


def test_deep_trees_are_unknown():
    assert read_statement("select " + "not " * 1_400 + "a", "postgres").effect == "unknown"


@given(
    text=st.text(max_size=80)
    | st.lists(
        st.sampled_from(
            [
                "select",
                "from",
                "t",
                "a",
                "(",
                ")",
                ",",
                "'x'",
                '"y"',
                "1",
                ";",
                "--",
                "/*",
                "*/",
                "\n",
                "with",
                "as",
                "delete",
                "update",
                "into",
                "for",
                "union",
                "lower(",
                "f(",
                "*",
                ".",
                "=",
                "[",
                "]",
                "$",
                "\\",
                "'",
                "`",
            ]
        ),
        max_size=20,
    ).map(" ".join),
    dialect=st.sampled_from(sorted(DIALECT_NAMES)),
)
def test_no_text_is_an_accident(text, dialect):
    assert read_statement(text, dialect).effect in {"read", "write", "ddl", "unknown"}


@given(
    read=st.sampled_from(READS),
    more=st.sampled_from(
        ["; delete from t", " for update", " into x", "; drop table t --", ", pg_sleep(1)", " union f()"]
    ),
    at=st.floats(0, 1),
)
def test_a_read_into_which_more_is_put_does_not_hide_it(read, more, at):
    dialect, text = read
    place = int(len(text) * at)
    changed = text[:place] + more + text[place:]

    statement = read_statement(changed, dialect)

    if statement.effect == "read":  # then it stands within a name, a text or a comment
        outside = [token.said for token in tokens_of(changed, dialect) if token.kind in ("word", "sign")]
        assert not {"delete", "drop", "into", "pg_sleep"} & set(outside)
        assert outside.count(";") <= 1
