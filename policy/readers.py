"""The one list of what reads items or attributes by a name that is a text, or acts on a text in another way.

Functions are listed by their path. Methods are listed by their name alone, because their object is seldom known.
"""

from collections.abc import Iterable
from typing import Final


def last_components(paths: Iterable[str]) -> frozenset[str]:
    """Return the names by which functions are called as attributes: `getattr` for `builtins.getattr`."""
    return frozenset(path.rpartition(".")[2] for path in paths)


# Called with an object and a name: getattr(os, "system").
ATTRIBUTE_FUNCTIONS: Final = frozenset(
    {"builtins.getattr", "builtins.setattr", "builtins.delattr", "inspect.getattr_static"}
)
# Called like these. It stands apart because `object` is too common a word to be one of `READING_WORDS`.
PATCH_OBJECT: Final = "unittest.mock.patch.object"
# Called with a name, or unbound with an object and a name: os.__getattribute__("system").
ATTRIBUTE_METHODS: Final = frozenset({"__getattribute__", "__getattr__"})
# Called with names, they return a function that reads these: attrgetter("system")(os).
GETTER_MAKERS: Final = frozenset({"operator.attrgetter", "operator.methodcaller"})

# They return the namespace of their argument, or of the script: vars(os)["system"].
NAMESPACE_FUNCTIONS: Final = frozenset({"builtins.vars", "builtins.globals", "builtins.locals"})
NAMESPACE_ATTRIBUTE: Final = "__dict__"
# Called with a key: vars(os).get("system").
ITEM_METHODS: Final = frozenset({"get", "pop", "setdefault", "__getitem__"})

# An instance of these is treated like the class itself.
CLASSES: Final = frozenset({"string.Formatter", "cProfile.Profile", "profile.Profile"})
# Called as attributes (`builtins.getattr(…)`), these are worth evaluating; other methods are not.
CALLED_ATTRIBUTES: Final = last_components(NAMESPACE_FUNCTIONS | ATTRIBUTE_FUNCTIONS | {PATCH_OBJECT} | CLASSES)

# A format string reads the attributes that its fields name: "{0.system}".format(os).
FORMAT_METHODS: Final = frozenset({"format", "format_map"})
FORMAT_FUNCTIONS: Final = frozenset(
    {"builtins.str.format", "builtins.str.format_map", "string.Formatter.format", "string.Formatter.vformat"}
)
# Methods of classes that are derived from string.Formatter; the format string is their first argument.
FORMATTER_METHODS: Final = frozenset({"format", "vformat"})
# Called with one field of a format string.
FIELD_METHODS: Final = frozenset({"get_field"})

# pandas evaluates their text: df.query("@pd.io.common.os.system('x')").
EXPRESSION_METHODS: Final = frozenset({"eval", "query"})

# They import what their first argument names: patch("os.system").
PATCH_MULTIPLE: Final = "unittest.mock.patch.multiple"
PATCHERS: Final = frozenset({"unittest.mock.patch", "unittest.mock.patch.dict", PATCH_MULTIPLE})
PATCH_KEYWORDS: Final = frozenset({"target", "in_dict"})

# What a script may hand on in order to read attributes elsewhere.
READERS: Final = ATTRIBUTE_FUNCTIONS | GETTER_MAKERS
READER_NAMES: Final = last_components(READERS) | ATTRIBUTE_METHODS
NAMESPACE_NAMES: Final = last_components(NAMESPACE_FUNCTIONS | ATTRIBUTE_FUNCTIONS) | {NAMESPACE_ATTRIBUTE}
# A script without any of these words reads no attribute by a text.
READING_WORDS: Final = READER_NAMES | NAMESPACE_NAMES | FORMAT_METHODS | FORMATTER_METHODS | {"patch"}
# A script with none of these words and none of `READING_WORDS` acts on no text that this list is about.
TEXT_METHODS: Final = FIELD_METHODS | EXPRESSION_METHODS
# With one of these, a script can set an attribute whose name is not in its syntax.
WRITER_WORDS: Final = frozenset({"setattr", "__setattr__", "vars", "globals", "locals", NAMESPACE_ATTRIBUTE, "patch"})
