"""The cases of STS. The tests' OIDC issuer and its token come from the environment."""

import json
import os

NEVER = {
    "RegionDisabledException": "every region is enabled",
    "IDPCommunicationError": "keys that cannot be fetched are InvalidIdentityToken, as AWS says it of a provider without keys",
    "IDPRejectedClaim": "furl asks no issuer about claims",
}
NOT_HERE = {
    ("AssumeRole", "ExpiredTokenException"): "a session lasts fifteen minutes at least; the tests of furl/internal/authz let one expire",
    ("AssumeRoleWithWebIdentity", "PackedPolicyTooLarge"): "it takes no tags, and the longest session policy packs well below the limit",
}
PUBLIC = {
    "GetCallerIdentity": "everybody may",
    "GetSessionToken": "everybody may",
    "GetAccessKeyInfo": "everybody may",
    "AssumeRoleWithWebIdentity": "the role's trust policy",
}


def trust(principal, action="sts:AssumeRole"):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": principal, "Action": action}]})


def run(s):
    iam = s.of("iam")("root")
    me = s.ok("GetCallerIdentity", _denied=False)
    account = me["Account"]
    issuer = os.environ["OIDC_ISSUER"]
    provider = issuer.split("://")[1]
    iam.create_role(RoleName="sts-web", AssumeRolePolicyDocument=trust(
        {"Federated": f"arn:aws:iam::{account}:oidc-provider/{provider}"}, "sts:AssumeRoleWithWebIdentity"))
    role = iam.create_role(RoleName="sts-role", AssumeRolePolicyDocument=trust({"AWS": account}, ["sts:AssumeRole", "sts:TagSession"]))["Role"]["Arn"]
    web = f"arn:aws:iam::{account}:role/sts-web"
    huge = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "lambda:*", "Resource": f"arn:aws:lambda:*:{n * 7919 % 1000003:012d}:function:*"} for n in range(20)]})
    crowd = [{"Key": f"key-{n}-" + chars(n, 110), "Value": chars(n + 99, 250)} for n in range(50)]

    session = s.ok("AssumeRole", RoleArn=role, RoleSessionName="first")
    s.no("AssumeRole", "AccessDenied", RoleArn=role + "-none", RoleSessionName="first")
    s.no("AssumeRole", "MalformedPolicyDocument", RoleArn=role, RoleSessionName="first", Policy="{}")
    s.no("AssumeRole", "PackedPolicyTooLarge", RoleArn=role, RoleSessionName="first", Policy=huge, Tags=crowd)

    token = os.environ["OIDC_TOKEN"]
    say = {"RoleArn": web, "RoleSessionName": "web"}
    s.ok("AssumeRoleWithWebIdentity", _denied=False, WebIdentityToken=token, **say)
    s.no("AssumeRoleWithWebIdentity", "ExpiredTokenException", WebIdentityToken=os.environ["OIDC_EXPIRED"], **say)
    s.no("AssumeRoleWithWebIdentity", "InvalidIdentityToken", WebIdentityToken="not.a.token", **say)
    s.no("AssumeRoleWithWebIdentity", "AccessDenied", WebIdentityToken=token, RoleArn=role, RoleSessionName="web")
    s.no("AssumeRoleWithWebIdentity", "MalformedPolicyDocument", WebIdentityToken=token, Policy="{}", **say)

    s.absent("DecodeAuthorizationMessage", "InvalidAuthorizationMessageException", EncodedMessage="abc")
    s.ok("GetAccessKeyInfo", _denied=False, AccessKeyId=session["Credentials"]["AccessKeyId"])
    s.ok("GetFederationToken", Name="bob")
    s.no("GetFederationToken", "MalformedPolicyDocument", Name="bob", Policy="{}")
    s.no("GetFederationToken", "PackedPolicyTooLarge", Name="bob", Policy=huge, Tags=crowd)
    s.ok("GetSessionToken", _denied=False)


def chars(seed, count):
    """Text that does not compress."""
    out, state = [], seed * 2654435761 + 12345
    for _ in range(count):
        state = (state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        out.append("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-"[state >> 58])
    return "".join(out)
