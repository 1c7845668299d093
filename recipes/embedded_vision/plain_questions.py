"""Questions whose picture does not matter, answered by the language model itself without a picture.

They are asked beside any picture, so that the model goes on being itself when the picture has nothing to say.
The templates are filled with words and names at random; no question of the illusion bank is among them.
"""

from __future__ import annotations

import json
import random
from dataclasses import asdict
from pathlib import Path

from embedded_vision.facts import bare
from embedded_vision.questions import PLAIN, Asked
from embedded_vision.words import WordList

COUNT = 600
LONGEST_ANSWER = 24  # tokens
_SEED = 5
_TEMPLATES = (
    "What is the meaning of the word {word}?",
    "Write a short sentence with the word {word}.",
    "Name a word that rhymes with {word}.",
    "Is {word} a noun or a verb?",
    "What is {first} plus {second}?",
    "Which number is larger, {first} or {second}?",
    "Write a line of a poem about {thing}.",
    "What comes to your mind when you hear of {thing}?",
    "Give me one tip about {topic}.",
    "Explain {topic} to a child in one sentence.",
    "Write a short greeting for a friend named {friend}.",
    "Suggest a name for a shop called after {thing}.",
    "Who are you?",
    "Say hello to {friend}.",
)
_TOPICS = (
    "saving money",
    "gardening",
    "learning a language",
    "sleeping well",
    "writing letters",
    "cooking rice",
    "riding a bicycle",
    "making friends",
    "reading maps",
    "cleaning windows",
)
_FRIENDS = ("Anna", "Ben", "Chen", "Divya", "Emil", "Fatima", "Goran", "Hana", "Ivan", "Julia")


def plain_questions(words: WordList, names: tuple[str, ...], count: int = COUNT) -> list[str]:
    """Different questions, the same ones each time."""
    rng = random.Random(_SEED)
    questions: dict[str, None] = {}
    while len(questions) < count:
        question = rng.choice(_TEMPLATES).format(
            word=words.phrase(rng, 1, longest=8).lower(),
            thing=bare(rng.choice(names)),
            topic=rng.choice(_TOPICS),
            friend=rng.choice(_FRIENDS),
            first=rng.randrange(2, 100),
            second=rng.randrange(2, 100),
        )
        questions[question] = None
    return list(questions)


def own_answers(file: Path, questions: list[str]) -> list[Asked]:
    """The frozen model's greedy answers to plain questions; asked once and kept in a file.

    Args:
        file: JSON file that they are kept in.
        questions: What is asked.

    Returns:
        Question and answer of each. An answer that reached the limit of tokens has no end.
    """
    if file.is_file():
        kept = [Asked(**entry) for entry in json.loads(file.read_text(encoding="utf-8"))]
        if [asked.question for asked in kept] == questions:
            return kept
    from levelhead.models import Sampling, load_model
    from levelhead.records import Prompt

    print(f"The language model answers {len(questions)} questions without a picture, once ...")
    with load_model("embedded", dtype="float32") as model:
        prompts = [Prompt.ask(question) for question in questions]
        replies = model.generate(prompts, Sampling(max_new_tokens=LONGEST_ANSWER))
    answers = [
        Asked(PLAIN, question, reply.text, is_whole=reply.finish_reason == "stop")
        for question, reply in zip(questions, replies, strict=True)
    ]
    file.write_text(json.dumps([asdict(one) for one in answers], indent=1) + "\n", encoding="utf-8")
    return answers
