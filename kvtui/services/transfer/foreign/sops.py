"""The sops format: YAML or JSON as `sops -d` prints it. What is still encrypted is refused: nobody wants that.

Source: getsops/sops, README: a file carries its `sops` map with `mac` and `lastmodified`, values are `ENC[…]`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kvtui.domain.errors import InvalidInput


def check_decrypted(document: Mapping[str, Any]) -> None:
    """Raises InvalidInput for a document that SOPS has not decrypted."""
    about = document.get("sops")
    if isinstance(about, dict) and "mac" in about and "lastmodified" in about:
        raise still_encrypted("sops")


def still_encrypted(form: str) -> InvalidInput:
    return InvalidInput(
        "The file is still encrypted by SOPS.",
        hint=f"Decrypt it on the way: sops -d FILE | kvtui import - --format {form}",
    )
