"""A model writes new questions; they are checked, a person reads them, and a bank comes out."""
