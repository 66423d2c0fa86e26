"""What a forked runtime imports and calls to copy, before it has a function, the
memory that it will change for one. See rehearse in the bootstrap."""

import json


def handler(event, context):
    return {"statusCode": 200, "body": json.dumps({"remaining": repr(context), "event": event})}
