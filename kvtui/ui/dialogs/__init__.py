"""Dialogs: one question each. They return what was decided; the main screen does it."""
