"""How often a service may be asked: kept by all sessions of one address and token together.

A service that counts every second strictly refuses the eleventh request also where ten and one were sent a moment more
than a second apart, and the first came late. So one turn a second is left out: requests that are sent one after the
other are then never more than allowed in any second of the server's, however long each is under way. Turns come evenly,
as a burst would use up what another program of the same tenant needs.
"""

from __future__ import annotations

import hmac
import secrets
import threading
from weakref import WeakValueDictionary

from kvtui.backends.http.rate import TokenBucket
from kvtui.domain.codec import to_bytes
from kvtui.domain.value import SecretValue

PER_SECOND = 10
"""The default of the API, for each tenant."""

_key = secrets.token_bytes(32)
_lock = threading.Lock()
_buckets: WeakValueDictionary[bytes, TokenBucket] = WeakValueDictionary()


def shared(address: str, token: SecretValue, per_second: int) -> TokenBucket:
    """The one of this address and token, at the slowest rate that any session of it asks for."""
    name = hmac.digest(_key, address.encode() + b"\0" + to_bytes(token), "sha256")
    rate = turns(per_second)
    with _lock:
        found = _buckets.get(name)
        if found is None:
            _buckets[name] = found = TokenBucket(rate)
        found.slow_to(rate)
        return found


def turns(per_second: int) -> float:
    """Turns a second for a server that takes `per_second` requests in any second."""
    return max(per_second - 1, per_second / 2)
