"""`dozo cli`: a prompt, a single command or a pipe of commands to a Redis or memcached server."""

from __future__ import annotations

import argparse
import os


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of redis-cli that make sense here, under the same letters."""
    parser.set_defaults(protocol=None, raw=None)
    parser.usage = "dozo cli [OPTIONS] [COMMAND [ARGUMENT ...]]"
    add = parser.add_argument
    add("-h", "--host", default="127.0.0.1", metavar="HOST", help="name or address of the server [127.0.0.1]")
    add("-p", "--port", type=int, metavar="PORT", help="its port [6379, or 11211 with --memcached]")
    add("-s", "--socket", metavar="PATH", help="path of a unix socket instead")
    add("-a", "--pass", dest="password", metavar="PASSWORD", help="safer in the variable REDISCLI_AUTH")
    add("--user", metavar="NAME", help="user the password belongs to")
    add("-n", "--database", type=int, default=0, metavar="N", help="number of the database [0]")
    add(
        "-2",
        "--resp2",
        dest="protocol",
        action="store_const",
        const=2,
        help="speak RESP2 [where output is raw]",
    )
    add("-3", "--resp3", dest="protocol", action="store_const", const=3, help="speak RESP3 [at a terminal]")
    add(
        "--raw",
        dest="raw",
        action="store_true",
        help="print values as they are [where output is no terminal]",
    )
    add("--no-raw", dest="raw", action="store_false", help="print types and quotes [at a terminal]")
    add("--memcached", action="store_true", help="speak memcached's text protocol")
    add("command", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)


def run(options: argparse.Namespace) -> int:
    """Run the shell as asked for."""
    from dozo.shell import run

    asked = run.Options(
        host=options.host,
        port=options.port,
        socket=options.socket,
        password=options.password or os.environ.get("REDISCLI_AUTH"),
        user=options.user,
        database=options.database,
        protocol=options.protocol,
        raw=options.raw,
        memcached=options.memcached,
    )
    return run.run(asked, options.command)
