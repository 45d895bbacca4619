"""`dozo import`: take the data of a Redis, Valkey or dozo file over into a data directory."""

from __future__ import annotations

import argparse
from pathlib import Path

from dozo.cli.progress import Bar
from dozo.errors import ConfigError


def add_options(parser: argparse.ArgumentParser) -> None:
    """Where from and where to."""
    parser.usage = "dozo import [--data-dir DIR] FILE"
    parser.add_argument("file", type=Path, metavar="FILE", help="dump.rdb, an .aof file or an appendonlydir")
    parser.add_argument(
        "--data-dir", type=Path, default=Path("dozo-data"), metavar="DIR", help="where to [./dozo-data]"
    )


def run(options: argparse.Namespace) -> int:
    """Load the source and write it as the directory's snapshot; the directory must be empty of data."""
    from dozo.offline import Offline
    from dozo.persistence import DataDir
    from dozo.persistence.recovery import plan_of_file

    data = DataDir(options.data_dir.absolute())
    plan = plan_of_file(options.file)
    data.make()
    data.lock()
    if data.snapshot.exists() or data.manifest_path.exists():
        raise ConfigError(f"{data.path} holds data already; import into another directory")
    bar = Bar()
    offline = Offline()
    contents = offline.load_sound(plan, bar)
    bar.end()
    offline.save(data.snapshot)
    data.unlock()
    keys = sum(keys for _, keys in contents.databases)
    print(f"imported {keys} keys into {data.snapshot}; 'dozo serve --data-dir {data.path}' serves them")
    return 0
