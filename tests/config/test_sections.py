"""The sections that another two-tier cache's file has."""

from __future__ import annotations

from pathlib import Path

import pytest

from dozo.config import SettingError, load
from dozo.config.sections import FOREIGN

WHOLE = """
[l1]
max_memory = 134217728
max_entries = 10000
eviction_strategy = "LruLfu"
[l2]
enable_l2_cache = true
data_dir = "/tmp/l2"
clear_on_startup = true
max_disk_size = "1gb"
write_buffer_size = 67108864
enable_compression = true
compression_level = 6
background_threads = 3
l2_write_strategy = "size_based"
[compression]
enable_lz4 = true
compression_threshold = 4096
compression_level = 6
[ttl]
default_ttl = 3600
max_ttl = 86400
cleanup_interval = 300
[performance]
worker_threads = 4
large_value_threshold = 20480
enable_warmup = false
[logging]
level = "INFO"
enable_colors = true
show_timestamp = false
enable_performance_logs = true
enable_audit_logs = true
enable_cache_logs = true
enable_logging = true
enable_async = true
batch_size = 4096
batch_interval_ms = 50
buffer_size = 32768
"""
MEANT = {
    "maxmemory": "134217728",
    "max-keys": "10000",
    "maxmemory-policy": "hybrid",
    "disk-tier": "/tmp/l2",
    "disk-tier-size": "1073741824",
    "disk-tier-write-buffer": "67108864",
    "disk-tier-threads": "3",
    "disk-tier-strategy": "size_based",
    "compression-threshold": "4096",
    "default-ttl": "3600",
    "max-ttl": "86400",
    "expire-interval": "300",
    "io-threads": "3",
    "large-value-threshold": "20480",
    "disk-tier-clear": "yes",
    "disk-tier-warmup": "no",
    "loglevel": "notice",
    "log-colors": "yes",
    "log-timestamp": "no",
}


def write(folder: Path, text: str) -> Path:
    path = folder / "dozo.toml"
    path.write_text(text)
    return path


def test_every_name_is_read_as_a_setting_of_dozo(tmp_path):
    path = write(tmp_path, WHOLE)
    config = load(path)
    assert {name: config.get(name)[name] for name in MEANT} == MEANT
    assert {config.source(name) for name in MEANT} == {str(path)}
    named = {
        (section, line.split()[0])
        for section, table in ((part.split("]")[0], part) for part in WHOLE.split("[")[1:])
        for line in table.splitlines()[1:]
    }
    assert named == set(FOREIGN)


def test_a_name_that_does_nothing_is_told(tmp_path):
    notes = load(write(tmp_path, WHOLE)).notes
    silent = [foreign.place for foreign in FOREIGN.values() if not foreign.settings]
    assert len(notes) == len(silent) > 0
    assert all(any(f"{place} does nothing: " in note for note in notes) for place in silent)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ('[l2]\nenable_l2_cache = false\ndata_dir = "/x"\n', {"disk-tier": ""}),
        ("[l2]\nenable_l2_cache = true\n", {"disk-tier": "dozo-tier"}),
        ('[l2]\ndata_dir = "/x"\n', {"disk-tier": "/x"}),
        ('[process]\npreset = "tiered"\n[l2]\nenable_l2_cache = false\n', {"disk-tier": ""}),
        ("[compression]\nenable_lz4 = false\ncompression_threshold = 5\n", {"compression-threshold": "0"}),
        ("[compression]\nenable_lz4 = true\n", {"compression-threshold": "1024"}),
        ("[performance]\nworker_threads = 1\n", {"io-threads": "0"}),
        ('[logging]\nenable_logging = false\nlevel = "debug"\n', {"loglevel": "nothing"}),
        ('[logging]\nlevel = "WARN"\n', {"loglevel": "warning"}),
        ("[logging]\nenable_performance_logs = false\n", {"slowlog-log-slower-than": "-1"}),
        ('[l1]\neviction_strategy = "s3fifo"\n', {"maxmemory-policy": "s3fifo"}),
        ('[l1]\neviction_strategy = "TtlBased"\n', {"maxmemory-policy": "volatile-ttl"}),
        ('[l2]\nl2_write_strategy = "Ttl_Based"\n', {"disk-tier-strategy": "ttl_based"}),
        ('[l1]\nmax_memory = "1gb"\n[memory]\nmaxmemory = "1gb"\n', {"maxmemory": "1073741824"}),
    ],
)
def test_what_some_names_mean(tmp_path, text, meant):
    config = load(write(tmp_path, text))
    assert config.get(*meant) == meant


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[l1]\nmax_memry = 1\n", "[l1] max_memry: unknown setting, did you mean 'max_memory'?"),
        ("[l1]\nmax_ttl = 1\n", "did you mean 'max_ttl' under [ttl]?"),
        ("[l1]\nmaxmemory = 1\n", "maxmemory: must stand under [memory], not [l1]"),
        ("[l3]\nx = 1\n", "[l3]: unknown section, did you mean 'l2'?"),
        ("l1 = 1\n", "[l1]: must be a table"),
        ("[l1]\nmax_memory = true\n", "[l1] max_memory: a bool can't be used here, but a size"),
        ('[l1]\neviction_strategy = "best"\n', "must be one of the following: lru, lfu, fifo, hybrid"),
        ("[l1]\neviction_strategy = 1\n", "[l1] eviction_strategy: a int can't be used here"),
        ("[l2]\nenable_l2_cache = 1\n", "[l2] enable_l2_cache: a int can't be used here, but yes or no"),
        ('[l2]\ncompression_level = "best"\n', "[l2] compression_level: argument must be a memory value"),
        ('[logging]\nbuffer_size = "big"\n', "[logging] buffer_size: argument must be a memory value"),
        (
            '[l2]\ndata_dir = "/x"\n[tier]\ndisk-tier = "/y"\n',
            "[l2] data_dir and [tier] disk-tier: are the same setting and differ",
        ),
        (
            "[l2]\nenable_compression = true\n[compression]\nenable_lz4 = false\n",
            "[l2] enable_compression and [compression] enable_lz4: are the same setting and differ",
        ),
        (
            "[l1]\nmax_memory = 1\n[memory]\nmaxmemory = 2\n",
            "[l1] max_memory and [memory] maxmemory: are the same setting and differ",
        ),
    ],
)
def test_what_is_wrong_is_one_clear_line(tmp_path, text, complaint):
    path = write(tmp_path, text)
    with pytest.raises(SettingError) as error:
        load(path)
    assert str(error.value).startswith(str(path))
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)


def test_a_rewrite_says_it_in_the_names_of_dozo(tmp_path):
    path = write(tmp_path, "[l1]\nmax_memory = 1024 # theirs\n[logging]\nenable_async = true\n")
    config = load(path)
    config.set({"maxmemory": "2kb"})
    config.rewrite()
    written = (
        '[l1]\n# max_memory = 1024 # theirs\n[logging]\nenable_async = true\n\n[memory]\nmaxmemory = "2kb"\n'
    )
    assert path.read_text() == written
    assert load(path).memory.maxmemory == 2048
