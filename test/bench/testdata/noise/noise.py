"""Writes lines of 500 bytes, so many a second and for so long: GET /?to=stdout&mb=2.55&seconds=2. to=null writes as many to nowhere."""
import os
import sys
import time

TICK = 0.02


def lambda_handler(event, context):
    query = event["queryStringParameters"]
    rate, end = float(query["mb"]) * 1e6, time.monotonic() + float(query["seconds"])
    lines = ("x" * 499 + "\n") * round(rate * TICK / 500)
    written, due = 0, time.monotonic()
    with open(os.devnull, "w") as null:
        out = sys.stdout if query["to"] == "stdout" else null
        while time.monotonic() < end:
            out.write(lines)
            out.flush()
            written += len(lines)
            due += TICK
            time.sleep(max(0, due - time.monotonic()))
    return {"statusCode": 200, "headers": {"content-type": "text/plain"}, "body": str(written)}
