"""Ask a model: local transformers, OpenAI-compatible servers, and OCR eyes for text-only models."""

from __future__ import annotations

from levelhead.models._load import load_model, locate_model
from levelhead.models._model import Model, Sampling, Step, require_sight

__all__ = ["Model", "Sampling", "Step", "load_model", "locate_model", "require_sight"]
