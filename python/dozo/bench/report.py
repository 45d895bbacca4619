"""Results as a table in Markdown, as JSON and as a chart."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dozo.bench.processes import BenchError

Results = dict[str, Any]


def tables(results: Results) -> str:
    """All results in Markdown."""
    parts = [_requests(results)]
    if "ids" in results:
        parts.append(_ids(results["ids"]))
    # Results from before these were measured are still shown.
    if "doors" in results:
        parts.append(_doors(results["doors"]))
    parts.append(_memory(results))
    if "collections" in results:
        parts += [_collections(results["collections"]), _stalls(results["stalls"])]
    if "saving" in results:
        parts += [_saves(results["saving"]), _journal(results["journal"]), _loading(results["loading"])]
    parts.append(_hits(results))
    if "library" in results:
        parts.append(_library(results["library"]))
    if "streams" in results:
        parts.append(_streams(results["streams"]))
    if "tier" in results:
        parts.append(_tier(results["tier"]))
    if "starts" in results:
        parts.append(_starts(results["starts"]))
    return "\n".join(parts)


def _requests(results: Results) -> str:
    lines = [
        "| load | pipeline | dozo CPU/request | peer CPU/request | CPU ratio "
        "| dozo requests/s | peer requests/s | p50 / p99 ms (peer) |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for peer in ("redis", "memcached"):
        for row in results[peer]:
            mine, theirs = row["dozo"], row[peer]
            cells = (
                *(f"{row['load']} vs {peer}", f"{row['pipeline']}"),
                *(f"{mine['cpu_us']:.2f} us", f"{theirs['cpu_us']:.2f} us", f"**{row['cpu_ratio']:.2f}**"),
                *(f"{mine['requests_per_s']:,.0f}", f"{theirs['requests_per_s']:,.0f}"),
                f"{_latency(mine)} ({_latency(theirs)})",
            )
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _ids(measured: list[Results]) -> str:
    lines = [
        "| unique IDs | pipeline | CPU/request | requests/s | IDs/ms (of 4096) | p50 / p99 ms |",
        "|---|---|---|---|---|---|",
    ]
    for row in measured:
        mine = row["dozo"]
        cells = (
            *(row["load"], f"{row['pipeline']}", f"{mine['cpu_us']:.2f} us"),
            *(f"{mine['requests_per_s']:,.0f}", f"{mine['ids_per_ms']:,.1f}", _latency(mine)),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _doors(rows: list[Results]) -> str:
    lines = ["| gateway | load | CPU/request | requests/s | p50 / p99 ms |", "|---|---|---|---|---|"]
    for row in rows:
        figures = f"{row['cpu_us']:.1f} us | {row['requests_per_s']:,.0f} | {_latency(row)}"
        lines.append(f"| {row['door']} | {row['load']} | {figures} |")
    return "\n".join(lines) + "\n"


def _latency(sample: Results) -> str:
    return f"{sample['p50_ms']:.2f} / {sample['p99_ms']:.2f}"


def _memory(results: Results) -> str:
    memory = results["memory"]
    lines = [
        f"| memory at {memory['keys']:,} keys of 16 bytes | empty server | " + _value_heads(memory),
        "|---|---|" + "---|" * len(_sizes(memory)),
    ]
    for name, base in memory["base_rss_mib"].items():
        costs = " | ".join(f"{memory['bytes_per_key'][name][size]:.0f} bytes" for size in _sizes(memory))
        lines.append(f"| {name} | {base:.1f} MiB | {costs} |")
    return "\n".join(lines) + "\n"


def _collections(measured: Results) -> str:
    kinds = list(measured["bytes"]["dozo"])
    head = f"bytes of memory each, {measured['collections']:,} of {measured['elements']} elements of 16 bytes"
    lines = [f"| {head} | {' | '.join(kinds)} |", "|---|" + "---|" * len(kinds)]
    for name, row in measured["bytes"].items():
        lines.append(f"| {name} | " + " | ".join(f"{row[kind]:.0f}" for kind in kinds) + " |")
    return "\n".join(lines) + "\n"


def _stalls(measured: Results) -> str:
    cases = [(kind, way) for kind, row in measured["worst_ms"]["dozo"].items() for way in row]
    head = f"worst wait of another client while a value of {measured['elements']:,} elements is removed"
    lines = [
        f"| {head} | {' | '.join(f'{kind}, {way}' for kind, way in cases)} |",
        "|---|" + "---|" * len(cases),
    ]
    for name, row in measured["worst_ms"].items():
        lines.append(f"| {name} | " + " | ".join(f"{row[kind][way]:.2f} ms" for kind, way in cases) + " |")
    return "\n".join(lines) + "\n"


def _saves(measured: Results) -> str:
    head = f"saving {measured['keys']:,} keys under {measured['writes_per_s']:,} writes/s"
    lines = [
        f"| {head} | memory grows by | p99 of a PING before / during | worst PING | takes |",
        "|---|---|---|---|---|",
    ]
    for name, row in measured["figures"].items():
        for command, figures in row.items():
            cells = (
                f"{figures['growth_percent']:.1f} %",
                f"{figures['idle_p99_ms']:.2f} / {figures['p99_ms']:.2f} ms",
                f"{figures['worst_ms']:.1f} ms",
                f"{figures['seconds']:.1f} s",
            )
            lines.append(f"| {name} {command} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _streams(measured: Results) -> str:
    head = f"a value of {measured['bytes'] >> 20} MB by chunks, with a disk tier and maxmemory 64mb"
    lines = [
        f"| {head} | memory it takes | p99 of others' PING | worst | takes |",
        "|---|---|---|---|---|",
    ]
    for way, row in measured["figures"].items():
        cells = (
            f"{row['extra_bytes'] / (1 << 20):.1f} MB",
            f"{row['p99_ms']:.2f} ms",
            f"{row['worst_ms']:.1f} ms",
            f"{row['seconds']:.1f} s",
        )
        lines.append(f"| {way} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _journal(measured: Results) -> str:
    lines = [
        "| CPU of a SET with a journal, everysec | dozo without | dozo | redis | dozo / without | dozo / redis |",
        "|---|---|---|---|---|---|",
    ]
    for pipeline, cost in measured.items():
        cells = (
            *(f"{cost[name]:.2f} us" for name in ("without_us", "everysec_us", "redis_everysec_us")),
            *(f"**{cost[name]:.2f}**" for name in ("to_without", "to_redis")),
        )
        lines.append(f"| pipeline {pipeline} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _loading(measured: Results) -> str:
    forms = list(measured["seconds"]["dozo"])
    lines = [
        f"| seconds to load {measured['keys']:,} keys | {' | '.join(forms)} |",
        "|---|" + "---|" * len(forms),
    ]
    for name, row in measured["seconds"].items():
        lines.append(f"| {name} | " + " | ".join(f"{row[form]:.2f}" for form in forms) + " |")
    return "\n".join(lines) + "\n"


def _sizes(memory: Results) -> list[str]:
    return list(memory["bytes_per_key"]["dozo"])


def _value_heads(memory: Results) -> str:
    return " | ".join(f"a key, {size}-byte value, over both" for size in _sizes(memory)) + " |"


def _hits(results: Results) -> str:
    ratios = results["hit_ratios"]["ratios"]
    loads = list(next(iter(ratios.values())))
    lines = [f"| hit ratio at equal memory | {' | '.join(loads)} |", "|---|" + "---|" * len(loads)]
    for name, row in ratios.items():
        lines.append(f"| {name} | " + " | ".join(f"{row[load]:.3f}" for load in loads) + " |")
    return "\n".join(lines) + "\n"


def _library(measured: Results) -> str:
    threads = f"with {measured['threads']} threads"
    lines = [
        f"| {measured['value_bytes']}-byte values in a Python process | get | set | get, {threads} | set, {threads} "
        "| memory an item |",
        "|---|---|---|---|---|---|",
    ]
    names = ("get_ns", "set_ns", "get_threads_ns", "set_threads_ns")
    for peer, figures in measured["peers"].items():
        cells = (*(f"{figures[name] / 1000:.2f} us" for name in names), f"{figures['bytes_per_item']:.0f} B")
        lines.append(f"| {peer} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _tier(measured: Results) -> str:
    sizes = {name: f"{measured['sizes'][name] / 2**20:,.0f} MiB" for name in ("values", "maxmemory", "disk")}
    lines = [
        f"| {sizes['values']} of values of 100 B to 1 MB, asked for by Zipf 0.9, maxmemory {sizes['maxmemory']} "
        "| hit ratio | most RSS | most disk | written / taken | p99 in memory | p99 on disk |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in measured["runs"].items():
        tiered = "disk_bytes" in row
        cells = (
            f"{row['hit_ratio']:.3f}",
            f"{row['rss_bytes'] / 2**20:,.0f} MiB",
            f"{row['disk_bytes'] / 2**20:,.0f} MiB" if tiered else "",
            f"{row['tier_write_amplification']:.2f}" if tiered else "",
            f"{row['memory_p99_ms']:.2f} ms",
            f"{row['disk_p99_ms']:.2f} ms" if tiered else "",
        )
        lines.append(f"| {name} a disk tier of {sizes['disk']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _starts(measured: Results) -> str:
    names = {"a disk tier": f"a disk tier of {measured['keys']:,} keys"}
    lines = ["| a start with | until the first reply |", "|---|---|"]
    for name, seconds in measured["seconds"].items():
        lines.append(f"| {names.get(name, name)} | {seconds:.2f} s |")
    return "\n".join(lines) + "\n"


def chart(results: Results, path: Path) -> None:
    """CPU per request against the peer, memory a key, hit ratios, what a save costs, as one PNG. Needs matplotlib."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    saves, tier = "saving" in results, "tier" in results
    count = 3 + saves + tier
    figure, axes = pyplot.subplots(count, 1, figsize=(14, 4.5 * count))
    rows = [(peer, row) for peer in ("redis", "memcached") for row in results[peer]]
    names = [f"{row['load']} P={row['pipeline']}\nvs {peer}" for peer, row in rows]
    axes[0].bar(range(len(rows)), [row["cpu_ratio"] for _, row in rows], color="#3572a5")
    axes[0].axhline(1.0, color="black", linewidth=1)
    axes[0].set_xticks(range(len(rows)), names, rotation=90, fontsize=7)
    axes[0].set_title("CPU per request, dozo / peer (lower is better)")
    memory = results["memory"]
    sizes = [f"{size}-byte value" for size in _sizes(memory)]
    _groups(axes[1], sizes, {name: list(row.values()) for name, row in memory["bytes_per_key"].items()})
    axes[1].set_title("Bytes a key over key and value (lower is better)")
    ratios = results["hit_ratios"]["ratios"]
    loads = list(next(iter(ratios.values())))
    _groups(axes[2], list(ratios), {load: [row[load] for row in ratios.values()] for load in loads})
    axes[2].tick_params(axis="x", rotation=45, labelsize=8)
    axes[2].set_title("Hit ratio at equal memory (higher is better)")
    if saves:
        figures = results["saving"]["figures"]
        cases = {f"{name} {command}": row for name, each in figures.items() for command, row in each.items()}
        shown = {"idle_p99_ms": "p99 idle", "p99_ms": "p99 during", "worst_ms": "worst during"}
        bars = {text: [row[field] for row in cases.values()] for field, text in shown.items()}
        _groups(axes[3], list(cases), bars)
        axes[3].set_yscale("log")
        axes[3].set_title("Milliseconds another client waits while all keys are saved (lower is better)")
    if tier:
        _tier_bars(axes[-1], results["tier"])
    figure.tight_layout()
    figure.savefig(path, dpi=90)
    pyplot.close(figure)


def _tier_bars(axis: Any, measured: Results) -> None:
    """How much of each bound is used, and what else is a share of something."""
    runs, sizes = measured["runs"], measured["sizes"]
    shares = {
        "hit ratio": ("hit_ratio", 1),
        "RSS / maxmemory": ("rss_bytes", sizes["maxmemory"]),
        "files / their bound": ("disk_bytes", sizes["disk"]),
        "p99 in memory, ms": ("memory_p99_ms", 1),
        "p99 on disk, ms": ("disk_p99_ms", 1),
    }
    bars = {
        f"{name} a disk tier": [row.get(field, 0) / whole for field, whole in shares.values()]
        for name, row in runs.items()
    }
    _groups(axis, list(shares), bars)
    axis.set_title(
        f"{sizes['values'] / 2**30:.0f} GB of values through {sizes['maxmemory'] / 2**20:.0f} MB of memory"
    )


def _groups(axis: Any, names: Sequence[str], bars: dict[str, list[float]]) -> None:
    """Bars side by side for each name."""
    width = 0.8 / len(bars)
    for index, (label, heights) in enumerate(bars.items()):
        axis.bar([place + index * width for place in range(len(names))], heights, width * 0.92, label=label)
    axis.set_xticks([place + 0.4 - width / 2 for place in range(len(names))], names)
    axis.legend()


def renewed(results: Results, parts: Sequence[str], folder: Path) -> Results:
    """The results in a folder with some parts measured anew; BenchError when there are none."""
    path = folder / "latest.json"
    try:
        whole: Results = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise BenchError(f"{path}: {error}; parts can be renewed only where there is a whole") from None
    for part in parts:
        whole[part] = results[part]
        whole.setdefault("renewed", {})[part] = results["when"]
    return whole


def write(results: Results, folder: Path) -> tuple[Path, Path]:
    """Write `latest.json` and `latest.png` into the folder; returns both paths."""
    folder.mkdir(parents=True, exist_ok=True)
    document, picture = folder / "latest.json", folder / "latest.png"
    document.write_text(json.dumps(results, indent=1) + "\n")
    chart(results, picture)
    return document, picture
