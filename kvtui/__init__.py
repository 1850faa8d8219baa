"""kvtui: the terminal where people work with secrets."""

__version__ = "0.1.0"
