"""One decision for each answer: say it, say it with a caveat, abstain, rewrite it or refuse it."""
