"""Finds the environment variables that are misspelt settings; most variables are other programs'.

A variable is a misspelt setting if one of these holds:

- It begins with `SANDBOX_` and is no setting: only the service's own do, and a misspelt limit would not be one.
- It differs from a setting only in upper case and in what separates the words: `LOGLEVEL`, `policy_file`, `NS_JAIL`.
- It is one slip away from a setting: a letter is added, missing, wrong, or swapped with the next. Every word may have
  one slip, and a long word two. `PORT` and `HOST` are short and resemble other words, so only a swap or a doubled
  letter counts: `PROT`, not `POST`.

Two kinds of names belong to other programs all the same: a setting with something before it (`GLOG_LEVEL`), and what
Kubernetes sets for a service named "sandbox" in its cluster, see "environment variables" in
https://kubernetes.io/docs/concepts/services-networking/service/.
"""

import difflib
import re
from collections.abc import Iterable, Mapping

_OWN = "SANDBOX_"
_SHORT_NAME = 5
_SHORT_WORD = 4
_LONG_WORD = 7
# As difflib counts: two slips in seven letters are above it, three are not.
_LIKE = 0.8
_SOMEWHAT_LIKE = 0.75
_OF_KUBERNETES = re.compile(r"SANDBOX_(\w+_)?(SERVICE_(HOST|PORT)(_\w+)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_\w+)?)")
_PORT_OF_KUBERNETES = re.compile(r"(tcp|udp|sctp)://\S+:[0-9]+")


def find_misspelt(environment: Mapping[str, str], settings: Iterable[str]) -> dict[str, str]:
    """Return the variables that are misspelt settings.

    Args:
        environment: the variables.
        settings: the names of the settings.

    Returns:
        by name, in alphabetical order, the setting that was probably meant; empty if none resembles it.
    """
    known = tuple(settings)
    right = {setting: setting.split("_") for setting in known}
    found = {}
    for name in sorted(set(environment).difference(known)):
        words = re.findall("[A-Z0-9]+", name.upper())
        meant = next((setting for setting in known if _is_misspelt(words, right[setting])), "")
        if meant:
            found[name] = meant
        elif name.startswith(_OWN) and not _is_of_kubernetes(name, environment[name]):
            found[name] = _most_like(name, known)
    return found


def _is_of_kubernetes(name: str, value: str) -> bool:
    if _OF_KUBERNETES.fullmatch(name):
        return True
    return name.endswith("_PORT") and _PORT_OF_KUBERNETES.fullmatch(value) is not None


def _most_like(name: str, known: tuple[str, ...]) -> str:
    if (rest := name.removeprefix(_OWN)) in known:
        return rest
    return next(iter(difflib.get_close_matches(name, known, n=1, cutoff=_SOMEWHAT_LIKE)), "")


def _is_misspelt(words: list[str], right_words: list[str]) -> bool:
    """Return whether a name that is not the setting's is a misspelling of it."""
    squeezed, right = "".join(words), "".join(right_words)
    if abs(len(squeezed) - len(right)) > 2 * len(right_words):  # most names are told apart here
        return False
    if squeezed == right:
        return True
    if len(right) < _SHORT_NAME:
        return _is_swap_or_doubling(squeezed, right)
    if squeezed.endswith(right):
        return False
    if _is_one_slip(squeezed, right):
        return True
    return len(words) == len(right_words) and all(map(_is_like, words, right_words))


def _is_like(word: str, right: str) -> bool:
    if word == right:
        return True
    if len(right) < _SHORT_WORD:
        return False
    if _is_one_slip(word, right):
        return True
    return len(right) >= _LONG_WORD and difflib.SequenceMatcher(None, word, right).ratio() >= _LIKE


def _is_one_slip(word: str, right: str) -> bool:
    """Return whether one letter is added, missing, wrong, or swapped with the next."""
    rest, right_rest = _differing(word, right)
    return max(len(rest), len(right_rest)) <= 1 or _is_swap(rest, right_rest)


def _is_swap_or_doubling(word: str, right: str) -> bool:
    rest, right_rest = _differing(word, right)
    doubled = len(rest) == 1 and not right_rest and rest * 2 in word
    return doubled or _is_swap(rest, right_rest)


def _is_swap(rest: str, right_rest: str) -> bool:
    return len(rest) == len(right_rest) == 2 and rest == right_rest[::-1]


def _differing(word: str, right: str) -> tuple[str, str]:
    """Return two words without their common beginning and their common end."""
    start = 0
    while start < min(len(word), len(right)) and word[start] == right[start]:
        start += 1
    word, right = word[start:], right[start:]
    end = 0
    while end < min(len(word), len(right)) and word[-1 - end] == right[-1 - end]:
        end += 1
    return word[: len(word) - end], right[: len(right) - end]
