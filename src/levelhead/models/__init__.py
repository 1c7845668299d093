"""Ask a model: local transformers, OpenAI-compatible servers, and OCR eyes for text-only models."""

from __future__ import annotations

from levelhead.models._load import load_model
from levelhead.models._model import Model, Sampling, require_sight

__all__ = ["Model", "Sampling", "load_model", "require_sight"]
