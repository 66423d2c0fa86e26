"""The cases of CloudWatch Logs."""

import time

NEVER = {
    "ServiceUnavailableException": "only a fault would answer it",
    "OperationAbortedException": "changes of one log group wait for each other",
    "LimitExceededException": "the number of log groups and Live Tail sessions is not limited so low that a test would reach it",
    "InvalidSequenceTokenException": "AWS ignores sequence tokens, and so does furl",
    "DataAlreadyAcceptedException": "AWS ignores sequence tokens, and so does furl",
    "UnrecognizedClientException": "raw.py has it for every service: an access key that is not known",
    "InvalidOperationException": "the operations that would answer it here have nothing to refuse",
}
NOT_HERE = {}
PUBLIC = {}


def run(s):
    now = int(time.time() * 1000)
    account = s.of("sts")("root").get_caller_identity()["Account"]
    group, none, bad = "/t/group", "/t/none", "a b"
    arn = f"arn:aws:logs:us-east-1:{account}:log-group:{group}"
    say = {"logGroupName": group}
    invalid, absent, exists = "InvalidParameterException", "ResourceNotFoundException", "ResourceAlreadyExistsException"

    s.ok("CreateLogGroup", tags={"a": "1"}, **say)
    s.no("CreateLogGroup", exists, **say)
    s.no("CreateLogGroup", invalid, logGroupName=bad)
    s.ok("DescribeLogGroups", logGroupNamePrefix="/t/")
    s.no("DescribeLogGroups", invalid, logGroupNamePrefix="a", logGroupNamePattern="b")
    s.ok("ListLogGroups")
    s.no("ListLogGroups", invalid, nextToken="x")

    s.ok("CreateLogStream", logStreamName="one", **say)
    s.no("CreateLogStream", exists, logStreamName="one", **say)
    s.no("CreateLogStream", absent, logGroupName=none, logStreamName="one")
    s.no("CreateLogStream", invalid, logStreamName="a:b", **say)
    s.ok("DescribeLogStreams", **say)
    s.no("DescribeLogStreams", absent, logGroupName=none)
    s.no("DescribeLogStreams", invalid, orderBy="LastEventTime", logStreamNamePrefix="o", **say)
    events = [{"timestamp": now, "message": "hello"}]
    s.ok("PutLogEvents", logStreamName="one", logEvents=events, **say)
    s.no("PutLogEvents", absent, logStreamName="none", logEvents=events, **say)
    s.no("PutLogEvents", invalid, logStreamName="one", logEvents=[{"timestamp": now + 5, "message": "b"}, {"timestamp": now, "message": "a"}], **say)
    s.ok("GetLogEvents", logStreamName="one", startFromHead=True, **say)
    s.no("GetLogEvents", absent, logStreamName="none", **say)
    s.no("GetLogEvents", invalid, logStreamName="one", nextToken="x", **say)
    s.ok("FilterLogEvents", filterPattern="hello", **say)
    s.no("FilterLogEvents", absent, logGroupName=none)
    s.no("FilterLogEvents", invalid, filterPattern="{", **say)
    s.ok("TestMetricFilter", filterPattern="[a, b]", logEventMessages=["x y"])
    s.no("TestMetricFilter", invalid, filterPattern="{", logEventMessages=["x"])
    s.ok("StartLiveTail", logGroupIdentifiers=[arn])
    s.no("StartLiveTail", absent, logGroupIdentifiers=[arn + "none"])
    s.no("StartLiveTail", invalid, logGroupIdentifiers=[arn] * 11)
    s.no("StartLiveTail", "AccessDeniedException", _as="nobody", logGroupIdentifiers=[arn])

    s.ok("PutRetentionPolicy", retentionInDays=7, **say)
    s.no("PutRetentionPolicy", invalid, retentionInDays=8, **say)
    s.no("PutRetentionPolicy", absent, logGroupName=none, retentionInDays=7)
    s.ok("DeleteRetentionPolicy", **say)
    s.no("DeleteRetentionPolicy", absent, logGroupName=none)
    s.no("DeleteRetentionPolicy", invalid, logGroupName=bad)
    s.ok("PutLogGroupDeletionProtection", logGroupIdentifier=group, deletionProtectionEnabled=True)
    s.no("PutLogGroupDeletionProtection", absent, logGroupIdentifier=none, deletionProtectionEnabled=True)
    s.no("PutLogGroupDeletionProtection", invalid, logGroupIdentifier=bad, deletionProtectionEnabled=True)
    s.no("PutLogGroupDeletionProtection", "AccessDeniedException", _as="nobody", logGroupIdentifier=group, deletionProtectionEnabled=True)
    s.no("DeleteLogGroup", "ValidationException", **say)
    s.no("DeleteLogStream", "ValidationException", logStreamName="one", **say)
    s.ok("PutLogGroupDeletionProtection", logGroupIdentifier=group, deletionProtectionEnabled=False)

    s.ok("TagResource", resourceArn=arn, tags={"b": "2"})
    s.no("TagResource", absent, resourceArn=arn + "none", tags={"b": "2"})
    s.no("TagResource", invalid, resourceArn=arn, tags={"a!": "2"})
    s.no("TagResource", "TooManyTagsException", resourceArn=arn, tags={f"k{n}": "v" for n in range(50)})
    s.ok("ListTagsForResource", resourceArn=arn)
    s.no("ListTagsForResource", absent, resourceArn=arn + "none")
    s.no("ListTagsForResource", invalid, resourceArn="a b")
    s.ok("UntagResource", resourceArn=arn, tagKeys=["b"])
    s.no("UntagResource", absent, resourceArn=arn + "none", tagKeys=["b"])
    s.no("UntagResource", invalid, resourceArn="a b", tagKeys=["b"])
    s.ok("TagLogGroup", tags={"c": "3"}, **say)
    s.no("TagLogGroup", absent, logGroupName=none, tags={"c": "3"})
    s.no("TagLogGroup", invalid, tags={"a!": "3"}, **say)
    s.ok("ListTagsLogGroup", **say)
    s.no("ListTagsLogGroup", absent, logGroupName=none)
    s.ok("UntagLogGroup", tags=["c"], **say)
    s.no("UntagLogGroup", absent, logGroupName=none, tags=["c"])

    s.ok("DescribeMetricFilters", **say)
    s.no("DescribeMetricFilters", absent, logGroupName=none)
    s.no("DescribeMetricFilters", invalid, logGroupName=bad)
    s.ok("DescribeSubscriptionFilters", **say)
    s.no("DescribeSubscriptionFilters", absent, logGroupName=none)
    s.no("DescribeSubscriptionFilters", invalid, logGroupName=bad)
    s.ok("DescribeResourcePolicies")
    s.no("DescribeResourcePolicies", invalid, limit=-1)
    s.ok("DescribeIndexPolicies", logGroupIdentifiers=[group])
    s.no("DescribeIndexPolicies", absent, logGroupIdentifiers=[none])
    s.no("DescribeIndexPolicies", invalid, logGroupIdentifiers=[bad])
    s.ok("GetDataProtectionPolicy", logGroupIdentifier=group)
    s.no("GetDataProtectionPolicy", absent, logGroupIdentifier=none)
    s.no("GetDataProtectionPolicy", invalid, logGroupIdentifier=bad)

    s.ok("DeleteLogStream", logStreamName="one", **say)
    s.no("DeleteLogStream", absent, logStreamName="one", **say)
    s.no("DeleteLogStream", invalid, logStreamName="a:b", **say)
    s.ok("DeleteLogGroup", **say)
    s.no("DeleteLogGroup", absent, **say)
    s.no("DeleteLogGroup", invalid, logGroupName=bad)
