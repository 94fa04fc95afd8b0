"""Creating, editing and deleting functions on the pages."""

import io
import zipfile
from contextlib import suppress

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from asyncconfig.models import Invocation
from functions import code
from functions.models import Alias, Function, TestEvent, Version
from functions.runtime import available_runtimes, syntax
from tests.support.factories import HELLO, accept, latest, make_config, make_function

pytestmark = pytest.mark.django_db


OWN = available_runtimes()[0]


def new(**changed):
    return {
        "name": "fresh",
        "runtime": available_runtimes()[0],
        "handler": "index.handler",
        "agency": "",
        "starter": "hello",
        **changed,
    }


def url(name, function, *more):
    return reverse(name, args=["default", function.name, *more])


def zipped(**files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return SimpleUploadedFile("code.zip", buffer.getvalue())


def test_create_leads_to_the_code(pages):
    response = pages.post("/functions/new", new())

    assert response.url == "/f/default/fresh/code"
    assert Function.objects.get().name == "fresh"


def test_the_default_agency_is_preselected(pages):
    form = pages.get("/functions/new").context["form"]

    assert form.fields["agency"].initial.name == "fgconsole-default"


@pytest.mark.parametrize("name", ["", "1abc", "abc-", "a" * 61, "a b", "名字", "a/b"])
def test_a_bad_name_is_refused(pages, name):
    response = pages.post("/functions/new", new(name=name))

    assert response.status_code == 422
    assert not Function.objects.exists()


def test_a_name_is_taken_once_and_free_after_deletion(pages):
    pages.post("/functions/new", new())
    again = pages.post("/functions/new", new())
    pages.post("/f/default/fresh/delete", {"name": "fresh"})
    after = pages.post("/functions/new", new())

    assert (again.status_code, after.status_code) == (422, 302)
    assert "Function fresh already exists." in again.text


def test_deploy_changes_what_runs(pages, engine):
    function = make_function()
    source = "def handler(event, context):\n    return 'changed'\n"

    pages.post(url("function-code", function), {"source": source, "revision": "1"})
    invocation = accept(function)
    engine.run()

    invocation.refresh_from_db()
    assert bytes(invocation.result) == b"changed"


def test_two_tabs_that_deploy_see_each_other(pages):
    function = make_function()
    where = url("function-code", function)
    pages.post(where, {"source": "first = 1", "revision": "1"})

    second = pages.post(where, {"source": "second = 2", "revision": "1"})

    assert second.status_code == 409
    assert "Somebody else changed the code in the meantime." in second.text
    assert "second = 2" in second.text
    assert bytes(latest(function).code.content) == b"first = 1"


BROKEN = "def handler(event, context):\n    return 1 +\n"


def test_code_with_a_syntax_error_is_not_deployed_unasked(pages):
    function = make_function()
    where = url("function-code", function)

    asked = pages.post(where, {"source": BROKEN, "revision": "1"})

    assert asked.status_code == 422
    assert "Not deployed: line 2 has a syntax error." in asked.text
    assert "invalid syntax" in asked.text
    assert "<mark>2      return 1 +</mark>" in asked.text
    assert latest(function).revision == 1

    digest = asked.context["syntax"].digest
    fields = {"source": BROKEN, "revision": "1", "anyway": digest}
    assert pages.post(where, fields).status_code == 302
    assert bytes(latest(function).code.content) == BROKEN.encode()


def test_a_yes_to_one_syntax_error_deploys_no_other(pages):
    function = make_function()
    where = url("function-code", function)
    asked = pages.post(where, {"source": BROKEN, "revision": "1"})

    fields = {"source": "x = (", "revision": "1"}
    other = pages.post(where, fields | {"anyway": asked.context["syntax"].digest})

    assert other.status_code == 422
    assert "line 1 has a syntax error" in other.text
    assert latest(function).revision == 1


def test_an_archive_whose_handler_does_not_compile_is_not_deployed_unasked(pages):
    function = make_function()
    where = url("function-code", function)
    archive = zipped(**{"index.py": "x = (", "old/python2.py": "print 1"})

    asked = pages.post(where, {"archive": archive})
    archive.seek(0)
    yes = {"archive": archive, "anyway": asked.context["syntax"].digest}
    deployed = pages.post(where, yes)

    assert (asked.status_code, deployed.status_code) == (422, 302)
    assert latest(function).code_type == "zip"


def test_only_the_handlers_file_of_an_archive_is_compiled(pages):
    archive = zipped(**{"index.py": HELLO, "old/python2.py": "print 1"})

    response = pages.post(url("function-code", make_function()), {"archive": archive})

    assert response.status_code == 302


def test_code_of_a_runtime_that_is_not_here_is_deployed_and_called_unchecked(pages):
    function = make_function()
    Version.objects.filter(function=function).update(runtime="Python2.7")

    response = pages.post(
        url("function-code", function), {"source": BROKEN, "revision": "1"}, follow=True
    )

    assert "The syntax was not checked: this machine has no Python2.7." in response.text
    assert bytes(latest(function).code.content) == BROKEN.encode()


def test_compiling_runs_nothing_and_survives_what_no_compiler_does(tmp_path):
    proof = tmp_path / "proof"
    harmful = f"open({str(proof)!r}, 'w')\n".encode()
    bomb = b"(" * 100_000 + b")" * 100_000

    assert syntax.check(OWN, harmful) is None
    assert not proof.exists()
    with suppress(syntax.NotChecked):
        assert syntax.check(OWN, bomb) is not None
    assert syntax.check(OWN, b"x = '\x00'") is not None


@pytest.mark.parametrize("source", ["", "  \n", "x" * 10_241])
def test_code_that_is_empty_or_too_long_is_refused_and_kept(pages, source):
    function = make_function()

    response = pages.post(url("function-code", function), {"source": source})

    assert response.status_code == 422
    assert bytes(latest(function).code.content) == HELLO.encode()


def test_a_zip_is_deployed_and_runs(pages, engine):
    function = make_function()
    archive = zipped(**{"index.py": HELLO, "lib/extra.py": ""})

    pages.post(url("function-code", function), {"archive": archive})
    invocation = accept(function)
    engine.run()

    invocation.refresh_from_db()
    assert bytes(invocation.result) == b"hello world!"
    assert "lib/extra.py" in pages.get(url("function-code", function)).text


def test_code_in_one_folder_is_refused_and_the_folder_named(pages):
    function = make_function()
    archive = zipped(**{"demo/index.py": HELLO})

    answer = pages.post(url("function-code", function), {"archive": archive})

    assert answer.status_code == 422
    assert "Pack the contents of demo." in answer.text
    assert latest(function).code_type == "inline"


def test_files_of_an_archive_are_listed_as_they_are_unpacked(pages):
    function = make_function()
    archive = zipped(**{"./index.py": HELLO, "lib/": ""})

    pages.post(url("function-code", function), {"archive": archive})

    (shown,) = [code.source_of(latest(function)).files]
    assert shown == ("index.py",)


def test_what_is_no_zip_or_a_bomb_is_refused(pages, monkeypatch):
    monkeypatch.setattr(code, "MAX_UNPACKED_BYTES", 1000)
    function = make_function()
    junk = SimpleUploadedFile("code.zip", b"not a zip")

    answers = [
        pages.post(url("function-code", function), {"archive": archive})
        for archive in (junk, zipped(bomb="x" * 2000))
    ]

    assert [answer.status_code for answer in answers] == [422, 422]
    assert latest(function).code_type == "inline"


def test_a_published_version_is_read_only_and_keeps_its_configuration(pages):
    function = make_function()
    make_config(function, max_retries=3)

    pages.post(url("function-versions", function), {"name": "v1"})
    response = pages.post(
        url("function-code", function) + "?v=v1", {"source": "changed = 1"}
    )

    published = Version.objects.get(name="v1")
    assert response.status_code == 422
    assert bytes(published.code.content) == HELLO.encode()
    assert published.async_configs.get().max_retries == 3


def test_an_alias_points_at_a_version_which_then_stays(pages):
    function = make_function()
    pages.post(url("function-versions", function), {"name": "v1"})
    pages.post(url("function-aliases", function), {"name": "prod", "version": "v1"})

    pages.post(url("function-version-delete", function, "v1"))

    assert Alias.objects.get().version.name == "v1"
    assert Version.objects.alive().filter(name="v1").exists()


def test_general_settings_are_saved_and_start_fresh_instances(pages):
    function = make_function()
    fields = {
        "handler": "index.handler",
        "timeout": "30",
        "memory_size": "256",
        "description": "said",
        "user_data": '{"key": "value"}',
        "initializer_handler": "",
        "initializer_timeout": "3",
    }

    pages.post(url("function-general", function), fields)

    version = latest(function)
    assert (version.timeout, version.memory_size) == (30, 256)
    assert version.user_data == {"key": "value"}
    assert (version.agency.name, version.revision) == ("fgconsole-default", 2)


@pytest.mark.parametrize(
    "text", ["[1]", "x", '{"a": 1}', '{"1a": "x"}', '{"a": "%s"}' % ("x" * 4100)]
)
def test_environment_variables_are_strings_with_names(pages, text):
    function = make_function()
    fields = {"handler": "index.handler", "timeout": "3", "memory_size": "128"}

    response = pages.post(
        url("function-general", function), {**fields, "user_data": text}
    )

    assert response.status_code == 422
    assert latest(function).user_data == {}


def test_a_test_event_is_saved_renamed_copied_and_deleted(pages):
    function = make_function()
    where = url("function-events", function)
    pages.post(where, {"name": "one", "content": '{"a": 1}'})
    here = url("function-event", function, "one")
    pages.post(here, {"name": "uno", "content": "[2]"})
    there = url("function-event", function, "uno")
    pages.post(there, {"name": "copy", "content": "[3]", "as_new": "1"})

    saved = {event.name: event.text for event in TestEvent.objects.all()}
    pages.post(url("function-event-delete", function, "copy"))

    assert saved == {"uno": "[2]", "copy": "[3]"}
    assert TestEvent.objects.get().name == "uno"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "1x", "content": "{}"}, "Use 1–25 letters"),
        ({"name": "x", "content": "{"}, "Not valid JSON: line 1, column 2"),
        ({"name": "x", "content": ""}, "Write the event as JSON."),
        ({"name": "x", "content": '"' + "x" * 262_144 + '"'}, "over 256 KB"),
    ],
)
def test_a_bad_test_event_is_refused(pages, fields, message):
    response = pages.post(url("function-events", make_function()), fields)

    assert response.status_code == 422
    assert message in response.text
    assert not TestEvent.objects.exists()


def test_an_eleventh_test_event_is_refused(pages):
    function = make_function()
    for number in range(11):
        response = pages.post(
            url("function-events", function),
            {"name": f"event{number}", "content": "{}"},
        )

    assert response.status_code == 422
    assert TestEvent.objects.count() == 10


def test_deleting_asks_for_the_name_and_says_who_is_affected(pages):
    target, source = make_function("target"), make_function("source")
    make_config(source, on_success=target)

    asked = pages.get(url("function-delete", target))
    wrong = pages.post(url("function-delete", target), {"name": "other"})
    pages.post(url("function-delete", target), {"name": "target"})

    assert "source" in asked.text
    assert wrong.status_code == 422
    assert not Function.objects.alive().filter(name="target").exists()


def test_disabling_discards_what_waits_and_enabling_lets_it_run_again(pages):
    function = make_function()
    accept(function)

    pages.post(url("function-enabled", function), {"enabled": "false"})
    discarded = Invocation.objects.get()
    pages.post(url("function-enabled", function), {"enabled": "true"})

    assert (discarded.status, discarded.condition) == (
        "DISCARD",
        "FunctionUnavailable",
    )
    function.refresh_from_db()
    assert function.is_enabled
