"""`affidavit verify gs://…`: buckets are copied, and what is said of the copy is what a folder would be said to be.

Source: evidence-format sections 2 and 9; AUDITORS.md (in which order a log that grows is copied).
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from google.cloud.storage import Client

from affidavit.adapters.gcp.bucket import MAX_OBJECT
from affidavit.adapters.gcp.storage import open_client
from affidavit.cli import progress, verify
from affidavit.evidence.canonical import encode
from affidavit.evidence.names import segment_name
from affidavit.evidence.packing import pack
from affidavit.evidence.stored import sha256_hex
from fakes.cloud_storage import FastClock
from fakes.storage_server import Fault, StorageServer
from tampering.catalogue import flip
from tampering.forge import Body, Seg, write_folder
from tampering.story import Story, requested

CLASSES = ("payroll", "standard")


def run(*arguments: str | Path) -> int:
    parser = argparse.ArgumentParser(prog="affidavit")
    verify.add_parser(parser.add_subparsers())
    parsed = parser.parse_args(["verify", *map(str, arguments)])
    return parsed.run(parsed)


@dataclass
class Cloud:
    """The buckets of one log, named as Terraform names them."""

    client: Client
    prefix: str
    story: Story
    folder: Path
    server: StorageServer | None = None

    def upload(self) -> None:
        for path in sorted(self.folder.rglob("*")):
            name = path.relative_to(self.folder).as_posix()
            bucket, _, rest = name.partition("/")
            if bucket == "bodies" and path.is_file():
                retention_class, _, rest = rest.partition("/")
                self.put(f"body-{retention_class}", rest, path.read_bytes())
            elif path.is_file() and bucket in ("evidence", "log"):
                self.put(bucket, rest, path.read_bytes())

    def put(self, bucket: str, name: str, data: bytes) -> None:
        if self.server is not None:
            self.server.buckets.insert(f"{self.prefix}-{bucket}", {"name": name}, data, {})
            return
        self.client.bucket(f"{self.prefix}-{bucket}").blob(name).upload_from_string(data)

    def remove(self, bucket: str, name: str) -> None:
        self.client.bucket(f"{self.prefix}-{bucket}").blob(name).delete()

    def verify(self, *arguments: str | Path) -> int:
        key = self.story.plan.vkey
        return run(f"gs://{self.prefix}-evidence", "--key", key, "--as-of", "commit", *arguments)


@pytest.fixture
def story():
    return Story()


def cloud_of(client, prefix, story, folder, server=None):
    made = Cloud(client, prefix, story, folder, server)
    for name in ("evidence", "log", *(f"body-{one}" for one in CLASSES)):
        client.create_bucket(f"{prefix}-{name}")
    made.upload()
    return made


@pytest.fixture
def folder(tmp_path, story):
    return write_folder(story.write(), tmp_path / "data")


@pytest.fixture
def server():
    """Each object may be changed at once: the clock runs fast."""
    with StorageServer(now=FastClock()) as made:
        yield made


@pytest.fixture
def cloud(server, story, folder, monkeypatch):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
    return cloud_of(open_client(None, os.environ), "acme", story, folder, server)


@pytest.fixture
def emulated(fake_gcs_server, story, folder, monkeypatch, request):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", fake_gcs_server)
    prefix = "acme-" + re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[-40:].strip("-")
    return cloud_of(open_client(None, os.environ), prefix, story, folder)


@pytest.fixture(params=["cloud", "emulated"])
def either(request):
    return request.getfixturevalue(request.param)


def test_buckets_are_verified_as_their_copy_would_be(either, folder, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    run(folder, "--as-of", "commit")
    of_the_folder = capsys.readouterr().out

    assert either.verify() == 0

    told = capsys.readouterr()
    assert (told.out, told.err) == (of_the_folder, "")
    assert [path.name for path in tmp_path.iterdir()] == ["data"], "no copy is left"


def test_what_was_altered_in_a_bucket_is_found(either, capsys):
    segment = either.story.front.segs[1]
    either.put("evidence", segment.name, flip((either.folder / "evidence" / segment.name).read_bytes(), 30))

    assert either.verify() == 1
    assert f"evidence/{segment.name}" in capsys.readouterr().out


def test_what_was_removed_from_a_bucket_is_found(either, tmp_path):
    either.verify("--copy", tmp_path / "copy")
    either.remove("evidence", either.story.front.segs[1].name)

    assert either.verify() == 1


def test_a_copy_is_kept_and_only_what_is_new_is_fetched(cloud, server, tmp_path, capsys):
    late = "evidence/" + cloud.story.front.segs[-1].name
    (cloud.folder / late).rename(tmp_path / "late")
    cloud.remove("evidence", late.removeprefix("evidence/"))
    assert cloud.verify("--copy", tmp_path / "copy") == 1
    cloud.put("evidence", late.removeprefix("evidence/"), (tmp_path / "late").read_bytes())
    cloud.put("log", "checkpoint", (cloud.folder / "log/checkpoint").read_bytes())
    server.requests.clear()
    capsys.readouterr()

    assert cloud.verify("--copy", tmp_path / "copy") == 0

    fetched = [seen.name for seen in server.requests if seen.operation == "objects.get"]
    assert sorted(fetched) == ["checkpoint", late.removeprefix("evidence/")]
    (cloud.folder / late).parent.mkdir(exist_ok=True)
    (tmp_path / "late").rename(cloud.folder / late)
    for part in ("evidence", "bodies", "log"):
        assert files_of(tmp_path / "copy" / part) == files_of(cloud.folder / part)
    assert (
        run(
            "--evidence",
            tmp_path / "copy/evidence",
            "--bodies",
            tmp_path / "copy/bodies",
            "--log",
            tmp_path / "copy/log",
            "--key",
            cloud.story.plan.vkey,
            "--as-of",
            "commit",
        )
        == 0
    )


def files_of(root):
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("change", ["removed", "replaced"])
def test_a_copy_does_not_hide_what_its_bucket_lost_since(either, tmp_path, capsys, change):
    """What the copy has and the bucket has not is no part of what is verified, and is not thrown away."""
    name = either.story.front.segs[1].name
    good = (either.folder / "evidence" / name).read_bytes()
    assert either.verify("--copy", tmp_path / "copy") == 0
    if change == "removed":
        either.remove("evidence", name)
    else:
        either.put("evidence", name, flip(good, 30))
    capsys.readouterr()

    assert either.verify("--copy", tmp_path / "copy") == 1

    told = capsys.readouterr()
    assert f"evidence/{name}" in told.out
    assert "1 objects that this copy had are no longer in their buckets" in told.err
    (kept,) = files_of(tmp_path / "copy/removed").values()
    assert kept == good


def test_a_copy_that_somebody_touched_is_fetched_again(cloud, tmp_path):
    name = cloud.story.front.segs[1].name
    assert cloud.verify("--copy", tmp_path / "copy") == 0
    (tmp_path / "copy/evidence" / name).write_bytes(b"torn")

    assert cloud.verify("--copy", tmp_path / "copy") == 0


def test_what_refers_is_copied_before_what_is_referred_to(cloud, server):
    """AUDITORS.md: a log that grows meanwhile is whole in the copy."""
    server.requests.clear()
    cloud.verify()

    listed = [seen.bucket for seen in server.requests if seen.operation == "objects.list"]
    assert listed == ["acme-log", "acme-evidence", "acme-body-payroll", "acme-body-standard"]
    assert {seen.operation for seen in server.requests} == {"objects.list", "objects.get"}


def test_a_partial_tile_that_is_gone_before_it_is_fetched_is_no_loss(cloud, server):
    (partial,) = [path for path in (cloud.folder / "log").rglob("*.p/*") if "tile/0" in path.as_posix()]
    server.fail(Fault(status=404), name=partial.relative_to(cloud.folder / "log").as_posix())

    assert cloud.verify() == 0


def test_a_fault_of_one_request_is_outlasted(cloud, server):
    server.fail(Fault("cut"), operation="objects.list")
    server.fail(Fault(), times=3, operation="objects.get")

    assert cloud.verify() == 0


STRANGE = (
    "../outside",
    "a/../../outside",
    "/absolute",
    "segment",
    "commit",
    "writer/x",
    "segment/20261122T122557Z-0123456789abcdef",
    "x" * 900,
    "blank and\ttab",
    "é",
    "%2e",
)


def test_a_name_of_no_format_leads_nowhere_and_is_listed(either, tmp_path, capsys):
    for bucket in ("evidence", "log", "body-standard"):
        for name in STRANGE:
            either.put(bucket, name, b"")
    writer = either.story.front.segs[0].name.split("/")[1]
    either.put("evidence", f"segment/{writer}", b"")
    either.put("body-standard", writer, b"")

    assert either.verify("--copy", tmp_path / "copy" / "inner") == 0

    told = capsys.readouterr().out
    assert "evidence/%..%2Foutside: noise" in told
    assert sorted(path.name for path in (tmp_path / "copy").iterdir()) == ["inner"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "data"]
    assert len([path for path in (tmp_path / "copy/inner/log").iterdir() if path.name.startswith("%")]) == len(STRANGE)


@pytest.mark.parametrize("hide", [False, True])
@pytest.mark.parametrize("retention_class", ["nowhere", "x" * 300])
def test_a_class_that_noise_alone_mentions_makes_no_bucket_be_missed(cloud, server, capsys, retention_class, hide):
    """Whoever may create segments can name any class in one, and own the bucket that has its name, worldwide."""
    writer = cloud.story.front.segs[1].name.split("/")[1]
    stored = pack(encode({"bodies": {retention_class: "0" * 64}}) + b"\n")
    noise = segment_name(writer, 10**9, sha256_hex(stored))
    cloud.put("evidence", noise, stored)
    if hide and retention_class == "nowhere":
        cloud.client.create_bucket("acme-body-nowhere")
        server.allow("acme-body-nowhere", "storage.objects.create")

    assert cloud.verify() == 0
    assert f"evidence/{noise}: noise" in capsys.readouterr().out


def test_a_class_that_only_waiting_segments_mention_is_looked_at(server, story, tmp_path, monkeypatch, capsys):
    """A sequencer that knows nothing of a new class never commits what is kept in it, and states no period of it."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
    story.young.segs[1] = Seg([requested(51, 62.0, Body(b"{}", "fresh"))])  # waits
    cloud = Cloud(open_client(None, os.environ), "acme", story, write_folder(story.write(), tmp_path / "data"), server)
    for name in ("evidence", "log", "body-fresh", *(f"body-{one}" for one in CLASSES)):
        cloud.client.create_bucket(f"acme-{name}")
    cloud.upload()

    assert run("gs://acme-evidence", "--key", story.plan.vkey, "--as-of", "2026-11-22T13:13:00.000000Z") == 1
    told = capsys.readouterr().out
    assert [line for line in told.splitlines() if line.startswith("FAIL")] == ["FAIL      uncommitted  1 segments"]


def test_what_is_longer_than_any_object_is_not_fetched(cloud, server, capsys):
    name = cloud.story.front.segs[1].name
    server.buckets.insert("acme-evidence", {"name": name}, bytes(MAX_OBJECT + 1), {})
    server.requests.clear()

    assert cloud.verify() == 1

    assert name not in {seen.name for seen in server.requests}
    assert "longer than 64 MiB" in capsys.readouterr().out


def test_buckets_may_have_any_names(server, story, folder, monkeypatch):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
    cloud_of(open_client(None, os.environ), "x", story, folder)
    for name in ("evidence", "log", "body-standard", "body-payroll"):
        server.buckets.all[f"its-{name}s"] = server.buckets.all.pop(f"x-{name}")
    bodies = ("--bodies", "standard=gs://its-body-standards", "--bodies", "payroll=gs://its-body-payrolls")
    rest = ("--log", "gs://its-logs", *bodies, "--key", story.plan.vkey, "--as-of", "commit")

    assert run("gs://its-evidences", *rest) == 0
    assert run("--evidence", "gs://its-evidences", *rest) == 0


def test_buckets_and_folders_can_be_mixed(cloud, folder):
    local = ("--log", folder / "log", "--bodies", f"payroll={folder}/bodies/payroll")

    assert cloud.verify(*local) == 0
    key = ("--key", cloud.story.plan.vkey, "--as-of", "commit")
    assert run("--evidence", folder / "evidence", "--bodies", folder / "bodies", "--log", "gs://acme-log", *key) == 0


@pytest.mark.parametrize("bucket", ["acme-evidence", "acme-log", "acme-body-payroll"])
@pytest.mark.parametrize(
    ("hide", "why"),
    [
        (lambda server, bucket: server.allow(bucket, "storage.objects.create"), "grant it roles/storage.objectViewer"),
        (lambda server, bucket: server.buckets.all.pop(bucket), "there is no bucket"),
    ],
    ids=["forbidden", "missing"],
)
def test_a_bucket_that_cannot_be_read_is_exit_status_three(cloud, capsys, bucket, hide, why):
    hide(cloud.server, bucket)

    assert cloud.verify() == 3

    told = capsys.readouterr()
    assert told.out == ""
    assert why in told.err
    assert bucket in told.err


@pytest.mark.parametrize(
    ("arguments", "mend"),
    [
        (["gs://acme-evidence"], "--key is missing: the log's verifier key lies in no bucket"),
        (["gs://acme", "--key", "K"], "Give them with --log and --bodies"),
        (["gs://acme-evidence", "--evidence", "gs://b-b", "--key", "K"], "both name the evidence"),
        (["gs://acme-evidence", "--bodies", "gs://b-b", "--key", "K"], "--bodies CLASS=gs://NAME"),
        (["gs://acme-evidence", "--bodies", "A=gs://b-b", "--key", "K"], "--bodies CLASS=gs://NAME"),
        (["gs://acme-evidence", "--copy", "{data}", "--key", "K"], "not empty, and no earlier copy"),
        (["{data}", "--copy", "{tmp}/copy"], "--copy is for buckets"),
    ],
)
def test_a_wrong_command_is_exit_status_two_and_asks_nothing(arguments, mend, cloud, tmp_path, capsys):
    cloud.server.requests.clear()
    named = {"{data}": str(cloud.folder), "{tmp}": str(tmp_path), "K": cloud.story.plan.vkey}
    before = files_of(cloud.folder)

    assert run(*(named.get(one, one.replace("{tmp}", str(tmp_path))) for one in arguments)) == 2

    assert mend in capsys.readouterr().err
    assert cloud.server.requests == []
    assert files_of(cloud.folder) == before


@pytest.mark.parametrize("text", ["gs://", "gs://Acme", "gs://a/b", "gs://acme-evidence/segment/"])
def test_what_is_no_bucket_is_said(text, capsys):
    with pytest.raises(SystemExit) as end:
        run(text)
    assert end.value.code == 2
    assert "a bucket reads gs://NAME" in capsys.readouterr().err


def test_a_copy_of_another_log_is_not_used(cloud, tmp_path, capsys):
    assert cloud.verify("--copy", tmp_path / "copy") == 0
    assert run("gs://other-evidence", "--key", cloud.story.plan.vkey, "--copy", tmp_path / "copy") == 2

    assert "it is a copy of gs://acme-evidence, gs://acme-log" in capsys.readouterr().err


def test_who_waits_at_a_terminal_sees_how_much_was_copied(cloud, monkeypatch):
    class Terminal:
        encoding = "utf-8"
        shown = ""

        def write(self, text):
            self.shown += text
            return len(text)

        def flush(self):
            pass

        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(progress, "SLOW", -1.0)

    cloud.verify()

    assert "copying" in terminal.shown


WITHOUT_GOOGLE = """
import sys
sys.modules.update({name: None for name in ("google", "google.cloud", "google.auth", "requests", "urllib3")})
from affidavit.cli import main
sys.exit(main())
"""


def test_a_folder_needs_no_cloud_library_and_a_bucket_says_what_it_needs(folder, story):
    """architecture "The house": `affidavit verify` of a folder needs neither `flask` nor `google.*`."""

    def without(*arguments):
        command = [sys.executable, "-c", WITHOUT_GOOGLE, "verify", *map(str, arguments), "--key", story.plan.vkey]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert without(folder, "--as-of", "commit").returncode == 0
    told = without("gs://acme-evidence")
    assert told.returncode == 2
    assert 'pip install "affidavit[gcp]"' in told.stderr
