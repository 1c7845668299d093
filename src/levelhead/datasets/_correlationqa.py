"""CorrelationQA as it was released (`ScottHan/CorrelationQA`): questions beside pictures, and their answers.

The release has the columns `image`, `image_path`, `category`, `question` and `true_answer`. It does not say
whether a picture shows the right answer or a wrong one, nor which, and asks nothing without a picture. So
accuracy is all that it tells; the illusion itself takes a set of `levelhead illusion build`.

The pictures come inside the rows and weigh 11 GB in all, so each is put into a file as it is read and no two
are in memory at once.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from levelhead.datasets._files import Text, refuse
from levelhead.errors import MissingExtraError, UsageError
from levelhead.records import Example, Image

HUB_ID = "ScottHan/CorrelationQA"
_ROWS_AT_ONCE = 16


class _Picture(BaseModel):
    encoded: bytes | None = Field(alias="bytes")


class _Row(BaseModel):
    model_config = ConfigDict(extra="ignore")

    image: bytes | _Picture | None
    image_path: str
    category: Text
    question: Text
    true_answer: Text

    def encoded(self) -> bytes | None:
        """The picture file, or None if the row holds none."""
        return self.image.encoded if isinstance(self.image, _Picture) else self.image


_ROW = TypeAdapter(_Row)


def read_correlationqa(source: str | Path, pictures: Path) -> list[Example]:
    """Read the released set and put its pictures into files.

    Args:
        source: A Parquet file, a folder of them, or the id of a set on the hub, which downloads it unless the
            library's cache holds it.
        pictures: Folder for the picture files; those that are there are not written again. A row without a
            picture, or with a damaged one, is kept: asking it fails, and it alone.

    Returns:
        Examples in the order of the rows, grouped by question, with `category` and `image_path` in the
        metadata.

    Raises:
        MissingExtraError: If the library `datasets` is not installed.
        UsageError: If the set cannot be read, a column is missing, or rows are malformed; up to 20 are
            listed.
    """
    examples: list[Example] = []
    problems: list[str] = []
    pictures.mkdir(parents=True, exist_ok=True)
    for number, value in enumerate(_values(source), start=1):
        try:
            row = _ROW.validate_python(value)
        except ValidationError as error:
            problems += [
                f"row {number}: {'.'.join(map(str, found['loc']))}: {found['msg']}"
                for found in error.errors()
            ]
            continue
        examples.append(_example(number, row, pictures))
    if problems:
        refuse(str(source), problems)
    if not examples:
        raise UsageError(f"{source} holds no row. Check that it is the right set and whole.")
    return examples


def _example(number: int, row: _Row, pictures: Path) -> Example:
    suffix = PurePosixPath(row.image_path).suffix or ".png"
    path = pictures / f"{number:05}{suffix}"
    encoded = row.encoded()
    if encoded is not None and not (path.is_file() and path.stat().st_size == len(encoded)):
        part = path.with_name(f"{path.name}.part")
        part.write_bytes(encoded)
        part.replace(path)
    return Example(
        id=f"correlationqa-{number}",
        question=row.question,
        answers=(row.true_answer,),
        images=(Image(path=path),),
        group=f"{row.category}/{row.question}",
        metadata={"category": row.category, "image_path": row.image_path},
    )


def _values(source: str | Path) -> Iterator[Mapping[str, Any]]:
    """The rows, their pictures still encoded."""
    try:
        hub = importlib.import_module("datasets")
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise MissingExtraError("The released CorrelationQA set", extra="tune", module="datasets") from error
    path = Path(source)
    if not path.exists():
        yield from _hub_values(hub, str(source))
        return
    files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    if not files:
        raise UsageError(
            f"The folder {path} holds no .parquet file. Give the folder that the hub's files lie in."
        )
    for file in files:
        try:
            for batch in parquet.ParquetFile(file).iter_batches(batch_size=_ROWS_AT_ONCE):
                yield from batch.to_pylist()
        except (OSError, ValueError) as error:  # pyarrow's own errors are kinds of these
            raise UsageError(f"{file} is no Parquet file that can be read ({error}).") from error


def _hub_values(hub: Any, name: str) -> Iterator[Mapping[str, Any]]:
    try:
        rows = hub.load_dataset(name, split="train")
    except (OSError, RuntimeError, ValueError) as error:
        raise UsageError(
            f"There is no file or folder {name}, and no such set could be loaded from the hub ({error}). "
            f"Give the folder of its Parquet files, or {HUB_ID}."
        ) from error
    if isinstance(rows.features.get("image"), hub.Image):
        rows = rows.cast_column("image", hub.Image(decode=False))
    yield from rows
