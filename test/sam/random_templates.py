"""Makes templates by chance and expands them with aws-sam-translator.

usage: random_templates.py SEED COUNT

Prints a JSON list of {"body": the template, "template": what it expands to} or {"body": …, "error": text}. About half of the
templates have a fault: how faults are told is compared as well.
"""

import json
import random
import sys

from translate import translate

rand = random.Random(int(sys.argv[1]))

REF = {"Ref": "P"}
NO_VALUE = {"Ref": "AWS::NoValue"}
SURROUNDINGS = {
    "Parameters": {
        "P": {"Type": "String", "Default": "pval"},
        "Stage": {"Type": "String"},
        "Number": {"Type": "Number", "Default": 7},
        "List": {"Type": "CommaDelimitedList", "Default": "a,b"},
        "Off": {"Type": "String", "Default": "false"},
    },
    "Mappings": {"M": {"prod": {"prod": "x", "no": "false"}}},
    "Conditions": {"C": {"Fn::Equals": ["a", REF]}},
}

FUNCTION = {
    "FunctionName": ["n", {"Ref": "Stage"}],
    "Description": ["d", "", REF, {"Fn::Sub": "${Stage}"}, {"Ref": "Unknown"}, {"Fn::Join": ["", [REF]]}],
    "MemorySize": [128, 0, {"Ref": "Number"}],
    "Environment": [{"Variables": {"A": "ö", "B": {"Ref": "Stage"}, "C": 1.5}}, {}, REF],
    "Tags": [{"b": "1", "a": REF}, {"z": "", "y": 1}, {}, {"lambda:createdBy": "x"}, {"Fn::If": ["C", {"a": "b"}, NO_VALUE]}],
    "PropagateTags": [True, False],
    "Tracing": ["Active", "Disabled", "PassThrough", REF, ""],
    "Layers": [["arn"], [{"Ref": "L1"}, {"Fn::GetAtt": ["L2", "Arn"]}], []],
    "AutoPublishAlias": ["live", "a-b_c", {"Ref": "Stage"}, "live", "", {"Ref": "Unknown"}, "1"],
    "AutoPublishAliasAllProperties": [True, False],
    "AutoPublishCodeSha256": ["0123456789abcdef", "", REF, {"Ref": "Unknown"}],
    "VersionDescription": ["v", REF],
    "VersionDeletionPolicy": ["Delete", "Retain"],
    "ProvisionedConcurrencyConfig": [{"ProvisionedConcurrentExecutions": 1}, REF],
    "FunctionUrlConfig": [
        {"AuthType": "NONE"},
        {"AuthType": "AWS_IAM", "InvokeMode": "BUFFERED", "Cors": {"AllowMethods": ["*"]}},
        {"AuthType": REF, "Cors": {"MaxAge": REF, "AllowCredentials": True}},
        {"Fn::If": ["C", {}, {}]},
        {"Cors": {}},
        {},
    ],
    "Role": [
        "arn",
        {"Fn::GetAtt": ["R", "Arn"]},
        {"Fn::If": ["C", "arn", NO_VALUE]},
        {"Fn::If": ["C", NO_VALUE, REF]},
        {"Fn::If": ["C", NO_VALUE, NO_VALUE]},
        {"Fn::If": ["C", "a", "b"]},
    ],
    "RolePath": ["/p/"],
    "PermissionsBoundary": ["arn", REF],
    "AssumeRolePolicyDocument": [{"Version": "1"}, {}],
    "VpcConfig": [{"SubnetIds": ["a"]}, {}],
    "DeadLetterQueue": [{"Type": "SQS", "TargetArn": "a"}, {"Type": "SNS", "TargetArn": REF}, {"Type": "X", "TargetArn": "a"}],
    "SnapStart": [{"ApplyOn": "PublishedVersions"}, {"ApplyOn": "None"}, {"ApplyOn": REF}],
    "SourceKMSKeyArn": ["k", REF],
    "DeploymentPreference": [
        {"Type": "AllAtOnce"},
        {"Enabled": False},
        {"Enabled": {"Ref": "Off"}, "Type": "x"},
        {"Enabled": {"Fn::FindInMap": ["M", "prod", "no"]}, "Type": "a"},
        {"Type": "a", "PassthroughCondition": True},
    ],
    "ReservedConcurrentExecutions": [0, 5],
    "Architectures": [["arm64"]],
    "LoggingConfig": [{"LogFormat": "JSON"}],
    "DurableConfig": [{"ExecutionTimeout": 1}],
    "TenancyConfig": [{"TenantIsolationMode": "PER_TENANT"}],
    "Unknown": ["property"],
}
LAYER = {
    "LayerName": ["n", {"Ref": "Stage"}, {"Fn::Sub": "a${P}"}],
    "Description": ["d", REF, {"Ref": "Number"}],
    "PublishLambdaVersion": [True, False],
    "CompatibleRuntimes": [["python3.13"], {"Ref": "List"}],
    "CompatibleArchitectures": [["arm64"], [REF], ["bad"]],
    "LicenseInfo": ["MIT", {"Ref": "Unknown"}],
    "RetentionPolicy": ["Delete", "retain", "x"],
}
CODE = ["s3://b/k?versionId=1&a=b", "S3://b//k", {"Bucket": REF, "Key": {"Fn::Sub": "${P}/${Stage}"}, "Version": 1}, "s3://b", "./x"]
POLICIES = [
    "ReadOnlyAccess",
    "AWSLambdaRole",
    "arn:x",
    "Nope",
    REF,
    {"Statement": [{"Effect": "Allow"}]},
    {"S3ReadPolicy": {"BucketName": {"Ref": "S3ReadPolicy"}}},
    {"VPCAccessPolicy": {}},
    {"Fn::If": ["C", "ReadOnlyAccess", NO_VALUE]},
    {"Fn::If": ["C", {"Statement": []}, {"Statement": [1]}]},
    {"Fn::If": ["C", {"VPCAccessPolicy": {}}, NO_VALUE]},
    {"S3ReadPolicy": {}},
    {"Bogus": {}},
]
REFERENCES = [
    {"Ref": "L1"},
    {"Ref": "F1.DestinationQueue"},
    {"Fn::GetAtt": ["F1", "Alias.Name"]},
    {"Fn::GetAtt": ["L1", "LayerVersionArn"]},
    {"Fn::Sub": "x-${Stage}-${AWS::Region}-${L1}-${F1.Alias}"},
    {"Fn::Sub": ["${a}${P}${F2.Version.Version}", {"a": {"Ref": "L2"}}]},
    {"Fn::If": ["C", {"Ref": "L1"}, NO_VALUE]},
    {"Fn::If": ["C", NO_VALUE, {"Ref": "L1"}]},
]


def some(pool, count):
    """Some of the pool's properties. Most of the values that come first in each are without a fault."""
    chosen = rand.sample(list(pool), count)
    return {name: pool[name][min(rand.randrange(len(pool[name])), rand.randrange(len(pool[name])))] for name in chosen}


def destination():
    made = {"Type": rand.choice(["SQS", "SNS", "Lambda", "EventBridge", "S3Bucket"])}
    if rand.random() < 0.9:
        made["Destination"] = rand.choice(["arn", *REFERENCES])
    return made


def function():
    made = {"Handler": "h.h", "Runtime": "python3.13", **some(FUNCTION, rand.choice([0, 1, 2, 4]))}
    if rand.random() < 0.3:
        made["InlineCode"] = {"Fn::Sub": "${P}"}
    else:
        made["CodeUri"] = "s3://b/k" if rand.random() < 0.8 else rand.choice(CODE)
    if rand.random() < 0.3:
        made["Policies"] = [POLICIES[min(rand.randrange(len(POLICIES)), rand.randrange(len(POLICIES)))] for _ in range(rand.randrange(4))]
    if rand.random() < 0.3:
        config = {when: destination() for when in ("OnSuccess", "OnFailure") if rand.random() < 0.6}
        made["EventInvokeConfig"] = {"MaximumRetryAttempts": {"Ref": "Number"}, "DestinationConfig": config}
    return made


def resource(kind, properties):
    made = {"Type": "AWS::Serverless::" + kind, "Properties": properties}
    for attribute, values in {
        "Condition": ["C"],
        "DeletionPolicy": ["Retain", "Delete"],
        "UpdateReplacePolicy": ["Retain"],
        "Metadata": [{"x": "y"}],
        "DependsOn": ["L1", ["L1", "L2"]],
        "IgnoreGlobals": ["*"],
    }.items():
        if rand.random() < 0.15:
            made[attribute] = rand.choice(values)
    return made


def template():
    made = {**SURROUNDINGS, "Resources": {}, "Outputs": {"O": {"Value": rand.choice(REFERENCES)}}}
    if rand.random() < 0.3:
        own = {"FunctionName", "Role", "VersionDescription", "AutoPublishCodeSha256", "Unknown"}
        made["Globals"] = {"Function": some({name: FUNCTION[name] for name in FUNCTION if name not in own}, 2)}
    for i in range(1, rand.choice([2, 3])):
        made["Resources"][f"F{i}"] = resource("Function", function())
    for i in range(1, rand.choice([1, 2, 3])):
        uri = "s3://b/l" if rand.random() < 0.9 else rand.choice(CODE)
        made["Resources"][f"L{i}"] = resource("LayerVersion", {"ContentUri": uri, **some(LAYER, rand.randrange(3))})
    if rand.random() < 0.05:
        made["Resources"]["F1Role"] = {"Type": "AWS::S3::Bucket"}
    return json.dumps(made)


bodies = [template() for _ in range(int(sys.argv[2]))]
json.dump([{"body": body, **translate(body)} for body in bodies], sys.stdout)
