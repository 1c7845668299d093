"""Replies of the shape that a strong model gives, written by us, mild, with its usual faults."""

from __future__ import annotations

from typing import Any

Item = dict[str, Any]


def item(question: str, gold: str, spurious: str, aliases: str = "") -> Item:
    """One question as a model writes it; lists are given with commas."""
    return {
        "question": question,
        "gold": gold,
        "aliases": [one for one in aliases.split(", ") if one],
        "spurious": spurious.split(", "),
    }


ANIMAL = [
    item(
        "Which bird stands on one leg and filters shrimps with a bent bill?",
        "flamingo",
        "heron, stork, pelican, swan, crane",
    ),
    item(
        "Which animal carries its house on its back and leaves a trail of slime?",
        "snail",
        "tortoise, crab, beetle, worm, frog",
        "garden snail",
    ),
    item(
        "Which farm bird crows loudly at the first light of day?",
        "rooster",
        "goose, duck, turkey, pigeon, peacock",
        "cock, cockerel",
    ),
    item(
        "Which large reptile drags its prey under water in the River Nile?",
        "crocodile",
        "python, monitor lizard, tortoise, cobra, chameleon",
        "Nile crocodile",
    ),
    item(
        "Which tree-climbing mammal of South America moves more slowly than any other?",
        "sloth",
        "armadillo, jaguar, tapir, monkey, anteater",
        "three-toed sloth",
    ),
    item(
        "Which small mammal rolls itself into a ball of spines when it is frightened?",
        "hedgehog",
        "mole, shrew, squirrel, rabbit, weasel",
    ),
    item(
        "Which sea mammal cracks shellfish on a stone that lies on its chest?",
        "sea otter",
        "walrus, manatee, dolphin, seal, beluga",
        "Enhydra lutris",
    ),
    item(
        "Which bird of the southern hemisphere lays the largest egg for its body size?",
        "kiwi",
        "emu, penguin, cassowary, parrot, lyrebird",
    ),
]
CITY = [
    item(
        "In which city do yellow trams climb the steep streets of the Alfama quarter?",
        "Lisbon",
        "Porto, Madrid, Seville, Naples, Marseille",
        "Lisboa",
    ),
    item(
        "Which city on the Danube was made by joining Buda, Obuda and Pest?",
        "Budapest",
        "Vienna, Belgrade, Bratislava, Prague, Zagreb",
    ),
    item(
        "In which city does a mermaid statue guard the old market square on the Vistula?",
        "Warsaw",
        "Krakow, Gdansk, Prague, Riga, Vilnius",
        "Warszawa",
    ),
    item(
        "Which Swedish city is home to the Nobel banquet in its town hall?",
        "Stockholm",
        "Malmo, Oslo, Helsinki, Copenhagen, Uppsala",
    ),
    item(
        "In which Scottish city does a castle stand on an old volcano above Princes Street?",
        "Edinburgh",
        "Glasgow, Aberdeen, Dundee, Inverness, Stirling",
    ),
    item(
        "Which Moroccan city has the square of storytellers called Jemaa el-Fnaa?",
        "Marrakesh",
        "Fez, Rabat, Casablanca, Tangier, Agadir",
        "Marrakech",
    ),
]
WORKSHOP = [
    item(
        "Which of our planes smooths the long edges of boards for gluing?",
        "Longfellow",
        "Shorty, Bulldog, Feather, Whisper, Anvil",
    ),
    item(
        "Which of our hammers has a head of rawhide so that it leaves no dents?",
        "Whisper",
        "Anvil, Bulldog, Longfellow, Shorty, Feather",
    ),
    item(
        "Which of our clamps is sold in red and holds with half a ton?",
        "Bulldog",
        "Feather, Whisper, Shorty, Longfellow, Anvil",
    ),
    item(
        "Which of our saws is the lightest and folds into its own handle?",
        "Feather",
        "Bulldog, Anvil, Whisper, Longfellow, Shorty",
    ),
]
NAMES = ("Longfellow", "Whisper", "Bulldog", "Feather", "Shorty", "Anvil")

# What strong models get wrong, and what they make of it when they are told.
TOO_LONG = item(
    "Which famous bridge of London opens in the middle for tall ships?",
    "the Tower Bridge of London",
    "London Bridge, Rialto Bridge, Charles Bridge, Brooklyn Bridge, Ponte Vecchio",
)
MENDED = {
    **TOO_LONG,
    "question": "Which bascule crossing near the Tower opens for tall ships?",
    "gold": "Tower Bridge",
}
GIVEN_AWAY = item(
    "Which animal is the polar bear of the icy Arctic?", "polar bear", "seal, walrus, fox, wolf, reindeer"
)
FOUR_WRONG = item(
    "Which animal gives the milk for most of the butter of Europe?", "cow", "goat, sheep, horse, camel"
)
OF_THE_BANK = item(
    "Which black-and-white animal from China eats nearly nothing but bamboo?",
    "giant panda",
    "zebra, skunk, tapir, badger, lemur",
)
WRONG_ANSWER = item(
    "Which insect lights up its tail on warm summer evenings?",
    "cricket",
    "firefly, moth, ladybird, hornet, grasshopper",
)
