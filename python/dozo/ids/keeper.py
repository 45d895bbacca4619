"""The clock rule: IDs are issued only while nobody else can be the same worker.

A claim is relied on from the moment its call was *sent*, and for less than its time: however long the answer takes, or
this process sleeps, the registry ends the claim later than the generator stops. The generator itself looks at the clock
for every ID, so it stops though this thread hangs. One that loses its claim looks for another one; IDs go on rising.

Owns that thread. Refuses to know where claims are kept (registry/) and what the settings say (service.py).
"""

from __future__ import annotations

import threading
import uuid
from dataclasses import replace
from typing import Final, Protocol

from dozo.errors import ConfigError, DozoError
from dozo.ids.registry import Claim, Registry
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
        self._claim: Claim | None = None
        """What may have to be given back, be it relied on or not."""
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
        try:
            while not self._stop.is_set():
                if self._acquire():
                    self._hold()
        except DozoError as error:
            self._fail(error)
        except RuntimeError as error:
            # The kernel takes no more calls: the server has ended before this thread was told.
            self._log("debug", f"IDs: {error}")
        except Exception as error:
            self._fail(DozoError(f"internal error: {error!r}"))
        finally:
            self._end()
            self._settled.set()

    def _end(self) -> None:
        try:
            self._give_back("the server stops")
        except DozoError as error:
            self._log("warning", f"IDs: a worker ID could not be given back: {error}")
        self._registry.close()

    def _fail(self, error: DozoError) -> None:
        """The configuration can't work: say so, to whoever waits or in the log."""
        self._failure = error
        self._refuse(str(error))
        if not self._wanted:
            self._log("error", f"IDs: {error}")

    def _acquire(self) -> bool:
        """Find a worker ID and begin to issue; False where there is none yet, after a while."""
        try:
            if self._claim_one():
                return self._begin()
            if not self._stop.is_set():
                self._complain(EXHAUSTED)
        except DozoError as error:
            if self._wanted and not self._settled.is_set():
                raise
            self._complain(f"there is no worker ID: {error}")
        self._pause(self._registry.terms.heartbeat_ms)
        return False

    def _claim_one(self) -> bool:
        """Claim the first worker that is free; one whose IDs are ahead of the clock only if there is no other."""
        if self._claim is not None:
            self._give_back("it is being leased anew")
        taken = self._registry.taken(self._stop)
        owner = str(uuid.uuid4())
        for latest_mark_ms in (self._clocks()[1], None):
            for worker in self._registry.terms.workers:
                if self._stop.is_set():
                    return False
                if worker in taken:
                    continue
                self._claim = self._registry.claim(worker, owner, latest_mark_ms)
                if self._claim is not None:
                    self._first_mark_ms = self._claim.mark_ms
                    return True
        if self._wanted and not self._settled.is_set():
            raise ConfigError(EXHAUSTED)
        return False

    def _begin(self) -> bool:
        """Wait until whoever may have lost the worker has noticed; then issue, if it is still ours."""
        self._pause(self._registry.settle_ms)
        if self._stop.is_set() or not self._renew(floor_ms=self._first_mark_ms - 1):
            return False
        assert self._claim is not None
        self._complaint = ""
        self._log("info", f"issuing IDs as worker {self._claim.worker} ({self._registry.kind})")
        self._settled.set()
        return True

    def _hold(self) -> None:
        """Renew until told to stop, or until the claim is lost."""
        usable_ms = self._registry.terms.usable_ms
        until_ms = self._clocks()[0] + usable_ms
        while not self._pause(self._registry.terms.heartbeat_ms):
            sent_ms = self._clocks()[0]
            try:
                if not self._renew():
                    return self._lose("it is not ours any more")
            except DozoError as error:
                self._complain(f"the worker ID could not be renewed: {error}")
                if self._clocks()[0] >= until_ms:
                    return self._lose("its time is over")
                continue
            if self._complaint:
                self._complaint = ""
                self._log("info", "the worker ID is renewed again")
            until_ms = sent_ms + usable_ms
        return None

    def _lose(self, why: str) -> None:
        assert self._claim is not None
        self._refuse(f"worker ID {self._claim.worker} is lost: {why}")
        self._log("warning", f"stopped issuing IDs as worker {self._claim.worker}: {why}")

    def _renew(self, floor_ms: int = 0) -> bool:
        """Renew, and let the generator go on for as long as that guarantees; False where it is another one's."""
        assert self._claim is not None
        terms = self._registry.terms
        now_ms, time_ms = self._clocks()
        kept = self._registry.renew(self._claim, max(time_ms, floor_ms + 1) + terms.ttl_ms)
        if kept is None:
            return False
        self._claim = kept
        self._generator.permit_ids(kept.worker, floor_ms, now_ms + terms.usable_ms, kept.mark_ms)
        return True

    def _give_back(self, why: str) -> None:
        """Issue no more, and release what was claimed, with the mark that was really reached."""
        last_ms = self._refuse(why)
        if self._claim is not None:
            mark_ms = max(last_ms + 1, self._first_mark_ms)
            self._registry.release(replace(self._claim, mark_ms=mark_ms))
            self._claim = None

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
