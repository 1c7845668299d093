"""Send a set to a hub under the user's own name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from levelhead.errors import LevelheadError, MissingExtraError, UsageError
from levelhead.illusion._set import PART, read_set

_MAX_SHOWN = 3


def push(folder: Path, repo: str, *, private: bool = False, api: Any | None = None) -> str:
    """Upload a set as a data set of the hub.

    Args:
        folder: The set; it is checked first.
        repo: Where to, as in `OWNER/NAME`. It is made if it is not there.
        private: Whether only its owner sees a new one.
        api: A `huggingface_hub.HfApi`; None takes the user's token and the hub that `HF_ENDPOINT` names.

    Returns:
        The address of the data set.

    Raises:
        UsageError: If the set is malformed, holds pictures without a license and is to be public, or there
            is no valid token.
        MissingExtraError: If `huggingface_hub` is not installed.
        LevelheadError: If the hub refuses or cannot be reached.
    """
    rows = read_set(folder)
    bare = [row.id for row in rows if not row.license]
    if bare and not private:
        raise UsageError(
            f"{len(bare)} pictures have no license (such as {', '.join(bare[:_MAX_SHOWN])}), so nobody may "
            "use what you would publish. State it when building (--license, or sources.csv), or push with "
            "--private."
        )
    try:
        from httpx2 import HTTPError
        from huggingface_hub import HfApi
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError
    except ImportError as error:
        raise MissingExtraError("Uploads", extra="hub", module=error.name or "huggingface_hub") from error
    api = api or HfApi()
    try:
        api.create_repo(repo_id=repo, repo_type="dataset", private=private, exist_ok=True)
        commit = api.upload_folder(
            repo_id=repo,
            repo_type="dataset",
            folder_path=folder,
            commit_message=f"Levelhead illusion set: {len(rows)} pictures",
            ignore_patterns=[f"*{PART}"],
        )
    except (LocalTokenNotFoundError, HFValidationError) as error:
        raise UsageError(f"The hub needs a repository OWNER/NAME and your token: {error}") from error
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else None
        if status in (401, 403):
            raise UsageError(
                f"The hub refuses the token ({status}). Log in with `hf auth login`, or set HF_TOKEN to a "
                f"token that may write to {repo}."
            ) from error
        raise LevelheadError(f"The hub refuses the upload: {error}") from error
    except (HTTPError, OSError) as error:
        raise LevelheadError(f"The hub cannot be reached: {error}. Start the command again later.") from error
    return str(commit.repo_url)
