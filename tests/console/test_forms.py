"""No form speaks in Django's own words, in either language."""

import re

import pytest
from django import forms
from django.core.exceptions import ValidationError
from django.urls import get_resolver
from django.utils import translation

from functions.forms import Form
from tests.support.factories import make_function

OURS = ("asyncconfig", "console", "functions")
DJANGO = [
    "This field is required.",
    "Ensure this value",
    "Select a valid choice",
    "Enter a valid",
    "Null characters",
    "这个字段是必填项",
    "确保该",
    "选择一个有效的选项",
    "输入一个有效",
]


def below(kind):
    for one in kind.__subclasses__():
        yield one
        yield from below(one)


def our_forms():
    get_resolver()._populate()  # imports every page and every call of the API
    return [one for one in below(forms.BaseForm) if one.__module__.startswith(OURS)]


@pytest.mark.django_db
def test_no_form_is_without_the_common_base():
    kinds = set(our_forms())

    assert len(kinds) > 20
    assert [one for one in kinds if not issubclass(one, Form)] == []


class Sample(Form):
    text = forms.CharField(max_length=3)
    long = forms.CharField(min_length=9)
    number = forms.IntegerField(min_value=5)
    count = forms.IntegerField(max_value=5)
    choice = forms.ChoiceField(choices=[("a", "a")])
    many = forms.MultipleChoiceField(choices=[("a", "a")])
    own = forms.CharField(error_messages={"required": "Say it."})


@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize(
    "data",
    [
        {},
        {
            "text": "four",
            "long": "short",
            "number": "1",
            "count": "9",
            "choice": "b",
            "many": ["b"],
        },
        {"text": "a\0b", "number": "x", "count": "1.5", "many": "a"},
    ],
)
def test_no_sentence_of_djangos_is_shown(language, data):
    with translation.override(language):
        errors = str(Sample(data).errors)

    assert errors.count("<li>") >= len(Sample.base_fields)
    assert [one for one in DJANGO if one in errors] == []
    if language == "zh-hans":
        assert not re.search(r"[a-z]{3,} [a-z]{3,}", re.sub("<[^>]*>", "", errors))


def test_what_a_field_says_itself_stays():
    assert Sample({}).errors["own"] == ["Say it."]
    with pytest.raises(ValidationError, match="whole number"):
        Sample.base_fields["number"].clean("x")


@pytest.mark.django_db
def test_the_runner_says_which_field_each_error_is_about(pages):
    make_function()

    page = pages.post("/run", {"once": "k"}).text

    assert "Function: Choose a function." in page
    assert "Version: Fill this in." in page
    assert "Mode: Choose an entry from the list." in page
