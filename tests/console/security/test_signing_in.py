"""One door for passwords, and what keeps it from being forced or blocked."""

import threading
from contextlib import contextmanager

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher, make_password
from django.contrib.auth.models import User
from django.test import Client
from django.utils.module_loading import import_string

import console.settings
from asyncconfig import clock
from console import access
from console.security import hashing
from console.security.backend import PasswordBackend
from console.security.exceptions import Full
from console.security.hashing import Gate, GatedHasher, gate, waiting_places
from console.security.limits import Lock
from tests.support.factories import make_project, make_user
from tests.support.installation import until

pytestmark = pytest.mark.django_db
ELSEWHERE = {"REMOTE_ADDR": "192.0.2.7"}


@pytest.fixture
def ann():
    return make_user("ann", group=access.READER, project=make_project())


@pytest.fixture
def browser(client):
    client.cookies["django_language"] = "en"
    return client


def at_the_page(client, password, *, name="ann", **extra):
    return client.post("/login", {"username": name, "password": password}, **extra)


def at_the_api(client, password, *, name="ann", **extra):
    user = {"name": name, "password": password}
    identity = {"methods": ["password"], "password": {"user": user}}
    body = {"auth": {"identity": identity}}
    return client.post("/v3/auth/tokens", body, "application/json", **extra)


def at_the_administration(client, password, *, name="ann", **extra):
    fields = {"username": name, "password": password, "next": "/admin/"}
    return client.post("/admin/login/", fields, **extra)


DOORS = [at_the_page, at_the_api, at_the_administration]


def is_in(client, answer):
    return "_auth_user_id" in client.session or "X-Subject-Token" in answer.headers


@contextmanager
def crowd(full, owners=()):
    """Fill a gate, and everything before it, with strangers or with owners."""
    done = threading.Event()

    def stay(owner):
        with full.place(owner):
            done.wait(30)

    names = owners or [""] * (full._at_once + full._waiting)
    threads = [threading.Thread(target=stay, args=[name]) for name in names]
    for thread in threads:
        thread.start()
    until(lambda: full._running + len(full._first + full._others) == len(threads))
    yield done
    done.set()
    for thread in threads:
        thread.join(30)


# One door.


@pytest.mark.parametrize("door", DOORS)
def test_no_door_takes_a_locked_account(browser, ann, door):
    for one in (at_the_page, at_the_api, at_the_api, at_the_page, at_the_page):
        one(browser, "wrong")

    answer = door(browser, "pass")

    assert not is_in(browser, answer)
    assert answer.status_code in (429, 401, 302)


def test_the_administration_has_no_sign_in_of_its_own(browser, ann, monkeypatch):
    User.objects.update(is_staff=True, is_superuser=True)
    monkeypatch.setattr(PasswordBackend, "authenticate", None)

    sent = at_the_administration(browser, "pass")
    asked = browser.get("/admin/functions/project/", follow=True)

    assert (sent.status_code, sent.url) == (302, "/login?next=/admin/")
    assert not is_in(browser, sent)
    assert asked.redirect_chain[-1][0] == "/login?next=/admin/functions/project/"


def test_no_other_back_end_looks_at_passwords(settings):
    found = [import_string(name) for name in settings.AUTHENTICATION_BACKENDS]

    assert found == [PasswordBackend]


def test_a_wrong_password_is_not_sent_back(browser, ann):
    refused = at_the_page(browser, "nearly-right").text
    with crowd(gate):
        full = at_the_page(browser, "nearly-right").text

    for page in (refused, full):
        assert 'value="ann"' in page
        assert "nearly-right" not in page


def change(client, old, new="a-new-one-8472"):
    fields = {"old_password": old, "new_password1": new, "new_password2": new}
    return client.post("/admin/password_change/", fields)


def test_a_borrowed_session_cannot_guess_the_password(browser, ann):
    User.objects.update(is_staff=True, is_superuser=True)
    browser.force_login(ann)

    wrong = [change(browser, "guess").status_code for _turn in range(5)]
    locked = change(browser, "pass")

    assert wrong == [200] * 5
    assert (locked.status_code, locked.headers["Retry-After"]) == (429, "300")
    assert "Too many tries. Try again in 5 minutes." in locked.text
    assert User.objects.get().check_password("pass")


def test_the_administration_still_sets_passwords(browser, ann):
    User.objects.update(is_staff=True, is_superuser=True)
    browser.force_login(ann)
    new = {"password1": "a-new-one-8472", "password2": "a-new-one-8472"}
    usable = {"usable_password": "true"}

    own = change(browser, "pass")
    browser.post("/admin/auth/user/add/", {"username": "bob"} | new | usable)
    bob = User.objects.get(username="bob")
    new = {"password1": "another-one-8472", "password2": "another-one-8472"}
    browser.post(f"/admin/auth/user/{bob.pk}/password/", new | usable)

    assert own.url == "/admin/password_change/done/"
    assert User.objects.get(username="ann").check_password("a-new-one-8472")
    assert User.objects.get(username="bob").check_password("another-one-8472")


# So many at once.


def test_no_more_than_two_hashes_run_at_once():
    made = Gate(at_once=2, waiting=16)
    with crowd(made, [""] * 18):
        assert made._running == 2
        with pytest.raises(Full), made.place():
            pass
    with made.place():
        assert made._running == 1


def test_strangers_cannot_keep_an_owner_out():
    made = Gate(at_once=2, waiting=3)
    came = []
    with crowd(made) as done:

        def sign_in():
            with made.place("ann"):
                came.append("ann")

        owner = threading.Thread(target=sign_in)
        owner.start()
        until(lambda: made._first)
        with pytest.raises(Full), made.place():
            pass
        done.set()
        owner.join(30)

    assert came == ["ann"]


def test_an_owner_goes_before_strangers_who_came_first():
    made = Gate(at_once=1, waiting=3)
    order = []

    def come(name, owner):
        with made.place(owner):
            order.append(name)

    with made.place():
        came = [
            threading.Thread(target=come, args=one)
            for one in (("stranger", ""), ("ann", "ann"))
        ]
        for thread, queue in zip(came, (made._others, made._first), strict=True):
            thread.start()
            until(lambda: queue)  # noqa: B023 - called at once
    for thread in came:
        thread.join(30)

    assert order == ["ann", "stranger"]


def test_an_owner_has_one_place_not_all_of_them():
    made = Gate(at_once=1, waiting=1)
    with crowd(made, ["ann", ""]), pytest.raises(Full), made.place("ann"):
        pass


def test_who_waits_too_long_leaves_the_queue(monkeypatch):
    monkeypatch.setattr(hashing, "WAIT_SECONDS", 0.01)
    made = Gate(at_once=1, waiting=2)
    with crowd(made, ["ann"]):
        for owner in ("", "bob"):
            with pytest.raises(Full), made.place(owner):
                pass

        assert (made._first, made._others, made._owners) == ([], [], {"ann"})


def test_a_fault_while_hashing_frees_the_place():
    made = Gate(at_once=1, waiting=1)
    for _turn in range(3):
        with pytest.raises(RuntimeError), made.place("ann"):
            raise RuntimeError

    assert (made._running, made._owners) == (0, set())


@pytest.mark.parametrize(("threads", "places"), [(4, 1), (8, 1), (16, 5), (64, 16)])
def test_who_waits_leaves_threads_to_the_pages(threads, places):
    held = hashing.AT_ONCE + places

    assert waiting_places(threads) == places
    assert threads == 4 or held < threads - threads // 2


@pytest.mark.parametrize("door", [at_the_page, at_the_api])
def test_who_finds_it_full_is_told_when_to_come_again(browser, ann, door):
    with crowd(gate):
        answer = door(browser, "pass")

    assert answer.status_code == 503
    assert 1 <= int(answer.headers["Retry-After"]) <= 10
    assert "Many people are signing in right now. Try again in" in answer.text
    assert door is at_the_page or answer.json()["error_code"] == "FSS.0503"
    assert is_in(browser, door(browser, "pass"))


def test_no_hash_is_computed_beside_the_gate(monkeypatch):
    monkeypatch.setattr(PBKDF2PasswordHasher, "iterations", 1)
    known = PBKDF2PasswordHasher().encode("pass", "salt")
    hashers = [import_string(name) for name in console.settings.PASSWORD_HASHERS]

    assert hashers == [GatedHasher]
    assert GatedHasher().verify("pass", known)
    with crowd(gate), pytest.raises(Full):
        GatedHasher().verify("pass", known)


@pytest.mark.parametrize("name", ["ann", "nobody", "gone", "closed"])
def test_no_name_costs_more_or_less_than_another(browser, ann, settings, name):
    counted = []

    class Counted(GatedHasher):
        iterations = 1

        def encode(self, *arguments):
            counted.append(self.iterations)
            return super().encode(*arguments)

    make_user("gone")
    make_user("closed")
    settings.PASSWORD_HASHERS = [f"{__name__}.Counted"]
    globals()["Counted"] = Counted
    User.objects.update(password=make_password("pass"))
    User.objects.filter(username="gone").update(is_active=False)
    User.objects.filter(username="closed").update(password="!")
    counted.clear()

    answer = at_the_page(browser, "wrong", name=name)

    assert (answer.status_code, counted) == (422, [1])


# So often from one place.


@pytest.mark.parametrize("door", [at_the_page, at_the_api])
def test_one_network_cannot_sign_in_without_end(browser, ann, settings, door):
    settings.SIGN_INS_PER_MINUTE = 3
    for name in ("one", "two", "three"):
        door(browser, "guess", name=name)

    refused = door(browser, "pass")
    elsewhere = door(Client(), "pass", **ELSEWHERE)
    clock.shift(60)
    later = door(Client(), "pass")

    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert "Too many sign-ins from your network." in refused.text
    assert elsewhere.status_code == later.status_code != 429


@pytest.mark.parametrize(
    ("other", "status"),
    [("2001:db8::ffff", 429), ("2001:db8:0:1::1", 422), ("::ffff:192.0.2.1", 422)],
)
def test_a_network_of_ipv6_counts_as_one(browser, ann, settings, other, status):
    settings.SIGN_INS_PER_MINUTE = 1
    at_the_page(browser, "guess", REMOTE_ADDR="2001:db8::1")

    assert at_the_page(browser, "guess", REMOTE_ADDR=other).status_code == status


def test_locks_are_not_thrown_away_by_many_other_failures():
    locks = [Lock("login", f"name{number}", "192.0.2.1") for number in range(10)]
    for lock in locks:
        for _turn in range(5):
            lock.count_failure()
    for number in range(320):
        Lock("login", f"other{number}", "192.0.2.1").count_failure()

    assert all(lock.is_closed for lock in locks)


# A browser that signed in before.


@pytest.fixture
def known(ann):
    """A browser in which ann has signed in, and out again."""
    client = Client()
    client.cookies["django_language"] = "en"
    at_the_page(client, "pass")
    client.post("/logout")
    return client


def test_strangers_cannot_keep_a_known_browser_out(browser, known, ann, settings):
    settings.SIGN_INS_PER_MINUTE = 6
    for _turn in range(5):
        at_the_page(browser, "wrong")
    at_the_page(browser, "wrong", name="other")
    strangers = [at_the_page(browser, "pass"), at_the_page(browser, "x", name="z")]

    with crowd(gate) as done:
        threading.Timer(0.01, done.set).start()
        answer = at_the_page(known, "pass")

    assert [one.status_code for one in strangers] == [429, 429]
    assert answer.status_code == 302


def test_a_known_browser_is_locked_by_its_own_failures_only(browser, known, ann):
    for _turn in range(5):
        at_the_page(known, "wrong")

    assert at_the_page(known, "pass").status_code == 429
    assert at_the_page(browser, "pass").status_code == 302


def test_a_stolen_cookie_opens_nothing(browser, known, ann):
    make_user("bob")
    stolen = known.cookies["known"].value
    assert "ann" not in stolen
    browser.cookies["known"] = stolen
    with crowd(gate):
        for_another = at_the_page(browser, "pass", name="bob")
    guessed = at_the_page(browser, "guess")

    assert (for_another.status_code, guessed.status_code) == (503, 422)
    assert browser.get("/functions").status_code == 302


@pytest.mark.parametrize("value", ["", "x", "WyJhIl0:1:x", "é", "a:b:c"])
def test_a_forged_cookie_makes_a_stranger(browser, ann, value):
    browser.cookies["known"] = value
    with crowd(gate):
        assert at_the_page(browser, "pass").status_code == 503
