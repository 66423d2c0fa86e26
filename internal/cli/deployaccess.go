package cli

import (
	"context"
	"strings"

	"furl/internal/admin"
	"furl/internal/iam"
	"furl/internal/lambda"
)

// standardRole is the role that functions run with unless another is named.
const standardRole = "furl-basic-execution"

// Statements of the resource policy that open a URL to everyone. Their ids are
// those that AWS's own tools use.
const (
	publicURLStatement    = "FunctionURLAllowPublicAccess"
	publicInvokeStatement = "FunctionURLInvokeAllowPublicAccess"
)

// roleARN is the ARN of the role that was named, or of the standard role,
// which is made when it is missing.
func (d *deployer) roleARN(ctx context.Context, name string) (string, error) {
	if strings.HasPrefix(name, "arn:") {
		return name, nil
	}
	wanted := name
	if wanted == "" {
		wanted = standardRole
	}
	got, err := d.iam.GetRole(ctx, &iam.GetRoleRequest{RoleName: wanted})
	switch {
	case err == nil:
		return got.Role.Arn, nil
	case !isCode(err, "NoSuchEntity"):
		return "", err
	case name != "" && name != standardRole:
		return "", withHint(err, "make it: aws iam create-role --role-name "+admin.ShellQuote(name)+
			" --assume-role-policy-document "+admin.ShellQuote(lambda.TrustPolicy), "or leave --role out: furl makes a role")
	}
	made, err := d.iam.CreateRole(ctx, &iam.CreateRoleRequest{
		RoleName:                 standardRole,
		AssumeRolePolicyDocument: lambda.TrustPolicy,
		Description:              new("Functions that furl up and furl deploy made; it grants nothing."),
	})
	if isCode(err, "EntityAlreadyExists") {
		return d.roleARN(ctx, name)
	}
	if err != nil {
		return "", err
	}
	d.progress("role %s created", standardRole)
	return made.Role.Arn, nil
}

// url gives the function a URL with an AuthType, or its URL that AuthType. One
// with NONE is opened to everyone.
func (d *deployer) url(ctx context.Context, name string, auth lambda.FunctionUrlAuthType) (string, error) {
	address, err := d.urlConfig(ctx, name, auth)
	if err != nil || auth != lambda.FunctionUrlAuthTypeNone {
		return address, err
	}
	for _, in := range []*lambda.AddPermissionRequest{
		{StatementId: publicURLStatement, Action: "lambda:InvokeFunctionUrl", FunctionUrlAuthType: &auth},
		{StatementId: publicInvokeStatement, Action: "lambda:InvokeFunction", InvokedViaFunctionUrl: new(true)},
	} {
		in.FunctionName, in.Principal = name, "*"
		if _, err := d.lambda.AddPermission(ctx, in); err != nil && !isCode(err, "ResourceConflictException") {
			return "", err
		}
	}
	return address, nil
}

func (d *deployer) urlConfig(ctx context.Context, name string, auth lambda.FunctionUrlAuthType) (string, error) {
	have, err := d.lambda.GetFunctionUrlConfig(ctx, &lambda.GetFunctionUrlConfigRequest{FunctionName: name})
	switch {
	case isCode(err, "ResourceNotFoundException"):
		made, err := d.lambda.CreateFunctionUrlConfig(ctx, &lambda.CreateFunctionUrlConfigRequest{FunctionName: name, AuthType: auth})
		if isCode(err, "ResourceConflictException") {
			return d.urlConfig(ctx, name, auth) // made by somebody else just now
		}
		if err != nil {
			return "", err
		}
		return made.FunctionUrl, nil
	case err != nil:
		return "", err
	case have.AuthType != auth:
		_, err = d.lambda.UpdateFunctionUrlConfig(ctx, &lambda.UpdateFunctionUrlConfigRequest{FunctionName: name, AuthType: &auth})
	}
	return have.FunctionUrl, err
}
