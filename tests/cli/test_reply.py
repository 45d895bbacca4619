"""Printing: what redis-cli prints for the same replies of the same server."""

from __future__ import annotations

import pytest

from dozo.shell import run

KINDS = ["string", "integer", "double", "null", "array", "set", "map", "push", "verbatim", "true", "false"]


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("style", ["--no-raw", "--raw"])
@pytest.mark.parametrize(
    "command",
    [
        *(["DEBUG", "PROTOCOL", kind] for kind in KINDS),
        ["GET", "nosuch"],
        ["SET", "a", '1 "\\\n\x01'],
        ["GET", "a"],
        ["MGET", "a", "b"],
        ["KEYS", "none*"],
        ["NOSUCHCOMMAND"],
        ["EVAL", "return {1,{2,{3,'a'},{}},'x'}", "0"],
        ["CONFIG", "GET", "max*"],
        ["COMMAND", "INFO", "get", "set", "nosuch"],
        ["COMMAND", "DOCS", "get", "set"],
    ],
    ids=" ".join,
)
def test_prints_what_redis_cli_prints(capfdbinary, redis_cli, redis_server, protocol, style, command):
    original = ["-p", redis_server.port, f"-{protocol}", style]
    redis_cli(*original, "SET", "a", 'x "\\\n\x01')
    options = run.Options(port=redis_server.port, protocol=protocol, raw=style == "--raw")
    code = run.run(options, command)
    ours = capfdbinary.readouterr().out.decode("utf-8", "surrogateescape")
    assert ours == redis_cli(*original, *command).stdout
    assert code == (1 if ours.startswith(("ERR", "(error)")) else 0)
