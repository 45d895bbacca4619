"""`dozo check`: read a dump, an append-only file or a journal's directory, and say what is in it or what is wrong."""

from __future__ import annotations

import argparse
from pathlib import Path

from dozo.cli.progress import Bar


def add_options(parser: argparse.ArgumentParser) -> None:
    """The file, and whether to repair it."""
    parser.usage = "dozo check [--fix] FILE"
    parser.add_argument("file", type=Path, metavar="FILE", help="dump.rdb, an .aof file or a data directory")
    parser.add_argument(
        "--fix",
        action="store_true",
        help="cut an append-only file back to its last sound command; what is cut off is kept beside it",
    )


def run(options: argparse.Namespace) -> int:
    """Print what was found; 1 when something is wrong and was not repaired."""
    from dozo.offline import Offline
    from dozo.persistence.recovery import plan_of_file

    plan = plan_of_file(options.file)
    bar = Bar()
    contents, fault = Offline().load(plan, bar)
    bar.end()
    for path in plan.files:
        print(f"{path}: {path.stat().st_size} bytes")
    for index, keys in contents.databases:
        print(f"database {index}: {keys} keys")
    print(
        f"{contents.keys} keys of snapshots, {contents.expired} of them expired, "
        f"{contents.commands} commands, {contents.libraries} function libraries"
    )
    if contents.failed:
        print(f"{contents.failed} commands answered an error")
    if fault is None:
        print("sound")
        return 0
    print(f"{fault.path}: {fault.what} at byte {fault.at}; sound up to byte {fault.good}")
    if not options.fix:
        return 1
    return _fix(fault)


def _fix(fault: object) -> int:
    from dozo.errors import ConfigError
    from dozo.persistence.recovery import Fault, cut_tail

    assert isinstance(fault, Fault)
    if fault.path.suffix == ".rdb" or fault.good == 0:
        raise ConfigError(f"{fault.path} can't be repaired: it is of use as a whole only")
    try:
        side, size = cut_tail(fault)
    except OSError as error:
        raise ConfigError(f"{fault.path}: {error.strerror}") from None
    print(f"cut back to byte {fault.good}; the {size} bytes after it are in {side}")
    return 0
