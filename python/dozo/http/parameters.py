"""Reading the parameters of a request; what can't be read is a Problem that names the parameter."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request

from dozo.http.problems import Problem

__all__ = ["database_of", "no_parameters_but", "query_database", "whole_number", "yes_or_no"]

_MAX_DATABASE: Final = 65534


def whole_number(text: str, name: str, *, most: int) -> int:
    """A decimal number from 0 to `most`."""
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(most)) and int(text) <= most):
        raise Problem(400, f"{name} is a whole number from 0 to {most}")
    return int(text)


def database_of(text: str) -> int:
    """The number of a database; whether there is one of that number says the upstream."""
    return whole_number(text, "db", most=_MAX_DATABASE)


def query_database(request: Request) -> int:
    """The database that the query names, 0 if it names none."""
    return database_of(request.query_params.get("db", "0"))


def yes_or_no(request: Request, name: str) -> bool:
    """A parameter that is `true` or `false`, which it is when missing."""
    given = request.query_params.get(name, "false")
    if given not in ("true", "false"):
        raise Problem(400, f"{name} is true or false")
    return given == "true"


def no_parameters_but(request: Request, *known: str) -> None:
    """Refuse a query with other parameters, or with one of these twice: somebody means something by them."""
    seen: set[str] = set()
    for name, _ in request.query_params.multi_items():
        if name not in known:
            raise Problem(400, f"there is no parameter {name!r} here")
        if name in seen:
            raise Problem(400, f"{name} is given twice")
        seen.add(name)
