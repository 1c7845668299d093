"""What questions are written about: categories that exist, or a domain with its names."""

from __future__ import annotations

from pathlib import Path

import pytest

from levelhead.errors import UsageError
from levelhead.illusion import Subject, bank_subjects, load_questions, own_subject, read_names


def test_categories_of_the_bank_are_taken_once_each() -> None:
    assert bank_subjects(["city", "animal", "city"], load_questions()) == [
        Subject("city", "city"),
        Subject("animal", "animal"),
    ]


def test_a_category_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(UsageError, match=r"no category 'cats'.*animal, art.*--domain"):
        bank_subjects(["cats"], load_questions())


def test_a_domain_gets_a_category_that_can_name_files() -> None:
    assert own_subject("  Tools of our Workshop! ", ["Anvil"]) == Subject(
        "tools-of-our-workshop", "Tools of our Workshop!", ("Anvil",)
    )
    with pytest.raises(UsageError, match="no letter"):
        own_subject("???")


def test_names_are_read_one_a_line_each_once(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_text("\ufeff# our tools\nAnvil\n\n  Long   fellow \nAnvil\n")
    assert read_names(path) == ["Anvil", "Long fellow"]


@pytest.mark.parametrize("content", [None, b"", b"Anvil\n", b"\xff\xfe\xff"])
def test_a_file_without_names_is_wrong_usage(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=r"names\.txt"):
        read_names(path)
