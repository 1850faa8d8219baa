"""One intent is one request that changes something, whatever happens to it; what is said afterwards is true."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import pytest

from kvtui.backends.http.answer import Unanswered
from kvtui.backends.tailor.backend import TailorBackend
from kvtui.domain.errors import AlreadyExists, Conflict, InvalidInput, KvtuiError, NotFound, RateLimited, Unavailable
from kvtui.domain.secret import EntryKind
from tests.doubles.server import Fault, Reply, Seen
from tests.doubles.tailor import TailorDouble, error_reply
from tests.doubles.tailor.connect import STATUS
from tests.doubles.tailor.double import SERVICE
from tests.doubles.tailor.operator_service import has_side_effects
from tests.tailor.places import fields, opened


@pytest.fixture
def double() -> Iterator[TailorDouble]:
    with TailorDouble() as made:
        made.vault("api-keys", {"stripe-key": "old"})
        made.vault("empty-one")
        yield made


def changes(seen: Seen) -> bool:
    return has_side_effects(seen.path.removeprefix(SERVICE))


DEEDS: Mapping[str, tuple[str, Callable[[TailorBackend], object], Callable[[TailorDouble], bool]]] = {
    "create": (
        "CreateSecretManagerSecret",
        lambda store: store.write("api-keys/new-key", fields("new")),
        lambda double: double.value("api-keys", "new-key") == "new",
    ),
    "update": (
        "UpdateSecretManagerSecret",
        lambda store: store.write("api-keys/stripe-key", fields("new")),
        lambda double: double.value("api-keys", "stripe-key") == "new",
    ),
    "delete": (
        "DeleteSecretManagerSecret",
        lambda store: store.delete("api-keys/stripe-key"),
        lambda double: double.value("api-keys", "stripe-key") is None,
    ),
    "create vault": (
        "CreateSecretManagerVault",
        lambda store: store.create_container("new-vault"),
        lambda double: "new-vault" in double.main.vaults,
    ),
    "delete vault": (
        "DeleteSecretManagerVault",
        lambda store: store.delete_container("empty-one"),
        lambda double: "empty-one" not in double.main.vaults,
    ),
}
"""By name: the one method that changes something, the deed, and whether it is done."""
FAULTS: Mapping[str, Fault] = {
    **{kind: Fault(kind, changes) for kind in ("reset_before", "reset_after", "close_early")},
    **{kind: Fault(kind, changes, seconds=5.0) for kind in ("hang", "drip_head", "late")},
    **{f"{code} before": Fault("reply", changes, reply=error_reply(code, "new")) for code in STATUS},
    **{f"{code} after": Fault("reply_after", changes, reply=error_reply(code, "new")) for code in ("unavailable",)},
    "a page": Fault("reply_after", changes, reply=Reply(200, b"<html>", {"Content-Type": "text/html"})),
    "a page of a proxy": Fault("reply", changes, reply=Reply(502, b"<html>", {"Content-Type": "text/html"})),
    "a list": Fault("reply_after", changes, reply=Reply(200, b"[]")),
    "another address": Fault("reply", changes, reply=Reply(307, headers={"Location": "https://other.example/x"})),
    "too large": Fault("reply", changes, reply=Reply(413)),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("deed", DEEDS)
def test_a_change_is_sent_once_and_what_is_said_of_it_is_true(double: TailorDouble, deed: str, fault: str) -> None:
    method, act, is_done = DEEDS[deed]
    double.break_next(FAULTS[fault])
    error: KvtuiError | None = None
    slow = FAULTS[fault].seconds > 0
    with opened(double, timeout=0.3 if slow else 5.0) as store:
        try:
            act(store)
        except KvtuiError as raised:
            error = raised
    assert [one.path.removeprefix(SERVICE) for one in double.mutations()] == [method]
    if error is None:
        assert is_done(double)
        return
    assert error.hint
    assert "new" not in f"{error.message} {error.hint}".split()  # what the double's errors hold: the value
    if "not known" in error.message:
        assert isinstance(error, Unanswered)
        assert error.may_have_arrived
    else:
        assert not is_done(double)


@pytest.mark.parametrize("deed", DEEDS)
def test_a_change_that_is_done_needs_one_request_that_changes_something(double: TailorDouble, deed: str) -> None:
    method, act, is_done = DEEDS[deed]
    with opened(double) as store:
        act(store)
    assert is_done(double)
    assert [one.path.removeprefix(SERVICE) for one in double.mutations()] == [method]


def test_what_was_not_created_is_said_to_be_as_before(double: TailorDouble) -> None:
    double.break_next(Fault("reset_before", changes))
    with opened(double) as store, pytest.raises(Unavailable, match="nothing is changed so far"):
        store.write("api-keys/new-key", fields())


def test_whether_a_lost_value_arrived_is_never_guessed(double: TailorDouble) -> None:
    """There is one of that name, or its time is another: that does not tell whose value it is."""
    with opened(double) as store:
        for path in ("api-keys/new-key", "api-keys/stripe-key"):
            for kind in ("reset_after", "reset_before"):
                if path.endswith("new-key") and kind == "reset_before":
                    continue
                double.break_next(Fault(kind, changes))
                with pytest.raises(Unanswered) as caught:
                    store.write(path, fields("mine"))
                assert caught.value.may_have_arrived
                assert "nothing is changed" not in str(caught.value)


def test_a_lost_answer_to_a_deletion_is_looked_after(double: TailorDouble) -> None:
    double.break_next(Fault("reset_after", changes))
    with opened(double) as store:
        store.delete("api-keys/stripe-key")
        double.vault("api-keys", {"other-key": "x"})
        double.break_next(Fault("reset_before", changes))
        with pytest.raises(Unavailable, match="nothing is changed"):
            store.delete("api-keys/other-key")
    assert double.value("api-keys", "other-key") == "x"


# Somebody else


def _meanwhile(double: TailorDouble, method: str, act: Callable[[], object]) -> Fault:
    """Somebody else does something just before a request comes."""

    def when(seen: Seen) -> bool:
        if seen.path == SERVICE + method:
            act()
        return False

    return Fault("reply", when)


def test_what_somebody_creates_meanwhile_is_a_conflict_and_stays_theirs(double: TailorDouble) -> None:
    vault = double.main.vaults["api-keys"]
    double.break_next(
        _meanwhile(double, "CreateSecretManagerSecret", lambda: double.service.add_secret(vault, "new-key", "theirs"))
    )
    with opened(double) as store, pytest.raises(Conflict, match="created it meanwhile") as caught:
        store.write("api-keys/new-key", fields("mine"))
    assert (caught.value.expected, caught.value.actual) == (0, 1)
    assert double.value("api-keys", "new-key") == "theirs"
    assert len(double.mutations()) == 1


def test_what_somebody_deletes_meanwhile_is_a_conflict_and_not_made_anew(double: TailorDouble) -> None:
    secrets = double.main.vaults["api-keys"].secrets
    double.break_next(_meanwhile(double, "UpdateSecretManagerSecret", lambda: secrets.pop("stripe-key", None)))
    with opened(double) as store, pytest.raises(Conflict, match="deleted it meanwhile") as caught:
        store.write("api-keys/stripe-key", fields("mine"))
    assert (caught.value.expected, caught.value.actual) == (1, 0)
    assert double.value("api-keys", "stripe-key") is None
    assert len(double.mutations()) == 1


@pytest.mark.parametrize("code", ["failed_precondition", "aborted", "invalid_argument", "already_exists"])
def test_a_vault_that_was_filled_meanwhile_is_not_deleted_whatever_code_says_so(
    double: TailorDouble, code: str
) -> None:
    vault = double.main.vaults["empty-one"]
    double.service.refusal_of_full_vaults = code
    double.break_next(
        _meanwhile(double, "DeleteSecretManagerVault", lambda: double.service.add_secret(vault, "abc", "theirs"))
    )
    with opened(double) as store, pytest.raises(Conflict, match="not empty"):
        store.delete_container("empty-one")
    assert double.value("empty-one", "abc") == "theirs"
    assert len(double.mutations()) == 1


# Traps


def test_a_full_vault_is_not_even_asked_to_be_deleted(double: TailorDouble) -> None:
    """That the platform refuses is promised by its documents alone."""
    with opened(double) as store:
        with pytest.raises(Conflict, match="not empty"):
            store.delete_container("api-keys")
        with pytest.raises(NotFound):
            store.delete_container("none")
    assert double.mutations() == []


def test_a_secret_in_no_vault_is_refused_and_no_vault_made(double: TailorDouble) -> None:
    with opened(double) as store, pytest.raises(NotFound, match="no vault none") as caught:
        store.write("none/abc", fields())
    assert "kvtui vault create" in caught.value.hint
    assert "none" not in double.main.vaults
    assert len(double.mutations()) == 1


@pytest.mark.parametrize("path", ["leaf", "api-keys/a/b", "api-keys/stripe-key/x"])
def test_a_secret_is_two_levels_deep_and_nothing_else_is_sent(double: TailorDouble, path: str) -> None:
    with opened(double) as store:
        for act in (lambda: store.write(path, fields()), lambda: store.check(path, fields())):
            with pytest.raises(KvtuiError, match="VAULT/NAME") as caught:
                act()
            assert caught.value.kind == "InvalidPath"
        for look in (lambda: store.delete(path), lambda: store.metadata(path), lambda: store.outline(path)):
            with pytest.raises(NotFound):
                look()
        with pytest.raises(NotFound):
            store.list("api-keys/stripe-key")
    assert double.requests == []


def test_what_is_no_text_of_one_field_is_refused_before_anything_is_sent(double: TailorDouble) -> None:
    with opened(double) as store:
        for bad in (fields(b"x"), fields(1), {**fields(), "more": fields()["value"]}, {"other": fields()["value"]}, {}):
            with pytest.raises(KvtuiError) as caught:
                store.write("api-keys/abc", bad)
            assert caught.value.kind in {"Unsupported", "InvalidInput"}
        with pytest.raises(InvalidInput, match="half a character"):
            store.write("api-keys/abc", fields("\ud800"))
    assert double.requests == []


@pytest.mark.parametrize("value", ["", " ", "a\nb\r\n", "\x00", "é 世 \U0001f511", "x" * 100_000])
def test_texts_arrive_as_they_are(double: TailorDouble, value: str) -> None:
    with opened(double) as store:
        store.write("api-keys/abc", fields(value))
        assert double.value("api-keys", "abc") == value
        store.write("api-keys/abc", fields("other"))
        store.write("api-keys/abc", fields(value))
    assert double.value("api-keys", "abc") == value


def test_odd_names_are_written_and_warned_about_and_told_when_refused(double: TailorDouble) -> None:
    with opened(double) as store:
        assert "The name API_KEY is beside" in store.caution("api-keys/API_KEY")
        assert store.caution("api-keys/stripe-key") == ""
        store.write("api-keys/API_KEY", fields())
        assert double.value("api-keys", "API_KEY") == "v"
        double.service.is_strict = True
        with pytest.raises(InvalidInput, match="refuses") as caught:
            store.write("api-keys/OTHER", fields())
        assert "3 to 63" in caught.value.hint


def test_names_that_look_alike_are_not_made(double: TailorDouble) -> None:
    double.vault("cafe\u0301", {"cle\u0301": "old"})
    double.vault("caf\u00e9-2", {"cle\u0301": "old"})
    with opened(double) as store:
        with pytest.raises(AlreadyExists, match="composed"):
            store.write("caf\u00e9-2/cl\u00e9", fields())
        with pytest.raises(AlreadyExists, match="composed"):
            store.create_container("caf\u00e9")
        assert double.mutations() == []
        store.write("cafe\u0301/cle\u0301", fields("new"))
    assert double.value("cafe\u0301", "cle\u0301") == "new"


def test_a_vault_of_a_configuration_is_warned_about(double: TailorDouble) -> None:
    double.vault("managed", {"abc": "x"}, managed_by="my-app")
    with opened(double) as store:
        for path in ("managed/abc", "managed/new", "managed"):
            assert "configuration of my-app" in store.caution(path)
            assert "next apply" in store.caution(path)
        assert store.caution("api-keys/abc") == ""
        assert store.caution("none/abc") == ""
        double.fail("GetMetadata", "permission_denied")
        assert store.caution("managed/abc") == ""
    assert not double.calls("SetMetadata")


def test_how_the_platform_names_a_secret_holds_no_value(double: TailorDouble) -> None:
    with opened(double) as store:
        assert store.references("api-keys/stripe-key", "value") == (
            '{ vault: "api-keys", key: "stripe-key" }',
            'tailor.secretmanager.getSecret("api-keys", "stripe-key")',
        )
        assert store.references('a"b/c\\d')[0] == '{ vault: "a\\"b", key: "c\\\\d" }'
        assert store.references("api-keys") == ()
    assert double.requests == []


def test_too_many_changes_are_told_and_not_repeated(double: TailorDouble) -> None:
    double.break_next(Fault("reply", changes, reply=error_reply("resource_exhausted", "slow down")))
    with opened(double) as store, pytest.raises(RateLimited):
        store.write("api-keys/stripe-key", fields("new"))
    assert double.value("api-keys", "stripe-key") == "old"
    assert len(double.mutations()) == 1


def test_vaults_are_folders_empty_ones_too(double: TailorDouble) -> None:
    with opened(double) as store:
        assert [(one.path, one.kind) for one in store.list().entries] == [
            ("api-keys", EntryKind.FOLDER),
            ("empty-one", EntryKind.FOLDER),
        ]
        assert [one.path for one in store.walk()] == ["api-keys/stripe-key"]
        assert list(store.scheduled()) == []
