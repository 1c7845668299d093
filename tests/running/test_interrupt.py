from __future__ import annotations

import signal

import pytest

from levelhead.running import sigterm_as_interrupt


def test_sigterm_is_an_interrupt_within_and_what_it_was_after() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), sigterm_as_interrupt():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before
