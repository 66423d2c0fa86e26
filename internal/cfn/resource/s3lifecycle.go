package resource

import (
	"context"
	"fmt"
	"time"

	"furl/internal/s3"
)

func putLifecycle(ctx context.Context, r *Request, name string, v map[string]any) error {
	in := &s3.PutBucketLifecycleConfigurationRequest{Bucket: name}
	for _, given := range objects(v["Rules"]) {
		rule, err := lifecycleRule(given)
		if err != nil {
			return err
		}
		in.Rules = append(in.Rules, rule)
	}
	return do(ctx, r, "s3", "PutBucketLifecycleConfiguration", in)
}

// lifecycleRule is one rule of the property LifecycleConfiguration.
func lifecycleRule(given map[string]any) (s3.LifecycleRule, error) {
	noncurrent := object(given["NoncurrentVersionExpiration"])
	rule := s3.LifecycleRule{
		ID:                      text(given["Id"]),
		Enabled:                 text(given["Status"]) == "Enabled",
		Prefix:                  text(given["Prefix"]),
		ObjectSizeGreaterThan:   optionalSize(given["ObjectSizeGreaterThan"]),
		ObjectSizeLessThan:      optionalSize(given["ObjectSizeLessThan"]),
		ExpirationDays:          number(given["ExpirationInDays"]),
		NoncurrentDays:          max(number(noncurrent["NoncurrentDays"]), number(given["NoncurrentVersionExpirationInDays"])),
		NewerNoncurrentVersions: number(noncurrent["NewerNoncurrentVersions"]),
		DaysAfterInitiation:     number(object(given["AbortIncompleteMultipartUpload"])["DaysAfterInitiation"]),
	}
	rule.ExpiredObjectDeleteMarker, _ = boolOf(given["ExpiredObjectDeleteMarker"])
	for _, tag := range objects(given["TagFilters"]) {
		if rule.Tags == nil {
			rule.Tags = map[string]string{}
		}
		rule.Tags[text(tag["Key"])] = text(tag["Value"])
	}
	if date := text(given["ExpirationDate"]); date != "" {
		at, err := time.Parse(time.RFC3339, date)
		if err != nil {
			at, err = time.Parse(time.DateOnly, date)
		}
		if err != nil {
			return rule, fmt.Errorf("resource: ExpirationDate: %w", err)
		}
		rule.ExpirationDate = &at
	}
	return rule, nil
}

func optionalSize(v any) *int64 {
	n, given := wholeOf(v)
	if !given {
		return nil
	}
	return &n
}
