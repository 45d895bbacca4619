"""Several processes in one directory, as diskcache allows them: started, forked, and handed a pickled cache."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys

import pytest

CHILD = """
import importlib, sys
diskcache = importlib.import_module(sys.argv[1])
folder = sys.argv[2]
with diskcache.Cache(folder + "/cache") as cache:
    assert cache["from"] == "the first"
    cache.set("from", b"the child", tag="t")
    assert cache.incr("n", 5) == 6
    assert cache.push("job") == 500000000000000
    with cache.transact():
        cache["in"] = [1, 2.5, None]
deque = diskcache.Deque(directory=folder + "/deque")
deque.append(deque.popleft() * 2)
deque.cache.close()
index = diskcache.Index(folder + "/index", {"b": 1, "a": 2})
index.cache.close()
"""


WORKER = """
import pickle, sys
cache = pickle.loads(bytes.fromhex(sys.argv[1]))
for _ in range(30):
    cache.incr("n")
    with cache.transact():
        cache["sum"] = cache["sum"] + 1
cache.close()
"""


def test_a_second_process(diskcache, tmp_path):
    with diskcache.Cache(tmp_path / "cache") as cache:
        cache["from"] = "the first"
        cache["n"] = 1
        deque = diskcache.Deque([21, "last"], directory=tmp_path / "deque")
        index = diskcache.Index(str(tmp_path / "index"), {"first": 0})
        words = [sys.executable, "-W", "error", "-c", CHILD, diskcache.__name__, str(tmp_path)]
        ended = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
        assert ended.returncode == 0, ended.stderr
        assert cache.get("from", tag=True) == (b"the child", "t")
        assert cache["n"] == 6
        assert cache.pull() == (500000000000000, "job")
        assert cache["in"] == [1, 2.5, None]
        assert list(deque) == ["last", 42]
        assert list(index.items()) == [("first", 0), ("b", 1), ("a", 2)]
        for each in (deque, index):
            each.cache.close()


def test_workers_get_a_pickled_cache(diskcache, tmp_path):
    with diskcache.Cache(tmp_path) as cache:
        cache["n"] = cache["sum"] = 0
        words = [sys.executable, "-c", WORKER, pickle.dumps(cache).hex()]
        workers = [subprocess.Popen(words) for _ in range(2)]
        assert [worker.wait(60) for worker in workers] == [0, 0]
        assert (cache["n"], cache["sum"]) == (60, 60)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_is_a_process_of_its_own(diskcache, tmp_path):
    with diskcache.Cache(tmp_path) as cache:
        cache["n"] = 0
        child = os.fork()
        if child == 0:
            try:
                for _ in range(30):
                    cache.incr("n")
                cache["child"] = "was here"
                cache.close()
                os._exit(0)
            finally:
                os._exit(1)
        for _ in range(30):
            cache.incr("n")
        assert os.waitpid(child, 0)[1] == 0
        assert cache["n"] == 60
        assert cache["child"] == "was here"


def test_what_is_closed_is_there_for_the_next_process(diskcache, tmp_path):
    cache = diskcache.Cache(tmp_path)
    cache.set("k", {"a": 1}, expire=1000, tag="t")
    cache[("t", 1)] = "tuple"
    cache.close()
    code = (
        "import importlib, sys; cache = importlib.import_module(sys.argv[1]).Cache(sys.argv[2]);"
        "assert cache.get('k', tag=True) == ({'a': 1}, 't'); assert cache.get('k', expire_time=True)[1] > 0;"
        "assert cache[('t', 1)] == 'tuple'; assert cache.evict('t') == 1; cache['left'] = 'open'"
    )
    words = [sys.executable, "-c", code, diskcache.__name__, str(tmp_path)]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    with diskcache.Cache(tmp_path) as cache:
        assert sorted(cache, key=str) == [("t", 1), "left"]
