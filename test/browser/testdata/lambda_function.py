"""Answers with what it was sent, and with the headers that the query asks for."""
import json

calls = 0


def lambda_handler(event, context):
    global calls
    calls += 1
    query = event.get("queryStringParameters", {})
    return {
        "statusCode": int(query.get("status", "200")),
        "headers": {"Content-Type": "application/json", "X-Total": "42", "X-Secret": "1", **json.loads(query.get("headers", "{}"))},
        "cookies": json.loads(query.get("cookies", "[]")),
        "body": json.dumps({
            "calls": calls,
            "method": event["requestContext"]["http"]["method"],
            "cookies": event.get("cookies", []),
            "token": event["headers"].get("x-token", ""),
            "body": event.get("body", ""),
        }),
    }
