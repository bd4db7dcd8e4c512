"""Secrets of many kinds, and texts that only look like them, made from a seed.

The forms are those that secret scanners are tested with (gitleaks `cmd/generate/config/rules`, detect-secrets
`tests/plugins`, trufflehog `pkg/detectors`) and that the vendors describe; every value is random.
"""

from __future__ import annotations

import base64
import hashlib
import json
import string
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

EACH = 8  # secrets of each kind
LOOK_ALIKES = 300

_ALNUM = string.ascii_letters + string.digits
_UPPER = string.ascii_uppercase + string.digits
_LOWER = string.ascii_lowercase + string.digits
_HEX = "0123456789abcdef"
_URL = _ALNUM + "_-"
_BASE64 = _ALNUM + "+/"


@dataclass(frozen=True, slots=True)
class Secret:
    """One secret as somebody would say it.

    Attributes:
        set: The built-in set that knows it.
        text: With what usually stands around it.
        needles: What may not be found anywhere afterwards.
    """

    kind: str
    set: str
    text: str
    needles: tuple[str, ...]


class Maker:
    """Random texts of one seed."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def of(self, alphabet: str, length: int) -> str:
        """Return a text over an alphabet; a long one has both letters and digits if the alphabet does."""
        mixed = any(map(str.isdigit, alphabet)) and any(map(str.isalpha, alphabet))
        while True:
            text = "".join(self.random.choices(alphabet, k=length))
            if length < 8 or not mixed or (any(map(str.isdigit, text)) and any(map(str.isalpha, text))):
                return text

    def password(self) -> str:
        """Return what a person could have chosen, with a digit and a sign."""
        return self.of(_ALNUM, self.random.randint(8, 16)) + self.random.choice("!#$%*") + self.of(string.digits, 2)

    def luhn(self, prefix: str, length: int) -> str:
        """Return a number whose last digit is right."""
        body = prefix + "".join(self.random.choices(string.digits, k=length - len(prefix) - 1))
        total = sum(int(d) if i % 2 else sum(divmod(2 * int(d), 10)) for i, d in enumerate(reversed(body)))
        return body + str(-total % 10)


def secrets(seed: int = 1) -> list[Secret]:
    """Return at least 300 secrets of at least 15 kinds."""
    maker = Maker(seed)
    return [
        Secret(kind, set_, *make(maker))
        for set_, kinds in KINDS.items()
        for kind, make in kinds.items()
        for _ in range(EACH)
    ]


def look_alikes(seed: int = 1) -> list[str]:
    """Return 300 texts that no rule should find anything in."""
    maker = Maker(seed)
    kinds = [*HARMLESS.values()]
    return [kinds[i % len(kinds)](maker) for i in range(LOOK_ALIKES)]


Made = tuple[str, tuple[str, ...]]


def _alone(prefix: str, alphabet: str, length: int, around: str = "{}") -> Callable[[Maker], Made]:
    def make(maker: Maker) -> Made:
        token = prefix + maker.of(alphabet, length)
        return around.format(token), (token,)

    return make


def _pem(kind: str) -> Callable[[Maker], Made]:
    def make(maker: Maker) -> Made:
        lines = [maker.of(_BASE64, 64) for _ in range(12)] + [maker.of(_BASE64, 22) + "=="]
        return f"-----BEGIN {kind}-----\n" + "\n".join(lines) + f"\n-----END {kind}-----\n", (
            lines[0],
            lines[6],
            lines[-1],
        )

    return make


def _pem_in_json(maker: Maker) -> Made:
    text, needles = _pem("PRIVATE KEY")(maker)
    account = {
        "type": "service_account",
        "project_id": "acme-prod",
        "private_key_id": (key_id := maker.of(_HEX, 40)),
        "private_key": text,
        "client_id": "1" + maker.of(string.digits, 20),
    }
    return json.dumps(account, indent=2), (*needles, key_id)


def _aws_pair(maker: Maker) -> Made:
    identity, secret = "AKIA" + maker.of(_UPPER, 16), maker.of(_BASE64, 40)
    form = maker.random.choice(
        (
            "[default]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
            '{{"AccessKeyId": "{}", "SecretAccessKey": "{}"}}',
            "AWS_ACCESS_KEY_ID={} AWS_SECRET_ACCESS_KEY={}",
        )
    )
    return form.format(identity, secret), (identity, secret)


def _azure(maker: Maker) -> Made:
    key = maker.of(_BASE64, 86) + "=="
    form = "DefaultEndpointsProtocol=https;AccountName=acme;AccountKey={};EndpointSuffix=core.windows.net"
    return form.format(key), (key,)


def _sas(maker: Maker) -> Made:
    signature = maker.of(_ALNUM, 43) + "%3D"
    return f"https://acme.blob.core.windows.net/c/f.csv?sv=2024-11-04&se=2026-12-01&sr=b&sp=r&sig={signature}", (
        signature,
    )


def _jwt(maker: Maker) -> Made:
    def part(value: dict[str, str]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    claims = part({"sub": maker.of(_LOWER, 12), "iss": "https://issuer.test", "jti": maker.of(_HEX, 16)})
    signature = maker.of(_URL, 43)
    token = f"{part({'alg': 'RS256', 'typ': 'JWT'})}.{claims}.{signature}"
    return maker.random.choice(("{}", "id_token={}", "session: {}")).format(token), (claims, signature)


def _database(maker: Maker) -> Made:
    password = maker.password().replace("#", "!").replace("%", "!")
    scheme = maker.random.choice(("postgres", "postgresql+asyncpg", "mysql", "mongodb+srv", "redis", "amqps", "mssql"))
    return f"{scheme}://app:{password}@db.internal.test:5432/orders?sslmode=require", (password,)


def _dsn(maker: Maker) -> Made:
    password = maker.password()
    form = maker.random.choice(
        (
            "Server=db.internal.test;Database=orders;User Id=app;Password={};Encrypt=true",
            "host=db.internal.test dbname=orders user=app password={} sslmode=require",
            "jdbc:postgresql://db.internal.test/orders?user=app&password={}",
        )
    )
    return form.format(password), (password,)


def _bearer(maker: Maker) -> Made:
    token = maker.of(_URL, 40)
    return maker.random.choice(("Authorization: Bearer {}", "curl -H 'authorization: bearer {}'", "Bearer {}")).format(
        token
    ), (token,)


def _basic(maker: Maker) -> Made:
    token = base64.b64encode(f"app:{maker.password()}".encode()).decode()
    return f"Authorization: Basic {token}", (token.rstrip("="),)


def _userinfo(maker: Maker) -> Made:
    password = maker.of(_ALNUM, 20)
    return f"git clone https://deploy:{password}@git.internal.test/team/app.git", (password,)


def _password(maker: Maker) -> Made:
    password = maker.password()
    form = maker.random.choice(
        (
            "password={}",
            'DB_PASSWORD="{}"',
            "password: {}",
            "passwd => '{}'",
            'my_password = "{}"',
            '{{"password": "{}"}}',
        )
    )
    return form.format(password), (password,)


def _assigned(maker: Maker) -> Made:
    secret = maker.of(_ALNUM, maker.random.randint(24, 40))
    form = maker.random.choice(
        (
            "api_key={}",
            "apikey: {}",
            'client_secret = "{}"',
            "X-Api-Key: {}",
            "ACCESS_TOKEN={}",
            "auth_token: '{}'",
            "apikey := {}",
        )
    )
    return form.format(secret), (secret,)


def _curl(maker: Maker) -> Made:
    password = maker.of(_ALNUM, 14)
    return f"curl -s --user 'api:{password}' https://api.internal.test/v2/messages", (password,)


def _card(maker: Maker) -> Made:
    prefix, length = maker.random.choice((("4", 16), ("51", 16), ("2221", 16), ("37", 15), ("6011", 16), ("3530", 16)))
    digits = maker.luhn(prefix, length)
    if length == 15:
        spaced = f"{digits[:4]} {digits[4:10]} {digits[10:]}"
    else:
        spaced = " ".join(digits[i : i + 4] for i in range(0, length, 4))
    shown = maker.random.choice((digits, spaced, spaced.replace(" ", "-")))
    return maker.random.choice(("{}", "card {} exp 11/29", "paid with {}.")).format(shown), (shown,)


def _iban(maker: Maker) -> Made:
    country, length = maker.random.choice((("DE", 22), ("FR", 27), ("GB", 22), ("NL", 18), ("ES", 24)))
    letters = {"GB": "WEST", "NL": "ABNA"}.get(country, "")
    body = letters + maker.of(string.digits, length - 4 - len(letters))
    check = 98 - int("".join(str(int(char, 36)) for char in body + country + "00")) % 97
    plain = f"{country}{check:02d}{body}"
    spaced = " ".join(plain[i : i + 4] for i in range(0, length, 4))
    shown = maker.random.choice((plain, spaced))
    return f"please pay to {shown} today", (shown,)


def _email(maker: Maker) -> Made:
    address = f"{maker.of(string.ascii_lowercase, 6)}.{maker.of(string.ascii_lowercase, 7)}@{maker.of(string.ascii_lowercase, 8)}.example.com"
    return maker.random.choice(("{}", "write to {}.", "Ana <{}>")).format(address), (address,)


def _phone(maker: Maker) -> Made:
    last = maker.of(string.digits, 4)
    number = maker.random.choice(
        (f"+4930123{last}", f"+1 415 555 {last}", f"(415) 555-{last}", f"+44 20 7946 {last}", f"212-555-{last}")
    )
    return f"call {number} please", (number,)


def _ssn(maker: Maker) -> Made:
    number = f"{maker.random.randint(100, 665)}-{maker.random.randint(10, 99)}-{maker.random.randint(1000, 9999)}"
    return f"SSN {number}", (number,)


def _tax_id(maker: Maker) -> Made:
    digits = maker.random.sample(string.digits, 10)
    if digits[0] == "0":
        digits[0], digits[1] = digits[1], digits[0]
    at, other = maker.random.sample(range(1, 10), 2)
    digits[at] = digits[other]
    product = 10
    for digit in digits:
        rest = (int(digit) + product) % 10 or 10
        product = 2 * rest % 11
    number = "".join(digits) + str((11 - product) % 10)
    return f"IdNr {number}", (number,)


def _nir(maker: Maker) -> Made:
    body = f"{maker.random.choice('12')}{maker.random.randint(10, 99)}{maker.random.randint(1, 12):02d}75{maker.of(string.digits, 6)}"
    number = f"{body}{97 - int(body) % 97:02d}"
    return f"NIR {number}", (number,)


def _dni(maker: Maker) -> Made:
    number = maker.random.randint(10_000_000, 99_999_999)
    shown = f"{number}{'TRWAGMYFPDXBNJZSQVHLCKE'[number % 23]}"
    return f"DNI {shown}", (shown,)


KINDS: Mapping[str, Mapping[str, Callable[[Maker], Made]]] = {
    "credentials": {
        "private key": _pem("RSA PRIVATE KEY"),
        "openssh key": _pem("OPENSSH PRIVATE KEY"),
        "service account key": _pem_in_json,
        "aws key pair": _aws_pair,
        "aws access key id": _alone("AKIA", _UPPER, 16),
        "google api key": _alone("AIza", _URL, 35, "https://maps.test/js?key={}"),
        "google oauth secret": _alone("GOCSPX-", _URL, 28),
        "azure connection string": _azure,
        "azure signed url": _sas,
        "github token": _alone("ghp_", _ALNUM, 36),
        "github app token": _alone("ghs_", _ALNUM, 36, "https://x-access-token:{}@github.com/acme/app"),
        "github fine-grained token": _alone("github_pat_", _ALNUM + "_", 82),
        "gitlab token": _alone("glpat-", _URL, 20, "PRIVATE-TOKEN: {}"),
        "slack bot token": lambda maker: (
            lambda token: (f'"bot_token": "{token}"', (token,))
        )(f"xoxb-{maker.of(string.digits, 12)}-{maker.of(string.digits, 13)}-{maker.of(_ALNUM, 24)}"),
        "stripe key": _alone("sk_live_", _ALNUM, 24),
        "npm token": _alone("npm_", _ALNUM, 36, "//registry.npmjs.org/:_authToken={}"),
        "pypi token": _alone("pypi-AgEIcHlwaS5vcmc", _URL, 120),
        "sendgrid key": lambda maker: (
            lambda token: (token, (token,))
        )(f"SG.{maker.of(_URL, 22)}.{maker.of(_URL, 43)}"),
        "twilio key": _alone("SK", _HEX, 32),
        "openai key": _alone("sk-proj-", _URL, 48),
        "anthropic key": _alone("sk-ant-api03-", _URL, 90),
        "hugging face token": _alone("hf_", string.ascii_letters, 34),
        "vault token": _alone("hvs.", _URL, 90),
        "jwt": _jwt,
        "database url": _database,
        "connection string": _dsn,
        "bearer token": _bearer,
        "basic credentials": _basic,
        "password in a url": _userinfo,
        "password": _password,
        "assigned secret": _assigned,
        "password on a command line": _curl,
    },
    "payment": {"card number": _card},
    "personal": {
        "iban": _iban,
        "e-mail": _email,
        "phone": _phone,
        "us ssn": _ssn,
        "german tax id": _tax_id,
        "french nir": _nir,
        "spanish dni": _dni,
    },
}  # fmt: skip


def _ulid(maker: Maker) -> str:
    return "01" + maker.of("0123456789ABCDEFGHJKMNPQRSTVWXYZ", 24)


def _isbn(maker: Maker) -> str:
    return f"ISBN 978-{maker.random.randint(0, 9)}-{maker.of(string.digits, 3)}-{maker.of(string.digits, 5)}-{maker.random.randint(0, 9)}"


def _image(maker: Maker) -> str:
    return "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + maker.random.randbytes(300)).decode()


HARMLESS: Mapping[str, Callable[[Maker], str]] = {
    "order number": lambda maker: f"ORD-{maker.of(string.digits, 8)}",
    "long order number": lambda maker: f"order {maker.of(string.digits, 12)}",
    "invoice": lambda maker: f"INV-2026-{maker.of(string.digits, 6)}",
    "uuid": lambda maker: str(uuid.UUID(int=maker.random.getrandbits(128), version=4)),
    "git hash": lambda maker: f"commit {maker.of(_HEX, 40)}",
    "short hash": lambda maker: maker.of(_HEX, 8),
    "sha256": lambda maker: f"sha256:{hashlib.sha256(maker.random.randbytes(8)).hexdigest()}",
    "isbn": _isbn,
    "microseconds": lambda maker: str(1_700_000_000_000_000 + maker.random.randrange(10**14)),
    "milliseconds": lambda maker: str(1_700_000_000_000 + maker.random.randrange(10**11)),
    "timestamp": lambda maker: f"2026-11-{maker.random.randint(10, 28)}T12:{maker.random.randint(10, 59)}:57.000{maker.of(string.digits, 3)}Z",
    "image": _image,
    "version": lambda maker: f"v{maker.random.randint(0, 20)}.{maker.random.randint(0, 99)}.{maker.random.randint(0, 9999)}-rc.{maker.random.randint(1, 9)}",
    "colour": lambda maker: f"#{maker.of(_HEX, 6)}",
    "ulid": _ulid,
    "product": lambda maker: f"ThinkPad X{maker.random.randint(1, 9)} Carbon Gen {maker.random.randint(1, 13)} {maker.of(_UPPER, 10)}",
    "address": lambda maker: f"10.{maker.random.randint(0, 255)}.{maker.random.randint(0, 255)}.{maker.random.randint(0, 255)}:8080",
    "path": lambda maker: f"src/main/java/com/acme/{maker.of(string.ascii_lowercase, 8)}/Service{maker.random.randint(1, 9)}.java",
    "page token": lambda maker: f"nextPageToken: {maker.random.randint(1, 99)}; max_tokens: {maker.random.randint(1000, 9000)}",
    "prose": lambda maker: f"The password must have {maker.random.randint(8, 64)} characters; tokens expire after {maker.random.randint(1, 24)} hours.",
    "code": lambda maker: f"password = os.environ['DB_PASSWORD_{maker.random.randint(1, 9)}']",
    "money": lambda maker: f"{maker.random.randint(1, 999)},{maker.of(string.digits, 3)}.{maker.of(string.digits, 2)} EUR",
    "coordinates": lambda maker: f"{maker.random.uniform(-90, 90):.6f}, {maker.random.uniform(-180, 180):.6f}",
    "etag": lambda maker: f'W/"{maker.of(_HEX, 32)}"',
    "tracking number": lambda maker: f"1Z{maker.of(_UPPER, 16)}",
    "trace": lambda maker: f"00-{maker.of(_HEX, 32)}-{maker.of(_HEX, 16)}-01",
    "url": lambda maker: f"https://docs.example.com/v{maker.random.randint(1, 9)}/guide?page={maker.random.randint(1, 99)}&sort=name",
    "resource": lambda maker: f"projects/acme-{maker.of(_LOWER, 6)}/locations/europe-west1/instances/{maker.of(_LOWER, 12)}",
    "part number": lambda maker: f"PN {maker.of(string.digits, 3)}-{maker.of(string.digits, 4)}-{maker.of(_UPPER, 2)}",
    "cursor": lambda maker: base64.urlsafe_b64encode(maker.random.randbytes(24)).decode(),
}  # fmt: skip
