"""A handler that imports much of the standard library, and nothing else."""
import asyncio  # noqa: F401
import base64  # noqa: F401
import collections  # noqa: F401
import concurrent.futures  # noqa: F401
import csv  # noqa: F401
import datetime  # noqa: F401
import decimal  # noqa: F401
import email.message  # noqa: F401
import hashlib  # noqa: F401
import hmac  # noqa: F401
import json
import logging
import re  # noqa: F401
import ssl  # noqa: F401
import urllib.parse  # noqa: F401
import urllib.request  # noqa: F401
import uuid

log = logging.getLogger(__name__)


def handler(event, context):
    return {"statusCode": 200, "body": json.dumps({"id": str(uuid.uuid4())})}
