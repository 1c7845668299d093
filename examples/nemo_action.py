"""Levelhead's guard as two actions of NeMo Guardrails: requests are blocked, answers rewritten or refused.

    rails = LLMRails(RailsConfig.from_content(colang_content=FLOWS, yaml_content=...))
    register(rails, Guard(load_detector("encoder"), load_detoxifier("template")))

The rails are named in NeMo's config:

    rails:
      input: {flows: [levelhead check input]}
      output: {flows: [levelhead check output]}
"""

from __future__ import annotations

from nemoguardrails import LLMRails

from levelhead.guard.gateway import Guard

FLOWS = """
define bot refuse to respond
  "I'm sorry, but I can't help with that."

define subflow levelhead check input
  $passed = execute levelhead_check_input(text=$user_message)
  if not $passed
    bot refuse to respond
    stop

define subflow levelhead check output
  $bot_message = execute levelhead_check_output(text=$bot_message, question=$user_message)
"""


def register(rails: LLMRails, guard: Guard) -> None:
    """Give rails the actions that `FLOWS` calls.

    Args:
        rails: Made with `FLOWS` among their Colang.
        guard: Decides. A text that it could not judge is kept back or let through as its policy says.
    """

    async def check_input(text: str) -> bool:
        return (await guard.acheck_input(text)).passed

    async def check_output(text: str, question: str | None = None) -> str | None:
        return (await guard.acheck_output(text, question)).released

    rails.register_action(check_input, "levelhead_check_input")
    rails.register_action(check_output, "levelhead_check_output")
