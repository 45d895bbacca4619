"""Results as a table in Markdown, as JSON and as a chart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Results = dict[str, Any]


def tables(results: Results) -> str:
    """The results in Markdown, for the README."""
    parts = [_requests(results)]
    # Results from before these were measured are still shown.
    if "doors" in results:
        parts.append(_doors(results["doors"]))
    parts.append(_memory(results))
    if "collections" in results:
        parts += [_collections(results["collections"]), _stalls(results["stalls"])]
    parts.append(_hits(results))
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


def chart(results: Results, path: Path) -> None:
    """CPU per request against the peer, memory a key, and hit ratios, as one PNG. Needs matplotlib."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(3, 1, figsize=(11, 14))
    rows = [(peer, row) for peer in ("redis", "memcached") for row in results[peer]]
    names = [f"{row['load']} P={row['pipeline']}\nvs {peer}" for peer, row in rows]
    axes[0].bar(range(len(rows)), [row["cpu_ratio"] for _, row in rows], color="#3572a5")
    axes[0].axhline(1.0, color="black", linewidth=1)
    axes[0].set_xticks(range(len(rows)), names, rotation=60, ha="right", fontsize=7)
    axes[0].set_title("CPU per request, dozo / peer (lower is better)")
    memory = results["memory"]
    sizes = _sizes(memory)
    for index, name in enumerate(memory["bytes_per_key"]):
        places = [place + index * 0.27 for place in range(len(sizes))]
        axes[1].bar(places, [memory["bytes_per_key"][name][size] for size in sizes], width=0.25, label=name)
    axes[1].set_xticks(
        [place + 0.27 for place in range(len(sizes))], [f"{size}-byte value" for size in sizes]
    )
    axes[1].set_title("Bytes a key over key and value (lower is better)")
    axes[1].legend()
    ratios = results["hit_ratios"]["ratios"]
    loads = list(next(iter(ratios.values())))
    for index, load in enumerate(loads):
        places = [place + index * 0.27 for place in range(len(ratios))]
        axes[2].bar(places, [row[load] for row in ratios.values()], width=0.25, label=load)
    axes[2].set_xticks(
        [place + 0.27 for place in range(len(ratios))], list(ratios), rotation=45, ha="right", fontsize=8
    )
    axes[2].set_title("Hit ratio at equal memory (higher is better)")
    axes[2].legend()
    figure.tight_layout()
    figure.savefig(path, dpi=90)
    pyplot.close(figure)


def write(results: Results, folder: Path) -> tuple[Path, Path]:
    """Write `latest.json` and `latest.png` into the folder; returns both paths."""
    folder.mkdir(parents=True, exist_ok=True)
    document, picture = folder / "latest.json", folder / "latest.png"
    document.write_text(json.dumps(results, indent=1) + "\n")
    chart(results, picture)
    return document, picture
