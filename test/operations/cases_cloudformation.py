"""The cases of CloudFormation."""

import json
import threading
import time

NEVER = {
    "LimitExceededException": "the number of stacks is not limited",
    "TokenAlreadyExistsException": "a token that was used before stands for the operation that it was used for",
}
NOT_HERE = {
    ("ExecuteChangeSet", "InsufficientCapabilitiesException"): "capabilities are asked for when the change set is made",
    ("DeleteChangeSet", "InvalidChangeSetStatus"): "there is no state in which a change set cannot be deleted",
}
PUBLIC = {}


def parameter(value, name=None):
    properties = {"Type": "String", "Value": value}
    if name:
        properties["Name"] = name
    return {"Type": "AWS::SSM::Parameter", "Properties": properties}


def body(resources, **sections):
    return json.dumps({"Resources": resources, **sections})


def role():
    trust = {"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}]}
    return {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust}}


def status(s, name, want):
    s.until("DescribeStacks", lambda a: a["Stacks"][0]["StackStatus"] == want, StackName=name)


def run(s):
    one = body({"A": parameter("1", "/cfn/a")}, Outputs={"A": {"Value": {"Ref": "A"}, "Export": {"Name": "a"}}})
    two = body({"A": parameter("2", "/cfn/a")}, Outputs={"A": {"Value": {"Ref": "A"}, "Export": {"Name": "a"}}})
    user = body({"B": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": {"Fn::ImportValue": "a"}}}})

    s.ok("ValidateTemplate", TemplateBody=one)
    s.ok("GetTemplateSummary", TemplateBody=one)
    s.no("GetTemplateSummary", "StackSetNotFoundException", StackSetName="none")
    s.ok("CreateStack", StackName="one", TemplateBody=one)
    s.no("CreateStack", "AlreadyExistsException", StackName="one", TemplateBody=one)
    for name in ("", "a/b", "my_stack", "1a", "x" * 129, "arn:aws:cloudformation:us-east-1:000000000000:stack/x/0"):
        s.no("CreateStack", "ValidationError", StackName=name, TemplateBody=one)
    s.no("CreateStack", "InsufficientCapabilitiesException", StackName="roles", TemplateBody=body({"R": role()}))
    status(s, "one", "CREATE_COMPLETE")
    s.ok("DescribeStacks", StackName="one")
    s.ok("DescribeStackEvents", StackName="one")
    s.ok("DescribeStackResource", StackName="one", LogicalResourceId="A")
    s.ok("DescribeStackResources", StackName="one")
    s.ok("ListStacks")
    s.ok("ListStackResources", StackName="one")
    s.ok("GetTemplate", StackName="one")
    s.no("GetTemplate", "ChangeSetNotFound", StackName="one", ChangeSetName="none")
    s.ok("ListExports")
    s.ok("DescribeAccountLimits")

    s.ok("UpdateStack", StackName="one", TemplateBody=two, ClientRequestToken="t")
    s.no("UpdateStack", "TokenAlreadyExistsException", StackName="one", TemplateBody=one, ClientRequestToken="t")
    status(s, "one", "UPDATE_COMPLETE")
    s.no("UpdateStack", "InsufficientCapabilitiesException", StackName="one", TemplateBody=body({"R": role()}))
    change_sets(s, one)

    s.root.create_stack(StackName="user", TemplateBody=user)
    status(s, "user", "CREATE_COMPLETE")
    s.ok("ListImports", ExportName="a")
    s.ok("SetStackPolicy", StackName="one", StackPolicyBody='{"Statement": [{"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"}]}')
    s.ok("GetStackPolicy", StackName="one")
    s.ok("UpdateTerminationProtection", StackName="one", EnableTerminationProtection=False)
    rollbacks(s)
    cancelled(s)
    s.absent("SignalResource", "ValidationError", StackName="one", LogicalResourceId="A", UniqueId="u", Status="SUCCESS")
    s.ok("DeleteStack", StackName="user")


def change_sets(s, template):
    s.ok("CreateChangeSet", StackName="one", ChangeSetName="c", TemplateBody=template)
    s.no("CreateChangeSet", "AlreadyExistsException", StackName="one", ChangeSetName="c", TemplateBody=template)
    s.no("CreateChangeSet", "InsufficientCapabilitiesException", StackName="one", ChangeSetName="d", TemplateBody=body({"R": role()}))
    s.ok("DescribeChangeSet", StackName="one", ChangeSetName="c")
    s.no("DescribeChangeSet", "ChangeSetNotFound", StackName="one", ChangeSetName="none")
    s.ok("ListChangeSets", StackName="one")
    s.no("ExecuteChangeSet", "ChangeSetNotFound", StackName="one", ChangeSetName="none")
    s.ok("ExecuteChangeSet", StackName="one", ChangeSetName="c")
    s.no("ExecuteChangeSet", "InvalidChangeSetStatus", StackName="one", ChangeSetName="c")
    status(s, "one", "UPDATE_COMPLETE")
    s.root.create_change_set(StackName="one", ChangeSetName="e", UsePreviousTemplate=True)
    s.ok("DeleteChangeSet", StackName="one", ChangeSetName="e")


def rollbacks(s):
    """A stack that could not be made and was left so, and one whose parameter somebody has put another in the place of."""
    twice = body({"A": parameter("1", "/cfn/b"), "B": {**parameter("1", "/cfn/b"), "DependsOn": "A"}})
    s.root.create_stack(StackName="left", TemplateBody=twice, OnFailure="DO_NOTHING")
    status(s, "left", "CREATE_FAILED")
    s.ok("RollbackStack", StackName="left")
    status(s, "left", "ROLLBACK_COMPLETE")

    s.root.create_stack(StackName="stuck", TemplateBody=body({"A": parameter("1", "/cfn/c")}))
    status(s, "stuck", "CREATE_COMPLETE")
    ssm = s.of("ssm")("root")
    ssm.delete_parameter(Name="/cfn/c")
    ssm.put_parameter(Name="/cfn/c", Type="StringList", Value="1")
    s.root.update_stack(StackName="stuck", TemplateBody=body({"A": parameter("2", "/cfn/c")}))
    status(s, "stuck", "UPDATE_ROLLBACK_FAILED")
    s.ok("ContinueUpdateRollback", StackName="stuck", ResourcesToSkip=["A"])
    status(s, "stuck", "UPDATE_ROLLBACK_COMPLETE")


def cancelled(s):
    """An update that takes a while is cancelled."""
    def many(value):
        return body({f"P{n}": {**parameter(value, f"/cfn/many/{n}"), **({"DependsOn": f"P{n - 1}"} if n else {})} for n in range(200)})

    s.root.create_stack(StackName="many", TemplateBody=many("1"))
    status(s, "many", "CREATE_COMPLETE")
    s.refuse_nobody("CancelUpdateStack", {"StackName": "many"})
    s.refuse_invalid("CancelUpdateStack", {"StackName": "many"})
    update = threading.Thread(target=s.clients("root").update_stack, kwargs={"StackName": "many", "TemplateBody": many("2")})
    update.start()
    got = "nothing"
    deadline = time.monotonic() + 30
    while got != "success" and time.monotonic() < deadline:
        got = s.attempt(s.root, "CancelUpdateStack", {"StackName": "many"})
    update.join()
    if got == "success":
        s.works.add("CancelUpdateStack")
    status(s, "many", "UPDATE_ROLLBACK_COMPLETE")
