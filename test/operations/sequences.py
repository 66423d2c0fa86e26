"""Does with boto3 what Terraform's AWS provider and SAM do for each kind of resource: create, read it until it is there,
read it again and find nothing to change, change it, find nothing to change, import it by its id alone, destroy it and see
that it is gone. What is read is mapped to attributes as the provider maps it; a plan is empty when all of them are as
written. test/terraform does the same with the real provider, where there is one.

Run by operations_test.go: sequences.py ENDPOINT.
"""

import base64
import hashlib
import json
import os
import sys
import time
import urllib.parse

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from cases_lambda import package

QUICK = {"Delay": 0.05, "MaxAttempts": 1200}
TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
READ = "arn:aws:iam::aws:policy/AWSLambda_ReadOnlyAccess"
BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
FIRST, SECOND = package("def lambda_handler(event, context):\n    return 1\n"), package("def lambda_handler(event, context):\n    return 2\n")

config = Config(retries={"max_attempts": 1, "mode": "standard"})
lam, iam, sts, logs = (boto3.client(name, endpoint_url=sys.argv[1], config=config) for name in ("lambda", "iam", "sts", "logs"))
account = sts.get_caller_identity()["Account"]
failures = []


def policy(*actions):
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]}


def refused(code, call, **params):
    """The error that a client waits for."""
    try:
        call(**params)
    except ClientError as e:
        if e.response["Error"]["Code"] == code:
            return e
        raise
    raise AssertionError(f"{call.__name__}: no {code}")


def until(what, done):
    deadline = time.monotonic() + 60
    while not done():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: waited in vain")
        time.sleep(0.05)


def pages(client, operation, key, **params):
    """Everything, a page of two at a time where the operation has pages."""
    return [item for page in client.get_paginator(operation).paginate(**params, PaginationConfig={"PageSize": 2}) for item in page[key]]


def tags_of(items):
    return {t["Key"]: t["Value"] for t in items}


def document(text):
    """A document as IAM answers it: percent-encoded, or decoded already by boto3."""
    return text if isinstance(text, dict) else json.loads(urllib.parse.unquote(text))


class Resource:
    """A kind of resource: how its attributes are written, read and destroyed. read gets what an import has, the id."""

    def __init__(self, name, first, second, id, create, read, update, destroy, gone):
        self.__dict__.update(vars())

    def plan(self, when, want):
        got = self.read(self.id)
        for name in sorted(want.keys() | got.keys()):
            if got.get(name) != want.get(name):
                failures.append(f"{self.name}: {when}: {name} is {got.get(name)!r}, want {want.get(name)!r}")


def converge(resources):
    """Applies, plans, changes, plans, imports and destroys them, in the order of their dependencies."""
    for r in resources:
        r.create(r.first)
    for r in resources:
        r.plan("after apply", r.first)
    for r in resources:
        r.update(r.first, r.second)
    for r in resources:
        r.plan("after change", r.second)
        r.plan("after import", r.second)
    for r in reversed(resources):
        r.destroy(r.id)
        code, call, params = r.gone
        refused(code, call, **params)


# IAM.

ROLE = {"RoleName": "tf-role"}
OWN = f"arn:aws:iam::{account}:policy/tf/tf-policy"


def tag(client_tag, client_untag, who, old, new):
    if stale := sorted(old.keys() - new.keys()):
        client_untag(**who, TagKeys=stale)
    if fresh := {k: v for k, v in new.items() if old.get(k) != v}:
        client_tag(**who, Tags=[{"Key": k, "Value": v} for k, v in fresh.items()])


def tag_list(tags):
    return [{"Key": k, "Value": v} for k, v in tags.items()]


def create_role(a):
    iam.create_role(**ROLE, Path="/tf/", AssumeRolePolicyDocument=json.dumps(a["assume_role_policy"]), Description=a["description"],
                    MaxSessionDuration=a["max_session_duration"], Tags=tag_list(a["tags"]))
    iam.get_waiter("role_exists").wait(**ROLE, WaiterConfig=QUICK)


def read_role(name):
    r = iam.get_role(RoleName=name)["Role"]
    return {"assume_role_policy": document(r["AssumeRolePolicyDocument"]), "description": r.get("Description", ""),
            "max_session_duration": r["MaxSessionDuration"], "permissions_boundary": r.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"),
            "path": r["Path"], "arn": r["Arn"], "tags": tags_of(r.get("Tags", [])),
            "inline_policy": {p: document(iam.get_role_policy(RoleName=name, PolicyName=p)["PolicyDocument"])
                              for p in pages(iam, "list_role_policies", "PolicyNames", RoleName=name)},
            "managed_policy_arns": [p["PolicyArn"] for p in pages(iam, "list_attached_role_policies", "AttachedPolicies", RoleName=name)]}


def update_role(old, new):
    iam.update_assume_role_policy(**ROLE, PolicyDocument=json.dumps(new["assume_role_policy"]))
    iam.update_role_description(**ROLE, Description=new["description"])
    iam.update_role(**ROLE, MaxSessionDuration=new["max_session_duration"])
    iam.put_role_permissions_boundary(**ROLE, PermissionsBoundary=new["permissions_boundary"])
    tag(iam.tag_role, iam.untag_role, ROLE, old["tags"], new["tags"])
    for name, text in new["inline_policy"].items():
        iam.put_role_policy(**ROLE, PolicyName=name, PolicyDocument=json.dumps(text))
    for arn in new["managed_policy_arns"]:
        iam.attach_role_policy(**ROLE, PolicyArn=arn)


def destroy_role(name):
    assert not pages(iam, "list_instance_profiles_for_role", "InstanceProfiles", RoleName=name)
    refused("DeleteConflict", iam.delete_role, RoleName=name)
    for p in pages(iam, "list_attached_role_policies", "AttachedPolicies", RoleName=name):
        iam.detach_role_policy(RoleName=name, PolicyArn=p["PolicyArn"])
    for p in pages(iam, "list_role_policies", "PolicyNames", RoleName=name):
        iam.delete_role_policy(RoleName=name, PolicyName=p)
    iam.delete_role_permissions_boundary(RoleName=name)
    iam.delete_role(RoleName=name)


def role():
    fixed = {"path": "/tf/", "arn": f"arn:aws:iam::{account}:role/tf/tf-role"}
    first = {**fixed, "assume_role_policy": TRUST, "description": "at first", "max_session_duration": 3600, "permissions_boundary": None,
             "tags": {"a": "1"}, "inline_policy": {}, "managed_policy_arns": []}
    trust = json.loads(json.dumps(TRUST))
    trust["Statement"][0]["Condition"] = {"StringEquals": {"aws:SourceAccount": account}}
    second = {**fixed, "assume_role_policy": trust, "description": "changed + more", "max_session_duration": 7200, "permissions_boundary": READ,
              "tags": {"b": "2"}, "inline_policy": {"inline": policy("lambda:InvokeFunction")}, "managed_policy_arns": [BASIC]}
    return Resource("aws_iam_role", first, second, "tf-role", create_role, read_role, update_role, destroy_role,
                    ("NoSuchEntity", iam.get_role, ROLE))


def read_policy(arn):
    p = iam.get_policy(PolicyArn=arn)["Policy"]
    v = iam.get_policy_version(PolicyArn=arn, VersionId=p["DefaultVersionId"])["PolicyVersion"]
    return {"policy": document(v["Document"]), "description": p.get("Description"), "path": p["Path"], "name": p["PolicyName"], "tags": tags_of(p.get("Tags", []))}


def update_policy(old, new):
    """A new version six times, each in the place of the oldest when there are five."""
    for _ in range(6):
        versions = pages(iam, "list_policy_versions", "Versions", PolicyArn=OWN)
        if len(versions) == 5:
            oldest = min((v for v in versions if not v["IsDefaultVersion"]), key=lambda v: v["CreateDate"].timestamp() * 100 + int(v["VersionId"][1:]))
            iam.delete_policy_version(PolicyArn=OWN, VersionId=oldest["VersionId"])
        iam.create_policy_version(PolicyArn=OWN, PolicyDocument=json.dumps(new["policy"]), SetAsDefault=True)
    tag(iam.tag_policy, iam.untag_policy, {"PolicyArn": OWN}, old["tags"], new["tags"])


def destroy_policy(arn):
    for v in pages(iam, "list_policy_versions", "Versions", PolicyArn=arn):
        if not v["IsDefaultVersion"]:
            iam.delete_policy_version(PolicyArn=arn, VersionId=v["VersionId"])
    iam.delete_policy(PolicyArn=arn)


def managed_policy():
    first = {"policy": policy("lambda:InvokeFunction"), "description": "a + b", "path": "/tf/", "name": "tf-policy", "tags": {"a": "1"}}
    second = {**first, "policy": policy("lambda:InvokeFunction", "lambda:Get*"), "tags": {"a": "2"}}

    def create(a):
        iam.create_policy(PolicyName=a["name"], Path=a["path"], Description=a["description"], PolicyDocument=json.dumps(a["policy"]), Tags=tag_list(a["tags"]))

    return Resource("aws_iam_policy", first, second, OWN, create, read_policy, update_policy, destroy_policy,
                    ("NoSuchEntity", iam.get_policy, {"PolicyArn": OWN}))


def create_user(a):
    iam.create_user(UserName=a["name"], Path=a["path"], Tags=tag_list(a["tags"]))
    iam.get_waiter("user_exists").wait(UserName=a["name"], WaiterConfig=QUICK)
    iam.put_user_policy(UserName=a["name"], PolicyName="inline", PolicyDocument=json.dumps(a["inline"]))
    iam.attach_user_policy(UserName=a["name"], PolicyArn=a["attached"][0])
    iam.create_access_key(UserName=a["name"])


def read_user(name):
    u = iam.get_user(UserName=name)["User"]
    return {"name": u["UserName"], "path": u["Path"], "permissions_boundary": u.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"),
            "tags": tags_of(u.get("Tags", [])), "inline": document(iam.get_user_policy(UserName=name, PolicyName="inline")["PolicyDocument"]),
            "attached": [p["PolicyArn"] for p in pages(iam, "list_attached_user_policies", "AttachedPolicies", UserName=name)],
            "keys": [k["Status"] for k in pages(iam, "list_access_keys", "AccessKeyMetadata", UserName=name)]}


def update_user(old, new):
    iam.update_user(UserName=old["name"], NewUserName=new["name"], NewPath=new["path"])
    who = {"UserName": new["name"]}
    iam.put_user_permissions_boundary(**who, PermissionsBoundary=new["permissions_boundary"])
    tag(iam.tag_user, iam.untag_user, who, old["tags"], new["tags"])
    key = iam.list_access_keys(**who)["AccessKeyMetadata"][0]["AccessKeyId"]
    iam.update_access_key(**who, AccessKeyId=key, Status="Inactive")
    iam.put_user_policy(**who, PolicyName="inline", PolicyDocument=json.dumps(new["inline"]))
    iam.detach_user_policy(**who, PolicyArn=old["attached"][0])
    iam.attach_user_policy(**who, PolicyArn=new["attached"][0])
    user.id = new["name"]


def destroy_user(name):
    """As with force_destroy."""
    who = {"UserName": name}
    assert not pages(iam, "list_groups_for_user", "Groups", **who)
    for k in pages(iam, "list_access_keys", "AccessKeyMetadata", **who):
        iam.delete_access_key(**who, AccessKeyId=k["AccessKeyId"])
    assert not pages(iam, "list_ssh_public_keys", "SSHPublicKeys", **who)
    assert not pages(iam, "list_virtual_mfa_devices", "VirtualMFADevices", AssignmentStatus="Assigned")
    assert not pages(iam, "list_mfa_devices", "MFADevices", **who)
    assert refused("NoSuchEntity", iam.delete_login_profile, **who).response["ResponseMetadata"]["HTTPStatusCode"] == 404
    assert not pages(iam, "list_signing_certificates", "Certificates", **who)
    assert not iam.list_service_specific_credentials(**who)["ServiceSpecificCredentials"]
    refused("DeleteConflict", iam.delete_user, **who)
    iam.delete_user_policy(**who, PolicyName="inline")
    for p in pages(iam, "list_attached_user_policies", "AttachedPolicies", **who):
        iam.detach_user_policy(**who, PolicyArn=p["PolicyArn"])
    iam.delete_user(**who)


def make_user():
    first = {"name": "tf-user", "path": "/tf/", "permissions_boundary": None, "tags": {"a": "1"}, "inline": policy("lambda:Invoke*"),
             "attached": [READ], "keys": ["Active"]}
    second = {"name": "tf-renamed", "path": "/tf/x/", "permissions_boundary": READ, "tags": {}, "inline": policy("lambda:Get*"),
              "attached": [BASIC], "keys": ["Inactive"]}
    return Resource("aws_iam_user", first, second, "tf-user", create_user, read_user, update_user, destroy_user,
                    ("NoSuchEntity", iam.get_user, {"UserName": "tf-renamed"}))


# CloudWatch Logs.

def read_group(name):
    g = [g for g in pages(logs, "describe_log_groups", "logGroups", logGroupNamePrefix=name) if g["logGroupName"] == name][0]
    return {"retention_in_days": g.get("retentionInDays", 0), "log_group_class": g["logGroupClass"],
            "tags": logs.list_tags_for_resource(resourceArn=g["arn"].removesuffix(":*"))["tags"]}


def log_group():
    name = "/aws/lambda/tf-hello"
    arn = f"arn:aws:logs:us-east-1:{account}:log-group:{name}"
    first = {"retention_in_days": 7, "log_group_class": "STANDARD", "tags": {"a": "1"}}
    second = {"retention_in_days": 0, "log_group_class": "STANDARD", "tags": {"b": "2"}}

    def create(a):
        logs.create_log_group(logGroupName=name, tags=a["tags"], logGroupClass=a["log_group_class"])
        logs.put_retention_policy(logGroupName=name, retentionInDays=a["retention_in_days"])

    def update(old, new):
        logs.delete_retention_policy(logGroupName=name)
        logs.untag_resource(resourceArn=arn, tagKeys=list(old["tags"]))
        logs.tag_resource(resourceArn=arn, tags=new["tags"])

    return Resource("aws_cloudwatch_log_group", first, second, name, create, read_group, update,
                    lambda n: logs.delete_log_group(logGroupName=n), ("ResourceNotFoundException", logs.delete_log_group, {"logGroupName": name}))


# Lambda.

HELLO = {"FunctionName": "tf-hello"}


def create_function(a):
    lam.create_function(**HELLO, Role=a["role"], Runtime=os.environ["RUNTIME"], Handler=a["handler"], Code={"ZipFile": FIRST}, Publish=True,
                        Description=a["description"], Timeout=a["timeout"], MemorySize=a["memory_size"], Environment={"Variables": a["environment"]},
                        TracingConfig={"Mode": a["tracing"]}, Layers=a["layers"], Tags=a["tags"], LoggingConfig=a["logging"])
    lam.get_waiter("function_active_v2").wait(**HELLO, WaiterConfig=QUICK)
    lam.get_waiter("published_version_active").wait(**HELLO, Qualifier="1", WaiterConfig=QUICK)
    lam.put_function_concurrency(**HELLO, ReservedConcurrentExecutions=a["reserved"])


def read_function(name):
    got = lam.get_function(FunctionName=name)
    c = got["Configuration"]
    versions = pages(lam, "list_versions_by_function", "Versions", FunctionName=name)
    assert got["Code"]["RepositoryType"] == "S3" and got["Code"]["Location"]
    # Any error here fails the provider's read; there is never a configuration.
    assert not lam.get_function_code_signing_config(FunctionName=name).get("CodeSigningConfigArn")
    return {"role": c["Role"], "handler": c["Handler"], "runtime": c["Runtime"], "description": c["Description"], "timeout": c["Timeout"],
            "memory_size": c["MemorySize"], "environment": c.get("Environment", {}).get("Variables"), "tracing": c["TracingConfig"]["Mode"],
            "layers": [layer["Arn"] for layer in c.get("Layers", [])], "tags": got.get("Tags", {}), "logging": c["LoggingConfig"],
            "reserved": got.get("Concurrency", {}).get("ReservedConcurrentExecutions"), "code_sha256": c["CodeSha256"], "code_size": c["CodeSize"],
            "version": versions[-1]["Version"], "qualified_arn": versions[-1]["FunctionArn"]}


def update_function(old, new):
    lam.update_function_configuration(
        **HELLO, Description=new["description"], Timeout=new["timeout"], MemorySize=new["memory_size"], Environment={"Variables": {}},
        TracingConfig={"Mode": new["tracing"]}, Layers=new["layers"], LoggingConfig=new["logging"])
    lam.get_waiter("function_updated_v2").wait(**HELLO, WaiterConfig=QUICK)
    lam.update_function_code(**HELLO, ZipFile=SECOND)
    lam.get_waiter("function_updated_v2").wait(**HELLO, WaiterConfig=QUICK)
    lam.delete_function_concurrency(**HELLO)
    arn = new["qualified_arn"].rsplit(":", 1)[0]
    lam.untag_resource(Resource=arn, TagKeys=list(old["tags"]))
    lam.tag_resource(Resource=arn, Tags=new["tags"])
    published = lam.publish_version(**HELLO)["Version"]
    until("the version", lambda: lam.get_function_configuration(**HELLO, Qualifier=published)["State"] == "Active")


def function(layer):
    arn = f"arn:aws:lambda:us-east-1:{account}:function:tf-hello"
    logging = {"LogFormat": "JSON", "ApplicationLogLevel": "INFO", "SystemLogLevel": "WARN", "LogGroup": "/aws/lambda/tf-hello"}

    def code(data):
        return {"code_sha256": base64.b64encode(hashlib.sha256(data).digest()).decode(), "code_size": len(data)}

    first = {"role": f"arn:aws:iam::{account}:role/tf/tf-role", "handler": "lambda_function.lambda_handler", "runtime": os.environ["RUNTIME"],
             "description": "at first", "timeout": 3, "memory_size": 128, "environment": {"WORD": "1"}, "tracing": "Active", "layers": [layer],
             "tags": {"a": "1"}, "logging": logging, "reserved": 5, "version": "1", "qualified_arn": arn + ":1", **code(FIRST)}
    second = {**first, "description": "", "timeout": 9, "memory_size": 256, "environment": None, "tracing": "PassThrough", "layers": [],
              "tags": {"b": "2"}, "logging": {**logging, "ApplicationLogLevel": "DEBUG"}, "reserved": None, "version": "2",
              "qualified_arn": arn + ":2", **code(SECOND)}

    def destroy(name):
        lam.delete_function(FunctionName=name)

    return Resource("aws_lambda_function", first, second, "tf-hello", create_function, read_function, update_function, destroy,
                    ("ResourceNotFoundException", lam.get_function, HELLO))


def layer_version():
    first = {"description": "", "license_info": "MIT", "compatible_runtimes": [os.environ["RUNTIME"]], "compatible_architectures": ["x86_64"], "version": 1}

    def create(a):
        lam.publish_layer_version(LayerName="tf-lib", Content={"ZipFile": FIRST}, Description=a["description"], LicenseInfo=a["license_info"],
                                  CompatibleRuntimes=a["compatible_runtimes"], CompatibleArchitectures=a["compatible_architectures"])

    def read(number):
        v = lam.get_layer_version(LayerName="tf-lib", VersionNumber=number)
        return {"description": v["Description"], "license_info": v["LicenseInfo"], "compatible_runtimes": v["CompatibleRuntimes"],
                "compatible_architectures": v["CompatibleArchitectures"], "version": v["Version"]}

    def nothing(old, new):
        """Layer versions do not change: a change is a new one."""

    one = {"LayerName": "tf-lib", "VersionNumber": 1}
    return Resource("aws_lambda_layer_version", first, first, 1, create, read, nothing,
                    lambda n: lam.delete_layer_version(LayerName="tf-lib", VersionNumber=n), ("ResourceNotFoundException", lam.get_layer_version, one))


def alias():
    live = {**HELLO, "Name": "live"}
    first = {"description": "", "function_version": "1", "weights": None}
    second = {"description": "changed", "function_version": "2", "weights": {"1": 0.25}}

    def read(name):
        a = lam.get_alias(**HELLO, Name=name)
        return {"description": a["Description"], "function_version": a["FunctionVersion"], "weights": a.get("RoutingConfig", {}).get("AdditionalVersionWeights")}

    return Resource("aws_lambda_alias", first, second, "live",
                    lambda a: lam.create_alias(**live, Description=a["description"], FunctionVersion=a["function_version"], RoutingConfig={}), read,
                    lambda _, a: lam.update_alias(**live, Description=a["description"], FunctionVersion=a["function_version"],
                                                  RoutingConfig={"AdditionalVersionWeights": a["weights"]}),
                    lambda name: lam.delete_alias(**HELLO, Name=name), ("ResourceNotFoundException", lam.get_alias, live))


def function_url():
    q = {**HELLO, "Qualifier": "live"}
    first = {"authorization_type": "NONE", "invoke_mode": "BUFFERED", "cors": {"AllowOrigins": ["https://example.com"], "AllowMethods": ["GET"], "MaxAge": 60}}
    second = {"authorization_type": "AWS_IAM", "invoke_mode": "RESPONSE_STREAM", "cors": None}

    def create(a):
        lam.create_function_url_config(**q, AuthType=a["authorization_type"], Cors=a["cors"], InvokeMode=a["invoke_mode"])
        public = {"StatementId": "FunctionURLAllowPublicAccess", "Action": "lambda:InvokeFunctionUrl", "Principal": "*", "FunctionUrlAuthType": "NONE"}
        lam.add_permission(**q, **public)
        e = refused("ResourceConflictException", lam.add_permission, **q, **public)
        assert "The statement id (FunctionURLAllowPublicAccess) provided already exists" in str(e), e

    def read(qualifier):
        u = lam.get_function_url_config(**HELLO, Qualifier=qualifier)
        assert u["FunctionUrl"].endswith("/") and u["FunctionArn"].endswith(":tf-hello:live")
        return {"authorization_type": u["AuthType"], "invoke_mode": u["InvokeMode"], "cors": u.get("Cors") or None}

    return Resource("aws_lambda_function_url", first, second, "live", create, read,
                    lambda _, a: lam.update_function_url_config(**q, AuthType=a["authorization_type"], Cors={}, InvokeMode=a["invoke_mode"]),
                    lambda qualifier: lam.delete_function_url_config(**HELLO, Qualifier=qualifier),
                    ("ResourceNotFoundException", lam.get_function_url_config, q))


def permission():
    """Terraform replaces permissions that change."""
    first = {"Action": "lambda:InvokeFunction", "Principal": {"Service": "events.amazonaws.com"},
             "Condition": {"ArnLike": {"AWS:SourceArn": "arn:aws:events:us-east-1:111122223333:rule/a"}}}
    second = {"Action": "lambda:InvokeFunction", "Principal": "*", "Condition": {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}}}
    sid = {**HELLO, "StatementId": "tf"}

    def create(_):
        lam.add_permission(**sid, Action="lambda:InvokeFunction", Principal="events.amazonaws.com", SourceArn="arn:aws:events:us-east-1:111122223333:rule/a")

    def read(wanted):
        statement = [s for s in json.loads(lam.get_policy(**HELLO)["Policy"])["Statement"] if s["Sid"] == wanted][0]
        assert all(isinstance(v, str) for c in statement.get("Condition", {}).values() for v in c.values()), statement
        assert isinstance(statement["Resource"], str) and isinstance(statement["Action"], str), statement
        return {k: v for k, v in statement.items() if k not in ("Sid", "Effect", "Resource")}

    def update(_, new):
        lam.remove_permission(**sid)
        refused("ResourceNotFoundException", lam.get_policy, **HELLO)
        lam.add_permission(**sid, Action="lambda:InvokeFunction", Principal="*", InvokedViaFunctionUrl=True)

    return Resource("aws_lambda_permission", first, second, "tf", create, read, update,
                    lambda s: lam.remove_permission(**HELLO, StatementId=s), ("ResourceNotFoundException", lam.get_policy, HELLO))


def event_invoke_config():
    arn = f"arn:aws:lambda:us-east-1:{account}:function:tf-target"
    first = {"age": 60, "retries": 0, "destinations": {"OnFailure": {"Destination": arn}}}
    second = {"age": 120, "retries": 1, "destinations": {"OnSuccess": {"Destination": arn}}}

    def put(a):
        lam.put_function_event_invoke_config(**HELLO, MaximumEventAgeInSeconds=a["age"], MaximumRetryAttempts=a["retries"], DestinationConfig=a["destinations"])

    def read(name):
        c = lam.get_function_event_invoke_config(FunctionName=name)
        return {"age": c["MaximumEventAgeInSeconds"], "retries": c["MaximumRetryAttempts"],
                "destinations": {k: v for k, v in c["DestinationConfig"].items() if v}}

    return Resource("aws_lambda_function_event_invoke_config", first, second, "tf-hello", put, read, lambda _, a: put(a),
                    lambda n: lam.delete_function_event_invoke_config(FunctionName=n),
                    ("ResourceNotFoundException", lam.get_function_event_invoke_config, HELLO))


def provisioned_concurrency():
    q = {**HELLO, "Qualifier": "2"}

    def put(a):
        lam.put_provisioned_concurrency_config(**q, ProvisionedConcurrentExecutions=a["executions"])
        until("provisioned concurrency", lambda: lam.get_provisioned_concurrency_config(**q)["Status"] == "READY")

    def read(qualifier):
        return {"executions": lam.get_provisioned_concurrency_config(**HELLO, Qualifier=qualifier)["RequestedProvisionedConcurrentExecutions"]}

    return Resource("aws_lambda_provisioned_concurrency_config", {"executions": 1}, {"executions": 2}, "2", put, read, lambda _, a: put(a),
                    lambda qualifier: lam.delete_provisioned_concurrency_config(**HELLO, Qualifier=qualifier),
                    ("ProvisionedConcurrencyConfigNotFoundException", lam.get_provisioned_concurrency_config, q))


def sam():
    """What a stack of AWS::Serverless::Function with FunctionUrlConfig and AutoPublishAlias comes to, twice and away."""
    name, live = {"FunctionName": "sam-hello"}, {"FunctionName": "sam-hello", "Qualifier": "live"}
    role_arn = iam.create_role(RoleName="sam-role", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    iam.attach_role_policy(RoleName="sam-role", PolicyArn=BASIC)
    made = lam.create_function(**name, Role=role_arn, Runtime=os.environ["RUNTIME"], Handler="lambda_function.lambda_handler",
                               Code={"ZipFile": FIRST}, Tags={"lambda:createdBy": "SAM"})
    lam.get_waiter("function_active_v2").wait(**name, WaiterConfig=QUICK)
    version = lam.publish_version(**name)["Version"]
    lam.create_alias(**name, Name="live", FunctionVersion=version)
    url = lam.create_function_url_config(**live, AuthType="NONE")["FunctionUrl"]
    lam.add_permission(**live, StatementId="stack-helloUrlPublicPermissions", Action="lambda:InvokeFunctionUrl", Principal="*", FunctionUrlAuthType="NONE")
    lam.add_permission(**live, StatementId="stack-helloURLInvokeAllowPublicAccess", Action="lambda:InvokeFunction", Principal="*", InvokedViaFunctionUrl=True)
    for read in ("get_function_code_signing_config", "get_function_recursion_config", "get_runtime_management_config", "get_function_concurrency"):
        getattr(lam, read)(**name)  # CloudFormation's read handler
    assert lam.list_tags(Resource=made["FunctionArn"])["Tags"] == {"lambda:createdBy": "SAM"}
    lam.update_function_code(**name, ZipFile=SECOND)
    lam.get_waiter("function_updated_v2").wait(**name, WaiterConfig=QUICK)
    lam.update_alias(**name, Name="live", FunctionVersion=lam.publish_version(**name)["Version"])
    assert lam.get_function_url_config(**live)["FunctionUrl"] == url
    assert len(json.loads(lam.get_policy(**live)["Policy"])["Statement"]) == 2
    assert json.load(lam.invoke(**live)["Payload"]) == 2
    for sid in ("stack-helloUrlPublicPermissions", "stack-helloURLInvokeAllowPublicAccess"):
        lam.remove_permission(**live, StatementId=sid)
    lam.delete_function_url_config(**live)
    lam.delete_alias(**name, Name="live")
    lam.delete_function(**name)
    refused("ResourceNotFoundException", lam.get_function, **name)
    iam.detach_role_policy(RoleName="sam-role", PolicyArn=BASIC)
    iam.delete_role(RoleName="sam-role")


user = make_user()


def main():
    layer = f"arn:aws:lambda:us-east-1:{account}:layer:tf-lib:1"
    converge([managed_policy(), role(), user, log_group(), layer_version(), function(layer), permission()])
    converge_on_function()
    sam()
    for line in failures:
        print(line, file=sys.stderr)
    sys.exit(1 if failures else 0)


def converge_on_function():
    """What needs a function with two versions."""
    iam.create_role(**ROLE, Path="/tf/", AssumeRolePolicyDocument=json.dumps(TRUST))
    iam.put_role_policy(**ROLE, PolicyName="destinations", PolicyDocument=json.dumps(policy("lambda:InvokeFunction")))
    made = lam.create_function(**HELLO, Role=f"arn:aws:iam::{account}:role/tf/tf-role", Runtime=os.environ["RUNTIME"],
                               Handler="lambda_function.lambda_handler", Code={"ZipFile": FIRST}, Publish=True)
    lam.get_waiter("function_active_v2").wait(**HELLO, WaiterConfig=QUICK)
    lam.update_function_code(**HELLO, ZipFile=SECOND, Publish=True)
    lam.get_waiter("function_updated_v2").wait(**HELLO, WaiterConfig=QUICK)
    lam.get_waiter("published_version_active").wait(**HELLO, Qualifier="2", WaiterConfig=QUICK)
    target = lam.create_function(FunctionName="tf-target", Role=made["Role"], Runtime=os.environ["RUNTIME"],
                                 Handler="lambda_function.lambda_handler", Code={"ZipFile": FIRST})
    converge([alias(), function_url(), event_invoke_config(), provisioned_concurrency()])
    assert made["Version"] == "1", made
    for name in (made["FunctionName"], target["FunctionName"]):
        lam.delete_function(FunctionName=name)
    iam.delete_role_policy(**ROLE, PolicyName="destinations")
    iam.delete_role(**ROLE)


if __name__ == "__main__":
    main()
