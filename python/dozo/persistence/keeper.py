"""Persistence: what is saved when, and what happens when that fails.

Owns the state of saves and of the journal, and every decision about them. It runs on the executor, between requests
(`chores`, ten times a second) and within commands (SAVE, BGSAVE, BGREWRITEAOF), so nothing here blocks but what a
client asked to block: waiting for a medium is done by a thread (`_Errand`), whose result the next chores pick up.

A rewrite of the journal: a new increment is made and named in the manifest; at one moment the journal turns to it and a
save begins, which becomes the new base; then a manifest names both, and what came before them is removed.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal

from dozo._kernel import Disk, Server
from dozo.config import Config, SettingError
from dozo.errors import ConfigError, ReplyError
from dozo.identity import REDIS_VERSION
from dozo.log import Logger
from dozo.persistence import recovery
from dozo.persistence.files import DataDir, Manifest, place
from dozo.persistence.points import is_due, parse_points
from dozo.persistence.tier import Tier

__all__ = ["Persistence"]

_RETRY_S: Final = 5.0
"""The pause after a save, or a rewrite, that failed."""
_REPORT_S: Final = 2.0
"""How often the log tells how loading goes."""
_BACKLOG_MAX: Final = 256 << 20
"""Bytes that wait for a failing disk, from which on writes are refused whatever the settings say."""
_SAVE_FAILED: Final = (
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. "
    "Commands that may modify the data set are disabled, because this instance is configured to report errors "
    "during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for "
    "details about the RDB error."
)


class _Errand:
    """Something that waits for the disk, on a thread of its own."""

    def __init__(self, work: Callable[[], None], then: Callable[[Server, OSError | None], None]) -> None:
        self._work, self.then = work, then
        self.error: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="dozo-errand", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._work()
        except OSError as error:
            self.error = error

    def is_over(self) -> bool:
        return not self._thread.is_alive()

    def wait(self) -> None:
        self._thread.join()


class Persistence:
    """What one server keeps on disk."""

    def __init__(self, config: Config, log: Logger) -> None:
        self.settings = config.persistence
        self.tier = Tier(config, log)
        self.log = log
        mode = self.settings.persistence
        self.has_journal = mode in ("journal", "both")
        self.has_snapshots = mode in ("snapshot", "both")
        settings = self.settings
        folder = Path(settings.data_dir or "dozo-data").absolute()
        self.data = DataDir(folder, settings.dbfilename, settings.appenddirname, settings.appendfilename)
        self.manifest: Manifest | None = None
        self.failed = False
        self._trouble = ""
        self.may_end = True
        """Whether a client's SHUTDOWN is obeyed."""
        # Saves.
        self.last_save = int(time.time())
        self.last_save_ok = True
        self.last_save_s = -1
        self.saves = 0
        self.is_scheduled = False
        self._running: Literal["", "save", "base"] = ""
        self._began = 0.0
        self._dirty_at_begin = 0
        self._dirty_saved = 0
        self._tried = 0.0
        # The journal.
        self.rewrite_is_scheduled = False
        self.is_rewriting = False
        self.last_rewrite_ok = True
        self.rewrite_trouble = ""
        """Why the last rewrite failed."""
        self.last_rewrite_s = -1
        self.base_bytes = 0
        self._disk: Disk | None = None
        self._sized: Manifest | None = None
        self._settled_bytes = 0
        self._rewrite_began = 0.0
        self._rewrite_tried = 0.0
        # Both.
        self._errand: _Errand | None = None
        self._plan = recovery.Plan((), is_journal=False)
        self._load_began = 0.0
        self._reported = 0.0
        self._is_refusing = ""
        self._is_over = False
        self._nosave = False
        self._watch_settings(config)

    # The start

    def prepare(self) -> None:
        """Take the directories and find what to load; ConfigError says why that can't be."""
        with contextlib.ExitStack() as undo:
            undo.callback(self.unlock)
            if self.settings.persistence != "none":
                self._find()
            self.tier.prepare(self.data.role)
            undo.pop_all()

    def _find(self) -> None:
        self.data.make()
        self.data.lock()
        self.data.clean()
        self.manifest = self.data.read_manifest()
        if self.manifest and not self.has_journal:
            self.log("warning", f"{self.data.folder} holds a journal, which is loaded and ends with that")
        self._plan = recovery.plan(self.data, self.manifest)

    def begin(self, server: Server) -> None:
        """Begin to load, or to serve an empty data set."""
        self.tier.begin(server, revives=not self._plan.files, keeps=self.settings.persistence == "none")
        if self.settings.persistence == "none":
            return
        kinds = {"snapshot": "snapshots", "journal": "journal", "both": "journal and snapshots"}
        self.log("info", f"data in {self.data.path} ({kinds[self.settings.persistence]})")
        self._disk = server.disk
        self._load_began = self._reported = time.monotonic()
        server.disk.begin_loading(self._plan.for_kernel())
        if not self._plan.files:
            server.disk.load_some(1)
            self._end_loading(server)

    def begin_now(self, server: Server) -> None:
        """Begin, and load everything while everybody waits; ConfigError says why that can't be."""
        self.begin(server)
        while server.disk.load_state() is not None and not self.failed:
            if not server.disk.load_some(1000):
                self._watch_loading(server)
        if self.failed:
            raise ConfigError(self._trouble)

    def _fail(self, server: Server, trouble: str) -> None:
        """There is nothing that could be served."""
        self.log("error", trouble)
        self.failed, self._trouble = True, trouble
        server.shutdown()

    def _watch_loading(self, server: Server) -> None:
        done, total, keys, *_, is_over = server.disk.load_state() or (0, 0, 0, 0, 0, 0, 0, True)
        if is_over:
            fault = server.disk.load_fault()
            trouble = self._repair(recovery.Fault(*fault)) if fault else ""
            if trouble:
                self._fail(server, trouble)
            else:
                self._end_loading(server)
            return
        now = time.monotonic()
        if now - self._reported >= _REPORT_S:
            self._reported = now
            left = (now - self._load_began) * (total - done) / max(1, done)
            self.log("info", f"loading: {done * 100 // max(1, total)} %, {keys} keys, {left:.0f} s to go")

    def _repair(self, fault: recovery.Fault) -> str:
        """Cut a torn end off where that is all that is wrong; else what is wrong."""
        is_last = self._plan.is_journal and fault.path == self._plan.files[-1]
        may_cut = (
            fault.is_torn and is_last and fault.path.suffix == ".aof" and self.settings.aof_load_truncated
        )
        if not may_cut:
            return recovery.explain(fault)
        try:
            side, size = recovery.cut_tail(fault)
        except OSError as error:
            return f"can't cut {fault.path} back to byte {fault.good}: {error.strerror}"
        self.log(
            "warning",
            f"{fault.path} ended within a command: it was cut back to byte {fault.good}; "
            f"the {size} bytes after it are in {side}",
        )
        return ""

    def _end_loading(self, server: Server) -> None:
        state = server.disk.load_state()
        try:
            if self.has_journal:
                self._open_journal(server)
            elif self.manifest:
                self._leave_journal(server)
        except OSError as error:
            self._fail(server, f"can't write {self.data.folder}: {_reason(error)}")
            return
        server.disk.end_loading()
        self._dirty_saved = server.disk.dirty
        # What the tier has brought along is in no snapshot yet.
        self.is_scheduled = self.has_snapshots and self.tier.revived > 0
        self.last_save = int(time.time())
        if state and self._plan.files:
            _, size, keys, expired, commands, failed, *_ = state
            # Clients may still know numbers that were given after what was loaded.
            server.disk.raise_cas(time.time_ns() // 1000)
            seconds = time.monotonic() - self._load_began
            self.log(
                "info",
                f"loaded {size} bytes in {seconds:.3f} s: {keys} keys, {expired} expired, {commands} commands",
            )
            if failed:
                self.log("warning", f"{failed} of the journal's commands answered an error")

    def _open_journal(self, server: Server) -> None:
        """Go on with the journal, or begin one with what was loaded as its base."""
        self.data.make_folder()
        manifest = self.manifest
        if manifest is None or manifest.base is None:
            manifest = manifest or Manifest()
            base = manifest.next_base(self.data.stem)
            temporary = self.data.folder / f"temp-{base.name}"
            server.disk.begin_save(temporary, self._aux(is_base=True))
            server.disk.finish_save()
            increment = manifest.next_increment(self.data.stem)
            place(temporary, self.data.folder / base.name)
            manifest = Manifest(base, (increment,))
            self.data.make_increment(increment)
            self.data.write_manifest(manifest)
        elif not manifest.increments:
            increment = manifest.next_increment(self.data.stem)
            manifest = Manifest(manifest.base, (increment,))
            self.data.make_increment(increment)
            self.data.write_manifest(manifest)
        self.manifest = manifest
        self.data.remove_others(manifest)
        # Of the base alone: what many short runs have added is growth too.
        self.base_bytes = self.data.sizes([manifest.base] if manifest.base else [])
        path = self.data.folder / manifest.increments[-1].name
        server.disk.open_journal(path, self.settings.appendfsync)

    def _leave_journal(self, server: Server) -> None:
        """Put what the journal held into a snapshot, and have it never loaded again: it would undo what comes now."""
        server.disk.begin_save(self._temporary, self._aux(is_base=False))
        server.disk.finish_save()
        place(self._temporary, self.data.snapshot)
        self.data.end_journal()
        self.manifest = None

    # Ten times a second

    def chores(self, server: Server) -> None:
        """Look at everything that may have ended, failed or become due."""
        # A script past its time is in the middle of something: no file may begin there.
        if self.failed or self._is_over or server.disk.is_atomic:
            return
        self.tier.watch(server)
        if server.disk.load_state() is not None:
            self._watch_loading(server)
            return
        if self._errand and self._errand.is_over():
            errand, self._errand = self._errand, None
            errand.then(server, errand.error)
        self._watch_save(server)
        self._begin_what_is_due(server)
        self._watch_disk(server)

    def watch_memory(self, server: Server) -> None:
        """Hold the bound of memory, as often as traffic may have passed it."""
        self.tier.watch_memory()

    def _begin_what_is_due(self, server: Server) -> None:
        if self.is_busy:
            return
        now = time.monotonic()
        if self.rewrite_is_scheduled or (now - self._rewrite_tried > _RETRY_S and self._has_grown(server)):
            self._begin_rewrite()
        elif self.is_scheduled:
            self.is_scheduled = False
            self._try_save(server)
        elif self.has_snapshots and self._save_is_due(server, now):
            points = self.changes(server)
            self.log("info", f"{points} changes since the last snapshot: saving")
            self._try_save(server)

    def _try_save(self, server: Server) -> None:
        """Begin a save that nobody asked for: nobody hears why it could not be but the log."""
        with contextlib.suppress(ReplyError):
            self._begin_save(server)

    def _save_is_due(self, server: Server, now: float) -> bool:
        if not self.last_save_ok and now - self._tried < _RETRY_S:
            return False
        points = parse_points(self.settings.save)
        return is_due(points, time.time() - self.last_save, self.changes(server))

    def _has_grown(self, server: Server) -> bool:
        percentage = self.settings.auto_aof_rewrite_percentage
        state = server.disk.journal_state()
        if not percentage or state is None or self.manifest is None:
            return False
        size = self.journal_bytes(server)
        growth = (size - self.base_bytes) * 100 // max(1, self.base_bytes)
        return size >= self.settings.auto_aof_rewrite_min_size and growth >= percentage

    def _watch_disk(self, server: Server) -> None:
        """Refuse writes while what they change can't be kept, and let them run again once it can."""
        text = ""
        state = server.disk.journal_state()
        if state is not None:
            appended, written, _, _, error = state
            if error and (self.settings.stop_writes_on_journal_error or appended - written > _BACKLOG_MAX):
                text = f"MISCONF Errors writing to the AOF file: {error}"
        wants_saves = self.has_snapshots and parse_points(self.settings.save)
        if not text and wants_saves and not self.last_save_ok and self.settings.stop_writes_on_bgsave_error:
            text = _SAVE_FAILED
        if text != self._is_refusing:
            self._is_refusing = text
            server.disk.refuse_writes(text or None)
            if text:
                self.log("error", f"writes are refused: {text.removeprefix('MISCONF ')}")
            else:
                self.log("info", "writes are taken again: the disk works")

    # Snapshots

    @property
    def is_saving(self) -> bool:
        """Whether a snapshot is on its way."""
        return self._running == "save"

    @property
    def is_busy(self) -> bool:
        """Whether a snapshot or a rewrite is on its way: there is one walk over the data at a time."""
        return bool(self._running) or self.is_rewriting or self._errand is not None

    def changes(self, server: Server) -> int:
        """Changes since the last snapshot."""
        return server.disk.dirty - self._dirty_saved

    def save(self, server: Server) -> None:
        """Write a snapshot while everybody waits; OSError when that fails."""
        if self.is_saving:
            raise ReplyError("ERR Background save already in progress")
        if self.is_rewriting:
            raise ReplyError("ERR Background append only file rewriting already in progress")
        self._begin_save(server)
        try:
            server.disk.finish_save()
            place(self._temporary, self.data.snapshot)
        except OSError as error:
            self._running = ""
            self._end_save(server, error)
            raise
        self._running = ""
        self._end_save(server, None)

    def save_in_background(self, server: Server, schedule: bool) -> str:
        """Begin a snapshot; the reply."""
        if self.is_saving:
            raise ReplyError("ERR Background save already in progress")
        if server.disk.is_atomic:
            self.is_scheduled = True
            return "Background saving scheduled"
        if self.is_busy:
            if not schedule:
                raise ReplyError(
                    "ERR Another child process is active (AOF?): can't BGSAVE right now. "
                    "Use BGSAVE SCHEDULE in order to schedule a BGSAVE whenever possible."
                )
            self.is_scheduled = True
            return "Background saving scheduled"
        self._begin_save(server)
        return "Background saving started"

    @property
    def _temporary(self) -> Path:
        return self.data.path / f"temp-{self.data.snapshot.name}"

    def _begin_save(self, server: Server) -> None:
        self._tried = self._began = time.monotonic()
        self._dirty_at_begin = server.disk.dirty
        try:
            self.data.path.mkdir(parents=True, exist_ok=True)
            server.disk.begin_save(self._temporary, self._aux(is_base=False))
        except OSError as error:
            self._end_save(server, error)
            raise ReplyError(f"ERR can't save: {_reason(error)}") from None
        self._running = "save"

    def _watch_save(self, server: Server) -> None:
        state = server.disk.save_state()
        if not self._running or state is None or state[0] or state[3] is None:
            return
        running, self._running = self._running, ""
        _, _, size, outcome = state
        if outcome:
            error = OSError(outcome)
            if running == "save":
                self._end_save(server, error)
            else:
                self._end_rewrite(error)
        elif running == "save":
            self._errand = _Errand(lambda: place(self._temporary, self.data.snapshot), self._end_save)
        else:
            self._place_base(size)

    def _end_save(self, server: Server, error: OSError | None) -> None:
        self.last_save_ok = error is None
        self.last_save_s = int(time.monotonic() - self._began)
        if error:
            self.log("error", f"can't save {self.data.snapshot}: {_reason(error)}")
            return
        self.saves += 1
        self.last_save = int(time.time())
        self._dirty_saved = self._dirty_at_begin
        self.log("info", f"saved {self.data.snapshot} in {time.monotonic() - self._began:.3f} s")

    def _aux(self, *, is_base: bool) -> dict[str, str]:
        return {
            "redis-ver": REDIS_VERSION,
            "redis-bits": "64",
            "ctime": str(int(time.time())),
            "aof-base": str(int(is_base)),
        }

    # The journal

    def rewrite(self, server: Server) -> str:
        """Begin to rewrite the journal; the reply."""
        if not self.has_journal:
            raise ReplyError("ERR the journal is off (see the setting persistence)")
        if self.is_rewriting or self.rewrite_is_scheduled:
            raise ReplyError("ERR Background append only file rewriting already in progress")
        if self.is_busy:
            self.rewrite_is_scheduled = True
            return "Background append only file rewriting scheduled"
        self._begin_rewrite()
        return "Background append only file rewriting started"

    def journal_bytes(self, server: Server) -> int:
        """Bytes of all files of the journal."""
        state = server.disk.journal_state()
        if state is None or self.manifest is None:
            return 0
        if self._sized is not self.manifest:
            self._sized = self.manifest
            self._settled_bytes = self.data.sizes(tuple(self.manifest.entries())[:-1])
        return self._settled_bytes + state[3]

    def _begin_rewrite(self) -> None:
        manifest = self.manifest
        if manifest is None:
            return
        self.rewrite_is_scheduled, self.is_rewriting = False, True
        self._rewrite_tried = self._rewrite_began = time.monotonic()
        increment = manifest.next_increment(self.data.stem)
        extended = Manifest(manifest.base, (*manifest.increments, increment))

        def make() -> None:
            self.data.make_increment(increment)
            self.data.write_manifest(extended)

        def turn(server: Server, error: OSError | None) -> None:
            if error:
                self._end_rewrite(error)
                return
            self.manifest = extended
            server.disk.rotate_journal(self.data.folder / increment.name)
            try:
                server.disk.begin_save(self._temporary_base, self._aux(is_base=True))
            except OSError as refused:
                self._end_rewrite(refused)
            else:
                self._running = "base"

        self._errand = _Errand(make, turn)

    @property
    def _temporary_base(self) -> Path:
        return self.data.folder / "temp-rewrite.rdb"

    def _place_base(self, size: int) -> None:
        manifest = self.manifest or Manifest()
        base = manifest.next_base(self.data.stem)
        rewritten = Manifest(base, manifest.increments[-1:])

        def finish() -> None:
            place(self._temporary_base, self.data.folder / base.name)
            self.data.write_manifest(rewritten)
            self.data.remove_others(rewritten)

        def end(_server: Server, error: OSError | None) -> None:
            if error is None:
                self.manifest = rewritten
                self.base_bytes = size
            self._end_rewrite(error)

        self._errand = _Errand(finish, end)

    def _end_rewrite(self, error: OSError | None) -> None:
        self.is_rewriting = False
        self.last_rewrite_ok = error is None
        seconds = time.monotonic() - self._rewrite_began
        self.last_rewrite_s = int(seconds)
        self.rewrite_trouble = _reason(error) if error else ""
        if error:
            self.log("error", f"can't rewrite the journal: {self.rewrite_trouble}")
        else:
            self.log("info", f"rewrote the journal in {seconds:.3f} s: its base has {self.base_bytes} bytes")

    # The end

    def shut_down(self, server: Server, *, save: bool, nosave: bool, force: bool) -> None:
        """Save what has to be saved before an end; ReplyError when that fails and is not forced, or may not be."""
        if not self.may_end:
            raise ReplyError("ERR a store in a program's own process ends when the program closes it")
        self._nosave = nosave
        wants = self.has_snapshots and bool(parse_points(self.settings.save))
        if nosave or not (save or wants):
            return
        try:
            self._drop_walk(server)
            self.save(server)
        except OSError as error:
            if not force:
                self._nosave = False
                raise ReplyError("ERR Errors trying to SHUTDOWN. Check logs.") from None
            self.log("warning", f"ending without a snapshot: {_reason(error)}")

    def _drop_walk(self, server: Server) -> None:
        """Make room for a save that can't wait."""
        if self._errand:
            self._errand.wait()
            errand, self._errand = self._errand, None
            errand.then(server, errand.error)
        if self._running:
            try:
                server.disk.finish_save()
            except OSError as error:
                self.log("warning", f"the save on its way failed: {_reason(error)}")
            self._watch_save(server)
        if self._errand:
            self._drop_walk(server)

    def unlock(self) -> None:
        """Let others have the directories."""
        self.data.unlock()
        self.tier.unlock()

    def end(self, server: Server) -> None:
        """Save for the last time, when everybody is gone."""
        self._is_over = True
        if not self.failed:
            self.tier.end(server, saves=not self._nosave)
        if self.failed or self.settings.persistence == "none" or server.disk.load_state() is not None:
            self.unlock()
            return
        self._drop_walk(server)
        points = parse_points(self.settings.save)
        if self.has_snapshots and points and not self._nosave and self.changes(server):
            try:
                self.save(server)
            except (OSError, ReplyError) as error:
                self.log("error", f"ending without a snapshot: {error}")

    def _watch_settings(self, config: Config) -> None:
        def check_points(new: str, old: str) -> None:
            try:
                parse_points(new)
            except ValueError as error:
                raise SettingError(str(error), "save") from None

        def set_policy(new: str, old: str) -> None:
            if self._disk:
                self._disk.set_fsync(new)

        config.on_change("save", check_points)
        config.on_change("appendfsync", set_policy)
        check_points(self.settings.save, "")

    # DEBUG

    def reload_snapshot(self, server: Server, empty: Callable[[], None], *, save: bool) -> None:
        """Save, empty and load again, while everybody waits; OSError when that fails."""
        self._drop_walk(server)
        if save:
            self.save(server)
        empty()
        self._load_all(server, recovery.Plan((self.data.snapshot,), is_journal=False))

    def reload_journal(self, server: Server, empty: Callable[[], None]) -> None:
        """Load the journal again, while everybody waits; OSError when that fails."""
        if self.manifest is None or server.disk.journal_state() is None:
            raise OSError("there is no journal")
        self._drop_walk(server)
        server.disk.close_journal()
        empty()
        self._load_all(server, recovery.plan(self.data, self.manifest))
        path = self.data.folder / self.manifest.increments[-1].name
        server.disk.open_journal(path, self.settings.appendfsync)

    def _load_all(self, server: Server, plan: recovery.Plan) -> None:
        server.disk.begin_loading(plan.for_kernel())
        while server.disk.load_some(1000):
            pass
        fault = server.disk.load_fault()
        server.disk.end_loading()
        if fault:
            raise OSError(recovery.explain(recovery.Fault(*fault)))

    def figures(self, server: Server) -> dict[str, Any]:
        """The fields of INFO persistence."""
        now = time.monotonic()
        load = server.disk.load_state()
        save = server.disk.save_state()
        journal = server.disk.journal_state()
        status = {True: "ok", False: "err"}
        fields: dict[str, Any] = {
            "loading": int(load is not None),
            "async_loading": 0,
            "rdb_changes_since_last_save": self.changes(server),
            "rdb_bgsave_in_progress": int(self.is_saving),
            "rdb_last_save_time": self.last_save,
            "rdb_last_bgsave_status": status[self.last_save_ok],
            "rdb_last_bgsave_time_sec": self.last_save_s,
            "rdb_current_bgsave_time_sec": int(now - self._began) if self.is_saving else -1,
            "rdb_saves": self.saves,
            "rdb_last_cow_size": 0,
            "current_save_keys_processed": save[1] if save and self._running else 0,
            "aof_enabled": int(journal is not None),
            "aof_rewrite_in_progress": int(self.is_rewriting),
            "aof_rewrite_scheduled": int(self.rewrite_is_scheduled),
            "aof_last_rewrite_time_sec": self.last_rewrite_s,
            "aof_current_rewrite_time_sec": int(now - self._rewrite_began) if self.is_rewriting else -1,
            "aof_last_bgrewrite_status": status[self.last_rewrite_ok],
            "aof_last_write_status": status[journal is None or journal[4] is None],
        }
        if journal is not None:
            appended, written, durable, _, _ = journal
            fields |= {
                "aof_current_size": self.journal_bytes(server),
                "aof_base_size": self.base_bytes,
                "aof_pending_rewrite": 0,
                "aof_buffer_length": appended - written,
                "aof_pending_bio_fsync": int(durable < written),
            }
        if load is not None:
            done, total = load[:2]
            spent = now - self._load_began
            fields |= {
                "loading_start_time": int(time.time() - spent),
                "loading_total_bytes": total,
                "loading_loaded_bytes": done,
                "loading_loaded_perc": f"{done * 100 / max(1, total):.2f}",
                "loading_eta_seconds": int(spent * (total - done) / max(1, done)),
            }
        return fields


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
