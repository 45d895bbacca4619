"""INFO: every field that monitoring looks for, with true figures."""

import pytest

USUAL = ["Server", "Clients", "Memory", "Persistence", "Stats", "Replication", "CPU", "Modules", "Errorstats"]
USUAL += ["Cluster", "Keyspace"]
# Fields of redis-server that tell of parts that dozo does not have.
ELSEWHERE = {
    "Server": {"atomicvar_api", "gcc_version"},
    "Memory": {
        "active_defrag_running",
        "allocator_active",
        "allocator_frag_bytes",
        "allocator_frag_ratio",
        "allocator_resident",
        "allocator_rss_bytes",
        "allocator_rss_ratio",
        "mem_total_replication_buffers",
        "number_of_libraries",
        "rss_overhead_bytes",
        "rss_overhead_ratio",
        "used_memory_functions",
        "used_memory_scripts_eval",
        "used_memory_vm_eval",
        "used_memory_vm_functions",
        "used_memory_vm_total",
        "used_memory_vm_total_human",
    },
}


def parse(text):
    sections, current = {}, {}
    for line in text.decode().split("\r\n"):
        if line.startswith("# "):
            current = sections.setdefault(line[2:], {})
        elif line:
            name, _, value = line.partition(":")
            current[name] = value
    return sections


def test_the_sections_are_redis_s(dozo, original):
    assert list(parse(dozo("INFO"))) == list(parse(original("INFO"))) == USUAL
    for wanted in ("all", "everything", "ALL"):
        assert {"Commandstats", "Latencystats"} <= set(parse(dozo(f"INFO {wanted}")))
    assert list(parse(dozo("INFO server clients"))) == ["Server", "Clients"]
    assert list(parse(dozo("INFO keyspace nothing"))) == ["Keyspace"]
    assert dozo("INFO nothing") == b""


@pytest.mark.parametrize("section", ["Server", "Clients", "Memory", "Replication", "CPU", "Cluster"])
def test_the_fields_of_redis_are_there(dozo, original, section):
    ours, theirs = (parse(connection("INFO", section))[section] for connection in (dozo, original))
    assert set(theirs) - set(ours) - ELSEWHERE.get(section, set()) == set()


def test_the_figures_move(dozo):
    before = parse(dozo("INFO"))["Stats"]
    dozo("SET k v EX 100")
    dozo("GET k")
    dozo("GET missing")
    dozo("NOSUCHCOMMAND")
    sections = parse(dozo("INFO everything"))
    stats = sections["Stats"]
    assert int(stats["keyspace_hits"]) == int(before["keyspace_hits"]) + 1
    assert int(stats["keyspace_misses"]) == int(before["keyspace_misses"]) + 1
    assert int(stats["total_commands_processed"]) >= int(before["total_commands_processed"]) + 3
    assert int(stats["total_error_replies"]) == int(before["total_error_replies"]) + 1
    assert int(stats["total_net_input_bytes"]) > int(before["total_net_input_bytes"])
    assert sections["Keyspace"]["db0"].startswith("keys=1,expires=1,avg_ttl=")
    assert sections["Commandstats"]["cmdstat_get"].startswith("calls=")
    assert sections["Latencystats"]["latency_percentiles_usec_get"].startswith("p50=")
    assert sections["Errorstats"]["errorstat_ERR"].startswith("count=")


def test_memory_follows_the_data(dozo):
    before = int(parse(dozo("INFO memory"))["Memory"]["used_memory"])
    dozo("SET", "k", b"x" * 1_000_000)
    after = parse(dozo("INFO memory"))["Memory"]
    assert int(after["used_memory"]) - before >= 1_000_000
    assert int(after["used_memory_rss"]) > 1_000_000
    assert after["maxmemory_policy"] == "noeviction"


def test_resetstat_starts_anew(start_dozo):
    import redis

    with redis.Redis(port=start_dozo().port) as client:
        client.get("k")
        assert client.execute_command("CONFIG RESETSTAT")
        told = client.info("everything")
        assert told["keyspace_misses"] == 0
        assert "cmdstat_get" not in told
