"""The audit log: every decision of the guard, in order, each tied to the one before by its hash."""
