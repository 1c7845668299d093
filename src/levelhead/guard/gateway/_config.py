"""All settings of the gateway, in one file that refuses what it does not know.

Every field has a default and a description, from which the reference is written (`_config_reference.py`). A
gateway without a file is a guarded one: closed where it cannot judge, open to this machine only.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Literal, Self, TypeAlias, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from levelhead.guard.detoxifier._template import REFUSAL
from levelhead.guard.gateway._media_policy import MIB, MediaPolicy
from levelhead.guard.gateway._observability_settings import LogSettings, TelemetrySettings, UISettings
from levelhead.guard.gateway._sureness import Unsure
from levelhead.guard.gateway.audit._settings import AuditSettings

Seconds: TypeAlias = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count: TypeAlias = Annotated[int, Field(ge=1)]
Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]
Response: TypeAlias = Literal["allow", "rewrite", "block"]
WithoutVerdict: TypeAlias = Literal["allow", "block"]
Role: TypeAlias = Literal["system", "developer", "user", "assistant", "tool", "function"]


def _http_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is no http or https address. Write http://HOST:PORT/v1")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("it holds a user, a query or a fragment. Put the key into the environment (key_env)")
    return url.rstrip("/")


class Settings(BaseModel):
    """A section: frozen, and closed to fields that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class UpstreamSettings(Settings):
    """The model server behind the gateway."""

    url: Annotated[str, AfterValidator(_http_url)] = Field(
        "http://127.0.0.1:8080/v1", description="Base address of its OpenAI-compatible interface."
    )
    key_env: str | None = Field(
        None, description="Environment variable with the key of the upstream. Clients never see it."
    )
    connect_seconds: Seconds = Field(5.0, description="Time to connect.")
    idle_seconds: Seconds = Field(
        120.0, description="Longest silence: before the answer begins, and between two pieces of it."
    )
    total_seconds: Seconds = Field(600.0, description="Time for a whole answer.")
    max_answer_bytes: Count = Field(16 * MIB, description="Bytes of a whole answer, streamed or not.")
    max_event_bytes: Count = Field(1 * MIB, description="Bytes of one event of a stream.")
    max_connections: Count = Field(512, description="Connections that are open at once.")


class ListenSettings(Settings):
    """Where the gateway listens. It speaks plain HTTP: TLS is the work of a proxy in front."""

    host: str = Field("127.0.0.1", description="Address. One that other machines reach needs `keys`.")
    port: int = Field(8900, ge=0, le=65535, description="Port; 0 takes a free one.")
    header_seconds: Seconds = Field(10.0, description="Time that a client has to send its headers.")
    keep_alive_seconds: Seconds = Field(75.0, description="Time that an idle connection stays open.")
    send_seconds: Seconds = Field(
        60.0, description="Longest time in which a client takes nothing of a stream; past it, it is cut off."
    )
    max_connections: Count = Field(2048, description="Connections of clients, idle ones included.")
    lame_duck_seconds: float = Field(
        0.0,
        ge=0,
        allow_inf_nan=False,
        description="Time after SIGTERM in which requests are still taken while `/readyz` says 503, so that "
        "a balancer goes elsewhere first; idle connections stay open for as long.",
    )
    drain_seconds: Seconds = Field(30.0, description="Time for requests under way after that.")

    @property
    def local(self) -> bool:
        """Whether only this machine reaches the address."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


class KeySettings(Settings):
    """A key that clients may use. The key itself stands in the environment or in a file, never here."""

    id: str = Field(description="Name of the key in logs and metrics.", pattern=r"^[A-Za-z0-9_.-]{1,64}$")
    env: str | None = Field(None, description="Environment variable that holds the key.")
    file: Path | None = Field(None, description="File that holds the key; blanks at its ends do not count.")
    max_concurrent: Count = Field(64, description="Requests of this key under way at once.")
    per_minute: Count = Field(6000, description="Requests of this key in a minute.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.env is None) == (self.file is None):
            raise ValueError("give exactly one of env and file")
        return self


class LimitSettings(Settings):
    """What a request may be."""

    max_body_bytes: Count = Field(48 * MIB, description="Bytes of a request.")
    body_seconds: Seconds = Field(30.0, description="Time that a client has to send its request.")
    max_depth: Count = Field(64, description="Depth of nesting of the JSON.")
    max_values: Count = Field(200_000, description="Keys and values of the JSON.")
    max_messages: Count = Field(1_000, description="Messages of a conversation.")
    max_text_characters: Count = Field(400_000, description="Characters of all texts together.")
    max_choices: Count = Field(16, description="Choices (`n`) of one request.")
    max_concurrent: Count = Field(256, description="Requests under way at once; past it 503.")


class DetectorSection(Settings):
    """What judges."""

    name: str = Field(
        "encoder", description="lexical, encoder, encoder:FOLDER, remote:MODEL@URL, A+B for both."
    )
    calibration: Path | None = Field(
        None, description="Folder from `levelhead guard calibrate`; else the one beside the weights."
    )
    threshold: Share | None = Field(
        None, description="p_harm from which a text counts as harmful; else that of the calibration."
    )
    undisguise: bool = Field(
        True,
        description="Judge a text with signs of a disguise without it as well: letters of other scripts, "
        "invisible letters, digits for letters, Base64.",
    )
    threads: Count | None = Field(None, description="Processor threads; all if not given.")
    batch: Count = Field(16, description="Texts that are judged at once.")
    max_waiting: Count = Field(256, description="Calls that may wait; past it 503 with Retry-After.")
    seconds: Seconds = Field(
        30.0, description="Time for one text to be judged, waiting included; past it the judging failed."
    )
    remembered: int = Field(4096, ge=0, description="Verdicts kept in memory, by the hash of their text.")


class DetoxifierSection(Settings):
    """What rewrites harmful answers."""

    name: str = Field("template", description="template, local, local:MODEL, remote:MODEL@URL.")
    retries: int = Field(1, ge=0, le=10, description="Further rewritings, where the first is not harmless.")
    refusal: str = Field(
        REFUSAL, min_length=1, pattern=r"\S", description="What is said where no rewriting is harmless."
    )
    batch: Count = Field(4, description="Answers that are rewritten at once.")
    max_waiting: Count = Field(64, description="Rewritings that may wait; past it the answer is refused.")
    seconds: Seconds = Field(60.0, description="Time for one rewriting, waiting included.")


class CategoryRule(Settings):
    """What holds for one kind of harm."""

    response: Response | None = Field(None, description="Instead of `policy.harmful`.")
    threshold: Share | None = Field(None, description="Instead of that of the detector.")


class PolicySettings(Settings):
    """What becomes of a text. Requests are never rewritten: for them, rewrite means block."""

    harmful: Response = Field("rewrite", description="What becomes of a harmful answer.")
    harmful_input: Literal["allow", "block"] = Field(
        "block", description="What becomes of a request with harmful text."
    )
    categories: dict[str, CategoryRule] = Field(
        default_factory=dict, description="Other rules for kinds of harm, by the detector's name for them."
    )
    on_uninspected: WithoutVerdict = Field(
        "block", description="What becomes of content that cannot be judged: audio, an unreadable picture."
    )
    on_failure: WithoutVerdict = Field(
        "block", description="What becomes of a text where the detector itself failed or took too long."
    )


class RailSettings(Settings):
    """What is looked at. What a rail that is off lets through is told as not inspected."""

    input: bool = Field(True, description="Judge the texts of requests.")
    input_roles: tuple[Role, ...] = Field(
        get_args(Role),
        description="Whose texts are judged. Leave out system and developer if only you write them, and they "
        "name what the model must not do.",
    )
    output: bool = Field(True, description="Judge what the model says.")
    pictures: bool = Field(
        True, description="Read the text in pictures, and judge it as part of the request (extra `ocr`)."
    )


class StreamSettings(Settings):
    """How a streamed answer is held back until it has been judged."""

    hold_back: Literal["sentence"] | Annotated[int, Field(ge=1, le=100_000)] = Field(
        "sentence",
        description="sentence: whole sentences go out. A number: the last so many characters stay back, so "
        "that what goes out was judged with what follows it.",
    )
    longest_hold: Count = Field(
        600, description="Characters without the end of a sentence, after which a blank is taken for one."
    )


class HonestySettings(Settings):
    """The honesty rail: ask the model, after each answer to a chat, whether it is sure. One request more."""

    on: bool = Field(False, description="Ask. It means something for models tuned by R-Tuning.")
    threshold: Share = Field(0.5, description="p_sure below which an answer counts as unsure.")
    below: Unsure = Field(
        "tell",
        description="What becomes of an unsure answer. tell: p_sure in the field `levelhead`. caveat: a "
        "sentence behind it. abstain: another text in its place; in a stream, which was shown already, a "
        "caveat.",
    )
    policy: Path | None = Field(
        None,
        description="decision.json, as levelhead loop makes it: it makes p_sure honest and decides by costs "
        "and budgets, in place of threshold and below.",
    )
    without_picture: bool = Field(
        False,
        description="Where a chat shows a picture, ask once more without it: an answer that the picture "
        "changed is held to the policy's map for such answers. One request more; needs policy.",
    )
    caveat: str = Field(
        "I am not sure of this answer.", pattern=r"\S", description="The sentence behind an unsure answer."
    )
    abstention: str = Field(
        "I am not sure enough to answer this.", pattern=r"\S", description="The text in its place."
    )

    @model_validator(mode="after")
    def _pictures_take_a_policy(self) -> Self:
        if self.without_picture and self.policy is None:
            raise ValueError("without_picture needs policy, which says what such an answer is worth")
        return self


class ReplySettings(Settings):
    """What clients are told beside the answer."""

    extension: bool = Field(True, description="Add the field `levelhead` to answers.")
    headers: bool = Field(True, description="Add the headers `x-levelhead-...`.")
    scores: bool = Field(
        True, description="Tell p_harm. Without, who probes the guard learns less from each answer."
    )


class GatewayConfig(Settings):
    """The whole file.

    Raises:
        pydantic.ValidationError: If a field is unknown, of a wrong type or out of range.
    """

    upstream: UpstreamSettings = UpstreamSettings()
    listen: ListenSettings = ListenSettings()
    keys: tuple[KeySettings, ...] = ()
    limits: LimitSettings = LimitSettings()
    rails: RailSettings = RailSettings()
    policy: PolicySettings = PolicySettings()
    detector: DetectorSection = DetectorSection()
    detoxifier: DetoxifierSection = DetoxifierSection()
    stream: StreamSettings = StreamSettings()
    honesty: HonestySettings = HonestySettings()
    reply: ReplySettings = ReplySettings()
    media: MediaPolicy = MediaPolicy()
    audit: AuditSettings | None = None
    ui: UISettings = UISettings()
    logs: LogSettings = LogSettings()
    telemetry: TelemetrySettings = TelemetrySettings()

    @model_validator(mode="after")
    def _check(self) -> Self:
        names = [key.id for key in self.keys]
        if len(set(names)) < len(names):
            raise ValueError("two keys have the same id")
        if (self.ui.key_env or self.ui.key_file) is not None and self.audit is None:
            raise ValueError("ui shows what audit keeps: add a section [audit]")
        return self
