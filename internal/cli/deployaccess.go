package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
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

// functionURL is the URL that a function was given, or had.
type functionURL struct {
	address string
	auth    lambda.FunctionUrlAuthType
	// made and changed tell that the URL is new, or has another AuthType.
	made, changed bool
}

// url gives the function a URL, or its URL the AuthType that the spec names. One
// with NONE is opened to everyone; one that the spec wants signed is closed.
func (d *deployer) url(ctx context.Context, s *spec, arn string) (functionURL, error) {
	u, err := d.urlConfig(ctx, s, arn)
	switch {
	case err != nil:
		return u, err
	case u.auth == lambda.FunctionUrlAuthTypeNone:
		return u, d.open(ctx, s.name, u)
	case s.auth != "" && !u.made:
		return u, d.shut(ctx, s.name)
	}
	return u, nil
}

func (d *deployer) urlConfig(ctx context.Context, s *spec, arn string) (functionURL, error) {
	have, err := d.lambda.GetFunctionUrlConfig(ctx, &lambda.GetFunctionUrlConfigRequest{FunctionName: s.name})
	wanted := lambda.FunctionUrlAuthType(s.auth)
	if isCode(err, "ResourceNotFoundException") {
		if s.urlID != "" {
			err := d.lambda.TagResource(ctx, &lambda.TagResourceRequest{Resource: arn, Tags: map[string]string{lambda.TagURLID: s.urlID}})
			if err != nil {
				return functionURL{}, err
			}
		}
		wanted = cmp.Or(wanted, lambda.FunctionUrlAuthType(s.newAuth))
		made, err := d.lambda.CreateFunctionUrlConfig(ctx, &lambda.CreateFunctionUrlConfigRequest{FunctionName: s.name, AuthType: wanted})
		if isCode(err, "ResourceConflictException") && s.urlID == "" {
			return d.urlConfig(ctx, s, arn) // made by somebody else just now
		}
		if err != nil {
			return functionURL{}, err
		}
		return functionURL{address: made.FunctionUrl, auth: wanted, made: true}, nil
	}
	if err != nil {
		return functionURL{}, err
	}
	if s.urlID != "" && !strings.Contains(have.FunctionUrl, "://"+s.urlID+".") {
		return functionURL{}, withHint(fmt.Errorf("function %s has the URL %s already", s.name, have.FunctionUrl),
			"a URL keeps its url-id; take it away first: aws lambda delete-function-url-config --function-name "+admin.ShellQuote(s.name))
	}
	if wanted == "" || wanted == have.AuthType {
		return functionURL{address: have.FunctionUrl, auth: have.AuthType}, nil
	}
	_, err = d.lambda.UpdateFunctionUrlConfig(ctx, &lambda.UpdateFunctionUrlConfigRequest{FunctionName: s.name, AuthType: &wanted})
	if err != nil {
		return functionURL{}, err
	}
	meaning := "open to everyone"
	if wanted == lambda.FunctionUrlAuthTypeAwsIam {
		meaning = "for signed calls only"
	}
	d.progress("URL: %s -> %s, %s", have.AuthType, wanted, meaning)
	return functionURL{address: have.FunctionUrl, auth: wanted, changed: true}, nil
}

// open gives everyone the permissions for a URL with the AuthType NONE. That is
// told of a URL that lacked them.
func (d *deployer) open(ctx context.Context, name string, u functionURL) error {
	auth := lambda.FunctionUrlAuthTypeNone
	for _, in := range []*lambda.AddPermissionRequest{
		{StatementId: publicURLStatement, Action: "lambda:InvokeFunctionUrl", FunctionUrlAuthType: &auth},
		{StatementId: publicInvokeStatement, Action: "lambda:InvokeFunction", InvokedViaFunctionUrl: new(true)},
	} {
		in.FunctionName, in.Principal = name, "*"
		_, err := d.lambda.AddPermission(ctx, in)
		switch {
		case isCode(err, "ResourceConflictException"): // it is there
		case err != nil:
			return err
		case !u.made && !u.changed:
			d.progress("URL: permission %s added, open to everyone", in.StatementId)
		}
	}
	return nil
}

// shut takes the permissions that open adds away again. Statements that
// somebody else wrote under the same ids stay.
func (d *deployer) shut(ctx context.Context, name string) error {
	got, err := d.lambda.GetPolicy(ctx, &lambda.GetPolicyRequest{FunctionName: name})
	if isCode(err, "ResourceNotFoundException") {
		return nil // it has no policy
	}
	if err != nil {
		return err
	}
	sids, err := publicStatements(value(got.Policy))
	if err != nil {
		return err
	}
	for _, sid := range sids {
		err := d.lambda.RemovePermission(ctx, &lambda.RemovePermissionRequest{FunctionName: name, StatementId: sid})
		if err != nil && !isCode(err, "ResourceNotFoundException") {
			return err
		}
	}
	return nil
}

// publicStatements are the ids of the statements in a resource policy that are
// as open writes them.
func publicStatements(policy string) ([]string, error) {
	var doc struct {
		Statement []struct {
			Sid, Effect string
			Principal   any
			Condition   map[string]map[string]any
		}
	}
	if err := json.Unmarshal([]byte(policy), &doc); err != nil {
		return nil, fmt.Errorf("policy of the function: %w", err)
	}
	var sids []string
	for _, st := range doc.Statement {
		everyone := st.Effect == "Allow" && st.Principal == "*"
		unsigned := st.Sid == publicURLStatement && st.Condition["StringEquals"]["lambda:FunctionUrlAuthType"] == string(lambda.FunctionUrlAuthTypeNone)
		if everyone && (unsigned || st.Sid == publicInvokeStatement) {
			sids = append(sids, st.Sid)
		}
	}
	return sids, nil
}
