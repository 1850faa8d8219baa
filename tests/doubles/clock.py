"""The clock of a double: the machine's, or one that stands still until a test moves it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class Clock:
    """`at` (aware) stops it there; without it the clock runs with the machine's."""

    def __init__(self, at: datetime | None = None) -> None:
        self._at = at
        self._ahead = timedelta()

    def now(self) -> datetime:
        """Aware, UTC."""
        return (self._at or datetime.now(UTC)) + self._ahead

    def seconds(self) -> float:
        """Since 1970."""
        return self.now().timestamp()

    def advance(self, seconds: float) -> None:
        """Lets this much time go by; negative goes back, as the clocks of servers do."""
        self._ahead += timedelta(seconds=seconds)

    def stop(self, at: datetime) -> None:
        """From now on it is `at` (aware) until `advance`."""
        self._at, self._ahead = at.astimezone(UTC), timedelta()


def utc_text(moment: datetime) -> str:
    """ISO 8601 with seconds and Z, as APIs show it: 2025-10-05T10:00:00Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
