"""Streams a small piece, then as many and as long ones as the query string says: GET /?chunks=1024&size=65536."""


def pieces(chunks, size):
    yield b"first\n"
    chunk = b"x" * size
    for _ in range(chunks):
        yield chunk


def lambda_handler(event, context):
    query = event["queryStringParameters"]
    yield {"statusCode": 200, "headers": {"content-type": "application/octet-stream"}}
    yield from pieces(int(query["chunks"]), int(query["size"]))
