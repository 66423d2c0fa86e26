package s3

import (
	"fmt"
	"net/http"

	"furl/internal/awsapi"
)

// S3's errors, with its codes, statuses and texts (S3 API reference, "Error responses", and what the service answers).
// Members are further elements of the XML.

func failure(status int, code, format string, args ...any) *awsapi.Error {
	e := &awsapi.Error{Code: code, Status: status, Message: fmt.Sprintf(format, args...)}
	if status >= 500 {
		e.Fault = awsapi.Receiver
	}
	return e
}

func noSuchBucket(name string) *awsapi.Error {
	return failure(404, "NoSuchBucket", "The specified bucket does not exist").WithMember("BucketName", name)
}

func noSuchKey(key string) *awsapi.Error {
	return failure(404, "NoSuchKey", "The specified key does not exist.").WithMember("Key", key)
}

func noSuchVersion(key, version string) *awsapi.Error {
	return failure(404, "NoSuchVersion", "The specified version does not exist.").WithMember("Key", key).WithMember("VersionId", version)
}

func noSuchUpload(id string) *awsapi.Error {
	return failure(404, "NoSuchUpload", "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.").
		WithMember("UploadId", id)
}

func invalidArgument(name, value, format string, args ...any) *awsapi.Error {
	return failure(400, "InvalidArgument", format, args...).WithMember("ArgumentName", name).WithMember("ArgumentValue", value)
}

func invalidRequest(format string, args ...any) *awsapi.Error {
	return failure(400, "InvalidRequest", format, args...)
}

func malformedXML() *awsapi.Error {
	return failure(400, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
}

// notImplemented is the answer to what this server has not.
func notImplemented(what string) *awsapi.Error {
	return failure(http.StatusNotImplemented, "NotImplemented", "A header or query you provided requests functionality that is not implemented").
		WithMember("Header", what)
}

func preconditionFailed(condition string) *awsapi.Error {
	return failure(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold").WithMember("Condition", condition)
}

// notModified has no body.
func notModified() *awsapi.Error { return failure(304, "NotModified", "Not Modified") }

func accessDenied(format string, args ...any) *awsapi.Error {
	return failure(403, "AccessDenied", format, args...)
}

func methodNotAllowed(method, resource string) *awsapi.Error {
	return failure(405, "MethodNotAllowed", "The specified method is not allowed against this resource.").
		WithMember("Method", method).WithMember("ResourceType", resource)
}

func entityTooLarge(size, most int64) *awsapi.Error {
	e := failure(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size").WithMember("MaxSizeAllowed", fmt.Sprint(most))
	if size >= 0 {
		e.WithMember("ProposedSize", fmt.Sprint(size))
	}
	return e
}

func badDigest(format string, args ...any) *awsapi.Error {
	return failure(400, "BadDigest", format, args...)
}

func operationAborted() *awsapi.Error {
	return failure(409, "OperationAborted", "A conflicting conditional operation is currently in progress against this resource. Please try again.")
}

func internalError() *awsapi.Error {
	return failure(500, "InternalError", "We encountered an internal error. Please try again.")
}

func slowDown() *awsapi.Error { return failure(503, "SlowDown", "Please reduce your request rate.") }
