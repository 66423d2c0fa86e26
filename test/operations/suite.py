"""Calls every operation that furl serves, through boto3, and checks what it answers: at least one success, every error
that AWS documents for it, a request that violates its model, and a caller without permission. What is missing fails.

Run by operations_test.go: suite.py ENDPOINT OPERATIONS, where OPERATIONS is a JSON object of operation names by service.
The table that it prints is docs/reference/operations.md.
"""

import json
import os
import sys
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

import cases_cloudformation
import cases_iam
import cases_lambda
import cases_logs
import cases_ssm
import cases_sts
import raw

TITLES = {"lambda": "Lambda", "iam": "IAM", "sts": "STS", "logs": "CloudWatch Logs", "ssm": "Systems Manager",
          "cloudformation": "CloudFormation"}
# What a violated model is called, by service; Lambda checks some of it itself.
INVALID = {
    "lambda": {"ValidationException", "InvalidParameterValueException", "InvalidRequestContentException"},
    "iam": {"ValidationError", "InvalidInput"},
    "sts": {"ValidationError"},
    "logs": {"InvalidParameterException", "ValidationException"},
    "ssm": {"ValidationException"},
    "cloudformation": {"ValidationError"},
}
DENIED = {"AccessDenied", "AccessDeniedException"}


class Suite:
    """The cases of one service, and what they have shown."""

    def __init__(self, service, clients):
        self.service = service
        self.clients = clients  # by principal, of this service
        self.root = clients("root")
        self.model = self.root.meta.service_model
        self.works, self.errors, self.actions, self.validated = set(), {}, {}, {}
        self.always, self.failures, self.calls = {}, [], 0

    def client(self, principal):
        return self.clients(principal)

    def ok(self, operation, _as="root", _denied=True, **params):
        """A call that succeeds. The first of an operation is first made by nobody, who must be refused, and then with
        something in it that the model forbids."""
        if operation not in self.works:
            if _denied:
                self.refuse_nobody(operation, params)
            self.refuse_invalid(operation, params)
        try:
            answer = self.call(self.client(_as), operation, params)
        except ClientError as e:
            self.failures.append(f"{operation}: {code(e)}: {e.response['Error'].get('Message')}, want success")
            return {}
        self.works.add(operation)
        return answer

    def no(self, operation, want, _as="root", **params):
        """A call that fails with the error want."""
        got = self.attempt(self.client(_as), operation, params)
        if got != want:
            self.failures.append(f"{operation}: {got}, want {want}")
        self.errors.setdefault(operation, set()).add(want)

    def busy(self, before, operation, want, **params):
        """A call that fails with the error want while what before began goes on: tried until it came early enough."""
        got = "success"
        for _ in range(100):
            before()
            got = self.attempt(self.root, operation, params)
            if got == want:
                break
        if got != want:
            self.failures.append(f"{operation}: {got} whenever it was tried, want {want}")
        self.errors.setdefault(operation, set()).add(want)

    def absent(self, operation, want, **params):
        """An operation on what nobody here has: it always fails with the error want."""
        self.refuse_nobody(operation, params)
        self.refuse_invalid(operation, params)
        self.no(operation, want, **params)
        self.works.add(operation)
        self.always[operation] = want

    def until(self, operation, done, **params):
        """Calls until done(answer) holds."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            answer = self.call(self.root, operation, params)
            if done(answer):
                return answer
            time.sleep(0.05)
        self.failures.append(f"{operation}: waited in vain: {answer}")
        return answer

    def refuse_nobody(self, operation, params):
        try:
            self.call(self.client("nobody"), operation, params)
            self.failures.append(f"{operation}: a user without policies may")
        except ClientError as e:
            message = e.response["Error"].get("Message", "")
            if code(e) not in DENIED or " perform: " not in message:
                self.failures.append(f"{operation}: {code(e)}: {message}, want a refusal of a user without policies")
                return
            self.actions[operation] = message.split(" perform: ")[1].split()[0]

    def refuse_invalid(self, operation, params):
        broken = violate(self.model.operation_model(operation), params)
        if broken is None:
            self.validated[operation] = None
            return
        got = self.attempt(self.root, operation, broken)
        self.validated[operation] = got in INVALID[self.service]
        if got not in INVALID[self.service]:
            self.failures.append(f"{operation}: {got} to {json.dumps(broken, default=str)[:200]}, want a violated model refused")

    def attempt(self, client, operation, params):
        try:
            self.call(client, operation, params)
        except ClientError as e:
            return code(e)
        return "success"

    def call(self, client, operation, params):
        self.calls += 1
        answer = getattr(client, METHODS[self.service][operation])(**params)
        for name in ("EventStream", "responseStream"):
            if name in answer:  # the events are the answer
                answer[name] = consume(answer[name])
        if hasattr(answer.get("Payload"), "read"):
            answer["Payload"] = answer["Payload"].read()
        return answer


def consume(stream):
    events = []
    for event in stream:
        events.append(event)
        if "sessionStart" in event or "InvokeComplete" in event:
            break
    stream.close()
    return events


def code(error):
    return error.response["Error"]["Code"]


def violate(operation, params):
    """The same request with one member that the model forbids, or None where the model has no restrictions."""
    shape = operation.input_shape
    if shape is None:
        return None
    for name, member in shape.members.items():
        bad = forbidden(member)
        if bad is None or member.serialization.get("location") in ("uri", "header") and not str(bad).isprintable():
            continue
        return {**params, name: bad}
    for name in shape.required_members:
        if shape.members[name].serialization.get("location") != "uri":
            return {k: v for k, v in params.items() if k != name}
    return None


def forbidden(shape):
    rules = shape.metadata
    if shape.name == "LogGroupName":
        return "a b"
    if shape.type_name in ("integer", "long") and "max" in rules:
        return rules["max"] + 1
    if shape.type_name in ("integer", "long") and "min" in rules:
        return rules["min"] - 1
    if shape.type_name == "string" and rules.get("enum"):
        return "NoSuchValue"
    if shape.type_name == "string" and rules.get("max", 1 << 20) <= 2048:
        return "x" * (rules["max"] + 1)
    return None


def table(suite, module):
    """The service's part of the document, and what is missing."""
    lines = ["| operation | works | model checked | errors checked | authorised as |", "|---|---|---|---|---|"]
    excused = getattr(module, "NEVER")
    single = getattr(module, "NOT_HERE")
    missing, needed = [], set()
    for operation, error in single:
        if operation not in suite.operations or error not in documented_errors(suite, operation):
            missing.append(f"{operation}: a reason without need of {error}")
    for operation in suite.operations:
        documented = documented_errors(suite, operation)
        seen = suite.errors.get(operation, set())
        for error in sorted(documented - seen):
            needed.add(error)
            reason = single.get((operation, error)) or excused.get(error)
            if reason is None:
                missing.append(f"{operation}: no case of {error}, and no reason why not")
        for error in sorted(seen):
            if (operation, error) in single:
                missing.append(f"{operation}: {error} has a case and a reason to have none")
        if operation not in suite.works:
            missing.append(f"{operation}: no success")
        public = module.PUBLIC.get(operation)
        if operation not in suite.actions and public is None:
            missing.append(f"{operation}: no refusal of somebody without permission")
        checked = {True: "yes", False: "no", None: "nothing to check"}[suite.validated.get(operation)]
        works = f"always `{suite.always[operation]}`" if operation in suite.always else "yes" if operation in suite.works else "no"
        action = f"`{suite.actions[operation]}`" if operation in suite.actions else public
        lines.append(f"| {operation} | {works} | {checked} | "
                     f"{', '.join(f'`{e}`' for e in sorted(seen)) or '–'} | {action} |")
    missing += [f"a reason without need of {error}" for error in excused if error not in needed]
    return lines, missing


def documented_errors(suite, operation):
    shapes = suite.model.operation_model(operation).error_shapes
    return {s.metadata.get("error", {}).get("code", s.name) for s in shapes}


def document(suites):
    lines = [
        "# The operations", "",
        "Written by the tests in `test/operations`, which call each operation through boto3; do not edit. An operation is here when it",
        "succeeded, when a request that violates AWS's model was refused, when each error of the third column was answered, and when a",
        "user without policies was refused for want of the action in the last.", "",
        "Errors that AWS documents and that are not in the table cannot be had from furl; the tests hold why.",
    ]
    missing = []
    for suite, module in suites:
        part, absent = table(suite, module)
        missing += [f"{suite.service}: {line}" for line in absent]
        lines += ["", f"## {TITLES[suite.service]}", "", *part]
    return "\n".join(lines) + "\n", missing


METHODS = {}


def main():
    endpoint, operations = sys.argv[1], json.loads(sys.argv[2])
    sessions = {"root": boto3.Session()}
    config = Config(parameter_validation=False, retries={"max_attempts": 1, "mode": "standard"}, inject_host_prefix=False)

    made = {}

    def clients(service):
        def of(principal):
            if (service, principal) not in made:
                made[service, principal] = sessions[principal].client(service, endpoint_url=endpoint, config=config)
            return made[service, principal]

        return of

    iam = clients("iam")("root")
    iam.create_user(UserName="nobody")
    key = iam.create_access_key(UserName="nobody")["AccessKey"]
    sessions["nobody"] = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"])

    suites, failures = [], []
    only = os.environ.get("ONLY")
    for service, module in (("iam", cases_iam), ("sts", cases_sts), ("lambda", cases_lambda), ("logs", cases_logs), ("ssm", cases_ssm),
                            ("cloudformation", cases_cloudformation)):
        if only and only != service:
            continue
        suite = Suite(service, clients(service))
        METHODS[service] = {operation: method for method, operation in suite.root.meta.method_to_api_mapping.items()}
        suite.operations = operations[service]
        suite.sessions, suite.of = sessions, clients
        started = time.monotonic()
        module.run(suite)
        print(f"{service}: {suite.calls} calls in {time.monotonic() - started:.1f} s", file=sys.stderr)
        failures += [f"{service}: {f}" for f in suite.failures]
        suites.append((suite, module))
    failures += raw.run(endpoint, sessions["root"].get_credentials())
    suites.sort(key=lambda s: list(TITLES).index(s[0].service))
    text, missing = document(suites)
    for line in failures + missing:
        print(line, file=sys.stderr)
    sys.stdout.write(text)
    sys.exit(1 if failures or missing else 0)


if __name__ == "__main__":
    main()
