"""IDs never repeat and never go backwards, over restarts, crashes and clocks that were set back."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from dozo.ids.layout import decode


def mark_of(tmp_path: Path, worker: int) -> int:
    return int((tmp_path / "ids" / f"worker-{worker}").read_text())


def some(node) -> list[int]:
    with node.redis() as client:
        return client.execute_command("ID.NEXT", "COUNT", 1000)


def test_restarts_in_a_row(start_ids, tmp_path):
    numbers = []
    for _ in range(3):
        node = start_ids("--worker-id", "3")
        numbers += some(node)
        assert node.stop() == 0
        assert mark_of(tmp_path, 3) == decode(numbers[-1]).unix_ms + 1
    assert numbers == sorted(set(numbers))


def test_killed_without_a_word(start_ids, tmp_path):
    before = start_ids("--worker-id", "3")
    numbers = some(before)
    before.stop(signal.SIGKILL)
    mark = mark_of(tmp_path, 3)
    assert mark > decode(numbers[-1]).unix_ms
    numbers += some(start_ids("--worker-id", "3"))
    assert decode(numbers[-1]).unix_ms >= mark
    assert numbers == sorted(set(numbers))


def test_the_clock_was_set_back_between_two_runs(start_ids, tmp_path):
    # To the new process it makes no difference whether the clock went back or the mark went forward.
    ahead = int(time.time() * 1000) + 3_600_000
    (tmp_path / "ids").mkdir()
    (tmp_path / "ids" / "worker-3").write_text(f"{ahead}\n")
    node = start_ids("--worker-id", "3")
    first = some(node)
    second = some(node)
    assert decode(first[0]).unix_ms >= ahead
    assert first + second == sorted({*first, *second})
    node.stop()
    assert mark_of(tmp_path, 3) == decode(second[-1]).unix_ms + 1
    assert some(start_ids("--worker-id", "3"))[0] > second[-1]


def test_a_start_that_issues_nothing_leaves_the_mark(start_ids, tmp_path):
    ahead = int(time.time() * 1000) + 3_600_000
    (tmp_path / "ids").mkdir()
    (tmp_path / "ids" / "worker-3").write_text(f"{ahead}\n")
    start_ids("--worker-id", "3").stop()
    assert mark_of(tmp_path, 3) == ahead


def refused(dozo_id) -> str:
    told = dozo_id("serve", "--worker-id", "3", "--id-port", "0")
    assert told.returncode == 1
    return told.stderr


def test_one_worker_id_is_one_process(start_ids, dozo_id):
    start_ids("--worker-id", "3")
    assert "worker ID 3 is in use by another process" in refused(dozo_id)


def test_a_damaged_file_is_refused(dozo_id, tmp_path):
    (tmp_path / "ids").mkdir()
    (tmp_path / "ids" / "worker-3").write_text("yesterday\n")
    assert "worker-3 is damaged" in refused(dozo_id)


def test_a_place_that_can_not_be_written(dozo_id, tmp_path):
    (tmp_path / "ids").write_text("a file, not a folder")
    assert "worker-3: " in refused(dozo_id)
