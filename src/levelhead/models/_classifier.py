"""A causal language model with a head of one logit in place of its vocabulary: loaded, and asked.

Serving and training go through these functions, so that what is trained is what is served. They know nothing
about what the logit means.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from levelhead.errors import ModelError, UsageError
from levelhead.models._load import DType, locate_model

if TYPE_CHECKING:
    from levelhead.models._checkpoint import Checkpoint


def locate_base(
    name: str, *, dtype: DType = "auto", exact: bool = False, threads: int | None = None
) -> Checkpoint:
    """Find a base by the name of a model (`embedded`, `hf:...`) or, as peft writes it, by folder or hub id.

    Raises:
        UsageError: If there is no such checkpoint.
        MissingExtraError: If torch or transformers is not installed.
        ModelError: If the embedded model cannot be unpacked.
    """
    if name != "embedded" and not name.startswith("hf:"):
        from levelhead.models._checkpoint import locate

        return locate(name, name, dtype=dtype, exact=exact, threads=threads)
    return locate_model(name, dtype=dtype, exact=exact, threads=threads)


def load_classifier(checkpoint: Checkpoint) -> tuple[Any, frozenset[str]]:
    """Load a checkpoint with a one-logit head, in the memory of the processor.

    Returns:
        The model, and the names of weights that the checkpoint does not hold: transformers has filled them
        with random numbers.

    Raises:
        ModelError: If it cannot be loaded so.
    """
    import transformers

    try:
        model, info = transformers.AutoModelForSequenceClassification.from_pretrained(
            checkpoint.location, num_labels=1, dtype=checkpoint.dtype, output_loading_info=True
        )
    except Exception as error:  # torch, safetensors and transformers raise many kinds
        raise ModelError(
            f"The weights in {checkpoint.location} cannot be loaded with a one-logit head "
            f"({str(error).strip().splitlines()[0]}). Give a causal language model; if it is one, "
            "copy it again."
        ) from error
    return model, frozenset(info["missing_keys"])


def fast_tokenizer(location: str) -> Any:
    """The tokenizer of a checkpoint, as transformers wraps it.

    Raises:
        UsageError: If it has none, or no fast one.
    """
    import transformers

    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(location)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"No tokenizer can be loaded from {location} ({str(error).strip().splitlines()[0]}). Copy it "
            "beside the weights."
        ) from error
    if not tokenizer.is_fast:
        raise UsageError(
            f"The tokenizer of {location} has no fast form, which windows need. Convert it: load it with "
            "transformers and save it again."
        )
    return tokenizer


def context_tokens(checkpoint: Checkpoint) -> int:
    """Longest row that a checkpoint reads, in tokens; very many if it does not say."""
    return int(getattr(checkpoint.config.get_text_config(), "max_position_embeddings", 0) or 1 << 30)


def end_logits(model: Any, rows: Sequence[Sequence[int]], device: str) -> Any:
    """The logit of each row of token ids, read at its last token: a tensor of shape (rows,).

    Args:
        model: As from `load_classifier`.
        rows: Token ids; none is empty. The base needs no padding token of its own.
        device: Where the model lies.
    """
    import torch

    # The head is read at the last token that is not padding. A padding id that ends no row cannot hide a
    # token, which the usual choice (padding = end of text) does where texts end with it.
    last = {row[-1] for row in rows}
    pad = next(index for index in range(len(last) + 1) if index not in last)
    model.config.get_text_config().pad_token_id = pad
    longest = max(len(row) for row in rows)
    ids = torch.tensor([[*row, *[pad] * (longest - len(row))] for row in rows])  # (rows, tokens)
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
    found = model(input_ids=ids.to(device), attention_mask=mask.to(device), use_cache=False)
    return found.logits.squeeze(-1)
