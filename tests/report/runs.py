"""Run folders without a run: seeded, realistic, and with replies as hostile as a model's may be."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from math import sqrt
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

Row = dict[str, Any]

WORDS = {
    "animal": ("Which animal is the tallest on land?", "giraffe camel elephant moose horse ostrich"),
    "art": ("Which painter made the Mona Lisa?", "Leonardo Raphael Titian Vermeer Rembrandt Giotto"),
    "city": ("In which city does the Eiffel Tower stand?", "Paris London Madrid Berlin Vienna Brussels"),
    "color": ("Which color do blue and yellow paint make?", "green purple orange red pink white"),
    "country": ("Which country has a maple leaf on its flag?", "Canada Denmark Austria Norway Poland Japan"),
    "food": ("Which fruit is mashed for guacamole?", "avocado kiwi cucumber melon papaya mango"),
    "geography": ("Which ocean is the largest?", "Pacific Atlantic Indian Arctic Baltic Caspian"),
    "history": ("Which queen of Egypt met Caesar?", "Cleopatra Nefertiti Boudica Zenobia Dido Theodora"),
    "material": ("Which metal is liquid at room temperature?", "mercury iron copper gold tin lead"),
    "music": ("Which keyed instrument has felt hammers?", "piano organ harpsichord accordion celesta harp"),
    "plant": ("Which tree grows from an acorn?", "oak beech maple pine birch willow"),
    "sport": ("Which sport is played at Wimbledon?", "tennis cricket golf boxing rugby badminton"),
    "technology": ("Which instrument measures heat?", "thermometer barometer compass ruler clock sextant"),
}
"""For each category a question, its answer, and five wrong answers of the same kind."""

HOSTILE_REPLIES = (
    "</script><script>document.title = 'owned'</script>",
    "<img src=x onerror=\"document.title='owned'\"> & <b>bold</b> ]]> <!--",
    "שלום, התשובה היא \u202eפריז\u202c (not what it seems)",
    "The answer is 🦒🦒🦒 – or is it?\nSecond line.\u2028Third.",
    "Pneumono" + "ultramicroscopic" * 40,
    '\'; "quoted" `back` ${tick} \\ {{ 7 * 7 }} {% raw %}',
    "half a pair: \ud83e.",
)


def write_run(
    folder: Path,
    *,
    questions: int = 52,
    seed: int = 0,
    knows: float = 0.6,
    yields: float = 0.6,
    pictures: bool = True,
    change: Callable[[list[Row]], None] = lambda _: None,
) -> list[Row]:
    """Write manifest, rows, pictures and summary of a made-up run and return its rows.

    Args:
        folder: Where; made if missing.
        questions: How many questions, each asked under 8 conditions.
        seed: Of all that is random.
        knows: Share of questions that the model has right without a picture.
        yields: Share of right answers that a wrong picture takes away.
        pictures: Whether to draw them.
        change: Is given the rows and may change them before anything is written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(seed)
    rows = [row for number in range(questions) for row in _question_rows(number, chance, knows, yields)]
    for position, row in enumerate(row for row in rows if row["condition"] == "spurious"):
        if position % 23 == 7:
            row["reply"] = HOSTILE_REPLIES[position // 23 % len(HOSTILE_REPLIES)]
    if not pictures:
        for row in rows:
            row["image"] = None
    change(rows)
    for row in rows:
        if pictures and row["image"]:
            _draw(folder / row["image"], row["pictured"] or "", seed)
    write_files(folder, rows)
    return rows


def write_files(folder: Path, rows: Sequence[Row]) -> None:
    """Write the three files of a run whose rows are given."""
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (folder / "manifest.json").write_text(json.dumps(MANIFEST), encoding="utf-8")
    (folder / "summary.json").write_text(json.dumps(summarize(rows)), encoding="utf-8")


def summarize(rows: Sequence[Row]) -> dict[str, Any]:
    """The summary of rows, by the plainest possible code; the real one comes from another room."""
    numbers = _numbers(rows)
    for name, key in (("by_category", "category"), ("by_kind", "kind")):
        values = sorted({row[key] for row in rows if row[key]})
        numbers[name] = {
            value: _numbers([row for row in rows if row[key] in (value, None)]) for value in values
        }
    kinds = numbers["by_kind"]
    if len(kinds) > 1:
        for kind, own in kinds.items():
            own["by_category"] = {
                category: _numbers(
                    [row for row in rows if row["category"] == category and row["kind"] in (kind, None)]
                )
                for category in numbers["by_category"]
            }
    return {"schema": 1, "model": "embedded+ocr", "illusion": numbers}


MANIFEST = {
    "schema": 1,
    "model": {
        "name": "embedded+ocr",
        "fingerprint": "9f2c" * 16,
        "details": {"dtype": "float32", "threads": 2, "eyes": "rapidocr 3.8.1"},
    },
    "data": {"hash": "77ab" * 16, "path": "built-in bank <of questions>"},
    "settings": {
        "sampling": {"max_new_tokens": 64, "temperature": 0.0, "stop": []},
        "seed": 0,
        "prompt": None,
    },
    "versions": {"levelhead": "0.1.0", "python": "3.11.2"},
    "command": ["levelhead", "measure", "embedded+ocr", "--suite", "illusion", "--out", "run"],
    "created": "2026-11-24T06:33:00+00:00",
    "finished": "2026-11-24T06:41:12+00:00",
}


def _question_rows(number: int, chance: random.Random, knows: float, yields: float) -> list[Row]:
    category = list(WORDS)[number % len(WORDS)]
    question, words = WORDS[category]
    gold, *wrong = words.split()
    question_id = f"{category}-{number // len(WORDS) + 1:03d}"
    knew = chance.random() < knows
    # Categories differ, so that a table sorted by them shows an order.
    pull = min(0.95, yields * (0.5 + list(WORDS).index(category) / len(WORDS)))
    known = gold if knew else chance.choice(wrong)
    asked: list[tuple[str, str | None, str | None]] = [("none", None, known), ("blank", None, known)]
    asked.append(("factual", gold, gold if chance.random() < 0.9 else known))
    for shown in wrong:
        lured = chance.random() < pull
        said = (shown if chance.random() < 0.9 else wrong[0]) if lured else known
        asked.append(("spurious", shown, said if chance.random() > 0.03 else None))
    rows = []
    for turn, (condition, pictured, told) in enumerate(asked):
        row = _row(chance, question_id, condition, gold, pictured, told)
        row |= {"id": f"{question_id}/{condition}-{turn}", "question": question, "category": category}
        row["difficulty"] = ("easy", "common", "rare")[number % 3]
        if condition != "none":
            row["kind"] = "typographic"
            row["image"] = f"pictures/{category}-{pictured or 'blank'}.png"
            row["seen"] = (pictured or "").upper()
        rows.append(row)
    return rows


def _row(
    chance: random.Random, question_id: str, condition: str, gold: str, pictured: str | None, said: str | None
) -> Row:
    """`said` is the word that the reply holds; None for one that holds none."""
    if said is None:
        wordless = (("", "empty"), ("I'm not sure what the picture shows.", "refused"), ("", "failed"))
        reply, verdict = chance.choice(wordless)
    else:
        forms = ["{said}", "The answer is {said}.", "It is {said}, as far as I know."]
        if said != gold:
            forms.append("It is {said}, not {gold}.")  # right by the paper's rule
        reply = chance.choice(forms).format(said=said, gold=gold)
        verdict = "correct" if said == gold else "other"
        if pictured is not None and said == pictured != gold:
            verdict = "pictured"
    return {
        "suite": "illusion",
        "question_id": question_id,
        "condition": condition,
        "kind": None,
        "gold": gold,
        "pictured": pictured,
        "image": None,
        "reply": reply,
        "verdict": verdict,
        "paper_correct": gold.lower() in reply.lower(),
        "seen": None,
        "log_prob_gold": -chance.uniform(0.1, 6.0),
        "log_prob_pictured": -chance.uniform(0.1, 6.0) if pictured else None,
        "confidence_shift": chance.uniform(-1.0, 5.0) if condition == "spurious" else None,
        "error": "The prompt is longer than the context." if verdict == "failed" else None,
    }


def _numbers(rows: Sequence[Row]) -> dict[str, Any]:
    judged = {
        name: [row for row in rows if row["condition"] == name and row["verdict"] != "failed"]
        for name in ("none", "blank", "factual", "spurious")
    }
    numbers: dict[str, Any] = {
        f"acc_{name}": _share([row["verdict"] == "correct" for row in of]) for name, of in judged.items()
    }
    right = {row["question_id"] for row in judged["none"] if row["verdict"] == "correct"}
    lured = [row["verdict"] for row in judged["spurious"] if row["question_id"] in right]
    numbers["flip_rate"] = _share([verdict != "correct" for verdict in lured])
    numbers["adoption_rate"] = _share([verdict == "pictured" for verdict in lured])
    for verdict in ("refused", "empty", "failed"):
        numbers[verdict] = _share([row["verdict"] == verdict for row in rows])
    for name, more, less in (
        ("acc_drop", "factual", "spurious"),
        ("harm_gap", "none", "spurious"),
        ("help_gap", "factual", "none"),
    ):
        numbers[name] = _gap(numbers[f"acc_{more}"], numbers[f"acc_{less}"])
    numbers["confidence_shift"] = (
        {"value": 1.84, "low": 1.37, "high": 2.31, "n": len(lured)} if lured else None
    )
    numbers["rule_disagreement"] = _share(
        [row["paper_correct"] != (row["verdict"] == "correct") for row in rows]
    )
    numbers["paper"] = {
        f"acc_{name}": _share([row["paper_correct"] for row in of]) for name, of in judged.items()
    }
    return numbers


def _share(hits: Sequence[bool]) -> dict[str, Any]:
    n = len(hits)
    if n == 0:
        return {"value": None, "low": None, "high": None, "n": 0}
    share, z = sum(hits) / n, 1.96
    center, reach = share + z * z / (2 * n), z * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low, high = ((center + sign * reach) / (1 + z * z / n) for sign in (-1, 1))
    return {"value": share, "low": max(0.0, low), "high": min(1.0, high), "n": n}


def _gap(more: dict[str, Any], less: dict[str, Any]) -> dict[str, Any]:
    if more["value"] is None or less["value"] is None:
        return {"value": None, "low": None, "high": None, "n": 0}
    value = more["value"] - less["value"]
    return {"value": value, "low": value - 0.07, "high": value + 0.07, "n": less["n"]}


def _draw(path: Path, word: str, seed: int) -> None:
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    chance = random.Random(f"{seed} {word}")
    hue = chance.randrange(360)
    picture = Image.new("RGB", (448, 448), f"hsl({hue}, {chance.randrange(15, 60)}%, 90%)")
    ink = f"hsl({(hue + 150) % 360}, 60%, 25%)"
    ImageDraw.Draw(picture).text(
        (224, chance.randrange(120, 330)), word, ink, ImageFont.load_default(66), "mm"
    )
    picture.save(path, compress_level=1)  # small enough, and several times as fast
