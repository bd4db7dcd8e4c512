"""The documents are true: every command in them exists, and those that only read are run as they stand.

`make` targets are run by CI itself, `serve` and `tail` by the journeys and the demo; here it is held that they are
written as the program takes them.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from affidavit.adapters.gcp.storage import CloudStorageStore, open_client
from affidavit.cli import _parser
from affidavit.policy.call_file import read_call
from affidavit.policy.decide import VARIABLES
from fakes.storage_server import StorageServer
from worked_example import written

ROOT = Path(__file__).parent.parent
PAGES = (
    "README.md",
    "ARCHITECTURE.md",
    "AUDITORS.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "docs/connect.md",
    "docs/policy.md",
    "docs/directories.md",
    "docs/masking.md",
)
PLACES = {
    "evidence": "evidence",
    "log": "log",
    "bodies/payroll": "body-payroll",
    "bodies/standard": "body-standard",
}
CALL = """\
{"principal": {"attribution": "person", "email": "ana@example.com"}, "upstream": "warehouse", "target": "sql.query",
 "arguments": {"sql": "select 1"}}"""
PROGRAM = str(Path(sys.executable).with_name("affidavit"))


def commands(page: str) -> list[str]:
    """Return the commands of a page's shell blocks, without comments."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    lines = [line.partition("  #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if re.match(r"(\.venv/bin/)?affidavit |make ", line)]


ALL = sorted({command for page in PAGES for command in commands(page)})
OURS = [command for command in ALL if not command.startswith("make ")]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("example")
    objects, key = written((ROOT / "AUDITORS.md").read_text(encoding="utf-8"))
    for name, stored in objects.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(stored)
    (folder / "log.vkey").write_text(f"{key}\n", encoding="ascii")
    return folder


@pytest.fixture(scope="module")
def buckets(data: Path) -> Iterator[StorageServer]:
    """The same log in Cloud Storage, under the names that Terraform gives."""
    with StorageServer() as server:
        client = open_client("acme-audit", {"STORAGE_EMULATOR_HOST": server.url})
        for folder, bucket in PLACES.items():
            server.make_bucket(f"acme-{bucket}")
            store = CloudStorageStore(client, f"acme-{bucket}")
            for path in sorted((data / folder).rglob("*")):
                if path.is_file():
                    store.create({str(path.relative_to(data / folder)): path.read_bytes()})
        yield server


def test_the_pages_show_commands_at_all():
    assert len(OURS) >= 5


@pytest.mark.parametrize("command", OURS)
def test_a_command_is_written_as_the_program_takes_it(command: str):
    _parser().parse_args(shlex.split(command)[1:])


@pytest.mark.parametrize("command", [one for one in OURS if shlex.split(one)[1] in ("check", "show", "verify")])
def test_a_command_that_reads_works(command: str, data: Path, buckets: StorageServer, tmp_path: Path):
    meant = {"DIR": str(data), "KEY": str(data / "log.vkey"), "./acme": str(tmp_path / "copy")}
    words = [meant.get(word, word) for word in shlex.split(command)[1:]]

    environment = {**os.environ, "STORAGE_EMULATOR_HOST": buckets.url}
    done = subprocess.run([PROGRAM, *words], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("command", [one for one in OURS if shlex.split(one)[1] == "policy"])
def test_a_command_about_rules_works(command: str, data: Path, buckets: StorageServer, tmp_path: Path):
    """Those that look back may find something: the worked example was recorded under rules of its own."""
    (tmp_path / "call.json").write_text(CALL, encoding="utf-8")
    meant = {
        "DIR": str(data),
        "./acme": str(tmp_path / "copy"),
        "affidavit.yaml": "affidavit.example.yaml",
        "call.json": str(tmp_path / "call.json"),
    }
    words = [meant.get(word, word) for word in shlex.split(command)[1:]]

    environment = {**os.environ, "STORAGE_EMULATOR_HOST": buckets.url}
    done = subprocess.run([PROGRAM, *words], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode in ((0, 1) if words[1] in ("replay", "drift") else (0,)), done.stdout + done.stderr
    assert done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("command", [one for one in ALL if one.startswith("make ")])
def test_a_target_exists(command: str):
    target = next(word for word in command.split()[1:] if "=" not in word)

    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("page", PAGES)
def test_a_file_that_a_page_links_to_is_there(page: str):
    for link in re.findall(r"\]\(([^)#:]+)\)", (ROOT / page).read_text(encoding="utf-8")):
        assert ((ROOT / page).parent / link).exists(), link


def test_the_page_about_rules_names_every_variable_and_no_other():
    said = (ROOT / "docs" / "policy.md").read_text(encoding="utf-8")
    table = re.search(r"\| variable \|.*?\n\n", said, re.DOTALL)

    assert table is not None
    named = {name for row in table[0].strip().splitlines()[2:] for name in re.findall(r"`([^`]+)`", row.split("|")[1])}
    assert named == set(VARIABLES)


def test_the_example_of_a_call_on_the_page_about_rules_is_one():
    said = (ROOT / "docs" / "policy.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```json\n(.*?)```", said, re.DOTALL)

    assert read_call(example.encode(), "the page").target == "sql.query"
