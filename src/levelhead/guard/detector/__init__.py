"""What judges: the contract, one module for each kind of detector, and judging whole files."""
