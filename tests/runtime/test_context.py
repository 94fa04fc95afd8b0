"""What user code learns: its context and its environment."""

import json
import os
import sys

from tests.runtime.specs import call, make_spec, run

ENVIRONMENT = """
import json, os
def handler(event, context):
    return dict(os.environ)
"""


def test_context_answers_all_its_questions(pool):
    names = {
        "getRequestID": "r-1",
        "getRunningTimeInSeconds": 10,
        "getFunctionName": "test1",
        "getPackage": "default",
        "getVersion": "latest",
        "getAlias": "prod",
        "getProjectID": "0123456789abcdef",
        "getMemorySize": 128,
        "getCPUNumber": 300,
        "getAccessKey": "AK",
        "getSecretKey": "SK",
        "getSecurityAccessKey": "AK",
        "getSecuritySecretKey": "SK",
        "getSecurityToken": "TOKEN",
        "getToken": "TOKEN",
        "getAuthToken": "TOKEN",
        "getTenantID": "tenant",
        "getWorkflowID": "",
        "getWorkflowRunID": "",
        "getWorkflowStateID": "",
    }
    source = """
    def handler(event, context):
        return {name: getattr(context, name)() for name in event}
    """
    spec = make_spec(source, access_key="AK", secret_key="SK", security_token="TOKEN")

    outcome = pool.invoke(
        spec,
        call(json.dumps(list(names)).encode(), alias="prod", tenant_id="tenant"),
    )

    assert json.loads(outcome.result) == names


def test_remaining_time_counts_down_to_the_timeout(pool):
    source = """
    import time
    def handler(event, context):
        first = context.getRemainingTimeInMilliSeconds()
        time.sleep(0.05)
        return [first, context.getRemainingTimeInMilliSeconds()]
    """

    first, second = json.loads(run(pool, source).result)

    assert 0 < second <= first - 50 <= 10_000


def test_user_data_is_in_the_context_and_in_the_environment(pool):
    source = """
    import os
    def handler(event, context):
        return [
            context.getUserData("key"), os.environ["key"],
            context.getUserData("none"), context.getUserData("none", "default"),
            context.getUserData("odd=name"), os.environ["RUNTIME_VERSION_OF_MINE"],
        ]
    """
    data = {"key": "v 你", "odd=name": "odd", "RUNTIME_VERSION_OF_MINE": "1"}

    outcome = run(pool, source, user_data=data)

    assert json.loads(outcome.result) == ["v 你", "v 你", None, "default", "odd", "1"]


def test_environment_has_the_documented_variables(pool):
    data = {"mine": "1", "RUNTIME_FUNC_NAME": "forged"}
    outcome = run(pool, ENVIRONMENT, user_data=data, timeout=30)

    environment = json.loads(outcome.result)
    home = environment["RUNTIME_ROOT"]
    is_private = pool.isolation.level >= 2
    scratch = "/tmp" if is_private else f"{home}/tmp"
    assert (home == "/opt/function") == is_private
    assert environment == {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "HOME": scratch,
        "TMPDIR": scratch,
        "mine": "1",
        "RUNTIME_PROJECT_ID": "0123456789abcdef",
        "RUNTIME_FUNC_NAME": "test1",
        "RUNTIME_FUNC_VERSION": "latest",
        "RUNTIME_PACKAGE": "default",
        "RUNTIME_HANDLER": "index.handler",
        "RUNTIME_TIMEOUT": "30",
        "RUNTIME_USERDATA": json.dumps(data),
        "RUNTIME_CPU": "300",
        "RUNTIME_MEMORY": "128",
        "RUNTIME_MAX_RESP_BODY_SIZE": "6291456",
        "RUNTIME_INITIALIZER_HANDLER": "",
        "RUNTIME_INITIALIZER_TIMEOUT": "3",
        "RUNTIME_ROOT": home,
        "RUNTIME_CODE_ROOT": f"{home}/code",
        "RUNTIME_LOG_DIR": f"{home}/log",
    }


def test_nothing_of_the_worker_is_in_reach(pool, monkeypatch):
    monkeypatch.setenv("DATABASE_PASSWORD", "hush")
    source = """
    import os, sys
    OURS = ("django", "functions")
    def handler(event, context):
        return {
            "environment": [open("/proc/self/environ").read(), repr(os.environ)],
            "modules": [name for name in sys.modules if name.startswith(OURS)],
            "path": sys.path,
            "fds": len(os.listdir("/proc/self/fd")) - 1,
        }
    """

    with open(os.devnull) as held:
        os.set_inheritable(held.fileno(), True)
        seen = json.loads(run(pool, source).result)

    assert "hush" not in "".join(seen["environment"])
    assert seen["modules"] == []
    assert not [path for path in seen["path"] if "site-packages" in path]
    # Input, output, errors, and the channel.
    assert seen["fds"] == 4


def test_limits_are_set_before_user_code_is_imported(pool):
    source = """
    import resource
    KINDS = ["RLIMIT_DATA", "RLIMIT_CORE", "RLIMIT_FSIZE", "RLIMIT_NOFILE"]
    LIMITS = [resource.getrlimit(getattr(resource, kind))[1] for kind in KINDS]
    PRIVILEGES = [x for x in open("/proc/self/status") if x.startswith("NoNewPrivs")]
    def handler(event, context):
        return [LIMITS, PRIVILEGES]
    """

    limits, privileges = json.loads(run(pool, source).result)

    mb = 1024 * 1024
    assert limits == [192 * mb, 0, 512 * mb, 1024]
    assert privileges == ["NoNewPrivs:\t1\n"]


def test_small_function_may_have_threads(pool):
    source = """
    from concurrent.futures import ThreadPoolExecutor
    def handler(event, context):
        with ThreadPoolExecutor(40) as threads:
            return sum(threads.map(int, range(400)))
    """

    assert run(pool, source).result == b"79800"


def test_temporary_files_are_counted_and_gone_with_the_instance(pool, tmp_path):
    source = """
    import tempfile
    def handler(event, context):
        file = tempfile.NamedTemporaryFile(delete=False)
        file.write(bytes(1024 * 1024))
        file.close()
        return file.name
    """

    outcome = run(pool, source)

    assert b"storage used: 1.000MB" in outcome.log
    path = outcome.result.decode()
    assert path.startswith("/tmp/" if pool.isolation.level >= 2 else str(tmp_path))
    pool.close()
    assert not os.path.exists(path)


def test_runtime_is_the_python_that_runs_the_worker(pool):
    outcome = run(pool, "import sys\ndef handler(e, c): return sys.version")

    assert outcome.result.decode() == sys.version
