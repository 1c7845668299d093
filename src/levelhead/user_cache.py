"""Where things are kept that can be made again: `LEVELHEAD_CACHE` if set, else the system's cache folder."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """The folder of the cache. It may not exist yet."""
    if named := os.environ.get("LEVELHEAD_CACHE"):
        return Path(named)
    import platformdirs

    return platformdirs.user_cache_path("levelhead")
