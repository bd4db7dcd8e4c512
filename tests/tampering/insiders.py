"""Tampering by somebody who holds keys: lies that are chained, hashed and signed as if they were true."""

from __future__ import annotations

import gzip
from typing import Any

from tampering.catalogue import caught
from tampering.forge import Body, Commit, Rec, Seg, Writer, always, at, canonical, key_of, note, sha
from tampering.story import (
    POLICY,
    Story,
    about,
    admitted,
    alive,
    answered,
    attestation,
    call_id,
    closed,
    jwt,
    opened,
    policy_loaded,
    refused,
    requested,
    streamed,
)


def put(**fields: Any):
    """Return a twist that sets fields."""
    return lambda whole: {**whole, **fields}


def drop(*names: str):
    """Return a twist that takes fields away."""
    return lambda whole: {name: value for name, value in whole.items() if name not in names}


def later(twist, other):
    return lambda value: other(twist(value))


def record(name: str):
    return lambda story: getattr(story, name).id


# segments: forms and signatures


@caught("segments", record=record("first"), found="does not verify")
def a_segment_is_signed_with_another_key(story: Story) -> None:
    story.front.segs[1].key = key_of("somebody else")


@caught("segments", found="counts other records")
def a_header_counts_one_record_too_many(story: Story) -> None:
    story.front.segs[1].header = put(count=3)


@caught("segments", found="in the header the `prev`")
def a_header_names_another_record_before_it(story: Story) -> None:
    story.front.segs[1].header = put(prev="0" * 64)


@caught("segments", found="header")
def a_header_has_one_field_more(story: Story) -> None:
    story.front.segs[1].header = put(note="hello")


@caught("segments", found="another writer or place")
def a_header_is_of_another_writer(story: Story) -> None:
    story.front.segs[1].header = put(writer=story.lost.id)


@caught("segments", found="bodies objects of")
def a_header_names_no_bodies(story: Story) -> None:
    story.front.segs[1].header = put(bodies={})


@caught("segments", found="bodies objects of")
def a_header_names_a_class_that_no_record_mentions(story: Story) -> None:
    story.front.segs[1].header = lambda header: {**header, "bodies": {**header["bodies"], "payroll": "0" * 64}}


@caught("segments", found="nested too deep")
def a_header_is_a_well_of_brackets(story: Story) -> None:
    story.front.segs[1].lines = lambda text: b'{"a":' * 400 + b"1" + b"}" * 400 + text[text.index(b"\n") :]


@caught("segments", found="64 MiB")
def a_segment_is_a_bomb(story: Story) -> None:
    story.front.segs[1].packed = always(gzip.compress(b"\0" * (64 * 1024 * 1024 + 1), mtime=0))


@caught("segments", found="gzip")
def a_segment_is_packed_with_a_time(story: Story) -> None:
    story.front.segs[1].packed = lambda stored: gzip.compress(gzip.decompress(stored), mtime=5)


@caught("segments", found="not exactly one whole gzip member")
def a_segment_is_packed_in_two_members(story: Story) -> None:
    def split(stored: bytes) -> bytes:
        text = gzip.decompress(stored)
        return gzip.compress(text[:50], mtime=0) + gzip.compress(text[50:], mtime=0)

    story.front.segs[1].packed = split


@caught("segments", record=record("first"), found="a float")
def a_record_holds_a_float(story: Story) -> None:
    story.first.fields["weight"] = 0.5


@caught("segments", record=record("first"), found="an integer beyond")
def a_record_holds_an_integer_that_is_too_large(story: Story) -> None:
    story.first.fields["weight"] = [2**53]


@caught("segments", record=record("first"), found="a key")
def a_record_has_a_key_in_capitals(story: Story) -> None:
    story.first.fields["client"] = {"Name": "agent"}


@caught("segments", record=record("first"), found="not canonical")
def a_record_is_spelled_with_a_space(story: Story) -> None:
    story.first.twist_bytes = lambda data: data.replace(b'"v":1', b'"v": 1')


@caught("segments", record=record("first"), found="not canonical")
def a_record_says_a_key_twice(story: Story) -> None:
    story.first.twist_bytes = lambda data: data.replace(b'"v":1', b'"v":1,"v":1')


@caught("segments", record=record("first"), found="nested too deep")
def a_record_is_a_well_of_brackets(story: Story) -> None:
    story.first.twist_bytes = always(b'{"a":' * 400 + b"1" + b"}" * 400)


@caught("segments", record=record("first"), found="not a JSON object")
def a_record_is_a_list(story: Story) -> None:
    story.first.twist_bytes = lambda data: b"[" + data + b"]"


@caught("segments", record=record("first"), found="not JSON")
def a_record_is_not_unicode(story: Story) -> None:
    story.first.twist_bytes = lambda data: data.replace(b"agent/1", b"agent\xff")


@caught("segments", record=record("first"), found="more than a log entry has")
def a_record_is_too_long_for_the_log(story: Story) -> None:
    story.plan.write_tiles = always(None)  # no tile could hold it
    story.first.fields["x"] = "x" * 65_536


@caught("segments", record=record("first"), found="`v` 1")
def a_record_has_no_salt(story: Story) -> None:
    story.first.twist = drop("salt")


@caught("segments", record=record("first"), found="`v` 1")
def a_record_has_a_salt_in_capitals(story: Story) -> None:
    story.first.twist = put(salt="A" * 32)


@caught("segments", record=record("first"), found="`v` 1")
def a_record_is_of_another_version(story: Story) -> None:
    story.first.twist = put(v=2)


@caught("segments", record=record("first"), found="`v` 1")
def a_record_says_true_for_its_version(story: Story) -> None:
    story.first.twist = put(v=True)


@caught("segments", record=record("unknown"), found="`v` 1")
def a_kind_is_no_kind(story: Story) -> None:
    story.unknown.kind = "nothing"


@caught("segments", "chains", "commits", found="as the commit says")
def a_commit_counts_one_record_of_a_segment_and_one_more_of_another(story: Story) -> None:
    def twist(commit: dict[str, Any]) -> dict[str, Any]:
        commit["segments"][0]["count"] -= 1
        commit["segments"][1]["count"] += 1
        return commit

    story.commits[1].twist = twist


# chains: admission


@caught("chains", found="a log:writer_admitted before it")
def a_writer_is_not_admitted(story: Story) -> None:
    story.commits[2].statements.clear()


@caught("chains", found="a log:writer_admitted before it")
def a_writer_is_admitted_one_commit_too_late(story: Story) -> None:
    story.commits[3].statements.append(story.commits[2].statements.pop())


@caught("chains", where="evidence/writer/", found="role console")
def a_writer_is_admitted_with_another_role(story: Story) -> None:
    story.admissions["front"].fields["role"] = "console"


@caught("chains", where="evidence/writer/", found="hash " + "0" * 64)
def a_writer_is_admitted_with_another_hash(story: Story) -> None:
    story.admissions["front"].fields["registration_sha256"] = "0" * 64


@caught("chains", where="evidence/writer/", found="other.example")
def a_registration_is_for_another_log(story: Story) -> None:
    story.front.twist = put(origin="other.example/log")


@caught("chains", where="evidence/writer/", found="version 1")
def a_registration_has_one_field_more(story: Story) -> None:
    story.front.twist = put(note="hello")


@caught("chains", where="evidence/writer/", found="opened")
def a_registration_was_opened_at_another_time_than_its_id_says(story: Story) -> None:
    story.front.twist = put(opened=at(1))


# chains: order


@caught("chains", record=record("first_answer"), found="the `prev`")
def a_record_names_another_one_before_it(story: Story) -> None:
    story.first_answer.twist = put(prev="0" * 64)


@caught("chains", record=record("first"), found="the `prev`")
def a_segment_follows_another_record(story: Story) -> None:
    story.front.prev_of[1] = "0" * 64


@caught("chains", found="the `prev`")
def the_first_record_does_not_follow_its_registration(story: Story) -> None:
    story.front.prev_of[0] = "0" * 64


@caught("chains", record=record("first_answer"), found="the next place")
def a_record_has_another_number(story: Story) -> None:
    story.first_answer.twist = put(seq=9)


@caught("chains", record=record("first_answer"), found="the next place")
def a_record_is_of_another_writer(story: Story) -> None:
    story.first_answer.twist = put(writer=story.lost.id)


@caught("chains", record=record("first_answer"), found="a time not before")
def a_record_is_older_than_the_one_before_it(story: Story) -> None:
    story.first_answer.minutes = 0.4


@caught("chains", record=record("first"), found="a time not before")
def a_segment_is_older_than_the_one_before_it(story: Story) -> None:
    story.front.segs[0].recs[2].minutes = 0.55


@caught("chains", record=record("first_answer"), found="a time")
def a_record_has_a_time_that_is_none(story: Story) -> None:
    story.first_answer.twist = put(time="2026-11-22T25:00:00.000000Z")


@caught("chains", record=record("first_answer"), found="a time")
def a_record_has_a_time_without_a_point(story: Story) -> None:
    story.first_answer.twist = put(time="2026-11-22T12:00:36Z")


@caught("chains", found="no record over a minute after its commit")
def a_record_is_from_the_future(story: Story) -> None:
    story.commits[0].minutes = -1.1
    for rec in (story.retention, story.keys, story.admissions["front"]):
        rec.minutes = -1.1


@caught("chains", found="places from")
def a_segment_is_committed_twice(story: Story) -> None:
    story.commits[4].segs.append(story.front.segs[1])
    story.commits[4].statements.append(about("log:late", story.front, 6.1, 3, 4))


@caught("chains", record=lambda story: story.approved.asked.id, found="a log:gap for")
def a_segment_is_left_out(story: Story) -> None:
    story.commits[1].segs.pop()
    story.front.segs[3].absent = story.front.segs[3].no_bodies = True


@caught("chains", found="none")
def a_late_segment_is_not_stated_late(story: Story) -> None:
    story.commits[8].statements.clear()


@caught("chains", found="the same commit")
def a_log_late_has_no_segment(story: Story) -> None:
    story.commits[8].statements.append(about("log:late", story.lost, 20.0, 0, 3))


@caught("chains", found="a log:late only where it is")
def a_segment_that_is_in_order_is_stated_late(story: Story) -> None:
    story.commits[1].statements.append(about("log:late", story.front, 1.7, 3, 4))


@caught("chains", found="its own log:late")
def a_segment_of_a_lost_writer_is_taken_without_a_word(story: Story) -> None:
    story.commits[10].statements.clear()


@caught("chains", record=lambda story: story.stated_lost.id, found="30 minutes without")
def a_writer_is_stated_lost_too_early(story: Story) -> None:
    story.commits[9].minutes = story.stated_lost.minutes = 34.0


@caught("chains", where="evidence/commit/", found="a log:writer_lost for")
def a_writer_is_stated_lost_one_commit_too_late(story: Story) -> None:
    story.commits.insert(9, Commit(45.0, [], [Rec("log:retention", 45.0, dict(story.retention.fields))]))


@caught("chains", where="evidence/commit/", found="a log:writer_lost for")
def a_lost_writer_is_never_stated_lost(story: Story) -> None:
    story.commits[9:11] = [Commit(51.0, [], [Rec("log:retention", 51.0, dict(story.retention.fields))])]
    story.lost.segs.pop()


@caught("chains", found="silent since")
def a_writer_is_silent_at_last_and_nothing_is_said(story: Story) -> None:
    del story.commits[9:]
    story.lost.segs.pop()
    story.lost.segs[2].recs[-1].minutes = 15.0
    del story.plan.writers[-2:]


@caught("chains", record=record("unknown"), found="a kind that the role")
def a_gateway_speaks_for_the_log(story: Story) -> None:
    story.unknown.kind = "log:gap"


@caught("chains", found="a kind that the role")
def a_console_loads_a_policy(story: Story) -> None:
    body = Body(POLICY)
    rec = Rec("policy:loaded", 60.1, {"digest": sha(POLICY), "policy": body.reference()}, [body])
    story.console.segs[0].recs.append(rec)


@caught("chains", found="a kind that the role gateway may say")
def a_gateway_decides_an_approval(story: Story) -> None:
    fields = dict(story.approved.decided.fields)
    story.unknown.kind, story.unknown.fields = "approval:decided", {**fields, "approval": "another"}


@caught("chains", where="evidence/commit/", found="a kind that the log may say")
def the_log_says_that_it_is_alive(story: Story) -> None:
    story.commits[3].statements.append(alive(4.2))


@caught("chains", found="writer:opened at seq 0")
def a_chain_begins_without_an_opening(story: Story) -> None:
    story.front.segs[0].recs[0] = alive(0.0)


@caught("chains", record=record("unknown"), found="writer:opened at seq 0")
def a_chain_is_opened_twice(story: Story) -> None:
    story.unknown.kind, story.unknown.fields = "writer:opened", {"role": "gateway"}


@caught("chains", found="as registered")
def a_chain_is_opened_in_another_role(story: Story) -> None:
    story.front.segs[0].recs[0].fields["role"] = "console"


@caught("chains", "commits", found="nothing after writer:closed")
def a_record_follows_the_end_in_its_segment(story: Story) -> None:
    story.front.segs[-1].recs.append(alive(10.0))


@caught("chains", found="nothing after writer:closed")
def a_segment_follows_the_end(story: Story) -> None:
    seg = Seg([alive(15.0)])
    story.front.segs.append(seg)
    story.commits[7].segs.append(seg)


@caught("chains", found="nothing after writer:closed")
def a_segment_follows_the_end_and_waits(story: Story) -> None:
    story.front.segs.append(Seg([alive(63.5)]))


@caught("chains", record=record("first"), found="a policy that was recorded before")
def a_call_names_a_policy_that_was_never_loaded(story: Story) -> None:
    story.first.fields["policy"] = {**story.first.fields["policy"], "digest": sha(b"another policy")}


@caught("chains", record=record("first"), found="a tool that was recorded before")
def a_call_names_a_definition_that_was_never_seen(story: Story) -> None:
    story.first.fields["definition_digest"] = sha(b"another tool")


@caught("chains", record=record("first"), found="a tool definition's digest")
def a_call_names_no_digest_for_its_definition(story: Story) -> None:
    story.first.fields["definition_digest"] = "the usual one"


@caught("chains", "approvals", record=record("first"), found="a policy's digest")
def a_call_goes_on_without_a_policy(story: Story) -> None:
    story.first.fields["policy"] = None


@caught("chains", record=record("policy"), found="in `digest`")
def a_policy_is_loaded_under_the_digest_of_another(story: Story) -> None:
    other = Body(b"rules: [everybody may]")
    story.policy.fields["policy"], story.policy.bodies = other.reference(), [other]


@caught("chains", record=record("tool"), found="in `digest`")
def a_tool_is_defined_under_the_digest_of_another(story: Story) -> None:
    other = Body(b"{}")
    story.tool.fields["definition"], story.tool.bodies = other.reference(), [other]


@caught("chains", record=record("policy"), found="a digest and a body reference")
def a_policy_is_loaded_without_its_text(story: Story) -> None:
    story.policy.fields["policy"], story.policy.bodies = None, []
    story.front.segs[0].recs[1:] = [story.policy, policy_loaded(0.0), story.tool]


# chains: the log's own


@caught("chains", record=record("retention"), found="the `prev`")
def a_statement_names_another_one_before_it(story: Story) -> None:
    story.retention.twist = put(prev="1" * 64)


@caught("chains", record=record("late"), found="the next record of the writer log")
def a_statement_has_another_number(story: Story) -> None:
    story.late.twist = put(seq=99)


@caught("chains", record=record("late"), found="a time from")
def a_statement_is_from_the_future(story: Story) -> None:
    story.late.minutes = 22.0


@caught("chains", record=record("late"), found="a time from")
def a_statement_is_older_than_the_one_before_it(story: Story) -> None:
    story.late.minutes = 3.0


@caught("chains", record=record("late"), found="a time")
def a_statement_has_no_time(story: Story) -> None:
    story.late.twist = drop("time")


# commits


@caught("commits", where="evidence/commit/", found="`previous`")
def a_commit_follows_another_one(story: Story) -> None:
    story.commits[4].twist = put(previous="1" * 64)


@caught("commits", record=always("log/6"), found="log:committed of")
def a_log_committed_names_another_hash(story: Story) -> None:
    story.commits[3].committed = put(commit_sha256="1" * 64)


@caught("commits", found="log:committed of")
def a_log_committed_names_another_range(story: Story) -> None:
    story.commits[3].committed = put(start=0)


@caught("commits", found="exactly one log:committed, first")
def a_commit_has_no_log_committed(story: Story) -> None:
    story.commits[3].no_committed = True


@caught("commits", found="exactly one log:committed, first")
def a_commit_has_two_log_committed(story: Story) -> None:
    fields = {"start": 0, "until": 1, "commit_sha256": "1" * 64}
    story.commits[3].statements.append(Rec("log:committed", 4.2, fields))


@caught("commits", found="no log:committed in the first")
def the_first_commit_has_a_log_committed(story: Story) -> None:
    fields = {"start": 0, "until": 0, "commit_sha256": "0" * 64}
    story.commits[0].statements.append(Rec("log:committed", 0.1, fields))


@caught("commits", found="no more")
def a_commit_holds_nothing_but_its_log_committed(story: Story) -> None:
    story.commits.insert(9, Commit(30.0))


@caught("commits", found="a time not before")
def a_commit_is_older_than_the_one_before_it(story: Story) -> None:
    story.commits[5].minutes = 7.1
    story.commits[6].minutes = 10.1
    story.commits[4].twist = put(time=at(7.3))


@caught("commits", found="in `writers` for")
def a_commit_leaves_a_writer_out(story: Story) -> None:
    story.commits[3].writers = drop(story.front.id)


@caught("commits", found="in `writers` for")
def a_commit_goes_on_listing_a_writer_that_has_closed(story: Story) -> None:
    story.commits[7].writers = put(**{story.front.id: {"last": "1" * 64, "next_seq": 9}})


@caught("commits", found="in `writers` for")
def a_commit_says_another_place_of_a_writer(story: Story) -> None:
    story.commits[3].writers = lambda writers: {
        **writers,
        story.front.id: {**writers[story.front.id], "next_seq": 7},
    }


@caught("commits", found="in `writers` for log")
def a_commit_says_another_hash_of_the_log(story: Story) -> None:
    story.commits[3].writers = lambda writers: {**writers, "log": {**writers["log"], "last": "1" * 64}}


@caught("commits", "checkpoint", found="a kept checkpoint within 10 minutes")
def a_commit_stays_unsigned_for_over_ten_minutes(story: Story) -> None:
    for commit in story.commits:
        commit.unsigned = True
    story.plan.head = always(None)
    del story.commits[1:]
    story.plan.writers = [story.front]
    del story.front.segs[1:]
    story.commits[0].statements = [story.retention, story.admissions["front"]]
    story.front.segs[0].recs.append(closed(0.1))
    story.plan.files = always(None)


@caught("commits", record=record("retention"), found="log:retention with classes")
def retention_is_stated_in_months(story: Story) -> None:
    story.retention.fields["classes"] = {"standard": "13 months", "payroll": 1}


@caught("commits", record=record("unknown"), found="another form")
def a_statement_has_no_salt(story: Story) -> None:
    story.unknown = Rec("log:shrugged", 20.0, twist=drop("salt"))
    story.commits[8].statements.append(story.unknown)


@caught("commits", record=record("unknown"), found="a canonical record")
def a_statement_is_not_canonical(story: Story) -> None:
    story.unknown = Rec("log:shrugged", 20.0, twist_bytes=lambda data: data.replace(b",", b", "))
    story.commits[8].statements.append(story.unknown)


# checkpoint, tree


@caught("checkpoint", "tree", where="evidence/checkpoint/", found="is consistent with")
def a_checkpoint_is_signed_for_another_tree(story: Story) -> None:
    story.commits[4].kept_root = always(b"\x07" * 32)


@caught("tree", where="evidence/checkpoint/", found="the root")
def the_last_checkpoints_are_signed_for_another_tree(story: Story) -> None:
    for commit in story.commits[8:]:
        commit.kept_root = always(b"\x07" * 32)


@caught("checkpoint", "tree", where="log/checkpoint", found="the text of")
def the_head_shows_another_tree_than_the_kept_checkpoint(story: Story) -> None:
    def head(raw: bytes) -> bytes:
        origin, size, _, _ = raw.decode().split("\n", 3)
        return note(f"{origin}\n{size}\n{'B' * 42}A=\n", story.plan.log_key)

    story.plan.head = head


@caught("checkpoint", where="evidence/checkpoint/", found="the size")
def a_kept_checkpoint_says_another_size_than_its_name(story: Story) -> None:
    def kept(raw: bytes) -> bytes:
        origin, size, root_hash, _ = raw.decode().split("\n", 3)
        return note(f"{origin}\n{int(size) + 1}\n{root_hash}\n", story.plan.log_key)

    story.commits[4].kept = kept


@caught("checkpoint", where="evidence/checkpoint/", found="three lines")
def a_kept_checkpoint_has_an_extension_line(story: Story) -> None:
    def kept(raw: bytes) -> bytes:
        return note(raw.decode().rpartition("\n\n")[0] + "\nextension\n", story.plan.log_key)

    story.commits[4].kept = kept


@caught("tree", found="the root")
def a_committed_record_is_rewritten_by_everybody_but_the_signer(story: Story) -> None:
    """The writer, the commits and the tiles agree on the lie; what was signed before does not."""
    truth = Story().write()
    story.first.fields["target"] = "customers.lookup"

    def files(lies: dict[str, bytes]) -> None:
        lies |= {name: data for name, data in truth.items() if "checkpoint" in name}

    story.plan.files = files


# bodies


@caught("bodies", record=record("first_answer"), found="in its place")
def a_body_is_salted_anew(story: Story) -> None:
    other = Body(story.first_answer.bodies[0].data, salt=b"\x01" * 16)
    story.first_answer.bodies = [other]


@caught("bodies", record=record("first"), found="in its place")
def bodies_stand_in_another_order(story: Story) -> None:
    story.front.segs[1].bodies = lambda lines: {kept: members[::-1] for kept, members in lines.items()}


@caught("bodies", record=record("first_answer"), found="no line for it")
def a_body_is_left_out(story: Story) -> None:
    story.front.segs[1].bodies = lambda lines: {kept: members[:1] for kept, members in lines.items()}


@caught("bodies", found="no record mentions")
def a_body_is_smuggled_in(story: Story) -> None:
    story.front.segs[1].bodies = lambda lines: {
        kept: [*members, Body(b"a stowaway").line()] for kept, members in lines.items()
    }


@caught("bodies", record=record("first"), found="bytes")
def a_body_has_another_size_than_its_record_says(story: Story) -> None:
    story.first.fields["request"] = {**story.first.fields["request"], "size": 7}


@caught("bodies", record=record("first_answer"), found="the size")
def two_records_say_different_sizes_of_one_body(story: Story) -> None:
    story.first_answer.bodies = story.first.bodies
    story.first_answer.fields["response"] = {**story.first.fields["request"], "size": 7}


@caught("bodies", record=record("first"), found="not of the form")
def a_body_line_is_spelled_with_a_space(story: Story) -> None:
    story.front.segs[1].bodies = lambda lines: {
        kept: [members[0].replace(b",", b", "), *members[1:]] for kept, members in lines.items()
    }


@caught("bodies", record=record("first"), found="not of the form")
def a_body_line_is_no_base64(story: Story) -> None:
    story.front.segs[1].bodies = lambda lines: {
        kept: [members[0].replace(b'base64":"', b'base64":"*'), *members[1:]] for kept, members in lines.items()
    }


@caught("bodies", record=record("first"), found="a body's hash")
def a_body_reference_names_no_hash(story: Story) -> None:
    story.first.fields["note"] = {"body": None, "size": 3, "class": "standard"}


@caught("bodies", record=record("first"), found="no retention class")
def a_body_reference_names_no_class(story: Story) -> None:
    story.first.fields["note"] = {"body": "1" * 64, "size": 3}


@caught("bodies", record=record("late"), found="a statement without bodies")
def a_statement_refers_to_a_body(story: Story) -> None:
    story.late.fields["proof"] = Body(b"nobody has seen it").reference()


@caught("bodies", found="kept until")
def a_longer_period_is_stated_before_the_shorter_was_over(story: Story) -> None:
    story.commits[3].statements.append(Rec("log:retention", 4.2, {"classes": {"standard": 400, "payroll": 500}}))
    story.front.segs[3].bodies = lambda lines: lines

    def files(written: dict[str, bytes]) -> None:
        for name in [name for name in written if name.startswith("bodies/payroll/")]:
            del written[name]

    story.plan.files = files


@caught("bodies", found="kept for ever")
def the_bodies_of_a_class_that_was_never_stated_are_gone(story: Story) -> None:
    story.retention.fields["classes"] = {"standard": 400}

    def files(written: dict[str, bytes]) -> None:
        for name in [name for name in written if name.startswith("bodies/payroll/")]:
            del written[name]

    story.plan.files = files


# calls


@caught("calls", found="another call:answered")
def a_call_is_answered_twice(story: Story) -> None:
    story.front.segs[1].recs.append(answered(11, 0.7))


@caught("calls", found="another call:refused")
def an_answered_call_is_refused(story: Story) -> None:
    story.front.segs[1].recs.append(refused(11, 0.7))


@caught("calls", found="no such call")
def an_answer_has_no_call(story: Story) -> None:
    story.front.segs[1].recs.append(answered(99, 0.7))


@caught("calls", found="this call was there before")
def a_call_is_requested_twice(story: Story) -> None:
    story.front.segs[1].recs.insert(1, requested(11, 0.55))


@caught("calls", found="this call was there before")
def an_ended_call_begins_again(story: Story) -> None:
    story.front.segs[2].recs[:0] = [requested(11, 0.7), answered(11, 0.8)]
    story.front.segs[2].recs[1].kind = "weather:observed"


@caught("calls", found="event 2")
def an_event_is_missing(story: Story) -> None:
    story.front.segs[2].recs.remove(story.stream[2])


@caught("calls", found="event 0")
def events_are_counted_from_one(story: Story) -> None:
    for rec in story.stream[1:]:
        rec.fields["event"] += 1


@caught("calls", found="no event after the end")
def an_event_comes_after_the_end(story: Story) -> None:
    story.front.segs[2].recs.append(streamed(13, 1.31, 3))


@caught("calls", found="an event of a call that was requested")
def an_event_has_no_call(story: Story) -> None:
    story.front.segs[2].recs.append(streamed(99, 1.31, 0))


@caught("calls", found="an event's number")
def an_event_has_no_number(story: Story) -> None:
    del story.stream[3].fields["event"]


@caught("calls", record=record("withheld"), found="call:answered before")
def an_answer_is_withheld_before_it_is_there(story: Story) -> None:
    recs = story.front.segs[2].recs
    recs.remove(story.withheld)
    recs.insert(1, story.withheld)
    story.withheld.minutes = 1.05


@caught("calls", record=record("withheld"), found="call:answered before")
def the_answer_to_a_refused_call_is_withheld(story: Story) -> None:
    story.front.segs[2].recs.remove(story.withheld)
    story.front.segs[3].recs.insert(-1, story.withheld)
    story.withheld.fields["call"], story.withheld.minutes = call_id(16), 1.56


@caught("calls", record=record("first"), found="an end of this call")
def a_call_never_ends_and_its_gateway_closes(story: Story) -> None:
    story.front.segs[1].recs.pop()


@caught("calls", found="a call's id")
def an_answer_names_no_call(story: Story) -> None:
    story.front.segs[1].recs.append(answered(11, 0.7, call=None))


@caught("calls", found="another call:answered")
def the_late_answer_is_given_twice(story: Story) -> None:
    story.lost.segs[2].recs[1:] = [answered(40, 5.5), Rec("weather:observed", 5.6)]


# approvals


def approval(story: Story, **fields: Any) -> None:
    story.approved.consumed.fields.update(fields)


@caught("approvals", record=lambda story: story.approved.call.id, found="approval:consumed")
def an_approved_call_never_used_its_approval(story: Story) -> None:
    story.front.segs[5].recs.remove(story.approved.consumed)


@caught("approvals", found="approval:decided")
def an_approval_was_never_decided(story: Story) -> None:
    story.resolver.segs[0].recs.remove(story.approved.decided)
    story.approved.decided.sha256, story.approved.decided.id = "1" * 64, f"{story.resolver.id}/1"


@caught("approvals", found="approval:requested")
def an_approval_was_never_asked_for(story: Story) -> None:
    story.front.segs[4].recs.remove(story.approved.asked)


@caught("approvals", found="which says denied")
def a_denied_approval_is_used(story: Story) -> None:
    story.approved.decided.fields["decision"] = "denied"


@caught("approvals", found="the hash of")
def a_use_names_another_hash_of_the_decision(story: Story) -> None:
    story.approved.consumed.twist = lambda whole: {
        **whole,
        "decided": {"hash": "1" * 64, "record": story.approved.decided.id},
    }


@caught("approvals", found="approval:decided")
def a_use_names_the_decision_of_another_approval(story: Story) -> None:
    story.approved.decided.fields["approval"] = "approval-2"


@caught("approvals", found="use before it expires")
def an_expired_approval_is_used(story: Story) -> None:
    from tampering.story import binding

    story.approved.asked.fields["expires"] = at(1)
    bound = binding(story.approved.call.fields, at(1))
    for rec in (story.approved.asked, story.approved.decided, story.approved.consumed):
        rec.fields["binding_sha256"] = bound
    story.approved.call.fields["approval"]["binding_sha256"] = bound


def ended(story: Story, kind: str, minutes: float) -> None:
    fields = {**story.approved.decided.fields, "reason": "no longer"}
    story.resolver.segs[0].recs.insert(1, Rec(kind, minutes, fields))


@caught("approvals", found="no approval:revoked")
def a_revoked_approval_is_used(story: Story) -> None:
    ended(story, "approval:revoked", 2.6)


@caught("approvals", found="no approval:cancelled")
def a_cancelled_approval_is_used(story: Story) -> None:
    ended(story, "approval:cancelled", 2.6)


@caught("approvals", found="approval:consumed again")
def an_approval_is_used_twice(story: Story) -> None:
    fields = dict(story.approved.consumed.fields)
    story.front.segs[6].recs.insert(0, Rec("approval:consumed", 6.0, fields, twist=story.approved.name_decision))


@caught("approvals", found="another one")
def an_approval_is_used_twice_before_its_call(story: Story) -> None:
    fields = dict(story.approved.consumed.fields)
    story.front.segs[5].recs.insert(1, Rec("approval:consumed", 3.9, fields, twist=story.approved.name_decision))


@caught("approvals", found="call:requested again")
def two_calls_go_by_one_approval(story: Story) -> None:
    fields = story.approved.call.fields
    again = requested(31, 6.0, policy=fields["policy"], approval=fields["approval"])
    story.front.segs[6].recs[:0] = [again, answered(31, 6.0)]


@caught("approvals", found="one call with this approval")
def two_calls_go_by_one_approval_before_it_is_used(story: Story) -> None:
    fields = story.approved.call.fields
    again = requested(31, 3.8, policy=fields["policy"], approval=fields["approval"])
    story.approved.consumed.minutes = 4.15
    story.front.segs[5].recs.append(story.front.segs[5].recs.pop(0))
    story.front.segs[5].recs[:0] = [again, answered(31, 3.8)]


@caught("approvals", found="one approval:requested")
def an_approval_is_asked_for_twice_in_other_words(story: Story) -> None:
    fields = {**story.approved.asked.fields, "binding_sha256": "1" * 64}
    story.front.segs[4].recs.insert(1, Rec("approval:requested", 2.0, fields))


@caught("approvals", found="fields that give the binding")
def an_approval_is_used_for_other_arguments(story: Story) -> None:
    story.approved.call.fields["arguments_hmac"] = "k1:" + "1" * 64


@caught("approvals", found="fields that give the binding")
def a_call_whose_arguments_have_no_hash_is_approved(story: Story) -> None:
    story.approved.call.fields["arguments_hmac"] = None


@caught("approvals", found="the binding")
def a_decision_is_bound_to_something_else(story: Story) -> None:
    story.approved.decided.fields["binding_sha256"] = "1" * 64


@caught("approvals", found="the binding")
def a_use_is_bound_to_something_else(story: Story) -> None:
    story.approved.consumed.fields["binding_sha256"] = "1" * 64


@caught("approvals", found="the binding")
def a_call_is_bound_to_something_else(story: Story) -> None:
    story.approved.call.fields["approval"]["binding_sha256"] = "1" * 64


@caught("approvals", found="another call")
def a_use_is_for_another_call(story: Story) -> None:
    story.approved.consumed.fields["call"] = call_id(11)


@caught("approvals", record=record("first_answer"), found="it went on")
def a_denied_call_is_answered(story: Story) -> None:
    story.first.fields["policy"] = {**story.first.fields["policy"], "decision": "deny"}


@caught("approvals", found="it went on")
def a_call_that_needs_an_approval_is_streamed_without_one(story: Story) -> None:
    policy = story.stream[0].fields["policy"]
    story.stream[0].fields["policy"] = {**policy, "decision": "require_approval"}


@caught("approvals", found="a call:refused, because")
def a_denied_call_is_lost_sight_of(story: Story) -> None:
    rec = story.lost.segs[3].recs[0]
    rec.fields["policy"] = {**rec.fields["policy"], "decision": "deny"}


@caught("approvals", found="an approval's id and binding")
def a_call_has_an_approval_without_an_id(story: Story) -> None:
    story.first.fields["approval"] = {"binding_sha256": "1" * 64}


@caught("approvals", found="a time when it expires")
def an_approval_never_expires(story: Story) -> None:
    story.unknown.kind, story.unknown.fields = "approval:requested", {**story.approved.asked.fields, "expires": None}
    story.unknown.fields["approval"] = "approval-2"


@caught("approvals", found="a decision")
def an_approval_is_decided_with_a_shrug(story: Story) -> None:
    fields = {**story.approved.decided.fields, "decision": "whatever", "approval": "approval-2"}
    story.resolver.segs[0].recs.insert(1, Rec("approval:decided", 2.9, fields))


@caught("approvals", found="its decision")
def an_approval_is_used_without_naming_a_decision(story: Story) -> None:
    fields = {"approval": "approval-2", "binding_sha256": "1" * 64, "call": call_id(11), "decided": None}
    story.unknown.kind, story.unknown.fields = "approval:consumed", fields


@caught("approvals", found="an approval's id")
def nothing_is_revoked(story: Story) -> None:
    story.resolver.segs[0].recs.insert(1, Rec("approval:revoked", 2.9, {"approval": 7}))


# masks


def masks(story: Story, **fields: Any) -> None:
    story.masked.fields["masks"] = [{**story.masked.fields["masks"][0], **fields}]


@caught("masks", record=record("masked"), found="leads nowhere")
def a_mask_points_to_nothing(story: Story) -> None:
    masks(story, where="pointer:/secret")


@caught("masks", record=record("masked"), found="0 tokens")
def a_mask_points_to_a_place_without_a_token(story: Story) -> None:
    body = Body(canonical({"id": 12, "password": "hunter2"}))
    story.masked.bodies = [body]
    story.masked.fields["request"] = {**story.masked.fields["request"], **body.reference()}
    masks(story)


@caught("masks", record=record("masked"), found="0 tokens")
def a_mask_is_of_another_rule(story: Story) -> None:
    masks(story, rule="card-numbers")


@caught("masks", record=record("masked"), found="1 tokens")
def a_mask_counts_two_where_there_is_one(story: Story) -> None:
    masks(story, count=2)


@caught("masks", record=record("masked"), found="only")
def a_mask_lies_beyond_the_body(story: Story) -> None:
    masks(story, where="bytes:0-9999")


@caught("masks", record=record("masked"), found="no pointer")
def a_mask_is_somewhere(story: Story) -> None:
    masks(story, where="somewhere")


@caught("masks", record=record("masked"), found="leads to no text")
def a_mask_points_to_a_number(story: Story) -> None:
    masks(story, where="pointer:/id")


@caught("masks", record=record("masked"), found="begins with a slash")
def a_mask_has_a_pointer_that_is_none(story: Story) -> None:
    masks(story, where="pointer:password")


@caught("masks", record=record("masked"), found="says its rule")
def a_mask_does_not_say_its_rule(story: Story) -> None:
    story.masked.fields["masks"] = [{"count": 1, "view": "recorded", "where": "pointer:/password"}]


@caught("masks", record=record("masked"), found="a list")
def masks_are_no_list(story: Story) -> None:
    story.masked.fields["masks"] = {"rule": "passwords"}


@caught("masks", record=record("masked"), found="no body is recorded")
def a_mask_is_in_no_body(story: Story) -> None:
    story.masked.fields["request"], story.masked.bodies = None, []
    masks(story)


@caught("masks", record=record("masked"), found="is not JSON")
def a_mask_points_into_what_is_no_json(story: Story) -> None:
    body = Body(b"password=[masked:passwords:0123456789ab]")
    story.masked.bodies = [body]
    story.masked.fields["request"] = {**story.masked.fields["request"], **body.reference()}
    masks(story)


@caught("masks", record=record("masked"), found="leads nowhere")
def a_mask_in_a_body_of_masks_points_to_nothing(story: Story) -> None:
    listed = Body(canonical([{"count": 1, "rule": "passwords", "view": "recorded", "where": "pointer:/a/0/b"}]))
    story.masked.fields["masks"] = listed.reference()
    story.masked.bodies.insert(0, listed)


@caught("masks", record=record("masked"), found="masks is not JSON")
def a_body_of_masks_is_no_list(story: Story) -> None:
    listed = Body(b"none")
    story.masked.fields["masks"] = listed.reference()
    story.masked.bodies.insert(0, listed)


# attestations


def attest(story: Story, **claims: Any) -> None:
    story.resolver.attestation = attestation(story.resolver, **claims)


@caught("attestations", where="evidence/writer/", found="signature")
def an_attestation_is_signed_by_somebody_else(story: Story) -> None:
    header, claims, _ = story.resolver.attestation.split(".")
    story.resolver.attestation = f"{header}.{claims}.{jwt({}, 'somebody else').split('.')[2]}"


@caught("attestations", found="the audience")
def an_attestation_is_for_another_key(story: Story) -> None:
    attest(story, aud="affidavit:" + "1" * 64)


@caught("attestations", found="the account of its admission")
def an_attestation_is_of_another_account(story: Story) -> None:
    attest(story, email="somebody@else.iam.gserviceaccount.com")


@caught("attestations", found="the account of its admission")
def an_attestation_has_an_address_that_nobody_verified(story: Story) -> None:
    attest(story, email_verified=False)


@caught("attestations", found="the account of its admission")
def a_writer_with_an_attestation_is_admitted_as_nobody(story: Story) -> None:
    story.admissions["resolver"].fields["account"] = None


@caught("attestations", found="when the writer was opened")
def an_attestation_had_expired(story: Story) -> None:
    attest(story, exp=1_700_000_000)


@caught("attestations", found="when the writer was opened")
def an_attestation_never_expires(story: Story) -> None:
    attest(story, exp="never")


@caught("attestations", found="no key set")
def the_key_set_of_an_attestation_is_not_in_the_log(story: Story) -> None:
    story.commits[0].statements.remove(story.keys)


@caught("attestations", found="a key set as text")
def a_key_set_in_the_log_is_none(story: Story) -> None:
    story.commits[3].statements.append(Rec("issuer:keys", 4.2, {"issuer": "x", "keys": "{}"}))


@caught("attestations", found="a token that verifies")
def an_attestation_is_no_token(story: Story) -> None:
    story.resolver.attestation = "trust me"


# gaps


@caught("gaps", record=lambda story: f"{story.lost.id}/4", found="a hole")
def a_hole_is_never_filled(story: Story) -> None:
    story.commits[8] = Commit(20.0, [], [Rec("log:retention", 20.0, dict(story.retention.fields))])
    story.lost.segs[1].absent = story.lost.segs[1].no_bodies = True


@caught("gaps", record=record("gap"), found="older than 10 minutes")
def a_gap_is_stated_too_early(story: Story) -> None:
    story.commits[7].minutes = story.gap.minutes = 14.9


@caught("gaps", "chains", record=record("gap"), found="a hole of")
def a_gap_begins_too_early(story: Story) -> None:
    story.gap.fields["from"] = 3


@caught("chains", found="a log:gap for 4 to 5")
def a_gap_is_wider_than_the_hole(story: Story) -> None:
    story.gap.fields["to"] = 6


@caught("chains", found="no log:gap")
def a_gap_is_stated_where_there_is_none(story: Story) -> None:
    story.commits[2].statements.append(about("log:gap", story.front, 3.2, 19, 19))


@caught("gaps", record=record("gap_after_end"), found="a hole of")
def a_gap_is_stated_after_the_end(story: Story) -> None:
    story.gap_after_end = about("log:gap", story.front, 16.0, 300, 301)
    story.commits[7].statements.append(story.gap_after_end)


@caught("gaps", record=record("waits"), found="fork: it follows another one")
def what_waits_does_not_follow_what_is_committed(story: Story) -> None:
    story.young.prev_of[1] = "1" * 64
    story.waits = story.young.segs[1].recs[0]


@caught("gaps", found="fork: another signed record")
def two_segments_wait_for_one_place(story: Story) -> None:
    def files(written: dict[str, bytes]) -> None:
        other = Story()
        other.young.segs[1].recs[0].minutes = 63.1
        written |= {name: data for name, data in other.write().items() if other.young.segs[1].name in name}

    story.plan.files = files


@caught("gaps", found="fork: another signed record")
def a_fork_lies_in_a_hole_that_was_filled(story: Story) -> None:
    def files(written: dict[str, bytes]) -> None:
        other = Story()
        other.lost.segs[1].recs[0].fields["status"] = 500
        written |= {name: data for name, data in other.write().items() if other.lost.segs[1].name in name}

    story.plan.files = files


# uncommitted


@caught("uncommitted", where="evidence/segment/", found="a commit that names it within 10 minutes")
def a_segment_is_held_back(story: Story) -> None:
    story.as_of = 73.5


@caught("uncommitted", found="20 minutes, behind a hole")
def a_segment_is_held_back_behind_a_hole(story: Story) -> None:
    story.young.segs[1].absent = True
    story.young.segs.append(Seg([alive(63.2)]))
    story.as_of = 84.0


@caught("uncommitted", found="20 minutes, behind a hole")
def a_segment_is_held_back_behind_one_whose_bodies_are_missing(story: Story) -> None:
    story.young.segs[1].recs.append(answered(50, 63.0))
    story.young.segs[1].no_bodies = True
    story.young.segs.append(Seg([alive(63.2)]))
    story.as_of = 84.0


@caught("commits", found="other leaves")
def a_commit_says_that_the_log_shrank(story: Story) -> None:
    story.commits[4].twist = put(size=3)


@caught("commits", "chains", found="a canonical record")
def the_statement_of_a_late_segment_is_no_json(story: Story) -> None:
    story.late.twist_bytes = lambda data: data[:-1]


@caught("approvals", found="a time when it expires")
def an_approval_expires_tomorrow(story: Story) -> None:
    story.unknown.kind, story.unknown.fields = "approval:requested", {**story.approved.asked.fields}
    story.unknown.fields |= {"approval": "approval-2", "expires": "tomorrow"}


@caught("gaps", found="fork: another signed record")
def two_forks_lie_in_a_hole(story: Story) -> None:
    a_hole_is_waited_for(story)
    lost = story.lost.segs[1]

    def files(written: dict[str, bytes]) -> None:
        other = Story()
        other.lost.segs[1].recs[0].fields["status"] = 500
        written |= {name: data for name, data in other.write().items() if other.lost.segs[1].name in name}

    lost.absent = False
    story.plan.files = files


def a_hole_is_waited_for(story: Story) -> None:
    """Leave out the late segment's commit, and judge while it may still come."""
    del story.commits[8:]
    story.commits[7].minutes = story.gap.minutes = 18.0
    story.as_of = 27.0
    del story.plan.writers[-2:]
    story.lost.segs.pop()
    for rec in story.lost.segs[2].recs:
        rec.minutes = 7.9


@caught("calls", found="exactly one end of a call")
def a_call_is_refused_twice(story: Story) -> None:
    story.front.segs[3].recs.append(refused(16, 1.65))


@caught("calls", found="an end of this call")
def a_stream_never_ends_and_its_gateway_closes(story: Story) -> None:
    story.front.segs[2].recs.remove(story.stream_end)


@caught("approvals", found="one approval:consumed")
def an_undecided_approval_is_used_twice(story: Story) -> None:
    an_approval_was_never_decided(story)
    fields = dict(story.approved.consumed.fields)
    story.front.segs[5].recs.insert(1, Rec("approval:consumed", 3.9, fields, twist=story.approved.name_decision))


@caught("approvals", found="no approval:expired")
def an_approval_is_used_that_had_expired_as_another_chain_says_later(story: Story) -> None:
    sweeper = Writer("sweeper", "function:sweep-approvals", 2.6)
    expired = Rec("approval:expired", 2.7, {"approval": "approval-1", "channel": None, "to": None})
    sweeper.segs = [Seg([opened(sweeper.role, 2.6), expired, closed(2.8)])]
    story.plan.writers.append(sweeper)
    story.commits[4].segs.append(sweeper.segs[0])
    story.commits[4].statements.append(admitted(sweeper, 6.1))


@caught("bodies", record=record("first"), found="the last line has no end")
def a_bodies_object_holds_nothing(story: Story) -> None:
    story.front.segs[1].bodies = lambda lines: {kept: [] for kept in lines}


@caught("bodies", "masks", record=record("masked"), found="a body's hash")
def masks_refer_to_a_body_without_a_hash(story: Story) -> None:
    story.masked.fields["masks"] = {"body": 7, "size": 3}


# identities


@caught("identities", found="the token of this hash")
def a_proof_is_of_another_token(story: Story) -> None:
    token = Body(b"header.claims.signature")
    fields = {"token": token.reference(media_type="application/jwt"), "token_sha256": "0" * 64}
    story.front.segs[-1].recs.insert(-1, Rec("identity:proof", story.front.segs[-1].recs[-1].minutes, fields, [token]))
