"""References name one secret, whatever its name looks like."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvtui.domain.errors import InvalidInput, InvalidPath
from kvtui.domain.reference import Reference
from kvtui.testing import ALLOWED_NAMES, FORBIDDEN_NAMES, TEXTS

any_text = st.text(st.characters())
segments = any_text.filter(lambda text: text not in ("", ".", "..") and "/" not in text)
references = st.builds(
    Reference,
    path=st.lists(segments, min_size=1, max_size=4).map("/".join),
    field=st.none() | any_text,
    version=st.none() | st.integers(1, 999_999_999),
    profile=any_text,
)


@given(references)
def test_a_reference_is_read_back_as_it_was_written(reference: Reference) -> None:
    text = str(reference)
    assert Reference.parse(text) == reference
    assert text.isascii()
    assert not any(ch in text for ch in " \t\r\n\"'<>\x1b")


@pytest.mark.parametrize("name", [*ALLOWED_NAMES, *FORBIDDEN_NAMES[:-1]], ids=ascii)
def test_cruel_names_are_read_back(name: str) -> None:
    reference = Reference(f"{name}/{name}", field=name, version=7, profile=name)
    assert Reference.parse(str(reference)) == reference


def test_cruel_fields_are_read_back() -> None:
    for text in TEXTS:
        assert Reference.parse(str(Reference("app/db", text))) == Reference("app/db", text)


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("kv:///app/db", Reference("app/db")),
        ("kv://prod/app/db", Reference("app/db", profile="prod")),
        ("kv:///app/db#user", Reference("app/db", "user")),
        ("kv:///app/db?version=3", Reference("app/db", version=3)),
        ("kv:///app/db#user?version=3", Reference("app/db", "user", 3)),
        ("kv:///app/db#", Reference("app/db", "")),
        ("kv:///a%20b/c%23d", Reference("a b/c#d")),
        ("kv:///caf\u00e9", Reference("caf\u00e9")),
    ],
)
def test_a_reference_is_read(text: str, reference: Reference) -> None:
    assert Reference.parse(text) == reference


@pytest.mark.parametrize(
    "text",
    [
        "",
        "app/db",
        "kv:",
        "kv://",
        "kv://app",
        "kv:///",
        "KV:///app",
        "vault:///app",
        "kv:///app?version=3#user",
        "kv:///app?version=",
        "kv:///app?version=0",
        "kv:///app?version=-1",
        "kv:///app?version=\u0663",
        "kv:///app?version=1234567890",
        "kv:///app?other=3",
        "kv:///app db",
        'kv:///app"',
        "kv:///app'",
        "kv:///app\n",
        " kv:///app",
        "kv:///app%",
        "kv:///app%2",
        "kv:///app%zz",
        "kv:///app%ff",
        "kv:///app%2Fdb",
        "kv:///app#%",
    ],
)
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        Reference.parse(text)


@pytest.mark.parametrize("text", ["kv:///a//b", "kv:///a/", "kv:///..", "kv:///a/%2e%2e", "kv:///a/./b"])
def test_a_reference_to_no_path_is_refused(text: str) -> None:
    with pytest.raises(InvalidPath):
        Reference.parse(text)


@given(st.text())
def test_any_text_is_a_reference_or_refused(text: str) -> None:
    for candidate in (text, f"kv://{text}", f"kv:///{text}", f"kv:///a#{text}"):
        try:
            reference = Reference.parse(candidate)
        except (InvalidInput, InvalidPath):
            continue
        assert Reference.parse(str(reference)) == reference
