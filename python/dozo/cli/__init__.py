"""The command line: `dozo VERB ...`, one module a verb, imported only when it is the one.

A verb describes its options (`add_options`) and runs (`run`): it parses, calls the part that does the work and prints;
it decides nothing. Whatever is wrong is said in one line on stderr and ends with exit code 1. Nobody imports this
package.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from dozo import __version__
from dozo.cli.options import Parser, nearest
from dozo.errors import ConfigError, DozoError

VERBS = {
    "serve": "Serve Redis and memcached clients until SIGTERM or SIGINT.",
    "gateway": "Open the HTTP door of a server that runs elsewhere.",
    "config": "Print the settings that serve would use and where each comes from.",
    "cli": "Talk to a server: open a prompt, run one command, or run the lines of a pipe.",
    "check": "Say what is in a dump or an append-only file, and whether it is sound.",
    "import": "Take the data of a dump or an append-only file over into a data directory.",
    "export": "Write a data directory as one RDB file.",
    "id": "Serve unique IDs, print new ones, or take some apart.",
    "bench": "Measure a server, or all of dozo beside redis-server and memcached.",
}

# A word of Python names no module.
_MODULES = {"import": "import_"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code of the process."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _run(words)
    except DozoError as error:
        print(f"dozo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _run(words: list[str]) -> int:
    if words[:1] in ([], ["-h"], ["--help"], ["help"]):
        print(_overview(), end="")
        return 0
    if words[0] == "--version":
        print(f"dozo {__version__}")
        return 0
    if words[0] not in VERBS:
        raise ConfigError(f"there is no verb {words[0]!r}{nearest(words[0], VERBS)}")
    verb = importlib.import_module(f"dozo.cli.{_MODULES.get(words[0], words[0])}")
    parser = Parser(prog=f"dozo {words[0]}", description=VERBS[words[0]], usage=f"dozo {words[0]} [OPTIONS]")
    verb.add_options(parser)
    code: int = verb.run(parser.parse_args(words[1:]))
    return code


def _overview() -> str:
    verbs = "".join(f"  {name:8} {summary}\n" for name, summary in VERBS.items())
    more = "dozo VERB --help lists the options of a verb, dozo --version says which dozo this is."
    return (
        f"usage: dozo VERB [OPTIONS]\n\nA data server for Redis and memcached clients.\n\n{verbs}\n{more}\n"
    )
