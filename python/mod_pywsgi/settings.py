"""The options' values for one run, and where each came from.

Sources, the later one wins: default, settings file, environment, command line.
"""

import importlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from mod_pywsgi.errors import ConfigError
from mod_pywsgi.options import BY_NAME, OPTIONS, UNBUILT, Option
from mod_pywsgi.options.model import Words

T = TypeVar("T")

# What a source says: for each option's name the words of each occurrence.
Layer = Mapping[str, Sequence[Words]]


@dataclass(frozen=True)
class Settings:
    """Values by option: ``settings[LISTEN_PORT]``. Unchangeable once built."""

    values: Mapping[str, Any]
    sources: Mapping[str, str]

    def __getitem__(self, option: Option[T]) -> T:
        value: T = self.values[option.name]
        return value

    def source(self, option: Option[Any]) -> str:
        """Where the value came from, as a phrase: "default", "--port", "PYWSGI_PORT", ..."""
        return self.sources[option.name]

    def is_given(self, option: Option[Any]) -> bool:
        """Whether the user gave it, in whatever way."""
        return self.sources[option.name] != "default"


def resolve(
    argv: Layer | None = None,
    env: Mapping[str, str] | None = None,
    file: Layer | None = None,
    file_name: str = "settings file",
) -> Settings:
    """Combine the sources.

    :param env: an environment, of which the options' own variables are read.
    :raises ConfigError: naming the source and what it should have said.
    """
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    from_env = _environment_layer(env or {})
    for option in OPTIONS:
        layers = (
            (file or {}, f"{option.key} in {file_name}"),
            (from_env, option.env),
            (argv or {}, option.flag),
        )
        values[option.name], sources[option.name] = option.default, "default"
        for layer, source in layers:
            occurrences = layer.get(option.name)
            if occurrences:
                values[option.name] = _load(option, occurrences, source)
                sources[option.name] = source
    return Settings(values, sources)


def _load(option: Option[T], occurrences: Sequence[Words], source: str) -> T:
    try:
        return option.load(occurrences)
    except ValueError as error:
        raise ConfigError(f"{source} {error}.") from None


def _environment_layer(env: Mapping[str, str]) -> Layer:
    """Read the options' variables; several occurrences are separated by the path separator."""
    layer: dict[str, Sequence[Words]] = {}
    for option in OPTIONS:
        text = env.get(option.env)
        if text is None:
            continue
        occurrences = text.split(os.pathsep) if option.repeats else [text]
        if len(option.metavar) == 2:
            layer[option.name] = [_two_words(option, part) for part in occurrences if part]
        else:
            layer[option.name] = [(part,) for part in occurrences]
    return layer


def _two_words(option: Option[Any], text: str) -> Words:
    first, separator, second = text.partition("=")
    if not separator:
        pair = "=".join(option.metavar)
        raise ConfigError(f"{option.env} must hold {pair}, not {text!r}.")
    return first, second


def read_file(path: Path) -> Layer:
    """Read a settings file: TOML, one key per option.

    :raises ConfigError: it cannot be read, or has an unknown key or an unusable value.
    """
    try:
        tree = _toml(path.read_bytes().decode())
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"Cannot read the settings file {path}: {reason}.") from None
    layer: dict[str, Sequence[Words]] = {}
    for key, value in tree.items():
        option = BY_NAME.get(key.replace("_", "-"))
        if option is None:
            raise unknown_option(key.replace("_", "-"), f"{key} in {path}")
        layer[option.name] = _file_words(option, value, path)
    return layer


def _toml(text: str) -> Mapping[str, Any]:
    try:
        parser: Any = importlib.import_module("tomllib")
    except ImportError:
        raise ConfigError(
            "Settings files need Python 3.11 or newer.",
            "Use PYWSGI_... environment variables or options instead.",
        ) from None
    tree: Mapping[str, Any] = parser.loads(text)
    return tree


def _file_words(option: Option[Any], value: Any, path: Path) -> Sequence[Words]:
    def words(item: Any) -> Words:
        if isinstance(item, list):
            parts = tuple(_scalar(part) for part in item)
        else:
            parts = (_scalar(item),)
        if len(parts) != max(1, len(option.metavar)):
            raise ConfigError(f"{option.key} in {path} needs {' and '.join(option.metavar)}.")
        return parts

    if option.repeats:
        if len(option.metavar) == 2 and isinstance(value, dict):
            return [(name, _scalar(part)) for name, part in value.items()]
        return [words(item) for item in (value if isinstance(value, list) else [value])]
    return [words(value)]


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)


def unknown_option(name: str, source: str) -> ConfigError:
    """The error for an option that is not in the table."""
    if name in UNBUILT:
        return ConfigError(
            f"{source} is an option of mod_wsgi-express that this version of mod_pywsgi"
            " does not have yet.",
            "Leave it out, or put the Apache directives it stands for in a file and name"
            " that with --include-file.",
        )
    return ConfigError(f"{source} is not an option of mod_pywsgi.")
