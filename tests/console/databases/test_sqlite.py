"""Several processes that write to one SQLite file at once."""

import os
import subprocess
import sys

WRITERS, ROWS = 4, 50
SETUP = "import django; django.setup();"
MAKE = (
    SETUP + "from tests.support.factories import make_function; make_function('busy')"
)
WRITE = (
    SETUP
    + "from tests.support.factories import accept;"
    + "from functions.models import Function;"
    + "f = Function.objects.get();"
    + f"[accept(f) for n in range({ROWS})]"
)
COUNT = (
    SETUP
    + "from asyncconfig.models import Invocation; print(Invocation.objects.count())"
)


def start(code, data):
    env = {
        **os.environ,
        "DATA_DIR": str(data),
        "DATABASE_URL": "",
        "REDIS_URL": f"unix://{data}/none.sock",
        "DJANGO_SETTINGS_MODULE": "tests.settings",
    }
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process):
    said, problems = process.communicate(timeout=60)
    assert process.returncode == 0, problems
    return said


def test_writers_take_turns_and_none_is_locked_out(tmp_path):
    migrate = "from django.core.management import call_command;" + SETUP
    finish(start(migrate + "call_command('migrate', verbosity=0)", tmp_path))
    finish(start(MAKE, tmp_path))

    for process in [start(WRITE, tmp_path) for _writer in range(WRITERS)]:
        finish(process)

    assert finish(start(COUNT, tmp_path)).strip() == str(WRITERS * ROWS)
