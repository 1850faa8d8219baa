"""TLS as a profile sets it. Nothing of the environment is read: no SSL_CERT_FILE, no REQUESTS_CA_BUNDLE."""

from __future__ import annotations

import ssl
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kvtui.domain.errors import InvalidInput
from kvtui.domain.path import display


@dataclass(frozen=True, slots=True)
class Tls:
    """Without `ca_file` and `ca_dir` the system's certificates are trusted. `skip_verify` trusts anybody."""

    ca_file: Path | None = None
    ca_dir: Path | None = None
    ca_pem: str | None = None
    """Certificates themselves, where no file or folder is named."""
    client_cert: Path | None = None
    client_key: Path | None = None
    server_name: str | None = None
    skip_verify: bool = False

    def context(self) -> ssl.SSLContext:
        """Raises InvalidInput naming the file that cannot be used."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.skip_verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        elif self.ca_file or self.ca_dir:
            self._load_authorities(context)
        elif self.ca_pem:
            try:
                context.load_verify_locations(cadata=self.ca_pem)
            except ssl.SSLError:
                raise InvalidInput("The certificates given cannot be read.", hint="They must be PEM.") from None
        else:
            _load_system(context)
        if self.client_cert:
            self._load_client(context, self.client_cert)
        elif self.client_key:
            raise InvalidInput("client_key without client_cert.", hint="Name the certificate too.")
        return context

    def _load_authorities(self, context: ssl.SSLContext) -> None:
        named = " or ".join(display(str(path)) for path in (self.ca_file, self.ca_dir) if path)
        try:
            context.load_verify_locations(
                str(self.ca_file) if self.ca_file else None, str(self.ca_dir) if self.ca_dir else None
            )
        except (OSError, ssl.SSLError):
            raise InvalidInput(f"No certificates can be read from {named}.", hint="It must be PEM.") from None

    def _load_client(self, context: ssl.SSLContext, certificate: Path) -> None:
        def no_passphrase() -> str:
            raise InvalidInput("The client's key is encrypted.", hint="Use one that is not, in a private file.")

        try:
            context.load_cert_chain(str(certificate), self.client_key and str(self.client_key), no_passphrase)
        except (OSError, ssl.SSLError):
            raise InvalidInput(
                f"The client certificate {display(str(certificate))} or its key cannot be used.",
                hint="Both must be PEM and belong together.",
            ) from None


_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
"""Where systems keep their authorities, for a Python built elsewhere (as in Go's crypto/x509/root_linux.go)."""


def _load_system(context: ssl.SSLContext) -> None:
    """What `load_default_certs` loads, but not from SSL_CERT_FILE and SSL_CERT_DIR: whoever sets a variable vouches for
    nobody."""
    if sys.platform == "win32":
        context.load_default_certs()
        return
    built_in = ssl.get_default_verify_paths()
    file = next((each for each in (built_in.openssl_cafile, *_BUNDLES) if Path(each).is_file()), None)
    folder = built_in.openssl_capath if Path(built_in.openssl_capath).is_dir() else None
    if file or folder:
        with suppress(OSError, ssl.SSLError):  # then nobody is trusted, and each refusal says how to name a file
            context.load_verify_locations(file, folder)
