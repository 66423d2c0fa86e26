package stacks_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"furl"
	"furl/internal/awsapi"
	"furl/internal/cfn"
	"furl/internal/sigv4"
	"furl/internal/ssm"
	"furl/test/bench/measure"
)

// site is a server that can be killed.
type site struct {
	t            *testing.T
	binary, data string
	server       *measure.Furl
	cfn          *cfn.Client
	ssm          *ssm.Client
	// midway is how many kills met an operation under way.
	midway int
}

// start starts the server on the data there is.
func (s *site) start() {
	s.t.Helper()
	var err error
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Dir(s.data)}
	s.server, err = measure.StartFurl(s.t.Context(), "furl", s.binary, s.data, env, []string{"--isolation", "process"})
	if err != nil {
		s.t.Fatal(err)
	}
	key, err := furl.ReadRootKey(s.data)
	if err != nil {
		s.t.Fatal(err)
	}
	config := awsapi.ClientConfig{Endpoint: s.server.Info.Endpoint, Sign: func(r *http.Request, service string, body []byte) error {
		creds := sigv4.Credentials{AccessKeyID: key.AccessKeyID, SecretAccessKey: key.SecretAccessKey.Reveal()}
		sigv4.Sign(r, creds, s.server.Info.Region, service, time.Now(), body)
		return nil
	}}
	if s.cfn, err = cfn.NewClient(config); err != nil {
		s.t.Fatal(err)
	}
	if s.ssm, err = ssm.NewClient(config); err != nil {
		s.t.Fatal(err)
	}
}

// killed kills the server once so many of the stack's resources have reached a status since a request began the
// operation, and starts another server. The request may not have been answered by then.
func (s *site) killed(name, status string, most int, request func() error) {
	s.t.Helper()
	before, ended := s.count(name, status), make(chan error, 1)
	go func() { ended <- request() }()
	answered := false
	err := s.server.Until(s.t.Context(), func() bool {
		select {
		case err := <-ended:
			if answered = true; err != nil {
				s.t.Fatal(err)
			}
		default:
		}
		return answered || s.count(name, status)-before >= most
	})
	if err != nil {
		s.t.Fatal(err)
	}
	if strings.HasSuffix(s.status(name), "_IN_PROGRESS") {
		s.midway++
	}
	if err := syscall.Kill(-s.server.PID(), syscall.SIGKILL); err != nil {
		s.t.Fatal(err)
	}
	s.server.Stop()
	if err := os.Remove(filepath.Join(s.data, "server.json")); err != nil {
		s.t.Fatal(err)
	}
	s.start()
}

// until waits for the end of what a stack does.
func (s *site) until(id, want string) {
	s.t.Helper()
	err := s.server.Until(s.t.Context(), func() bool { return !strings.HasSuffix(s.status(id), "_IN_PROGRESS") })
	if err != nil {
		s.t.Fatal(err)
	}
	if got := s.status(id); got != want {
		s.t.Fatalf("the stack is %s, want %s", got, want)
	}
}

// status is that of a stack, empty where there is none.
func (s *site) status(name string) string {
	s.t.Helper()
	out, err := s.cfn.DescribeStacks(s.t.Context(), &cfn.DescribeStacksInput{StackName: &name})
	if e, ok := errors.AsType[*awsapi.Error](err); ok && strings.HasSuffix(e.Message, "does not exist") {
		return ""
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return string(out.Stacks[0].StackStatus)
}

// id is the id of a stack, by which it is there when it was deleted.
func (s *site) id(name string) string {
	s.t.Helper()
	out, err := s.cfn.DescribeStacks(s.t.Context(), &cfn.DescribeStacksInput{StackName: &name})
	if err != nil {
		s.t.Fatal(err)
	}
	return *out.Stacks[0].StackId
}

// count is how often resources of the stack have come to a status, as its last events say.
func (s *site) count(name, status string) int {
	s.t.Helper()
	out, err := s.cfn.DescribeStackEvents(s.t.Context(), &cfn.DescribeStackEventsInput{StackName: name})
	if e, ok := errors.AsType[*awsapi.Error](err); ok && strings.HasSuffix(e.Message, "does not exist") {
		return 0
	}
	if err != nil {
		s.t.Fatal(err)
	}
	n := 0
	for _, e := range out.StackEvents {
		if string(*e.ResourceStatus) == status && *e.ResourceType != "AWS::CloudFormation::Stack" {
			n++
		}
	}
	return n
}

// parameters checks that there are so many parameters, on the whole server.
func (s *site) parameters(want int) {
	s.t.Helper()
	var got []string
	in := &ssm.DescribeParametersRequest{}
	for {
		out, err := s.ssm.DescribeParameters(s.t.Context(), in)
		if err != nil {
			s.t.Fatal(err)
		}
		for _, p := range out.Parameters {
			got = append(got, *p.Name)
		}
		if in.NextToken = out.NextToken; in.NextToken == nil || *in.NextToken == "" {
			break
		}
	}
	if len(got) != want {
		s.t.Errorf("there are %d parameters, want %d: %v", len(got), want, got)
	}
}

const size = 30

// template is a stack of parameters, each of which has the name of one before it. A round changes the value of the first
// and the names of every fifth, which replaces them.
// With a taken name, one more that needs the last has it.
func template(round int, taken string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Resources:\n  P0: {Type: AWS::SSM::Parameter, Properties: {Type: String, Value: round %d}}\n", round)
	for i := 1; i < size; i++ {
		name := ""
		if i%5 == 0 {
			name = fmt.Sprintf(", Name: name-%d-%d", round, i)
		}
		fmt.Fprintf(&b, "  P%d: {Type: AWS::SSM::Parameter, Properties: {Type: String, Value: !Ref P%d%s}}\n", i, (i-1)/3, name)
	}
	if taken != "" {
		fmt.Fprintf(&b, "  Last: {Type: AWS::SSM::Parameter, Properties: {Type: String, Value: !Ref P%d, Name: %s}}\n", size-1, taken)
	}
	return b.String()
}

// TestKilled kills a server while it makes, changes, rolls back and deletes a stack: the next goes on, and there is
// nothing twice and nothing left.
func TestKilled(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "furl")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "furl/cmd/furl").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	s := &site{t: t, binary: binary, data: filepath.Join(t.TempDir(), "data")}
	s.start()
	defer func() { s.server.Stop() }()
	ctx := t.Context()
	create := func(name, body string) func() error {
		return func() error {
			_, err := s.cfn.CreateStack(ctx, &cfn.CreateStackInput{StackName: name, TemplateBody: &body})
			return err
		}
	}
	if _, err := s.ssm.PutParameter(ctx, &ssm.PutParameterRequest{Name: "taken", Value: "v", Type: new(ssm.ParameterTypeString)}); err != nil {
		t.Fatal(err)
	}
	update := func(body string) func() error {
		return func() error {
			_, err := s.cfn.UpdateStack(ctx, &cfn.UpdateStackInput{StackName: "s", TemplateBody: &body})
			return err
		}
	}
	for _, at := range []int{1, 8, 20} {
		s.killed("s", "CREATE_COMPLETE", at, create("s", template(0, "")))
		id := s.id("s")
		s.until(id, "CREATE_COMPLETE")
		s.parameters(1 + size)
		s.killed(id, "UPDATE_COMPLETE", at/4+1, update(template(1, "")))
		s.until(id, "UPDATE_COMPLETE")
		s.parameters(1 + size)
		s.killed(id, "DELETE_COMPLETE", at/8+1, update(template(2, "taken"))) // rolled back: the replacements are deleted
		s.until(id, "UPDATE_ROLLBACK_COMPLETE")
		s.parameters(1 + size)
		s.killed("r", "DELETE_COMPLETE", at, create("r", template(3, "taken"))) // the same of one that is made
		s.until(s.id("r"), "ROLLBACK_COMPLETE")
		s.parameters(1 + size)
		for name, at := range map[string]int{"r": 1, id: at} {
			one := s.id(name)
			s.killed(one, "DELETE_COMPLETE", at, func() error { return s.cfn.DeleteStack(ctx, &cfn.DeleteStackInput{StackName: one}) })
			s.until(one, "DELETE_COMPLETE")
		}
		s.parameters(1)
	}
	t.Logf("%d kills met an operation under way", s.midway)
	if s.midway == 0 {
		t.Error("no kill met an operation under way")
	}
}
