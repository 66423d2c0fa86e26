"""The cases of Lambda."""

import io
import json
import os
import zipfile

_OTHER_COMPUTE = "there are no networks, file systems and keys of AWS's that functions could be attached to"
_SIGNING = "there are no code signing configurations"
_SNAPSTART = "functions are started, not restored from snapshots"
NEVER = {
    "ServiceException": "only a fault would answer it",
    "TooManyRequestsException": "the control plane does not throttle; Invoke has its case",
    "InvalidCodeSignatureException": _SIGNING,
    "CodeVerificationFailedException": _SIGNING,
    "CodeSigningConfigNotFoundException": _SIGNING,
    "CodeStorageExceededException": "the quota is as on AWS, 75 GB of code",
    "FunctionVersionsPerCapacityProviderLimitExceededException": "there are no capacity providers",
    "CodeArtifactUserDeletedException": _OTHER_COMPUTE,
    "CodeArtifactUserFailedException": _OTHER_COMPUTE,
    "CodeArtifactUserPendingException": _OTHER_COMPUTE,
    "DurableExecutionAlreadyStartedException": "durable functions are refused",
    "InvalidRuntimeException": "a runtime that no interpreter is here for is an error of the function",
    "InvalidSecurityGroupIDException": _OTHER_COMPUTE,
    "InvalidSubnetIDException": _OTHER_COMPUTE,
    "InvalidZipFileException": "packages are checked when they are uploaded",
    "ModeNotSupportedException": "it belongs to durable functions and managed instances",
    "NoPublishedVersionException": "it belongs to managed instances",
    "PublicPolicyException": "accounts have no setting that blocks public policies",
    "RecursiveInvocationException": "recursion is not counted",
    "ResourceNotReadyException": "it is what AWS says of functions that wait for a network interface",
    "RuntimeAliasDeletedException": "runtimes are not versioned",
    "RuntimeVersionDeletedException": "runtimes are not versioned",
    "SerializedRequestEntityTooLargeException": "requests are not packed into others",
    "ServiceQuotaExceededException": "it belongs to managed instances",
    "SnapStartException": _SNAPSTART,
    "SnapStartNotReadyException": _SNAPSTART,
    "SnapStartRegenerationFailureException": _SNAPSTART,
    "SnapStartTimeoutException": _SNAPSTART,
    "UnsupportedMediaTypeException": "the content type of an event is not looked at, as on AWS",
    "AliasLimitExceededException": "the number of aliases is not limited",
    **{name: _OTHER_COMPUTE for name in (
        "EC2AccessDeniedException", "EC2ThrottledException", "EC2UnexpectedException", "EFSIOException", "EFSMountConnectivityException",
        "EFSMountFailureException", "EFSMountTimeoutException", "ENILimitReachedException", "ENINotReadyException", "KMSAccessDeniedException",
        "KMSDisabledException", "KMSInvalidStateException", "KMSNotFoundException", "S3FilesMountConnectivityException",
        "S3FilesMountFailureException", "S3FilesMountTimeoutException", "SubnetIPAddressLimitReachedException")},
}
_PARTS = "there is one at most, and putting it again replaces it"
_TURN = "changes wait for each other"
_MODEL = "what would be wrong violates the model: ValidationException"
NOT_HERE = {
    ("CreateFunction", "ResourceNotFoundException"): "what it names is refused as InvalidParameterValueException",
    ("DeleteAlias", "ResourceNotFoundException"): "deleting what is not there succeeds, as on AWS",
    ("DeleteLayerVersion", "ResourceNotFoundException"): "deleting what is not there succeeds, as on AWS",
    ("GetFunctionCodeSigningConfig", "InvalidParameterValueException"): _MODEL,
    ("GetFunctionRecursionConfig", "InvalidParameterValueException"): _MODEL,
    ("PutFunctionRecursionConfig", "InvalidParameterValueException"): _MODEL,
    ("GetLayerVersionByArn", "InvalidParameterValueException"): _MODEL,
    ("GetResourcePolicy", "InvalidParameterValueException"): _MODEL,
    ("DeleteResourcePolicy", "InvalidParameterValueException"): _MODEL,
    ("ListLayerVersions", "ResourceNotFoundException"): "a layer that was never published has no versions",
    ("PublishLayerVersion", "ResourceNotFoundException"): "it names nothing that could be missing",
    ("Invoke", "RequestTooLargeException"): "AWS documents this name and answers RequestEntityTooLargeException, as furl does",
    ("InvokeWithResponseStream", "RequestTooLargeException"): "AWS documents this name and answers RequestEntityTooLargeException, as furl does",
    ("PutResourcePolicy", "PolicyLengthExceededException"): "a document that is longer than 20 KB violates the model: ValidationException",
    ("AddLayerVersionPermission", "PolicyLengthExceededException"): "its statements are short, and their ids limited before the policy is",
    **{(name, "ResourceConflictException"): _PARTS for name in (
        "PutFunctionConcurrency", "PutFunctionEventInvokeConfig", "PutFunctionRecursionConfig", "PutProvisionedConcurrencyConfig",
        "PutResourcePolicy", "PutRuntimeManagementConfig", "TagResource")},
    **{(name, "ResourceConflictException"): _TURN for name in (
        "DeleteAlias", "DeleteFunctionConcurrency", "DeleteFunctionEventInvokeConfig", "DeleteFunctionUrlConfig",
        "DeleteProvisionedConcurrencyConfig", "DeleteResourcePolicy", "Invoke", "InvokeAsync", "InvokeWithResponseStream",
        "RemoveLayerVersionPermission", "UntagResource", "UpdateAlias", "UpdateFunctionEventInvokeConfig", "UpdateFunctionUrlConfig")},
}
PUBLIC = {}


def package(text="def lambda_handler(event, context):\n    return event\n", name="lambda_function.py"):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        z.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), text)
    return out.getvalue()


def run(s):
    Cases(s).run()


class Cases:
    def __init__(self, s):
        self.s = s
        trust = {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
        self.role = s.of("iam")("root").create_role(RoleName="function", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        self.base = {"Role": self.role, "Runtime": os.environ["RUNTIME"], "Handler": "lambda_function.lambda_handler", "Code": {"ZipFile": package()}}
        self.account = self.role.split(":")[4]
        self.f = {"FunctionName": "f"}
        self.none = {"FunctionName": "none"}
        self.torn = {"FunctionName": "f:1", "Qualifier": "2"}  # two qualifiers

    def arn(self, name):
        return f"arn:aws:lambda:us-east-1:{self.account}:function:{name}"

    def updated(self, name="f"):
        self.s.root.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.05, "MaxAttempts": 600})

    def gone(self, operation, **params):
        self.s.no(operation, "ResourceNotFoundException", **{**self.none, **params})

    def invalid(self, operation, **params):
        self.s.no(operation, "InvalidParameterValueException", **params)

    def conflict(self, operation, **params):
        self.s.no(operation, "ResourceConflictException", **params)

    def busy(self, operation, **params):
        """A conflict with an update that goes on."""
        def begin():
            self.updated()
            self.s.root.update_function_configuration(**self.f, Description="busy")

        self.s.busy(begin, operation, "ResourceConflictException", **self.f, **params)
        self.updated()

    def stale(self, operation, **params):
        self.s.no(operation, "PreconditionFailedException", **params, RevisionId="00000000-0000-0000-0000-000000000000")

    def run(self):
        self.functions()
        self.versions()
        self.tags()
        self.urls()
        self.permissions()
        self.settings()
        self.layers()
        self.events()
        self.invocations()
        self.provisioned()
        self.policies()
        self.deletions()

    def functions(self):
        s, f = self.s, self.f
        s.ok("CreateFunction", **f, **self.base)
        self.conflict("CreateFunction", **f, **self.base)
        self.invalid("CreateFunction", **{**f, **self.base, "Role": self.role + "none"})
        s.root.get_waiter("function_active_v2").wait(**f, WaiterConfig={"Delay": 0.05, "MaxAttempts": 600})
        for operation in ("GetFunction", "GetFunctionConfiguration"):
            s.ok(operation, **f)
            self.gone(operation)
            self.invalid(operation, **self.torn)
        s.ok("ListFunctions")
        self.invalid("ListFunctions", Marker="x")
        s.ok("UpdateFunctionCode", **f, ZipFile=package("def lambda_handler(event, context):\n    return 2\n"))
        self.updated()
        self.busy("UpdateFunctionCode", ZipFile=package())
        self.gone("UpdateFunctionCode", ZipFile=package())
        self.invalid("UpdateFunctionCode", **f, ZipFile=b"no zip")
        self.stale("UpdateFunctionCode", **f, ZipFile=package())
        s.ok("UpdateFunctionConfiguration", **f, Description="second")
        self.updated()
        self.busy("UpdateFunctionConfiguration", Description="second")
        self.gone("UpdateFunctionConfiguration")
        self.invalid("UpdateFunctionConfiguration", **f, Role=self.role + "none")
        self.stale("UpdateFunctionConfiguration", **f, Description="third")
        s.ok("GetAccountSettings")
        s.ok("GetFunctionCodeSigningConfig", **f)
        self.gone("GetFunctionCodeSigningConfig")

    def versions(self):
        s, f = self.s, self.f
        s.ok("PublishVersion", **f)
        self.gone("PublishVersion")
        self.stale("PublishVersion", **f)
        self.invalid("PublishVersion", **f, CodeSha256="0")
        self.busy("PublishVersion")
        s.ok("UpdateFunctionConfiguration", **f, Description="third")
        self.updated()
        s.ok("PublishVersion", **f)
        s.ok("ListVersionsByFunction", **f)
        self.gone("ListVersionsByFunction")
        self.invalid("ListVersionsByFunction", **f, Marker="x")
        live = {**f, "Name": "live"}
        s.ok("CreateAlias", **live, FunctionVersion="1")
        self.conflict("CreateAlias", **live, FunctionVersion="1")
        self.gone("CreateAlias", Name="live", FunctionVersion="1")
        self.invalid("CreateAlias", **f, Name="x", FunctionVersion="1", RoutingConfig={"AdditionalVersionWeights": {"1": 0.5}})
        s.ok("GetAlias", **live)
        self.gone("GetAlias", Name="live")
        self.invalid("GetAlias", FunctionName="f:1", Name="live")
        s.ok("UpdateAlias", **live, Description="x")
        self.gone("UpdateAlias", Name="live")
        self.stale("UpdateAlias", **live)
        self.invalid("UpdateAlias", **live, RoutingConfig={"AdditionalVersionWeights": {"1": 0.5}})
        s.ok("ListAliases", **f)
        self.gone("ListAliases")
        self.invalid("ListAliases", **f, Marker="x")

    def tags(self):
        s, arn, none = self.s, self.arn("f"), self.arn("none")
        s.ok("TagResource", Resource=arn, Tags={"a": "1"})
        s.no("TagResource", "ResourceNotFoundException", Resource=none, Tags={"a": "1"})
        self.invalid("TagResource", Resource=arn + ":1", Tags={"a": "1"})
        s.ok("ListTags", Resource=arn)
        s.no("ListTags", "ResourceNotFoundException", Resource=none)
        self.invalid("ListTags", Resource=arn + ":1")
        s.ok("UntagResource", Resource=arn, TagKeys=["a"])
        s.no("UntagResource", "ResourceNotFoundException", Resource=none, TagKeys=["a"])
        self.invalid("UntagResource", Resource=arn + ":1", TagKeys=["a"])

    def urls(self):
        s, f = self.s, self.f
        s.ok("CreateFunctionUrlConfig", **f, AuthType="NONE")
        self.conflict("CreateFunctionUrlConfig", **f, AuthType="NONE")
        self.gone("CreateFunctionUrlConfig", AuthType="NONE")
        for operation, more in (("CreateFunctionUrlConfig", {"AuthType": "NONE"}), ("GetFunctionUrlConfig", {}), ("UpdateFunctionUrlConfig", {})):
            self.invalid(operation, FunctionName="f:live", Qualifier="other", **more)
        for operation in ("GetFunctionUrlConfig", "UpdateFunctionUrlConfig", "ListFunctionUrlConfigs"):
            s.ok(operation, **f)
            self.gone(operation)
        self.invalid("ListFunctionUrlConfigs", **f, Marker="x")
        self.invalid("DeleteFunctionUrlConfig", FunctionName="f:live", Qualifier="other")
        s.ok("DeleteFunctionUrlConfig", **f)
        self.gone("DeleteFunctionUrlConfig", **f)

    def permissions(self):
        s, f = self.s, self.f
        self.gone("GetPolicy", **f)
        one = {"StatementId": "one", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"}
        s.ok("AddPermission", **f, **one)
        self.conflict("AddPermission", **f, **one)
        self.gone("AddPermission", **one)
        self.invalid("AddPermission", **f, **{**one, "StatementId": "two", "Principal": "nobody"})
        self.stale("AddPermission", **f, **{**one, "StatementId": "two"})
        s.ok("GetPolicy", **f)
        self.invalid("GetPolicy", **self.torn)
        long = "arn:aws:s3:::" + "x" * 1900
        for n in range(9):
            s.ok("AddPermission", **f, **{**one, "StatementId": f"long{n}", "SourceArn": long})
        s.no("AddPermission", "PolicyLengthExceededException", **f, **{**one, "StatementId": "last", "SourceArn": long})
        self.gone("RemovePermission", StatementId="one")
        self.stale("RemovePermission", **f, StatementId="one")
        self.invalid("RemovePermission", **self.torn, StatementId="one")
        s.ok("RemovePermission", **f, StatementId="one")

    def settings(self):
        s, f = self.s, self.f
        s.ok("PutFunctionConcurrency", **f, ReservedConcurrentExecutions=5)
        self.gone("PutFunctionConcurrency", ReservedConcurrentExecutions=5)
        self.invalid("PutFunctionConcurrency", **f, ReservedConcurrentExecutions=100000)
        for operation in ("GetFunctionConcurrency", "DeleteFunctionConcurrency"):
            s.ok(operation, **f)
            self.gone(operation)
            self.invalid(operation, FunctionName="f:1")
        s.ok("PutRuntimeManagementConfig", **f, UpdateRuntimeOn="Auto")
        self.gone("PutRuntimeManagementConfig", UpdateRuntimeOn="Auto")
        self.invalid("PutRuntimeManagementConfig", **f, UpdateRuntimeOn="Manual")
        s.ok("GetRuntimeManagementConfig", **f)
        self.gone("GetRuntimeManagementConfig")
        self.invalid("GetRuntimeManagementConfig", **self.torn)
        s.ok("PutFunctionRecursionConfig", **f, RecursiveLoop="Allow")
        self.gone("PutFunctionRecursionConfig", RecursiveLoop="Allow")
        s.ok("GetFunctionRecursionConfig", **f)
        self.gone("GetFunctionRecursionConfig")

    def layers(self):
        s = self.s
        lib, none = {"LayerName": "lib", "VersionNumber": 1}, {"LayerName": "none", "VersionNumber": 1}
        arn = f"arn:aws:lambda:us-east-1:{self.account}:layer:lib:1"
        absent = "ResourceNotFoundException"
        s.ok("PublishLayerVersion", LayerName="lib", Content={"ZipFile": package(name="python/lib.py")})
        self.invalid("PublishLayerVersion", LayerName="lib", Content={"ZipFile": b"no zip"})
        s.ok("GetLayerVersion", **lib)
        s.no("GetLayerVersion", absent, **none)
        self.invalid("GetLayerVersion", LayerName="lib", VersionNumber=0)
        s.ok("GetLayerVersionByArn", Arn=arn)
        s.no("GetLayerVersionByArn", absent, Arn=arn + "1")
        s.ok("ListLayerVersions", LayerName="lib")
        self.invalid("ListLayerVersions", LayerName="lib", Marker="x")
        s.ok("ListLayers")
        self.invalid("ListLayers", Marker="x")
        share = {"StatementId": "all", "Action": "lambda:GetLayerVersion", "Principal": "*"}
        s.ok("AddLayerVersionPermission", **lib, **share)
        self.conflict("AddLayerVersionPermission", **lib, **share)
        s.no("AddLayerVersionPermission", absent, **none, **share)
        self.stale("AddLayerVersionPermission", **lib, **{**share, "StatementId": "b"})
        self.invalid("AddLayerVersionPermission", LayerName="lib", VersionNumber=0, **share)
        s.ok("GetLayerVersionPolicy", **lib)
        s.no("GetLayerVersionPolicy", absent, **none)
        self.invalid("GetLayerVersionPolicy", LayerName="lib", VersionNumber=0)
        s.no("RemoveLayerVersionPermission", absent, **lib, StatementId="none")
        self.stale("RemoveLayerVersionPermission", **lib, StatementId="all")
        self.invalid("RemoveLayerVersionPermission", LayerName="lib", VersionNumber=0, StatementId="all")
        s.ok("RemoveLayerVersionPermission", **lib, StatementId="all")
        s.ok("DeleteLayerVersion", **lib)
        self.invalid("DeleteLayerVersion", LayerName="lib", VersionNumber=0)

    def events(self):
        s, f = self.s, self.f
        for operation in ("PutFunctionEventInvokeConfig", "UpdateFunctionEventInvokeConfig"):
            s.ok(operation, **f, MaximumRetryAttempts=1)
            self.gone(operation, MaximumRetryAttempts=1)
            self.invalid(operation, **f, DestinationConfig={"OnFailure": {"Destination": "arn:aws:sqs:us-east-1:111122223333:queue"}})
        s.ok("ListFunctionEventInvokeConfigs", **f)
        self.gone("ListFunctionEventInvokeConfigs")
        self.invalid("ListFunctionEventInvokeConfigs", **f, Marker="x")
        for operation in ("GetFunctionEventInvokeConfig", "DeleteFunctionEventInvokeConfig"):
            s.ok(operation, **f)
            self.gone(operation)
            self.invalid(operation, **self.torn)

    def invocations(self):
        s, f = self.s, self.f
        for operation in ("Invoke", "InvokeWithResponseStream"):
            s.ok(operation, **f, Payload=b'{"a": 1}')
            self.gone(operation)
            s.no(operation, "InvalidRequestContentException", **f, Payload=b"{")
            s.no(operation, "RequestEntityTooLargeException", **f, Payload=b'"' + b"x" * (6 << 20) + b'"')
            self.invalid(operation, **self.torn)
        s.ok("InvokeAsync", **f, InvokeArgs=b"{}")
        self.gone("InvokeAsync", InvokeArgs=b"{}")
        s.no("InvokeAsync", "InvalidRequestContentException", **f, InvokeArgs=b"{")
        s.ok("PutFunctionConcurrency", **f, ReservedConcurrentExecutions=0)
        for operation in ("Invoke", "InvokeWithResponseStream"):
            s.no(operation, "TooManyRequestsException", **f)
        s.ok("DeleteFunctionConcurrency", **f)

    def provisioned(self):
        s, q = self.s, {**self.f, "Qualifier": "live"}
        s.no("GetProvisionedConcurrencyConfig", "ProvisionedConcurrencyConfigNotFoundException", **q)
        s.ok("PutProvisionedConcurrencyConfig", **q, ProvisionedConcurrentExecutions=1)
        self.gone("PutProvisionedConcurrencyConfig", Qualifier="live", ProvisionedConcurrentExecutions=1)
        self.invalid("PutProvisionedConcurrencyConfig", **self.f, Qualifier="$LATEST", ProvisionedConcurrentExecutions=1)
        s.ok("GetProvisionedConcurrencyConfig", **q)
        self.gone("GetProvisionedConcurrencyConfig", Qualifier="live")
        self.invalid("GetProvisionedConcurrencyConfig", **self.f, Qualifier="$LATEST")
        s.ok("ListProvisionedConcurrencyConfigs", **self.f)
        self.gone("ListProvisionedConcurrencyConfigs")
        self.invalid("ListProvisionedConcurrencyConfigs", **self.f, Marker="x")
        s.until("GetProvisionedConcurrencyConfig", lambda a: a["Status"] == "READY", **q)
        self.invalid("DeleteProvisionedConcurrencyConfig", **self.f, Qualifier="$LATEST")
        s.ok("DeleteProvisionedConcurrencyConfig", **q)
        self.gone("DeleteProvisionedConcurrencyConfig", Qualifier="live")

    def policies(self):
        s, arn, none = self.s, self.arn("f"), self.arn("none")
        absent = "ResourceNotFoundException"
        policy = json.dumps({"Version": "2012-10-17", "Statement": [{
            "Sid": "one", "Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "lambda:InvokeFunction", "Resource": arn}]})
        s.ok("PutResourcePolicy", ResourceArn=arn, Policy=policy)
        s.no("PutResourcePolicy", absent, ResourceArn=none, Policy=policy)
        self.invalid("PutResourcePolicy", ResourceArn=arn, Policy='{"Version":"2012-10-17"}')
        self.stale("PutResourcePolicy", ResourceArn=arn, Policy=policy)
        s.ok("GetResourcePolicy", ResourceArn=arn)
        s.no("GetResourcePolicy", absent, ResourceArn=none)
        self.stale("DeleteResourcePolicy", ResourceArn=arn)
        s.ok("DeleteResourcePolicy", ResourceArn=arn)
        s.no("DeleteResourcePolicy", absent, ResourceArn=none)

    def deletions(self):
        s, f = self.s, self.f
        self.invalid("DeleteAlias", FunctionName="f:1", Name="live")
        self.conflict("DeleteFunction", FunctionName="f:1")
        s.ok("DeleteAlias", **f, Name="live")
        self.invalid("DeleteFunction", **f, Qualifier="$LATEST")
        s.ok("DeleteFunction", **f)
        self.gone("DeleteFunction", **f)
