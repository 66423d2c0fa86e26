package furl_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"furl"
	"furl/internal/iam"
	"furl/internal/lambda"
)

// versioned is the code of one version: it says which, what the platform calls it, and by which ARN it was called.
func versioned(number int) string {
	return fmt.Sprintf(`import json
def lambda_handler(event, context):
    seen = {"code": %d, "version": context.function_version, "arn": context.invoked_function_arn}
    return {"statusCode": 200, "body": json.dumps(seen)} if "requestContext" in event else seen
`, number)
}

// versionSeen is what such a function says.
type versionSeen struct {
	Code    int
	Version string
	ARN     string
}

// aliased is a function with an alias, live, that points to its version 1 and has an open URL.
type aliased struct {
	*inProcess
	name, url string
}

func serveAlias(t *testing.T, name string) *aliased {
	t.Helper()
	a := &aliased{inProcess: serve(t, furl.Config{}), name: name}
	ctx := t.Context()
	role, err := a.iam.CreateRole(ctx, &iam.CreateRoleRequest{RoleName: name, AssumeRolePolicyDocument: lambda.TrustPolicy})
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.lambda.CreateFunction(ctx, &lambda.CreateFunctionRequest{
		FunctionName: name, Role: role.Role.Arn, Runtime: new(anyRuntime()), Handler: new("lambda_function.lambda_handler"),
		Code: lambda.FunctionCode{ZipFile: archive(t, "lambda_function.py", versioned(1))}, Timeout: new(30), Publish: new(true),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.lambda.CreateAlias(ctx, &lambda.CreateAliasRequest{FunctionName: name, Name: "live", FunctionVersion: "1"}); err != nil {
		t.Fatal(err)
	}
	made, err := a.lambda.CreateFunctionUrlConfig(ctx, &lambda.CreateFunctionUrlConfigRequest{FunctionName: name, Qualifier: new("live"), AuthType: "NONE"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.lambda.AddPermission(ctx, &lambda.AddPermissionRequest{
		FunctionName: name, Qualifier: new("live"), StatementId: "https", Action: "lambda:InvokeFunctionUrl", Principal: "*",
		FunctionUrlAuthType: new(lambda.FunctionUrlAuthType("NONE")),
	})
	if err != nil {
		t.Fatal(err)
	}
	a.url = made.FunctionUrl
	return a
}

// publish deploys the code of a version as a user does, and returns when the function has settled.
func (a *aliased) publish(t *testing.T, number int) error {
	ctx := t.Context()
	if err := a.settled(ctx); err != nil {
		return err
	}
	made, err := a.lambda.UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeRequest{
		FunctionName: a.name, ZipFile: archive(t, "lambda_function.py", versioned(number)), Publish: new(true),
	})
	if err == nil && (made.Version == nil || *made.Version != strconv.Itoa(number)) {
		err = fmt.Errorf("published %v, want version %d", made.Version, number)
	}
	if err == nil {
		err = a.settled(ctx)
	}
	return err
}

// settled waits until the function can be called and changed.
func (a *aliased) settled(ctx context.Context) error {
	tick := time.NewTicker(pollPeriod)
	defer tick.Stop()
	for {
		c, err := a.lambda.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationRequest{FunctionName: a.name})
		if err != nil || c.State != nil && *c.State == "Active" && c.LastUpdateStatus != nil && *c.LastUpdateStatus == "Successful" {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// call asks the URL which version answers.
func (a *aliased) call(ctx context.Context) (versionSeen, error) {
	var seen versionSeen
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, a.info.Endpoint, nil)
	if err != nil {
		return seen, err
	}
	r.Host = strings.TrimSuffix(strings.TrimPrefix(a.url, "http://"), "/")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return seen, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%d %s", resp.StatusCode, body)
	}
	if err == nil {
		err = json.Unmarshal(body, &seen)
	}
	if want := ":function:" + a.name + ":live"; err == nil && (seen.Version != strconv.Itoa(seen.Code) || !strings.HasSuffix(seen.ARN, want)) {
		err = fmt.Errorf("%+v: not one version, or not called as %s", seen, want)
	}
	return seen, err
}

// TestDeployUnderLoad moves an alias from version to version while clients call its URL without a pause. Every call is
// answered, by a version that the alias had while the call lasted: none is lost, and none that began after the move was
// acknowledged reaches the version before.
func TestDeployUnderLoad(t *testing.T) {
	const clients, last = 4, 6
	a := serveAlias(t, "deployed-under-load")
	var acknowledged, asked atomic.Int64 // versions
	acknowledged.Store(1)
	asked.Store(1)
	ctx, stop := context.WithCancel(t.Context())
	var answers [last + 1]atomic.Int64
	var group sync.WaitGroup
	for range clients {
		group.Go(func() {
			for ctx.Err() == nil {
				low := acknowledged.Load()
				seen, err := a.call(t.Context())
				high := asked.Load()
				if err != nil {
					t.Errorf("while version %d to %d was live: %v", low, high, err)
					return
				}
				if v := int64(seen.Code); v < low || v > high {
					t.Errorf("version %d answered, live was %d to %d", v, low, high)
					return
				}
				answers[seen.Code].Add(1)
			}
		})
	}
	for version := int64(2); version <= last; version++ {
		if err := a.publish(t, int(version)); err != nil {
			t.Error(err)
			break
		}
		asked.Store(version)
		number := strconv.FormatInt(version, 10)
		if _, err := a.lambda.UpdateAlias(t.Context(), &lambda.UpdateAliasRequest{FunctionName: a.name, Name: "live", FunctionVersion: &number}); err != nil {
			t.Error(err)
			break
		}
		acknowledged.Store(version)
		for n := answers[version].Load(); answers[version].Load() < n+clients && !t.Failed(); {
			if _, err := a.call(t.Context()); err != nil {
				t.Error(err)
			}
		}
	}
	stop()
	group.Wait()
	for version := 1; version <= last; version++ {
		if answers[version].Load() == 0 {
			t.Errorf("version %d answered no call", version)
		}
	}
}

// TestWeightedRouting gives a second version a share of an alias's calls, by URL and by Invoke: each call runs one version
// entirely, and the shares are as given. The bound is one that a right proportion exceeds once in millions.
func TestWeightedRouting(t *testing.T) {
	const calls, clients, weight = 1200, 4, 0.3
	a := serveAlias(t, "weighted")
	if err := a.publish(t, 2); err != nil {
		t.Fatal(err)
	}
	_, err := a.lambda.UpdateAlias(t.Context(), &lambda.UpdateAliasRequest{
		FunctionName: a.name, Name: "live",
		RoutingConfig: &lambda.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{"2": weight}},
	})
	if err != nil {
		t.Fatal(err)
	}
	check := func(t *testing.T, call func() (int, error)) {
		t.Helper()
		var second atomic.Int64
		var group sync.WaitGroup
		for range clients {
			group.Go(func() {
				for range calls / clients {
					version, err := call()
					if err != nil {
						t.Error(err)
						return
					}
					second.Add(int64(version - 1))
				}
			})
		}
		group.Wait()
		got, bound := float64(second.Load())/calls, 5*math.Sqrt(weight*(1-weight)/calls)
		if math.Abs(got-weight) > bound {
			t.Errorf("version 2 answered %.3f of the calls, want %.2f ± %.3f", got, weight, bound)
		}
	}
	t.Run("url", func(t *testing.T) {
		check(t, func() (int, error) {
			seen, err := a.call(t.Context())
			return seen.Code, err
		})
	})
	t.Run("invoke", func(t *testing.T) {
		check(t, func() (int, error) {
			var seen versionSeen
			out, err := a.lambda.Invoke(t.Context(), &lambda.InvocationRequest{FunctionName: a.name, Qualifier: new("live"), Payload: []byte("{}")})
			if err == nil {
				err = json.Unmarshal(out.Payload, &seen)
			}
			if err == nil && (out.ExecutedVersion == nil || *out.ExecutedVersion != seen.Version || seen.Version != strconv.Itoa(seen.Code)) {
				err = fmt.Errorf("executed version %v, the function says %+v", out.ExecutedVersion, seen)
			}
			return seen.Code, err
		})
	})
}
