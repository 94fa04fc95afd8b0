"""The parts of `manage.py up`, each on its own."""

from http.server import HTTPServer, SimpleHTTPRequestHandler

from console.management.commands import up
from tests.installation import free_port
from tests.subscribers import serving


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_args):
        return


def test_its_own_web_server_is_not_asked_for_through_a_proxy(monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)

    with serving(HTTPServer(("127.0.0.1", 0), Quiet)) as server:
        url = f"http://127.0.0.1:{server.server_port}"
        assert up.answers(url)
        assert not up.answers(f"{url}/nothing-here")
    assert not up.answers(url)
