"""The recipe of `embedded-vision`: a small vision tower for the embedded language model, from nothing.

Run its modules from the folder above the package, for example `python -m embedded_vision.train_letters`. It
is no part of the installed package.
"""
