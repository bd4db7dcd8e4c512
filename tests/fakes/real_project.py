"""Where the contracts' own Google Cloud project is, for those who have one: `AFFIDAVIT_TEST_PROJECT` and its like.

Only throw-away topics, databases and buckets belong there: what the tests write stays.
"""

import os


def told(name: str) -> str:
    """Return the value of `AFFIDAVIT_TEST_<NAME>`, or nothing."""
    return os.environ.get(f"AFFIDAVIT_TEST_{name}", "")


def with_project(*parameters: str, needs: str) -> list[str]:
    """Return a contract's implementations; `project` is one of them where there is one with what the contract needs."""
    return [*parameters, "project"] if told("PROJECT") and told(needs) else list(parameters)
