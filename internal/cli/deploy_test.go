package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// deployed is what `furl deploy --json` prints.
type deployed struct {
	FunctionName, FunctionArn, Runtime, Handler, CodeSha256, Action, FunctionUrl, AuthType string
	CodeSize                                                                               int64
}

func deploy(t *testing.T, environ []string, args ...string) deployed {
	t.Helper()
	var d deployed
	if err := json.Unmarshal([]byte(furlWith(t, environ, append([]string{"deploy", "--json"}, args...)...).ok(t)), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// TestDeployIsIdempotent: doing it again changes what differs and no more, at
// the same address.
func TestDeployIsIdempotent(t *testing.T) {
	environ, _ := serve(t)
	dir := write(t, map[string]string{"lambda_function.py": handlerText})
	first := deploy(t, environ, dir, "--url", "NONE", "--runtime", "python3.12", "--env", "AA=1", "--env", "BB=two=2")
	if first.Action != "created" || first.FunctionName != "app" || first.Handler != "lambda_function.lambda_handler" || first.Runtime != "python3.12" || first.FunctionUrl == "" || first.AuthType != "NONE" {
		t.Fatalf("%+v", first)
	}
	if again := deploy(t, environ, dir, "--url", "none"); again.Action != "unchanged" || again.FunctionUrl != first.FunctionUrl {
		t.Errorf("again: %+v", again)
	}
	steps := []struct {
		name string
		args []string
		want func(deployed) bool
	}{
		{"a value that it has", []string{"--memory", "128", "--timeout", "3", "--env", "AA=1", "--env", "BB=two=2"}, func(d deployed) bool { return d.Action == "unchanged" }},
		{"a setting", []string{"--memory", "256"}, func(d deployed) bool { return d.Action == "updated" && d.CodeSha256 == first.CodeSha256 }},
		{"a setting that stayed", []string{"--memory", "256"}, func(d deployed) bool { return d.Action == "unchanged" }},
		{"variables", []string{"--env", "AA=2"}, func(d deployed) bool { return d.Action == "updated" }},
		{"a handler by hand", []string{"--handler", "lambda_function.other"}, func(d deployed) bool { return d.Handler == "lambda_function.other" }},
		{"the handler stays", nil, func(d deployed) bool { return d.Action == "unchanged" && d.Handler == "lambda_function.other" }},
		{"a runtime", []string{"--runtime", "python3.11"}, func(d deployed) bool { return d.Runtime == "python3.11" && d.Action == "updated" }},
		{"another kind of URL", []string{"--url", "AWS_IAM"}, func(d deployed) bool { return d.AuthType == "AWS_IAM" && d.FunctionUrl == first.FunctionUrl }},
	}
	for _, step := range steps {
		if d := deploy(t, environ, append([]string{dir}, step.args...)...); !step.want(d) {
			t.Errorf("%s: %+v", step.name, d)
		}
	}
	if err := os.Rename(filepath.Join(dir, "lambda_function.py"), filepath.Join(dir, "handler.py")); err != nil {
		t.Fatal(err)
	}
	if d := deploy(t, environ, dir); d.Action != "updated" || d.Handler != "handler.lambda_handler" || d.Runtime != "python3.11" || d.CodeSha256 == first.CodeSha256 {
		t.Errorf("moved code: %+v", d)
	}
	if d := deploy(t, environ, zipped(t, dir), "--name", "app"); d.Handler != "handler.lambda_handler" {
		t.Errorf("a package: %+v", d)
	}
}

// TestUpOpensTheURL: NONE comes with the permissions of both modes.
func TestUpOpensTheURL(t *testing.T) {
	environ, _ := serve(t)
	dir := write(t, map[string]string{"lambda_function.py": handlerText})
	out := furlWith(t, environ, "up", dir)
	out.matches(t, 0, `\Ahttp://[a-z0-9]{32}\.lambda-url\.us-east-1\.localhost:\d+/\n\z`, `^role furl-basic-execution created\n(.*\n)*function app created`)
	furlWith(t, environ, "up", dir).matches(t, 0, `\A`+strings.TrimSpace(out.stdout)+`\n\z`, `\Afunction app unchanged`)
	var verdict struct{ Allowed, DualWouldRefuse bool }
	if err := json.Unmarshal([]byte(furlWith(t, environ, "explain", "app", "--json").ok(t)), &verdict); err != nil || !verdict.Allowed || verdict.DualWouldRefuse {
		t.Errorf("%+v, %v", verdict, err)
	}
	furlWith(t, environ, "up", dir, "--name", "signed", "--auth-type", "AWS_IAM").matches(t, 0, "^http://", "created")
	furlWith(t, environ, "explain", "signed").matches(t, 1, `^refused: the URL's AuthType is AWS_IAM`, "")
	furlWith(t, environ, "explain", "nope").matches(t, 1, "", `Function not found.*\nhint: furl list shows`)
	furlWith(t, environ, "explain", "signed", "--as", "root").matches(t, 0, `^allowed: `, "")
}

func TestDeployRefusals(t *testing.T) {
	environ, _ := serve(t)
	dir := write(t, map[string]string{"lambda_function.py": handlerText})
	empty := write(t, map[string]string{"readme.txt": "No function here."})
	furlWith(t, environ, "deploy", empty).matches(t, 1, "", `(?s)^furl: no handler found in .*^hint: furl looks for .*^hint: name another one with --handler`)
	furlWith(t, environ, "deploy", dir, "--role", "deployer").matches(t, 1, "", `NoSuchEntity.*\nhint: make it: aws iam create-role --role-name deployer --assume-role-policy-document '\{`)
	furlWith(t, environ, "deploy", dir, "--runtime", "python3.99").matches(t, 1, "", `^furl: InvalidParameterValueException`)
	furlWith(t, environ, "list").matches(t, 0, "", "there is no function yet")
	// As on AWS a function can be made that nothing here can run, but it is said.
	furlWith(t, environ, "deploy", dir, "--runtime", "ruby3.3", "--handler", "app.handler").matches(t, 0, ":function:app$", `its calls will fail: runtime ruby3.3 is not supported; use nodejs16.x to nodejs24.x, python3.8 to python3.14, or provided`)
	furlWith(t, environ, "deploy", write(t, map[string]string{"bootstrap*": "#!/bin/sh\n"}), "--name", "custom").matches(t, 0, ":function:custom$", `\(provided.al2023, bootstrap,`)
}

// TestDeployPicksNode: a script runs with the Node.js of this machine, or with
// the newest that there is a runtime for.
func TestDeployPicksNode(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	node := func(major string) {
		text := "#!/bin/sh\ncase $1 in -p) echo nodejs" + major + ".x;; *) echo " + dir + "/node; echo " + major + ".1.0;; esac\n"
		if err := os.WriteFile(filepath.Join(dir, "node"), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	node("16")
	environ, _ := serve(t)
	script := write(t, map[string]string{"index.mjs": "export const handler = async () => 1;\n"})
	if d := deploy(t, environ, script); d.Runtime != "nodejs16.x" || d.Handler != "index.handler" {
		t.Errorf("%+v", d)
	}
	node("17") // which Lambda never had
	if d := deploy(t, environ, script, "--name", "other"); !strings.HasPrefix(d.Runtime, "nodejs") || d.Runtime == "nodejs17.x" {
		t.Errorf("%+v", d)
	}
}

func TestListAndRemove(t *testing.T) {
	environ, _ := serve(t)
	dir := write(t, map[string]string{"lambda_function.py": handlerText})
	for _, name := range []string{"one", "two", "three"} {
		deploy(t, environ, dir, "--name", name, "--runtime", "python3.12")
	}
	url := deploy(t, environ, dir, "--name", "two", "--url", "AWS_IAM").FunctionUrl
	furlWith(t, environ, "list").matches(t, 0, `\ANAME +RUNTIME +AUTH +URL\none +python3\.12 +- +-\nthree .*\ntwo +python3\.12 +AWS_IAM +`+url+`\n\z`, "")
	var all []struct {
		FunctionName string
		FunctionUrls []struct{ FunctionUrl, AuthType string }
	}
	if err := json.Unmarshal([]byte(furlWith(t, environ, "list", "--json").ok(t)), &all); err != nil || len(all) != 3 || len(all[2].FunctionUrls) != 1 || all[2].FunctionUrls[0].FunctionUrl != url || all[0].FunctionUrls == nil {
		t.Errorf("%+v, %v", all, err)
	}
	furlWith(t, environ, "__complete", "rm", "").matches(t, 0, `\Aone\nthree\ntwo\n`, "directive")
	furlWith(t, environ, "__complete", "invoke", "one", "").matches(t, 0, `\A:4\n`, "directive")
	furlWith(t, environ, "rm", "one", "nobody", "two").matches(t, 1, "", `(?s)^one removed\ntwo removed\nfurl: nobody: ResourceNotFoundException`)
	furlWith(t, environ, "list").matches(t, 0, `\ANAME.*\nthree .*\n\z`, "")
}

// TestCredentials: the AWS variables count where they are about this server.
func TestCredentials(t *testing.T) {
	environ, info := serve(t)
	foreign := append(environ, "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI")
	furlWith(t, foreign, "list").matches(t, 0, "", "no function yet")
	furlWith(t, append(foreign, "AWS_ENDPOINT_URL=https://lambda.us-east-1.amazonaws.com"), "list").matches(t, 0, "", "no function yet")
	refused := `UnrecognizedClientException.*\nhint: .*unset AWS_ACCESS_KEY_ID(.*\n)+hint: .*furl env`
	furlWith(t, append(foreign, "AWS_ENDPOINT_URL="+info.Endpoint), "list").matches(t, 1, "", refused)
	local := strings.Replace(info.Endpoint, "127.0.0.1", "localhost", 1)
	furlWith(t, append(foreign, "AWS_ENDPOINT_URL="+local+"/"), "list").matches(t, 1, "", refused)
	furlWith(t, environ, "list", "--endpoint", local).matches(t, 0, "", "no function yet")
	furlWith(t, append(foreign, "FURL_DATA_DIR="+t.TempDir()), "list", "--endpoint", info.Endpoint).matches(t, 1, "", refused)
	furlWith(t, append(environ, "FURL_ROOT_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "FURL_ROOT_SECRET_ACCESS_KEY=x"), "list").matches(t, 1, "", "UnrecognizedClientException")
}
