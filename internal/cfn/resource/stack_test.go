package resource_test

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"furl/internal/authz"
	"furl/internal/cfn/stack"
	"furl/internal/iam"
	"furl/internal/lambda"
)

// appTemplate is a function with a URL that is open, and what it needs.
const appTemplate = `
Parameters:
  Word: {Type: String, Default: one}
  FunctionName: {Type: String, Default: first}
  Weight: {Type: String, Default: '0.5'}
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: {Version: '2012-10-17', Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: 'sts:AssumeRole'}]}
  Function:
    Type: AWS::Lambda::Function
    Properties:
      FunctionName: !Ref FunctionName
      Runtime: python3.13
      Handler: index.handler
      Role: !GetAtt Role.Arn
      Environment: {Variables: {WORD: !Ref Word}}
      Code: {ZipFile: 'def handler(e, c): pass'}
  Version:
    Type: AWS::Lambda::Version
    Properties: {FunctionName: !Ref Function}
  Alias:
    Type: AWS::Lambda::Alias
    Properties:
      FunctionName: !Ref Function
      FunctionVersion: !GetAtt Version.Version
      Name: live
  Split:
    Type: AWS::Lambda::Alias
    DependsOn: Url
    Properties:
      FunctionName: !Ref Function
      FunctionVersion: !GetAtt Version.Version
      Name: split
      Description: !Ref Weight
      RoutingConfig: !If [Broken, {AdditionalVersionWeights: [{FunctionVersion: '7', FunctionWeight: '0.5'}]}, !Ref AWS::NoValue]
  Url:
    Type: AWS::Lambda::Url
    Properties: {TargetFunctionArn: !Ref Alias, AuthType: NONE}
  Open:
    Type: AWS::Lambda::Permission
    Properties: {FunctionName: !Ref Alias, Action: 'lambda:InvokeFunctionUrl', Principal: '*', FunctionUrlAuthType: NONE}
Conditions:
  Broken: !Equals [!Ref Weight, broken]
Outputs:
  Url: {Value: !GetAtt Url.FunctionUrl}
`

const stackID = "arn:aws:cloudformation:us-east-1:000000000000:stack/app/11111111-2222-3333-4444-555555555555"

// app is a stack on Lambda and IAM themselves.
type app struct {
	*functions
	runner *stack.Runner
}

func newApp(t *testing.T) *app {
	t.Helper()
	a := &app{functions: newFunctions(t)}
	var err error
	a.runner, err = stack.New(t.Context(), stack.Options{Store: a.store, Box: a.box,
		Invoke: func(ctx context.Context, _ authz.Identity, service, operation string, in any) (any, error) {
			return a.Invoke(ctx, service, operation, in)
		}})
	ok(t, err)
	t.Cleanup(func() { ok(t, a.runner.Close()) })
	return a
}

func definition(parameters map[string]string) stack.Definition {
	var d stack.Definition
	d.SetBody(appTemplate)
	for _, key := range slices.Sorted(maps.Keys(parameters)) {
		d.Parameters = append(d.Parameters, stack.Parameter{Key: key, Value: parameters[key]})
	}
	return d
}

// ended waits for the operation under way, checks how it ended, and returns the output Url.
func (a *app) ended(want stack.Status) string {
	a.t.Helper()
	ok(a.t, a.runner.Wait(a.t.Context(), stackID))
	s, err := a.runner.Stack(a.t.Context(), "000000000000", "us-east-1", stackID)
	ok(a.t, err)
	if s.Status != want {
		events, err := a.runner.Events(a.t.Context(), stackID)
		ok(a.t, err)
		text, err := json.MarshalIndent(events, "", " ")
		ok(a.t, err)
		a.t.Fatalf("%s (%s), want %s\n%s", s.Status, s.Reason, want, text)
	}
	for _, o := range s.Outputs {
		if o.Key == "Url" {
			return o.Value
		}
	}
	return ""
}

func (a *app) update(parameters map[string]string) {
	a.t.Helper()
	_, err := a.runner.Begin(a.t.Context(), stackID, func(s *stack.Stack) error {
		d := definition(parameters)
		s.Next, s.Status = &d, stack.UpdateInProgress
		return nil
	})
	ok(a.t, err)
}

// word is what the function is configured with; empty without the function.
func (a *app) word(name string) string {
	c, err := invoked[lambda.FunctionConfiguration](a.functions, "GetFunctionConfiguration", &lambda.GetFunctionConfigurationRequest{FunctionName: name})
	if err != nil {
		return ""
	}
	return c.Environment.Variables["WORD"]
}

// A stack is made, changed in place, rolled back, changed with replacements, and deleted.
func TestStack(t *testing.T) {
	a := newApp(t)
	s := &stack.Stack{ID: stackID, Name: "app", Account: "000000000000", Region: "us-east-1", Status: stack.CreateInProgress, Now: definition(nil)}
	ok(t, a.runner.Create(t.Context(), s))
	url := a.ended(stack.CreateComplete)
	if !strings.HasPrefix(url, "https://") || a.word("first") != "one" {
		t.Errorf("%q, %q", url, a.word("first"))
	}

	a.update(map[string]string{"Word": "two"})
	if again := a.ended(stack.UpdateComplete); again != url || a.word("first") != "two" {
		t.Errorf("%q, %q", again, a.word("first"))
	}

	a.update(map[string]string{"Word": "three", "Weight": "broken"})
	if again := a.ended(stack.UpdateRollbackComplete); again != url || a.word("first") != "two" {
		t.Errorf("%q, %q", again, a.word("first"))
	}

	a.update(map[string]string{"Word": "two", "FunctionName": "second"})
	if again := a.ended(stack.UpdateComplete); again == url || a.word("first") != "" || a.word("second") != "two" {
		t.Errorf("%q, %q, %q", again, a.word("first"), a.word("second"))
	}

	_, err := a.runner.Begin(t.Context(), stackID, func(s *stack.Stack) error {
		s.Status = stack.DeleteInProgress
		return nil
	})
	ok(t, err)
	a.ended(stack.DeleteComplete)
	roles, err := a.Invoke(t.Context(), "iam", "ListRoles", &iam.ListRolesRequest{})
	if ok(t, err); len(roles.(*iam.ListRolesResponse).Roles) > 0 {
		t.Errorf("%+v", roles)
	}
	a.absent("second")
}
