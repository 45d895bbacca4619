"""`/metrics`, `/healthz` and `/readyz`."""

from __future__ import annotations

import re

import httpx

from .scripted import Scripted

SAMPLE = re.compile(r'(dozo_[a-z_]+)(\{([a-z_]+="[^"]*",?)+\})? (-?[0-9.e+-]+|NaN)')


def scrape(http) -> dict[str, float]:
    """Read every sample, as strictly as Prometheus does."""
    answer = http.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.text.endswith("\n")
    samples: dict[str, float] = {}
    typed: set[str] = set()
    for line in answer.text.splitlines():
        if line.startswith("# TYPE "):
            name, kind = line.split()[2:]
            assert name not in typed
            assert kind in ("counter", "gauge", "histogram")
            typed.add(name)
        elif not line.startswith("# HELP "):
            match = SAMPLE.fullmatch(line)
            assert match, line
            assert re.sub("_(bucket|sum|count)$", "", match[1]) in typed or match[1] in typed
            assert line.rpartition(" ")[0] not in samples
            samples[line.rpartition(" ")[0]] = float(match[4])
    return samples


def test_commands_are_counted_by_name(http, client):
    before = scrape(http)
    for _ in range(10):
        client.get("none")
    client.set("key", "x", ex=100)
    client.get("key")
    client.execute_command("EVAL", "redis.pcall('LPUSH', 'key', 'x')", 0)
    after = scrape(http)

    def grown(sample: str) -> float:
        return after[sample] - before.get(sample, 0)

    assert grown('dozo_commands_total{command="get"}') == 11
    assert grown('dozo_command_duration_seconds_count{command="get"}') == 11
    assert grown('dozo_command_duration_seconds_bucket{command="get",le="+Inf"}') == 11
    assert grown('dozo_command_duration_seconds_sum{command="get"}') >= 0
    assert grown('dozo_command_errors_total{command="lpush",kind="failed"}') == 1
    assert grown("dozo_keyspace_hits_total") == 1
    assert grown("dozo_keyspace_misses_total") == 10
    assert after['dozo_keys{db="0"}'] == after['dozo_keys_expiring{db="0"}'] == 1


def test_buckets_rise(http, client):
    client.set("key", "x")
    samples = scrape(http)
    buckets = [
        (float(name.partition('le="')[2].rstrip('"}').replace("+Inf", "inf")), value)
        for name, value in samples.items()
        if name.startswith('dozo_command_duration_seconds_bucket{command="set"')
    ]
    assert len(buckets) > 1
    assert buckets == sorted(buckets)
    assert [value for _, value in buckets] == sorted(value for _, value in buckets)


def test_what_a_dashboard_needs(http):
    samples = scrape(http)
    for name in (
        *("uptime_seconds", "connected_clients", "connections_total", "commands_processed_total"),
        *("evicted_keys_total", "expired_keys_total", "memory_used_bytes", "memory_resident_bytes"),
        *("changes_since_last_save", "last_save_ok", "journal_enabled", "loading"),
    ):
        assert f"dozo_{name}" in samples
    assert samples["dozo_memory_resident_bytes"] > samples["dozo_memory_used_bytes"] > 0
    assert samples["dozo_last_save_ok"] == 1


def test_a_command_of_any_name(start_node, tmp_path):
    (tmp_path / "mine.py").write_text(
        "from dozo.commands.api import command\n"
        '@command(\'A"B\', group="string")\n'
        'def mine() -> int:\n    """Return 1."""\n    return 1\n'
    )
    node = start_node("--load", str(tmp_path / "mine.py"))
    with node.redis() as client, httpx.Client(base_url=node.url) as http:
        client.execute_command('A"B')
        assert 'dozo_commands_total{command="a\\"b"} 1\n' in http.get("/metrics").text


def test_ids_are_counted(start_gateway):
    def answer(words: list[bytes]) -> bytes:
        if words == [b"ID.INFO"]:
            return b"*6\r\n$7\r\ncmd_get\r\n:7\r\n$8\r\nget_hits\r\n:70\r\n$9\r\nworker_id\r\n:3\r\n"
        return b"$19\r\nredis_version:7.0\r\n\r\n" if words[0] == b"INFO" else b"*0\r\n"

    with Scripted(answer) as upstream, httpx.Client(base_url=start_gateway(upstream.url).url) as http:
        samples = scrape(http)
    assert samples == {"dozo_id_requests_total": 7, "dozo_ids_issued_total": 70, "dozo_id_worker": 3}


def test_the_figures_of_a_redis_server(redis_server, start_gateway):
    gateway = start_gateway(f"redis://127.0.0.1:{redis_server.port}")
    with httpx.Client(base_url=gateway.url) as http:
        http.post("/command", json=["SET", "key", "x"])
        samples = scrape(http)
    assert samples['dozo_commands_total{command="set"}'] >= 1
    assert samples["dozo_memory_used_bytes"] > 0


def test_a_server_that_serves(http):
    for path in ("/healthz", "/readyz"):
        answer = http.get(path)
        assert answer.status_code == 200
        assert answer.json() == {"status": "ok"}


def test_an_upstream_that_is_not_there_yet(start_gateway):
    loading = True

    def answer(words: list[bytes]) -> bytes:
        return b"-LOADING dozo is loading the dataset in memory\r\n" if loading else b"+PONG\r\n"

    with Scripted(answer) as upstream:
        gateway = start_gateway(upstream.url)
        with httpx.Client(base_url=gateway.url) as http:
            assert http.get("/readyz").status_code == 503
            assert http.get("/healthz").status_code == 200
            loading = False
            assert http.get("/readyz").status_code == 200


def test_an_upstream_that_has_gone(start_node, start_gateway):
    node = start_node()
    gateway = start_gateway(f"redis://127.0.0.1:{node.port}")
    with httpx.Client(base_url=gateway.url) as http:
        assert http.get("/readyz").status_code == 200
        node.stop()
        answer = http.get("/readyz")
        assert answer.status_code == 502
        assert "can't connect" in answer.json()["error"] or "closed" in answer.json()["error"]
        assert http.get("/healthz").status_code == 200
