"""The cases of IAM."""

import json

NEVER = {
    "ServiceFailure": "only a fault would answer it",
    "ConcurrentModification": "changes of an account wait for each other",
    "EntityTemporarilyUnmodifiable": "what is written is there at once",
    "UnmodifiableEntity": "there are no service-linked roles",
    "PolicyNotAttachable": "every policy here can be attached",
    "PolicyEvaluation": "it is AWS's word for an evaluation that broke",
    "LimitExceeded": "the quotas that a test can reach have cases: keys, groups of a user, versions, attachments, tags, inline policies",
    "NotSupportedService": "credentials of services are of none: any service's list is empty",
}
_ARN = "an ARN or a path that is none is a ValidationError, as AWS was seen to answer"
NOT_HERE = {
    ("CreateGroup", "NoSuchEntity"): "a group is created in nothing that could be missing",
    ("UpdateAccessKey", "InvalidInput"): "a status that is none violates the model: ValidationError",
    ("CreateAccountAlias", "EntityAlreadyExists"): "aliases lead nowhere here: accounts may have the same",
    **{(name, "InvalidInput"): _ARN for name in (
        "AttachGroupPolicy", "AttachRolePolicy", "AttachUserPolicy", "CreatePolicyVersion", "DeletePolicy", "DeletePolicyVersion",
        "DetachGroupPolicy", "DetachRolePolicy", "DetachUserPolicy", "GetPolicy", "GetPolicyVersion", "ListAttachedGroupPolicies",
        "ListAttachedRolePolicies", "ListAttachedUserPolicies", "ListEntitiesForPolicy", "ListPolicyTags", "ListPolicyVersions",
        "PutRolePermissionsBoundary", "PutUserPermissionsBoundary", "SetDefaultPolicyVersion", "UntagPolicy")},
}
PUBLIC = {}
TRUST = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]})
POLICY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*"}]})
READ = "arn:aws:iam::aws:policy/AWSLambda_ReadOnlyAccess"
NONE = "arn:aws:iam::aws:policy/Nothing"
TWICE = [{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}]  # one key: case does not matter
ABSENT, MALFORMED, LIMIT, CONFLICT, EXISTS = "NoSuchEntity", "MalformedPolicyDocument", "LimitExceeded", "DeleteConflict", "EntityAlreadyExists"


def run(s):
    Cases(s).run()


class Cases:
    def __init__(self, s):
        self.s = s
        self.account = s.of("sts")("root").get_caller_identity()["Account"]

    def run(self):
        self.managed()
        self.users()
        self.keys()
        self.groups()
        self.roles()
        for kind in ("User", "Group", "Role"):
            self.policies_of(kind)
        self.boundaries()
        self.simulations()
        self.account_wide()
        self.nobody_has()
        self.deletions()

    def managed(self):
        s = self.s
        arn = f"arn:aws:iam::{self.account}:policy/own"
        self.own = arn
        s.ok("CreatePolicy", PolicyName="own", PolicyDocument=POLICY)
        s.no("CreatePolicy", EXISTS, PolicyName="own", PolicyDocument=POLICY)
        s.no("CreatePolicy", MALFORMED, PolicyName="x", PolicyDocument="{}")
        s.ok("CreatePolicyVersion", PolicyArn=arn, PolicyDocument=POLICY)
        s.no("CreatePolicyVersion", MALFORMED, PolicyArn=arn, PolicyDocument="{}")
        for _ in range(3):
            s.ok("CreatePolicyVersion", PolicyArn=arn, PolicyDocument=POLICY)
        s.no("CreatePolicyVersion", LIMIT, PolicyArn=arn, PolicyDocument=POLICY)
        s.ok("ListPolicies", Scope="Local")
        s.no("CreatePolicy", "InvalidInput", PolicyName="x", PolicyDocument=POLICY, Tags=TWICE)
        s.no("TagPolicy", "InvalidInput", PolicyArn=arn, Tags=TWICE)
        s.ok("SetDefaultPolicyVersion", PolicyArn=arn, VersionId="v2")
        s.no("SetDefaultPolicyVersion", ABSENT, PolicyArn=arn, VersionId="v9")
        s.ok("GetPolicyVersion", PolicyArn=arn, VersionId="v1")
        s.no("GetPolicyVersion", ABSENT, PolicyArn=arn, VersionId="v9")
        s.no("DeletePolicyVersion", CONFLICT, PolicyArn=arn, VersionId="v2")
        s.ok("DeletePolicyVersion", PolicyArn=arn, VersionId="v1")
        s.no("DeletePolicyVersion", ABSENT, PolicyArn=arn, VersionId="v1")
        for operation, more in (("GetPolicy", {}), ("ListPolicyVersions", {}), ("ListEntitiesForPolicy", {}), ("ListPolicyTags", {}),
                                ("TagPolicy", {"Tags": [{"Key": "a", "Value": "1"}]}), ("UntagPolicy", {"TagKeys": ["a"]})):
            s.ok(operation, PolicyArn=arn, **more)
            s.no(operation, ABSENT, PolicyArn=arn + "none", **more)
        s.no("CreatePolicyVersion", ABSENT, PolicyArn=arn + "none", PolicyDocument=POLICY)

    def users(self):
        s, u = self.s, {"UserName": "u"}
        s.ok("CreateUser", **u)
        s.no("CreateUser", EXISTS, **u)
        s.no("CreateUser", ABSENT, UserName="x", PermissionsBoundary=self.own + "none")
        s.no("CreateUser", "InvalidInput", UserName="x", Tags=TWICE)
        s.no("TagUser", "InvalidInput", **u, Tags=TWICE)
        s.ok("ListUsers")
        s.ok("GetUser", **u)
        s.ok("UpdateUser", **u, NewPath="/x/")
        s.no("UpdateUser", EXISTS, **u, NewUserName="nobody")
        s.ok("TagUser", **u, Tags=[{"Key": "a", "Value": "1"}])
        s.ok("ListUserTags", **u)
        s.ok("UntagUser", **u, TagKeys=["a"])
        for operation, more in (("GetUser", {}), ("UpdateUser", {}), ("DeleteUser", {}), ("TagUser", {"Tags": [{"Key": "a", "Value": "1"}]}),
                                ("ListUserTags", {}), ("UntagUser", {"TagKeys": ["a"]})):
            s.no(operation, ABSENT, UserName="none", **more)
        tags = [{"Key": f"k{n}", "Value": ""} for n in range(30)]
        s.ok("TagUser", **u, Tags=tags)
        s.no("TagUser", LIMIT, **u, Tags=[{"Key": "l" + t["Key"], "Value": ""} for t in tags])

    def keys(self):
        s, u = self.s, {"UserName": "u"}
        key = s.ok("CreateAccessKey", **u)["AccessKey"]["AccessKeyId"]
        s.ok("CreateAccessKey", **u)
        s.no("CreateAccessKey", LIMIT, **u)
        s.no("CreateAccessKey", ABSENT, UserName="none")
        s.ok("ListAccessKeys", **u)
        s.no("ListAccessKeys", ABSENT, UserName="none")
        s.ok("GetAccessKeyLastUsed", AccessKeyId=key)
        s.no("DeleteUser", CONFLICT, **u)
        s.ok("UpdateAccessKey", **u, AccessKeyId=key, Status="Inactive")
        s.no("UpdateAccessKey", ABSENT, **u, AccessKeyId="AKIAUNKNOWNUNKNOWNUN", Status="Inactive")
        s.ok("DeleteAccessKey", **u, AccessKeyId=key)
        s.no("DeleteAccessKey", ABSENT, **u, AccessKeyId=key)

    def groups(self):
        s, g, u = self.s, {"GroupName": "g"}, {"UserName": "u"}
        s.ok("CreateGroup", **g)
        s.no("CreateGroup", EXISTS, **g)
        s.ok("CreateGroup", GroupName="other")
        s.ok("GetGroup", **g)
        s.ok("ListGroups")
        s.ok("UpdateGroup", **g, NewPath="/x/")
        s.no("UpdateGroup", EXISTS, **g, NewGroupName="other")
        s.ok("AddUserToGroup", **g, **u)
        s.no("AddUserToGroup", ABSENT, **g, UserName="none")
        for n in range(9):
            s.ok("CreateGroup", GroupName=f"g{n}")
            s.ok("AddUserToGroup", GroupName=f"g{n}", **u)
        s.no("AddUserToGroup", LIMIT, GroupName="other", **u)
        s.ok("ListGroupsForUser", **u)
        s.no("ListGroupsForUser", ABSENT, UserName="none")
        s.no("DeleteGroup", CONFLICT, **g)
        for n in range(9):
            s.ok("RemoveUserFromGroup", GroupName=f"g{n}", **u)
        s.ok("RemoveUserFromGroup", **g, **u)
        s.no("RemoveUserFromGroup", ABSENT, GroupName="none", **u)
        for operation in ("GetGroup", "UpdateGroup", "DeleteGroup"):
            s.no(operation, ABSENT, GroupName="none")

    def roles(self):
        s, r = self.s, {"RoleName": "r"}
        s.ok("CreateRole", **r, AssumeRolePolicyDocument=TRUST)
        s.no("CreateRole", EXISTS, **r, AssumeRolePolicyDocument=TRUST)
        s.no("CreateRole", MALFORMED, RoleName="x", AssumeRolePolicyDocument="{}")
        s.no("CreateRole", "InvalidInput", RoleName="x", AssumeRolePolicyDocument=TRUST, Tags=TWICE)
        s.no("TagRole", "InvalidInput", **r, Tags=TWICE)
        s.ok("ListRoles")
        s.no("UpdateAssumeRolePolicy", MALFORMED, **r, PolicyDocument="{}")
        for operation, more in (("GetRole", {}), ("UpdateRole", {"MaxSessionDuration": 7200}), ("UpdateRoleDescription", {"Description": "x"}),
                                ("UpdateAssumeRolePolicy", {"PolicyDocument": TRUST}), ("TagRole", {"Tags": [{"Key": "a", "Value": "1"}]}),
                                ("ListRoleTags", {}), ("UntagRole", {"TagKeys": ["a"]}), ("ListInstanceProfilesForRole", {})):
            s.ok(operation, **r, **more)
            s.no(operation, ABSENT, RoleName="none", **more)

    def policies_of(self, kind):
        """Inline and attached policies, which users, groups and roles have alike."""
        s, one, none = self.s, {kind + "Name": kind[0].lower()}, {kind + "Name": "none"}
        inline = {"PolicyName": "p"}
        s.ok(f"Put{kind}Policy", **one, **inline, PolicyDocument=POLICY)
        s.no(f"Put{kind}Policy", ABSENT, **none, **inline, PolicyDocument=POLICY)
        s.no(f"Put{kind}Policy", MALFORMED, **one, **inline, PolicyDocument="{}")
        room = {"User": 2048, "Group": 5120, "Role": 10240}[kind]
        large = json.loads(POLICY)
        large["Statement"][0]["Resource"] = [f"arn:aws:lambda:us-east-1:111122223333:function:{n:0100d}" for n in range(room // 100)]
        s.no(f"Put{kind}Policy", LIMIT, **one, PolicyName="large", PolicyDocument=json.dumps(large))
        s.ok(f"Get{kind}Policy", **one, **inline)
        s.no(f"Get{kind}Policy", ABSENT, **one, PolicyName="none")
        list_inline = f"List{kind}Policies"
        s.ok(list_inline, **one)
        s.no(list_inline, ABSENT, **none)
        s.no(f"Delete{kind}", CONFLICT, **one)
        s.ok(f"Delete{kind}Policy", **one, **inline)
        s.no(f"Delete{kind}Policy", ABSENT, **one, **inline)

        s.ok(f"Attach{kind}Policy", **one, PolicyArn=READ)
        s.no(f"Attach{kind}Policy", ABSENT, **one, PolicyArn=NONE)
        for n in range(9):
            arn = f"arn:aws:iam::{self.account}:policy/many{n}"
            if kind == "User":
                s.ok("CreatePolicy", PolicyName=f"many{n}", PolicyDocument=POLICY)
            s.ok(f"Attach{kind}Policy", **one, PolicyArn=arn)
        s.no(f"Attach{kind}Policy", LIMIT, **one, PolicyArn=self.own)
        s.ok(f"ListAttached{kind}Policies", **one)
        s.no(f"ListAttached{kind}Policies", ABSENT, **none)
        s.no("DeletePolicy", CONFLICT, PolicyArn=arn)
        s.ok(f"Detach{kind}Policy", **one, PolicyArn=READ)
        s.no(f"Detach{kind}Policy", ABSENT, **one, PolicyArn=READ)
        for n in range(9):
            s.ok(f"Detach{kind}Policy", **one, PolicyArn=f"arn:aws:iam::{self.account}:policy/many{n}")

    def boundaries(self):
        s = self.s
        for kind in ("User", "Role"):
            one, none = {kind + "Name": kind[0].lower()}, {kind + "Name": "none"}
            put, delete = f"Put{kind}PermissionsBoundary", f"Delete{kind}PermissionsBoundary"
            s.ok(put, **one, PermissionsBoundary=READ)
            s.no(put, ABSENT, **none, PermissionsBoundary=READ)
            s.ok(delete, **one)
            s.no(delete, ABSENT, **none)

    def simulations(self):
        s = self.s
        user = s.root.get_user(UserName="u")["User"]["Arn"]
        ask = {"ActionNames": ["lambda:InvokeFunction"]}
        s.ok("SimulatePrincipalPolicy", PolicySourceArn=user, **ask)
        s.no("SimulatePrincipalPolicy", ABSENT, PolicySourceArn=user + "none", **ask)
        s.no("SimulatePrincipalPolicy", "InvalidInput", PolicySourceArn=user, PolicyInputList=["{}"], **ask)
        s.ok("SimulateCustomPolicy", PolicyInputList=[POLICY], **ask)
        s.no("SimulateCustomPolicy", "InvalidInput", PolicyInputList=["{}"], **ask)
        s.ok("GetContextKeysForPrincipalPolicy", PolicySourceArn=user)
        s.no("GetContextKeysForPrincipalPolicy", ABSENT, PolicySourceArn=user + "none")
        s.no("GetContextKeysForPrincipalPolicy", "InvalidInput", PolicySourceArn=user, PolicyInputList=["{}"])
        s.ok("GetContextKeysForCustomPolicy", PolicyInputList=[POLICY])
        s.no("GetContextKeysForCustomPolicy", "InvalidInput", PolicyInputList=["{}"])

    def account_wide(self):
        s = self.s
        s.ok("GetAccountSummary")
        s.ok("GetAccountAuthorizationDetails")
        s.ok("CreateAccountAlias", AccountAlias="some-alias")
        s.ok("ListAccountAliases")
        s.no("DeleteAccountAlias", ABSENT, AccountAlias="none-of-it")
        s.ok("DeleteAccountAlias", AccountAlias="some-alias")

    def nobody_has(self):
        s, u = self.s, {"UserName": "u"}
        s.absent("GetAccountPasswordPolicy", ABSENT)
        s.absent("GetInstanceProfile", ABSENT, InstanceProfileName="x")
        s.ok("ListInstanceProfiles")
        s.ok("ListVirtualMFADevices")
        s.absent("GetLoginProfile", ABSENT, **u)
        s.absent("DeleteLoginProfile", ABSENT, **u)
        for operation in ("ListMFADevices", "ListSSHPublicKeys", "ListSigningCertificates", "ListServiceSpecificCredentials"):
            s.ok(operation, **u)
            s.no(operation, ABSENT, UserName="none")

    def deletions(self):
        s = self.s
        s.ok("DeleteGroup", GroupName="other")
        s.ok("DeleteRole", RoleName="r")
        s.no("DeleteRole", ABSENT, RoleName="r")
        s.ok("CreateUser", UserName="gone")
        s.ok("DeleteUser", UserName="gone")
        s.ok("CreatePolicy", PolicyName="gone", PolicyDocument=POLICY)
        s.ok("DeletePolicy", PolicyArn=f"arn:aws:iam::{self.account}:policy/gone")
        s.no("DeletePolicy", ABSENT, PolicyArn=f"arn:aws:iam::{self.account}:policy/gone")
