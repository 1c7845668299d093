"""Pictures that took time or money, kept for every set that needs them again.

Files are stored under the hash of their content, and a small entry under the hash of what was asked leads to
one. A file that does not have its hash any more counts as absent.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from levelhead.illusion._plan import Plan
from levelhead.illusion._set import replace_file
from levelhead.illusion.pictures._kind import Picture
from levelhead.user_cache import cache_folder


def default_cache() -> Path:
    """Where pictures are kept unless the user says otherwise."""
    return cache_folder() / "pictures"


class PictureCache:
    """A folder of pictures by what was asked.

    Args:
        folder: Made when the first picture is kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, plan: Plan) -> Picture | None:
        """The picture of a plan, if it was kept and is whole."""
        entry = self._entry(plan)
        try:
            facts = json.loads(entry.read_text(encoding="utf-8"))
            data = self._file(facts["sha256"]).read_bytes()
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        if hashlib.sha256(data).hexdigest() != facts["sha256"]:
            return None
        return Picture(data, facts["license"], facts["source"])

    def has(self, plan: Plan) -> bool:
        """Whether the picture of a plan was kept; whether it is whole shows when it is needed."""
        return self._entry(plan).is_file()

    def put(self, plan: Plan, picture: Picture) -> None:
        """Keep a picture.

        Raises:
            OSError: If it cannot be written.
        """
        sha256 = hashlib.sha256(picture.data).hexdigest()
        replace_file(self._file(sha256), picture.data)
        facts = {"sha256": sha256, "license": picture.license, "source": picture.source}
        replace_file(self._entry(plan), json.dumps(facts).encode())

    def _entry(self, plan: Plan) -> Path:
        order = plan.order
        asked = json.dumps([plan.kind.identity, order.answer, order.category, order.seed])
        name = hashlib.sha256(asked.encode()).hexdigest()
        return self._folder / "asked" / name[:2] / f"{name}.json"

    def _file(self, sha256: str) -> Path:
        return self._folder / "files" / sha256[:2] / sha256
