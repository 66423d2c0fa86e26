"""The cases of Systems Manager's Parameter Store."""

NEVER = {
    "InternalServerError": "only a fault would answer it",
    "ParameterLimitExceeded": "the number of parameters is not limited",
    "TooManyUpdates": "changes of one parameter wait for each other",
    "InvalidKeyId": "there are no keys that could be gone",
    "UnsupportedParameterType": "AWS answers it to types of old clients that the model does not have",
    "PoliciesLimitExceededException": "parameters have no policies here",
    "InvalidPolicyAttributeException": "parameters have no policies here",
    "IncompatiblePolicyException": "parameters have no policies here",
}
NOT_HERE = {}
PUBLIC = {}


def run(s):
    absent, exists, invalid = "ParameterNotFound", "ParameterAlreadyExists", "ValidationException"
    name = "/t/one"
    tags = [{"Key": "a", "Value": "1"}]

    s.ok("PutParameter", Name=name, Value="v", Type="String", Tags=tags)
    s.no("PutParameter", exists, Name=name, Value="v", Type="String")
    s.no("PutParameter", invalid, Name="a/b", Value="v", Type="String")
    s.no("PutParameter", "HierarchyLevelLimitExceededException", Name="/x" * 16, Value="v", Type="String")
    s.no("PutParameter", "HierarchyTypeMismatchException", Name=name, Value="v", Type="StringList", Overwrite=True)
    s.no("PutParameter", "InvalidAllowedPatternException", Name="p", Value="v", Type="String", AllowedPattern="(")
    s.no("PutParameter", "ParameterPatternMismatchException", Name="p", Value="v", Type="String", AllowedPattern="[0-9]+")
    s.no("PutParameter", "InvalidPolicyTypeException", Name="p", Value="v", Type="String", Policies='[{"Type": "Expiration"}]')
    s.no("PutParameter", "InvalidKeyId", Name="p", Value="v", Type="SecureString", KeyId="alias/none")
    s.ok("PutParameter", Name="/t/secret", Value="secret", Type="SecureString")

    s.ok("GetParameter", Name=name)
    s.no("GetParameter", absent, Name="none")
    s.no("GetParameter", "ParameterVersionNotFound", Name=name + ":7")
    s.ok("GetParameters", Names=[name, "none"])
    s.ok("GetParametersByPath", Path="/t")
    s.no("GetParametersByPath", "InvalidFilterKey", Path="/t", ParameterFilters=[{"Key": "Name", "Values": ["x"]}])
    s.no("GetParametersByPath", "InvalidFilterOption", Path="/t", ParameterFilters=[{"Key": "Type", "Option": "Contains", "Values": ["x"]}])
    s.no("GetParametersByPath", "InvalidFilterValue", Path="/t", ParameterFilters=[{"Key": "Type"}])
    s.no("GetParametersByPath", "InvalidNextToken", Path="/t", NextToken="x")
    s.ok("DescribeParameters")
    s.no("DescribeParameters", "InvalidFilterKey", ParameterFilters=[{"Key": "Label", "Values": ["x"]}])
    s.no("DescribeParameters", "InvalidFilterOption", ParameterFilters=[{"Key": "Type", "Option": "Contains", "Values": ["x"]}])
    s.no("DescribeParameters", "InvalidFilterValue", ParameterFilters=[{"Key": "Type"}])
    s.no("DescribeParameters", "InvalidNextToken", NextToken="x")
    s.ok("GetParameterHistory", Name=name)
    s.no("GetParameterHistory", absent, Name="none")
    s.no("GetParameterHistory", "InvalidNextToken", Name=name, NextToken="x")

    s.ok("LabelParameterVersion", Name=name, ParameterVersion=1, Labels=["keep"])
    s.no("LabelParameterVersion", absent, Name="none", Labels=["l"])
    s.no("LabelParameterVersion", "ParameterVersionNotFound", Name=name, ParameterVersion=7, Labels=["l"])
    s.no("LabelParameterVersion", "ParameterVersionLabelLimitExceeded", Name=name, ParameterVersion=1, Labels=[f"l{n}" for n in range(10)])
    for _ in range(99):
        s.root.put_parameter(Name=name, Value="v", Overwrite=True)
    s.no("PutParameter", "ParameterMaxVersionLimitExceeded", Name=name, Value="v", Overwrite=True)
    s.ok("UnlabelParameterVersion", Name=name, ParameterVersion=1, Labels=["keep"])
    s.no("UnlabelParameterVersion", absent, Name="none", ParameterVersion=1, Labels=["l"])
    s.no("UnlabelParameterVersion", "ParameterVersionNotFound", Name=name, ParameterVersion=700, Labels=["l"])

    of, none = {"ResourceType": "Parameter", "ResourceId": name}, {"ResourceType": "Parameter", "ResourceId": "none"}
    other = {"ResourceType": "Document", "ResourceId": name}
    s.ok("AddTagsToResource", Tags=[{"Key": "b", "Value": "2"}], **of)
    s.no("AddTagsToResource", "TooManyTagsError", Tags=[{"Key": f"k{n}", "Value": ""} for n in range(50)], **of)
    s.no("AddTagsToResource", "InvalidResourceId", Tags=tags, **none)
    s.no("AddTagsToResource", "InvalidResourceType", Tags=tags, **other)
    s.ok("ListTagsForResource", **of)
    s.no("ListTagsForResource", "InvalidResourceId", **none)
    s.no("ListTagsForResource", "InvalidResourceType", **other)
    s.ok("RemoveTagsFromResource", TagKeys=["b"], **of)
    s.no("RemoveTagsFromResource", "InvalidResourceId", TagKeys=["b"], **none)
    s.no("RemoveTagsFromResource", "InvalidResourceType", TagKeys=["b"], **other)

    s.ok("DeleteParameters", Names=["/t/secret", "none"])
    s.ok("DeleteParameter", Name=name)
    s.no("DeleteParameter", absent, Name=name)
