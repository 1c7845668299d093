"""One folder of an object store, through fsspec: objects by name, and no more than every store can do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from levelhead.errors import MissingExtraError, RunFolderError, UsageError


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What the store tells of an object.

    Attributes:
        size: Bytes.
        version: Changes when the object does; empty if the store tells nothing of the kind.
    """

    size: int
    version: str


class Store:
    """The folder at an address.

    Every method raises `RunFolderError` if the store cannot be reached or refuses.

    Args:
        address: As fsspec reads it: `s3://bucket/run`, `gs://bucket/run`, `file:///disk/run`.

    Raises:
        UsageError: If no package that is installed knows the address, or it names no folder.
        MissingExtraError: If fsspec is not installed.
    """

    def __init__(self, address: str) -> None:
        try:
            from fsspec.core import url_to_fs
        except ModuleNotFoundError as error:
            raise MissingExtraError("Folders in a store", extra="remote", module="fsspec") from error
        self.address = address.rstrip("/")
        if self.address.endswith(":"):
            raise UsageError(f"{address} names no folder. Give one, as in s3://bucket/run.")
        try:
            # Listings that are kept would show the folder as it was; others write to it too.
            self._fs, root = url_to_fs(self.address, use_listings_cache=False)
        except (ImportError, ValueError) as error:
            raise UsageError(f"{address} cannot be used: {error}") from error
        self._root = str(root).rstrip("/")

    def objects(self) -> dict[str, StoredObject]:
        """All objects by their name below the folder."""
        with self._told("list"):
            found = self._fs.find(self._root, detail=True)
        return {path[len(self._root) + 1 :]: _stored(facts) for path, facts in found.items()}

    def read(self, name: str) -> bytes | None:
        """What a small object holds; None if there is none."""
        with self._told("read"):
            try:
                return bytes(self._fs.cat_file(self._path(name)))
            except FileNotFoundError:
                return None

    def write(self, name: str, data: bytes) -> None:
        """Write a small object."""
        with self._told("write to"):
            self._make_parents([name])
            self._fs.pipe_file(self._path(name), data)

    def create(self, name: str, data: bytes) -> bool:
        """Write an object if there is none of its name; whether it was written.

        Of several that try at once, one succeeds, where the store can tell: S3 does.
        """
        with self._told("write to"):
            self._make_parents([name])
            try:
                self._fs.pipe_file(self._path(name), data, mode="create")
            except FileExistsError:
                return False
        return True

    def put(self, files: Mapping[str, Path]) -> None:
        """Copy files from this machine, by the names that they get; several at once where the store can."""
        with self._told("write to"):
            self._make_parents(list(files))
            targets = [self._path(name) for name in files]
            self._fs.put([str(path) for path in files.values()], targets)

    def get(self, files: Mapping[str, Path]) -> None:
        """Copy objects to this machine, by their names; several at once where the store can."""
        for path in files.values():
            path.parent.mkdir(parents=True, exist_ok=True)
        if files:
            with self._told("read"):
                sources = [self._path(name) for name in files]
                self._fs.get(sources, [str(path) for path in files.values()])

    def delete(self, names: Sequence[str]) -> None:
        """Delete objects that are there."""
        if names:
            with self._told("write to"):
                self._fs.rm([self._path(name) for name in names])

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _make_parents(self, names: Sequence[str]) -> None:
        """Stores have no folders, but the disks that fsspec knows too have them."""
        for parent in {self._path(name).rpartition("/")[0] for name in names}:
            self._fs.makedirs(parent, exist_ok=True)

    @contextmanager
    def _told(self, do: str) -> Iterator[None]:
        try:
            yield
        except RunFolderError:
            raise
        # Each package behind fsspec has errors of its own, which share no class.
        except Exception as error:
            why = " ".join(str(error).split()) or type(error).__name__
            raise RunFolderError(
                f"Cannot {do} {self.address} ({why}). Check the address, the connection and the "
                "credentials, then start the same command again."
            ) from error


def _stored(facts: Mapping[str, Any]) -> StoredObject:
    version = next(
        (facts[key] for key in ("ETag", "etag", "md5Hash", "mtime", "created") if key in facts), ""
    )
    return StoredObject(int(facts["size"] or 0), str(version))
