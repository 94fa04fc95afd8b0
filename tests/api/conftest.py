"""One running installation, and the official SDK pointed at it."""

import base64
import itertools
from urllib.parse import urlsplit

import huaweicloudsdkdis.v2 as dis_sdk
import huaweicloudsdkfunctiongraph.v2 as sdk
import pytest
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.exceptions.exceptions import ServiceResponseException

from functions.models.agency import PLACED_SERVICES, Reach
from functions.runtime import available_runtimes
from tests.support.installation import Installation

_numbers = itertools.count(1)

HELLO = "def handler(event, context):\n    return 'hello world!'\n"
ECHO = "def handler(event, context):\n    return event\n"
RAISES = "def handler(event, context):\n    raise ValueError('asked to fail')\n"


@pytest.fixture(scope="session")
def installation(tmp_path_factory):
    made = Installation(
        tmp_path_factory.mktemp("api") / "data",
        ASYNC_RETRY_BASE_SECONDS="0.05",
        DELIVERY_RETRY_BASE_SECONDS="0.1",
        OUTGOING_ALLOWED="127.0.0.1",
    )
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="session")
def known(installation):
    return installation.credentials


def client_for(
    url, access_key, secret_key, project_id, *, client=sdk.FunctionGraphClient
):
    credentials = BasicCredentials(access_key, secret_key, project_id)
    builder = client.new_builder().with_credentials(credentials)
    return builder.with_endpoint(url).build()


def client_of(known, client=sdk.FunctionGraphClient):
    """Return the administrator's client of an installation."""
    keys = known["access_key"], known["secret_key"], known["project_id"]
    return client_for(known["url"], *keys, client=client)


@pytest.fixture(scope="session")
def client(known):
    return client_of(known)


@pytest.fixture(scope="session")
def dis(known):
    return client_of(known, dis_sdk.DisClient)


@pytest.fixture(scope="session")
def make(client, known):
    return maker(client, known)


def maker(client, known):
    """Return a function that creates functions and gives their URN."""

    def create(source=HELLO, **fields):
        told = {
            "func_name": f"fn{next(_numbers)}",
            "package": "default",
            "runtime": available_runtimes()[0],
            "handler": "index.handler",
            "timeout": 10,
            "memory_size": 128,
            "code_type": "inline",
            "func_code": sdk.FuncCode(file=encoded(source)),
            "xrole": known["agency"],
        }
        body = sdk.CreateFunctionRequestBody(**(told | fields))
        answer = client.create_function(sdk.CreateFunctionRequest(body=body))
        return answer.func_urn

    return create


def encoded(text):
    return base64.b64encode(text.encode()).decode()


class Refused:
    """Expects a refusal of the API: `with refused(404, "FSS.1051"): …`."""

    def __init__(self, status, code):
        self._wanted = (status, code)
        self.error = None

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        assert isinstance(error, ServiceResponseException), f"not refused: {error}"
        assert (error.status_code, error.error_code) == self._wanted, error.error_msg
        assert error.error_msg
        assert error.request_id
        self.error = error
        return True


refused = Refused


@pytest.fixture
def reach(known, settings):
    """How an agency leads to the installation, as to a cloud."""
    settings.AGENCY_HTTP_HOSTS = [urlsplit(known["url"]).netloc]
    return Reach(
        access_key=known["access_key"],
        secret_key=known["secret_key"],
        project_id=known["project_id"],
        region=known["region"],
        endpoints=dict.fromkeys(PLACED_SERVICES, known["url"]),
    )
