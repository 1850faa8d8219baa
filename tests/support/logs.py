"""What loggers said: for tests that look for what must not be in it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


class Log(logging.Handler):
    """`lines`: each message, with all that is known of its record."""

    def __init__(self) -> None:
        super().__init__(0)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.getMessage()} {record.__dict__!r}")


@contextmanager
def kept_log() -> Iterator[Log]:
    """Everything any logger says meanwhile, each turned up to the loudest."""
    kept = Log()
    loggers = [logging.getLogger(), *map(logging.getLogger, [*logging.root.manager.loggerDict])]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(1)
    logging.root.addHandler(kept)
    try:
        yield kept
    finally:
        logging.root.removeHandler(kept)
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
