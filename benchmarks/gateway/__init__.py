"""Our gateway beside NeMo Guardrails, LiteLLM, llm-guard and no guard at all. See README.md."""
