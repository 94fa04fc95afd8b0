"""As much of Terraform's language as our examples use."""

import base64
import json
import re
from dataclasses import dataclass

TOKEN = re.compile(r'\s*(?:#[^\n]*\n)?\s*("(?:[^"\\]|\\.)*"|[\w.-]+|[{}()=,])')


@dataclass
class Reference:
    """A value that is known when the resource it names is made."""

    path: str


@dataclass
class Called:
    """A function of the language with its argument."""

    name: str
    argument: object


class Reader:
    """Reads blocks and attributes; nested blocks come as lists of dictionaries."""

    def __init__(self, text):
        self._left = TOKEN.findall(text)[::-1]

    def body(self, end=None):
        """Return [(name, labels, body)] of blocks and {name: value} of attributes."""
        blocks, attributes = [], {}
        while self._left and self._left[-1] != end:
            name, labels = self._left.pop(), []
            while self._left[-1] not in ("{", "="):
                labels.append(json.loads(self._left.pop()))
            if self._left.pop() == "=":
                attributes[name] = self._value()
            else:
                blocks.append((name, labels, self.body("}")))
                self._left.pop()
        return blocks, attributes

    def _value(self):
        token = self._left.pop()
        if token.startswith('"') or token.isdigit() or token in ("true", "false"):
            return json.loads(token)
        if token == "{":
            return self._object()
        if self._left and self._left[-1] == "(":
            self._left.pop()
            called = Called(token, self._value())
            self._left.pop()
            return called
        return Reference(token)

    def _object(self):
        found = {}
        while (name := self._left.pop()) != "}":
            if name != ",":
                self._left.pop()
                found[name] = self._value()
        return found


def resources(text):
    """Return {(type, name): attributes} of an example's resources."""
    return {
        tuple(labels): _flat(body)
        for name, labels, body in Reader(text).body()[0]
        if name == "resource"
    }


def _flat(body):
    blocks, attributes = body
    nested = {}
    for name, _labels, inner in blocks:
        nested.setdefault(name, []).append(_flat(inner))
    return attributes | nested


def evaluated(value, known, files):
    """Return a value with references and functions replaced by what they stand for."""
    if isinstance(value, Reference):
        return known[value.path]
    if isinstance(value, dict):
        return {name: evaluated(one, known, files) for name, one in value.items()}
    if isinstance(value, list):
        return [evaluated(one, known, files) for one in value]
    if not isinstance(value, Called):
        return value
    argument = evaluated(value.argument, known, files)
    if value.name == "file":
        return files[argument]
    if value.name == "jsonencode":
        return json.dumps(argument, sort_keys=True, separators=(",", ":"))
    assert value.name == "base64encode", value.name
    return base64.b64encode(argument.encode()).decode()
