"""Answers like app, with the process namespace that it runs in."""
import os

import app


def handler(event, context):
    answer = app.handler(event, context)
    answer["body"] = os.readlink("/proc/self/ns/pid")
    return answer
