"""`dozo bench`: put load on a memcached port, or run the whole comparison with the originals."""

from __future__ import annotations

import argparse
import importlib.util
from dataclasses import replace
from pathlib import Path

from dozo.errors import ConfigError


def add_options(parser: argparse.ArgumentParser) -> None:
    """Three parts: memcached, ids and suite."""
    parts = parser.add_subparsers(dest="part", required=True, metavar="memcached|ids|suite")
    load = parts.add_parser("memcached", help="send 90 %% gets and 10 %% sets of the text protocol")
    load.add_argument("--host", default="127.0.0.1", help="address of the server")
    load.add_argument("--port", type=int, default=11211, help="its memcached port [11211]")
    load.add_argument("--connections", type=int, default=50, help="connections open at once [50]")
    load.add_argument("--pipeline", type=int, default=1, help="requests sent before a reply is awaited [1]")
    load.add_argument("--requests", type=int, default=200_000, help="requests in all [200000]")
    ids = parts.add_parser("ids", help="ask an ID server for all the IDs that a millisecond has")
    ids.add_argument("--host", default="127.0.0.1", help="address of the server")
    ids.add_argument("--port", type=int, default=11212, help="its ID port [11212]")
    ids.add_argument("--connections", type=int, default=8, help="connections open at once [8]")
    ids.add_argument("--pipeline", type=int, default=4, help="gets sent before a reply is awaited [4]")
    ids.add_argument("--seconds", type=float, default=5.0, help="how long [5]")
    suite = parts.add_parser(
        "suite", help="measure dozo beside redis-server and memcached; write results and a chart"
    )
    suite.add_argument("--quick", action="store_true", help="show that it works, measure little")
    suite.add_argument(
        "--stall-elements",
        type=int,
        metavar="N",
        help="size of the values whose removal other clients must not notice [10000000]",
    )
    suite.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="PART",
        help="measure this part alone (again for more) and keep what was measured of the others",
    )
    suite.add_argument(
        "--out", type=Path, default=Path("bench/results"), metavar="FOLDER", help="where to write"
    )


def run(options: argparse.Namespace) -> int:
    """Run the part."""
    return {"memcached": _memcached, "ids": _ids, "suite": _suite}[options.part](options)


def _memcached(options: argparse.Namespace) -> int:
    from dozo.bench import memcached_load

    load = memcached_load.Load(
        options.host, options.port, options.connections, options.pipeline, options.requests
    )
    try:
        memcached_load.fill(options.host, options.port)
        outcome = memcached_load.run(load)
    except OSError as error:
        raise ConfigError(f"{options.host}:{options.port}: {error.strerror or error}") from None
    p50, p99 = outcome.percentile_ms(50), outcome.percentile_ms(99)
    print(f"{outcome.requests_per_s:,.0f} requests/s, p50 {p50:.3f} ms, p99 {p99:.3f} ms")
    return 0


def _ids(options: argparse.Namespace) -> int:
    from dozo.bench import id_load

    place = (options.host, options.port)
    outcome = id_load.run(place, id_load.SUSTAINED, options.connections, options.pipeline, options.seconds)
    p50, p99 = outcome.percentile_ms(50), outcome.percentile_ms(99)
    print(
        f"{outcome.ids_per_ms:,.1f} IDs/ms, {outcome.ids / outcome.seconds:,.0f} IDs/s by the clock of this machine, "
        f"p50 {p50:.3f} ms, p99 {p99:.3f} ms a batch of {options.pipeline} gets of {id_load.SUSTAINED.ids} keys"
    )
    return 0


def _suite(options: argparse.Namespace) -> int:
    if importlib.util.find_spec("matplotlib") is None:
        raise ConfigError("the chart needs matplotlib: pip install 'dozo[bench]'")
    from dozo.bench import report
    from dozo.bench.suite import PARTS, QUICK, Plan, run

    plan = QUICK if options.quick else Plan()
    if options.stall_elements is not None:
        plan = replace(plan, stall_elements=options.stall_elements)
    for name in options.only:
        if name not in PARTS:
            raise ConfigError(f"there is no part {name!r}; there are {', '.join(PARTS)}")
    results = run(plan, print, options.only)
    if options.only:
        results = report.renewed(results, options.only, options.out)
    written = report.write(results, options.out)
    print(report.tables(results))
    print("written:", *written)
    return 0
