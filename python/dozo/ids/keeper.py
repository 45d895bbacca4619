"""The clock rule: IDs are issued only while nobody else can be the same worker.

A claim is relied on from the moment its call was *sent*, and for less than its time: however long the answer takes, or
this process sleeps, the registry ends the claim later than the generator stops. The generator itself looks at the clock
for every ID, so it stops though this thread hangs. One that loses its claim looks for another one; IDs go on rising.

Owns that thread. Refuses to know where claims are kept (registry/) and what the settings say (service.py).
"""

from __future__ import annotations

import threading
import uuid
from typing import Final, Protocol

from dozo.errors import ConfigError, DozoError
from dozo.ids.registry import Claim, Registry, Unavailable
from dozo.log import Log

__all__ = ["EXHAUSTED", "Generator", "Keeper"]

EXHAUSTED: Final = "no more available id"
"""katsubushi's words for a range of worker IDs without a free one."""


class Generator(Protocol):
    """What the keeper needs of the kernel."""

    def id_figures(self) -> dict[str, object]:
        """The clocks, now_ms and time_ms, among others."""

    def permit_ids(self, worker: int, floor_ms: int, until_ms: int, mark_ms: int) -> None:
        """Issue as this worker until then."""

    def refuse_ids(self, why: str) -> int:
        """Issue no more; the time of the last ID."""


class Keeper:
    """Keeps one generator supplied with claims of one registry."""

    def __init__(self, generator: Generator, registry: Registry, log: Log) -> None:
        self._generator = generator
        self._registry = registry
        self._log = log
        self._stop = threading.Event()
        self._settled = threading.Event()
        self._failure: DozoError | None = None
        self._thread = threading.Thread(target=self._run, name="dozo-ids", daemon=True)
        self._complaint = ""
        self._wanted = False
        self._first_mark_ms = 0

    def start(self, wait: bool) -> None:
        """Begin; with `wait` return once IDs can be issued, or raise what stands against it."""
        self._wanted = wait
        if not wait:
            self._refuse("a worker ID is being leased")
        self._thread.start()
        if wait:
            self._settled.wait()
            if self._failure is not None:
                raise self._failure

    def interrupt(self) -> None:
        """Give up a `start` that waits."""
        if not self._settled.is_set():
            self._stop.set()

    def stop(self) -> None:
        """Issue no more, and give the claim back. Call it when no client is left."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        claim: Claim | None = None
        try:
            while not self._stop.is_set():
                claim = self._acquire()
                if claim is not None:
                    claim = self._hold(claim)
            if claim is not None:
                self._give_back(claim)
        except DozoError as error:
            self._fail(error)
        except RuntimeError as error:
            # The kernel takes no more calls: the server has ended before this thread was told.
            self._log("debug", f"IDs: {error}")
        finally:
            self._registry.close()
            self._settled.set()

    def _fail(self, error: DozoError) -> None:
        """The configuration can't work: say so, to whoever waits or in the log."""
        self._failure = error
        self._refuse(str(error))
        if not self._wanted:
            self._log("error", f"IDs: {error}")

    def _acquire(self) -> Claim | None:
        """Find a worker ID; None where there is none yet, after a while."""
        try:
            claim = self._claim_one()
            if claim is None:
                if self._wanted and not self._settled.is_set() and not self._stop.is_set():
                    raise ConfigError(EXHAUSTED)
                self._complain(EXHAUSTED)
            else:
                return self._first_renewal(claim)
        except DozoError as error:
            if self._wanted and not self._settled.is_set():
                raise
            self._complain(f"there is no worker ID: {error}")
        self._pause(self._registry.terms.heartbeat_ms)
        return None

    def _claim_one(self) -> Claim | None:
        """Claim the first worker that is free; one whose IDs are ahead of the clock only if there is no other."""
        taken = self._registry.taken(self._stop)
        owner = str(uuid.uuid4())
        for latest_mark_ms in (self._clocks()[1], None):
            for worker in self._registry.terms.workers:
                if self._stop.is_set():
                    return None
                if worker in taken:
                    continue
                claim = self._registry.claim(worker, owner, latest_mark_ms)
                if claim is not None:
                    return claim
        return None

    def _first_renewal(self, claim: Claim) -> Claim | None:
        """Wait until whoever may have lost the worker has noticed, then begin."""
        self._pause(self._registry.settle_ms)
        if self._stop.is_set():
            self._registry.release(claim)
            return None
        floor_ms = claim.mark_ms - 1
        self._first_mark_ms = claim.mark_ms
        kept = self._renew(claim, floor_ms)
        if kept is not None:
            self._complaint = ""
            self._log("info", f"issuing IDs as worker {kept.worker} ({self._registry.kind})")
            self._settled.set()
        return kept

    def _hold(self, claim: Claim) -> Claim | None:
        """Renew until told to stop (the claim), or until it is lost (None)."""
        until_ms = self._clocks()[0] + self._registry.terms.usable_ms
        while not self._pause(self._registry.terms.heartbeat_ms):
            sent_ms = self._clocks()[0]
            try:
                kept = self._renew(claim, 0)
            except Unavailable as error:
                self._complain(f"worker ID {claim.worker} could not be renewed: {error}")
                if self._clocks()[0] >= until_ms:
                    self._lose(claim, "its time is over")
                    return None
                continue
            if kept is None:
                self._lose(claim, "it is not ours any more")
                return None
            if self._complaint:
                self._complaint = ""
                self._log("info", f"worker ID {claim.worker} is renewed again")
            claim, until_ms = kept, sent_ms + self._registry.terms.usable_ms
        return claim

    def _lose(self, claim: Claim, why: str) -> None:
        self._refuse(f"worker ID {claim.worker} is lost: {why}")
        self._log("warning", f"stopped issuing IDs as worker {claim.worker}: {why}")

    def _renew(self, claim: Claim, floor_ms: int) -> Claim | None:
        """Renew, and let the generator go on for as long as that guarantees."""
        terms = self._registry.terms
        now_ms, time_ms = self._clocks()
        kept = self._registry.renew(claim, max(time_ms, floor_ms + 1) + terms.ttl_ms)
        if kept is not None:
            self._generator.permit_ids(kept.worker, floor_ms, now_ms + terms.usable_ms, kept.mark_ms)
        return kept

    def _give_back(self, claim: Claim) -> None:
        last_ms = self._refuse("the server stops")
        mark_ms = max(last_ms + 1, self._first_mark_ms)
        try:
            self._registry.release(Claim(claim.worker, claim.owner, mark_ms))
        except Unavailable as error:
            self._log("warning", f"worker ID {claim.worker} could not be given back: {error}")

    def _refuse(self, why: str) -> int:
        return self._generator.refuse_ids(why)

    def _complain(self, text: str) -> None:
        """Log what stands against it once, not with every heartbeat."""
        if text != self._complaint:
            self._complaint = text
            self._log("warning", f"IDs: {text}")

    def _pause(self, milliseconds: float) -> bool:
        """Wait; True where it is time to stop."""
        return self._stop.wait(milliseconds / 1000)

    def _clocks(self) -> tuple[int, int]:
        figures = self._generator.id_figures()
        now_ms, time_ms = figures["now_ms"], figures["time_ms"]
        assert isinstance(now_ms, int)
        assert isinstance(time_ms, int)
        return now_ms, time_ms
