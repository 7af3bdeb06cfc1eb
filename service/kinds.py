"""The kinds of values that settings take, each with its own check."""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Kind:
    """The values that a setting takes. `parse` raises `ValueError` for any other."""

    parse: Callable[[str], object]
    allowed: str


def whole(low: int, high: int) -> Kind:
    """Take whole numbers from `low` to `high`, both included."""

    def parse(text: str) -> int:
        value = int(_plain(r"[+-]?\d+", text))
        if not low <= value <= high:
            raise ValueError(text)
        return value

    return Kind(parse, f"a whole number from {low} to {high}")


def number(low: float, high: float) -> Kind:
    """Take numbers from `low` to `high`, both included."""

    def parse(text: str) -> float:
        value = float(_plain(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", text)) + 0.0  # no -0.0
        if not low <= value <= high:
            raise ValueError(text)
        return value

    return Kind(parse, f"a number from {low:g} to {high:g}")


def one_of(*choices: str) -> Kind:
    """Take one of some words, in lower or upper case."""

    def parse(text: str) -> str:
        if text.lower() not in choices:
            raise ValueError(text)
        return text.lower()

    return Kind(parse, f"one of {', '.join(choices)}")


def _host(text: str) -> str:
    return text if text == "localhost" else str(ipaddress.ip_address(text))


def _plain(pattern: str, text: str) -> str:
    """Refuse what Python, but hardly anybody else, takes for a number: 1_0, ١٠, nan."""
    if not re.fullmatch(pattern, text, re.ASCII | re.IGNORECASE):
        raise ValueError(text)
    return text


def _address(text: str) -> str:
    if not re.fullmatch(r"(https?://[^\s/]+|file://)/\S+", text):
        raise ValueError(text)
    return text


def _sha256(text: str) -> str:
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text, re.ASCII):
        raise ValueError(text)
    return text.lower()


FOLDER = Kind(Path, "a folder")
FILE = Kind(Path, "a file")
MODEL = Kind(str, '"default", a folder, or the id of a model on the Hugging Face hub')
ADDRESS = Kind(_address, "an address that begins with https://, http:// or file:///")
SHA256 = Kind(_sha256, "a SHA-256: 64 hexadecimal digits")
HOST = Kind(_host, "an IP address or localhost")
