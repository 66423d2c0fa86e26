package resource_test

import (
	"archive/zip"
	"bytes"
	"context"
	"io"
	"testing"

	"furl/internal/awsapi"
	"furl/internal/cfn/resource"
	"furl/internal/lambda"
)

// packages takes the deployment package out of CreateFunction.
type packages struct {
	*services
	name, source string
}

// Invoke is of resource.Invoker.
func (p *packages) Invoke(ctx context.Context, service, operation string, in any) (any, error) {
	if create, yes := in.(*lambda.CreateFunctionRequest); yes {
		z, err := zip.NewReader(bytes.NewReader(create.Code.ZipFile), int64(len(create.Code.ZipFile)))
		if err != nil || len(z.File) != 1 {
			return nil, err
		}
		f, err := z.File[0].Open()
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(f)
		p.name, p.source = z.File[0].Name, string(body)
		return nil, err
	}
	return p.services.Invoke(ctx, service, operation, in)
}

const (
	fnARN    = "arn:aws:lambda:us-east-1:000000000000:function:fn"
	layerARN = "arn:aws:lambda:us-east-1:000000000000:layer:l"
)

// newServices answer to what the steps ask for.
func newServices() *services {
	s := newLambda()
	s.answers["PublishVersion"] = []any{&lambda.FunctionConfiguration{FunctionArn: new(fnARN + ":2"), Version: new("2")}}
	s.answers["ListVersionsByFunction"] = []any{&lambda.ListVersionsByFunctionResponse{Versions: []lambda.FunctionConfiguration{{Version: new("$LATEST")}, {Version: new("1")}}}}
	s.answers["CreateAlias"] = []any{&lambda.AliasConfiguration{AliasArn: new(fnARN + ":live")}}
	s.answers["UpdateAlias"] = s.answers["CreateAlias"]
	s.answers["GetProvisionedConcurrencyConfig"] = []any{&lambda.GetProvisionedConcurrencyConfigResponse{Status: new(lambda.ProvisionedConcurrencyStatusEnumReady)}}
	s.answers["CreateFunctionUrlConfig"] = []any{&lambda.CreateFunctionUrlConfigResponse{FunctionArn: fnARN, FunctionUrl: "https://a/"}}
	s.answers["UpdateFunctionUrlConfig"] = []any{&lambda.UpdateFunctionUrlConfigResponse{FunctionArn: fnARN, FunctionUrl: "https://a/"}}
	s.answers["ListLayerVersions"] = []any{&lambda.ListLayerVersionsResponse{LayerVersions: []lambda.LayerVersionsListItem{{Version: new(int64(4))}}}}
	s.answers["PublishLayerVersion"] = []any{&lambda.PublishLayerVersionResponse{LayerVersionArn: new(layerARN + ":5")}}
	s.answers["GetFunctionEventInvokeConfig"] = []any{missing()}
	s.answers["GetBucketPolicy"] = []any{&awsapi.Error{Code: "NoSuchBucketPolicy", Status: 404}}
	return s
}

// step is one of a resource's: with no properties it is deleted, with old ones updated, else created.
type step struct {
	name, kind, id string
	old, next      map[string]any
	again          bool
	fail           map[string]error
	want           []string
	result         string // the physical id
	err            string
}

func (tt step) take(t *testing.T, s *services) (*resource.Result, error) {
	r, kind := s.request(tt.next), resource.Lookup(tt.kind)
	if tt.next != nil {
		ok(t, kind.Check(tt.next))
	}
	r.PhysicalID, r.Again = tt.id, tt.again
	switch {
	case tt.next == nil:
		r.Properties = tt.old
		return nil, kind.Delete(t.Context(), r)
	case tt.old != nil:
		r.Old, r.OldTags = tt.old, r.Tags
		return kind.Update(t.Context(), r)
	}
	return kind.Create(t.Context(), r)
}

func runSteps(t *testing.T, steps []step) {
	for _, tt := range steps {
		t.Run(tt.kind+" "+tt.name, func(t *testing.T) {
			s := newServices()
			for operation, err := range tt.fail {
				s.answers[operation] = []any{err}
			}
			out, err := tt.take(t, s)
			if err == nil && tt.err != "" || err != nil && err.Error() != tt.err {
				t.Errorf("error %v, want %q", err, tt.err)
			}
			if out != nil && out.PhysicalID != tt.result || out == nil && tt.result != "" {
				t.Errorf("%+v, want %q", out, tt.result)
			}
			s.expect(t, tt.want...)
		})
	}
}

func TestVersionAndAlias(t *testing.T) {
	version := map[string]any{"FunctionName": "fn", "Description": "d", "ProvisionedConcurrencyConfig": map[string]any{"ProvisionedConcurrentExecutions": "3"}}
	alias := map[string]any{"FunctionName": "fn", "FunctionVersion": "2", "Name": "live"}
	split := map[string]any{"FunctionName": "fn", "FunctionVersion": "2", "Name": "live", "Description": "d",
		"RoutingConfig": map[string]any{"AdditionalVersionWeights": []any{map[string]any{"FunctionVersion": int64(1), "FunctionWeight": "0.25"}}}}
	put, get := `lambda PutProvisionedConcurrencyConfig {"FunctionName":"fn","ProvisionedConcurrentExecutions":3,"Qualifier":"2"}`, `lambda GetProvisionedConcurrencyConfig {"FunctionName":"fn","Qualifier":"2"}`
	list, publish := `lambda ListVersionsByFunction {"FunctionName":"fn"}`, `lambda PublishVersion {"Description":"d","FunctionName":"fn"}`
	getTwo := `lambda GetFunctionConfiguration {"FunctionName":"fn","Qualifier":"2"}`
	runSteps(t, []step{
		{name: "create", kind: "AWS::Lambda::Version", next: version, result: fnARN + ":2", want: []string{getFn, list, publish, "saved " + fnARN + ":2", getTwo, put, get}},
		{name: "create again", kind: "AWS::Lambda::Version", next: version, again: true, result: fnARN + ":2", want: []string{getFn, publish, "saved " + fnARN + ":2", getTwo, put, get}},
		{name: "no more provisioned", kind: "AWS::Lambda::Version", id: fnARN + ":2", old: version, next: map[string]any{"FunctionName": "fn", "Description": "d"}, result: fnARN + ":2",
			want: []string{`lambda DeleteProvisionedConcurrencyConfig {"FunctionName":"fn","Qualifier":"2"}`}},
		{name: "delete", kind: "AWS::Lambda::Version", id: fnARN + ":2", old: version, fail: map[string]error{"DeleteFunction": missing()}, want: []string{`lambda DeleteFunction {"FunctionName":"fn","Qualifier":"2"}`}},
		{name: "create", kind: "AWS::Lambda::Alias", next: split, result: fnARN + ":live", want: []string{
			`lambda CreateAlias {"Description":"d","FunctionName":"fn","FunctionVersion":"2","Name":"live","RoutingConfig":{"AdditionalVersionWeights":{"1":0.25}}}`, "saved " + fnARN + ":live"}},
		{name: "create another's", kind: "AWS::Lambda::Alias", next: alias, fail: map[string]error{"CreateAlias": conflict()}, err: conflict().Error(),
			want: []string{`lambda CreateAlias {"FunctionName":"fn","FunctionVersion":"2","Name":"live"}`}},
		{name: "create again", kind: "AWS::Lambda::Alias", next: alias, again: true, fail: map[string]error{"CreateAlias": conflict()}, result: fnARN + ":live", want: []string{
			`lambda CreateAlias {"FunctionName":"fn","FunctionVersion":"2","Name":"live"}`,
			`lambda UpdateAlias {"Description":"","FunctionName":"fn","FunctionVersion":"2","Name":"live","RoutingConfig":{"AdditionalVersionWeights":{}}}`, "saved " + fnARN + ":live"}},
		{name: "nothing", kind: "AWS::Lambda::Alias", id: fnARN + ":live", old: alias, next: alias, result: fnARN + ":live"},
		{name: "whole again", kind: "AWS::Lambda::Alias", id: fnARN + ":live", old: split, next: alias, result: fnARN + ":live",
			want: []string{`lambda UpdateAlias {"Description":"","FunctionName":"fn","Name":"live","RoutingConfig":{"AdditionalVersionWeights":{}}}`}},
		{name: "delete", kind: "AWS::Lambda::Alias", id: fnARN + ":live", old: alias, want: []string{`lambda DeleteAlias {"FunctionName":"fn","Name":"live"}`}},
	})
}

// Publishing what has not changed since gives the version that is there, which is another resource's.
func TestVersionExists(t *testing.T) {
	s := newServices()
	s.answers["PublishVersion"] = []any{&lambda.FunctionConfiguration{FunctionArn: new(fnARN + ":1"), Version: new("1")}}
	out, err := resource.Lookup("AWS::Lambda::Version").Create(t.Context(), s.request(map[string]any{"FunctionName": "fn"}))
	if err == nil || err.Error() != "A version for this Lambda function exists ( 1 ). Modify the function to create a new version." || out != nil {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestURL(t *testing.T) {
	const kind = "AWS::Lambda::Url"
	open := map[string]any{"TargetFunctionArn": "fn", "AuthType": "NONE"}
	signed := map[string]any{"TargetFunctionArn": fnARN, "Qualifier": "live", "AuthType": "AWS_IAM", "InvokeMode": "RESPONSE_STREAM",
		"Cors": map[string]any{"AllowOrigins": []any{"*"}, "MaxAge": "60", "AllowCredentials": "false"}}
	runSteps(t, []step{
		{name: "create", kind: kind, next: open, result: fnARN, want: []string{`lambda CreateFunctionUrlConfig {"AuthType":"NONE","FunctionName":"fn"}`}},
		{name: "of an alias", kind: kind, next: map[string]any{"TargetFunctionArn": fnARN + ":live", "AuthType": "NONE"}, result: fnARN,
			want: []string{`lambda CreateFunctionUrlConfig {"AuthType":"NONE","FunctionName":"` + fnARN + `","Qualifier":"live"}`}},
		{name: "create another's", kind: kind, next: open, fail: map[string]error{"CreateFunctionUrlConfig": conflict()}, err: conflict().Error(),
			want: []string{`lambda CreateFunctionUrlConfig {"AuthType":"NONE","FunctionName":"fn"}`}},
		{name: "create again", kind: kind, next: open, again: true, fail: map[string]error{"CreateFunctionUrlConfig": conflict()}, result: fnARN, want: []string{
			`lambda CreateFunctionUrlConfig {"AuthType":"NONE","FunctionName":"fn"}`,
			`lambda UpdateFunctionUrlConfig {"AuthType":"NONE","Cors":{"AllowCredentials":,"AllowHeaders":,"AllowMethods":,"AllowOrigins":,"ExposeHeaders":,"MaxAge":},"FunctionName":"fn","InvokeMode":"BUFFERED"}`}},
		{name: "update", kind: kind, id: fnARN, old: open, next: signed, result: fnARN, want: []string{
			`lambda UpdateFunctionUrlConfig {"AuthType":"AWS_IAM","Cors":{"AllowCredentials":false,"AllowHeaders":,"AllowMethods":,"AllowOrigins":["*"],"ExposeHeaders":,"MaxAge":60},` +
				`"FunctionName":"` + fnARN + `","InvokeMode":"RESPONSE_STREAM","Qualifier":"live"}`}},
		{name: "delete", kind: kind, id: fnARN, old: signed, fail: map[string]error{"DeleteFunctionUrlConfig": missing()},
			want: []string{`lambda DeleteFunctionUrlConfig {"FunctionName":"` + fnARN + `","Qualifier":"live"}`}},
	})
}

func TestPermission(t *testing.T) {
	const kind, id = "AWS::Lambda::Permission", "demo-Name-ABCDEFGHIJKL"
	p := map[string]any{"FunctionName": "fn", "Action": "lambda:InvokeFunction", "Principal": "*", "InvokedViaFunctionUrl": "true"}
	add := `lambda AddPermission {"Action":"lambda:InvokeFunction","FunctionName":"fn","InvokedViaFunctionUrl":true,"Principal":"*","StatementId":"` + id + `"}`
	runSteps(t, []step{
		{name: "create", kind: kind, next: p, result: id, want: []string{add}},
		{name: "create another's", kind: kind, next: p, fail: map[string]error{"AddPermission": conflict()}, err: conflict().Error(), want: []string{add}},
		{name: "create again", kind: kind, next: p, again: true, fail: map[string]error{"AddPermission": conflict()}, result: id, want: []string{add}},
		{name: "delete", kind: kind, id: id, old: p, fail: map[string]error{"RemovePermission": missing()}, want: []string{`lambda RemovePermission {"FunctionName":"fn","StatementId":"` + id + `"}`}},
	})
}

func TestLayer(t *testing.T) {
	const kind, permission = "AWS::Lambda::LayerVersion", "AWS::Lambda::LayerVersionPermission"
	l := map[string]any{"LayerName": "l", "Content": map[string]any{"S3Bucket": "b", "S3Key": "k"}, "CompatibleRuntimes": []any{"python3.13"}}
	list, get := `lambda ListLayerVersions {"LayerName":"l","MaxItems":1}`, `lambda GetLayerVersionByArn {"Arn":"`+layerARN+`:5"}`
	publish := `lambda PublishLayerVersion {"CompatibleRuntimes":["python3.13"],"Content":{"S3Bucket":"b","S3Key":"k","S3ObjectVersion":,"S3ObjectStorageMode":,"ZipFile":},"LayerName":"l"}`
	p := map[string]any{"LayerVersionArn": layerARN + ":5", "Action": "lambda:GetLayerVersion", "Principal": "*"}
	id := layerARN + ":5#demo-Name-ABCDEFGHIJKL"
	runSteps(t, []step{
		{name: "create", kind: kind, next: l, result: layerARN + ":5", want: []string{list, "saved " + layerARN + ":5", publish}},
		{name: "create again, as it was made", kind: kind, id: layerARN + ":5", next: l, again: true, result: layerARN + ":5", want: []string{get}},
		{name: "create again, as it was not", kind: kind, id: layerARN + ":5", next: l, again: true, fail: map[string]error{"GetLayerVersionByArn": missing()}, result: layerARN + ":5",
			want: []string{get, list, "saved " + layerARN + ":5", publish}},
		{name: "delete", kind: kind, id: layerARN + ":5", old: l, want: []string{`lambda DeleteLayerVersion {"LayerName":"` + layerARN + `","VersionNumber":5}`}},
		{name: "create", kind: permission, next: p, result: id, want: []string{
			`lambda AddLayerVersionPermission {"Action":"lambda:GetLayerVersion","LayerName":"` + layerARN + `","Principal":"*","StatementId":"demo-Name-ABCDEFGHIJKL","VersionNumber":5}`}},
		{name: "delete", kind: permission, id: id, old: p, fail: map[string]error{"RemoveLayerVersionPermission": missing()}, want: []string{
			`lambda RemoveLayerVersionPermission {"LayerName":"` + layerARN + `","StatementId":"demo-Name-ABCDEFGHIJKL","VersionNumber":5}`}},
	})
}

func TestEventInvokeConfig(t *testing.T) {
	const kind, id = "AWS::Lambda::EventInvokeConfig", "fn|$LATEST"
	p := map[string]any{"FunctionName": "fn", "Qualifier": "$LATEST", "MaximumRetryAttempts": "0", "DestinationConfig": map[string]any{"OnFailure": map[string]any{"Destination": fnARN}}}
	get := `lambda GetFunctionEventInvokeConfig {"FunctionName":"fn","Qualifier":"$LATEST"}`
	put := `lambda PutFunctionEventInvokeConfig {"DestinationConfig":{"OnSuccess":,"OnFailure":{"Destination":"` + fnARN + `"}},"FunctionName":"fn","MaximumRetryAttempts":0,"Qualifier":"$LATEST"}`
	runSteps(t, []step{
		{name: "create", kind: kind, next: p, result: id, want: []string{get, put}},
		{name: "create another's", kind: kind, next: p, fail: map[string]error{"GetFunctionEventInvokeConfig": nil}, want: []string{get},
			err: "Resource of type 'AWS::Lambda::EventInvokeConfig' with identifier 'fn|$LATEST' already exists."},
		{name: "create again", kind: kind, next: p, again: true, result: id, want: []string{put}},
		{name: "update", kind: kind, id: id, old: p, next: p, result: id, want: []string{put}},
		{name: "delete", kind: kind, id: id, old: p, want: []string{`lambda DeleteFunctionEventInvokeConfig {"FunctionName":"fn","Qualifier":"$LATEST"}`}},
	})
}

func TestLogGroup(t *testing.T) {
	const kind = "AWS::Logs::LogGroup"
	p := map[string]any{"LogGroupName": "g", "RetentionInDays": "7", "Tags": []any{map[string]any{"Key": "a", "Value": "b"}}}
	runSteps(t, []step{
		{name: "create", kind: kind, next: p, result: "g", want: []string{`logs CreateLogGroup {"LogGroupName":"g","Tags":{"a":"b"}}`, `logs PutRetentionPolicy {"LogGroupName":"g","RetentionInDays":7}`}},
		{name: "create again", kind: kind, next: map[string]any{}, again: true, fail: map[string]error{"CreateLogGroup": &awsapi.Error{Code: "ResourceAlreadyExistsException"}}, result: "demo-Name-ABCDEFGHIJKL",
			want: []string{`logs CreateLogGroup {"LogGroupName":"demo-Name-ABCDEFGHIJKL"}`}},
		{name: "update", kind: kind, id: "g", old: p, next: map[string]any{"LogGroupName": "g", "DeletionProtectionEnabled": true}, result: "g", want: []string{
			`logs DeleteRetentionPolicy {"LogGroupName":"g"}`, `logs PutLogGroupDeletionProtection {"DeletionProtectionEnabled":true,"LogGroupIdentifier":"g"}`,
			`logs UntagResource {"ResourceArn":"arn:aws:logs:us-east-1:000000000000:log-group:g","TagKeys":["a"]}`}},
		{name: "delete", kind: kind, id: "g", old: p, fail: map[string]error{"DeleteLogGroup": missing()}, want: []string{`logs DeleteLogGroup {"LogGroupName":"g"}`}},
	})
}

func TestBucket(t *testing.T) {
	const kind, policy = "AWS::S3::Bucket", "AWS::S3::BucketPolicy"
	p := map[string]any{
		"BucketName": "b", "AccessControl": "Private", "VersioningConfiguration": map[string]any{"Status": "Enabled"},
		"BucketEncryption":               map[string]any{"ServerSideEncryptionConfiguration": []any{map[string]any{"ServerSideEncryptionByDefault": map[string]any{"SSEAlgorithm": "aws:kms"}}}},
		"PublicAccessBlockConfiguration": map[string]any{"BlockPublicAcls": "true", "BlockPublicPolicy": true},
		"OwnershipControls":              map[string]any{"Rules": []any{map[string]any{"ObjectOwnership": "BucketOwnerEnforced"}}},
		"LifecycleConfiguration": map[string]any{"Rules": []any{map[string]any{"Id": "old", "Status": "Enabled", "NoncurrentVersionExpiration": map[string]any{"NoncurrentDays": int64(30)},
			"AbortIncompleteMultipartUpload": map[string]any{"DaysAfterInitiation": "1"}}}},
	}
	document := map[string]any{"Bucket": "b", "PolicyDocument": map[string]any{"Statement": []any{}}}
	runSteps(t, []step{
		{name: "create", kind: kind, next: p, result: "b", want: []string{
			`s3 CreateBucket {"Bucket":"b","ObjectOwnership":"BucketOwnerEnforced"}`, `s3 PutBucketVersioning {"Bucket":"b","Status":"Enabled"}`,
			`s3 PutBucketEncryption {"Bucket":"b","Rules":[{"algorithm":"aws:kms"}]}`,
			`s3 PutPublicAccessBlock {"Block":{"blockPublicAcls":true,"ignorePublicAcls":false,"blockPublicPolicy":true,"restrictPublicBuckets":false},"Bucket":"b"}`,
			`s3 PutBucketLifecycleConfiguration {"Bucket":"b","Rules":[{"id":"old","enabled":true,"noncurrentDays":30,"abortDays":1}]}`}},
		{name: "generated name", kind: kind, next: map[string]any{}, again: true, fail: map[string]error{"CreateBucket": &awsapi.Error{Code: "BucketAlreadyOwnedByYou"}}, result: "demo-name-abcdefghijkl",
			want: []string{`s3 CreateBucket {"Bucket":"demo-name-abcdefghijkl"}`}},
		{name: "all gone", kind: kind, id: "b", old: p, next: map[string]any{"BucketName": "b"}, result: "b", want: []string{
			`s3 PutBucketVersioning {"Bucket":"b","Status":"Suspended"}`, `s3 DeleteBucketEncryption {"Bucket":"b"}`, `s3 DeletePublicAccessBlock {"Bucket":"b"}`,
			`s3 DeleteBucketLifecycle {"Bucket":"b"}`, `s3 DeleteBucketOwnershipControls {"Bucket":"b"}`}},
		{name: "delete", kind: kind, id: "b", old: p, fail: map[string]error{"DeleteBucket": &awsapi.Error{Code: "NoSuchBucket"}}, want: []string{`s3 DeleteBucket {"Bucket":"b"}`}},
		{name: "create", kind: policy, next: document, result: "b", want: []string{`s3 GetBucketPolicy {"Bucket":"b"}`, `s3 PutBucketPolicy {"Bucket":"b","Policy":"{\"Statement\":[]}"}`}},
		{name: "create another's", kind: policy, next: document, fail: map[string]error{"GetBucketPolicy": nil}, want: []string{`s3 GetBucketPolicy {"Bucket":"b"}`},
			err: "The bucket policy already exists on bucket b."},
		{name: "delete", kind: policy, id: "b", old: document, fail: map[string]error{"DeleteBucketPolicy": &awsapi.Error{Code: "NoSuchBucketPolicy"}}, want: []string{`s3 DeleteBucketPolicy {"Bucket":"b"}`}},
	})
}
