"""Tampering by somebody who holds no key: bytes, files and folders of a copy, or of a bucket that was not locked."""

from __future__ import annotations

import gzip

from tampering.catalogue import caught, find, flip
from tampering.forge import always, b64, key_of, note, signature_line, vkey
from tampering.story import Story


def seg_name(story: Story, writer: str = "front", index: int = 1) -> str:
    return f"evidence/{getattr(story, writer).segs[index].name}"


def change(story: Story, do) -> None:
    story.plan.files = do


def id_of(name: str):
    return lambda story: getattr(story, name).id


# Segments


@caught("segments", where="evidence/segment/", record=lambda story: story.first_answer.id, found="other bytes")
def a_byte_of_a_segment_is_flipped(story: Story) -> None:
    def do(files):
        name = seg_name(story)
        stored = files[name]
        text = gzip.decompress(stored)
        at = text.index(b'"outcome":"answered"') + 12
        # Stored without compression, so that the flipped byte is one of the answer's record.
        files[name] = flip(gzip.compress(text, compresslevel=0, mtime=0), 10 + 5 + at)

    change(story, do)


@caught("segments", where="evidence/segment/", record=lambda story: story.first.id, found="absent")
def a_segment_is_deleted(story: Story) -> None:
    change(story, lambda files: files.pop(seg_name(story)) and None)


@caught("segments", where="evidence/segment/", found="other bytes")
def a_segment_is_cut_short(story: Story) -> None:
    def do(files):
        files[seg_name(story)] = files[seg_name(story)][:-9]

    change(story, do)


@caught("segments", found="other bytes")
def a_segment_is_emptied(story: Story) -> None:
    def do(files):
        files[seg_name(story)] = b""

    change(story, do)


@caught("segments", found="other bytes")
def bytes_are_appended_to_a_segment(story: Story) -> None:
    def do(files):
        files[seg_name(story)] += b"\0"

    change(story, do)


@caught("segments", found="other bytes")
def the_operating_system_byte_of_a_gzip_header_is_changed(story: Story) -> None:
    def do(files):
        files[seg_name(story)] = flip(files[seg_name(story)], 9)

    change(story, do)


@caught("segments", found="other bytes")
def two_segments_change_places(story: Story) -> None:
    def do(files):
        one, other = seg_name(story, index=1), seg_name(story, index=2)
        files[one], files[other] = files[other], files[one]

    change(story, do)


@caught("segments", "bodies")
def a_segment_is_deleted_with_its_tiles_and_its_bodies_are_flipped(story: Story) -> None:
    def do(files):
        files.pop(seg_name(story))
        name = find(files, "bodies/standard", story.front.id, "000000000005")
        files[name] = flip(files[name], -5)

    change(story, do)


@caught("segments", found="absent")
def a_segment_is_deleted_where_no_tiles_are_served(story: Story) -> None:
    def do(files):
        files.pop(seg_name(story))
        for name in [name for name in files if "/tile/" in name]:
            del files[name]

    change(story, do)


@caught("segments", found="other bytes")
def a_segment_is_altered_where_no_tiles_are_served(story: Story) -> None:
    def do(files):
        files[seg_name(story)] = flip(files[seg_name(story)], 40)
        for name in [name for name in files if "/tile/" in name]:
            del files[name]

    change(story, do)


@caught("segments", found="absent")
def the_late_segment_is_deleted(story: Story) -> None:
    change(story, lambda files: files.pop(seg_name(story, "lost", 1)) and None)


# Registrations


@caught("chains", where="evidence/writer/", found="hash")
def a_byte_of_a_registration_is_flipped(story: Story) -> None:
    def do(files):
        name = f"evidence/writer/{story.front.id}.json"
        files[name] = files[name].replace(b'"version":"1"', b'"version":"2"')

    change(story, do)


@caught("chains", where="evidence/writer/", found="absent")
def a_registration_is_deleted(story: Story) -> None:
    change(story, lambda files: files.pop(f"evidence/writer/{story.front.id}.json") and None)


@caught("chains", where="evidence/writer/", found="not canonical")
def a_registration_is_reformatted(story: Story) -> None:
    def do(files):
        name = f"evidence/writer/{story.front.id}.json"
        files[name] = files[name].replace(b",", b", ")

    change(story, do)


@caught("chains", where="evidence/writer/", found="nested too deep")
def a_registration_becomes_a_well_of_brackets(story: Story) -> None:
    def do(files):
        files[f"evidence/writer/{story.front.id}.json"] = b'{"a":' * 400 + b"1" + b"}" * 400

    change(story, do)


@caught("segments", "chains", where="evidence/segment/")
def the_key_in_a_registration_is_replaced(story: Story) -> None:
    def do(files):
        name = f"evidence/writer/{story.front.id}.json"
        other = key_of("somebody else").public_key().public_bytes_raw()
        mine = story.front.key.public_key().public_bytes_raw()
        files[name] = files[name].replace(b64(mine).encode(), b64(other).encode())

    change(story, do)


# Bodies


@caught("bodies", where="bodies/standard/", record=lambda story: story.first_answer.id)
def a_byte_of_a_body_is_flipped(story: Story) -> None:
    def do(files):
        name = find(files, "bodies/standard", story.front.id, "000000000003")
        text = gzip.decompress(files[name])
        at = text.index(b"\n") + 20
        files[name] = flip(gzip.compress(text, compresslevel=0, mtime=0), 10 + 5 + at)

    change(story, do)


@caught("bodies", where="bodies/standard/", found="absent")
def a_bodies_object_is_deleted_before_its_time(story: Story) -> None:
    change(story, lambda files: files.pop(find(files, "bodies/standard", story.front.id, "000000000003")) and None)


@caught("bodies", where="bodies/payroll/", record=id_of("payroll"), found="absent")
def bodies_of_a_short_class_are_deleted_before_its_day_is_over(story: Story) -> None:
    change(story, lambda files: files.pop(find(files, "bodies/payroll")) and None)


@caught("bodies", where="bodies/standard/")
def a_bodies_object_is_replaced_by_another_packing_of_the_same(story: Story) -> None:
    def do(files):
        name = find(files, "bodies/standard", story.front.id, "000000000003")
        files[name] = gzip.compress(gzip.decompress(files[name]), compresslevel=1, mtime=0)

    change(story, do)


@caught("bodies", where="bodies/standard/")
def a_bodies_object_is_emptied(story: Story) -> None:
    def do(files):
        files[find(files, "bodies/standard", story.front.id, "000000000003")] = b""

    change(story, do)


@caught("bodies", found="absent")
def all_bodies_are_deleted(story: Story) -> None:
    def do(files):
        for name in [name for name in files if name.startswith("bodies/")]:
            del files[name]

    change(story, do)


# Commits


@caught("commits", where="evidence/commit/")
def the_time_of_a_commit_is_changed(story: Story) -> None:
    def do(files):
        name = sorted(name for name in files if "/commit/" in name)[5]
        files[name] = files[name].replace(b'"time":"2026-11-22T12:07:06', b'"time":"2026-11-22T12:07:07')

    change(story, do)


@caught("commits", found="other leaves")
def a_statement_is_taken_out_of_a_commit(story: Story) -> None:
    def do(files):
        name = max(name for name in files if "/commit/" in name)
        start = files[name].index(b'"statements":["') + 14
        end = files[name].index(b'","', start)
        files[name] = files[name][:start] + files[name][end + 2 :]

    change(story, do)


@caught("commits", where="evidence/commit/", found="not JSON")
def a_commit_is_cut_short(story: Story) -> None:
    def do(files):
        name = sorted(name for name in files if "/commit/" in name)[3]
        files[name] = files[name][:-1]

    change(story, do)


@caught("commits", found="nested too deep")
def a_commit_becomes_a_well_of_brackets(story: Story) -> None:
    def do(files):
        name = sorted(name for name in files if "/commit/" in name)[3]
        files[name] = b'{"a":' * 400 + b"1" + b"}" * 400

    change(story, do)


@caught("commits", "checkpoint", where="evidence/commit/", found="absent, while")
def a_commit_is_deleted(story: Story) -> None:
    def do(files):
        del files[sorted(name for name in files if "/commit/" in name)[3]]

    change(story, do)


@caught("commits", found="its name says")
def a_commit_is_put_under_another_position(story: Story) -> None:
    def do(files):
        names = sorted(name for name in files if "/commit/" in name)
        files[names[4]] = files[names[5]]

    change(story, do)


@caught("checkpoint", "commits", where="checkpoint")
def the_newest_commit_is_deleted(story: Story) -> None:
    def do(files):
        del files[max(name for name in files if "/commit/" in name)]

    change(story, do)


@caught("commits", where="evidence/commit/00000000000000009999.json", found="not reached")
def a_commit_is_added_out_of_reach(story: Story) -> None:
    def do(files):
        names = sorted(name for name in files if "/commit/" in name)
        files["evidence/commit/00000000000000009999.json"] = files[names[-1]]

    change(story, do)


# Kept checkpoints and the head


@caught("checkpoint", where="evidence/checkpoint/", found="absent")
def a_kept_checkpoint_is_deleted(story: Story) -> None:
    def do(files):
        del files[sorted(name for name in files if "evidence/checkpoint/" in name)[4]]

    change(story, do)


@caught("checkpoint", where="evidence/checkpoint/")
def a_byte_of_a_kept_signature_is_flipped(story: Story) -> None:
    def do(files):
        name = sorted(name for name in files if "evidence/checkpoint/" in name)[4]
        line = files[name][:-6] + (b"AAAA" if files[name][-6:-2] != b"AAAA" else b"BBBB") + files[name][-2:]
        files[name] = line

    change(story, do)


@caught("checkpoint", where="evidence/checkpoint/", found="more lines")
def a_kept_checkpoint_gets_a_line_of_a_witness(story: Story) -> None:
    def do(files):
        name = sorted(name for name in files if "evidence/checkpoint/" in name)[4]
        text = files[name].decode().rpartition("\n\n")[0] + "\n"
        files[name] += signature_line(text, key_of("a witness"), "witness.example").encode()

    change(story, do)


@caught("checkpoint", where="evidence/checkpoint/", found="none")
def a_kept_checkpoint_is_copied_to_a_size_that_no_commit_has(story: Story) -> None:
    def do(files):
        name = sorted(name for name in files if "evidence/checkpoint/" in name)[4]
        files["evidence/checkpoint/00000000000000000033"] = files[name]

    change(story, do)


@caught("checkpoint", where="evidence/checkpoint/", found=None)
def two_kept_checkpoints_change_places(story: Story) -> None:
    def do(files):
        one, other = sorted(name for name in files if "evidence/checkpoint/" in name)[4:6]
        files[one], files[other] = files[other], files[one]

    change(story, do)


@caught("checkpoint", where="evidence/checkpoint/")
def a_kept_checkpoint_is_signed_by_somebody_else(story: Story) -> None:
    def do(files):
        name = sorted(name for name in files if "evidence/checkpoint/" in name)[4]
        files[name] = note(files[name].decode().rpartition("\n\n")[0] + "\n", key_of("somebody else"))

    change(story, do)


@caught("checkpoint", where="log/checkpoint", found="no head")
def the_head_is_deleted(story: Story) -> None:
    change(story, lambda files: files.pop("log/checkpoint") and None)


@caught("checkpoint", where="log/checkpoint")
def a_byte_of_the_head_is_flipped(story: Story) -> None:
    def do(files):
        files["log/checkpoint"] = files["log/checkpoint"].replace(b"\n287\n", b"\n286\n")

    change(story, do)


@caught("checkpoint", where="log/checkpoint", found="records")
def the_head_is_rolled_back(story: Story) -> None:
    story.plan.head_at = 6


@caught("checkpoint", where="log/checkpoint", found="first line")
def the_line_of_a_witness_is_put_before_the_logs_own(story: Story) -> None:
    def head(raw: bytes) -> bytes:
        text, _, line = raw.decode().rpartition("\n\n")
        witness = signature_line(f"{text}\n", key_of("a witness"), "witness.example")
        return f"{text}\n\n{witness}{line}".encode()

    story.plan.head = head


@caught("checkpoint", where="log/checkpoint")
def the_head_is_of_another_log(story: Story) -> None:
    def head(raw: bytes) -> bytes:
        _, size, root_hash, _ = raw.decode().split("\n", 3)
        return note(f"other.example/log\n{size}\n{root_hash}\n", story.plan.log_key, "other.example/log")

    story.plan.head = head


@caught("checkpoint", where="log/checkpoint")
def the_head_is_no_note(story: Story) -> None:
    story.plan.head = always(b"\xff\xfe")


# Tiles


@caught("tree", where="log/tile/0/000", found="another hash at place 3")
def a_byte_of_a_full_tile_is_flipped(story: Story) -> None:
    def do(files):
        files["log/tile/0/000"] = flip(files["log/tile/0/000"], 3 * 32)

    change(story, do)


@caught("tree", where="log/tile/1/000.p/1", found="another hash")
def a_byte_of_a_partial_tile_is_flipped(story: Story) -> None:
    def do(files):
        files["log/tile/1/000.p/1"] = flip(files["log/tile/1/000.p/1"])

    change(story, do)


@caught("tree", where="log/tile/0/000", found="bytes instead of")
def a_tile_is_cut_short(story: Story) -> None:
    def do(files):
        files["log/tile/0/000"] = files["log/tile/0/000"][:-32]

    change(story, do)


@caught("tree", where="log/tile/entries/000", record=id_of("first"), found="another entry at log position")
def a_byte_of_an_entry_bundle_is_flipped(story: Story) -> None:
    def do(files):
        bundle = files["log/tile/entries/000"]
        at = bundle.index(story.first.fields["call"].encode())
        files["log/tile/entries/000"] = flip(bundle, at)

    change(story, do)


@caught("tree", where="log/tile/entries/001.p/31")
def a_byte_of_a_partial_bundle_is_flipped(story: Story) -> None:
    def do(files):
        files["log/tile/entries/001.p/31"] = flip(files["log/tile/entries/001.p/31"])

    change(story, do)


@caught("tree", where="log/tile/entries/000")
def an_entry_bundle_is_cut_short(story: Story) -> None:
    def do(files):
        files["log/tile/entries/000"] = files["log/tile/entries/000"][:-10]

    change(story, do)


@caught("tree", where="log/tile/entries/000", found="entries")
def an_entry_bundle_has_one_entry_more(story: Story) -> None:
    def do(files):
        files["log/tile/entries/000"] += b"\x00\x02{}"

    change(story, do)


@caught("tree", where="log/tile/0/000.p/9")
def an_old_partial_tile_is_forged(story: Story) -> None:
    def do(files):
        files["log/tile/0/000.p/9"] = flip(files["log/tile/0/000"][: 9 * 32])

    change(story, do)


@caught("tree", where="log/tile/entries/000.p/2")
def an_old_partial_bundle_is_forged(story: Story) -> None:
    def do(files):
        files["log/tile/entries/000.p/2"] = b"\x00\x01a\x00\x01b"

    change(story, do)


@caught("tree", where="log/tile/0/002", found="another")
def a_tile_is_added_that_no_tree_has(story: Story) -> None:
    def do(files):
        files["log/tile/0/002"] = b"\0" * 32 * 256

    change(story, do)


@caught("tree", where="log/tile/0/001.p/32", found="another")
def a_partial_tile_is_added_that_is_wider_than_the_tree(story: Story) -> None:
    def do(files):
        files["log/tile/0/001.p/32"] = files["log/tile/0/001.p/31"] + b"\0" * 32

    change(story, do)


# Keys, and what only an auditor's own memory shows


@caught("checkpoint", where="log/checkpoint")
def the_auditors_key_is_another_one(story: Story) -> None:
    def do(files):
        files["log.vkey"] = vkey(key_of("somebody else")).encode()

    change(story, do)


@caught("segments", found="absent")
def a_writers_whole_folder_is_deleted(story: Story) -> None:
    def do(files):
        for name in [name for name in files if f"/{story.lost.id}/" in name]:
            del files[name]

    change(story, do)


@caught("gaps", where="evidence/segment/", found="fork")
def a_signed_segment_for_the_same_place_is_put_under_a_wrong_name(story: Story) -> None:
    """Stolen by an outsider: the writer really signed it, in a fork that was hidden."""

    def do(files):
        files["evidence/segment/odd name"] = b"noise"
        other = Story()
        other.first.fields["target"] = "customers.lookup"
        stolen = other.write()[seg_name(other)]
        files[f"evidence/segment/{story.front.id}/not-a-name"] = stolen

    change(story, do)


@caught("gaps", where="evidence/segment/", record=id_of("first"), found="fork")
def a_fork_is_put_beside_what_is_committed(story: Story) -> None:
    def do(files):
        other = Story()
        other.first.fields["target"] = "customers.lookup"
        stolen = other.write()
        files[seg_name(other)] = stolen[seg_name(other)]

    change(story, do)


@caught("checkpoint", where="evidence/checkpoint/00000000000000009999", found="a commit that ends at")
def garbage_is_put_where_a_checkpoint_of_the_future_would_stand(story: Story) -> None:
    change(story, lambda files: files.update({"evidence/checkpoint/00000000000000009999": b"garbage"}))


@caught("checkpoint", "commits", where="log/checkpoint", found="a commit that ends at")
def the_newest_commit_is_deleted_with_its_kept_checkpoint(story: Story) -> None:
    def do(files):
        del files[max(name for name in files if "/commit/" in name)]
        del files[max(name for name in files if "evidence/checkpoint/" in name)]

    change(story, do)


@caught("checkpoint", where="log/checkpoint", found="that one is absent")
def the_newest_kept_checkpoint_is_deleted_and_the_head_left(story: Story) -> None:
    def do(files):
        del files[max(name for name in files if "evidence/checkpoint/" in name)]

    change(story, do)


@caught("tree", where="log/tile/entries/001.p/31", found="log position 286")
def a_partial_bundle_lacks_its_last_entry(story: Story) -> None:
    def do(files):
        bundle = files["log/tile/entries/001.p/31"]
        last = story.young.segs[0].leaves[-1]
        files["log/tile/entries/001.p/31"] = bundle[: -len(last) - 2]

    change(story, do)


@caught("segments", found="absent")
def a_segment_is_deleted_and_another_one_laid_in_its_place(story: Story) -> None:
    def do(files):
        other = Story()
        other.first.fields["target"] = "customers.lookup"
        forged = other.write()
        del files[seg_name(story)]
        files[seg_name(other)] = forged[seg_name(other)]

    change(story, do)
