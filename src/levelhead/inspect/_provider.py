"""Every model that `load_model` knows, as a model of Inspect: `levelhead/NAME`."""

from __future__ import annotations

from typing import Literal, get_args

from inspect_ai.model import ChatMessage, GenerateConfig, ModelAPI, ModelOutput, modelapi
from inspect_ai.tool import ToolChoice, ToolInfo

from levelhead import models
from levelhead.errors import UsageError
from levelhead.inspect._batches import BatchQueue
from levelhead.inspect._messages import to_output, to_prompt
from levelhead.models import Sampling

DType = Literal["auto", "float32", "bfloat16"]
NEW_TOKENS = 512
"""Longest reply where a task does not say: our own 64 would cut the reasoning of many tasks."""
BATCH = 32
"""Requests that are given to the model as one list."""


class LevelheadAPI(ModelAPI):
    """A model of Levelhead behind Inspect's interface. Decoding is greedy unless a temperature is set.

    Args:
        model_name: As `load_model` takes it: `embedded+ocr`, `hf:org/name`, `openai:name@http://host/v1`.
        base_url: Not used; the address stands in the name.
        api_key: Not used; the key comes from the environment.
        config: Defaults of generation.
        batch: Requests that are given to the model as one list.
        dtype: Precision of a local model: auto, float32 or bfloat16.
        exact: Local models: float32, one prompt at a time.
        threads: Local models: threads of torch.
        concurrency: Servers: requests at once.

    Raises:
        UsageError: If the name is of no known form or an argument is out of range.
        MissingExtraError: If the extra that the model needs is not installed.
        ModelError: If the model cannot be loaded.
    """

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig = GenerateConfig(),  # noqa: B008 - the signature that Inspect calls; never changed
        *,
        batch: int = BATCH,
        dtype: DType = "auto",
        exact: bool = False,
        threads: int | None = None,
        concurrency: int = 16,
    ) -> None:
        super().__init__(model_name, base_url, api_key, [], config)
        if batch < 1:
            raise UsageError(f"batch is {batch}; it must be at least 1.")
        if dtype not in get_args(DType):
            raise UsageError(f"dtype is {dtype!r}; give one of: {', '.join(get_args(DType))}.")
        self._batch = batch
        self._model = models.load_model(
            model_name, dtype=dtype, exact=exact, threads=threads, concurrency=concurrency
        )
        self._queue = BatchQueue(self._model, batch)

    async def generate(
        self,
        input: list[ChatMessage],  # noqa: A002 - the name that Inspect calls it by
        tools: list[ToolInfo],
        tool_choice: ToolChoice,
        config: GenerateConfig,
    ) -> ModelOutput:
        """Answer a conversation.

        Raises:
            UsageError: If it holds tools or what a prompt of ours cannot hold.
            ModelError: If the model fails as a whole.
        """
        if tools:
            raise UsageError(f"The model {self.model_name} takes no tools; this task gives it {len(tools)}.")
        replies = await self._queue.ask(to_prompt(input), _sampling(config))
        return to_output(self.model_name, replies)

    def max_tokens(self) -> int:
        """Longest reply where neither the task nor the user says."""
        return NEW_TOKENS

    def max_connections(self) -> int:
        """As many samples at once as make one list."""
        return self._batch

    def connection_key(self) -> str:
        """Each model has samples of its own under way."""
        return self.model_name

    def close(self) -> None:
        """End the thread and give back what the model holds."""
        self._queue.close()
        self._model.close()


def _sampling(config: GenerateConfig) -> Sampling:
    return Sampling(
        max_new_tokens=config.max_tokens or NEW_TOKENS,
        temperature=config.temperature or 0.0,
        top_p=1.0 if config.top_p is None else config.top_p,
        n=config.num_choices or 1,
        seed=config.seed or 0,
        stop=tuple(config.stop_seqs or ()),
    )


@modelapi(name="levelhead")
def levelhead() -> type[ModelAPI]:
    """The provider, for Inspect's registry."""
    return LevelheadAPI
