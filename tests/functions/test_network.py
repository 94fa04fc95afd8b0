"""Code of a version without a network reaches nothing."""

import socket

import pytest

from functions import creating, names
from functions.models import Version
from tests.support.factories import accept, make_function

SOURCE = """
import socket
def handler(event, context):
    socket.create_connection(("127.0.0.1", event), 5).close()
"""


@pytest.mark.parametrize(("network", "status"), [(True, "SUCCESS"), (False, "FAIL")])
def test_code_reaches_this_host_only_with_a_network(engine, network, status):
    function = make_function(source=SOURCE)
    version = Version.objects.get(function=function, name=names.LATEST)
    creating.configure(version, network=network)

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        invocation = accept(function, str(port).encode())
        engine.run_out()

    invocation.refresh_from_db()
    assert invocation.status == status
