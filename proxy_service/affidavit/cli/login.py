"""Who sits at this machine, for commands that act in somebody's name."""

from __future__ import annotations

import getpass
import socket

from affidavit.errors import Misconfigured


def login() -> str:
    """Return the user and the machine; raises `Misconfigured` where neither is known."""
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (OSError, KeyError) as error:  # a container's user may have no name
        raise Misconfigured("who does this is not known here: say --by") from error
