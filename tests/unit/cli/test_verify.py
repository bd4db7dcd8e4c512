"""`affidavit verify` as its reader meets it: words, colours, exit statuses, mends.

Source: evidence-format section 9, "Output", "Exit status", `--expect`.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
from pathlib import Path

import pytest

from affidavit.audit.verify import verification
from affidavit.audit.verify.report import CHECKS
from affidavit.cli import progress, verify
from affidavit.errors import Unavailable
from tampering.catalogue import flip
from tampering.forge import key_of, vkey, write_folder
from tampering.story import Story


def run(*arguments: str | Path) -> int:
    parser = argparse.ArgumentParser(prog="affidavit")
    verify.add_parser(parser.add_subparsers())
    parsed = parser.parse_args(["verify", *map(str, arguments)])
    return parsed.run(parsed)


@pytest.fixture
def story():
    return Story()


@pytest.fixture
def folder(tmp_path, story):
    return write_folder(story.write(), tmp_path / "data")


@pytest.fixture
def wounded(folder, story):
    path = folder / "evidence" / story.front.segs[1].name
    path.write_bytes(flip(path.read_bytes(), 30))
    return folder


def test_a_sound_copy_is_told_in_one_line_a_check(folder, capsys):
    assert run(folder, "--as-of", "commit") == 0

    out, err = capsys.readouterr()
    lines = [line for line in out.splitlines() if not line.startswith(" ")]
    assert [line.split()[1] for line in lines[: len(CHECKS)]] == list(CHECKS)
    assert {line.split()[0] for line in lines[: len(CHECKS)]} == {"ok", "note"}
    assert lines[0] == "ok        checkpoint   13 checkpoints"
    assert lines[-3] == "as of     2026-11-22T13:01:12.000001Z"
    assert re.fullmatch(r"head      log\.example\.com/audit, 287 records, root [0-9a-f]{64}", lines[-2])
    assert lines[-1] == "All 287 records under the head hold."
    assert err == ""
    assert "\x1b" not in out, "plain when piped"


def test_a_finding_stands_below_its_check(wounded, story, capsys):
    assert run(wounded, "--as-of", "commit") == 1

    out = capsys.readouterr().out
    segment = story.front.segs[1]
    at = out.index("FAIL      segments     15 segments\n")
    below = out[at:].splitlines()[1:4]
    assert below == [
        f"            evidence/{segment.name}  {story.first.id}",
        f"              expected bytes of hash {segment.sha256}",
        "              found    other bytes",
    ]
    assert out.endswith("Something is proved false, missing or forged.\n")


def test_programs_get_one_object(wounded, story, capsys):
    assert run(wounded, "--as-of", "2026-11-22T14:04:00+01:00", "--json") == 1

    said = json.loads(capsys.readouterr().out)
    assert said.keys() == {"as_of", "checks", "head", "status"}
    assert said["as_of"] == "2026-11-22T13:04:00.000000Z"
    assert [check["id"] for check in said["checks"]] == list(CHECKS)
    assert all(check.keys() == {"id", "status", "checked", "findings", "notes"} for check in said["checks"])
    (finding,) = said["checks"][3]["findings"]
    assert finding == {
        "object": f"evidence/{story.front.segs[1].name}",
        "record": story.first.id,
        "expected": f"bytes of hash {story.front.segs[1].sha256}",
        "found": "other bytes",
    }
    assert said["head"] == {"origin": "log.example.com/audit", "size": 287, "root": said["head"]["root"]}
    assert said["status"] == 1


def test_buckets_and_keys_may_lie_anywhere(folder, story, capsys):
    shutil.move(folder / "bodies/payroll", folder / "elsewhere")

    assert (
        run(
            "--evidence",
            folder / "evidence",
            "--bodies",
            folder / "bodies",
            "--bodies",
            f"payroll={folder}/elsewhere",
            "--log",
            folder / "log",
            "--key",
            story.plan.vkey,
            "--key",
            vkey(key_of("the next one")),
            "--as-of",
            "commit",
        )
        == 0
    ), capsys.readouterr().out


def test_a_key_may_stand_in_a_file_and_a_file_hold_several(folder, story, tmp_path):
    keys = tmp_path / "keys"
    keys.write_text(f"{vkey(key_of('the next one'))}\n{story.plan.vkey}\n")

    assert run(folder, "--key", keys, "--as-of", "commit") == 0


def test_by_default_now_is_the_time(folder, capsys):
    """The story is of November 2026; whenever this runs, what waits in it is not there yet or long overdue."""
    status = run(folder)

    out = capsys.readouterr().out
    said = re.search(r"as of     (\S+)", out)
    assert said
    assert status in (0, 1)
    assert said[1] > "2026-01-01"


def test_what_cannot_be_read_is_exit_status_three(folder, capsys):
    head = folder / "log/checkpoint"
    head.unlink()
    head.symlink_to(head)

    assert run(folder, "--as-of", "commit") == 3

    out = capsys.readouterr().out
    assert "unchecked checkpoint" in out
    assert out.endswith("Nothing is proved false, but not everything could be read.\n")


def test_an_empty_folder_proves_nothing_and_says_so(tmp_path, story, capsys):
    (tmp_path / "evidence").mkdir()
    (tmp_path / "log.vkey").write_text(story.plan.vkey)

    assert run(tmp_path) == 0
    assert capsys.readouterr().out.endswith("There is no signed head yet, so nothing is proved.\n")


def test_a_copy_without_its_evidence_is_not_a_wrong_command(folder):
    """Somebody may have deleted it: that is a finding, and no slip of the pen."""
    shutil.rmtree(folder / "evidence")

    assert run(folder) == 1


@pytest.mark.parametrize(
    ("arguments", "mend"),
    [
        ([], "say what to verify"),
        (["{tmp}"], "is no data folder"),
        (["{tmp}/nowhere"], "is no data folder"),
        (["{folder}", "--log", "{tmp}/nowhere"], "--log {tmp}/nowhere: there is no such folder"),
        (["--evidence", "{tmp}/nowhere"], "--evidence {tmp}/nowhere: there is no such folder"),
        (["{folder}", "--bodies", "{tmp}/nowhere"], "--bodies {tmp}/nowhere: there is no such folder"),
        (["{folder}", "--bodies", "standard={tmp}/nowhere"], "there is no such folder"),
        (["--evidence", "{folder}/evidence"], "--key: the keys must be of one log"),
        (["{folder}", "--key", "nonsense"], "A key reads <origin>+<8 hex digits>+<base64>"),
        (["{folder}", "--key", "x" * 5000], "A key reads"),
        (["{folder}", "--key", "{folder}"], "--key {folder}: this is no plain file"),
        (["{folder}", "--as-of", "yesterday"], "not a time like 2026-11-22T12:25:57Z, nor `commit`"),
        (["{folder}", "--as-of", "2026-11-22T12:25:57"], "say the zone, for instance 2026-11-22T12:25:57Z"),
        (["{folder}", "--as-of", "2026-11-26"], "say the zone, for instance 2026-11-26T00:00:00Z"),
        (["{folder}", "--known", "{tmp}/nowhere"], "--known {tmp}/nowhere: there is no such file"),
        (["{folder}", "--known", "{folder}"], "this is no plain file"),
        (["{folder}", "--expect", "{tmp}/nowhere"], "--expect {tmp}/nowhere: there is no such file"),
    ],
)
def test_a_wrong_command_is_exit_status_two_and_says_the_mend(folder, tmp_path, capsys, arguments, mend):
    places = {"tmp": tmp_path, "folder": folder}

    assert run(*(argument.format(**places) for argument in arguments)) == 2

    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("affidavit verify: ")
    assert mend.format(**places) in err
    assert err.count("\n") == 1


def test_a_data_folder_without_its_key_asks_for_it(folder, capsys):
    (folder / "log.vkey").unlink()

    assert run(folder) == 2
    assert "log.vkey is not there: give the log's verifier key with --key" in capsys.readouterr().err


def test_a_checkpoint_that_was_kept_is_held_against_the_log(folder, tmp_path, capsys):
    mine = tmp_path / "mine"
    shutil.copy(folder / "log/checkpoint", mine)
    assert run(folder, "--known", mine, "--as-of", "commit") == 0

    for path in (folder / "evidence/checkpoint", folder / "evidence/commit"):
        max(path.iterdir()).unlink()
    assert run(folder, "--known", mine, "--as-of", "commit") == 1
    assert f"            {mine}\n" in capsys.readouterr().out


# Known findings


def expect(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "known.yaml"
    path.write_text(text)
    return path


def known(story: Story, **changed: str) -> str:
    entry = {
        "check": "segments",
        "object": f"evidence/{story.front.segs[1].name}",
        "record": story.first.id,
        "by": "Ana",
        "why": "a disk failed; ticket 7",
    }
    return "- " + json.dumps({**entry, **changed}) + "\n"


def test_a_known_finding_is_accepted_and_still_told(wounded, story, tmp_path, capsys):
    assert run(wounded, "--as-of", "commit", "--expect", expect(tmp_path, known(story))) == 0

    out = capsys.readouterr().out
    assert "note      segments" in out
    assert "accepted by Ana: a disk failed; ticket 7" in out


@pytest.mark.parametrize("changed", [{"check": "chains"}, {"object": "evidence/other"}, {"record": "other"}])
def test_only_the_very_finding_is_accepted(wounded, story, tmp_path, changed):
    assert run(wounded, "--as-of", "commit", "--expect", expect(tmp_path, known(story, **changed))) == 1


def test_a_known_finding_that_does_not_occur_any_more_fails(folder, story, tmp_path, capsys):
    assert run(folder, "--as-of", "commit", "--expect", expect(tmp_path, known(story))) == 1

    out = capsys.readouterr().out
    assert "FAIL      segments" in out
    assert "it does not occur any more; take it out of the file" in out


def test_a_finding_without_a_record_is_known_without_one(folder, tmp_path):
    kept = sorted((folder / "evidence/checkpoint").iterdir())[3]
    kept.unlink()
    path = expect(tmp_path, f"- {{check: checkpoint, object: evidence/checkpoint/{kept.name}, by: Ana, why: lost}}\n")

    assert run(folder, "--as-of", "commit", "--expect", path) == 0


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        ("check: segments\n", "must be a list of findings"),
        ("- [\n", "is not YAML"),
        ("\xff: \x00", "is not YAML"),
        ("- 7\n", "entry 1: it must have check, by and why"),
        ("- {check: segments, by: Ana}\n", "entry 1: it must have check, by and why"),
        ("- {check: segments, by: Ana, why: x, since: y}\n", "and no more"),
        ("- {check: luck, by: Ana, why: x}\n", "no check is called 'luck'; known are checkpoint, tree"),
        ("- {check: segments, by: ' ', why: x}\n", "`by` must be text, and not empty"),
        ("- {check: segments, by: Ana, why: x, record: 7}\n", "`record` must be text"),
    ],
)
def test_a_wrong_list_of_known_findings_says_where(folder, tmp_path, capsys, text, mend):
    assert run(folder, "--expect", expect(tmp_path, text)) == 2

    err = capsys.readouterr().err
    assert mend in err
    assert "known.yaml" in err


# The terminal, and the unexpected


def test_hostile_names_cannot_write_on_the_terminal(folder, capsys):
    (folder / "evidence" / "\x1b[2Jred\nalert\udcff").write_bytes(b"")

    assert run(folder, "--as-of", "commit") == 0

    out = capsys.readouterr().out
    assert r"evidence/\x1b[2Jred\nalert\udcff: noise" in out
    assert run(folder, "--as-of", "commit", "--json") == 0
    json.loads(capsys.readouterr().out)


def test_many_findings_are_cut_short_for_people_and_not_for_programs(folder, capsys):
    for number in range(30):
        (folder / "evidence" / f"stray-{number:02d}").write_bytes(b"")
        (folder / f"log/tile/1/{number + 1:03d}").write_bytes(b"")

    run(folder, "--as-of", "commit")
    out = capsys.readouterr().out
    assert out.count("evidence/stray-") == 20
    assert out.count("            log/tile/1/") == 20
    assert out.count("and 10 more; --json lists them") == 2

    run(folder, "--as-of", "commit", "--json")
    assert capsys.readouterr().out.count("evidence/stray-") == 30


class Terminal:
    """A standard error that somebody looks at."""

    def __init__(self) -> None:
        self.shown = ""

    def write(self, text: str) -> int:
        self.shown += text
        return len(text)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return True


def test_who_waits_at_a_terminal_sees_how_far_it_is(folder, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(progress, "SLOW", -1.0)

    run(folder, "--as-of", "commit")

    assert "verifying" in terminal.shown


def test_who_waits_for_less_than_two_seconds_or_reads_a_file_sees_no_bar(folder, monkeypatch, capsys):
    run(folder, "--as-of", "commit")
    assert capsys.readouterr().err == ""

    monkeypatch.setattr(progress, "SLOW", -1.0)
    run(folder, "--as-of", "commit")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (Unavailable("a process that does the checking has ended"), (3, "a process that does the checking has ended")),
        (ZeroDivisionError(), (3, "stopped by a mistake of its own (ZeroDivisionError); nothing is proved")),
        (KeyboardInterrupt(), (130, "")),
    ],
)
def test_whatever_stops_it_is_a_sentence(folder, monkeypatch, capsys, error, answer):
    status, said = answer

    def stop(*_: object) -> None:
        raise error

    monkeypatch.setattr(verification, "survey", stop)

    assert run(folder) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert "Traceback" not in err


def test_help_teaches_the_checks_the_statuses_and_the_ways_to_call_it(capsys):
    with pytest.raises(SystemExit):
        run("--help")

    said = capsys.readouterr().out
    assert all(f"  {check} " in said for check in CHECKS)
    assert "nothing is proved false, but something could not be read" in said
    assert "affidavit verify ./data --as-of commit" in said
