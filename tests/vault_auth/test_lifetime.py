"""How long a token lasts, and its end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from kvtui.backends.vault.auth import lifetime
from kvtui.backends.vault.auth.lifetime import Signed
from kvtui.backends.vault.auth.login import LoginApi
from kvtui.domain.errors import AuthenticationRequired, KvtuiError, Unavailable, Unsupported
from kvtui.domain.value import SecretValue
from tests.doubles.server import Fault, Reply
from tests.vault_auth.double import TOKEN, Server, token

AT = datetime(2030, 1, 1, tzinfo=UTC)


def signed(**about: object) -> Signed:
    base = {"lease_duration": 3600, "renewable": True, "policies": ("default",), "display": "ann", "span": 3600}
    return Signed(SecretValue(TOKEN), **{**base, "at": AT, **about})  # type: ignore[arg-type]


def test_it_ends_its_lease_after_it_was_given() -> None:
    assert signed().expires_at == AT + timedelta(hours=1)
    assert signed().renew_at == AT + timedelta(minutes=40)
    assert signed(lease_duration=0).expires_at is None


@pytest.mark.parametrize("about", [{"renewable": False}, {"is_final": True}, {"lease_duration": 0}])
def test_what_renewing_does_not_help_is_not_due_for_it(about: dict[str, object]) -> None:
    assert signed(**about).renew_at is None


def test_renewing_moves_the_end(server: Server, api: LoginApi) -> None:
    renewed = lifetime.renew(api.signed_in(SecretValue(TOKEN)), signed())
    assert renewed.lease_duration == 3600
    assert renewed.expires_at is not None
    assert abs(renewed.expires_at - datetime.now(UTC) - timedelta(hours=1)) < timedelta(minutes=1)
    assert renewed.renew_at is not None
    assert server.requests[0].body == b'{"increment": "3600s"}'
    assert renewed.token.same_as(SecretValue(TOKEN))


def test_renewing_tells_that_the_greatest_lifetime_is_near(server: Server, api: LoginApi) -> None:
    server.renewal = 120
    renewed = lifetime.renew(api.signed_in(SecretValue(TOKEN)), signed())
    assert renewed.is_final
    assert renewed.lease_duration == 120
    assert renewed.renew_at is None


def test_a_token_that_is_not_renewable_is_not_sent(server: Server, api: LoginApi) -> None:
    with pytest.raises(Unsupported):
        lifetime.renew(api.signed_in(SecretValue(TOKEN)), signed(renewable=False))
    assert not server.requests


def test_renewing_an_ended_token_is_refused(server: Server, api: LoginApi) -> None:
    del server.tokens[TOKEN]
    with pytest.raises(AuthenticationRequired):
        lifetime.renew(api.signed_in(SecretValue(TOKEN)), signed())


def test_a_renewal_without_an_answer_is_not_sent_again(server: Server, api: LoginApi) -> None:
    server.break_next(Fault("reset_after", times=3))
    with pytest.raises(Unavailable):
        lifetime.renew(api.signed_in(SecretValue(TOKEN)), signed())
    assert len(server.requests) == 1


def test_a_look_up_leaves_the_token_out(server: Server, api: LoginApi) -> None:
    info = lifetime.look_up(api.signed_in(SecretValue(TOKEN)))
    assert (info.display, info.policies, info.kind) == ("token-ann", ("default", "dev", "team"), "service")
    assert (info.ttl, info.creation_ttl, info.renewable, info.orphan) == (1800, 3600, True, True)
    assert info.expires_at == datetime(2030, 1, 2, 3, 4, 5, 123456, tzinfo=UTC)
    assert info.created_at == datetime(2030, 1, 2, 2, 4, 5, 123456, tzinfo=UTC)
    assert TOKEN not in repr(info)


def test_a_look_up_of_something_strange_is_no_crash(server: Server, api: LoginApi) -> None:
    server.tokens[TOKEN] = token(
        ttl="soon", expire_time=7, policies=["default", 7], display_name=None, num_uses=-3, renewable="yes"
    ) | {"identity_policies": "all"}
    info = lifetime.look_up(api.signed_in(SecretValue(TOKEN)))
    assert (info.ttl, info.expires_at, info.policies, info.display, info.uses) == (0, None, ("default",), "", 0)
    assert not info.renewable


def test_a_revoked_token_is_over(server: Server, api: LoginApi) -> None:
    with_token = api.signed_in(SecretValue(TOKEN))
    lifetime.revoke(with_token)
    assert not server.tokens
    with pytest.raises(KvtuiError):
        lifetime.look_up(with_token)


def test_revoking_is_sent_once_and_a_failure_is_told(server: Server, api: LoginApi) -> None:
    server.break_next(Fault("reply", reply=Reply(500), times=3))
    with pytest.raises(Unavailable):
        lifetime.revoke(api.signed_in(SecretValue(TOKEN)))
    assert len(server.requests) == 1
