"""`dozo id`: serve unique IDs and nothing else, print new ones without a server, or take some apart."""

from __future__ import annotations

import argparse
import json
import sys

from dozo.cli.options import add_settings, load_settings
from dozo.errors import ConfigError

# An ID server keeps no data; whoever wants both says so by the ports, or runs `dozo serve`.
_SERVE = {"port": "0", "memcached-port": "0", "persistence": "none"}
# A worker ID that nobody else on this machine uses in this directory: its file is locked.
_NEXT = {"worker-id": "0"}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Three parts: serve, next and decode."""
    parts = parser.add_subparsers(dest="part", required=True, metavar="serve|next|decode")
    serve = parts.add_parser(
        "serve", help="serve IDs to memcached clients; every setting of dozo serve is a flag"
    )
    add_settings(serve)
    issue = parts.add_parser("next", help="issue IDs and print them, one a line, without a server")
    issue.add_argument("-n", type=int, default=1, dest="count", metavar="N", help="how many [1]")
    add_settings(issue)
    decode = parts.add_parser("decode", help="print what IDs are made of, as JSON, one a line")
    decode.add_argument("ids", nargs="*", metavar="ID", help="an ID in decimal")


def run(options: argparse.Namespace) -> int:
    """Run the part."""
    return {"serve": _serve, "next": _next, "decode": _decode}[options.part](options)


def _serve(options: argparse.Namespace) -> int:
    settings = load_settings(options, _SERVE)
    settings.refuse_exposure()
    if not settings.id.is_on:
        raise ConfigError("an ID server needs --worker-id, or --id-lease to get one from")

    from dozo import server

    return server.run(settings)


def _next(options: argparse.Namespace) -> int:
    if options.count < 0:
        raise ConfigError("-n can't be negative")
    # Where a worker ID is to be leased there is no default one.
    leased = load_settings(options).id.id_lease
    settings = load_settings(options, {} if leased else _NEXT)

    from dozo.commands.api import load_families
    from dozo.ids import local

    for number in local.issue(settings, options.count, load_families().find("ID.NEXT")):
        print(number)
    return 0


def _decode(options: argparse.Namespace) -> int:
    from dozo.ids.layout import read

    if not options.ids:
        raise ConfigError("no id")
    bad = 0
    for text in options.ids:
        try:
            print(json.dumps(read(text).as_dict(), separators=(",", ":")))
        except ValueError as error:
            print(f"dozo: {text}: {error}", file=sys.stderr)
            bad = 1
    return bad
