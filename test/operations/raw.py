"""What boto3 cannot send: requests that are no requests of the service, and those that are signed wrongly or not at all."""

import json
import urllib.error
import urllib.parse
import urllib.request

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON11 = {"Content-Type": "application/x-amz-json-1.1"}
FUNCTIONS = "/2015-03-31/functions/"
IAM, STS = "Version=2010-05-08&Action=", "Version=2011-06-15&Action="


def target(name):
    return {**JSON11, "X-Amz-Target": "Logs_20140328." + name}


# name, service, method, path, headers, body, status, code
CASES = [
    ("unknown path", "lambda", "GET", "/2015-03-31/nothing", {}, "", 404, "UnknownOperationException"),
    ("unknown method", "lambda", "PATCH", FUNCTIONS, {}, "", 404, "UnknownOperationException"),
    ("broken JSON", "lambda", "POST", FUNCTIONS, {}, "{", 400, "SerializationException"),
    ("JSON of another kind", "lambda", "POST", FUNCTIONS, {}, "[]", 400, "SerializationException"),
    ("a member of another kind", "lambda", "POST", FUNCTIONS, {}, '{"FunctionName": 1}', 400, "SerializationException"),
    ("empty", "lambda", "POST", FUNCTIONS, {}, "", 400, "ValidationException"),
    ("a number that is none", "lambda", "GET", FUNCTIONS + "?MaxItems=x", {}, "", 400, "SerializationException"),
    ("unknown action", "iam", "POST", "/", FORM, IAM + "Nothing", 400, "InvalidAction"),
    ("unknown version", "iam", "POST", "/", FORM, "Version=2000-01-01&Action=ListUsers", 400, "InvalidAction"),
    ("by GET", "iam", "GET", "/?" + IAM + "ListUsers", {}, "", 200, None),
    ("a number that is none", "iam", "POST", "/", FORM, IAM + "ListUsers&MaxItems=x", 400, "MalformedInput"),
    ("unknown action", "sts", "POST", "/", FORM, STS + "Nothing", 400, "InvalidAction"),
    ("by GET", "sts", "GET", "/?" + STS + "GetCallerIdentity", {}, "", 200, None),
    ("unknown target", "logs", "POST", "/", target("Nothing"), "{}", 400, "UnknownOperationException"),
    ("broken JSON", "logs", "POST", "/", target("DescribeLogGroups"), "{", 400, "SerializationException"),
    ("a member of another kind", "logs", "POST", "/", target("DescribeLogGroups"), '{"limit": "x"}', 400, "SerializationException"),
]

# service, method, path, headers, body, codes: of no signature, an unknown key, a wrong secret.
SIGNATURES = [
    ("lambda", "GET", FUNCTIONS, {}, "", ("MissingAuthenticationTokenException", "UnrecognizedClientException", "InvalidSignatureException")),
    ("iam", "POST", "/", FORM, IAM + "ListUsers", ("MissingAuthenticationToken", "InvalidClientTokenId", "SignatureDoesNotMatch")),
    ("sts", "POST", "/", FORM, STS + "GetCallerIdentity", ("MissingAuthenticationToken", "InvalidClientTokenId", "SignatureDoesNotMatch")),
    ("logs", "POST", "/", target("DescribeLogGroups"), "{}", ("MissingAuthenticationTokenException", "UnrecognizedClientException", "InvalidSignatureException")),
]


def send(endpoint, credentials, service, method, path, headers, body):
    """Sends it, signed if there are credentials, and returns the status and the error's code."""
    request = AWSRequest(method, endpoint + path, headers=dict(headers), data=body.encode())
    if credentials:
        SigV4Auth(credentials, service, "us-east-1").add_auth(request)
    plain = urllib.request.Request(endpoint + path, body.encode() if method != "GET" else None, dict(request.headers), method=method)
    try:
        with urllib.request.urlopen(plain) as answer:
            return answer.status, None
    except urllib.error.HTTPError as e:
        text = e.read().decode()
        if "<Code>" in text:
            return e.code, text.split("<Code>")[1].split("</Code>")[0]
        kind = e.headers.get("X-Amzn-ErrorType") or json.loads(text or "{}").get("__type", text)
        return e.code, kind.split(":")[0].split("#")[-1]


def run(endpoint, credentials):
    failures = []
    for name, service, method, path, headers, body, status, code in CASES:
        got = send(endpoint, credentials, service, method, path, headers, body)
        if got != (status, code):
            failures.append(f"{service}: raw: {name}: {got}, want {(status, code)}")
    keys = (None, Credentials("AKIAUNKNOWNUNKNOWNUN", "secret"), Credentials(credentials.access_key, "wrong"))
    for service, method, path, headers, body, codes in SIGNATURES:
        status = 400 if service == "logs" else 403  # JSON-1.1 has no other for it
        for key, want in zip(keys, codes):
            got = send(endpoint, key, service, method, path, headers, body)
            if got != (status, want):
                failures.append(f"{service}: raw: signature: {got}, want {(status, want)}")
    return failures
