"""What is wrong with JSON is never said in Python's own words."""

import re

import pytest
from django.utils import translation

from asyncconfig.exceptions import PayloadRefused
from asyncconfig.invocations import accepting
from functions.forms import EventForm
from tests.support.factories import make_function

BROKEN = [
    b"{a: 1}",
    b'{"a": }',
    b'{"a": 1 "b": 2}',
    b'{"a" 1}',
    b"{} {}",
    b'{"a": "b',
    b'{"a": "b\n"}',
    b'{"a": "\\u12"}',
    b'{"a": "\\x"}',
    b'{"a": 1,}',
    b"[1,]",
    b"\xef\xbb\xbf{}",
    b"[NaN]",
    b"[-Infinity]",
]


@pytest.mark.parametrize("text", BROKEN)
def test_a_chinese_reader_gets_no_english_reason(text):
    with translation.override("zh-hans"), pytest.raises(PayloadRefused) as caught:
        accepting.check_json(text)

    said = str(caught.value)
    assert said.startswith("不是有效的 JSON：第 ")
    words = set(re.findall(r"[A-Za-z]{2,}", said))
    assert words <= {"JSON", "NaN", "Infinity", "BOM"}


@pytest.mark.django_db
def test_an_event_is_refused_in_the_readers_language():
    with translation.override("zh-hans"):
        form = EventForm({"name": "a", "content": "{a: 1}"}, function=make_function())
        said = str(form.errors["content"])

    assert "第 1 行第 2 列，此处应为双引号括起的键名" in said
