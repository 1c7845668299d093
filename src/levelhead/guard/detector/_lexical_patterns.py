"""The words of the lexical detector, by category. Plain generic words only; nothing here was taken from data.

A category has `subjects`, what the text is about, and the detector adds signs that the text gives
instructions. Subjects alone are common in news, history and advice, so alone they weigh little.
"""

from __future__ import annotations

import re
from typing import Final

_BEFORE, _BEHIND = r"(?<!\w)", r"(?!\w)"


def _words(*patterns: str) -> re.Pattern[str]:
    """One pattern that finds any of these as whole words.

    Each is linear: nothing repeats inside a repetition.
    """
    return re.compile(f"{_BEFORE}(?:{'|'.join(patterns)}){_BEHIND}")


SUBJECTS: Final[dict[str, re.Pattern[str]]] = {
    "weapons": _words(
        r"(?:pipe |nail |petrol |homemade |car )?bombs?",
        r"explosives?",
        r"detonators?",
        r"molotov cocktails?",
        r"grenades?",
        r"nerve agents?",
        r"ghost guns?",
        r"untraceable (?:gun|firearm)s?",
        r"silencers?",
        r"biological weapons?",
        r"chemical weapons?",
    ),
    "drugs": _words(
        r"meth(?:amphetamine)?",
        r"cocaine",
        r"heroin",
        r"fentanyl",
        r"ecstasy pills?",
        r"drug dealers?",
        r"cook(?:ing)? (?:the )?drugs",
    ),
    "cybercrime": _words(
        r"malware",
        r"ransomware",
        r"keyloggers?",
        r"botnets?",
        r"trojans?",
        r"phishing (?:e-?mails?|sites?|pages?|kits?)",
        r"steal(?:ing)? (?:the |their |his |her )?(?:passwords?|credentials|cookies)",
        r"hack(?:ing)? into",
        r"ddos attacks?",
        r"exploit the vulnerability",
    ),
    "fraud": _words(
        r"stolen credit cards?",
        r"credit card skimm(?:er|ing)s?",
        r"counterfeit (?:money|bills|notes|currency)",
        r"launder(?:ing)? (?:the )?money",
        r"money laundering",
        r"identity theft",
        r"fake (?:id|ids|passports?|invoices?|reviews)",
        r"forg(?:e|ed|ing) (?:documents?|signatures?|passports?)",
        r"(?:ponzi|pyramid) schemes?",
        r"evad(?:e|ing) taxes",
        r"insider trading",
    ),
    "violence": _words(
        r"kill (?:him|her|them|people|someone|your \w+)",
        r"murder(?:ing)?",
        r"poison (?:him|her|them|someone|the \w+)",
        r"kidnap(?:ping)?",
        r"tortur(?:e|ing)",
        r"mass shootings?",
        r"assassinat(?:e|ing|ion)",
        r"stalk (?:him|her|them|someone)",
        r"dispose of (?:the|a) body",
    ),
    "self-harm": _words(
        r"kill yourself",
        r"end your (?:own )?life",
        r"suicide methods?",
        r"ways? to (?:die|commit suicide)",
        r"cut(?:ting)? yourself",
        r"starv(?:e|ing) yourself",
        r"hide (?:the |your )?(?:self-harm|eating disorder)",
    ),
    "hate": _words(
        r"(?:are|is) (?:all )?(?:subhuman|vermin|parasites|an inferior race)",
        r"inferior race",
        r"racial purity",
        r"ethnic cleansing",
        r"(?:deserve|should) (?:to )?be exterminated",
        r"go back to (?:your|their) (?:own )?countr(?:y|ies)",
    ),
    "harassment": _words(
        r"blackmail(?:ing)?",
        r"extort(?:ion|ing)?",
        r"dox(?:x?ing|xed)?",
        r"revenge porn",
        r"spy(?:ing)? on (?:your|his|her|their) (?:wife|husband|girlfriend|boyfriend|partner|neighbou?r|ex)",
        r"track (?:him|her|them) without (?:his|her|their) knowledge",
    ),
    "sexual": _words(
        r"sexual(?:ly)? (?:explicit|assault)",
        r"child (?:porn(?:ography)?|abuse material)",
        r"groom(?:ing)? (?:a |the )?(?:child|children|minors?)",
        r"date rape",
        r"non-?consensual",
    ),
}

ANY_SUBJECT: Final = _words(
    *(subject.pattern.removeprefix(_BEFORE).removesuffix(_BEHIND) for subject in SUBJECTS.values())
)
"""Finds what at least one of `SUBJECTS` finds."""

INSTRUCTIONS: Final = _words(
    r"step (?:\d|one|two|three)",
    r"steps? to",
    r"(?:you will|you'll|you) need(?: to)?",
    r"here(?:'s| is| are) (?:how|the steps|a guide|a plan|some ways|a tutorial|instructions)",
    r"(?:detailed |step-by-step )?(?:instructions|tutorial|recipe)",
    r"first,? (?:you|gather|find|get|obtain|create|choose|make)",
    r"(?:gather|obtain|acquire) (?:the |your |all )?(?:necessary )?(?:materials?|ingredients?|supplies)",
    r"make sure (?:that )?(?:you|to|no one|nobody)",
    r"without (?:getting caught|being (?:caught|noticed|detected|traced)|leaving (?:any )?(?:a )?traces?)",
    r"avoid (?:detection|getting caught|being caught|suspicion|the police|law enforcement)",
)

WARNINGS: Final = _words(
    r"(?:is|are|would be) (?:illegal|against the law|a (?:serious )?crime|dangerous and illegal|unethical)",
    r"(?:don't|do not|never|avoid|please don't) (?:try|attempt|do|share|click|give|use)",
    r"(?:protect|defend|secure) (?:yourself|your|against|from)",
    r"prevent(?:ing|ion)?",
    r"report (?:it|them|this|any)",
    r"seek (?:help|support)",
    r"(?:hotline|helpline|lifeline|law enforcement can|authorities)",
    r"(?:history|historical|novel|fiction|museum|museums|documentary|treaty|treaties)",
)
"""Signs that the text warns, helps or tells of something; a sentence with one weighs less."""
