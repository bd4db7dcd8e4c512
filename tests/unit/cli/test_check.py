"""`affidavit check FILE` explains a configuration: architecture "Configuration"; the requirements."""

import argparse
import json
from pathlib import Path

import pytest

from affidavit.cli import check

NAMES = ("nobody-changes-the-schema", "reads-are-for-everyone", "writes-need-a-dba", "people-may-ask")
EXAMPLE = Path(__file__).parents[3] / "affidavit.example.yaml"


def run(*arguments: str | Path) -> int:
    parser = argparse.ArgumentParser()
    check.add_parser(parser.add_subparsers())
    parsed = parser.parse_args(["check", *map(str, arguments)])
    return parsed.run(parsed)


@pytest.fixture
def broken(tmp_path):
    path = tmp_path / "affidavit.yaml"
    path.write_text(
        EXAMPLE.read_text().replace("version: 1", "version: 2").replace("then: deny", "then: deny\n    '[red]x[/]': 1")
    )
    return path


def test_a_good_file_is_explained_in_the_order_of_its_rules(capsys):
    assert run(EXAMPLE) == 0

    said = capsys.readouterr().out
    assert "served at  https://gateway.example.com" in said
    assert "staff  https://accounts.google.com" in said
    assert "header Authorization from" in said
    places = [said.index(name) for name in NAMES]
    assert [*places, said.index("everything else")] == sorted([*places, said.index("everything else")])
    assert '(statement.effect in ["read", "write"])' in said, "a condition is shown as it stands, brackets and all"
    assert "2 of group:dba, bob@example.com; good for 15m; on the console only; a call waits 30s; with a reason" in said
    assert "100 calls and 10 MiB of answers in 1m, for each person, in each instance" in said
    assert "for tokens with the scope sql:write" in said
    assert "office  203.0.113.0/24, 2001:db8::/32" in said
    assert "statement  sql.query, argument sql, read as postgres" in said
    assert "\x1b" not in said, "plain when piped"


def test_a_good_file_is_explained_to_programs(capsys):
    assert run(EXAMPLE, "--json") == 0

    said = json.loads(capsys.readouterr().out)
    assert said["rules"][0]["reads"] == ["statement.effect", "target"]
    assert said["rules"][1]["budget"] == {"calls": 100, "answers": 10 * 2**20, "per": "1m"}
    assert said["rules"][2]["approval"]["approvers"] == ["group:dba", "bob@example.com"]
    assert said["rules"][2]["scopes"] == ["sql:write"]
    assert said["networks"] == {"office": ["203.0.113.0/24", "2001:db8::/32"]}
    assert said["upstreams"][0]["statements"] == {"sql.query": {"argument": "sql", "dialect": "postgres"}}
    assert said["upstreams"][0]["credential"].startswith("header Authorization from ")
    assert said["retention_days"] == {"standard": 400, "payroll": 90}
    assert said["notes"] == [
        "the rule writes-need-a-dba takes an approval, and nobody can give one yet: what it matches is refused"
    ]


CREDENTIALS = [
    (
        "google_id_token: {audience: https://w.run.app}",
        "header Authorization with a Google ID token for https://w.run.app, of the account that the gateway runs as",
    ),
    (
        "google_access_token: {scopes: [a, b], impersonate: reader@p.iam.gserviceaccount.com}",
        "header Authorization with a Google access token for a, b, of reader@p.iam.gserviceaccount.com",
    ),
    (
        'secret: {name: X-Key, secret: "secret:warehouse-key@7"}',
        "header X-Key from secret:warehouse-key@7, read again every 5 minutes",
    ),
]
FIXED = 'header: {name: Authorization, prefix: "Bearer ", file: ./warehouse-token}'


@pytest.mark.parametrize(("credential", "explained"), CREDENTIALS)
def test_each_credential_is_explained(credential, explained, tmp_path, capsys):
    path = tmp_path / "affidavit.yaml"
    path.write_text(EXAMPLE.read_text().replace(FIXED, credential))

    assert run(path) == 0
    assert f"sends      {explained}\n" in capsys.readouterr().out
    assert run(path, "--json") == 0
    assert json.loads(capsys.readouterr().out)["upstreams"][0]["credential"] == explained


@pytest.mark.parametrize("kind", ["google_id_token", "google_access_token", "secret"])
def test_what_the_example_says_in_comments_holds_as_well(kind, tmp_path):
    text = EXAMPLE.read_text()
    (line,) = [line for line in text.splitlines() if line.strip().startswith(f"# {kind}:")]
    path = tmp_path / "affidavit.yaml"
    path.write_text(text.replace(FIXED, line.strip().removeprefix("# ")))

    assert run(path) == 0


def test_a_wrong_file_has_all_its_errors_with_their_lines(broken, capsys):
    assert run(broken) == 2

    out, err = capsys.readouterr()
    first, second = err.splitlines()
    assert out == ""
    assert first.startswith(f"{broken}:3: version: must be 1")
    assert second.startswith(f"{broken}:81: rules[0].[red]x[/]: unknown key")


def test_a_wrong_file_has_all_its_errors_for_programs(broken, capsys):
    assert run(broken, "--json") == 2

    said = json.loads(capsys.readouterr().out)
    assert said["file"] == str(broken)
    assert [error["line"] for error in said["errors"]] == [3, 81]


def test_a_file_that_is_not_there_is_an_error_and_no_accident(tmp_path, capsys):
    assert run(tmp_path / "none.yaml") == 2
    assert "cannot be read" in capsys.readouterr().err
    assert run(tmp_path) == 2


NOTES = [
    ("  - email: ana@example.com", "  - email: bob@example.com", "ana@example.com sponsors, but is not among people"),
    (
        "retention: {standard: 400d",
        "retention: {other: 1d, standard: 400d",
        "no upstream uses the retention class other",
    ),
]


@pytest.mark.parametrize(("old", "new", "note"), NOTES)
def test_what_may_not_be_meant_is_noted(old, new, note, tmp_path, capsys):
    path = tmp_path / "affidavit.yaml"
    path.write_text(EXAMPLE.read_text().replace(old, new))

    assert run(path) == 0
    assert note in capsys.readouterr().out


def test_rules_that_may_not_be_meant_are_noted(tmp_path, capsys):
    path = tmp_path / "affidavit.yaml"
    head, _, rest = EXAMPLE.read_text().partition("rules:\n")
    head = head.replace("    statements:", "    # ").replace("      sql.query: {argument", "      # ")
    rule = "rules:\n  - {name: no-ddl, when: statement.effect == 'ddl', then: deny}\n"
    path.write_text(head + rule + rest[rest.index("\nmasking:") :])

    assert run(path) == 0
    said = capsys.readouterr().out
    assert "no rule allows anything" in said
    assert "the rule no-ddl looks at statements, and no upstream says where they are" in said


def test_the_mounted_secret_is_never_opened(tmp_path, capsys):
    path = tmp_path / "affidavit.yaml"
    path.write_text(EXAMPLE.read_text())
    (tmp_path / "warehouse-token").write_text("s3cret")

    assert run(path) == 0
    assert "s3cret" not in capsys.readouterr().out
