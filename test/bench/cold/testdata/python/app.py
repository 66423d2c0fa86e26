"""The walkthrough's handler, with a count that tells a first start."""
import json

count = 0


def handler(event, context):
    global count
    count += 1
    name = (event.get("queryStringParameters") or {}).get("name", "world")
    return {
        "statusCode": 200,
        "headers": {"content-type": "application/json"},
        "body": json.dumps({"message": "hello " + name, "count": count}),
    }
