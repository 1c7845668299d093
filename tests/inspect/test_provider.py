"""Our models behind Inspect: what a conversation becomes, how requests are gathered, what is refused."""

from __future__ import annotations

import base64
from pathlib import Path

import anyio
import pytest

pytest.importorskip("inspect_ai")
from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageTool,
    ChatMessageUser,
    ContentAudio,
    ContentImage,
    ContentText,
    GenerateConfig,
    Model,
    ModelOutput,
    get_model,
)
from inspect_ai.tool import ToolInfo

from levelhead import models
from levelhead.errors import ModelError, UsageError
from levelhead.inspect._messages import to_output, to_prompt, to_reply
from levelhead.records import Image, Prompt, Reply, Turn
from tests.fakes import FakeModel
from tests.models import checkpoints

PICTURE = b"not decoded here"
URI = f"data:image/png;base64,{base64.b64encode(PICTURE).decode()}"


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeModel:
    """The model that every name loads."""
    model = FakeModel(batches=lambda count: [range(count)])
    monkeypatch.setattr(models, "load_model", lambda name, **how: model)
    return model


def ask(model: Model, *texts: str, **settings: object) -> list[ModelOutput]:
    """Ask all at once, as Inspect does."""
    outputs: dict[str, ModelOutput] = {}

    async def one(text: str) -> None:
        outputs[text] = await model.generate(text, config=GenerateConfig(**settings))

    async def all_() -> None:
        async with anyio.create_task_group() as group:
            for text in texts:
                group.start_soon(one, text)

    anyio.run(all_)
    return [outputs[text] for text in texts]


def test_a_conversation_becomes_turns_and_the_pictures_of_the_first_user_turn() -> None:
    messages: list[ChatMessage] = [
        ChatMessageSystem(content="Be brief."),
        ChatMessageUser(content=[ContentImage(image=URI), ContentText(text="What is this?")]),
        ChatMessageAssistant(content="A cat."),
        ChatMessageUser(content="Sure?"),
    ]
    assert to_prompt(messages) == Prompt(
        (
            Turn("system", "Be brief."),
            Turn("user", "What is this?"),
            Turn("assistant", "A cat."),
            Turn("user", "Sure?"),
        ),
        (Image(data=PICTURE),),
    )


def test_a_picture_may_be_a_file() -> None:
    messages: list[ChatMessage] = [
        ChatMessageUser(content=[ContentImage(image="a/b.png"), ContentText(text="?")])
    ]
    assert to_prompt(messages).images == (Image(path=Path("a/b.png")),)


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([ChatMessageUser(content="a"), ChatMessageTool(content="b")], "take no tools"),
        ([ChatMessageUser(content="a"), ChatMessageUser(content=[ContentImage(image=URI)])], "later turn"),
        ([ChatMessageUser(content=[ContentImage(image="https://host/a.png")])], "by its address"),
        ([ChatMessageUser(content=[ContentImage(image="data:image/png;base64,!")])], "damaged"),
        ([ChatMessageUser(content=[ContentAudio(audio="a.wav", format="wav")])], "'audio'"),
        ([ChatMessageSystem(content=[ContentImage(image=URI)])], "turn of the system"),
    ],
)
def test_what_a_prompt_cannot_hold_is_refused_by_name(messages: list[ChatMessage], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        to_prompt(messages)


def test_a_reply_survives_the_way_through_an_output() -> None:
    assert to_reply(to_output("m", [Reply("yes", "length")])) == Reply("yes", "stop")
    assert to_output("m", [Reply("yes", "length")]).stop_reason == "max_tokens"
    failed = Reply.failed("no such picture")
    assert to_reply(to_output("m", [failed])) == failed


def test_requests_that_come_together_are_asked_as_one_list(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def batches(count: int) -> list[range]:
        sizes.append(count)
        return [range(count)]

    model = FakeModel(batches=batches)
    monkeypatch.setattr(models, "load_model", lambda name, **how: model)
    outputs = ask(get_model("levelhead/any", memoize=False, batch=8), *"abcdefgh")
    assert [output.completion for output in outputs] == list("ABCDEFGH")
    assert sizes == [8]


def test_requests_of_different_settings_are_asked_apart(fake: FakeModel) -> None:
    model = get_model("levelhead/any", memoize=False)

    async def both() -> list[str]:
        found: dict[int, str] = {}

        async def one(tokens: int) -> None:
            output = await model.generate("hello", config=GenerateConfig(max_tokens=tokens, stop_seqs=["x"]))
            found[tokens] = output.completion

        async with anyio.create_task_group() as group:
            group.start_soon(one, 3)
            group.start_soon(one, 4)
        return [found[3], found[4]]

    assert anyio.run(both) == ["HELLO", "HELLO"]


def test_several_replies_are_several_choices(fake: FakeModel) -> None:
    [output] = ask(get_model("levelhead/any", memoize=False), "hello", num_choices=3, temperature=0.7)
    assert [choice.message.text for choice in output.choices] == ["HELLO"] * 3


def test_a_failure_of_the_model_reaches_every_request(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(FakeModel):
        def iter_generate(self, prompts, sampling):  # type: ignore[no-untyped-def]
            raise ModelError("out of memory")
            yield

    monkeypatch.setattr(models, "load_model", lambda name, **how: Broken())
    model = get_model("levelhead/any", memoize=False)

    async def attempt() -> list[str]:
        messages: list[str] = []

        async def one(text: str) -> None:
            try:
                await model.generate(text)
            except ModelError as error:
                messages.append(str(error))

        async with anyio.create_task_group() as group:
            group.start_soon(one, "a")
            group.start_soon(one, "b")
        return messages

    assert anyio.run(attempt) == ["out of memory"] * 2


def test_a_closed_model_says_so_instead_of_waiting_for_ever(fake: FakeModel) -> None:
    model = get_model("levelhead/any", memoize=False)
    assert ask(model, "hello")[0].completion == "HELLO"
    model.api.close()
    model.api.close()
    with pytest.raises(ExceptionGroup) as caught:
        ask(model, "hello")
    assert "was closed" in str(caught.value.exceptions[0])


def test_a_task_with_tools_is_refused(fake: FakeModel) -> None:
    tool = ToolInfo(name="bash", description="Runs a command.")

    async def attempt() -> None:
        await get_model("levelhead/any", memoize=False).generate("hello", tools=[tool])

    with pytest.raises(UsageError, match="takes no tools"):
        anyio.run(attempt)


def test_wrong_arguments_are_refused(fake: FakeModel) -> None:
    for arguments, said in (({"batch": 0}, "at least 1"), ({"dtype": "float8"}, "float8")):
        with pytest.raises(UsageError, match=said):
            get_model("levelhead/any", memoize=False, **arguments)


def test_a_real_checkpoint_answers_as_it_does_without_inspect(tmp_path: Path) -> None:
    name = f"hf:{checkpoints.build_text(tmp_path / 'model')}"
    texts = ["What is the capital of France?", "Name a fruit."]
    with models.load_model(name, threads=1, exact=True) as direct:
        expected = [
            reply.text
            for reply in direct.generate(
                [Prompt.ask(text) for text in texts], models.Sampling(max_new_tokens=8)
            )
        ]
    model = get_model(f"levelhead/{name}", memoize=False, threads=1, exact=True)
    assert [output.completion for output in ask(model, *texts, max_tokens=8)] == expected
