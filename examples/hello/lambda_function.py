"""Greets whoever the query string names: GET /?name=John answers {"message": "Hello, John!"}."""
import json


def lambda_handler(event, context):
    query = event.get("queryStringParameters") or {}
    if "name" not in query:
        return answer(400, problem("The query string has no name: call this address with ?name=John."))
    name = query["name"].strip()
    if not name:
        return answer(400, problem("The name in the query string is blank."))
    return answer(200, json.dumps({"message": f"Hello, {name}!"}))


def problem(text):
    """Describes what was wrong with the request. A dict, not JSON text: the platform turns it into JSON."""
    return {"error": text}


def answer(status, body):
    return {
        "statusCode": status,
        "headers": {"Content-Type": "application/json"},
        "body": body,
    }
