"""Short-lived credentials and sharing once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from kvtui.backends.contract import Backend
from kvtui.domain.capability import Capability
from kvtui.domain.errors import InvalidInput, NotFound
from kvtui.domain.value import SecretValue
from kvtui.testing.suite import Suite, is_recent, need, needs, one

_QUARTER = timedelta(minutes=15)
_MINUTE = timedelta(minutes=1)


class LendingConformance(Suite):
    tells_roles = True
    """Fact: the store lists what credentials can be issued for."""

    def role(self, backend: Backend) -> str | None:
        """The name of a role that the store issues renewable credentials for, an hour and longer; None where the suite
        has none to try."""
        return None

    def fixed_role(self, backend: Backend) -> str | None:
        """The same of a role whose leases cannot be renewed."""
        return None

    def _role(self, store: Backend) -> str:
        need(store, Capability.LEASES)
        if store.info().read_only:
            pytest.skip("a read-only store issues nothing")
        role = self.role(store)
        if role is None:
            pytest.skip("this store has no role to try")
        return role

    # Leases

    @needs(Capability.LEASES)
    def test_what_is_issued_has_fields_and_a_lease_that_ends(self, store: Backend) -> None:
        role = self._role(store)
        issued = store.issue(role)
        assert issued.fields
        assert issued.lease.id
        assert issued.lease.role == role
        assert is_recent(issued.lease.issued_at, self.clock_skew)
        assert issued.lease.expires_at is not None
        assert issued.lease.expires_at.utcoffset() == timedelta(0)
        assert issued.lease.expires_at > datetime.now(UTC)

    @needs(Capability.LEASES)
    def test_each_issue_makes_credentials_of_its_own(self, store: Backend) -> None:
        role = self._role(store)
        first, second = store.issue(role), store.issue(role)
        assert first.lease.id != second.lease.id
        assert any(not first.fields[name].same_as(second.fields[name]) for name in first.fields)

    @needs(Capability.LEASES)
    def test_what_is_issued_shows_no_value(self, store: Backend) -> None:
        issued = store.issue(self._role(store))
        assert "<secret>" in repr(issued)

    @needs(Capability.LEASES)
    def test_nothing_but_issue_makes_a_lease(self, store: Backend) -> None:
        role = self._role(store)
        store.write("app/db", one("x"))
        assert not self.tells_roles or role in store.roles()
        assert list(store.roles()) == sorted(store.roles())
        if store.can(Capability.LIST):
            store.list()
            list(store.walk())
        if store.can(Capability.READ):
            store.outline("app/db")
            store.read("app/db")
        store.limits(["app/", "app/db", role])
        assert not store.leases()

    @needs(Capability.RENEW_LEASES)
    def test_leases_are_those_issued_here_as_long_as_they_last(self, store: Backend) -> None:
        role = self._role(store)
        ids = [store.issue(role).lease.id for _ in range(3)]
        assert {lease.id for lease in store.leases()} == set(ids)
        store.revoke(ids[1])
        assert {lease.id for lease in store.leases()} == {ids[0], ids[2]}

    @needs(Capability.RENEW_LEASES)
    def test_a_lease_given_back_is_known_to_another_connection(self, store: Backend) -> None:
        role = self._role(store)
        second = self.second(store)
        if second is None:
            pytest.skip("this store takes one connection")
        with second:
            kept, ended = store.issue(role).lease, store.issue(role).lease
            store.revoke(ended.id)
            assert not second.leases()
            (found,) = second.leases([kept, ended])
            assert (found.id, found.role, found.path, found.renewable) == (kept.id, role, kept.path, True)
            assert second.look_up_lease(kept.id).id == kept.id

    @needs(Capability.RENEW_LEASES)
    def test_a_lease_is_looked_up_by_its_id(self, store: Backend) -> None:
        lease = store.issue(self._role(store)).lease
        found = store.look_up_lease(lease.id)
        assert (found.id, found.role, found.renewable) == (lease.id, lease.role, True)
        assert found.expires_at is not None
        assert lease.expires_at is not None
        assert abs(found.expires_at - lease.expires_at) <= self.clock_skew

    @needs(Capability.RENEW_LEASES)
    def test_an_unknown_lease_has_ended(self, store: Backend) -> None:
        role = self._role(store)
        for call in (store.look_up_lease, store.renew):
            with pytest.raises(NotFound):
                call(f"{role}/nothing")
        store.revoke(f"{role}/nothing")

    @needs(Capability.LEASES)
    def test_credentials_are_issued_for_the_time_asked_for(self, store: Backend) -> None:
        lease = store.issue(self._role(store), timedelta(minutes=5)).lease
        assert lease.expires_at is not None
        assert abs(lease.expires_at - datetime.now(UTC) - timedelta(minutes=5)) <= self.clock_skew

    @needs(Capability.RENEW_LEASES)
    def test_renewing_moves_the_end(self, store: Backend) -> None:
        role = self._role(store)
        lease = store.issue(role).lease
        renewed = store.renew(lease.id, _QUARTER)
        assert (renewed.id, renewed.role) == (lease.id, role)
        assert renewed.expires_at is not None
        assert abs(renewed.expires_at - datetime.now(UTC) - _QUARTER) <= self.clock_skew
        assert store.renew(lease.id).expires_at is not None

    @needs(Capability.RENEW_LEASES)
    def test_what_cannot_be_renewed_says_so(self, store: Backend) -> None:
        self._role(store)
        role = self.fixed_role(store)
        if role is None:
            pytest.skip("this store has no such role to try")
        lease = store.issue(role).lease
        assert not lease.renewable
        with pytest.raises(InvalidInput):
            store.renew(lease.id, _QUARTER)

    @needs(Capability.RENEW_LEASES)
    def test_a_revoked_lease_has_ended_and_ends_again_without_an_error(self, store: Backend) -> None:
        lease = store.issue(self._role(store)).lease
        store.revoke(lease.id)
        store.revoke(lease.id)
        for call in (store.look_up_lease, store.renew):
            with pytest.raises(NotFound):
                call(lease.id)
        assert not store.leases([lease])

    @needs(Capability.LEASES)
    def test_what_is_no_role_issues_nothing(self, store: Backend) -> None:
        role = self._role(store)
        store.write("app/db", one("x"))
        for wrong in (f"{role}-missing", "app/db", "nothing/creds/here"):
            with pytest.raises((NotFound, InvalidInput)):
                store.issue(wrong)
        assert not store.leases()

    # Sharing once

    def _shares(self, store: Backend) -> None:
        if store.info().read_only:
            pytest.skip("a read-only store shares nothing")
        need(store, Capability.SHARE)

    @needs(Capability.SHARE)
    def test_what_is_shared_is_read_once_as_it_was(self, store: Backend) -> None:
        self._shares(store)
        fields = {"user": SecretValue("ann"), "password": SecretValue("p w\n☃")}
        if store.can(Capability.TYPED_VALUES):
            fields |= {"n": SecretValue(1), "map": SecretValue({"a": [True, None, "x"]})}
        if store.can(Capability.BYTES):
            fields["raw"] = SecretValue(b"\x00\xff")
        token = store.share(fields, _QUARTER).token
        got = store.unwrap(token)
        assert set(got) == set(fields)
        assert all(self.alike(got[name], fields[name]) for name in fields)
        for call in (store.unwrap, store.look_into):
            with pytest.raises(NotFound):
                call(token)

    @needs(Capability.SHARE)
    def test_looking_into_a_token_tells_where_it_came_from_and_uses_nothing_up(self, store: Backend) -> None:
        self._shares(store)
        shared = store.share(one("x"), _QUARTER)
        assert is_recent(shared.created_at, self.clock_skew)
        assert abs(shared.expires_at - shared.created_at - _QUARTER) < _MINUTE
        for _ in range(3):
            seen = store.look_into(shared.token)
            assert (seen.created_at, seen.creation_path) == (shared.created_at, shared.creation_path)
            assert seen.creation_path
            assert abs(seen.expires_at - shared.expires_at) < _MINUTE
        assert store.unwrap(shared.token)["value"].same_as(SecretValue("x"))

    @needs(Capability.SHARE)
    def test_a_wrapping_token_is_not_shown_by_accident(self, store: Backend) -> None:
        self._shares(store)
        shared = store.share(one("x"), _QUARTER)
        assert "<secret>" in repr(shared)

    @needs(Capability.SHARE)
    def test_whoever_has_the_token_can_read_it(self, store: Backend) -> None:
        self._shares(store)
        second = self.second(store)
        if second is None:
            pytest.skip("this store takes one connection")
        with second:
            shared = store.share(one("x"), _QUARTER)
            assert second.unwrap(shared.token)["value"].same_as(SecretValue("x"))
        with pytest.raises(NotFound):
            store.unwrap(shared.token)

    @needs(Capability.SHARE)
    def test_sharing_leaves_the_store_as_it_was(self, store: Backend) -> None:
        self._shares(store)
        need(store, Capability.LIST)
        store.unwrap(store.share(one("x"), _QUARTER).token)
        assert not list(store.walk())

    @needs(Capability.SHARE)
    def test_nothing_is_not_shared_and_not_for_no_time(self, store: Backend) -> None:
        self._shares(store)
        for fields, ttl in (({}, _QUARTER), (one("x"), timedelta()), (one("x"), timedelta(days=3650))):
            with pytest.raises(InvalidInput):
                store.share(fields, ttl)

    @pytest.mark.parametrize("token", ["", "nothing", "hvs.nothing", "half\ntoken", "tökén"])
    @needs(Capability.SHARE)
    def test_what_is_no_wrapping_token_opens_nothing(self, store: Backend, token: str) -> None:
        self._shares(store)
        for call in (store.look_into, store.unwrap):
            with pytest.raises(NotFound):
                call(SecretValue(token))
