"""Expands templates with aws-sam-translator.

usage: translate.py TEMPLATE…

Prints a JSON object: by the name of each file without its ending, {"template": what it expands to} or {"error": text}.
A template's parameters are those in PARAMETERS; the others have their defaults.
"""

import functools
import json
import logging
import os
import pathlib
import sys

os.environ["AWS_DEFAULT_REGION"] = "eu-west-1"

from samtranslator.model.exceptions import InvalidDocumentException  # noqa: E402
from samtranslator.translator.transform import transform  # noqa: E402
from samtranslator.yaml_helper import yaml_parse  # noqa: E402

PARAMETERS = {"CodeKeyParam": "key/from/parameter.zip", "Stage": "prod"}


class NoPolicies:
    """Stands for IAM: the policies of AWS are in the translator itself, and there are no others."""

    def load(self):
        return {}


def key(cause):
    return getattr(cause, "_logical_id", None) or cause.message


def translate(text):
    manifest = json.loads(json.dumps(yaml_parse(text)))
    try:
        return {"template": transform(manifest, dict(PARAMETERS), NoPolicies())}
    except InvalidDocumentException as e:
        causes = sorted(e.causes, key=key)
        return {"error": functools.reduce(lambda text, cause: text + " " + cause.message, causes, e.message)}


logging.disable(logging.CRITICAL)
if __name__ == "__main__":
    paths = [pathlib.Path(a) for a in sys.argv[1:]]
    json.dump({p.stem: translate(p.read_text()) for p in paths}, sys.stdout, indent=1, sort_keys=True)
    print()
