"""The OpenAPI document (`/openapi.json`): what each path takes and answers; a test holds the door to it.

Owns the prose. Conditional and partial requests are HTTP's own and so told in words, not as parameters.
"""

from __future__ import annotations

from typing import Any, Final

from dozo import __version__

__all__ = ["MAX_NAME", "MAX_NAMES", "TTL_PATTERN", "document"]

Json = dict[str, Any]

TTL_PATTERN: Final = r"^(keep|[1-9][0-9]{0,8}(\.[0-9]{1,3})?|0\.([1-9][0-9]{0,2}|0[1-9][0-9]?|00[1-9]))$"
MAX_NAMES: Final = 16
MAX_NAME: Final = 128
"""Names of a stream of each kind, and their characters: percent-encoded, all of them fit into a request's head."""

_BASE64_PATTERN: Final = r"^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"

_ABOUT: Final = """The data of a dozo server over HTTP. Where the server has a password, every path but `/healthz`,
`/readyz` and `/openapi.json` wants it as a bearer token (or Basic, with the name of a user). Every failure is a JSON
object whose `error` says in one line what is wrong."""

_GET: Final = """The bytes of a string. `If-None-Match` with the ETag that you have answers 304 while it is true,
`If-Match` 412 once it is not; `Range` (with `If-Range`) answers one part as 206, or 416 if it begins behind the end.
When a long value changes while it is sent, the response is broken off before its Content-Length."""

_PUT: Final = """Stores the body as a string, in place of whatever the key holds, at once: nobody sees a part of it.
`If-Match: "etag"` stores only over that version, `If-Match: *` only over an existing key, `If-None-Match: *` only
where there is none; otherwise the answer is 412. `ttl` and `flags` may also be the headers Dozo-TTL and Dozo-Flags."""

_EVENTS: Final = """Server-sent events of what is published from now on. The `data` of each is JSON: `channel`, `data`,
and `pattern` where one matched. Comments in between keep the connection alive."""

_SCHEMAS: Final[Json] = {
    "Error": {
        "type": "object",
        "required": ["error"],
        "properties": {"error": {"type": "string"}},
    },
    "Bytes": {
        "description": "Bytes that are no UTF-8.",
        "type": "object",
        "required": ["base64"],
        "additionalProperties": False,
        "properties": {"base64": {"type": "string", "pattern": _BASE64_PATTERN}},
    },
    "Command": {
        "description": "The name of a command, then its arguments.",
        "type": "array",
        "minItems": 1,
        "items": {"anyOf": [{"type": "string"}, {"type": "number"}, {"$ref": "#/components/schemas/Bytes"}]},
        "examples": [["SET", "greeting", "hello", "EX", 60]],
    },
    "Reply": {
        "description": "A reply in the shapes of RESP2.",
        "anyOf": [
            {"type": ["string", "integer", "null"]},
            {"$ref": "#/components/schemas/Bytes"},
            {"$ref": "#/components/schemas/Error"},
            {"type": "array", "items": {"$ref": "#/components/schemas/Reply"}},
        ],
    },
    "Outcome": {
        "description": "What a command answered: its result, or its error reply.",
        "oneOf": [
            {
                "type": "object",
                "required": ["result"],
                "additionalProperties": False,
                "properties": {"result": {"$ref": "#/components/schemas/Reply"}},
            },
            {"$ref": "#/components/schemas/Error"},
        ],
    },
}
_WHOLE: Final[Json] = {"type": "integer", "minimum": 0}


def document() -> Json:
    """The document, made anew for each request: nobody can change another one's."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "dozo", "version": __version__, "description": _ABOUT, "license": {"name": "MIT"}},
        "paths": {
            "/kv/{db}/{key}": _value(),
            "/command": {"post": _command()},
            "/pipeline": {"post": _pipeline()},
            "/events": {"get": _events()},
            "/id": {"get": _one_id()},
            "/ids": {"get": _many_ids()},
            "/stats": {"get": _id_stats()},
            "/metrics": {"get": _metrics()},
            "/healthz": {"get": _state("healthz", "Whether this door lives.")},
            "/readyz": {"get": _state("readyz", "Whether the server behind this door serves.", 502)},
            "/openapi.json": {"get": _itself()},
        },
        "components": {
            "schemas": _SCHEMAS,
            "securitySchemes": {
                "password": {"type": "http", "scheme": "bearer"},
                "user": {"type": "http", "scheme": "basic"},
            },
        },
        "security": [{"password": []}, {"user": []}, {}],
    }


def _value() -> Json:
    return {
        "parameters": [
            _parameter("db", {**_WHOLE, "maximum": 65534}, "path"),
            _parameter(
                "key",
                {"type": "string"},
                "path",
                description="Percent-encoded; it may hold slashes and bytes that are no UTF-8.",
            ),
        ],
        "get": _operation("getValue", "Read a value.", _bytes(), 206, 304, 404, 409, 412, 416, about=_GET),
        "head": _operation(
            "headValue", "Read what belongs to a value.", _bytes(), 206, 304, 404, 409, 412, 416
        ),
        "put": _operation(
            "putValue",
            "Store a value.",
            {"204": {"description": "Stored.", "headers": {"ETag": {"schema": {"type": "string"}}}}},
            *(404, 408, 412, 413, 507),
            about=_PUT,
            parameters=[
                _parameter(
                    "ttl",
                    {"type": "string", "pattern": TTL_PATTERN},
                    description="Seconds to live, or `keep` for the expiry that the key has; none is for ever.",
                ),
                _parameter(
                    "flags",
                    {**_WHOLE, "maximum": 2**32 - 1},
                    description="The flags that memcached clients see.",
                ),
            ],
            requestBody={
                "required": False,
                "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
            },
        ),
        "delete": _operation(
            "deleteValue",
            "Remove a key, of whatever type it is.",
            {"204": {"description": "Removed."}},
            *(404, 412),
            about="`If-Match` removes only that version.",
        ),
    }


def _command() -> Json:
    return _operation(
        "runCommand",
        "Run a command.",
        _json(_ref("Outcome")),
        *(404, 408, 413, 415, 507),
        parameters=[_database()],
        requestBody=_json_body(_ref("Command")),
    )


def _pipeline() -> Json:
    atomic = _parameter(
        "atomic",
        {"type": "boolean", "default": False},
        description="Run them as one transaction; 409 tells why it could not begin.",
    )
    commands = {"type": "array", "minItems": 1, "maxItems": 10000, "items": _ref("Command")}
    return _operation(
        "runPipeline",
        "Run commands in order.",
        _json({"type": "array", "items": _ref("Outcome")}),
        *(404, 408, 409, 413, 415, 507),
        parameters=[_database(), atomic],
        requestBody=_json_body(commands),
    )


def _events() -> Json:
    names = {"type": "array", "items": {"type": "string", "maxLength": MAX_NAME}, "maxItems": MAX_NAMES}
    return _operation(
        "events",
        "Hear what is published.",
        {
            "200": {
                "description": "A stream without end.",
                "content": {"text/event-stream": {"schema": {"type": "string"}}},
            }
        },
        about=_EVENTS,
        parameters=[
            _parameter("pattern", names, description="Channels by glob; * if nothing is named."),
            _parameter("channel", names, description="Channels by name."),
        ],
    )


def _one_id() -> Json:
    body = {"type": "object", "required": ["id"], "properties": {"id": _id_text()}}
    return _operation("nextId", "Issue an ID.", _json_or_text(body), 404)


def _many_ids() -> Json:
    body = {
        "type": "object",
        "required": ["ids"],
        "properties": {"ids": {"type": "array", "items": _id_text()}},
    }
    # katsubushi takes an empty n for none.
    count = {"anyOf": [{**_WHOLE, "maximum": 1000}, {"type": "string", "maxLength": 0}], "default": 1}
    number = _parameter("n", count, description="How many.")
    operation = _operation("nextIds", "Issue IDs.", _json_or_text(body), 404, parameters=[number])
    # What katsubushi says here is text, or nothing at all.
    operation["responses"]["400"] = {"description": "n is no number from 0 to 1000."}
    return operation


def _id_stats() -> Json:
    numbers = (
        *("pid", "uptime", "time", "curr_connections", "total_connections"),
        *("cmd_get", "get_hits", "get_misses"),
    )
    properties = {"version": {"type": "string"}, **{name: {"type": "integer"} for name in numbers}}
    schema = {"type": "object", "required": list(properties), "properties": properties}
    return _operation("idStats", "The figures of the ID service.", _json(schema), 404)


def _metrics() -> Json:
    text = {"text/plain": {"schema": {"type": "string"}}}
    return _operation(
        "metrics", "All figures, for Prometheus.", {"200": {"description": "Figures.", "content": text}}
    )


def _state(name: str, summary: str, *failures: int) -> Json:
    status = {"type": "object", "required": ["status"], "properties": {"status": {"const": "ok"}}}
    return _open(_operation(name, summary, _json(status), *failures))


def _itself() -> Json:
    return _open(_operation("openapi", "This document.", _json({"type": "object"})))


def _open(operation: Json) -> Json:
    """An operation that asks for no password."""
    operation["security"] = []
    for status in ("401", "403", "421"):
        del operation["responses"][status]
    return operation


def _operation(
    name: str, summary: str, responses: Json, *failures: int, about: str = "", **more: Any
) -> Json:
    everywhere = (400, 401, 403, 421, 502, 503)
    failed = {
        str(status): {"description": _WORDS[status], **({} if status == 304 else _error(status))}
        for status in sorted({*everywhere, *failures} - {206})
    }
    partial = {"206": responses["200"]} if 206 in failures else {}
    told = {"description": about} if about else {}
    return {
        "operationId": name,
        "summary": summary,
        **told,
        **more,
        "responses": {**responses, **partial, **failed},
    }


_WORDS: Final = {
    304: "You have that version.",
    400: "The request is malformed.",
    401: "The password is missing or wrong.",
    403: "You may not.",
    404: "There is no such thing.",
    408: "The body did not come in time.",
    409: "The key holds no string, or the transaction could not begin.",
    412: "The key is not as the condition says.",
    413: "The body is too long.",
    415: "The body is not application/json.",
    416: "The range begins behind the end.",
    421: "Without a password, a server of this machine is called by the name localhost.",
    501: "The server behind this door is no dozo and can't do this.",
    502: "The server behind this door can't be reached.",
    503: "Too much at once, or not yet; try again.",
    507: "There is no room for it.",
}


def _error(status: int) -> Json:
    return {"content": {"application/json": {"schema": _ref("Error")}}}


def _bytes() -> Json:
    text = {"schema": {"type": "string"}}
    headers = {
        "ETag": text,
        "Dozo-Flags": {"schema": _WHOLE},
        "Dozo-Expire-At-Ms": {"schema": _WHOLE, "description": "Unix milliseconds; missing for ever."},
    }
    content = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    return {"200": {"description": "The bytes.", "headers": headers, "content": content}}


def _json(schema: Json) -> Json:
    return {"200": {"description": "Done.", "content": {"application/json": {"schema": schema}}}}


def _json_body(schema: Json) -> Json:
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _json_or_text(schema: Json) -> Json:
    content = {"application/json": {"schema": schema}, "text/plain": {"schema": {"type": "string"}}}
    return {"200": {"description": "As Accept asks; text has one ID a line.", "content": content}}


def _parameter(name: str, schema: Json, where: str = "query", **more: str) -> Json:
    return {"name": name, "in": where, "required": where == "path", "schema": schema, **more}


def _database() -> Json:
    return _parameter("db", {**_WHOLE, "maximum": 65534, "default": 0})


def _id_text() -> Json:
    return {"type": "string", "pattern": "^[0-9]{1,20}$"}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}
