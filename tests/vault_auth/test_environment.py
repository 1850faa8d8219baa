"""BAO_* and VAULT_* variables."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from kvtui.backends.vault.auth import environment
from kvtui.backends.vault.auth.environment import Environment
from kvtui.domain.errors import InvalidInput
from kvtui.domain.value import SecretValue


def test_nothing_set_says_nothing() -> None:
    assert environment.read({"PATH": "/bin", "HTTP_PROXY": "http://evil:1", "ADDR": "https://x"}) == Environment()


def test_every_variable_is_read() -> None:
    found = environment.read(
        {
            "VAULT_ADDR": "https://v.example:8200/",
            "VAULT_TOKEN": "s.x",
            "VAULT_NAMESPACE": "/team/a/",
            "VAULT_CACERT": "/ca.pem",
            "VAULT_CACERT_BYTES": "-----BEGIN CERTIFICATE-----\n",
            "VAULT_CAPATH": "/ca",
            "VAULT_CLIENT_CERT": "/c.pem",
            "VAULT_CLIENT_KEY": "/k.pem",
            "VAULT_CLIENT_TIMEOUT": "1m30s",
            "VAULT_SKIP_VERIFY": "T",
            "VAULT_TLS_SERVER_NAME": "v.internal",
            "VAULT_HTTP_PROXY": "http://proxy:3128",
            "VAULT_TOKEN_PATH": "/t",
            "VAULT_CONFIG_PATH": "/cfg",
            "VAULT_MFA": "my:123456, duo",
            "VAULT_MAX_RETRIES": "3",
            "VAULT_RATE_LIMIT": "10.5:20",
            "VAULT_WRAP_TTL": "300",
        }
    )
    assert found.token is not None
    assert found.token.same_as(SecretValue("s.x"))
    assert found.address == "https://v.example:8200"
    assert (found.namespace, found.server_name, found.proxy) == ("team/a", "v.internal", "http://proxy:3128")
    assert (found.ca_file, found.ca_dir, found.ca_pem) == (
        Path("/ca.pem"),
        Path("/ca"),
        "-----BEGIN CERTIFICATE-----\n",
    )
    assert (found.client_cert, found.client_key) == (Path("/c.pem"), Path("/k.pem"))
    assert (found.timeout, found.skip_verify, found.wrap_ttl) == (90.0, True, timedelta(minutes=5))
    assert (found.token_path, found.config_path) == (Path("/t"), Path("/cfg"))
    assert list(found.mfa) == ["my", "duo"]
    assert found.mfa["duo"] is None
    assert (found.retries, found.rate) == (3, (10.5, 20))


def test_bao_comes_before_vault_and_hides_it_even_when_empty() -> None:
    assert environment.read({"BAO_NAMESPACE": "b", "VAULT_NAMESPACE": "v"}).namespace == "b"
    assert environment.read({"BAO_NAMESPACE": "", "VAULT_NAMESPACE": "v"}).namespace is None
    assert environment.read({"BAO_TOKEN": "", "VAULT_TOKEN": "s.x"}).token is None


def test_the_agents_address_comes_before_the_servers() -> None:
    both = {"BAO_ADDR": "https://server:1", "VAULT_AGENT_ADDR": "http://127.0.0.1:8100"}
    assert environment.read(both).address == "http://127.0.0.1:8100"


@pytest.mark.parametrize(
    ("environ", "there"),
    [
        ({}, False),
        ({"VAULT_TOKEN": "s.x"}, False),
        ({"VAULT_ADDR": "https://x"}, True),
        ({"BAO_AGENT_ADDR": "http://127.0.0.1:1"}, True),
        ({"BAO_ADDR": "", "VAULT_ADDR": "https://x"}, False),
    ],
)
def test_whether_a_server_is_named(environ: dict[str, str], there: bool) -> None:
    assert environment.has_server(environ) is there


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("60", 60.0),
        ("1m30s", 90.0),
        ("1.5h", 5400.0),
        ("250ms", 0.25),
        ("2d", 172800.0),
        ("1h2m3s4ms", 3723.004),
        (".5s", 0.5),
    ],
)
def test_a_time_is_seconds_or_a_go_duration(text: str, expected: float) -> None:
    assert environment.seconds(text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", "-1", "1x", "s", "1m30", "1 m", "９", "1e3", "9999999999999", "1m-30s", "inf"])
def test_any_other_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - it has no text
        environment.seconds(text)


WRONG = {
    "BAO_ADDR": "unix:///run/bao.sock",
    "VAULT_ADDR": "v.example:8200",
    "VAULT_AGENT_ADDR": "https://user:SENTINEL@v.example",
    "VAULT_TOKEN": "s.SENTINEL\r\nX-Evil: 1",
    "BAO_TOKEN": "s.SENTINELé",
    "VAULT_NAMESPACE": "a\x1b]52;c;",
    "VAULT_CLIENT_TIMEOUT": "soon",
    "BAO_CLIENT_TIMEOUT": "0",
    "VAULT_SKIP_VERIFY": "yes",
    "BAO_PROXY_ADDR": "socks5://user:SENTINEL@proxy:1",
    "VAULT_HTTP_PROXY": "proxy:3128",
    "VAULT_MAX_RETRIES": "-1",
    "VAULT_RATE_LIMIT": "fast",
    "VAULT_WRAP_TTL": "SENTINEL",
    "VAULT_MFA": ":SENTINEL",
    "VAULT_CACERT_BYTES": "/etc/ca.pem",
}


@pytest.mark.parametrize("name", WRONG)
def test_a_variable_that_cannot_be_used_is_named_and_not_quoted(name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        environment.read({name: WRONG[name]})
    assert name in caught.value.message
    assert "SENTINEL" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_what_is_secret_does_not_show() -> None:
    found = environment.read(
        {"VAULT_TOKEN": "s.SENTINEL", "VAULT_MFA": "my:SENTINEL", "VAULT_HTTP_PROXY": "http://u:SENTINEL@p:1"}
    )
    assert "SENTINEL" not in f"{found!r} {found}"


def test_a_rate_without_a_burst_is_its_own() -> None:
    assert [environment.read({"BAO_RATE_LIMIT": text}).rate for text in ("10", "0.5", ".5:3")] == [
        (10, 10),
        (0.5, 1),
        (0.5, 3),
    ]
    with pytest.raises(InvalidInput, match="BAO_RATE_LIMIT"):
        environment.read({"BAO_RATE_LIMIT": "0"})
