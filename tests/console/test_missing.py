"""What is not there says so, and leads on."""

import pytest
from django.urls import reverse

from tests.support.factories import make_function, make_project

pytestmark = pytest.mark.django_db
NONE = "00000000-0000-4000-8000-000000000000"


def missing(pages, path):
    answer = pages.get(path)
    assert answer.status_code == 404
    main = answer.text.partition("<main")[2].partition("</main>")[0]
    return " ".join(main.split())


def code(name):
    return reverse("function-code", args=["default", name])


def test_a_missing_function_suggests_similar_names_of_the_project(pages, project):
    for name in ("order-paid", "order-payed", "order-pay", "order-pays", "welcome"):
        make_function(name, project=project)
    make_function("order-paidx", project=make_project("elsewhere"))

    page = missing(pages, code("order-paide"))

    assert "Function order-paide does not exist." in page
    assert page.count("order-pa") == 1 + 3 * 2
    assert f'href="{code("order-paid")}"' in page
    assert "order-paidx" not in page
    assert "welcome" not in page


def test_a_missing_version_suggests_no_function(pages, project):
    make_function("order", project=project)

    page = missing(pages, code("order") + "?v=v9")

    assert "There is no version or alias v9." in page
    assert "Did you mean" not in page


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/services/buckets/none", "buckets"),
        ("/services/streams/none", "streams"),
        ("/services/topics/none", "topics"),
        (f"/services/rocketmq/{NONE}", "rocketmq"),
        (f"/services/networks/{NONE}", "networks"),
        (code("none"), "functions"),
        ("/nothing/here", "functions"),
    ],
)
def test_what_is_missing_offers_its_own_list(pages, path, name):
    assert f'<a class="btn" href="{reverse(name)}">' in missing(pages, path)


def test_an_address_without_a_page_and_one_of_a_gone_thing_have_sentences(pages):
    nowhere = missing(pages, "/nothing/here")
    gone = missing(pages, f"/services/networks/{NONE}")

    assert "There is no page at this address." in nowhere
    assert "It does not exist, or no longer does." in gone
