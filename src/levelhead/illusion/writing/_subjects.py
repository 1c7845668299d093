"""What questions are written about: categories of the bank, or a domain of the user's own with its names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from levelhead.errors import UsageError
from levelhead.illusion._questions import Question


@dataclass(frozen=True, slots=True)
class Subject:
    """Something to write questions about.

    Attributes:
        category: Its name in ids and files.
        topic: What the model is told.
        names: The only right answers that are wanted; empty if any will do.
    """

    category: str
    topic: str
    names: tuple[str, ...] = ()


def bank_subjects(categories: Sequence[str], bank: Sequence[Question]) -> list[Subject]:
    """The subjects of categories that a bank has, each once.

    Raises:
        UsageError: If the bank has no such category.
    """
    there = sorted({question.category for question in bank})
    for category in categories:
        if category not in there:
            raise UsageError(
                f"There is no category {category!r}. There are: {', '.join(there)}. For another subject give "
                f'--domain "{category}".'
            )
    return [Subject(category, category) for category in dict.fromkeys(categories)]


def own_subject(domain: str, names: Sequence[str] = ()) -> Subject:
    """The subject of a domain in the user's own words.

    Args:
        domain: As in "our products"; its category is made of it ("our-products").
        names: The only right answers that are wanted.

    Raises:
        UsageError: If no category can be made of the domain.
    """
    category = re.sub(r"[^a-z0-9]+", "-", domain.casefold()).strip("-")
    if not category:
        raise UsageError(
            f"The domain {domain!r} holds no letter a to z, so no category can be named after it."
        )
    return Subject(category, " ".join(domain.split()), tuple(names))


def read_names(path: Path) -> list[str]:
    """Read a file of names, one a line; blank lines and those that begin with `#` do not count.

    Raises:
        UsageError: If the file cannot be read or holds fewer names than a question needs answers.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"The file {path} cannot be read ({error.strerror}). Check the path.") from error
    except UnicodeDecodeError as error:
        raise UsageError(
            f"The file {path} is not UTF-8 text (byte {error.start}). Save it as UTF-8."
        ) from error
    lines = [" ".join(line.split()) for line in text.split("\n")]
    names = list(dict.fromkeys(line for line in lines if line and not line.startswith("#")))
    if len(names) < 2:
        raise UsageError(f"{path} holds {len(names)} names. Write at least two, one a line.")
    return names
