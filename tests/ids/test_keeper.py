"""The clock rule, with a clock that only the test moves: a claim counts from when its call was sent."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from threading import Event

import pytest
from tests.waiting import until

from dozo._kernel import Kernel
from dozo.errors import ConfigError, DozoError
from dozo.ids.keeper import Keeper
from dozo.ids.registry import Claim, Terms, Unavailable
from dozo.log import Log

NOW_MS = 1_700_000_000_000
TERMS = Terms(ttl_ms=1000, heartbeat_ms=1, workers=range(1, 3))


@dataclass
class FakeGenerator:
    """Time stands still; what it was permitted and refused is kept."""

    now_ms: int = NOW_MS
    last_ms: int = 0
    permits: list[tuple[int, int, int, int]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def id_figures(self) -> dict[str, object]:
        return {"now_ms": self.now_ms, "time_ms": self.now_ms}

    def permit_ids(self, worker: int, floor_ms: int, until_ms: int, mark_ms: int) -> None:
        self.permits.append((worker, floor_ms, until_ms, mark_ms))

    def refuse_ids(self, why: str) -> int:
        self.refused.append(why)
        return self.last_ms


@dataclass
class FakeRegistry:
    """Answers renewals from a script: how many ms one takes, None for lost, or an error; then for ever the last one."""

    generator: FakeGenerator
    script: list[int | Exception | None]
    mark_ms: int = 0
    kind: str = "fake"
    terms: Terms = TERMS
    settle_ms: int = 0
    used: set[int] = field(default_factory=set)
    released: list[Claim] = field(default_factory=list)
    renewals: int = 0

    def taken(self, stop: Event) -> set[int]:
        return self.used

    def claim(self, worker: int, owner: str, latest_mark_ms: int | None) -> Claim | None:
        return Claim(worker, owner, self.mark_ms)

    def renew(self, claim: Claim, mark_ms: int) -> Claim | None:
        self.renewals += 1
        answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(answer, Exception):
            raise answer
        if answer is None:
            self.used.add(claim.worker)
            return None
        self.generator.now_ms += answer
        return replace(claim, mark_ms=mark_ms)

    def release(self, claim: Claim) -> None:
        self.released.append(claim)

    def close(self) -> None:
        pass


def keep(script, **about):
    generator = FakeGenerator()
    registry = FakeRegistry(generator, script, **about)
    return generator, registry, Keeper(generator, registry, Log("warning"))


def test_a_claim_counts_from_when_its_call_was_sent():
    generator, _, keeper = keep([400, 300, 0])
    keeper.start(wait=True)
    until("it is permitted thrice", lambda: len(generator.permits) > 2)
    keeper.stop()
    # However long the answer took: 950 of the 1000 ms, from before it.
    assert [end - NOW_MS for _, _, end, _ in generator.permits[:3]] == [950, 400 + 950, 700 + 950]
    # No ID may have a time that the registry has not heard of.
    assert [mark - NOW_MS for _, _, _, mark in generator.permits[:3]] == [1000, 1400, 1700]


def test_only_the_first_permit_has_a_floor_and_it_is_the_mark():
    ahead = NOW_MS + 5000
    generator, _, keeper = keep([0], mark_ms=ahead)
    keeper.start(wait=True)
    until("it is permitted twice", lambda: len(generator.permits) > 1)
    keeper.stop()
    assert generator.permits[0] == (1, ahead - 1, NOW_MS + 950, ahead + 1000)
    assert generator.permits[1][1] == 0


def test_at_the_end_the_mark_is_what_was_reached():
    generator, registry, keeper = keep([0])
    keeper.start(wait=True)
    generator.last_ms = NOW_MS + 7
    keeper.stop()
    assert [(claim.worker, claim.mark_ms) for claim in registry.released] == [(1, NOW_MS + 8)]
    assert generator.refused == ["the server stops"]


def test_who_has_lost_a_worker_takes_another_one():
    generator, registry, keeper = keep([0, None, 0])
    keeper.start(wait=True)
    until("it has another worker", lambda: any(worker == 2 for worker, *_ in generator.permits))
    keeper.stop()
    assert generator.refused[0] == "worker ID 1 is lost: it is not ours any more"
    assert [claim.worker for claim in registry.released] == [1, 2]


def test_an_unreachable_registry_is_asked_until_the_time_is_over():
    generator, registry, keeper = keep([0, Unavailable("away")])
    keeper.start(wait=True)
    until("it has asked often", lambda: registry.renewals > 5)
    assert generator.refused == []
    generator.now_ms += 950
    until("it gives up", lambda: generator.refused)
    assert generator.refused[0] == "worker ID 1 is lost: its time is over"
    registry.script = [0]
    permits = len(generator.permits)
    until("it is permitted again", lambda: len(generator.permits) > permits)
    keeper.stop()


def test_a_start_that_waits_says_what_stands_against_it():
    _, _, keeper = keep([0], used={1, 2})
    with pytest.raises(ConfigError, match=r"^no more available id$"):
        keeper.start(wait=True)
    _, _, keeper = keep([Unavailable("away")])
    with pytest.raises(Unavailable, match="away"):
        keeper.start(wait=True)
    _, _, keeper = keep([KeyError("a bug")])
    with pytest.raises(DozoError, match=r"internal error: KeyError\('a bug'\)"):
        keeper.start(wait=True)


def test_a_start_that_waits_can_be_interrupted():
    _, registry, keeper = keep([0], settle_ms=3_600_000)
    registry.taken = lambda stop: keeper.interrupt() or set()
    keeper.start(wait=True)
    keeper.stop()


def test_the_kernel_has_1024_workers():
    kernel = Kernel([], {})
    kernel.permit_ids(1023, 0, 1, 1)
    assert kernel.id_figures()["worker"] == 1023
    with pytest.raises(ValueError, match="a worker ID is below 1024"):
        kernel.permit_ids(1024, 0, 1, 1)
    assert kernel.refuse_ids("a test asked") == 0
    assert kernel.id_figures()["why_not"] == "a test asked"
