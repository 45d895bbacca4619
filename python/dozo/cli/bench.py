"""`dozo bench`: put load on a memcached port, or run the whole comparison with the originals."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the verb and its two parts."""
    verbs = typer.Typer(name="bench", help="Measure a server.", rich_markup_mode=None)
    verbs.command()(memcached)
    verbs.command()(suite)
    app.add_typer(verbs)


def memcached(
    host: Annotated[str, typer.Option(help="Address of the server.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Its memcached port.")] = 11211,
    connections: Annotated[int, typer.Option(help="Connections open at once.")] = 50,
    pipeline: Annotated[int, typer.Option(help="Requests sent before a reply is awaited.")] = 1,
    requests: Annotated[int, typer.Option(help="Requests in all.")] = 200_000,
) -> None:
    """Send 90 % gets and 10 % sets of memcached's text protocol to a running server."""
    from dozo.bench import memcached_load

    memcached_load.fill(host, port)
    load = memcached_load.Load(host, port, connections, pipeline, requests)
    outcome = memcached_load.run(load)
    p50, p99 = outcome.percentile_ms(50), outcome.percentile_ms(99)
    print(f"{outcome.requests_per_s:,.0f} requests/s, p50 {p50:.3f} ms, p99 {p99:.3f} ms")


def suite(
    quick: Annotated[bool, typer.Option("--quick", help="Show that it works, measure little.")] = False,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where to write.")] = Path("bench/results"),
) -> None:
    """Measure dozo beside redis-server and memcached and write results and a chart."""
    from dozo.bench import report
    from dozo.bench.suite import QUICK, Plan, run

    results = run(QUICK if quick else Plan(), print)
    written = report.write(results, out)
    print(report.tables(results))
    print("written:", *written)
