package sam

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// location turns the CodeUri of a function or the ContentUri of a layer into what CloudFormation has: a bucket, a key
// and perhaps a version. A path on a disk is refused: it must have been put into a bucket before.
func location(id, property string, uri any) (map[string]any, error) {
	var bucket, key, version any
	code := make(map[string]any)
	switch uri := uri.(type) {
	case map[string]any:
		bucket, key, version = uri["Bucket"], uri["Key"], uri["Version"]
		if !truthy(bucket) || !truthy(key) {
			return nil, invalidResource(id, fmt.Sprintf("'%s' requires Bucket and Key properties to be specified.", property))
		}
		if mode, ok := uri["StorageMode"]; ok {
			code["S3ObjectStorageMode"] = mode
		}
	case string:
		dynamic := regexp.MustCompile(`{{resolve:(ssm|ssm-secure|secretsmanager):[a-zA-Z0-9_.\-/]+(:\d+)?}}`)
		if strings.Contains(dynamic.FindString(uri), "/") {
			return nil, invalidResource(id, fmt.Sprintf("Unsupported dynamic reference detected in '%s'. Please "+
				"consider using alternative 'FunctionCode' object format.", property))
		}
		b, k, v, ok := parseS3URI(uri)
		if !ok {
			return nil, invalidResource(id, fmt.Sprintf("'%s' is not a valid S3 Uri of the form 's3://bucket/key' "+
				"with optional versionId query parameter.", property))
		}
		bucket, key = b, k
		if v != "" {
			version = v
		}
	default:
		return nil, invalidResource(id, fmt.Sprintf("'%s' must be of type dict or string.", property))
	}
	code["S3Bucket"], code["S3Key"] = bucket, key
	if version != nil {
		code["S3ObjectVersion"] = version
	}
	return code, nil
}

// parseS3URI takes s3://BUCKET/KEY?versionId=VERSION apart. net/url would refuse what may stand in a template's text.
func parseS3URI(uri string) (bucket, key, version string, ok bool) {
	uri = strings.NewReplacer("\t", "", "\r", "", "\n", "").Replace(strings.TrimLeft(uri, " "))
	if len(uri) < 5 || !strings.EqualFold(uri[:5], "s3://") {
		return "", "", "", false
	}
	rest, _, _ := strings.Cut(uri[5:], "#")
	rest, query, _ := strings.Cut(rest, "?")
	bucket, key, slash := strings.Cut(rest, "/")
	if bucket == "" || !slash || strings.ContainsAny(bucket, "[]") {
		return "", "", "", false
	}
	var versions []string
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if name == "versionId" && value != "" {
			if plain, err := url.QueryUnescape(value); err == nil {
				value = plain
			}
			versions = append(versions, value)
		}
	}
	if len(versions) == 1 {
		version = versions[0]
	}
	return bucket, strings.TrimLeft(key, "/"), version, true
}

// code returns a function's Code.
func (r *resource) code() (map[string]any, error) {
	kind := r.get("PackageType")
	if !truthy(kind) {
		kind = "Zip"
	}
	switch kind {
	case "Image":
		switch uri := r.get("ImageUri"); {
		case uri == nil:
			return nil, invalidResource(r.id, "'ImageUri' must be set.")
		case !truthy(uri):
			return nil, invalidResource(r.id, "'ImageUri' requires that a image hosted at a registry be specified.")
		default:
			return map[string]any{"ImageUri": uri}, nil
		}
	case "Zip":
		code, err := r.archive()
		if err == nil && r.has("SourceKMSKeyArn") {
			code["SourceKMSKeyArn"] = r.get("SourceKMSKeyArn")
		}
		return code, err
	}
	return nil, invalidResource(r.id, fmt.Sprintf("invalid 'PackageType' : %v", kind))
}

func (r *resource) archive() (map[string]any, error) {
	if inline := r.get("InlineCode"); inline != nil {
		return map[string]any{"ZipFile": inline}, nil
	}
	if r.get("CodeUri") == nil {
		return nil, invalidResource(r.id, "Only one of 'InlineCode' or 'CodeUri' can be set.")
	}
	return location(r.id, "CodeUri", r.get("CodeUri"))
}

// checkPackage holds what a function has against how it is packed.
func (r *resource) checkPackage(code map[string]any) error {
	if r.get("PackageType") == "Image" {
		if r.has("Handler") || r.has("Runtime") || r.has("Layers") {
			return invalidResource(r.id, "Runtime, Handler, Layers cannot be present when PackageType is of type `Image`")
		}
		return nil
	}
	if !r.has("Handler") || !r.has("Runtime") {
		return invalidResource(r.id, "Runtime and Handler needs to be present when PackageType is of type `Zip`")
	}
	if r.has("ImageConfig") || truthy(code["ImageUri"]) {
		return invalidResource(r.id, "ImageUri or ImageConfig cannot be present when PackageType is of type `Zip`")
	}
	return nil
}
