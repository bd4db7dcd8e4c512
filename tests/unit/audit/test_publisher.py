"""What follows from the commits is derived again when it is gone, and nothing is signed that contradicts it."""

from __future__ import annotations

import logging
import shutil

import pytest

from affidavit.audit.commit import Commit, commit_hash, parse_commit
from affidavit.errors import Malformed, VerificationFailed
from affidavit.evidence.names import checkpoint_name, commit_name
from affidavit.tlog.checkpoint import Checkpoint
from affidavit.tlog.note import sign
from fakes.auditor import read_folder
from fakes.ledger import Ledger, busy_hour


@pytest.fixture
def worked(ledger):
    """A log of a few hundred leaves, its sequencer started again."""
    busy_hour(ledger, calls=50)
    ledger.sequencer = ledger.new_sequencer()
    return ledger


def go_on(ledger) -> None:
    gateway = ledger.gateway()
    gateway.call()
    gateway.close()
    ledger.sequence()


def overwrite(path, data) -> None:
    path.unlink(missing_ok=True)
    path.write_bytes(data)


def kept(ledger):
    return sorted((ledger.root / "evidence/checkpoint").iterdir())


def commits(ledger):
    return sorted((ledger.root / "evidence/commit").iterdir())


def test_after_a_restart_only_the_right_edge_is_read(worked, audited, monkeypatch):
    read = []
    tile = worked.heads.tile
    monkeypatch.setattr(type(worked.heads), "tile", lambda _, path: read.append(path) or tile(path))
    go_on(worked)

    audited()
    assert len(read) <= 3


def test_a_lost_log_folder_is_derived_again_byte_for_byte(worked, audited):
    """evidence-format section 2: every byte but the signature can be rebuilt from the evidence bucket."""
    before = read_folder(worked.root / "log")
    shutil.rmtree(worked.root / "log")
    (worked.root / "log").mkdir()
    worked.sequence()

    after = read_folder(worked.root / "log")
    assert after["checkpoint"] == before["checkpoint"]
    assert {path: before[path] for path in after} == after
    go_on(worked)
    audited()


@pytest.mark.parametrize("gone", ["tile/0", "tile/1", "tile/entries"])
def test_lost_tiles_are_derived_again(worked, audited, gone):
    shutil.rmtree(worked.root / "log" / gone)
    go_on(worked)

    audited()


def test_a_lost_head_is_put_back(worked, audited):
    (worked.root / "log/checkpoint").unlink()
    worked.sequence()

    audited()


def test_a_head_that_is_behind_is_moved(worked, audited):
    """A stop between the kept checkpoint and the head."""
    overwrite(worked.root / "log/checkpoint", kept(worked)[-2].read_bytes())
    worked.sequence()

    audited()


def test_a_head_that_is_not_this_logs_is_replaced_and_said(worked, audited, caplog):
    overwrite(worked.root / "log/checkpoint", b"garbage")
    with caplog.at_level(logging.ERROR):
        worked.sequence()

    audited()
    assert "is not this log's" in caplog.text


def test_a_lost_checkpoint_is_kept_again(worked, audited):
    kept(worked)[-1].unlink()
    worked.sequence()

    audited()


def test_a_witness_line_under_the_head_is_left_alone(worked):
    head = worked.root / "log/checkpoint"
    witnessed = head.read_bytes() + "\u2014 witness.example+w AAAAAAE=\n".replace("+w", "").encode()
    overwrite(head, witnessed)
    worked.sequence()

    assert head.read_bytes() == witnessed


def test_partial_tiles_go_once_the_full_one_is_there(worked, audited):
    """C2SP tlog-tiles allows it; a commit each second would leave 255 of them beside each tile."""
    audited()
    tiles = worked.root / "log/tile"
    assert (tiles / "0/000").exists()
    assert [folder for folder in tiles.rglob("*.p") if folder.with_suffix("").exists()] == []


def refuses(ledger, match) -> None:
    """Going on fails loudly, and nothing more is signed."""
    before = {path.name for path in kept(ledger)}
    gateway = ledger.gateway()
    gateway.call()
    gateway.flush()
    for _ in range(2):
        with pytest.raises((VerificationFailed, Malformed), match=match):
            ledger.sequence()
    assert {path.name for path in kept(ledger)} == before


def test_a_changed_tile_of_the_right_edge_is_not_built_upon(worked):
    """It is derived again, and what stands in its place is named."""
    path = max((worked.root / "log/tile/0").glob("**/*.p/*"), key=lambda one: (one.parent.name, int(one.name)))
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    overwrite(path, data)

    refuses(worked, "move it away")


def test_a_checkpoint_by_another_key_is_not_built_upon(worked, tmp_path):
    other = Ledger(tmp_path / "other", seed="other")
    path = kept(worked)[-1]
    text = path.read_text().rpartition("\n\n")[0] + "\n"
    overwrite(path, sign(text, other.signer.verifier_key, other.signer.sign).encode())

    refuses(worked, "signature")


def test_a_head_of_another_history_is_not_overwritten(worked):
    """Somebody had the key sign another tree of this size: both are left for everybody to see."""
    size = Checkpoint.parse(kept(worked)[-1].read_text().rpartition("\n\n")[0] + "\n").size
    note = forged_checkpoint(worked, size)
    overwrite(worked.root / "log/checkpoint", note)

    refuses(worked, "another root")
    assert (worked.root / "log/checkpoint").read_bytes() == note


def forged_checkpoint(ledger, size):
    checkpoint = Checkpoint(origin=ledger.signer.verifier_key.name, size=size, root=b"\7" * 32)
    return sign(checkpoint.text(), ledger.signer.verifier_key, ledger.signer.sign).encode()


def test_a_newest_checkpoint_of_another_history_is_not_built_upon(worked):
    path = kept(worked)[-1]
    overwrite(path, forged_checkpoint(worked, int(path.name)))

    refuses(worked, "do not give the tree")


def test_a_checkpoint_of_another_history_in_the_way_is_refused(worked):
    """Somebody had the key sign another tree of the size that comes next."""
    worked.sequence()
    gateway = worked.writer()
    gateway.open()
    gateway.flush()
    size = int(kept(worked)[-1].name) + len(["log:committed", "log:writer_admitted", "writer:opened"])
    worked.stores.evidence.create({checkpoint_name(size): forged_checkpoint(worked, size)})

    with pytest.raises(VerificationFailed, match="another root"):
        worked.sequence()
    with pytest.raises(VerificationFailed, match="do not give the tree"):
        worked.sequence()


def test_a_missing_commit_stops_the_log(worked):
    commits(worked)[-1].unlink()

    refuses(worked, "no commit ends at")


def test_a_changed_commit_stops_the_log(worked):
    path = commits(worked)[-2]
    data = path.read_bytes().replace(b'"v":1', b'"v":2')
    overwrite(path, data)

    refuses(worked, "is missing or is not what")


@pytest.mark.parametrize("changed", [False, True])
def test_a_lost_or_changed_segment_of_an_unpublished_commit_stops_the_log(worked, changed):
    """It cannot be derived, so it cannot be signed; what was signed before stays right."""
    last = parse_commit(commits(worked)[-1].read_bytes())
    kept(worked)[-1].unlink()
    overwrite(worked.root / "log/checkpoint", kept(worked)[-1].read_bytes())
    segment = worked.root / "evidence" / last.segments[0].name
    other = min(segment.parent.iterdir()).read_bytes()
    segment.unlink()
    if changed:
        segment.write_bytes(other)

    refuses(worked, "is missing or is not what its commit names")


def test_a_commit_at_another_place_than_its_name_says_is_refused(worked):
    last = commits(worked)[-1].read_bytes()
    size = parse_commit(last).size
    fields = {name: getattr(parse_commit(last), name) for name in Commit.__slots__}
    moved = {"start": size + 5, "size": size + 5 + parse_commit(last).size - parse_commit(last).start}
    forged = Commit(**fields | moved | {"previous": commit_hash(last)})
    worked.stores.evidence.create({commit_name(size): forged.encode()})

    refuses(worked, "does not begin where")


def test_a_commit_that_does_not_follow_is_refused(worked):
    """Whoever can create a commit object still cannot make the log go back in time."""
    last = parse_commit(commits(worked)[-1].read_bytes())
    gateway = worked.gateway()
    gateway.flush()
    worked.sequence()
    made = commits(worked)[-1]
    forged = parse_commit(made.read_bytes())
    overwrite(
        made,
        type(forged)(**{name: getattr(forged, name) for name in forged.__slots__} | {"time": last.time - 1}).encode(),
    )
    kept(worked)[-1].unlink()
    overwrite(worked.root / "log/checkpoint", kept(worked)[-1].read_bytes())
    worked.sequencer = worked.new_sequencer()

    refuses(worked, "does not follow")
