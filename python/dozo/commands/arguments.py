"""What COMMAND tells about a command's keys and arguments: key specifications, and the tree behind a usage line.

Owns the usage notation, which is the one people know from manuals and which `Command.usage` holds:

    key [key ...]                       a word is a value; repeated
    [NX | XX] [COUNT count]             [] is optional, | chooses, capitals and signs stand for themselves
    <ON | OFF>                          <> chooses where one must be given
    [AUTH username password]            a token with several values
    <STREAMS key id>                    the same where it must be given

`arguments(usage)` turns it into the tree of COMMAND DOCS; a command without one gets its tree from its signature.
Refuses to parse requests (signature.py) and to write replies (command.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final, Literal

__all__ = ["Arg", "ArgType", "KeySpec", "arguments", "block", "oneof", "token", "typed", "usage"]

ArgType = Literal[
    "string", "integer", "double", "key", "pattern", "unix-time", "pure-token", "oneof", "block"
]

_TYPES: Final[dict[ArgType, str]] = {
    "key": "key key1 key2 source destination newkey",
    "integer": "bits client-id count cursor db decrement destination-db end frequency id increment index index1"
    " index2 len milliseconds min-match-len numkeys numreplicas offset protover samples seconds start timeout ttl"
    " version",
    "pattern": "pattern",
    "unix-time": "unix-time-seconds unix-time-milliseconds",
}
_TYPE_OF_NAME: Final = {name: kind for kind, names in _TYPES.items() for name in names.split()}
_SIGNS: Final = {"=": "equal", "~": "approximately", "*": "auto-id", "$": "new-id"}
_WORD: Final = re.compile(r"\.\.\.|[\[\]<>|]|[^\s\[\]<>|]+")


@dataclass(frozen=True, slots=True)
class KeySpec:
    """Where a command's keys stand and what happens to them.

    `flags` are words: one of RO RW OW RM for the key, then access, update, insert or delete for its value. Positions
    count from the command's own name (0). `last` counts from `first`, a negative one from the end. With `counted` the
    argument at `first` tells how many keys follow, `step` apart. `unknown` ones stand where only a look at the options,
    or at the data, can tell.
    """

    flags: str
    first: int = 1
    last: int = 0
    step: int = 1
    counted: bool = False
    unknown: bool = False
    notes: str | None = None
    keyword: str | None = None
    """The keys follow this word, which is looked for from `first` on; they are the first 1/`limit` of what follows."""
    limit: int = 0

    def positions(self, words: int) -> range:
        """The positions of the keys in a request of so many words; none where keys are counted or unknown."""
        if self.counted or self.unknown or self.keyword is not None:
            return range(0)
        return range(
            self.first, (words + self.last if self.last < 0 else self.first + self.last) + 1, self.step
        )


@dataclass(frozen=True, slots=True)
class Arg:
    """One argument: a value, a token that stands for itself, a choice (`oneof`) or a sequence (`block`) of others."""

    name: str
    type: ArgType = "string"
    token: str | None = None
    optional: bool = False
    multiple: bool = False
    multiple_token: bool = False
    key_spec: int | None = None
    children: tuple[Arg, ...] = ()

    @property
    def flags(self) -> list[str]:
        """The flags that COMMAND DOCS lists."""
        return [flag for flag in ("optional", "multiple", "multiple_token") if getattr(self, flag)]


def token(word: str, *, optional: bool = False) -> Arg:
    """A word that stands for itself, such as NX."""
    return Arg(word.lower(), "pure-token", token=word, optional=optional)


def oneof(name: str, *choices: Arg, optional: bool = False, multiple: bool = False) -> Arg:
    """Exactly one of the choices."""
    return Arg(name, "oneof", optional=optional, multiple=multiple, children=choices)


def block(name: str, *parts: Arg, optional: bool = False, multiple: bool = False) -> Arg:
    """All the parts, in this order."""
    return Arg(name, "block", optional=optional, multiple=multiple, children=parts)


def arguments(usage: str) -> tuple[Arg, ...]:
    """The tree behind a usage line; the type of a value follows from its name."""
    return tuple(_Reader(_WORD.findall(usage)).sequence())


def typed(usage: str, **kinds: ArgType) -> tuple[Arg, ...]:
    """The tree behind a usage line, with other types for some names (written with _ for -)."""

    def retype(arg: Arg) -> Arg:
        kind = kinds.get(arg.name.replace("-", "_"), arg.type)
        return replace(arg, type=kind, children=tuple(map(retype, arg.children)))

    return tuple(map(retype, arguments(usage)))


class _Reader:
    """Recursive descent over the words of a usage line."""

    def __init__(self, words: list[str]) -> None:
        self._words = words[::-1]
        self._keys: list[str] = []

    def sequence(self) -> list[Arg]:
        """Arguments up to the end of the line, or to a | or a closing bracket, which stays."""
        found: list[Arg] = []
        while self._words and self._words[-1] not in ("]", ">", "|", "..."):
            word = self._words.pop()
            if word == "[":
                self._bracket(found)
            elif word == "<":
                inside = self._alternatives(">")
                found.append(_option(inside[0]) if len(inside) == 1 else _choice(inside))
            else:
                found.append(self._word(word))
        return found

    def _bracket(self, found: list[Arg]) -> None:
        """An optional part, or the repetition of what stands before it: `key [key ...]`."""
        inside = self._alternatives("]")
        parts = inside[0]
        if len(inside) == 1 and parts and parts[-1].name == "...":
            again = parts[:-1]
            if again and found[-len(again) :] == again:
                del found[-len(again) :]
                repeated = _option(again)
                found.append(replace(repeated, multiple=True, multiple_token=repeated.token is not None))
            else:
                found.append(replace(_join(again), optional=True, multiple=True))
        elif len(inside) == 1:
            found.append(replace(_option(parts), optional=True))
        else:
            found.append(replace(_choice(inside), optional=True))

    def _alternatives(self, closing: str) -> list[list[Arg]]:
        found = [self._alternative()]
        while self._words and self._words.pop() != closing:
            found.append(self._alternative())
        return found

    def _alternative(self) -> list[Arg]:
        parts = self.sequence()
        if self._words and self._words[-1] == "...":
            parts.append(Arg(self._words.pop()))
        return parts

    def _word(self, word: str) -> Arg:
        if word in _SIGNS:
            return Arg(_SIGNS[word], "pure-token", token=word)
        if word.upper() == word and any(letter.isalpha() for letter in word):
            return token(word)
        kind = _TYPE_OF_NAME.get(word, "string")
        if kind == "key" and word not in self._keys:
            self._keys.append(word)
        return Arg(word, kind, key_spec=self._keys.index(word) if kind == "key" else None)


def _option(parts: list[Arg]) -> Arg:
    """A token takes the values after it: `COUNT count` is one argument."""
    head, *rest = parts
    if head.type != "pure-token" or not rest:
        return _join(parts)
    if len(rest) == 1 and (rest[0].token or rest[0].optional):
        return replace(block(head.name, *rest), token=head.token)
    return replace(_join(rest), token=head.token)


def _choice(alternatives: list[list[Arg]]) -> Arg:
    children = [_option(parts) for parts in alternatives]
    return oneof("_".join(child.name for child in children), *children)


def _join(parts: list[Arg]) -> Arg:
    """Several arguments become one block."""
    return parts[0] if len(parts) == 1 else block("_".join(part.name for part in parts), *parts)


def usage(args: tuple[Arg, ...]) -> str:
    """The usage line of a tree: what `arguments` reads."""
    return " ".join(_shown(arg) for arg in args)


def _shown(arg: Arg) -> str:
    if arg.type == "pure-token":
        text = arg.token or arg.name
    else:
        inside = {"oneof": " | ", "block": " "}.get(arg.type)
        text = arg.name if inside is None else inside.join(_shown(child) for child in arg.children)
        if arg.type == "oneof" and (arg.token or not arg.optional):
            text = f"<{text}>"
        if arg.token:
            text = f"{arg.token} {text}"
    if arg.multiple and not arg.optional:
        return f"{text} [{text} ...]"
    if arg.multiple:
        return f"[{text} ...]"
    return f"[{text}]" if arg.optional else text
