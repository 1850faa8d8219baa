"""The command line: the same operations as the screen, for people in a hurry and for scripts."""
