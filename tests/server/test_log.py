"""The server's log: two formats, a least level, and one event a call."""

from __future__ import annotations

import io
import json
import re

import pytest

from dozo.log import Log


def test_lines_for_people() -> None:
    stream = io.StringIO()
    log = Log("notice", "console", stream)
    log("info", "ready")
    log("warning", "careful")
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info    ready\n\S+ warning careful\n", stream.getvalue()
    )


def test_one_json_object_a_line() -> None:
    stream = io.StringIO()
    Log("notice", "json", stream)("error", 'two\nlines "é"')
    event = json.loads(stream.getvalue())
    assert (event["level"], event["message"]) == ("error", 'two\nlines "é"')
    assert stream.getvalue().count("\n") == 1


@pytest.mark.parametrize(
    ("loglevel", "written"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("verbose", ["debug", "info", "warning", "error"]),
        ("notice", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
    ],
)
def test_the_least_level_is_one_of_redis(loglevel: str, written: list[str]) -> None:
    stream = io.StringIO()
    log = Log("notice", "console", stream)
    log.set_level(loglevel)
    for level in ("debug", "info", "warning", "error"):
        log(level, level)  # type: ignore[arg-type]
    assert [line.split()[-1] for line in stream.getvalue().splitlines()] == written


def test_a_closed_stream_is_no_error() -> None:
    stream = io.StringIO()
    log = Log(stream=stream)
    stream.close()
    log("error", "nobody reads this")
