"""A double of HashiCorp Vault and OpenBao, and a real OpenBao where one is found."""

from tests.doubles.vault.double import VaultDouble
from tests.doubles.vault.openbao import RealServer, real_server

__all__ = ["RealServer", "VaultDouble", "real_server"]
