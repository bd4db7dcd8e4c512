"""Sources of tokens and their faults; none of what they give is ever in an error."""

import asyncio
import json
import sys
from dataclasses import dataclass, field

import pytest

from affidavit.clock import SECOND, system_clock
from affidavit.connect.challenge import Challenge
from affidavit.connect.http import Http
from affidavit.connect.tokens.command import TokenCommand, read_command
from affidavit.connect.tokens.detect import detect
from affidavit.connect.tokens.file import TokenFile
from affidavit.connect.tokens.fresh import FreshToken
from affidavit.connect.tokens.github import GitHubToken
from affidavit.connect.tokens.gitlab import GitLabToken
from affidavit.connect.tokens.google import GoogleToken
from affidavit.connect.tokens.metadata import MetadataToken
from affidavit.connect.tokens.token import Token, read_token, unverified_claims
from affidavit.errors import AffidavitError, Misconfigured, Unavailable
from fakes.house import START, StillClock
from fakes.issuer import Issuer
from fakes.metadata_server import MetadataServer
from fakes.ports import free_port
from fakes.token_desk import TokenDesk

ISSUER = Issuer()
AUDIENCE = "https://gateway.example.com/mcp/warehouse?x=ü"


async def audience() -> str:
    return AUDIENCE


@pytest.fixture
async def http():
    opened = Http()
    yield opened
    await opened.close()


@dataclass
class Source:
    """A source that gives what it is told to, and counts."""

    gives: list[str | Exception] = field(default_factory=list)
    clock: StillClock = field(default_factory=StillClock)
    name: str = "a test"
    needs_challenge: bool = False
    steps_up: bool = False
    superseded: bool = False
    asked: list[tuple[Token | None, Challenge | None]] = field(default_factory=list)
    at_once: int = 0

    async def fetch(self, *, refused: Token | None, challenge: Challenge | None) -> Token:
        self.asked.append((refused, challenge))
        self.at_once += 1
        assert self.at_once == 1, "a source is asked by one caller at a time"
        await asyncio.sleep(0)
        self.at_once -= 1
        given = self.gives.pop(0)
        if isinstance(given, Exception):
            raise given
        return read_token(given, source=self.name, now=self.clock())


def made(source: Source, told: list[str] | None = None) -> FreshToken:
    return FreshToken(source, source.clock, (told if told is not None else []).append)


def jwt(lives: float = 3600, **claims) -> str:
    return ISSUER.token(exp=START + lives, **claims)


async def fails(asking, kind=AffidavitError) -> str:
    with pytest.raises(kind) as caught:
        await asking
    return str(caught.value)


# What a token says.


def test_a_tokens_end_is_read_and_it_is_never_printed():
    token = read_token(f" {jwt(600, email='ana@example.com')}\n", source="x", now=START * SECOND)

    assert token.expires == (START + 600) * SECOND
    assert token.renew == (START + 540) * SECOND
    assert token.unverified_holder == "ana@example.com"
    assert token.text not in repr(token)


def test_of_a_short_life_the_last_fifth_is_the_margin():
    assert read_token(jwt(10), source="x", now=START * SECOND).renew == (START + 8) * SECOND


@pytest.mark.parametrize("text", ["", " \n", "two words", "sécret", "a\nb", "x" * 20_000, "<html>secret</html>"])
def test_what_is_no_token_is_refused_and_not_repeated(text):
    with pytest.raises(Unavailable) as caught:
        read_token(text, source="the source", now=0)

    assert "secret" not in str(caught.value)
    assert "the source" in str(caught.value)


@pytest.mark.parametrize("exp", [True, "1", -1, 1e400, None, [], {}])
def test_an_end_that_is_none_is_not_known(exp):
    text = ISSUER.sign(json.dumps({"exp": exp}).replace("Infinity", "1e400"))

    assert read_token(text, source="x", now=0).expires is None


@pytest.mark.parametrize("text", ["opaque", "a.b", "a.b.c", "a.W10.c", "a.!!!.c", "a.eyJ9.c"])
def test_an_opaque_token_says_nothing(text):
    assert unverified_claims(text) == {}


# Kept fresh.


async def test_a_token_is_asked_for_once_by_whoever_comes():
    source = Source([jwt()])
    fresh = made(source)

    tokens = await asyncio.gather(*(fresh.current() for _ in range(20)))

    assert len(set(map(id, tokens))) == 1
    assert len(source.asked) == 1


async def test_a_token_is_replaced_ahead_of_its_end():
    source = Source([jwt(600), jwt(1200)])
    fresh = made(source)
    first = await fresh.current()
    source.clock.seconds += 539
    assert await fresh.current() is first
    source.clock.seconds += 2

    assert await fresh.current() is not first


async def test_while_the_old_token_holds_a_failed_renewal_is_told_and_not_repeated_at_once():
    told: list[str] = []
    source = Source([jwt(600), Unavailable("it is away"), jwt(1200)])
    fresh = made(source, told)
    first = await fresh.current()
    source.clock.seconds += 545

    assert await fresh.current() is first
    assert await fresh.current() is first
    assert told == ["the token could not be renewed yet: it is away"]
    source.clock.seconds += 6
    assert await fresh.current() is not first


async def test_when_the_old_token_is_over_a_failed_renewal_fails():
    source = Source([jwt(600), Unavailable("it is away")])
    fresh = made(source)
    await fresh.current()
    source.clock.seconds += 601

    assert await fails(fresh.current(), Unavailable) == "it is away"


async def test_a_refused_token_is_replaced_once_by_all_who_were_refused():
    source = Source([jwt(), jwt(1800)])
    fresh = made(source)
    refused = await fresh.current()
    challenge = Challenge(error="invalid_token")

    others = await asyncio.gather(*(fresh.replace(refused, challenge) for _ in range(10)))

    assert len(set(map(id, others))) == 1
    assert source.asked == [(None, None), (refused, challenge)]


async def test_a_source_that_needs_a_refusal_is_not_asked_before_it():
    source = Source([jwt()], needs_challenge=True)
    fresh = made(source)

    assert await fresh.current() is None
    await fresh.replace(None, Challenge(resource_metadata="https://g/m"))
    assert await fresh.current() is not None
    assert len(source.asked) == 1


# A file.


async def test_a_file_is_read_again_when_its_token_grows_old(tmp_path):
    clock = StillClock()
    file = tmp_path / "token"
    file.write_text(jwt(600))
    fresh = FreshToken(TokenFile(file, clock), clock, print)
    first = await fresh.current()
    file.write_text(jwt(1800) + "\n")
    clock.seconds += 560

    assert (await fresh.current()).expires == (START + 1800) * SECOND
    assert first is not None


async def test_a_file_is_read_again_when_it_has_changed(tmp_path):
    """Somebody who revoked the old token wrote the new one; nobody has to be refused first."""
    clock = StillClock()
    file = tmp_path / "token"
    file.write_text(jwt(600))
    fresh = FreshToken(TokenFile(file, clock), clock, print)
    first = await fresh.current()
    file.write_text(jwt(1800))

    assert (await fresh.current()).text != first.text


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe", b"secret words"])
async def test_a_file_without_a_token_is_told(tmp_path, content):
    if content is not None:
        (tmp_path / "token").write_bytes(content)

    said = await fails(TokenFile(tmp_path / "token", system_clock).fetch(refused=None, challenge=None), Unavailable)

    assert str(tmp_path / "token") in said
    assert "secret" not in said


# A command.


async def command(*words: str) -> Token:
    return await TokenCommand(words, system_clock).fetch(refused=None, challenge=None)


async def test_a_command_runs_without_a_shell_and_without_our_stdin():
    """The client's messages are on stdin; a command that reads must find its end."""
    script = "import sys; sys.stdin.read(); print(sys.argv[1].replace('$', 'D').replace(' ', '.'))"

    assert (await command(sys.executable, "-c", script, "a $HOME")).text == "a.DHOME"


async def test_an_opaque_token_of_a_command_is_asked_for_again_after_a_while():
    token = await command(sys.executable, "-c", "print('opaque')")

    assert token.expires is None
    assert token.renew is not None


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        ("print('secret'); raise SystemExit(3)", Unavailable),
        ("pass", Unavailable),
        ("print('secret words')", Unavailable),
        ("import sys; sys.stdout.write('secret' * 100_000)", Unavailable),
    ],
)
async def test_a_command_that_fails_is_told_without_what_it_printed(script, kind):
    said = await fails(command(sys.executable, "-c", script), kind)

    assert "secret" not in said
    assert sys.executable in said


async def test_a_command_that_is_none_is_a_wrong_option():
    assert "cannot be run" in await fails(command("/nowhere/at/all"), Misconfigured)


@pytest.mark.parametrize("text", ["", "  ", "open 'quote"])
def test_a_command_line_that_is_none_is_a_wrong_option(text):
    with pytest.raises(Misconfigured):
        read_command(text)


# Jobs and machines.


async def test_github_is_asked_for_the_gateways_audience(http):
    with TokenDesk(lambda asked: ISSUER.token(aud=asked)) as desk:
        source = GitHubToken(desk.github, audience, http, system_clock)
        token = await source.fetch(refused=None, challenge=None)

    assert token.unverified_claims["aud"] == AUDIENCE
    assert desk.audiences == [AUDIENCE]


@pytest.mark.parametrize(
    ("environment", "status", "kind"),
    [
        ({}, 200, Misconfigured),
        ({"ACTIONS_ID_TOKEN_REQUEST_TOKEN": "wrong-secret"}, 200, Misconfigured),
        (None, 403, Misconfigured),
        (None, 500, Unavailable),
    ],
)
async def test_a_job_without_a_token_is_told_what_to_do(http, environment, status, kind):
    with TokenDesk(lambda _: "secret words") as desk:
        desk.status = status
        changed = {} if environment == {} else {**desk.github, **(environment or {})}
        said = await fails(GitHubToken(changed, audience, http, system_clock).fetch(refused=None, challenge=None), kind)

    assert "secret" not in said
    assert kind is Unavailable or "id-token: write" in said


async def test_github_that_gives_something_else_gives_nothing(http):
    with TokenDesk(lambda _: "secret words") as desk:
        source = GitHubToken(desk.github, audience, http, system_clock)
        said = await fails(source.fetch(refused=None, challenge=None), Unavailable)

    assert "secret" not in said


async def test_a_gitlab_job_has_one_token_and_no_second():
    clock = StillClock()
    source = GitLabToken("GATE", {"GATE": jwt(600)}, clock)
    token = await source.fetch(refused=None, challenge=None)

    assert "start the job again" in await fails(source.fetch(refused=token, challenge=None), Misconfigured)
    clock.seconds += 601
    assert "start the job again" in await fails(source.fetch(refused=None, challenge=None), Misconfigured)
    assert "id_tokens" in await fails(GitLabToken("NO", {}, clock).fetch(refused=None, challenge=None), Misconfigured)


async def test_a_machine_on_google_cloud_has_tokens_without_libraries(http):
    server = MetadataServer("deploy@proj.iam.gserviceaccount.com")
    with server.serving() as host:
        source = MetadataToken({"GCE_METADATA_HOST": host}, audience, http, system_clock)
        token = await source.fetch(refused=None, challenge=None)
        server.failing = 404
        missing = await fails(source.fetch(refused=None, challenge=None), Misconfigured)
        server.failing = 503
        failing = await fails(source.fetch(refused=None, challenge=None), Unavailable)
        server.failing, server.instead = None, (200, "<html>secret</html>")
        garbage = await fails(source.fetch(refused=None, challenge=None), Unavailable)
        server.faults = ["breaks"]
        broken = await fails(source.fetch(refused=None, challenge=None), Unavailable)

    assert server.asked[0] == AUDIENCE
    assert token.unverified_holder == "deploy@proj.iam.gserviceaccount.com"
    assert all("secret" not in said for said in (missing, failing, garbage, broken))


async def test_googles_libraries_are_asked_in_a_thread():
    asked: list[str] = []

    def id_token(audience: str) -> tuple[str, int | None]:
        asked.append(audience)
        return jwt(), None

    assert (await GoogleToken(id_token, audience, StillClock()).fetch(refused=None, challenge=None)).expires
    assert asked == [AUDIENCE]


async def test_where_this_runs_decides_when_nobody_has_chosen(http):
    nowhere = {"GCE_METADATA_HOST": f"127.0.0.1:{free_port()}"}
    job = {"ACTIONS_ID_TOKEN_REQUEST_URL": "https://x", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "y"}
    gitlab = {"GITLAB_CI": "true", "AFFIDAVIT_ID_TOKEN": "z"}
    with MetadataServer("a@b").serving() as host:
        machine = {"GCE_METADATA_HOST": host}
        assert await detect({**job, **gitlab, **machine}, http) == "github"
        assert await detect({**gitlab, **machine}, http) == "gitlab"
        assert await detect(machine, http) == "google"
        assert await detect({**machine, "GITLAB_CI": "true"}, http) == "google"
    assert await detect(nowhere, http) == "oauth"
