"""Hostile bytes: whatever is in a copy, what comes back is a report, and never a green one when the log was changed.

Source: evidence-format section 9.
"""

from __future__ import annotations

import random
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from affidavit.audit.verify.report import HOLDS, PROVED_FALSE
from fakes.json_values import values
from tampering.forge import Commit, Plan, Rec, write_folder
from tampering.runs import explain, verify_folder
from tampering.story import Story

SETTINGS = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    derandomize=True,
)


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """Return the story's folder and files; who changes a file puts it back."""
    story = Story()
    files = story.write()
    del files[f"evidence/{story.young.segs[1].name}"]  # what waits is not in the log yet
    return write_folder(files, tmp_path_factory.mktemp("house")), files


def newest_time(files: dict[str, bytes]) -> tuple[str, range]:
    """Return the one place that nothing vouches for yet: `time` of the newest commit, until a later one names it."""
    newest = max(name for name in files if "/commit/" in name)
    start = files[newest].index(b'"time":"2026', files[newest].rindex(b'"size"'))
    return newest, range(start, start + len(b'"time":"2026-11-22T12:00:00.000000Z"'))


def mutate(data: bytes, how: str, place: int, value: int) -> bytes:
    if how == "flip":
        return data[:place] + bytes([data[place] ^ (value or 1)]) + data[place + 1 :]
    if how == "cut":
        return data[:place]
    if how == "insert":
        return data[:place] + bytes([value]) + data[place:]
    if how == "double":
        return data + data
    return data[:place] + data[place + 1 :]


@SETTINGS
@given(
    which=st.integers(0, 10_000),
    how=st.sampled_from(["flip", "flip", "flip", "cut", "insert", "remove", "double"]),
    where=st.floats(0, 1, exclude_max=True),
    value=st.integers(0, 255),
)
def test_no_changed_byte_of_what_is_committed_stays_green(house, which, how, where, value):
    folder, files = house
    names = sorted(name for name in files if name != "log.vkey")
    name = names[which % len(names)]
    data = files[name]
    place = int(where * len(data))
    newest, exempt = newest_time(files)
    changed = mutate(data, how, place, value)
    if changed == data or (name == newest and how == "flip" and place in exempt):
        return
    try:
        (folder / name).write_bytes(changed)
        report = verify_folder(folder)
    finally:
        (folder / name).write_bytes(data)
    assert report.status == PROVED_FALSE, f"{how} {name} at {place}"


def test_no_missing_object_stays_green_but_a_tile_which_can_be_derived_again(house):
    folder, files = house
    for name, data in files.items():
        if name == "log.vkey" or "/tile/" in name:
            continue
        (folder / name).unlink()
        report = verify_folder(folder)
        (folder / name).write_bytes(data)
        assert report.status == PROVED_FALSE, name


def test_any_number_of_wounds_gives_a_report(tmp_path):
    """Seeded: hundreds of changes at once, over all kinds of objects."""
    files = Story().write()
    dice = random.Random(7)
    for round_ in range(25):
        wounded = dict(files)
        for name in dice.sample(sorted(files), k=dice.randint(1, len(files))):
            how = dice.choice(["flip", "cut", "insert", "remove", "double", "gone", "swap"])
            if name == "log.vkey":
                continue
            if how == "gone":
                wounded.pop(name, None)
            elif how == "swap":
                wounded[name] = files[dice.choice(sorted(files))]
            elif files[name]:
                wounded[name] = mutate(files[name], how, dice.randrange(len(files[name])), dice.randrange(256))
        folder = write_folder(wounded, tmp_path / str(round_))
        assert verify_folder(folder).status == PROVED_FALSE
        shutil.rmtree(folder)


ANYTHING = st.one_of(
    values, st.sampled_from([None, True, 0, -1, 2**53, "", "log", [], {}, {"body": 1, "size": 2}, "0" * 64])
)


def targets(story: Story) -> list[object]:
    """Return everything that a twist can be put on."""
    plan: Plan = story.plan
    recs: list[Rec] = [rec for writer in plan.writers for seg in writer.segs for rec in seg.recs]
    statements = [rec for commit in story.commits for rec in commit.statements]
    headers = [seg for writer in plan.writers for seg in writer.segs]
    return [*recs[:60], *recs[-30:], *statements, *story.commits, *plan.writers, *headers]


@SETTINGS
@given(which=st.integers(0, 10_000), field=st.integers(0, 40), value=ANYTHING, drop=st.booleans())
def test_no_lie_of_an_insider_makes_the_verifier_stumble(tmp_path, which, field, value, drop):
    """Any field of any record, statement, commit, registration or header says anything at all, signed."""
    story = Story()
    all_targets = targets(story)
    target = all_targets[which % len(all_targets)]

    def twist(whole):
        name = sorted(whole)[field % len(whole)]
        return {key: member for key, member in whole.items() if key != name} if drop else {**whole, name: value}

    if isinstance(target, Rec):
        before = target.twist
        target.twist = lambda whole: twist(before(whole))
    elif isinstance(target, Commit) or hasattr(target, "attestation"):
        target.twist = twist
    else:
        target.header = twist
    folder = tmp_path / "lie"
    shutil.rmtree(folder, ignore_errors=True)

    report = verify_folder(write_folder(story.write(), folder))

    assert report.status in (HOLDS, PROVED_FALSE), explain(report)
    assert report.form()["status"] == report.status
