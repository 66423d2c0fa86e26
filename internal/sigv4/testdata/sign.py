"""Signs requests with the signers of botocore and awscurl.

Reads a JSON list of requests from standard input. With the argument "send" it sends each request to its URL as the
client would, and writes a list of [status, body]. With "vectors" it writes the signed requests in the form of
double-encoding.json. The clock stands still at each request's "time".
"""
import datetime
import json
import sys
from urllib.parse import urlsplit

import awscurl.awscurl as curl
import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session


def moment(case):
    return datetime.datetime.strptime(case["time"], "%Y-%m-%dT%H:%M:%SZ")


def botocore_request(case, recorded):
    creds = Credentials(case["access_key_id"], case["secret"], case.get("token"))
    if case["signer"] == "botocore-query":
        signer = botocore.auth.SigV4QueryAuth(creds, case["service"], case["region"], expires=case["expires"])
    else:
        signer = botocore.auth.SigV4Auth(creds, case["service"], case["region"])
    plain = signer.string_to_sign

    def string_to_sign(request, canonical):
        text = plain(request, canonical)
        recorded.update(canonical_request=canonical, string_to_sign=text)
        return text

    signer.string_to_sign = string_to_sign
    botocore.auth.get_current_datetime = lambda *_: moment(case)
    body = case["body"].encode()
    request = AWSRequest(case["method"], case["url"], dict(case["headers"]), body or None)
    signer.add_auth(request)
    return request


def send(case, session):
    if case["signer"] == "awscurl":
        setattr(curl, "__now", lambda: moment(case))
        response = curl.make_request(
            case["method"], case["service"], case["region"], case["url"], dict(case["headers"]), case["body"],
            case["access_key_id"], case["secret"], case.get("token"), False)
        return [response.status_code, response.text]
    response = session.send(botocore_request(case, {}).prepare())
    return [response.status_code, response.content.decode(errors="replace")]


def vector(case):
    recorded = {}
    request = botocore_request(case, recorded)
    url = urlsplit(request.url)
    headers = [["Host", url.netloc]] + [[k, str(v)] for k, v in request.headers.items()]
    signed = {
        "id": case["id"],
        "form": "query" if case["signer"] == "botocore-query" else "header",
        "method": case["method"],
        "target": url.path + ("?" + url.query if url.query else ""),
        "headers": headers,
        "body": case["body"],
        "clock": case["time"],
        "normalize_path": True,
    }
    for name in ("access_key_id", "secret", "region", "service"):
        signed[name] = case[name]
    signed.update(recorded)
    carrier = request.url if signed["form"] == "query" else request.headers["Authorization"]
    signed["signature"] = carrier.rsplit("Signature=", 1)[1]
    return signed


def main():
    cases = json.load(sys.stdin)
    if sys.argv[1:] == ["vectors"]:
        json.dump({"cases": [vector(c) for c in cases]}, sys.stdout, indent=1)
        return
    session = URLLib3Session()
    json.dump([send(c, session) for c in cases], sys.stdout)


main()
