"""Real local services for tests: each in a folder of its own, gone afterwards."""

import subprocess
import time

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from console.installation.supervision import seaweed

KEYS = ("test-access-key", "test-secret-key")
START_SECONDS = 30


def s3_client(endpoint, access_key, secret_key):
    """Return a client that speaks to a storage as anybody would."""
    return boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        region_name="cn-east-3",
        config=Config(
            s3={"addressing_style": "path"},
            retries={"total_max_attempts": 1},
            proxies={},
        ),
    )


class SeaweedFS:
    """A SeaweedFS as `up` starts it; `client` speaks to it as anybody would."""

    def __init__(self, folder):
        binary = seaweed.find()
        assert binary, seaweed.MISSING
        run = folder / "run"
        run.mkdir(mode=0o700)
        storage = seaweed.prepare(binary, data=folder / "obs", run=run, keys=KEYS)
        self.endpoint = storage.endpoint
        self._log = (folder / "log").open("wb")
        self._process = subprocess.Popen(
            storage.command, env=storage.env, stdout=self._log, stderr=self._log
        )
        self.client = s3_client(self.endpoint, *KEYS)
        self._wait()

    def _wait(self):
        """Wait until an object can be written: buckets can be made a little sooner."""
        ends = time.monotonic() + START_SECONDS
        while True:
            try:
                self.client.create_bucket(Bucket="first-of-all")
                self.client.put_object(Bucket="first-of-all", Key="a", Body=b"a")
            except (BotoCoreError, ClientError):
                assert self._process.poll() is None, "SeaweedFS ended"
                assert time.monotonic() < ends, "SeaweedFS did not start"
                time.sleep(0.05)
            else:
                return

    def objects(self, bucket):
        return objects_of(self.client, bucket)

    def close(self):
        self._process.kill()
        self._process.wait()
        self._log.close()


def objects_of(client, bucket):
    """Return {key: (body, metadata)} of a bucket."""
    page = client.list_objects_v2(Bucket=bucket)
    found = {}
    for one in page.get("Contents", ()):
        got = client.get_object(Bucket=bucket, Key=one["Key"])
        found[one["Key"]] = (got["Body"].read(), got["Metadata"])
    return found
