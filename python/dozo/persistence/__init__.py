"""What of the data is kept on disk, and when: the decisions behind journal, snapshots and recovery.

files.py       the data directory: names, the journal's manifest, steps that survive a crash, the lock
points.py      when a snapshot is due
keeper.py      Persistence: saves, rewrites of the journal, trouble with the disk
compaction.py  what is on disk without what is needed no more, because somebody asks for that
recovery.py    what is loaded at a start, and what a fault in it means
tier.py        the disk tier: its settings and log lines; warmth.py which of its values are hot
bound.py       the bound of the process's memory

The kernel reads and writes the files (crates/log); nothing here touches their contents.
"""

from dozo.persistence.compaction import Compaction
from dozo.persistence.files import DataDir, Manifest, ManifestError
from dozo.persistence.keeper import Persistence
from dozo.persistence.points import SavePoint, parse_points

__all__ = ["Compaction", "DataDir", "Manifest", "ManifestError", "Persistence", "SavePoint", "parse_points"]
