"""Writes policy_templates.json and managed_policies.txt from the package aws-sam-translator.

usage: python generate.py, in an environment with test/sam/requirements.txt
"""

import json
import pathlib

import samtranslator

package = pathlib.Path(samtranslator.__file__).parent
here = pathlib.Path(__file__).parent

templates = json.loads((package / "policy_templates_data/policy_templates.json").read_text())["Templates"]
kept = {}
for name, template in sorted(templates.items()):
    kept[name] = {"Parameters": {p: {} for p in sorted(template["Parameters"])}, "Definition": template["Definition"]}
lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(t, sort_keys=True, separators=(',', ':'))}" for name, t in kept.items())
(here / "policy_templates.json").write_text('{"Templates": {\n' + lines + "\n}}\n")

arns = json.loads((package / "internal/data/aws_managed_policies.json").read_text())["aws"].values()
(here / "managed_policies.txt").write_text("".join(sorted(arn.split(":policy/", 1)[1] + "\n" for arn in arns)))
