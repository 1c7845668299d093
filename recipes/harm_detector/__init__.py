"""The recipe of the harm detector that ships: a small encoder, trained, calibrated and tested by commands.

Run its modules from the folder above the package, for example `python -m harm_detector.train`. It is no part
of the installed package.
"""
