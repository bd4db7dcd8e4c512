"""The configuration file: architecture "Configuration"; the requirements "Configuration"."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affidavit.clock import MINUTE, SECOND
from affidavit.errors import Misconfigured
from affidavit.policy.credentials import FileHeader, GoogleAccessToken, GoogleIdToken, SecretHeader
from affidavit.policy.document import load
from affidavit.policy.problems import ConfigurationErrors

ROOT = Path(__file__).parents[3]
PATH = Path("/etc/affidavit/affidavit.yaml")

GOOD = """\
version: 1
origin: gateway.example.com/audit
public_url: https://gateway.example.com
issuers:
  - name: laptop
    issuer: https://issuer.test
    jwks_file: ./jwks.json
    attribution: person
people:
  - email: Ana@Example.com
    github_id: 583231
    groups: [dba]
sponsors:
  - match: claims.email == "deploy@proj.iam.gserviceaccount.com"
    person: ana@example.com
upstreams:
  - name: warehouse
    kind: mcp
    url: http://127.0.0.1:9000/mcp
rules:
  - name: reads
    when: target == "sql.query"
    then: allow
    effect: read
"""


def changed(old: str, new: str, text: str = GOOD) -> str:
    assert old in text
    return text.replace(old, new, 1)


def read(text: str):
    return load(PATH, text.encode())


def wrong(text: str | bytes) -> list[str]:
    with pytest.raises(ConfigurationErrors) as caught:
        load(PATH, text if isinstance(text, bytes) else text.encode())
    assert isinstance(caught.value, Misconfigured)
    return [str(problem) for problem in caught.value.errors]


# What a file says.


def test_a_file_is_read_with_its_exact_bytes_and_their_digest():
    """evidence-format section 5, `policy:loaded`."""
    configuration = read(GOOD)

    assert configuration.text == GOOD.encode()
    assert configuration.digest == configuration.policy().digest == hashlib.sha256(GOOD.encode()).hexdigest()


def test_what_is_left_out_has_the_usual_value():
    configuration = read(GOOD)

    (issuer,), (upstream,) = configuration.issuers, configuration.upstreams
    assert (issuer.audiences, issuer.max_age) == ((), 60 * MINUTE)
    assert (upstream.timeout, upstream.retention, upstream.credential) == (60 * SECOND, "standard", None)
    assert dict(configuration.retention) == {"standard": 400}
    assert configuration.audience("warehouse") == "https://gateway.example.com/mcp/warehouse"


def test_jobs_tokens_are_younger_than_peoples():
    """identity-and-approvals: 10 minutes for CI, 1 h for people."""
    for attribution, minutes in (("person", 60), ("ci-person", 10), ("sponsored", 10)):
        (issuer,) = read(changed("attribution: person", f"attribution: {attribution}")).issuers

        assert issuer.max_age == minutes * MINUTE


def test_files_are_meant_from_the_folder_of_the_configuration():
    text = changed("kind: mcp", "kind: mcp\n    credential: {header: {name: Authorization, file: /run/token}}")

    configuration = read(text)

    assert configuration.issuers[0].jwks_file == Path("/etc/affidavit/jwks.json")
    assert configuration.upstreams[0].credential.file == Path("/run/token")


GOOGLES = [
    (
        "google_id_token: {audience: 'https://w.example.com'}",
        GoogleIdToken(audience="https://w.example.com", impersonate=None),
    ),
    (
        "google_access_token: {scopes: [email], impersonate: r@p.iam.gserviceaccount.com}",
        GoogleAccessToken(scopes=("email",), impersonate="r@p.iam.gserviceaccount.com"),
    ),
    (
        "secret: {name: X-Key, prefix: 'key ', secret: 'secret:warehouse@7'}",
        SecretHeader(name="X-Key", prefix="key ", secret="secret:warehouse@7"),
    ),
    (
        "secret: {name: X-Key, secret: projects/p/secrets/warehouse/versions/latest}",
        SecretHeader(name="X-Key", prefix="", secret="projects/p/secrets/warehouse/versions/latest"),
    ),
]


@pytest.mark.parametrize(("said", "meant"), GOOGLES)
def test_a_credential_of_googles_is_read(said, meant):
    (upstream,) = read(changed("kind: mcp", f"kind: mcp\n    credential: {{{said}}}")).upstreams

    assert upstream.credential == meant


def test_addresses_are_one_address_in_whatever_letters():
    (person,) = read(GOOD).people

    assert person.email == "ana@example.com"


@pytest.mark.parametrize(
    ("issuer", "uri"),
    [
        ("https://accounts.google.com", "https://www.googleapis.com/oauth2/v3/certs"),
        (
            "https://token.actions.githubusercontent.com",
            "https://token.actions.githubusercontent.com/.well-known/jwks",
        ),
    ],
)
def test_well_known_issuers_need_not_say_where_their_keys_are(issuer, uri):
    text = changed("    jwks_file: ./jwks.json\n", "", changed("https://issuer.test", issuer))

    assert (read(text).issuers[0].jwks_uri, read(text).issuers[0].jwks_file) == (uri, None)


def test_a_sponsor_matches_verified_claims():
    (sponsor,) = read(GOOD).sponsors

    assert sponsor.matches({"email": "deploy@proj.iam.gserviceaccount.com"})
    assert not sponsor.matches({"email": "other@proj.iam.gserviceaccount.com"})
    assert not sponsor.matches({}), "a condition that fails lends nobody a sponsor"


def test_a_sponsor_whom_people_no_longer_has_is_no_error():
    """identity-and-approvals: removed from `people` cuts the job; an invalid file would leave the old one in force."""
    assert read(changed("Ana@Example.com", "bob@example.com")).sponsors[0].person == "ana@example.com"


def test_true_needs_no_quotes_to_be_a_condition():
    assert read(changed('target == "sql.query"', "true")).rules[0].when.text == "true"


def test_the_example_is_a_good_file():
    path = ROOT / "affidavit.example.yaml"

    assert [rule.name for rule in load(path, path.read_bytes()).rules] == [
        "nobody-changes-the-schema",
        "reads-are-for-everyone",
        "writes-need-a-dba",
        "people-may-ask",
    ]


# Errors with their lines.

LINES = [
    ("version: 1", "version: 2", "1: version: must be 1"),
    ("version: 1", "version: '1'", "1: version: must be 1"),
    ("version: 1", "version: true", "1: version: must be 1"),
    ("version: 1\n", "", "1: version: this is missing"),
    ("version: 1", "verison: 1", "1: verison: unknown key (did you mean 'version'?); known are version, origin,"),
    ("gateway.example.com/audit", "a b", "2: origin: this cannot name a log"),
    ("gateway.example.com/audit", "a+b", "2: origin: this cannot name a log"),
    ("gateway.example.com/audit", '"a\\nb"', "2: origin: this cannot name a log"),
    ("gateway.example.com/audit", "7", "2: origin: must be a text"),
    ("gateway.example.com/audit", "", "2: origin: this is empty"),
    ("https://gateway.example.com", "http://gateway.example.com", "3: public_url: 'http://gateway.example.com' is bel"),
    ("https://gateway.example.com", "https://gateway.example.com/x", "3: public_url: "),
    ("https://gateway.example.com", "https://a:b@gateway.example.com", "3: public_url: a URL here has no user"),
    ("https://gateway.example.com", "ftp://gateway.example.com", "3: public_url: 'ftp://"),
    ("https://gateway.example.com", "https://:80", "3: public_url: 'https://:80' is not a URL"),
    ("https://gateway.example.com", "https://a:99999", "3: public_url: "),
    ("https://gateway.example.com", '"https://[::1"', "3: public_url: "),
    ("./jwks.json", '"a\\0b"', "7: issuers[0].jwks_file: "),
    ("./jwks.json", "/", "7: issuers[0].jwks_file: '/' names no file"),
    ("kind: mcp", "kind: mcp\n    timeout: 99999d", "19: upstreams[0].timeout: '99999d' is not a duration"),
    ("name: laptop", "name: Laptop", "5: issuers[0].name: 'Laptop' is not a name"),
    ("    issuer: https://issuer.test\n", "", "5: issuers[0].issuer: this is missing"),
    ("jwks_file: ./jwks.json", "jwks_fiel: x", "7: issuers[0].jwks_fiel: unknown key (did you mean 'jwks_file'?)"),
    (
        "issuer: https://issuer.test\n    jwks_file: ./jwks.json\n",
        "issuer: robots\n",
        "5: issuers[0]: its keys are missing",
    ),
    (
        "jwks_file: ./jwks.json",
        "jwks_file: x\n    jwks_uri: https://x.test",
        "7: issuers[0].jwks_file: either",
    ),
    ("jwks_file: ./jwks.json", "jwks_uri: http://issuer.test/jwks", "7: issuers[0].jwks_uri: 'http://issuer.test/jw"),
    ("attribution: person", "attribution: persn", "8: issuers[0].attribution: must be 'person', 'google', 'iap'"),
    ("attribution: person", "attribution: google", "5: issuers[0]: attribution google needs domains"),
    ("attribution: person", "attribution: person\n    domains: [x.org]", "9: issuers[0].domains: domains mean some"),
    ("attribution: person", "attribution: person\n    max_age: 5", "9: issuers[0].max_age: must be a text"),
    ("attribution: person", "attribution: person\n    max_age: 5 m", "9: issuers[0].max_age: '5 m' is not a duration"),
    (
        "attribution: person",
        "attribution: person\n    audiences: [32555940559.apps.googleusercontent.com]",
        "9: issuers[0].audiences[0]: this is gcloud's own client",
    ),
    ("Ana@Example.com", "ana", "10: people[0].email: 'ana' is not an address"),
    ("583231", "'583231'", "11: people[0].github_id: must be a whole number"),
    ("583231", "5.8", "11: people[0].github_id: must be a whole number"),
    ("583231", "true", "11: people[0].github_id: must be a whole number"),
    ("[dba]", "dba", "12: people[0].groups: must be a list"),
    ("claims.email ==", "claim.email ==", "14: sponsors[0].match: unknown name 'claim.email'"),
    ("claims.email ==", "upstream ==", "14: sponsors[0].match: unknown name 'upstream'"),
    ("kind: mcp", "kind: http", "18: upstreams[0].kind: 'http' is not supported yet"),
    ("kind: mcp", "kind: mpc", "18: upstreams[0].kind: must be 'mcp' (did you mean 'mcp'?)"),
    ("    kind: mcp\n", "", "17: upstreams[0].kind: this is missing"),
    ("http://127.0.0.1:9000/mcp", "127.0.0.1:9000", "19: upstreams[0].url: "),
    ("kind: mcp", "kind: mcp\n    timeout: 0s", "19: upstreams[0].timeout: '0s' is not a duration"),
    ("kind: mcp", "kind: mcp\n    retention: payrol", "19: upstreams[0].retention: no class 'payrol' in retention"),
    ("kind: mcp", "kind: mcp\n    tools: {}", "19: upstreams[0].tools: not supported yet"),
    (
        "kind: mcp",
        "kind: mcp\n    credential: {token_exchange: {audience: x}}",
        "19: upstreams[0].credential.token_exchange: not supported yet",
    ),
    (
        "kind: mcp",
        "kind: mcp\n    credential: {header: {name: X-Key, value: s3cret}}",
        "19: upstreams[0].credential.header.value: unknown key; known are name, file, prefix",
    ),
    (
        "kind: mcp",
        "kind: mcp\n    credential: {header: {name: Host, file: x}}",
        "19: upstreams[0].credential.header.name: the header 'Host' is not for credentials",
    ),
    (
        "kind: mcp",
        "kind: mcp\n    credential: {header: {name: User-Agent, file: x}}",
        "19: upstreams[0].credential.header.name: the header 'User-Agent' is not for credentials",
    ),
    (
        "kind: mcp",
        "kind: mcp\n    credential: {}",
        "19: upstreams[0].credential: give one of header, google_id_token, google_access_token, secret",
    ),
    (
        "kind: mcp",
        "kind: mcp\n    credential: {header: {name: A, file: x}, google_id_token: {audience: x}}",
        "19: upstreams[0].credential.google_id_token: either header or google_id_token, not both",
    ),
    (
        "kind: mcp",
        "kind: mcp\n    credential: {google_id_token: {}}",
        "19: upstreams[0].credential.google_id_token.audience: this is missing",
    ),
    (
        "kind: mcp",
        "kind: mcp\n    credential: {google_id_token: {audience: a b}}",
        "19: upstreams[0].credential.google_id_token.audience: 'a b' is not an audience",
    ),
    (
        "kind: mcp",
        "kind: mcp\n    credential: {google_id_token: {audience: x, impersonate: ana@example.com}}",
        "19: upstreams[0].credential.google_id_token.impersonate: 'ana@example.com' is not a service account",
    ),
    (
        "kind: mcp",
        "kind: mcp\n    credential: {google_id_token: {audience: x, impersonate: 'a/b@c.gserviceaccount.com'}}",
        "19: upstreams[0].credential.google_id_token.impersonate: 'a/b@c.gserviceaccount.com' is not a service account",
    ),
    (
        "kind: mcp",
        "kind: mcp\n    credential: {google_access_token: {scopes: []}}",
        "19: upstreams[0].credential.google_access_token.scopes: there must be at least one",
    ),
    (
        "kind: mcp",
        "kind: mcp\n    credential: {google_access_token: {scopes: [a b]}}",
        "19: upstreams[0].credential.google_access_token.scopes[0]: 'a b' is not a scope",
    ),
    (
        "kind: mcp",
        "kind: mcp\n    credential: {secret: {name: X-Key, secret: warehouse}}",
        "19: upstreams[0].credential.secret.secret: 'warehouse' is not a reference to a secret",
    ),
    (
        "kind: mcp",
        "kind: mcp\n    credential: {secret: {name: X-Key, secret: 'secret:a@latest'}}",
        "19: upstreams[0].credential.secret.secret: 'secret:a@latest' is not a reference to a secret",
    ),
    (
        "kind: mcp",
        "kind: mcp\n    credential: {header: {name: 'A: b', file: x}}",
        "19: upstreams[0].credential.header.name: 'A: b' is not a header's name",
    ),
    (
        "kind: mcp",
        'kind: mcp\n    credential: {header: {name: A, file: x, prefix: "a\\n"}}',
        "19: upstreams[0].credential.header.prefix: a prefix is printable ASCII",
    ),
    ("then: allow", "then: alow", "23: rules[0].then: must be 'allow', 'deny' or 'require_approval' (did you mean 'al"),
    ("effect: read", "effect: none", "24: rules[0].effect: must be 'read' or 'write'"),
    ("effect: read", "reason: ''", "24: rules[0].reason: one line of at most 500"),
    ("target ==", "tarket ==", "22: rules[0].when: unknown name 'tarket' (did you mean 'target'?); known are princ"),
    ("target ==", "statement ==", "22: rules[0].when: unknown name 'statement': name a member of it: statement.effe"),
    ('target == "sql.query"', "target", "22: rules[0].when: the condition is of type string, not true or false"),
    ('target == "sql.query"', "7", "22: rules[0].when: must be a condition"),
    ('target == "sql.query"', "[a]", "22: rules[0].when: must be a condition"),
    (
        'when: target == "sql.query"',
        'when: |\n      upstream == "a"\n      && foo',
        "24: rules[0].when: unknown name 'foo'",
    ),
    ("rules:", "channels: []\nrules:", "20: channels: not supported yet"),
    ("rules:", "channels: []\nrules:", "20: channels: not supported yet"),
    ("rules:", "retention: {payroll: 90d}\nrules:", "20: retention: the class standard is missing"),
    ("rules:", "retention: {standard: 90}\nrules:", "20: retention.standard: must be a text"),
    ("rules:", "retention: {standard: 36h}\nrules:", "20: retention.standard: '36h' is not whole days"),
    ("rules:", "retention: {standard: 9d, Pay: 9d}\nrules:", "20: retention.Pay: 'Pay' is not a class of bodies"),
    ("rules:", "rules: {}\nx:", "20: rules: must be a list"),
    ("rules:\n", "rules:\n  - reads\n", "21: rules[0]: must be a mapping"),
]


@pytest.mark.parametrize(("old", "new", "complaint"), LINES)
def test_what_is_wrong_is_said_with_its_line(old, new, complaint):
    problems = wrong(changed(old, new))

    assert any(problem.startswith(complaint) for problem in problems), problems


TWICE = [
    (
        "issuers",
        "laptop",
        "  - {name: laptop, issuer: https://b.test, jwks_file: x, attribution: person}",
        "name",
    ),
    (
        "issuers",
        "issuer.test",
        "  - {name: b, issuer: https://issuer.test, jwks_file: x, attribution: person}",
        "issuer",
    ),
    ("people", "ana", "  - {email: ANA@example.com}", "email"),
    ("people", "583231", "  - {email: b@example.com, github_id: 583231}", "github_id"),
    ("upstreams", "warehouse", "  - {name: warehouse, kind: mcp, url: 'http://a'}", "name"),
    ("rules", "reads", "  - {name: reads, when: 'true', then: deny}", "name"),
]


@pytest.mark.parametrize(("section", "value", "entry", "key"), TWICE)
def test_what_must_be_one_of_its_kind_is_refused_the_second_time(section, value, entry, key):
    text = changed(f"{section}:\n", f"{section}:\n{entry}\n")

    (problem,) = wrong(text)

    assert f"{section}[1].{key}: " in problem
    assert "stands already on line" in problem
    assert value in problem.lower()


def test_all_errors_are_said_at_once_in_the_order_of_their_lines():
    text = GOOD
    for old, new in (
        ("version: 1", "version: 2"),
        ("laptop", "a b"),
        ("target ==", "tarket =="),
        ("then: allow", "then: x"),
    ):
        text = changed(old, new, text)

    assert [problem.partition(": ")[0] for problem in wrong(text)] == ["1", "5", "22", "23"]


def test_beside_what_is_not_supported_yet_nothing_is_called_missing():
    text = changed("kind: mcp", "kind: mcp\n    tools: {}", changed("    url: http://127.0.0.1:9000/mcp\n", ""))

    assert wrong(text) == ["19: upstreams[0].tools: not supported yet"]


def test_the_design_file_is_refused_for_what_is_not_built_and_for_nothing_else():
    """architecture "Configuration", shortened: later sections are refused, never passed over."""
    text = GOOD + "masking:\n  - name: passwords\n    fields: [password]\nchannels:\n  - name: ops\n    kind: slack\n"

    assert wrong(text) == ["28: channels: not supported yet"]


# YAML itself.

NOT_YAML = [
    ("version: [1", "not YAML"),
    ("version: 1\n\torigin: x", "not YAML"),
    ("version: 1: 2", "not YAML"),
    ('version: "1', "not YAML"),
    ("%YAML 1.1\n---\nversion: 1", "one YAML 1.2 document"),
    ("%TAG ! tag:x,2000:\n---\nversion: 1", "one YAML 1.2 document"),
    ("version: 1\n---\nversion: 1", "one YAML 1.2 document"),
    ("? [a]\n: b", "a key is a word"),
    ("version: \x00", "not YAML"),
    ("[" * 100, "too deep"),
    ("[" * 100_000, "too deep"),
    ("{a: " * 100, "too deep"),
    (b"version: \xff", "this is not UTF-8"),
    (b" " * (1024 * 1024 + 1), "the file has more than"),
]


@pytest.mark.parametrize(("text", "complaint"), NOT_YAML)
def test_what_is_no_yaml_is_said_so(text, complaint):
    (problem,) = wrong(text)

    assert complaint in problem


def test_a_syntax_error_has_its_line():
    assert wrong("version: 1\norigin: x\npublic_url: [\n")[0].startswith("4: not YAML")
    assert wrong(b"version: 1\norigin: \xff\n")[0].startswith("2: this is not UTF-8")


@pytest.mark.parametrize("text", ["", "7", "[]", "text", "~", "# nothing"])
def test_a_file_that_is_no_mapping_is_refused(text):
    assert wrong(text)


NOT_OURS = [
    ("version: 1", "version: &a 1", "anchors and aliases are not allowed"),
    ("version: 1", "version: *a", "anchors and aliases are not allowed"),
    ("version: 1", "version: !!int 1", "tags (tag:yaml.org,2002:int) are not allowed"),
    ("version: 1", "version: !python/object:os.system 1", "tags (!python/object:os.system) are not allowed"),
    ("people:", "<<: {a: 1}\npeople:", "merge keys are not allowed"),
    ("version: 1", "version: 1\nversion: 1", "this key stands already on line 1"),
    ("name: reads", "name: reads\n    name: writes", "this key stands already on line 21"),
    ("gateway.example.com/audit", '"\\ud800"', "a lone surrogate is no character"),
    ("name: reads", "name: ~", "this is empty"),
]


@pytest.mark.parametrize(("old", "new", "complaint"), NOT_OURS)
def test_ways_to_mean_something_else_than_a_reader_sees_are_refused(old, new, complaint):
    assert any(complaint in problem for problem in wrong(changed(old, new)))


def test_a_bomb_of_aliases_is_only_an_error():
    lines = ["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 100)]

    assert any("aliases" in problem for problem in wrong("\n".join(lines)))


@pytest.mark.parametrize("word", ["yes", "no", "on", "off", "y", "NO"])
def test_words_are_words(word):
    """YAML 1.2.2 section 10.3.2; YAML 1.1 read these as true and false."""
    text = changed("groups: [dba]", f"groups: [{word.lower()}]")

    assert read(text).people[0].groups == (word.lower(),)


@pytest.mark.parametrize("number", ["010", "1_0", "1.5", "0x10", "0o10", "1e3", "+1", ".5", ".inf", ".nan", "9" * 30])
def test_a_number_that_reads_in_two_ways_is_no_number(number):
    assert wrong(changed("583231", number)) == ["11: people[0].github_id: must be a whole number"]


def test_a_secret_that_is_empty_is_none():
    with pytest.raises(Misconfigured):
        FileHeader(name="X", file=Path("/run/token"), prefix="key=").value(b"\n")


@pytest.mark.parametrize(
    "url", ["http://localhost:8080", "http://127.0.0.1:8080", "http://[::1]:8080", "https://a.test"]
)
def test_this_machine_needs_no_https(url):
    assert read(changed("https://gateway.example.com", url + "/")).public_url == url


def test_a_section_without_entries_is_refused_where_one_is_needed():
    text = "version: 1\norigin: x\npublic_url: https://x.test\nissuers: []\nupstreams: []\n"

    assert wrong(text) == ["4: issuers: there must be at least one", "5: upstreams: there must be at least one"]


@pytest.mark.parametrize(
    ("issuer", "said", "ci"),
    [
        ("https://gitlab.com", "", "gitlab"),
        ("https://issuer.test", "", "github"),
        ("https://issuer.test", "\n    ci: gitlab", "gitlab"),
    ],
)
def test_whose_jobs_they_are_is_told_by_the_issuer_or_by_the_file(issuer, said, ci):
    text = changed("https://issuer.test", issuer, changed("attribution: person", f"attribution: ci-person{said}"))

    assert read(text).issuers[0].ci == ci


def test_an_issuer_that_says_itself_where_its_keys_are_need_not_be_asked_twice():
    """OpenID Connect Discovery 1.0 section 4."""
    text = changed(
        "    jwks_file: ./jwks.json\n", "", changed("https://issuer.test", "https://x.okta.com/oauth2/default")
    )

    (issuer,) = read(text).issuers
    assert (issuer.jwks_uri, issuer.jwks_file) == (None, None)


@pytest.mark.parametrize(
    ("issuer", "attribution", "complaint"),
    [
        ("http://issuer.test", "person", "its keys are missing: give jwks_uri or jwks_file"),
        ("robots", "person", "its keys are missing: give jwks_uri or jwks_file"),
        ("https://login.microsoftonline.com/common/v2.0", "person", "this is every tenant of Entra"),
        ("https://login.microsoftonline.com/organizations/v2.0", "person", "this is every tenant of Entra"),
        ("https://issuer.test", "iap", "IAP's assertions have the issuer"),
        ("https://cloud.google.com/iap", "iap", "attribution iap needs audiences"),
    ],
)
def test_an_issuer_whose_word_cannot_be_known_is_refused(issuer, attribution, complaint):
    text = changed("    jwks_file: ./jwks.json\n", "", changed("https://issuer.test", issuer))

    assert any(complaint in one for one in wrong(changed("attribution: person", f"attribution: {attribution}", text)))


@pytest.mark.parametrize("number", ["010", "1.5", "0x10", "0o10", "1e3", "7", ".inf"])
def test_a_number_to_yaml_is_no_text(number):
    """YAML 1.2.2 section 10.3.2: a reader of the file might take it for either."""
    (problem,) = wrong(changed("[dba]", f"[{number}]"))

    assert problem.startswith("12: people[0].groups[0]: must be a text")


def test_an_empty_value_is_one_error_on_the_line_of_its_key():
    assert wrong(changed("gateway.example.com/audit", "")) == [
        "2: origin: this is empty: give a value, or leave the key out"
    ]


@given(text=st.text(st.characters(codec="utf-8"), max_size=80))
def test_no_text_is_an_accident(text):
    with pytest.raises(ConfigurationErrors):
        load(PATH, text.encode())


@given(
    at=st.integers(0, len(GOOD) - 1),
    cut=st.integers(0, 12),
    put=st.text(st.sampled_from(" \n:-[]{}#&*!|>'\"%@`~,x1"), max_size=6),
)
def test_no_slip_of_the_pen_is_an_accident(at, cut, put):
    text = GOOD[:at] + put + GOOD[at + cut :]
    errors = []
    try:
        load(PATH, text.encode())
    except ConfigurationErrors as error:
        errors = error.errors

    assert all(1 <= problem.line <= text.count("\n") + 2 for problem in errors)


# The credential that a configuration names.

CREDENTIAL = FileHeader(name="Authorization", file=Path("/run/token"), prefix="Bearer ")


@pytest.mark.parametrize("mounted", [b"abc", b"abc\n", b"abc\r\n"])
def test_a_mounted_file_is_the_headers_value_without_its_line_end(mounted):
    assert CREDENTIAL.value(mounted) == "Bearer abc"


@pytest.mark.parametrize(
    "mounted", [b"", b"\n", b"  ", b"s3cret\nX-Other: 1", b"s3cret\x00", b"s3cr\xe9t", b"s3cret\n\n", b"s3cret "]
)
def test_a_mounted_file_that_is_no_header_value_is_refused_and_never_shown(mounted):
    with pytest.raises(Misconfigured) as refused:
        CREDENTIAL.value(mounted)

    assert "/run/token" in str(refused.value)
    assert "s3cr" not in str(refused.value)
