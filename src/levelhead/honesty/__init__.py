"""R-Tuning: find what a model does not know, teach it to say so, prove that its confidence can be trusted."""
