"""The official SDK on functions, code, versions and aliases."""

import base64
import io
import json
import zipfile

import huaweicloudsdkfunctiongraph.v2 as sdk

from functions.runtime import available_runtimes
from tests.api.conftest import ECHO, HELLO, encoded, refused


def config(client, urn):
    return client.show_function_config(sdk.ShowFunctionConfigRequest(function_urn=urn))


def test_a_function_is_created_shown_and_deleted(client, make, known):
    urn = make(
        func_name="whole",
        description="says hello",
        user_data=json.dumps({"k": "v"}),
        encrypted_user_data=json.dumps({"token": "secret"}),
        func_vpc=None,
        enable_dynamic_memory=True,
    )
    shown = config(client, urn)

    assert urn == (
        f"urn:fss:{known['region']}:{known['project_id']}:function:default:whole:latest"
    )
    assert (shown.func_name, shown.package, shown.version) == (
        "whole",
        "default",
        "latest",
    )
    assert (shown.cpu, shown.memory_size, shown.timeout) == (300, 128, 10)
    assert shown.namespace == known["project_id"]
    assert len(shown.digest) == 128
    assert shown.code_size == len(HELLO)
    assert json.loads(shown.user_data) == {"k": "v"}
    assert json.loads(shown.encrypted_user_data) == {"token": ""}
    assert shown.xrole == known["agency"]
    assert shown.enable_dynamic_memory is True
    assert shown.strategy_config.concurrency == 400

    deleted = client.delete_function(
        sdk.DeleteFunctionRequest(function_urn=urn.removesuffix(":latest"))
    )
    assert deleted.status_code == 204
    with refused(404, "FSS.1051"):
        config(client, urn)


def test_settings_change_and_what_is_left_out_stays(client, make):
    urn = make(
        func_name="changing",
        description="says hello",
        user_data=json.dumps({"k": "v"}),
    )
    body = sdk.UpdateFunctionConfigRequestBody(
        func_name="changing",
        runtime=available_runtimes()[0],
        timeout=30,
        handler="index.handler",
        memory_size=256,
        initializer_handler="index.start",
        initializer_timeout=5,
    )
    changed = client.update_function_config(
        sdk.UpdateFunctionConfigRequest(function_urn=urn, body=body)
    )
    assert (changed.timeout, changed.memory_size, changed.cpu) == (30, 256, 400)
    assert changed.initializer_handler == "index.start"
    assert json.loads(changed.user_data) == {"k": "v"}
    assert changed.description == "says hello"
    body.timeout = 2
    with refused(400, "FSS.1008"):
        client.update_function_config(
            sdk.UpdateFunctionConfigRequest(function_urn=urn, body=body)
        )
    assert config(client, urn).timeout == 30


def test_what_cannot_be_created_is_refused_by_its_code(client, make):
    make(func_name="there")

    with refused(409, "FSS.1061"):
        make(func_name="there")
    with refused(400, "FSS.1002"):
        make(func_name="1st")
    with refused(400, "FSS.1003"):
        make(handler="nothing")
    with refused(400, "FSS.1004"):
        make(package="-")
    with refused(400, "FSS.1005"):
        make(runtime="Cobol74")
    with refused(400, "FSS.1006"):
        make(code_type="jar")
    with refused(400, "FSS.1007"):
        make(memory_size=129)
    with refused(400, "FSS.1008"):
        make(timeout=2)
    with refused(400, "FSS.1009"):
        make(user_data="[]")
    with refused(400, "FSS.1017"):
        make(user_data=json.dumps({f"k{n}": "v" for n in range(21)}))
    with refused(400, "FSS.1018"):
        make(user_data=json.dumps({"k": "v" * 4100}))
    with refused(400, "FSS.1019"):
        make(description="x" * 513)
    with refused(403, "FSS.1121"):
        make(xrole="nobody")
    with refused(400, "FSS.1404"):
        make(initializer_handler="-", initializer_timeout=3)
    with refused(400, "FSS.1405"):
        make(initializer_handler="index.start", initializer_timeout=301)
    with refused(413, "FSS.1072"):
        make(source="#" * 10_241)
    with refused(400, "FSS.1011"):
        make(code_type="zip", func_code=sdk.FuncCode(file=encoded("no archive")))


def test_lists_come_in_pages(client, make):
    urns = [make(func_name=f"paged-{letter}") for letter in "abc"]
    found, marker, turns = [], "0", 0
    while turns == 0 or marker != "0":
        request = sdk.ListFunctionsRequest(
            marker=marker, maxitems="2", func_name="paged-"
        )
        page = client.list_functions(request)
        found += page.functions
        marker, turns = str(page.next_marker), turns + 1

    assert [function.func_urn for function in found] == urns
    assert (turns, page.count) == (3, 3)
    assert found[0].fail_count == 0
    with refused(400, "FSS.1001"):
        client.list_functions(sdk.ListFunctionsRequest(maxitems="-1"))


def test_pinned_functions_come_first(client, make):
    make(func_name="pin-first")
    urn = make(func_name="pin-second")

    client.update_function_collect_state(
        sdk.UpdateFunctionCollectStateRequest(func_urn=urn, state="true")
    )

    listed = client.list_functions(sdk.ListFunctionsRequest(func_name="pin-"))
    assert listed.functions[0].func_urn == urn
    with refused(400, "FSS.0400"):
        client.update_function_collect_state(
            sdk.UpdateFunctionCollectStateRequest(func_urn=urn, state="perhaps")
        )


def test_instances_are_limited_and_the_function_disabled(client, make):
    urn = make()

    def limit(number):
        body = sdk.UpdateFunctionMaxInstanceConfigRequestBody(max_instance_num=number)
        return client.update_function_max_instance_config(
            sdk.UpdateFunctionMaxInstanceConfigRequest(function_urn=urn, body=body)
        )

    assert limit(-1).strategy_config.concurrency == -1
    assert limit(0).strategy_config.concurrency == 0
    with refused(429, "FSS.0429"):
        client.async_invoke_function(
            sdk.AsyncInvokeFunctionRequest(function_urn=urn, body={})
        )
    assert limit(5).strategy_config.concurrency == 5
    with refused(400, "FSS.1026"):
        limit(1001)


def test_code_is_shown_and_deployed(client, make):
    urn = make()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("index.py", ECHO)
    content = base64.b64encode(archive.getvalue()).decode()

    def deploy(**fields):
        body = sdk.UpdateFunctionCodeRequestBody(**fields)
        return client.update_function_code(
            sdk.UpdateFunctionCodeRequest(function_urn=urn, body=body)
        )

    before = client.show_function_code(sdk.ShowFunctionCodeRequest(function_urn=urn))
    after = deploy(
        code_type="zip",
        code_filename="index.zip",
        func_code=sdk.FuncCode(file=content),
    )

    assert base64.b64decode(before.func_code.file).decode() == HELLO
    assert (after.code_type, after.code_filename) == ("zip", "index.zip")
    assert after.func_code.file == content
    with refused(413, "FSS.1072"):
        deploy(code_type="inline", func_code=sdk.FuncCode(file=encoded("#" * 10_241)))
    with refused(400, "FSS.1012"):
        deploy(code_type="inline", func_code=sdk.FuncCode(file=""))


def test_a_function_is_exported_and_imported(client, make):
    urn = make(source=ECHO, description="to go", user_data=json.dumps({"k": "v"}))
    exported = client.export_function(
        sdk.ExportFunctionRequest(function_urn=urn, config=True, code=True)
    )

    def bring(name, content):
        body = sdk.ImportFunctionRequestBody(
            func_name=name,
            file_name="x.zip",
            file_type="zip",
            file_code=base64.b64encode(content).decode(),
            package="default",
        )
        return client.import_function(sdk.ImportFunctionRequest(body=body))

    brought = bring("brought", exported.raw_content)

    assert brought.description == "to go"
    assert json.loads(brought.user_data) == {"k": "v"}
    assert brought.digest == config(client, urn).digest
    with refused(400, "FSS.1011"):
        bring("other", b"no archive")
    with refused(409, "FSS.1061"):
        bring("brought", exported.raw_content)
    with refused(400, "FSS.1001"):
        client.export_function(sdk.ExportFunctionRequest(function_urn=urn))


def test_the_network_is_taken_from_code_and_given_back(client, make):
    urn = make(func_name="quiet", network_controller={"disable_public_network": True})
    body = sdk.UpdateFunctionConfigRequestBody(
        func_name="quiet",
        runtime=available_runtimes()[0],
        timeout=30,
        handler="index.handler",
        memory_size=128,
    )
    request = sdk.UpdateFunctionConfigRequest(function_urn=urn, body=body)

    made = config(client, urn).network_controller
    client.update_function_config(request)
    kept = config(client, urn).network_controller
    body.network_controller = sdk.NetworkControlConfig(disable_public_network=False)
    client.update_function_config(request)
    changed = config(client, urn).network_controller
    usual = config(client, make(func_name="usual")).network_controller

    found = [one.disable_public_network for one in (made, kept, changed, usual)]
    assert found == [True, True, False, False]
