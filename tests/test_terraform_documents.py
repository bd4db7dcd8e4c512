"""Commands in Terraform's documents are written as the tools take them, and name what is there.

They need a cloud, so they are not run. What can be held here: a root, variable, output, target, command or flag that a
document names exists, and what the documents set is all that a root asks for.
"""

import importlib.util
import itertools
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest

from affidavit.cli import _parser
from affidavit.policy.document import load

ROOT = Path(__file__).parent.parent
TERRAFORM = ROOT / "terraform"
PAGES = sorted(str(page.relative_to(ROOT)) for page in TERRAFORM.rglob("README.md"))
PLAIN = {
    "cat",
    "chmod",
    "cp",
    "curl",
    "docker",
    "export",
    "ls",
    "mv",
    "openssl",
    "printf",
    "test",
    ".",
}  # as everywhere
FLAGS = {  # of terraform 1.11, those that documents use
    "apply": {"auto-approve", "input", "target", "var", "var-file"},
    "fmt": {"check", "recursive"},
    "import": {"var", "var-file"},
    "init": {"backend", "backend-config", "input", "migrate-state"},
    "output": {"json", "raw"},
    "plan": {"input", "out", "target", "var", "var-file"},
    "state": set(),
    "test": set(),
    "validate": set(),
}


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def is_configuration(block: str) -> bool:
    return block.startswith("version:")


def simple_commands(line: str) -> list[list[str]]:
    """Split one logical line into simple commands, those in `$(…)` first."""
    inner = re.findall(r"\$\(([^()]*)\)", line)
    lexer = shlex.shlex(re.sub(r"\$\([^()]*\)", "ANSWER", line), posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    found: list[list[str]] = [[]]
    for word in lexer:
        if set(word) <= set("|&;"):
            found.append([])
        else:
            found[-1].append(word)
    return [command for part in inner for command in simple_commands(part)] + found


def commands(page: str) -> list[list[str]]:
    lines = "\n".join(blocks(page, "sh")).replace("\\\n", " ").splitlines()
    plain = [re.sub(r"(^|\s)#\s.*", "", line) for line in lines]
    return [command for line in plain if line.strip() for command in simple_commands(line)]


ALL = [(page, command) for page in PAGES for command in commands(page)]


def of(tool: str) -> list[Any]:
    return [
        pytest.param(command, id=f"{page}: {' '.join(command)[:60]}") for page, command in ALL if command[0] == tool
    ]


def root(folder: str) -> dict[str, str]:
    """Return name to text of each top-level block `variable` and `output` of a root, as `variable.x`, `output.y`."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / folder).glob("*.tf")))
    return {
        f"{kind}.{name}": body
        for kind, name, body in re.findall(r'^(variable|output) "(\w+)" {\n(.*?)^}', text, re.MULTILINE | re.DOTALL)
    }


def names(kind: str, folder: str) -> set[str]:
    return {name.partition(".")[2] for name in root(folder) if name.startswith(f"{kind}.")}


def test_every_tool_is_known():
    """A new one is placed above, or has a test below."""
    assert {command[0] for _, command in ALL} <= PLAIN | {"affidavit", "gcloud", "make", "terraform"}


@pytest.mark.parametrize("command", of("terraform"))
def test_a_terraform_command_names_what_is_there(command: list[str]):
    folder, rest = ".", command[1:]
    if rest[0].startswith("-chdir="):
        folder, rest = rest[0].removeprefix("-chdir="), rest[1:]
        assert list((ROOT / folder).glob("*.tf")), folder
    verb, *words = rest
    flags = [word[1:].partition("=") for word in words if word.startswith("-")]

    assert {flag for flag, _, _ in flags} <= FLAGS[verb]
    assert {value.partition("=")[0] for flag, _, value in flags if flag == "var"} <= names("variable", folder)
    if verb == "output":
        assert {word for word in words if not word.startswith("-") and word not in "<>"} - paths(words) <= names(
            "output", folder
        )


def paths(words: list[str]) -> set[str]:
    """Return what follows a redirection."""
    return {after for before, after in itertools.pairwise(words) if before in (">", ">>", "<")}


@pytest.mark.parametrize("command", of("make"))
def test_a_target_exists(command: list[str]):
    target = next(word for word in command[1:] if "=" not in word)

    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("command", of("affidavit"))
def test_a_command_of_ours_is_written_as_the_program_takes_it(command: list[str]):
    _parser().parse_args(command[1:])


@pytest.mark.parametrize("page", [page for page in PAGES if any(map(is_configuration, blocks(page, "yaml")))])
def test_a_configuration_is_one_that_the_gateway_takes(page: str, tmp_path: Path):
    (text,) = filter(is_configuration, blocks(page, "yaml"))
    path = tmp_path / "affidavit.yaml"
    path.write_text(text, encoding="utf-8")

    load(path, path.read_bytes())


def gcloud() -> dict[str, Any]:
    """Return the tree of commands that the Google Cloud SDK completes from."""
    program = shutil.which("gcloud")
    for folder in Path(program).resolve().parents if program else ():
        tree = folder / "data" / "cli" / "gcloud_completions.py"
        if tree.exists():
            spec = importlib.util.spec_from_file_location("gcloud_completions", tree)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return module.STATIC_COMPLETION_CLI_TREE
    pytest.skip("no Google Cloud SDK here")


@pytest.fixture(scope="module")
def tree() -> dict[str, Any]:
    return gcloud()


@pytest.mark.parametrize("command", of("gcloud"))
def test_a_gcloud_command_and_its_flags_exist(command: list[str], tree: dict[str, Any]):
    node, words = tree, command[1:]
    flags = set(tree["flags"])
    while words and words[0] in node["commands"]:
        node, words = node["commands"][words[0]], words[1:]
        flags |= set(node["flags"])

    assert not node["commands"], f"not a whole command: {command}"
    used = {word.partition("=")[0].replace("--no-", "--") for word in words if word.startswith("--")}
    assert used <= flags | {flag.replace("--no-", "--") for flag in flags}


def tfvars(folder: str) -> set[str]:
    """Return what the documents set of a root: in a file, on a command line, or by what the other root hands over."""
    found: set[str] = set()
    for page in PAGES:
        for block in blocks(page, "hcl"):
            if block.startswith(f"# {folder}/terraform.tfvars"):
                found |= set(re.findall(r"^(\w+) *=", block, re.MULTILINE))
    for _, command in ALL:
        if command[0] == "terraform" and f"-chdir={folder}" in command:
            found |= {word.split("=")[1] for word in command if word.startswith("-var=")}
        for target in paths(command):
            if re.fullmatch(rf"{folder}/\w+\.auto\.tfvars\.json", target):
                found |= handed_over(command)
    return found


def handed_over(command: list[str]) -> set[str]:
    """Return the keys of an output that becomes the other root's variables."""
    source = next(word.removeprefix("-chdir=") for word in command if word.startswith("-chdir="))
    output = command[command.index("-json") + 1]
    body = root(source)[f"output.{output}"]
    return set(re.findall(r"^    (\w+) *=", body, re.MULTILINE))


@pytest.mark.parametrize("folder", ["terraform/audit", "terraform/gateway"])
def test_the_documents_set_variables_that_exist_and_all_that_must_be(folder: str):
    required = {
        name.partition(".")[2]
        for name, body in root(folder).items()
        if name.startswith("variable.") and not re.search(r"^  default +=", body, re.MULTILINE)
    }

    assert required <= tfvars(folder) <= names("variable", folder)
