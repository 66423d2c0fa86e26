"""The walkthrough's handler behind the interfaces of ordinary Python servers: the work is the same, the way to it theirs."""
from urllib.parse import parse_qsl

from lambda_function import lambda_handler
from streaming import pieces

REASONS = {200: "200 OK", 400: "400 Bad Request"}


def call(query):
    event = {"queryStringParameters": dict(parse_qsl(query, keep_blank_values=True))}
    answer = lambda_handler(event, None)
    return answer["statusCode"], answer["headers"]["Content-Type"], answer["body"].encode()


def wsgi(environ, start_response):
    status, content_type, body = call(environ["QUERY_STRING"])
    start_response(REASONS[status], [("Content-Type", content_type), ("Content-Length", str(len(body)))])
    return [body]


async def asgi(scope, receive, send):
    if scope["type"] != "http":
        return
    if scope["path"] == "/stream":
        return await stream(dict(parse_qsl(scope["query_string"].decode())), send)
    status, content_type, body = call(scope["query_string"].decode())
    await send({"type": "http.response.start", "status": status,
                "headers": [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode())]})
    await send({"type": "http.response.body", "body": body})


async def stream(query, send):
    """What a framework's streaming response does."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/octet-stream")]})
    for piece in pieces(int(query["chunks"]), int(query["size"])):
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
