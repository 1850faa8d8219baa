"""A YAML file is changed where it has to change, and nowhere else."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from kvtui.backends.yaml.document import Document
from kvtui.domain.errors import Corrupt, InvalidInput
from kvtui.domain.json_text import Number
from kvtui.domain.value import SecretValue

FILE = """\
# the file of the team
secret:   # mounts
  env:
    API_KEY: abc123      # rotate in May
    BLOCK: |
      one
      two

    # a comment about EMPTY
    EMPTY:
    QUOTED: "q\\u00e9"
    SINGLE: 'it''s'
    LIST: &list [1, 2,
      3]
    ALIAS: *list
    SEQUENCE:
    - a
    - b: 1
  # after env
  'odd key': {a: 1, b: two}   # in one line
other:
    deep:
        er: {password: x}
# the end
"""


def fields(document: Document, path: str) -> dict[str, Any]:
    found = document.fields(path)
    assert found is not None
    return {name: value.reveal() for name, value in found.items()}


def changed(text: str, path: str, **new: Any) -> str:
    """With some fields of a secret changed; None removes one."""
    document = Document(text.encode(), "f")
    now = dict(document.fields(path) or {})
    for name, value in new.items():
        now.pop(name, None) if value is ... else now.update({name: SecretValue(value)})
    return document.changed({path: now or None}).decode()


def without(text: str, *pieces: str) -> list[str]:
    return [line for line in text.split("\n") if not any(piece in line for piece in pieces)]


def test_folders_secrets_and_fields_are_found() -> None:
    document = Document(FILE.encode(), "f")
    assert sorted(document.secrets()) == ["other/deep/er", "secret/env", "secret/odd key"]
    assert fields(document, "secret/env") == {
        "API_KEY": "abc123",
        "BLOCK": "one\ntwo\n",
        "EMPTY": None,
        "QUOTED": "q\u00e9",
        "SINGLE": "it's",
        "LIST": [1, 2, 3],
        "ALIAS": [1, 2, 3],
        "SEQUENCE": ["a", {"b": 1}],
    }


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("API_KEY", "new", "    API_KEY: new      # rotate in May"),
        ("API_KEY", "yes", '    API_KEY: "yes"      # rotate in May'),
        ("API_KEY", "2026-01-01", '    API_KEY: "2026-01-01"      # rotate in May'),
        ("API_KEY", "1:20", '    API_KEY: "1:20"      # rotate in May'),
        ("API_KEY", "# no", '    API_KEY: "# no"      # rotate in May'),
        ("API_KEY", True, "    API_KEY: true      # rotate in May"),
        ("API_KEY", None, "    API_KEY: null      # rotate in May"),
        ("API_KEY", 12, "    API_KEY: 12      # rotate in May"),
        ("API_KEY", [1, {"a": "b"}], "    API_KEY: [1, {a: b}]      # rotate in May"),
        ("QUOTED", "x", "    QUOTED: x"),
        ("EMPTY", "x", "    EMPTY: x"),
        ("ALIAS", "x", "    ALIAS: x"),
    ],
)
def test_a_changed_value_leaves_every_other_line_as_it_is(name: str, value: Any, line: str) -> None:
    after = changed(FILE, "secret/env", **{name: value})
    assert line in after.split("\n")
    assert without(after, f" {name}:") == without(FILE, f" {name}:")
    assert fields(Document(after.encode(), "f"), "secret/env")[name] == value
    read = yaml.safe_load(after)["secret"]["env"][name]
    assert (read, type(read)) == (value, type(value))  # to the service it is the same


def test_a_block_stays_a_block() -> None:
    after = changed(FILE, "secret/env", BLOCK="three\n\nfour\n")
    assert "    BLOCK: |\n      three\n\n      four\n\n    # a comment about EMPTY\n" in after


def test_a_new_field_stands_behind_the_others() -> None:
    after = changed(FILE, "secret/env", NEW="x")
    assert "    - b: 1\n    NEW: x\n  # after env\n" in after
    assert changed(FILE, "secret/odd key", c="3").count('{a: 1, b: two, c: "3"}   # in one line') == 1


def test_a_removed_field_takes_its_lines_and_no_others() -> None:
    after = changed(FILE, "secret/env", BLOCK=...)
    assert after == FILE.replace("    BLOCK: |\n      one\n      two\n", "")


def test_a_removed_secret_takes_the_folders_it_empties() -> None:
    document = Document(FILE.encode(), "f")
    after = document.changed({"other/deep/er": None}).decode()
    assert after == FILE.replace("other:\n    deep:\n        er: {password: x}\n", "")
    assert Document(after.encode(), "f").folder("other") is None


def test_a_new_secret_is_indented_like_its_neighbours() -> None:
    document = Document(FILE.encode(), "f")
    after = document.changed({"other/deep/new": {"a": SecretValue("b")}}).decode()
    assert after == FILE.replace("{password: x}\n", "{password: x}\n        new:\n          a: b\n")


def test_several_new_secrets_come_with_their_folders() -> None:
    document = Document(FILE.encode(), "f")
    wanted = {path: {"k": SecretValue(path)} for path in ("new/a", "new/b/c", "secret/env/sub", "secret/x")}
    after = Document(document.changed(wanted), "f")
    assert {path: fields(after, path) for path in wanted} == {path: {"k": path} for path in wanted}
    assert set(after.secrets()) == {*document.secrets(), *wanted}


@pytest.mark.parametrize(
    "text", ["", "# only a comment\n", "null\n", "# c\n~\n", "---\n", "{}\n", "no_end:\n  a: {b: c}"]
)
def test_a_file_with_little_in_it_takes_a_first_secret(text: str) -> None:
    after = Document(text.encode(), "f").changed({"m/s": {"k": SecretValue("v")}}).decode()
    assert fields(Document(after.encode(), "f"), "m/s") == {"k": "v"}
    assert all(line in after for line in text.split("\n") if line.startswith("#"))


def test_an_empty_mount_is_filled() -> None:
    after = Document(b"secret: # nothing yet\nother: {a: {b: c}}\n", "f").changed({"secret/s": {"k": SecretValue("v")}})
    assert after == b"secret: # nothing yet\n  s:\n    k: v\nother: {a: {b: c}}\n"


def test_line_ends_a_byte_order_mark_and_a_missing_end_stay() -> None:
    crlf = "\ufeff" + FILE.replace("\n", "\r\n")
    after = Document(crlf.encode(), "f").changed({"secret/n": {"k": SecretValue("a\nb\n")}}).decode()
    assert after.startswith("\ufeff#")
    assert not re.search("(?<!\r)\n", after)
    assert fields(Document(after.encode(), "f"), "secret/n") == {"k": "a\nb\n"}


def test_merged_fields_are_read_and_can_be_overridden_but_not_removed() -> None:
    text = "base: &b\n  s: {user: u, pw: p}\nprod:\n  s:\n    <<: {user: u, pw: p}\n    pw: other\n"
    document = Document(text.encode(), "f")
    assert fields(document, "prod/s") == {"user": "u", "pw": "other"}
    assert "    pw: other\n    user: me\n" in changed(text, "prod/s", user="me")
    with pytest.raises(InvalidInput):
        changed(text, "prod/s", user=...)


def test_what_is_shared_by_an_alias_is_never_changed_in_two_places() -> None:
    text = "a: &x\n  s: {k: v}\nb: *x\n"
    for path in ("a/s", "b/s"):
        with pytest.raises(InvalidInput, match="cannot be changed"):
            changed(text, path, k="new")


def test_a_tag_of_its_own_is_told_and_lives_while_the_value_does() -> None:
    text = "m:\n  s:\n    k: !vault |\n      $ANSIBLE\n    other: x\n"
    document = Document(text.encode(), "f")
    assert set(document.caveats("m/s")) == {"k"}
    assert "k: !vault |\n      $ANSIBLE\n" in changed(text, "m/s", other="y")


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        ("yes", True),
        ("off", False),
        ("~", None),
        ("012", 10),
        ("0x1F", 31),
        ("1_000", 1000),
        ("1.10", Number("1.10")),
        ("1e3", "1e3"),
        ("1.0e+3", Number("1.0e+3")),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("2026-01-01", "2026-01-01"),
        ("!!binary AAE=", b"\0\1"),
        ("!!str 12", "12"),
        ("'12'", "12"),
    ],
)
def test_types_are_those_the_service_reads(literal: str, value: Any) -> None:
    found = Document(f"m: {{s: {{k: {literal}}}}}".encode(), "f").fields("m/s")
    assert found is not None
    assert found["k"].same_as(SecretValue(value))


def test_keys_that_are_no_text_keep_their_kind() -> None:
    text = "m:\n  s:\n    1: one\n    true: t\n    null: n\n    a: b\n"
    assert list(fields(Document(text.encode(), "f"), "m/s")) == ["1", "true", "null", "a"]
    assert changed(text, "m/s", a="c") == text.replace("a: b", "a: c")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("a: 1\na: 2\n", "line 3"),
        ("m: {s: {k: 1, 'k': 2}}", "twice"),
        ("- a\n", "map"),
        ("a: b\n---\nc: d\n", "second document"),
        ("a: [b\n", "line"),
        ("a: *nowhere\n", "line"),
        ("a: \t- b\n\tc: d", "line"),
        ("a: \x00", "character"),
        ("m: {s: {k: !!binary 'no'}}", "base64"),
        ("a: " + "[" * 3000 + "]" * 3000, "deeper"),
        ("\n".join(" " * n + "a:" for n in range(2000)), "deeper"),
    ],
)
def test_what_is_no_such_file_is_refused_without_its_text(text: str, what: str) -> None:
    canary = "".join(map(chr, (99, 97, 110, 97, 114, 121)))
    data = f"z: {{s: {{k: {canary}}}}}\n{text}" if "- a" not in text else text
    with pytest.raises(Corrupt) as caught:
        list((Document(data.encode(), "f").fields("m/s") or {}).values())
    told = f"{caught.value.message} {caught.value.hint}"
    assert what in told
    assert canary not in told


def test_a_file_that_is_not_utf_8_is_refused() -> None:
    with pytest.raises(Corrupt, match="UTF-8"):
        Document(b"a: \xff", "f")


def test_aliases_that_multiply_are_refused_in_time() -> None:
    text = "a0: &a0 {s: {k: v}}\n" + "".join(
        f"a{n}: &a{n} {{{', '.join(f'x{m}: *a{n - 1}' for m in range(10))}}}\n" for n in range(1, 12)
    )
    start = time.process_time()
    with pytest.raises(Corrupt, match="aliases"):
        Document(text.encode(), "f")
    assert time.process_time() - start < 30  # not a measure: without the bound it never ends


@pytest.mark.parametrize("path", ["m/s/k/below", "m/s/k"])
def test_nothing_can_be_below_a_field(path: str) -> None:
    refusal = Document(b"m: {s: {k: v}}", "f").refusal(path, {"a": SecretValue("b")})
    assert refusal is not None
    assert "k is a field of m/s" in refusal.message


def test_a_field_cannot_have_the_name_of_a_folder() -> None:
    refusal = Document(b"m: {s: {k: v, inner: {a: b}}}", "f").refusal("m/s", {"inner": SecretValue("b")})
    assert refusal is not None
    assert "m/s/inner is a folder" in refusal.message


def test_what_has_no_place_is_counted() -> None:
    assert Document(b"top: level\nm: {a/b: {k: v}, '': {k: v}, [1]: x, s: {k: v}}\n", "f").hidden == 4


ODD = "yes ~ - a: # ' {} [x *a &a !t % @ ` > | --- ... ? 0o7 1_0 << = : ,"
texts = st.text(st.characters(codec="utf-8"), max_size=20) | st.sampled_from(ODD.split())
scalars = texts | st.integers() | st.booleans() | st.none() | st.binary(max_size=8)
segments = st.text("abc-\u00e9 '#:", min_size=1, max_size=4).filter(lambda name: name.strip() not in {"", ".", ".."})
trees = st.dictionaries(
    st.lists(segments, min_size=2, max_size=4).map("/".join),
    st.dictionaries(texts, scalars, min_size=1, max_size=4),
    max_size=5,
)


def planted(tree: dict[str, dict[str, Any]]) -> Document:
    """Written one secret after another, those that have a place."""
    document = Document(b"# first\n", "f")
    for path, values in tree.items():
        wanted = {name: SecretValue(value) for name, value in values.items()}
        if document.refusal(path, wanted) is None:
            document = Document(document.changed({path: wanted}), "f")
    return document


@settings(max_examples=60, deadline=None)
@given(trees, st.randoms(use_true_random=False), texts, scalars)
def test_any_change_of_any_file_changes_nothing_else(tree: dict[str, Any], random: Any, name: str, value: Any) -> None:
    document = planted(tree)
    before = {path: document.fields(path) for path in document.secrets()}
    if not before:
        return
    path = random.choice(sorted(before))
    new = dict(before[path] or {})
    if random.random() < 0.5 and len(new) > 1:
        new.pop(random.choice(sorted(new)))
    else:
        new[name] = SecretValue(value)
    if document.refusal(path, new) is not None:
        return
    after = Document(document.changed({path: new}), "f")
    assert set(after.secrets()) == set(before)
    for each, old in before.items():
        wanted, found = new if each == path else old, after.fields(each)
        assert found is not None
        assert wanted is not None
        assert set(found) == set(wanted)
        assert all(found[key].same_as(wanted[key]) for key in wanted)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["# c", "", "  # d", "    # e"]), max_size=8), st.data())
def test_comments_in_odd_places_stay(comments: list[str], data: st.DataObject) -> None:
    lines = ["m:", "  s:", "    a: 1", "    b: |", "      x", "    c: [1, 2]", "  t:", "    d: 'q'"]
    for comment in comments:
        lines.insert(data.draw(st.sampled_from([0, 1, 2, 3, 5, 7, 8])), comment)
    text = "\n".join(lines) + "\n"
    name = data.draw(st.sampled_from("abcz"))
    try:
        yaml.safe_load(text)
    except yaml.YAMLError:
        return  # a comment may not stand before the first line of a block
    comments = [line for line in comments if line]
    after = changed(text, "m/s", **{name: "new"})
    assert [line.strip() for line in after.split("\n") if "#" in line] == [
        line.strip() for line in text.split("\n") if "#" in line
    ]
    assert fields(Document(after.encode(), "f"), "m/t") == {"d": "q"}


def test_hostile_strings_as_values_keys_and_folders() -> None:
    corpus = Path(__file__).parents[1] / "data" / "hostile.json"
    if not corpus.exists():
        pytest.skip("the corpus is not here")
    document = Document(b"# hostile\n", "f")
    for category in json.loads(corpus.read_text("utf-8")).values():
        for text in category if isinstance(category, list) else []:
            if not isinstance(text, str) or any(0xD800 <= ord(ch) < 0xE000 for ch in text):
                continue
            wanted = {text: SecretValue(text), "plain": SecretValue("p")}
            document = Document(document.changed({"m/s": wanted}), "f")
            assert fields(document, "m/s") == {text: text, "plain": "p"}
