"""Lines and words as Apache reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from mod_pywsgi.migrate import reader

HERE = Path("/x.conf")


def lines(text: str) -> list[reader.Line]:
    return list(reader.read(HERE, text))


def test_comments_blank_lines_and_ends_of_sections_are_left_out() -> None:
    text = "# WSGIPythonHome /a\n\n  \t\n  #x\n<IfModule a.c>\n  Listen 80\n</IfModule>\n"
    assert [str(line) for line in lines(text)] == ["<IfModule a.c>", "Listen 80"]
    assert [line.number for line in lines(text)] == [5, 6]


def test_continued_lines() -> None:
    text = "\tWSGIDaemonProcess a \\\n    threads=5 \\\n    processes=2\nListen 80\n"
    first, second = lines(text)
    assert (first.number, first.count, first.indent) == (1, 3, "\t")
    assert first.words() == ["a", "threads=5", "processes=2"]
    assert second.number == 4


def test_a_comment_goes_on_too() -> None:
    assert [str(line) for line in lines("# a \\\nListen 80\nListen 81")] == ["Listen 81"]


def test_a_backslash_at_the_end_of_the_file() -> None:
    (line,) = lines("Listen 80 \\")
    assert line.words() == ["80"]


def test_windows_ends_of_lines() -> None:
    first, second = lines("Listen \\\r\n80\r\nListen 81\r\n")
    assert first.words() == ["80"]
    assert second.words() == ["81"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("a b", ["a", "b"]),
        ("a\tb", ["a", "b"]),
        ('"a b" c', ["a b", "c"]),
        ("'a b' c", ["a b", "c"]),
        (r'"a \"b\" c"', ['a "b" c']),
        (r'"a\\b"', ["a\\b"]),
        (r'"a\b"', ["a\\b"]),
        ('"unclosed here', ["unclosed here"]),
        ('a"b c"', ['a"b', 'c"']),
        ('""', [""]),
        ("", []),
        ("   ", []),
    ],
)
def test_words(arguments: str, words: list[str]) -> None:
    (line,) = lines(f"Name {arguments}")
    assert line.words() == words


@pytest.mark.parametrize(
    ("text", "pairs", "rest"),
    [
        ("a=1 b=2", [("a", "1"), ("b", "2")], ""),
        ("a=\"x y\" b='u v'", [("a", "x y"), ("b", "u v")], ""),
        ("a= b=2", [("a", ""), ("b", "2")], ""),
        ("a=1 nonsense b=2", [("a", "1")], "nonsense b=2"),
        ("a=b=c", [("a", "b=c")], ""),
        ('"a=1"', [], '"a=1"'),
        ("", [], ""),
    ],
)
def test_options(text: str, pairs: list[tuple[str, str]], rest: str) -> None:
    assert reader.options(text) == (pairs, rest)


@pytest.mark.parametrize("text", ["", "a", "a\n", "a\nb", "a\r\nb\n", "\n\n", "a\x0cb\x85c\n"])
def test_split_loses_nothing(text: str) -> None:
    assert "".join(reader.split(text)) == text


def test_sections() -> None:
    first, second = lines("<IfModule !mod_wsgi.c >\n<IfDefine X>")
    assert (first.name, first.words(), first.is_section) == ("IfModule", ["!mod_wsgi.c"], True)
    assert str(second) == "<IfDefine X>"


def test_a_name_alone() -> None:
    (line,) = lines("WSGIPythonHome")
    assert (line.name, line.words(), str(line)) == ("WSGIPythonHome", [], "WSGIPythonHome")
