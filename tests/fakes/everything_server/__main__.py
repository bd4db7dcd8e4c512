"""`python -m fakes.everything_server [--port 0]`: serves on 127.0.0.1, prints its port, ends on SIGTERM."""

import argparse
import warnings

from mcp.shared.exceptions import MCPDeprecationWarning

from fakes.everything_server.app import application
from fakes.serving import serve

parser = argparse.ArgumentParser(description="An MCP server that can do everything.")
parser.add_argument("--port", type=int, default=0, help="0: a free one")

warnings.simplefilter("ignore", MCPDeprecationWarning)  # both eras are served here on purpose
serve(application(), parser.parse_args().port)
