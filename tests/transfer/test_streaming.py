"""Files larger than the window they are read through are read as small ones are: exactly, or refused with the line."""

from __future__ import annotations

import json
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvtui.domain import json_text
from kvtui.domain.errors import InvalidInput
from kvtui.domain.value import SecretValue
from kvtui.services.transfer import Format, Item, Items
from kvtui.services.transfer.dotenv import assignments, parse
from kvtui.services.transfer.names import Names
from kvtui.services.transfer.window import Window

SENTINEL = "SENTINEL-51c9"
WINDOWS = [1, 7, 64, 300]


def secrets(items: Items) -> list[tuple[str, list[tuple[str, str]]]]:
    """Sorted: the fields of a map that was entered come behind what is below it."""
    items.check()
    return sorted((item.path, [(name, _literal(value)) for name, value in item.fields.items()]) for item in items)


def _literal(value: SecretValue) -> str:
    plain = value.reveal()
    return repr(plain) if isinstance(plain, bytes) else json_text.dump(plain)


def read(data: bytes, window: int, fmt: Format = Format.JSON, into: str = "") -> object:
    """What comes of a file: its secrets, or the error."""
    try:
        return secrets(Items(BytesIO(data), fmt, into=into, window=window))
    except InvalidInput as error:
        return error.message


LEAVES = st.one_of(
    st.none(), st.booleans(), st.sampled_from(["1.10", "-0", "1E5", "12345678901234567890123", "1e400"]).map(
        json_text.parse
    ), st.text(max_size=20), st.sampled_from(["\ud800", "\udc00x", 'q"\\', "\u2028\n"]),
)  # fmt: skip
KEYS = st.one_of(st.sampled_from(["a", "b", "base64", "kvtui", "secrets", "x/y", 'k"', ""]), st.text(max_size=4))
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=25,
)
DOCUMENTS = st.dictionaries(KEYS, TREES, min_size=1, max_size=6)


@settings(max_examples=100, deadline=None)
@given(DOCUMENTS, st.sampled_from(WINDOWS), st.sampled_from(["", "team"]), st.sampled_from([None, 1]))
def test_window_of_any_size_reads_the_same_secrets(document: dict, window: int, into: str, indent: int | None) -> None:
    data = json_text.dump(document, indent=indent).encode()
    for fmt in (Format.JSON, Format.KV_JSON):
        assert read(data, window, fmt, into) == read(data, 1 << 20, fmt, into)


@settings(max_examples=200, deadline=None)
@given(
    DOCUMENTS,
    st.sampled_from(WINDOWS),
    st.integers(0, 400),
    st.sampled_from(["", "x", '"', ",", "}", "{", "]", "[", ":", "\\", "\t", "1", "NaN"]),
    st.integers(0, 3),
)
def test_window_of_any_size_refuses_the_same_files(
    document: dict, window: int, at: int, put: str, dropped: int
) -> None:
    text = json_text.dump(document, indent=1)
    data = (text[:at] + put + text[at + dropped :]).encode()
    streamed, whole = read(data, window), read(data, 1 << 20)
    assert isinstance(streamed, str) == isinstance(whole, str)
    if not isinstance(whole, str):
        assert streamed == whole


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": 1,\n"b": {"c": 2},\n"b": 3}', "line 3"),
        ('{"a": {"b": {}},\n"c": {"x": 1,\n"x\\u0079": 2, "xy": "SENTINEL"}}', "line 3"),
        ('{"a": 1,\n"b" 2}', "line 2"),
        ('{"a": 1,\n"b": SENTINEL}', "line 2"),
        ('{"a": "1",\n\n"b": "SENTINEL', "line 3"),
        ('{"a": {"b": 1}}\n\nSENTINEL', "line 3"),
        ('{"a": {"b": 1}\n', "line"),
        ('{"a": [1, 2\n, NaN]}', "NaN"),
        ("{" + '"a": {' * 260 + '"b": 1' + "}" * 261, "deeper"),
        ('{"a": ' + "[" * 300 + "]" * 300 + "}", "deeper"),
        ('["SENTINEL"]', "not a map"),
        ('{"a": {"base64": "SENTINEL*"}}', "base64"),
    ],
)
def test_what_is_wrong_far_into_a_file_is_told_with_its_line_and_never_quoted(
    text: str, words: str, window: int
) -> None:
    padding = json.dumps({f"k{n}": {"value": "v" * 20} for n in range(20)})[1:-1]
    for data in (text, text.replace("{", "{" + padding + ",", 1)):
        with pytest.raises(InvalidInput) as raised:
            Items(BytesIO(data.encode()), Format.JSON, window=window).check()
        assert words in raised.value.message
        assert "SENTINEL" not in str(raised.value)


@pytest.mark.parametrize("window", WINDOWS)
def test_bytes_that_are_no_text_are_told_with_their_line(window: int) -> None:
    data = b'{"a": "' + b"x" * 500 + b'",\n\n"b": "\xff"}'
    with pytest.raises(InvalidInput, match="Line 3 is not UTF-8"):
        Items(BytesIO(data), Format.JSON, window=window).check()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_files_of_other_encodings_are_read_in_pieces(encoding: str) -> None:
    document = {f"é{n}": {"\U0001f600": "v" * n} for n in range(30)}
    items = Items(BytesIO(json.dumps(document, ensure_ascii=False).encode(encoding)), Format.JSON, window=16)
    assert secrets(items) == secrets(Items(BytesIO(json.dumps(document).encode()), Format.JSON))


ROW = {"metadata": {}, "versions": [{"version": 1, "state": "live", "fields": {"value": "v"}}]}


ROWS = [{"path": f"p/{number}", **ROW} for number in range(30)]


class TestEnvelopes:
    @pytest.mark.parametrize("window", WINDOWS)
    @pytest.mark.parametrize("turned", [False, True])
    def test_all_versions_are_streamed_whatever_the_order_of_the_keys(self, window: int, turned: bool) -> None:
        pairs = [("kvtui", 1), ("secrets", ROWS)]
        items = Items(
            BytesIO(json.dumps(dict(reversed(pairs) if turned else pairs)).encode()), Format.JSON, window=window
        )
        items.check()
        assert [item.path for item in items if item.history] == [row["path"] for row in ROWS]

    @pytest.mark.parametrize("more", [{"other": {"a": 1}}, {"kvtui": True}, {"kvtui": "1"}])
    def test_document_that_only_begins_like_one_is_none(self, more: dict) -> None:
        document = {"secrets": ROWS, **more}
        items = Items(BytesIO(json.dumps(document).encode()), Format.JSON, window=64)
        items.check()
        assert {item.path for item in items} == set(document)
        assert not any(item.history for item in items)

    def test_newer_layout_is_told_before_what_its_rows_are_like(self) -> None:
        document = {"kvtui": 2, "secrets": [{"new": "way"}] * 50}
        with pytest.raises(InvalidInput, match="newer kvtui"):
            Items(BytesIO(json.dumps(document).encode()), Format.JSON, window=64).check()

    def test_wrong_row_is_told_by_its_path(self) -> None:
        rows = [*ROWS, {"path": "bad", "versions": SENTINEL, "metadata": {}}]
        with pytest.raises(InvalidInput) as raised:
            Items(BytesIO(json.dumps({"kvtui": 1, "secrets": rows}).encode()), Format.JSON, window=64).check()
        assert raised.value.path == "bad"


LINES = st.lists(
    st.sampled_from(
        ["A{n}=bare # c", "B{n}='a b'", 'C{n}="x\\ny" # c', "D{n}='l1\nl2'", "E{n}='it'\"'\"'s'", "# c", "", " \t",
         "export F{n}=1\r", 'G{n}="\\\\"', "H{n}="]
    ), max_size=12,
)  # fmt: skip


class TestDotenv:
    @settings(max_examples=200, deadline=None)
    @given(LINES, st.sampled_from([1, 2, 3, 16]), st.sampled_from(["", "\n"]))
    def test_window_of_any_size_reads_the_same_variables(self, lines: list[str], window: int, end: str) -> None:
        text = "\n".join(line.replace("{n}", str(number)) for number, line in enumerate(lines)) + end
        assert dict(assignments(Window(BytesIO(text.encode()), window))) == parse(text)

    @pytest.mark.parametrize("window", [1, 5, 64])
    @pytest.mark.parametrize("bad", ["no assignment", "A0=twice", "B='x'SENTINEL", "B='never closed"])
    def test_line_of_an_error_is_told(self, window: int, bad: str) -> None:
        text = "".join(f"A{number}='v\nw'\n" for number in range(40)) + bad + "\nZ=1\n"
        with pytest.raises(InvalidInput, match=r"^Line 81 ") as raised:
            list(assignments(Window(BytesIO(text.encode()), window)))
        assert "SENTINEL" not in str(raised.value)

    def test_error_in_a_large_file_is_told_without_reading_on(self) -> None:
        file = BytesIO(b"wrong\n" + b"A=1\n" * 1_000_000)
        with pytest.raises(InvalidInput, match="Line 1 "):
            next(assignments(Window(file, 1024)))
        assert file.tell() < 10_000


def test_error_in_a_large_document_is_told_without_reading_on() -> None:
    file = BytesIO(b'{"a": [1, wrong' + b", 1" * 1_000_000 + b"]}")
    items = Items(file, Format.JSON, window=1024)
    with pytest.raises(InvalidInput):
        items.check()
    assert items.bytes_read < 10_000


def test_value_that_goes_on_for_ever_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kvtui.services.transfer.window.MAX_VALUE", 1 << 16)
    with pytest.raises(InvalidInput, match="goes on"):
        Items(BytesIO(b'{"a":\n"' + b"x" * (1 << 20)), Format.JSON, window=1024).check()


def test_yaml_beyond_what_is_held_is_refused_with_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kvtui.services.transfer.yaml_tree.MAX_TEXT", 1 << 20)
    with pytest.raises(InvalidInput) as raised:
        Items(BytesIO(b"a: b\n" * (1 << 19)), Format.YAML, window=1024).check()
    assert "more than 1 MiB" in raised.value.message
    assert "JSON" in raised.value.hint


def test_items_can_be_gone_through_again_and_say_how_far_they_are() -> None:
    data = json.dumps({f"k{number}": {"value": "v"} for number in range(3000)}).encode()
    told: list[tuple[int, int | None]] = []
    file = BytesIO(b"before" + data)
    file.seek(6)
    items = Items(file, Format.JSON, window=1024)
    items.check(lambda done, total: told.append((done, total)))
    assert list(map(_path, items)) == list(map(_path, items)) == [f"k{number}" for number in range(3000)]
    assert items.size == items.bytes_read == len(data)
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    assert {total for _, total in told} == {len(data)}


def _path(item: Item) -> str:
    return item.path


def test_names_are_told_apart_among_many() -> None:
    names = Names()
    count = 150_000
    assert all(names.add(f"name-{number}") for number in range(count))
    assert not any(names.add(f"name-{number}") for number in range(0, count, 7))
    assert names.add("\ud800")
    assert not names.add("\ud800")
