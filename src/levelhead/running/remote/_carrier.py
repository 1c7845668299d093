"""Carries a folder over to a store, as it grows, and back.

A file that only grew since it was last carried goes over as parts, `NAME.parts/00000000004096`: the name of
a part is the place at which it begins. Whatever else changed goes over whole. Files go in the order in which
they were last written here, so that a reader of the store sees no list before the things that it lists.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from levelhead.running.remote._lease import LEASE
from levelhead.running.remote._store import Store, StoredObject

MARK = ".levelhead-state"
"""Object that says which carrying was the last."""
PARTS = ".parts/"
_TAIL_BYTES = 4096
_OURS = frozenset({LEASE, MARK})


@dataclass(frozen=True, slots=True)
class _Carried:
    """A file as it was when it was carried.

    Attributes:
        inode: Of the file: another one means that it was replaced.
        size: Bytes.
        modified: Nanoseconds since 1970.
        tail: Hash of its last bytes: one that was cut off and grew again ends otherwise there.
        parts: Whether it lies in the store in parts.
    """

    inode: int
    size: int
    modified: int
    tail: str
    parts: bool


class Carrier:
    """Between a folder on this machine and one in a store.

    Args:
        folder: The folder here.
        store: The folder there.
        record: File, not in the folder, that tells what was carried, so that a later process goes on.
    """

    def __init__(self, folder: Path, store: Store, record: Path) -> None:
        self._folder, self._store, self._record = folder, store, record
        held: dict[str, Any] = json.loads(record.read_text()) if record.is_file() else {}
        self._state: str | None = held.get("state")
        self._carried = {name: _Carried(**facts) for name, facts in held.get("files", {}).items()}

    def pull(self) -> bool:
        """Make the folder here that of the store, unless it is that and perhaps more; whether it changed.

        Raises:
            RunFolderError: If the store cannot be reached.
        """
        objects = self._store.objects()
        state = self._state_of(objects)
        if state == self._state and self._folder.is_dir():
            return False
        self._empty()
        self._carried = {}
        files: dict[str, list[str]] = {}
        for name in sorted(objects):
            if name not in _OURS:
                files.setdefault(name.partition(PARTS)[0], []).append(name)
        self._store.get({name: self._folder / name for name, parts in files.items() if parts == [name]})
        for name, parts in files.items():
            if parts != [name]:
                self._join(name, parts)
        for name, parts in files.items():
            path = self._folder / name
            self._carried[name] = _carried(path, path.stat(), parts=parts != [name])
        self._remember(state)
        return True

    def push(self, *, whole: bool = False) -> int:
        """Carry over what changed here.

        Args:
            whole: Leave no file in parts.

        Returns:
            How many files were carried or deleted.

        Raises:
            RunFolderError: If the store cannot be reached; the next call does what is left.
        """
        here = dict(self._files())
        gone = [name for name in self._carried if name not in here]
        changed = [name for name, facts in here.items() if self._has_changed(name, facts, whole=whole)]
        if not gone and not changed and self._state is not None:
            return 0
        for name in gone:
            self._store.delete(self._objects_of(name))
            del self._carried[name]
        together: dict[str, os.stat_result] = {}
        for name in sorted(changed, key=lambda name: here[name].st_mtime_ns):
            before = self._carried.get(name)
            if before is None:  # new files are many and small, and go over at once
                together[name] = here[name]
                continue
            self._put(together)
            together = {}
            if not whole and self._only_grew(name, before, here[name]):
                self._put_tail(name, before, here[name])
            else:
                self._replace(name, before, here[name])
        self._put(together)
        self._store.write(MARK, (state := uuid.uuid4().hex).encode())
        self._remember(state)
        return len(gone) + len(changed)

    def _put(self, files: Mapping[str, os.stat_result]) -> None:
        """Carry files over whole. What is remembered is their size before: what they grew by comes next."""
        if not files:
            return
        self._store.put({name: self._folder / name for name in files})
        for name, facts in files.items():
            self._carried[name] = _carried(self._folder / name, facts, parts=False)

    def _put_tail(self, name: str, before: _Carried, facts: os.stat_result) -> None:
        path = self._folder / name
        with path.open("rb") as file, tempfile.NamedTemporaryFile() as part:
            file.seek(before.size)
            shutil.copyfileobj(file, part)
            part.flush()
            self._store.put({f"{name}{PARTS}{before.size:014d}": Path(part.name)})
        self._carried[name] = _carried(path, facts, parts=True)

    def _replace(self, name: str, before: _Carried, facts: os.stat_result) -> None:
        if before.parts:  # first: parts of another file must not follow this one
            self._store.delete([one for one in self._objects_of(name) if one != name])
        self._put({name: facts})

    def _objects_of(self, name: str) -> list[str]:
        if not self._carried[name].parts:
            return [name]
        return [one for one in self._store.objects() if one == name or one.startswith(f"{name}{PARTS}")]

    def _has_changed(self, name: str, facts: os.stat_result, *, whole: bool) -> bool:
        before = self._carried.get(name)
        return (
            before is None
            or (whole and before.parts)
            or (before.inode, before.size, before.modified)
            != (facts.st_ino, facts.st_size, facts.st_mtime_ns)
        )

    def _only_grew(self, name: str, before: _Carried, facts: os.stat_result) -> bool:
        return (
            facts.st_ino == before.inode
            and facts.st_size >= before.size
            and _tail(self._folder / name, before.size) == before.tail
        )

    def _files(self) -> Iterator[tuple[str, os.stat_result]]:
        for path in sorted(self._folder.rglob("*")):
            try:
                if path.is_file() and not _is_passing(path.name):
                    yield path.relative_to(self._folder).as_posix(), path.stat()
            except FileNotFoundError:  # it was there a moment ago
                continue

    def _join(self, name: str, objects: list[str]) -> None:
        """Put a file together; a part may begin before the end of the one before, which grew on its way."""
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            local = {one: Path(folder) / str(number) for number, one in enumerate(objects)}
            self._store.get(local)
            with path.open("wb") as file:
                for one in sorted(objects):
                    file.seek(int(one.partition(PARTS)[2] or 0))
                    file.write(local[one].read_bytes())

    def _state_of(self, objects: Mapping[str, StoredObject]) -> str:
        """What the store's folder is now: our mark, or, if others made it, a hash of its listing."""
        mark = self._store.read(MARK) if MARK in objects else None
        if mark is not None:
            return mark.decode("ascii", errors="replace")
        listed = sorted((name, one.size, one.version) for name, one in objects.items() if name not in _OURS)
        return f"listing-{hashlib.sha256(repr(listed).encode()).hexdigest()}"

    def _empty(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(self._folder.rglob("*"), reverse=True):
            if path.is_dir():
                path.rmdir()
            else:
                path.unlink()

    def _remember(self, state: str) -> None:
        self._state = state
        held = {"state": state, "files": {name: asdict(one) for name, one in self._carried.items()}}
        draft = self._record.with_suffix(".draft")
        draft.write_text(json.dumps(held))
        draft.replace(self._record)


def _is_passing(name: str) -> bool:
    """Whether a file is no result: a lock, or a draft that takes another's place when it is whole."""
    return name.endswith((".lock", ".draft", ".part"))


def _carried(path: Path, facts: os.stat_result, *, parts: bool) -> _Carried:
    tail = _tail(path, facts.st_size)
    return _Carried(facts.st_ino, facts.st_size, facts.st_mtime_ns, tail, parts)


def _tail(path: Path, end: int) -> str:
    with path.open("rb") as file:
        file.seek(max(0, end - _TAIL_BYTES))
        return hashlib.sha256(file.read(end - file.tell())).hexdigest()
