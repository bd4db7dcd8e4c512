"""What is honest never fails, however odd it looks.

Source: evidence-format sections 3 to 9, where they say who may wait, be late, be lost or be gone.
"""

from __future__ import annotations

import gzip
import os
import shutil
from dataclasses import replace

import pytest

from affidavit.audit.verify.buckets import MAX_OBJECT, Bucket, Buckets
from affidavit.audit.verify.report import HOLDS, UNREADABLE
from affidavit.tlog.tiles import parse_path
from tampering.catalogue import find, flip
from tampering.forge import Body, Commit, Rec, Seg, always, at, canonical, key_of, micros, signature_line, write_folder
from tampering.runs import explain, failed, findings, notes, verify_folder
from tampering.story import Story, about, alive, answered, closed, refused, requested

DAY = 24 * 60


def until(story: Story, commits: int) -> Story:
    """Cut the story after so many commits; what comes later has not happened."""
    kept = [seg for commit in story.commits[:commits] for seg in commit.segs]
    del story.commits[commits:]
    story.young.segs.pop()
    for writer in list(story.plan.writers):
        last = max((place for place, seg in enumerate(writer.segs) if seg in kept), default=None)
        if last is None:
            story.plan.writers.remove(writer)
        else:
            for seg in writer.segs[: last + 1]:
                seg.absent = seg.no_bodies = seg not in kept
            del writer.segs[last + 1 :]
    return story


def report_of(story: Story, tmp_path, minutes: float | None = None, **more):
    folder = write_folder(story.write(), tmp_path)
    return verify_folder(folder, minutes=story.as_of if minutes is None else minutes, **more)


def holds(report) -> None:
    assert explain(report) == ""
    assert report.status == HOLDS


@pytest.mark.parametrize(
    ("commits", "minutes"),
    [(0, 0.0), (1, 0.2), (2, 1.8), (3, 3.3), (4, 4.3), (5, 6.2), (6, 7.2), (7, 10.2), (8, 16.1), (9, 20.1), (10, 51.1)],
)
def test_every_commit_of_the_story_holds_at_its_time(tmp_path, commits, minutes):
    story = until(Story(), commits)

    holds(report_of(story, tmp_path, minutes))


def test_an_archived_copy_is_judged_as_of_its_newest_commit(tmp_path):
    folder = write_folder(Story().write(), tmp_path)
    years_later = micros(400 * DAY)

    assert failed(verify_folder(folder, as_of=years_later, now=years_later - 1)) == {"chains", "uncommitted"}
    report = verify_folder(folder, as_of="commit", now=years_later - 1)
    holds(report)
    assert report.as_of == at(61.2)


def test_commits_after_the_time_of_judging_are_mentioned(tmp_path):
    report = report_of(Story(), tmp_path, 54.0)

    holds(report)
    assert any("2 commits are later than" in note for note in notes(report, "commits"))


# Bodies


def test_bodies_may_be_gone_when_their_period_is_over(tmp_path):
    """Section 5, log:retention: counted from the record's time."""
    files = Story().write()
    del files[find(files, "bodies/payroll")]
    folder = write_folder(files, tmp_path)

    report = verify_folder(folder, as_of="commit", now=micros(1.4 + DAY))
    holds(report)
    assert notes(report, "bodies") == ["1 bodies are disposed: the period of their class is over"]
    assert failed(verify_folder(folder, as_of="commit", now=micros(1.4 + DAY) - 1)) == {"bodies"}


def test_a_longer_period_does_not_hold_for_bodies_whose_period_had_ended(tmp_path):
    story = Story()
    story.retention.fields["classes"]["payroll"] = 0
    story.commits[3].statements.append(Rec("log:retention", 4.2, {"classes": {"payroll": 500, "standard": 400}}))
    story.plan.files = lambda files: files.pop(find(files, "bodies/payroll")) and None

    holds(report_of(story, tmp_path))


def test_a_shorter_period_holds_for_bodies_that_are_there_already(tmp_path):
    story = Story()
    story.commits[3].statements.append(Rec("log:retention", 4.2, {"classes": {"payroll": 0, "standard": 400}}))
    story.plan.files = lambda files: files.pop(find(files, "bodies/payroll")) and None

    holds(report_of(story, tmp_path))


def test_a_log_that_states_no_retention_is_said_to(tmp_path):
    story = Story()
    story.commits[0].statements.remove(story.retention)

    report = report_of(story, tmp_path)
    holds(report)
    assert "states no log:retention" in notes(report, "commits")[0]


def test_bodies_that_were_not_copied_leave_two_checks_undone(tmp_path):
    folder = write_folder(Story().write(), tmp_path)
    buckets = Buckets.of(f"{folder}/evidence", [], {}, f"{folder}/log")

    report = verify_folder(folder, buckets=buckets)

    assert report.status == UNREADABLE
    assert [check.id for check in report.checks if check.status == "unchecked"] == ["bodies", "masks"]


def test_without_the_log_bucket_the_kept_checkpoints_are_held_against_the_records(tmp_path):
    folder = write_folder(Story().write(), tmp_path)
    buckets = Buckets.of(f"{folder}/evidence", [f"{folder}/bodies"], {}, "")

    report = verify_folder(folder, buckets=buckets)

    assert report.status == UNREADABLE
    assert [check.id for check in report.checks if check.status == "unchecked"] == ["checkpoint", "tree"]


def test_each_body_bucket_can_be_given_by_itself(tmp_path):
    folder = write_folder(Story().write(), tmp_path)
    single = {"standard": f"{folder}/bodies/standard", "payroll": f"{folder}/bodies/payroll"}

    holds(verify_folder(folder, buckets=Buckets.of(f"{folder}/evidence", [], single, f"{folder}/log")))


def test_an_object_that_cannot_be_read_is_no_proof_of_anything(tmp_path):
    """Exit status 3. A link to itself stands for a file that the file system refuses, for root too."""
    story = Story()
    folder = write_folder(story.write(), tmp_path)
    for name in (story.front.segs[1].name, f"writer/{story.lost.id}.json"):
        path = folder / "evidence" / name
        path.unlink()
        path.symlink_to(path)

    report = verify_folder(folder)

    assert report.status == UNREADABLE
    assert {check.id for check in report.checks if check.status == "unchecked"} >= {"segments", "chains"}
    assert "cannot be read: Too many levels of symbolic links" in explain(report)


@pytest.mark.parametrize(
    "part",
    ["commit", "checkpoint", "head", "body", "tile", "entries", "waits", "stranger", "partials", "bundles", "folder"],
)
def test_whatever_cannot_be_read_is_said_and_not_guessed(tmp_path, part):
    story = Story()
    files = story.write()
    names = {
        "commit": sorted(name for name in files if "/commit/" in name)[3],
        "checkpoint": sorted(name for name in files if "evidence/checkpoint/" in name)[3],
        "head": "log/checkpoint",
        "body": find(files, "bodies/payroll"),
        "tile": "log/tile/0/000",
        "entries": "log/tile/entries/000",
        "waits": f"evidence/{story.young.segs[1].name}",
        "stranger": "evidence/writer/20261122T120000Z-0000000000000001.json",
        "partials": "log/tile/0/000.p",
        "bundles": "log/tile/entries/000.p",
        "folder": "evidence/segment",
    }
    folder = write_folder(files, tmp_path)
    path = folder / names[part]
    if path.is_dir():
        path = path / story.young.id
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.symlink_to(path)

    report = verify_folder(folder)

    assert report.status == UNREADABLE, explain(report)
    assert names[part].removesuffix("/000.p") in explain(report) or part == "folder"
    assert "Too many levels of symbolic links" in explain(report)


def test_something_proved_false_outweighs_what_cannot_be_read(tmp_path):
    story = Story()
    files = story.write()
    name = f"evidence/{story.front.segs[1].name}"
    files[name] = flip(files[name], 30)
    folder = write_folder(files, tmp_path)
    head = folder / "log/checkpoint"
    head.unlink()
    head.symlink_to(head)

    assert verify_folder(folder).status == 1


# Checkpoints


def test_the_newest_commit_may_be_unsigned_for_ten_minutes(tmp_path):
    story = Story()
    story.commits[-1].unsigned = True

    report = report_of(story, tmp_path, 71.2)
    holds(report)
    assert notes(report, "commits") == ["9 records of the newest commits are not signed yet, so not verified"]
    assert report.head.size == 278


def test_the_head_may_be_behind_for_ten_minutes(tmp_path):
    story = Story()
    story.plan.head_at = -2

    holds(report_of(story, tmp_path, 71.2))


def test_the_first_commit_may_have_no_head_yet(tmp_path):
    story = until(Story(), 1)
    story.plan.head = always(None)

    holds(report_of(story, tmp_path, 5.0))


def test_witnesses_may_sign_the_head(tmp_path):
    story = Story()

    def head(raw: bytes) -> bytes:
        text = raw.decode().rpartition("\n\n")[0] + "\n"
        return raw + signature_line(text, key_of("a witness"), "witness.example").encode()

    story.plan.head = head

    report = report_of(story, tmp_path)
    holds(report)
    assert notes(report, "checkpoint") == ["log/checkpoint carries 1 lines of witnesses, not checked here"]


def test_a_rotated_key_is_given_beside_the_new_one(tmp_path):
    from tampering.forge import vkey

    story = Story()
    story.plan.old_key, story.plan.old_until = key_of("the old log"), 40
    folder = write_folder(story.write(), tmp_path)

    holds(verify_folder(folder, keys=[vkey(key_of("the old log")), story.plan.vkey]))
    assert failed(verify_folder(folder)) == {"checkpoint"}


def test_a_checkpoint_that_an_auditor_kept_proves_that_nothing_was_rolled_back(tmp_path):
    files = Story().write()
    kept = {name: files[name] for name in files if "evidence/checkpoint/" in name}

    holds(verify_folder(write_folder(files, tmp_path), known=kept))


def test_a_log_that_was_rolled_back_whole_is_caught_by_a_known_checkpoint_alone(tmp_path):
    newest = Story().write()["log/checkpoint"]
    story = until(Story(), 4)
    folder = write_folder(story.write(), tmp_path)

    holds(verify_folder(folder, minutes=4.3))
    report = verify_folder(folder, minutes=4.3, known={"mine": newest})
    assert failed(report) == {"checkpoint"}
    assert [finding.object for finding in findings(report, "checkpoint")] == ["mine"]


def test_a_log_that_was_written_anew_is_caught_by_a_known_checkpoint_alone(tmp_path):
    newest = Story().write()["log/checkpoint"]
    story = Story()
    story.first.fields["target"] = "customers.lookup"
    folder = write_folder(story.write(), tmp_path)

    holds(verify_folder(folder))
    report = verify_folder(folder, known={"mine": newest})
    assert failed(report) == {"checkpoint", "tree"}
    assert {finding.object for check in ("checkpoint", "tree") for finding in findings(report, check)} == {"mine"}


def test_a_known_checkpoint_must_be_signed_by_the_log(tmp_path):
    story = Story()
    folder = write_folder(story.write(), tmp_path)
    story.plan.log_key = key_of("somebody else")

    report = verify_folder(folder, known={"mine": story.write()["log/checkpoint"], "garbage": b"garbage"})

    assert [finding.object for finding in findings(report, "checkpoint")] == ["mine", "garbage"]


# Tiles


def test_tiles_that_are_absent_are_listed(tmp_path):
    files = Story().write()
    del files["log/tile/0/000"], files["log/tile/entries/000"]

    report = verify_folder(write_folder(files, tmp_path))

    holds(report)
    assert [note.split(" ")[0] for note in notes(report, "tree")] == ["log/tile/0/000", "log/tile/entries/000"]


def test_old_partial_tiles_may_lie_where_full_ones_are(tmp_path):
    story = Story()
    story.plan.keep_partials = True

    report = report_of(story, tmp_path)
    holds(report)
    assert notes(report, "tree") == []


# Holes, late segments, lost writers


def test_a_hole_waits_for_ten_minutes(tmp_path):
    story = until(Story(), 8)

    report = report_of(story, tmp_path, 26.0)

    assert notes(report, "gaps") == [f"{story.lost.id} 4 to 5 waits to be filled"]
    holds(report)
    assert failed(verify_folder(tmp_path, minutes=26.1)) == {"gaps"}


def test_a_late_segment_that_is_stored_and_not_committed_is_listed(tmp_path):
    story = until(Story(), 8)
    story.lost.segs[1].absent = story.lost.segs[1].no_bodies = False

    report = report_of(story, tmp_path, 24.0)

    holds(report)
    assert notes(report, "uncommitted") == [f"evidence/{story.lost.segs[1].name}: late, it fills a stated hole"]


def test_a_hole_may_be_filled_in_two_parts(tmp_path):
    story = Story()
    whole = story.lost.segs[1]
    parts = [Seg(whole.recs[:1]), Seg(whole.recs[1:])]
    story.lost.segs[1:2] = parts
    story.commits[8].segs = parts[1:]
    story.commits[8].statements = [about("log:late", story.lost, 20.0, 5, 5)]
    story.commits.insert(9, Commit(21.0, parts[:1], [about("log:late", story.lost, 21.0, 4, 4)]))

    holds(report_of(story, tmp_path))


def test_a_hole_may_be_filled_before_anything_follows_it(tmp_path):
    """Section 7 lets the later segments follow the statement; it does not say that they follow at once."""
    story = Story()
    lost = story.lost.segs
    story.commits[7].segs = []
    story.commits[8].segs = [lost[1]]
    story.commits.insert(9, Commit(20.5, [lost[2]], []))

    holds(report_of(story, tmp_path))


def test_calls_that_began_or_ended_in_a_hole_are_not_held_against_anybody(tmp_path):
    story = until(Story(), 8)
    story.lost.segs[0].recs[3].fields["policy"] = dict(story.first.fields["policy"])
    story.lost.segs[2].recs.append(closed(5.7))

    report = report_of(story, tmp_path, 26.0)

    holds(report)


def test_what_a_lost_writer_said_after_all_is_listed_as_late(tmp_path):
    story = until(Story(), 10)
    story.lost.segs.append(Seg([alive(7.0)]))

    report = report_of(story, tmp_path, 90.0)

    holds(report)
    assert "late: the writer is stated lost" in notes(report, "uncommitted")[0]


def test_a_lost_writer_that_is_stated_at_the_wrong_place_is_not_lost(tmp_path):
    story = Story()
    wrong = about("log:writer_lost", story.lost, 51.0, 8)
    story.commits[9].statements.insert(0, wrong)

    report = report_of(story, tmp_path)

    holds(report)
    assert any(f"{wrong.id} has no effect" in note for note in notes(report, "chains"))


def test_what_waits_behind_a_hole_may_wait_for_twenty_minutes(tmp_path):
    story = Story()
    story.young.segs[1].absent = True
    story.young.segs.append(Seg([alive(63.2)]))
    story.console.segs[0].recs.append(closed(60.2))

    report = report_of(story, tmp_path, 83.1)

    holds(report)
    assert "behind a hole" in notes(report, "uncommitted")[0]


def test_a_segment_without_its_bodies_is_not_there(tmp_path):
    story = Story()
    story.young.segs[1].recs.append(answered(50, 63.0))
    story.young.segs[1].no_bodies = True
    story.console.segs[0].recs.append(closed(60.2))

    report = report_of(story, tmp_path, 95.0)

    assert "not there until its bodies are" in notes(report, "uncommitted")[0]
    holds(report)


# Approvals


def without_decision(story: Story) -> Story:
    """The function's segment is not stored yet, though the gateway had it in hand when it used it."""
    story = until(story, 4)
    story.resolver.segs[0].absent = True
    story.commits[2].segs.remove(story.resolver.segs[0])
    story.commits[2].statements.clear()
    return story


def test_an_approval_whose_decision_is_under_way_is_pending(tmp_path):
    report = report_of(without_decision(Story()), tmp_path, 14.0)

    holds(report)
    assert "is pending: the approval approval-1 has no approval:decided yet" in notes(report, "approvals")[0]
    assert failed(verify_folder(tmp_path, minutes=14.1)) == {"approvals"}


def test_an_approval_stays_pending_while_a_hole_waits(tmp_path):
    story = until(Story(), 8)
    story.front.segs[5].recs.remove(story.approved.consumed)

    report = report_of(story, tmp_path, 26.0)

    holds(report)
    assert "is pending" in notes(report, "approvals")[0]


def test_a_revocation_within_a_minute_before_the_use_does_not_count_as_before_it(tmp_path):
    """Section 9: clocks of two writers differ; over a minute earlier counts."""
    story = Story()
    rec = Rec("approval:revoked", 3.0, dict(story.approved.decided.fields))
    story.resolver.segs[0].recs.insert(2, rec)

    holds(report_of(story, tmp_path))


def test_only_the_named_decision_counts(tmp_path):
    story = Story()
    fields = {**story.approved.decided.fields, "decision": "denied"}
    story.resolver.segs[0].recs.insert(1, Rec("approval:decided", 2.6, fields))

    holds(report_of(story, tmp_path))


def test_an_approval_that_was_used_for_a_call_that_never_began_is_mentioned(tmp_path):
    story = Story()
    for rec in (story.approved.call, story.approved.answer):
        story.front.segs[5].recs.remove(rec)

    report = report_of(story, tmp_path)

    holds(report)
    assert "for a call that never began" in notes(report, "approvals")[0]


# Calls


def test_open_and_interrupted_calls_are_listed(tmp_path):
    story = Story()
    report = report_of(story, tmp_path)

    assert notes(report, "calls") == [f"1 interrupted: {story.lost.id}/9", f"1 open: {story.young.id}/3"]


def test_unknown_kinds_are_counted(tmp_path):
    story = Story()
    story.commits[3].statements.append(Rec("log:shrugged", 4.2))

    report = report_of(story, tmp_path)

    holds(report)
    assert notes(report, "chains") == [
        "1 records of the kind log:shrugged, which this version does not know",
        "1 records of the kind weather:observed, which this version does not know",
    ]


# Noise


def test_noise_is_listed_and_fails_nothing(tmp_path):
    """Section 8: whoever can create objects must not be able to make the log look broken."""
    story = Story()
    files = story.write()
    stranger = Story().young
    committed = files[f"evidence/{story.front.segs[1].name}"]
    again = gzip.compress(gzip.decompress(committed), compresslevel=3, mtime=0)
    noise = {
        "evidence/readme.txt": b"hello",
        "evidence/notes/a": b"hello",
        "evidence/writer/nobody.json": b"{}",
        "evidence/writer/20261122T120000Z-0000000000000001.json": b"{}",
        "evidence/commit/1.json": b"{}",
        "evidence/checkpoint/1": b"",
        "evidence/segment/stray": b"",
        "evidence/segment/not-a-writer/a": b"",
        f"evidence/segment/{story.front.id}/000000000003-0000000000000000.ndjson.gz": committed,
        f"evidence/segment/{story.front.id}/000000000003-{_h16(again)}.ndjson.gz": again,
        f"evidence/segment/{story.young.id}/000000000005-{_h16(b'junk')}.ndjson.gz": b"junk",
        f"evidence/segment/20261122T120000Z-0000000000000001/000000000000-{_h16(b'junk')}.ndjson.gz": b"junk",
        "bodies/readme.txt": b"",
        "bodies/standard/readme.txt": b"",
        f"bodies/standard/{story.front.id}/readme.txt": b"",
        "bodies/standard/20261122T120000Z-0000000000000001/x": b"",
        "log/readme.txt": b"",
        "log/tile/0/0": b"",
    }
    orphaned = {
        f"evidence/writer/{stranger.id[:-1]}0.json": _registration(stranger),
        f"bodies/standard/{story.front.id}/000000000003-0000000000000000.ndjson.gz": b"orphan",
    }
    report = verify_folder(write_folder({**files, **noise, **orphaned}, tmp_path))

    holds(report)
    listed = notes(report, "strays")
    assert {note.partition(": noise")[0] for note in listed if ": noise" in note} == noise.keys()
    assert {note.partition(": orphaned")[0] for note in listed if ": orphaned" in note} == orphaned.keys()


def test_a_segment_that_is_not_signed_by_its_writer_is_noise(tmp_path):
    story = Story()
    story.young.segs[1].key = key_of("somebody else")
    story.console.segs[0].recs.append(closed(60.2))

    report = report_of(story, tmp_path, 95.0)

    assert "not signed by its writer" in notes(report, "strays")[0]
    holds(report)


def test_a_forged_segment_with_a_right_name_in_the_committed_part_is_noise(tmp_path):
    story = Story()
    files = story.write()
    other = Story()
    other.front.segs[1].key = key_of("somebody else")
    files |= {name: data for name, data in other.write().items() if other.front.segs[1].name in name}

    report = verify_folder(write_folder(files, tmp_path))

    holds(report)
    assert "not signed by its writer" in notes(report, "strays")[0]


def test_names_that_are_no_unicode_harm_nothing(tmp_path):
    folder = write_folder(Story().write(), tmp_path)
    (tmp_path / "evidence" / "segment\udcff\x1b[31m").write_bytes(b"")

    report = verify_folder(folder)

    holds(report)
    assert len(notes(report, "strays")) == 1


def test_a_pipe_in_a_bucket_is_not_waited_for(tmp_path):
    folder = write_folder(Story().write(), tmp_path)
    head = folder / "log/checkpoint"
    head.unlink()
    os.mkfifo(head)

    report = verify_folder(folder)

    assert failed(report) == {"checkpoint"}
    assert "no plain file" in explain(report)


def test_a_folder_in_place_of_an_object_is_no_object(tmp_path):
    story = Story()
    folder = write_folder(story.write(), tmp_path)
    segment = folder / "evidence" / story.front.segs[1].name
    segment.unlink()
    segment.mkdir()

    assert failed(verify_folder(folder)) == {"segments"}


@pytest.mark.parametrize("what", ["folder", "pipe", "device", "too long"])
@pytest.mark.parametrize(
    ("kind", "check"),
    [
        ("bodies/standard/*/*", "bodies"),
        ("evidence/segment/*/*", "segments"),
        ("evidence/commit/*", "commits"),
        ("evidence/checkpoint/*", "checkpoint"),
        ("evidence/writer/*", "chains"),
        ("log/checkpoint", "checkpoint"),
        ("log/tile/0/000", "tree"),
        ("log/tile/entries/000", "tree"),
    ],
)
def test_whatever_stands_in_place_of_an_object_is_a_finding(tmp_path, kind, check, what):
    """evidence-format.md section 9: 1 something is missing; nobody's folder ends the check of everything else."""
    folder = write_folder(Story().write(), tmp_path)
    path = sorted(folder.glob(kind))[:2][-1]
    path.unlink()
    {"folder": path.mkdir, "pipe": lambda: os.mkfifo(path), "device": lambda: path.symlink_to("/dev/null")}.get(
        what, lambda: _make_too_long(path)
    )()
    wounded = min((folder / "evidence/checkpoint").iterdir())
    wounded.write_bytes(flip(wounded.read_bytes(), 30))

    report = verify_folder(folder)

    assert {check, "checkpoint"} <= failed(report)
    assert any(path.name in (finding.object or "") for finding in findings(report, check)), explain(report)


def _make_too_long(path) -> None:
    with path.open("wb") as file:
        file.truncate(MAX_OBJECT + 1)


def test_an_empty_deployment_holds_and_has_no_head(tmp_path):
    story = Story()
    story.plan.writers, story.plan.commits = [], []
    folder = write_folder(story.write(), tmp_path)

    report = verify_folder(folder)

    holds(report)
    assert report.head is None


def _h16(data: bytes) -> str:
    from tampering.forge import sha

    return sha(data)[:16]


def _registration(writer) -> bytes:
    files: dict[str, bytes] = {}
    writer.segs = []
    writer.twist = lambda whole: {**whole, "writer": f"{writer.id[:-1]}0"}
    writer.write(files)
    return files[f"evidence/writer/{writer.id}.json"]


def test_masks_in_bodies_that_are_gone_are_counted(tmp_path):
    story = Story()
    listed = Body(canonical(story.masked.fields["masks"]), kept="payroll")
    hidden = Body(b'{"password":"[masked:passwords:0123456789ab]"}', kept="payroll")
    story.masked.fields["masks"] = listed.reference()
    story.masked.bodies.insert(0, listed)
    other = story.payroll
    other.fields["masks"] = [{"count": 1, "rule": "passwords", "view": "recorded", "where": "pointer:/password"}]
    other.fields["request"], other.bodies = {**other.fields["request"], **hidden.reference()}, [hidden]
    folder = write_folder(story.write(), tmp_path)
    shutil.rmtree(folder / "bodies/payroll")

    report = verify_folder(folder, as_of="commit", now=micros(2 * DAY))

    holds(report)
    assert "2 masks are in headers or in bodies that are gone, and not checked" in notes(report, "masks")


def test_masks_in_headers_are_counted(tmp_path):
    story = Story()
    story.masked.fields["masks"] = [{"count": 1, "rule": "r", "view": "recorded", "where": "header:authorization"}]

    report = report_of(story, tmp_path)

    holds(report)
    assert "1 masks are in headers or in bodies that are gone, and not checked" in notes(report, "masks")


@pytest.mark.parametrize("name", ["log/tile/0/000", "log/tile/entries/000"])
def test_a_folder_in_place_of_a_tile_is_no_tile(tmp_path, name):
    story = Story()
    folder = write_folder(story.write(), tmp_path)
    (folder / name).unlink()
    (folder / name).mkdir()

    assert failed(verify_folder(folder)) == {"tree"}


def test_a_wounded_segment_is_skipped_where_the_tiles_cannot_be_read_either(tmp_path):
    story = Story()
    files = story.write()
    name = f"evidence/{story.front.segs[1].name}"
    files[name] = flip(files[name], 30)
    folder = write_folder(files, tmp_path)
    tile = folder / "log/tile/0/000"
    tile.unlink()
    tile.symlink_to(tile)

    report = verify_folder(folder)

    assert failed(report) == {"segments"}
    assert "the records from log position 7 on cannot be had" in explain(report)


def test_a_wounded_segment_at_the_right_edge_is_skipped_by_the_partial_tile(tmp_path):
    story = Story()
    files = story.write()
    name = f"evidence/{story.console.segs[0].name}"
    files[name] = flip(files[name], 30)

    report = verify_folder(write_folder(files, tmp_path))

    assert failed(report) == {"segments"}
    assert next(check for check in report.checks if check.id == "tree").status == "ok"


def test_a_commit_of_thousands_of_records_is_done_in_several_jobs(tmp_path):
    story = Story()
    for number in range(1000, 1800, 100):
        calls = [rec for call in range(number, number + 100) for rec in (requested(call, 7.0), answered(call, 7.0))]
        seg = Seg(calls)
        story.front.segs.insert(-1, seg)
        story.commits[5].segs.append(seg)
    folder = write_folder(story.write(), tmp_path)

    for small in (10_000, 0):
        report = verify_folder(folder, small=small)
        holds(report)
        assert report.head.size == 287 + 1600


def test_thousands_of_findings_are_counted_and_not_kept(tmp_path):
    story = Story()
    for number in range(1000, 2400, 100):
        seg = Seg([refused(call, 7.0, call=None) for call in range(number, number + 100)])
        story.front.segs.insert(-1, seg)
        story.commits[5].segs.append(seg)
    files = story.write()
    noise = {f"evidence/noise/{number}": b"" for number in range(1100)}

    report = verify_folder(write_folder({**files, **noise}, tmp_path))

    assert len(findings(report, "calls")) == 1001
    assert findings(report, "calls")[-1].found == "400 more findings like these"
    assert notes(report, "strays")[-1] == "and 100 more"


def test_many_wounded_entries_are_named_as_far_as_that_costs_little(tmp_path):
    """Each is looked up in the commits; a hostile copy must not make that endless."""
    story = Story()
    files = story.write()
    bundle = files["log/tile/entries/000"]
    wounded = {f"log/tile/entries/000.p/{width}": b"\0\1x" * width for width in range(1, 120)}

    report = verify_folder(write_folder({**files, **wounded, "log/tile/entries/000": bundle}, tmp_path))

    assert failed(report) == {"tree"}
    named = [finding.record for finding in findings(report, "tree")]
    assert len(named) == 119
    assert named.count("log/0") == 100


@pytest.mark.parametrize(
    ("folder", "checks"), [("evidence/checkpoint", {"commits", "checkpoint"}), ("bodies", {"strays"})]
)
def test_a_folder_that_cannot_be_listed_is_said(tmp_path, folder, checks):
    story = Story()
    whole = write_folder(story.write(), tmp_path)
    shutil.rmtree(whole / folder)
    (whole / folder).symlink_to(whole / folder)

    report = verify_folder(whole)

    assert checks <= {check.id for check in report.checks if check.status == "unchecked"}
    assert "cannot be listed: Too many levels of symbolic links" in explain(report)


def test_a_hole_that_is_filled_in_part_waits_for_the_rest(tmp_path):
    story = Story()
    whole = story.lost.segs[1]
    parts = [Seg(whole.recs[:1]), Seg(whole.recs[1:])]
    story.lost.segs[1:2] = parts
    story.commits[8].segs = parts[1:]
    story.commits[8].statements = [about("log:late", story.lost, 20.0, 5, 5)]
    parts[0].absent = parts[0].no_bodies = True

    report = report_of(until_nine(story), tmp_path, 25.0)

    holds(report)
    assert notes(report, "gaps") == [f"{story.lost.id} 4 to 4 waits to be filled"]


def until_nine(story: Story) -> Story:
    del story.commits[9:]
    del story.plan.writers[-2:]
    story.lost.segs.pop()
    return story


def test_a_wounded_segment_without_any_log_bucket_ends_the_tree(tmp_path):
    story = Story()
    files = story.write()
    name = f"evidence/{story.front.segs[1].name}"
    files[name] = flip(files[name], 30)
    folder = write_folder(files, tmp_path)
    buckets = Buckets.of(f"{folder}/evidence", [f"{folder}/bodies"], {}, "")

    report = verify_folder(folder, buckets=buckets)

    assert failed(report) == {"segments"}
    assert "log position 7" in explain(report)


# A gateway that goes on while somebody verifies


class GrowingBucket(Bucket):
    """A bucket into which files come just before one of its folders is listed."""

    def __init__(self, label, folder, listing, come) -> None:
        super().__init__(label, folder)
        object.__setattr__(self, "listing", listing)
        object.__setattr__(self, "come", come)

    def names(self, folder="", start=""):
        if folder == self.listing:
            self.come()
        return super().names(folder, start)


@pytest.mark.parametrize("listing", ["evidence/commit/", "evidence/checkpoint/", "evidence/segment", "log/"])
def test_commits_that_are_made_while_it_is_verified_are_no_failure(tmp_path, listing):
    """evidence-format.md section 9: honest states never fail, and a log that grows is one."""
    story = Story()
    files = story.write()
    *_, size = sorted(name for name in files if name.startswith("evidence/checkpoint/"))[:-1]
    old = int(size.rpartition("/")[2])
    later = {name: data for name, data in files.items() if _is_later(name, old)}
    now = {name: data for name, data in files.items() if name not in later} | {"log/checkpoint": files[size]}
    folder = write_folder(now, tmp_path)
    bucket, _, inner = listing.partition("/")
    if inner == "segment":
        inner += f"/{story.front.id}/"
    growing = GrowingBucket(bucket, f"{folder}/{bucket}", inner, lambda: write_folder(later, tmp_path))
    plain = Buckets.of(f"{folder}/evidence", [f"{folder}/bodies"], {}, f"{folder}/log")

    report = verify_folder(folder, buckets=replace(plain, **{bucket: growing}))

    assert all((folder / name).exists() for name in later), "they came"
    holds(report)
    assert report.head.size == old


def _is_later(name: str, size: int) -> bool:
    bucket, _, rest = name.partition("/")
    if rest.startswith(("commit/", "checkpoint/")):
        position = int(rest.partition("/")[2].partition(".")[0])
        return position > size or (position == size and rest.startswith("commit/"))
    return bucket == "log" and rest != "checkpoint" and parse_path(rest).min_size > size


# What cannot be read


def test_a_writer_whose_last_segment_cannot_be_read_is_not_judged_by_what_it_may_have_said(tmp_path):
    """evidence-format.md section 9: 3 where nothing is proved false; the segment holds the `writer:closed`."""
    story = Story()
    folder = write_folder(story.write(), tmp_path)
    ends = [writer.segs[-1] for writer in story.plan.writers if writer.segs[-1].recs[-1].kind == "writer:closed"]
    assert ends
    for seg in ends:
        path = folder / "evidence" / seg.name
        path.unlink()
        path.symlink_to(path)

    report = verify_folder(folder, minutes=story.as_of)

    assert failed(report) == set(), explain(report)
    assert report.status == UNREADABLE


def test_segments_that_cannot_be_read_at_all_prove_nothing_false(tmp_path):
    """evidence-format.md section 9: 3 nothing is proved false but something could not be read."""
    story = Story()
    folder = write_folder(story.write(), tmp_path)
    shutil.rmtree(folder / "evidence/segment")
    (folder / "evidence/segment").symlink_to(folder / "evidence/segment")

    report = verify_folder(folder, minutes=story.as_of)

    assert failed(report) == set(), explain(report)
    assert report.status == UNREADABLE
