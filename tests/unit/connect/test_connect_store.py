"""What is kept of a sign-in: for its owner's eyes, changed by one process at a time, and whole or not at all."""

import asyncio
import json
import stat
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from affidavit.connect.tokens.oauth.store import Kept, Store, folder_of
from affidavit.errors import Misconfigured

KEPT = Kept(
    issuer="https://login.example.com",
    client_id="ours",
    registered=True,
    port=4711,
    scope="openid email",
    token="a.secret.token",
    refresh="a-secret-refresh",
    expires=1_795_000_000_000_000,
)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "affidavit" / "connect", "https://gateway.example.com/mcp/warehouse")


def test_what_is_kept_comes_back_and_only_its_owner_may_read_it(store, tmp_path):
    assert store.read() is None
    assert not store.is_there

    store.write(KEPT)

    assert store.read() == KEPT
    assert store.is_there
    (file,) = tmp_path.rglob("*.json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "secret" not in repr(KEPT)


def test_what_others_may_read_is_not_used(store, tmp_path):
    store.write(KEPT)
    next(tmp_path.rglob("*.json")).chmod(0o644)

    with pytest.raises(Misconfigured, match="chmod 600"):
        store.read()


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"token": "x"}', "[" * 100_000])
def test_what_cannot_be_understood_is_nothing(store, tmp_path, content):
    store.write(KEPT)
    next(tmp_path.rglob("*.json")).write_text(content)

    assert store.read() is None


@pytest.mark.parametrize("change", [{"port": True}, {"port": "1"}, {"refresh": 3}, {"expires": "x"}, {"token": None}])
def test_a_member_of_another_kind_is_nothing(store, tmp_path, change):
    store.write(KEPT)
    next(tmp_path.rglob("*.json")).write_text(json.dumps({**asdict(KEPT), **change}))

    assert store.read() is None


async def test_one_process_at_a_time(tmp_path):
    """The lock is the file's: another object of it stands for another process."""
    one, other = Store(tmp_path, "k"), Store(tmp_path, "k")
    order: list[str] = []

    async def second() -> None:
        async with other.locked():
            order.append("second")

    async with one.locked():
        task = asyncio.ensure_future(second())
        await asyncio.sleep(0.5)
        order.append("first")
    await task

    assert order == ["first", "second"]


async def test_whoever_stops_waiting_leaves_nothing_open(tmp_path):
    one, other = Store(tmp_path, "k"), Store(tmp_path, "k")

    async def second() -> None:
        async with other.locked():
            raise AssertionError("it is locked")

    async with one.locked():
        before = len(list(Path("/proc/self/fd").iterdir()))
        task = asyncio.ensure_future(second())
        await asyncio.sleep(0.3)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert len(list(Path("/proc/self/fd").iterdir())) == before


async def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    store = Store(tmp_path / "file" / "folder", "k")

    with pytest.raises(Misconfigured, match="cannot be written"):
        store.write(KEPT)
    with pytest.raises(Misconfigured, match="cannot be written"):
        async with store.locked():
            pass


@pytest.mark.skipif(sys.platform == "darwin", reason="there it is Application Support")
def test_the_folder_is_where_the_desktop_has_it(tmp_path):
    """XDG Base Directory Specification: a relative path is ignored."""
    assert folder_of({}, tmp_path) == tmp_path / ".config" / "affidavit" / "connect"
    assert folder_of({"XDG_CONFIG_HOME": "relative"}, tmp_path) == tmp_path / ".config" / "affidavit" / "connect"
    assert str(folder_of({"XDG_CONFIG_HOME": "/etc/ana"}, tmp_path)) == "/etc/ana/affidavit/connect"
