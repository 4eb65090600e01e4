"""The options' values for one run, and where each came from.

Sources, the later one wins: default, settings file, environment, command line. The occurrences of
an option that may be repeated add up within a source, not across them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from mod_pywsgi.errors import ConfigError
from mod_pywsgi.options import ENTRY_POINT, OPTIONS, Option
from mod_pywsgi.options.model import Layer, Words

T = TypeVar("T")

ARGUMENT = "the argument"  # where an application comes from that is named without --entry-point


@dataclass(frozen=True)
class Settings:
    """Values by option: ``settings[LISTEN_PORT]``. Unchangeable once built.

    :param words: of the options that were given, what the source said.
    :param file: the settings file that was read, or an empty string.
    """

    values: Mapping[str, Any]
    sources: Mapping[str, str]
    words: Mapping[str, Sequence[Words]] = field(default_factory=dict)
    file: str = ""

    def __getitem__(self, option: Option[T]) -> T:
        value: T = self.values[option.name]
        return value

    def source(self, option: Option[Any]) -> str:
        """Where the value came from, as a phrase: "default", "--port", "PYWSGI_PORT", ..."""
        return self.sources[option.name]

    def is_given(self, option: Option[Any]) -> bool:
        """Whether the user gave it, in whatever way."""
        return self.sources[option.name] != "default"

    def require_once(self, option: Option[Any]) -> None:
        """Make sure that no two occurrences of an option are about the same, which is named first.

        :raises ConfigError: two are.
        """
        names = [value[0] for value in self[option]]
        for name in names:
            if names.count(name) > 1:
                raise ConfigError(
                    f"{self.source(option)} is given twice for {name}.", "Drop one of them."
                )

    def adding(self, option: Option[Any], occurrences: Sequence[Words], source: str) -> "Settings":
        """The same, with more occurrences of an option that may be repeated, or with one that
        was not given.

        :raises ConfigError: the source said something that cannot be used.
        """
        words = [*self.words.get(option.name, ()), *occurrences]
        before = self.source(option)
        return Settings(
            {**self.values, option.name: _load(option, words, source)},
            {**self.sources, option.name: f"{before}, {source}" if before != "default" else source},
            {**self.words, option.name: words},
            self.file,
        )


def resolve(
    argv: Layer | None = None,
    env: Mapping[str, str] | None = None,
    file: Layer | None = None,
    file_name: str = "settings file",
    argument: str | None = None,
) -> Settings:
    """Combine the sources.

    :param env: an environment, of which the options' own variables are read.
    :param argument: the application, where the command line names it without an option.
    :raises ConfigError: naming the source and what it should have said.
    """
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    words: dict[str, Sequence[Words]] = {}
    from_env = _environment_layer(env or {})
    from_argument: Layer = {ENTRY_POINT.name: [(argument,)]} if argument else {}
    for option in OPTIONS:
        layers = (
            (file or {}, f"{option.key} in {file_name}"),
            (from_env, option.env),
            (from_argument, ARGUMENT),
            (argv or {}, option.flag),
        )
        values[option.name], sources[option.name] = option.default, "default"
        for layer, source in layers:
            occurrences = layer.get(option.name)
            if occurrences:
                values[option.name] = _load(option, occurrences, source)
                sources[option.name] = source
                words[option.name] = occurrences
    return Settings(values, sources, words, file_name if file is not None else "")


def _load(option: Option[T], occurrences: Sequence[Words], source: str) -> T:
    try:
        return option.load(occurrences)
    except ValueError as error:
        raise ConfigError(f"{source} {error}.") from None


def _environment_layer(env: Mapping[str, str]) -> Layer:
    """Read the options' variables: several occurrences are separated by line breaks, or, where there
    is none, by what the option says."""
    layer: dict[str, Sequence[Words]] = {}
    for option in OPTIONS:
        text = env.get(option.env)
        if text is None:
            continue
        occurrences = _occurrences(option, text) if option.repeats else [text]
        if len(option.metavar) == 2:
            layer[option.name] = [_two_words(option, part) for part in occurrences if part]
        else:
            layer[option.name] = [(part,) for part in occurrences]
    return layer


def _occurrences(option: Option[Any], text: str) -> list[str]:
    if "\n" in text:
        return [line for line in text.split("\n") if line]
    return text.split(option.separator)


def _two_words(option: Option[Any], text: str) -> Words:
    first, separator, second = text.partition("=")
    if not separator:
        pair = "=".join(option.metavar)
        raise ConfigError(
            f"{option.env} must hold {pair}, not {text!r}.",
            "A value that holds ':' ends in a line break."
            if option.repeats and option.separator == ":"
            else "",
        )
    return first, second
