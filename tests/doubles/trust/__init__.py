"""A double of the versioned secrets API with leases and rotation on the server."""

from tests.doubles.trust.double import TrustDouble
from tests.doubles.trust.encoding import error_reply

__all__ = ["TrustDouble", "error_reply"]
