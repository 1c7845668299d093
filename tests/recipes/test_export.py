from __future__ import annotations

from pathlib import Path

import pytest

from embedded_vision.captions import CaptionVocabulary
from embedded_vision.export import export, picture_template
from embedded_vision.state import new_training
from levelhead.models._embedded_vision import EYES_FILE


def test_the_eyes_weigh_at_most_fifteen_megabytes(
    captions: CaptionVocabulary, text_folder: Path, tmp_path: Path
) -> None:
    export(new_training("large", captions), text_folder, tmp_path)
    assert (tmp_path / EYES_FILE).stat().st_size <= 15e6


def test_a_template_of_unknown_form_is_refused() -> None:
    with pytest.raises(ValueError, match="by hand"):
        picture_template("{{ messages }}")
