"""The guard in front of any model: an OpenAI-compatible gateway, and the same guard as a library."""
