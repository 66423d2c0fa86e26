package furl_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// commandList holds the commands that the scripts have beside testscript's own:
//
//	[!] start [KEY=VALUE…] [flag…]   run `furl serve` (on a free port, in $WORK/data) and evaluate `furl env`; without
//	                                 arguments after a stop: as before, at the same address. -pythons maps every interpreter found;
//	                                 -static runs a static furl, which isolates functions, and -up runs furl up.
//	                                 With !, the server must refuse to start; stderr says why. -up runs `furl up` instead: stdout
//	                                 has what it printed.
//	shutdown, crash                  end it by SIGTERM or SIGKILL; no process may stay
//	restart                          shutdown and start
//	capture VAR [REGEXP]             put the last stdout, or the first group of REGEXP in it, into a variable
//	keys NAME, as NAME               remember the key that `aws iam create-access-key`, an operation of STS or `furl account`
//	                                 printed; use it ("root" is always known)
//	[!] curl ARG…                    the real curl; then stdout is the body, and status, header and body look at the answer
//	status CODE, body TEXT           exact checks of the last answer
//	[!] header NAME [REGEXP]         the last answer has the header
//	jsoneq FILE                      the last stdout as JSON equals FILE; "/regexp/" stands for a value, ${VAR} is expanded
//	connectproxy                     $PROXY becomes an HTTP proxy that leads every host to the server
//	rawhttp FILE                     send the bytes of FILE, a template, as they are; stdout gets the answer
//	flood N URL                      N requests at once, each must be answered 200 or 429; stdout counts them
//	listeners N URL                  N requests at once whose answers begin and do not end; then they leave
//	mkzip ZIP NAME=FILE…             make an archive; NAME->TARGET is a symbolic link, NAME= an empty file
//	vanish TEXT                      wait until no process shows TEXT in its command line
//	fill FILE N                      make a file of N zero bytes
//	tree DIR                         stdout lists each file of DIR with its mode, size and hash (LOCK says who holds it: no hash)
//	corrupt FILE TEXT                change one bit of each occurrence of TEXT in FILE
func commandList() map[string]func(ts *testscript.TestScript, neg bool, args []string) {
	return map[string]func(ts *testscript.TestScript, neg bool, args []string){
		"start":        cmdStart,
		"shutdown":     cmdShutdown,
		"crash":        cmdCrash,
		"restart":      cmdRestart,
		"capture":      cmdCapture,
		"keys":         cmdKeys,
		"as":           cmdAs,
		"curl":         cmdCurl,
		"status":       cmdStatus,
		"body":         cmdBody,
		"header":       cmdHeader,
		"jsoneq":       cmdJSONEq,
		"connectproxy": cmdConnectProxy,
		"rawhttp":      cmdRawHTTP,
		"flood":        cmdFlood,
		"listeners":    cmdListeners,
		"mkzip":        cmdMkzip,
		"vanish":       cmdVanish,
		"fill":         cmdFill,
		"tree":         cmdTree,
		"corrupt":      cmdCorrupt,
	}
}

// session is what the custom commands of one script share.
type session struct {
	work   string
	path   string
	server *server
	// address is the last server's, for the proxy, whose clients do not wait for commands.
	address atomic.Value
	keys    map[string]keyPair
	closes  []func()
}

type sessionKey struct{}

type keyPair struct{ id, secret, token string }

func sessionOf(ts *testscript.TestScript) *session { return ts.Value(sessionKey{}).(*session) }

// finish stops what the script left running and checks that no process refers to its directory any more.
func (s *session) finish(tb testing.TB) {
	if s.server.running() {
		if err := s.server.terminate(); err != nil {
			tb.Errorf("stop the server at the script's end: %v", err)
		}
	}
	for _, f := range s.closes {
		f()
	}
	checkNoTrace(tb, s.work)
	if tb.Failed() && s.server != nil {
		tb.Logf("the server's log:\n%s", tail(s.server.stderr, 0))
	}
}

// baseEnv is the environment of a server: a clean one, with nothing of the script's clients in it.
func (s *session) baseEnv(more []string) []string {
	env := []string{
		"PATH=" + s.path,
		"HOME=" + filepath.Join(s.work, "home"),
		"XDG_STATE_HOME=" + filepath.Join(s.work, "state"),
		"TMPDIR=" + filepath.Join(s.work, ".tmp"),
		"LANG=C.UTF-8",
		"FURL_ISOLATION=process", // under -race the server is no static program; static servers have tests of their own
	}
	return append(env, more...)
}

// positive fails the script for a negated command that has no negation.
func positive(ts *testscript.TestScript, neg bool, name string) {
	if neg {
		ts.Fatalf("unsupported: ! %s", name)
	}
}

func cmdStart(ts *testscript.TestScript, neg bool, args []string) {
	s := sessionOf(ts)
	srv := s.server
	switch {
	case srv != nil && len(args) == 0 && !neg:
		if srv.running() {
			ts.Fatalf("the server is running already")
		}
	default:
		if srv.running() && !neg {
			ts.Fatalf("the server is running already")
		}
		srv = s.newServer(ts, args)
	}
	err := srv.start()
	if neg {
		refusedToStart(ts, srv, err)
		return
	}
	ts.Check(err)
	s.server = srv
	s.address.Store(srv.address())
	s.useEnv(ts)
	if srv.up {
		fmt.Fprint(ts.Stdout(), tail(srv.stdout, srv.outFrom))
	}
}

// newServer reads start's arguments.
func (s *session) newServer(ts *testscript.TestScript, args []string) *server {
	binary, err := furlBinary()
	ts.Check(err)
	srv := &server{
		binary:  binary,
		dataDir: filepath.Join(s.work, "data"),
		listen:  "127.0.0.1:0",
		stdout:  filepath.Join(s.work, "server.out"),
		stderr:  filepath.Join(s.work, "server.err"),
	}
	var env []string
	for len(args) > 0 && !strings.HasPrefix(args[0], "-") && strings.Contains(args[0], "=") {
		env, args = append(env, args[0]), args[1:]
	}
	srv.env = s.baseEnv(env)
	for _, a := range args {
		switch a {
		case "-up":
			srv.up = true
		case "-static":
			srv.binary, err = staticBinary()
			ts.Check(err)
			srv.env = append(srv.env, "FURL_ISOLATION=") // its own choice
		case "-pythons":
			found := pythons()
			for _, n := range slices.Sorted(maps.Keys(found)) {
				srv.args = append(srv.args, "--runtime", fmt.Sprintf("python3.%d=%s", n, found[n]))
			}
		default:
			srv.args = append(srv.args, a)
		}
	}
	for i, a := range srv.args {
		switch {
		case a == "--listen" || strings.HasPrefix(a, "--listen=") || hasPrefix(env, "FURL_LISTEN="):
			srv.listen = ""
		case a == "--data-dir":
			srv.dataDir = srv.args[i+1]
			srv.args = slices.Delete(slices.Clone(srv.args), i, i+2)
			return srv
		}
	}
	return srv
}

func hasPrefix(list []string, prefix string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return strings.HasPrefix(s, prefix) })
}

// refusedToStart checks that the server exited by itself with a failure and hands its words to the script.
func refusedToStart(ts *testscript.TestScript, srv *server, err error) {
	var exit *exitError
	switch {
	case err == nil:
		ts.Check(srv.terminate())
		ts.Fatalf("the server started")
	case !errors.As(err, &exit):
		ts.Check(err)
	case exit.code() != 1 && exit.code() != 2:
		ts.Fatalf("the server ended with code %d, not 1 or 2: %v", exit.code(), err)
	}
	fmt.Fprintln(ts.Stderr(), err)
}

// useEnv evaluates `furl env` in a shell, as a user does, and puts what it exports into the script's environment.
func (s *session) useEnv(ts *testscript.TestScript) {
	cmd := exec.Command("sh", "-c", `exports=$(furl env) && eval "$exports" && env`)
	cmd.Env = s.baseEnv([]string{"FURL_DATA_DIR=" + s.server.dataDir})
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			ts.Fatalf("furl env: %v\n%s", err, exit.Stderr)
		}
		ts.Fatalf("furl env: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		name, value, ok := strings.Cut(strings.TrimRight(line, "\n"), "=")
		if ok && (strings.HasPrefix(name, "AWS_") || strings.HasSuffix(name, "_CA_BUNDLE")) {
			ts.Setenv(name, value)
		}
	}
	s.keys["root"] = keyPair{ts.Getenv("AWS_ACCESS_KEY_ID"), ts.Getenv("AWS_SECRET_ACCESS_KEY"), ""}
	ts.Setenv("FURL_DATA_DIR", s.server.dataDir)
	ts.Setenv("ENDPOINT", s.server.info.Endpoint)
	ts.Setenv("ADDRESS", s.server.address())
	ts.Setenv("PORT", s.server.address()[strings.LastIndexByte(s.server.address(), ':')+1:])
	ts.Setenv("ACCOUNT", s.server.info.Account)
	ts.Setenv("ROLE", "arn:aws:iam::"+s.server.info.Account+":role/furl-test")
	ts.Setenv("LAMBDA", "arn:aws:lambda:"+s.server.info.Region+":"+s.server.info.Account+":function")
}

// runningServer is the script's server, which must be up.
func runningServer(ts *testscript.TestScript) *server {
	s := sessionOf(ts)
	if !s.server.running() {
		ts.Fatalf("no server is running: `start` first")
	}
	return s.server
}

func cmdShutdown(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg, "shutdown")
	ts.Check(runningServer(ts).terminate())
}

func cmdCrash(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg, "crash")
	ts.Check(runningServer(ts).kill())
}

func cmdRestart(ts *testscript.TestScript, neg bool, args []string) {
	cmdShutdown(ts, neg, nil)
	cmdStart(ts, neg, nil)
}

func cmdVanish(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg, "vanish")
	if len(args) != 1 {
		ts.Fatalf("usage: vanish TEXT")
	}
	var found []procStat
	for _, p := range processes() {
		if p.pid != os.Getpid() && refersTo(p.pid, args[0]) {
			found = append(found, p)
		}
	}
	ts.Check(gone(found, orphanBound))
}

func cmdCapture(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg, "capture")
	value := strings.TrimSpace(ts.ReadFile("stdout"))
	switch len(args) {
	case 1:
	case 2:
		m := regexp.MustCompile(args[1]).FindStringSubmatch(value)
		if len(m) != 2 {
			ts.Fatalf("%q finds no group in the last stdout", args[1])
		}
		value = m[1]
	default:
		ts.Fatalf("usage: capture VAR [REGEXP]")
	}
	if value == "" {
		ts.Fatalf("nothing to capture: the last stdout is empty")
	}
	ts.Setenv(args[0], value)
}

func cmdKeys(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg, "keys")
	if len(args) != 1 {
		ts.Fatalf("usage: keys NAME")
	}
	var out struct {
		AccessKey   struct{ AccessKeyID, SecretAccessKey string }
		Credentials struct{ AccessKeyID, SecretAccessKey, SessionToken string }
		// as furl account create --json prints it
		AccessKeyID, SecretAccessKey string
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &out))
	c := out.Credentials
	key := keyPair{
		cmp.Or(out.AccessKey.AccessKeyID, c.AccessKeyID, out.AccessKeyID),
		cmp.Or(out.AccessKey.SecretAccessKey, c.SecretAccessKey, out.SecretAccessKey), c.SessionToken,
	}
	if key.id == "" || key.secret == "" {
		ts.Fatalf("the last stdout is no access key")
	}
	sessionOf(ts).keys[args[0]] = key
	ts.Setenv("KEY_"+strings.ToUpper(args[0]), key.id)
}

func cmdAs(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg, "as")
	if len(args) != 1 {
		ts.Fatalf("usage: as NAME")
	}
	key, ok := sessionOf(ts).keys[args[0]]
	if !ok {
		ts.Fatalf("no key of %s is known: `keys %s` after aws iam create-access-key", args[0], args[0])
	}
	ts.Setenv("AWS_ACCESS_KEY_ID", key.id)
	ts.Setenv("AWS_SECRET_ACCESS_KEY", key.secret)
	ts.Setenv("AWS_SESSION_TOKEN", key.token)
}

// curlHeaders is where curl leaves the header of its last answer.
func curlHeaders(ts *testscript.TestScript) string {
	return filepath.Join(sessionOf(ts).work, ".tmp", "curl-headers")
}

func cmdCurl(ts *testscript.TestScript, neg bool, args []string) {
	ts.Check(os.WriteFile(curlHeaders(ts), nil, 0o600))
	fixed := []string{"-sS", "--max-time", "120", "--suppress-connect-headers", "-D", curlHeaders(ts), "-w", `%{stderr}status %{http_code}\n`}
	err := ts.Exec("curl", append(fixed, args...)...)
	switch {
	case err != nil && !neg:
		ts.Fatalf("curl: %v", err)
	case err == nil && neg:
		ts.Fatalf("curl succeeded")
	}
}

func cmdStatus(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg, "status")
	if len(args) != 1 {
		ts.Fatalf("usage: status CODE")
	}
	m := regexp.MustCompile(`(?m)^status (\d{3})$`).FindStringSubmatch(ts.ReadFile("stderr"))
	if m == nil {
		ts.Fatalf("no answer to look at: `curl` first")
	}
	if m[1] != args[0] {
		ts.Fatalf("status %s, want %s", m[1], args[0])
	}
}

func cmdBody(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg, "body")
	if len(args) != 1 {
		ts.Fatalf("usage: body TEXT")
	}
	if got := ts.ReadFile("stdout"); got != args[0] {
		ts.Fatalf("body %q, want %q", got, args[0])
	}
}

func cmdHeader(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 && len(args) != 2 {
		ts.Fatalf("usage: header NAME [REGEXP]")
	}
	want := ".*"
	if len(args) == 2 {
		want = args[1]
	}
	lines := strings.ReplaceAll(ts.ReadFile(curlHeaders(ts)), "\r\n", "\n")
	found := regexp.MustCompile(`(?mi)^` + regexp.QuoteMeta(args[0]) + `: (?-i:` + want + `)$`).MatchString(lines)
	if found == neg {
		ts.Fatalf("header %s %s: found is %v in\n%s", args[0], want, found, lines)
	}
}
