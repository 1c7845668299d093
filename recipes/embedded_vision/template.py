"""The chat template of the language model, made to take pictures."""

from __future__ import annotations

IMAGE_TOKEN = "<empty_output>"  # noqa: S105
"""A reserved token that SmolLM2 was never trained with, so the vocabulary stays as it is."""
_PLAIN_PART = "message['content']"
_PART = "(message['content'] if message['content'] is string else parts(message['content']))"
_PARTS = (
    "{% macro parts(content) %}{% for part in content %}"
    "{{ '" + IMAGE_TOKEN + "\\n' if part['type'] == 'image' else part['text'] }}"
    "{% endfor %}{% endmacro %}"
)


def picture_template(template: str) -> str:
    """The chat template of the language model, made to take pictures too; texts come out as before.

    Raises:
        ValueError: If the template does not write a message's content in the known way.
    """
    before, found, after = template.rpartition(_PLAIN_PART)
    if not found:
        raise ValueError("The chat template has no message['content']; write the new one by hand.")
    return _PARTS + before + _PART + after
