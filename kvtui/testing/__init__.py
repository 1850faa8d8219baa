"""The conformance suite for backends, for us and for everybody who writes one. Needs pytest and hypothesis.

A test file of another package is as short as this:

    import pytest
    from acme_kvtui import AcmeBackend
    from kvtui.testing import BackendConformance

    class TestAcme(BackendConformance):
        @pytest.fixture(autouse=True)
        def _server(self, acme_server):
            self.server = acme_server

        def make(self):                      # a fresh, empty store
            return AcmeBackend(self.server.new_space())

        def second(self, backend):           # another connection to the same store
            return AcmeBackend(backend.space)

Every sentence of `kvtui.backends.contract` is a test. Each capability is proved both ways: where `info()` has it, it
works, where it has not, it raises Unsupported. Hooks not given skip the tests that need them; see `Suite` for all.
"""

import pytest

pytest.register_assert_rewrite(
    *(f"{__name__}.{part}" for part in ("suite", "reading", "writing", "lifecycle", "leases", "store", "machine"))
)

from kvtui.testing.conformance import BackendConformance  # noqa: E402
from kvtui.testing.cruel import ALLOWED_NAMES, FORBIDDEN_NAMES, TEXTS  # noqa: E402
from kvtui.testing.machine import BackendMachine  # noqa: E402
from kvtui.testing.suite import Suite  # noqa: E402

__all__ = ["ALLOWED_NAMES", "FORBIDDEN_NAMES", "TEXTS", "BackendConformance", "BackendMachine", "Suite"]
