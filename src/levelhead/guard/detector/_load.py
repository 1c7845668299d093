"""From a detector's name to the detector: the one place that knows the spelling of names.

lexical                  patterns; needs nothing
encoder                  the encoder that came with this package
encoder:FOLDER           one that was trained here
llm:FOLDER               a causal language model with a one-logit head; an adapter names its base itself
llm:BASE+ADAPTER         an adapter on the base that is given
probe:FOLDER             a linear probe on the states of a language model; it names its base itself
probe:BASE+FOLDER        a probe on the base that is given
llm-paper:FOLDER         one of the paper's own; also llm-paper:BASE+ADAPTER
remote:MODEL@URL         any OpenAI-compatible judge; the key comes from OPENAI_API_KEY
NAME+NAME                the average of several
NAME+ocr                 with eyes that read text in pictures; holds for all that stands before it
"""

from __future__ import annotations

import re
from contextlib import ExitStack
from pathlib import Path

from levelhead.errors import UsageError
from levelhead.guard.detector._calibration import CALIBRATION_FILE, CalibratedDetector, Calibration
from levelhead.guard.detector._detector import Detector

SHIPPED_FOLDER = Path(__file__).parents[1] / "encoder"
"""Where the encoder lies that comes with the package."""

_KNOWN = (
    "lexical, encoder, encoder:FOLDER, llm:FOLDER, llm-paper:FOLDER, probe:FOLDER, remote:MODEL@URL, "
    "NAME+NAME, NAME+ocr"
)
_MEMBER = re.compile(r"\+(?=(?:lexical(?:\+|$)|encoder(?:[:+]|$)|llm:|llm-paper:|probe:|remote:))")


def load_detector(
    name: str, *, calibration: Path | None = None, calibrated: bool = True, threads: int | None = None
) -> Detector:
    """Load a detector by its name.

    Args:
        name: See the head of this module.
        calibration: The file or folder that `levelhead guard calibrate` wrote; None takes the one beside the
            weights, if there is one.
        calibrated: Whether a calibration is looked for; false gives raw scores and the threshold 0.5.
        threads: Processor threads; None for all.

    Raises:
        UsageError: If the name is of no known form, or something that it names is not there.
        MissingExtraError: If the needed extra is not installed.
        ModelError: If weights are damaged or a server does not answer.
    """
    if calibration is not None and not calibrated:
        raise UsageError("A calibration was given, and none is to be used. Leave out one of the two.")
    if calibration is not None:
        raw = load_detector(name, calibrated=False, threads=threads)
        return CalibratedDetector(raw, Calibration.read(calibration))
    if name.endswith("+ocr"):
        from levelhead.guard.detector._reading import ReadingDetector
        from levelhead.models._ocr import TextReader

        inner = load_detector(name.removesuffix("+ocr"), calibrated=calibrated, threads=threads)
        return ReadingDetector(inner, TextReader(threads))
    members = _MEMBER.split(name)
    if len(members) == 1:
        return _load_one(name, calibrated, threads)
    from levelhead.guard.detector._ensemble import EnsembleDetector

    with ExitStack() as stack:
        loaded = [stack.enter_context(_load_one(member, calibrated, threads)) for member in members]
        ensemble = EnsembleDetector(loaded, name=name)
        stack.pop_all()
    return ensemble


def _load_one(name: str, calibrated: bool, threads: int | None) -> Detector:
    kind, _, rest = name.partition(":")
    match kind:
        case "lexical" if not rest:
            from levelhead.guard.detector._lexical import LexicalDetector

            return LexicalDetector()
        case "encoder":
            return _load_encoder(Path(rest) if rest else SHIPPED_FOLDER, name, calibrated, threads)
        case "llm" | "llm-paper" if rest:
            return _load_llm(kind, rest, name, calibrated, threads)
        case "probe" if rest:
            from levelhead.guard.detector._probe import ProbeDetector

            folder, base = _folder_and_base(kind, rest)
            probe = ProbeDetector(folder, base=base, threads=threads, name=name)
            return _calibrated(probe, folder, calibrated)
        case "remote" if rest:
            from levelhead.guard.detector._remote import RemoteDetector
            from levelhead.models import load_model

            return RemoteDetector(load_model(f"openai:{rest}"), name=name)
        case _:
            raise UsageError(f"There is no detector {name!r}. Give one of: {_KNOWN}.")


def _load_encoder(folder: Path, name: str, calibrated: bool, threads: int | None) -> Detector:
    from levelhead.guard.detector._encoder import EncoderDetector

    if folder == SHIPPED_FOLDER and not folder.is_dir():
        raise UsageError(
            "This build of levelhead has no encoder in it. Give a folder that training wrote: encoder:FOLDER"
        )
    return _calibrated(EncoderDetector(folder, threads=threads, name=name), folder, calibrated)


def _load_llm(kind: str, place: str, name: str, calibrated: bool, threads: int | None) -> Detector:
    from levelhead.guard.detector._llm import LLMDetector

    folder, base = _folder_and_base(kind, place)
    detector = LLMDetector(folder, base=base, paper=kind == "llm-paper", threads=threads, name=name)
    return _calibrated(detector, folder, calibrated)


def _folder_and_base(kind: str, place: str) -> tuple[Path, str | None]:
    """The folder of a detector, and the base that stands before it, if one does."""
    folder, base = Path(place), None
    if not folder.is_dir() and "+" in place:
        base, _, own = place.rpartition("+")
        folder = Path(own)
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}. Give {kind}:FOLDER or {kind}:BASE+FOLDER.")
    return folder, base


def _calibrated(detector: Detector, folder: Path, calibrated: bool) -> Detector:
    if not calibrated or not (folder / CALIBRATION_FILE).is_file():
        return detector
    return CalibratedDetector(detector, Calibration.read(folder))
