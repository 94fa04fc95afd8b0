"""The smallest valid body of each operation of the API that asks for one."""

BODIES = {
    "CancelAsyncInvocation": {"request_id": "x"},
    "CreateEvent": {"name": "x", "content": "e30="},
    "CreateFunction": {"func_name": "x", "runtime": "x"},
    "CreateStream": {"stream_name": "x", "partition_count": 1},
    "CreateTopic": {"name": "x"},
    "AddSubscription": {"protocol": "http", "endpoint": "http://x.example/"},
    "PublishMessage": {"message": "x"},
    "CreateVersionAlias": {"name": "x", "version": "x"},
    "ImportFunction": {
        "func_name": "x",
        "file_name": "x",
        "file_type": "zip",
        "file_code": "",
    },
    "SendRecords": {"stream_name": "x", "records": [{"data": ""}]},
    "UpdateEvent": {"content": "e30="},
    "UpdateFunctionCode": {"code_type": "inline", "func_code": {}},
    "UpdateFunctionMaxInstanceConfig": {"max_instance_num": 1},
    "UpdateVersionAlias": {"version": "x"},
}
