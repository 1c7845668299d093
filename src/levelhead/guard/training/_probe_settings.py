"""How a linear probe is trained."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from levelhead.errors import UsageError
from levelhead.guard.training._settings import DetectorSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeSettings(DetectorSettings):
    """How a linear probe is trained. The window is long, so that most answers are averaged as a whole.

    Its loss is the mean cross-entropy, both classes weighing the same, plus l2 / 2 times the squared length
    of the weights of standardised states. In the terms of scikit-learn, l2 is 1 / (C * rows).

    Attributes:
        layers: Layers that may be read, from 1; the held-out goals choose.
        l2: Penalties that may be used; the held-out goals choose.

    Raises:
        UsageError: If a value is out of range.
    """

    window: int = 512
    max_held_out: int = 1000
    layers: tuple[int, ...] = (16, 20)
    l2: tuple[float, ...] = (0.03, 0.3, 3.0)

    def __post_init__(self) -> None:
        DetectorSettings.__post_init__(self)  # super() does not work in a dataclass with slots
        for name, least in (("layers", 1), ("l2", 1e-9)):
            given = getattr(self, name)
            if not given or len(set(given)) < len(given) or not all(least <= one < 1e9 for one in given):
                raise UsageError(
                    f"{name} is {', '.join(map(str, given)) or 'empty'}; give one or more numbers, each "
                    f"once and at least {least}."
                )

    def to_json(self) -> dict[str, object]:
        return {**asdict(self), "layers": list(self.layers), "l2": list(self.l2)}
