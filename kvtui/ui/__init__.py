"""The terminal interface, built on Textual. Nothing is imported here: start-up pays for what it uses."""
