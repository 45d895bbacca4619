"""`dozo export`: write a data directory as one RDB file, which Redis and Valkey load."""

from __future__ import annotations

import argparse
from pathlib import Path

from dozo.cli.progress import Bar


def add_options(parser: argparse.ArgumentParser) -> None:
    """Where from and where to."""
    parser.usage = "dozo export [--data-dir DIR] FILE"
    parser.add_argument("file", type=Path, metavar="FILE", help="the RDB file to be written")
    parser.add_argument(
        "--data-dir", type=Path, default=Path("dozo-data"), metavar="DIR", help="where from [./dozo-data]"
    )


def run(options: argparse.Namespace) -> int:
    """Load the directory and write the file."""
    from dozo.offline import Offline
    from dozo.persistence import DataDir
    from dozo.persistence.recovery import plan_of_file

    data = DataDir(options.data_dir.absolute())
    plan = plan_of_file(data.path)
    data.lock()
    bar = Bar()
    offline = Offline()
    contents = offline.load_sound(plan, bar)
    bar.end()
    offline.save(options.file.absolute())
    data.unlock()
    print(f"exported {sum(keys for _, keys in contents.databases)} keys into {options.file}")
    return 0
