"""Who we are at the edge and at the worker, and what is said where neither lets us in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kvtui.backends.worker.backend import WorkerBackend
from kvtui.backends.worker.factory import WorkerFactory
from kvtui.domain.capability import WRITING, Capability
from kvtui.domain.errors import (
    AlreadyExists,
    AuthenticationRequired,
    InvalidInput,
    KvtuiError,
    PermissionDenied,
    RateLimited,
    Unavailable,
    Unsupported,
)
from kvtui.domain.value import SecretValue
from tests.doubles.server import Double, Fault, Reply, Seen
from tests.doubles.worker import WorkerDouble
from tests.worker.places import answering, one, opened, page, person


class Elsewhere(Double):
    """Where a login page is."""

    def answer(self, request: Seen) -> Reply:
        return page(200, "<html>Sign in</html>")


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    with Elsewhere() as made:
        yield made


CALLS: list[Callable[[WorkerBackend], object]] = [
    lambda store: store.list(),
    lambda store: store.read("a"),
    lambda store: store.metadata("a"),
    lambda store: store.write("a", one("x")),
    lambda store: store.delete("a"),
    lambda store: store.legacy(),
]


class TestTheEdge:
    @pytest.mark.parametrize("call", CALLS)
    def test_a_login_page_is_told_by_its_address_and_never_visited(
        self, double: WorkerDouble, elsewhere: Elsewhere, call: Callable[[WorkerBackend], object]
    ) -> None:
        double.access.login_url = f"{elsewhere.url.replace('127.0.0.1', 'localhost')}/cdn-cgi/access/login"
        wrong = {"CF-Access-Client-Id": "x.access", "CF-Access-Client-Secret": "y"}
        with opened(double, wrong) as store, pytest.raises(AuthenticationRequired) as caught:
            call(store)
        assert "Cloudflare Access" in caught.value.message
        assert f"localhost:{elsewhere.port}" in caught.value.message
        assert "redirect_url" not in str(caught.value)
        assert not elsewhere.requests

    @pytest.mark.parametrize("call", CALLS)
    def test_a_page_of_the_edge_is_no_answer(
        self, double: WorkerDouble, call: Callable[[WorkerBackend], object]
    ) -> None:
        double.put("a", "x")
        for reply in (page(403), page(200), page(401), Reply(200, b"  <html>", {"Content-Type": "text/plain"})):
            double.break_next(answering(reply))
            with opened(double) as store, pytest.raises(AuthenticationRequired, match="Cloudflare Access"):
                call(store)
        assert double.value("a") == "x"

    def test_a_move_to_another_address_of_the_same_server_is_told(self, double: WorkerDouble) -> None:
        double.break_next(answering(Reply(301, headers={"Location": "https://127.0.0.1/v1/secret/list"})))
        with opened(double) as store, pytest.raises(Unavailable, match=r"https://127\.0\.0\.1,"):
            store.list()


class TestTheWorker:
    def test_one_that_is_reached_past_the_edge_says_so(self, double: WorkerDouble, store: WorkerBackend) -> None:
        double.access.is_on = False
        with pytest.raises(AuthenticationRequired, match="past Cloudflare Access"):
            store.list()

    def test_a_person_whose_token_is_over_has_to_sign_in_again(self, double: WorkerDouble) -> None:
        made = double.user("ann@example.com", "admin", lifetime=-60.0)
        token = {"cf-access-token": made["Cf-Access-Jwt-Assertion"]}
        with opened(double, token, is_person=True) as store, pytest.raises(AuthenticationRequired, match="expired"):
            store.list()

    def test_a_token_of_another_team_is_told(self, double: WorkerDouble, store: WorkerBackend) -> None:
        body = b'{"success":false,"error":"Invalid issuer: https://x.cloudflareaccess.com","code":"UNAUTHORIZED"}'
        double.break_next(answering(Reply(401, body)))
        with pytest.raises(AuthenticationRequired, match="another Cloudflare team"):
            store.list()

    def test_a_suspended_application_is_told(self, double: WorkerDouble, store: WorkerBackend) -> None:
        double.suspend(double.credentials)
        with pytest.raises(PermissionDenied, match="suspended"):
            store.list()

    @pytest.mark.parametrize("as_person", [False, True])
    def test_who_may_only_read_is_told_once_and_offered_no_more(self, double: WorkerDouble, as_person: bool) -> None:
        double.put("a", "x")
        headers = person(double, "bob@example.com") if as_person else double.service_token(read_only=True).headers
        with opened(double, headers) as store:
            assert store.can(Capability.WRITE)
            for call in (
                lambda: store.write("a", one("y")),
                lambda: store.delete("a"),
                lambda: store.check("a", one("y")),
            ):
                with pytest.raises(PermissionDenied, match="may only read"):
                    call()
            assert len(double.mutations()) == 1
            info = store.info()
            assert info.read_only
            assert not info.capabilities & WRITING
            assert "may only read" in store.why_not(Capability.WRITE)
            assert store.read("a").fields
        assert double.value("a") == "x"


class TestPersons:
    def test_their_own_folder_alone_is_listed_and_that_is_said(self, double: WorkerDouble) -> None:
        for path in ("infra/a", "users/1/mine", "users/2/theirs"):
            double.put(path, "x")
        with opened(double, person(double, "ann@example.com", "admin", "1"), is_person=True) as store:
            assert store.list("infra").complete
            assert store.list().complete
            mine = store.list("users")
            assert [entry.path for entry in mine.entries] == ["users/1"]
            assert "your own" in mine.note
            with pytest.raises(PermissionDenied, match="somebody else"):
                store.read("users/2/theirs")
            assert [found.secret is not None for found in store.read_many(["infra/a", "nothing", "users/1/mine"])] == [
                True,
                False,
                True,
            ]
            (denied,) = store.read_many(["users/2/theirs"])
            assert isinstance(denied.error, PermissionDenied)
        with opened(double, person(double, "eve@example.com", "admin", "3"), is_person=True) as store:
            assert not store.list().complete

    def test_nothing_is_created_where_a_hidden_secret_may_lie(self, double: WorkerDouble) -> None:
        double.put("users/2/theirs", "precious")
        with opened(double, person(double, "ann@example.com", "admin", "1"), is_person=True) as store:
            with pytest.raises(AlreadyExists):
                store.write("users_2/theirs", one("x"))
            store.write("users/1/mine", one("x"))
        assert double.value("users/2/theirs") == "precious"
        assert len(double.mutations()) == 1


class TestAnswers:
    @pytest.mark.parametrize(("served", "asked"), [("", "/v1"), ("/v1", ""), ("/v1", "/v2")])
    def test_the_other_prefix_is_suggested(self, served: str, asked: str) -> None:
        with WorkerDouble(prefix=served) as double, opened(double, prefix=asked) as store:
            double.put("a", "x")
            for call in CALLS[:5]:
                with pytest.raises(Unavailable) as caught:
                    call(store)
                assert "prefix: /" in caught.value.hint
                assert not caught.value.retryable
            assert double.value("a") == "x"

    @pytest.mark.parametrize(
        ("reply", "kind"),
        [
            (Reply(500, b'{"success":false,"error":"Failed to list secrets: D1"}'), Unavailable),
            (page(500, "<p>Error 1101 Worker threw exception"), Unavailable),
            (page(522), Unavailable),
            (page(404), Unavailable),
            (Reply(429, b"", {"Retry-After": "3600"}), RateLimited),
            (Reply(200, b"[]"), Unavailable),
            (Reply(200, b'{"success":true}'), Unavailable),
            (Reply(200, b'{"success":false}'), Unavailable),
            (Reply(200, b'{"success":true,"keys":[1]}'), Unavailable),
            (Reply(418, b"{}"), Unavailable),
            (Reply(403, b"{}"), PermissionDenied),
            (Reply(401, b"{}"), AuthenticationRequired),
        ],
    )
    def test_every_answer_is_told_in_words(
        self, double: WorkerDouble, store: WorkerBackend, reply: Reply, kind: type[KvtuiError]
    ) -> None:
        double.break_next(answering(reply, times=3))
        with pytest.raises(kind) as caught:
            store.list()
        assert caught.value.message
        assert caught.value.hint
        assert "Failed to" not in str(caught.value)

    def test_its_condition_is_told(self, double: WorkerDouble, store: WorkerBackend) -> None:
        assert store.condition() == ""
        double.is_healthy = False
        assert store.condition() == "its database is unavailable"
        double.break_next(Fault("reset_before"))
        assert store.condition() == "cannot be reached"
        double.access.is_on = False
        double.is_healthy = True
        assert store.condition() == ""


class TestProfiles:
    def settings(self, double: WorkerDouble, **more: Any) -> dict[str, Any]:
        return {"url": double.url, "client_id": double.credentials.client_id, "client_secret_env": "SECRET", **more}

    def environ(self, double: WorkerDouble) -> dict[str, str]:
        return {"SECRET": double.credentials.client_secret}

    def test_a_service_token_opens_with_one_request(self, double: WorkerDouble) -> None:
        double.put("a", "x")
        with WorkerFactory(self.environ(double)).open(self.settings(double)) as store:
            assert len(double.requests) == 1
            assert store.info().location == f"{double.url}/v1"
            assert store.signed_in is not None
            assert store.signed_in.name == double.credentials.client_id
            for call in (store.sign_out, store.store_sign_in):
                with pytest.raises(Unsupported, match="kept nowhere"):
                    call()
            assert store.read("a").fields

    def test_what_no_profile_names_is_not_looked_at(self, double: WorkerDouble) -> None:
        environ = {
            "VAULT_CLIENT_ID": double.credentials.client_id,
            "VAULT_CLIENT_SECRET": double.credentials.client_secret,
        }
        with pytest.raises(AuthenticationRequired):
            WorkerFactory(environ).open({"url": double.url})
        named = {"url": double.url, "client_id_env": "VAULT_CLIENT_ID", "client_secret_env": "VAULT_CLIENT_SECRET"}
        WorkerFactory(environ).open(named).close()

    def test_it_asks_for_what_the_profile_does_not_have(self, double: WorkerDouble) -> None:
        asked = []

        class Somebody:
            def ask(self, question: str, *, secret: bool) -> SecretValue:
                asked.append((question, secret))
                return SecretValue(double.credentials.client_secret if secret else double.credentials.client_id)

        WorkerFactory({}).open({"url": double.url}, conversation=Somebody()).close()  # type: ignore[arg-type]
        assert asked == [("Client ID", False), ("Client secret", True)]

    def test_a_person_s_token_tells_whose_it_is_and_until_when(self, double: WorkerDouble) -> None:
        token = person(double, "ann@example.com", "admin")["cf-access-token"]
        settings = {"url": double.url, "token_env": "TOKEN"}
        with WorkerFactory({"TOKEN": token}).open(settings) as store:
            assert store.signed_in is not None
            assert store.signed_in.name == "ann@example.com"
            assert store.signed_in.expires_at is not None

    @pytest.mark.parametrize("token", ["x", "a.b.c", "a.W10.c", "a.bnVsbA.c"])
    def test_a_token_that_is_none_is_refused_by_the_server(self, double: WorkerDouble, token: str) -> None:
        with pytest.raises(AuthenticationRequired):
            WorkerFactory({"TOKEN": token}).open({"url": double.url, "token_env": "TOKEN"})

    def test_wrong_credentials_open_nothing(self, double: WorkerDouble) -> None:
        with pytest.raises(AuthenticationRequired):
            WorkerFactory({"SECRET": "wrong"}).open(self.settings(double))

    @pytest.mark.parametrize("prefix", ["/", "/v1", "v1", "/v1/"])
    def test_the_prefix_is_written_in_any_way(self, prefix: str) -> None:
        with WorkerDouble(prefix="/v1" if "v" in prefix else "") as double:
            WorkerFactory(self.environ(double)).open(self.settings(double, prefix=prefix)).close()

    @pytest.mark.parametrize(
        "more",
        [
            {"prefix": "/a?b"},
            {"prefix": "/a/../b"},
            {"prefix": "/a b"},
            {"client_secret_file": "x"},
            {"client_id_env": "X"},
            {"token_env": "X"},
            {"url": "http://vault.example.com"},
        ],
        ids=str,
    )
    def test_settings_that_cannot_be_are_refused(self, double: WorkerDouble, more: dict[str, str]) -> None:
        with pytest.raises(InvalidInput):
            WorkerFactory({}).check(self.settings(double, **more))
