package stacks_test

import (
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

// killed kills the server once so many of the stack's resources have a status, and starts another.
func (s *site) killed(id, status string, most int) {
	s.t.Helper()
	err := s.server.Until(s.t.Context(), func() bool { return s.count(id, status) >= most || !strings.HasSuffix(s.status(id), "_IN_PROGRESS") })
	if err != nil {
		s.t.Fatal(err)
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

func (s *site) status(id string) string {
	s.t.Helper()
	out, err := s.cfn.DescribeStacks(s.t.Context(), &cfn.DescribeStacksInput{StackName: &id})
	if err != nil {
		s.t.Fatal(err)
	}
	return string(out.Stacks[0].StackStatus)
}

// count is how many of the stack's resources have a status.
func (s *site) count(id, status string) int {
	s.t.Helper()
	out, err := s.cfn.DescribeStackResources(s.t.Context(), &cfn.DescribeStackResourcesInput{StackName: &id})
	if err != nil {
		s.t.Fatal(err)
	}
	n := 0
	for _, r := range out.StackResources {
		if string(r.ResourceStatus) == status {
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
func template(round int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Resources:\n  P0: {Type: AWS::SSM::Parameter, Properties: {Type: String, Value: round %d}}\n", round)
	for i := 1; i < size; i++ {
		name := ""
		if i%5 == 0 {
			name = fmt.Sprintf(", Name: name-%d-%d", round, i)
		}
		fmt.Fprintf(&b, "  P%d: {Type: AWS::SSM::Parameter, Properties: {Type: String, Value: !Ref P%d%s}}\n", i, (i-1)/3, name)
	}
	return b.String()
}

// TestKilled kills a server while it makes, changes and deletes a stack: the next goes on, and there is nothing twice
// and nothing left.
func TestKilled(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "furl")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "furl/cmd/furl").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	s := &site{t: t, binary: binary, data: filepath.Join(t.TempDir(), "data")}
	s.start()
	defer func() { s.server.Stop() }()
	for _, at := range []int{1, 8, 20} {
		made, err := s.cfn.CreateStack(t.Context(), &cfn.CreateStackInput{StackName: "s", TemplateBody: new(template(0))})
		if err != nil {
			t.Fatal(err)
		}
		id := *made.StackId
		s.killed(id, "CREATE_COMPLETE", at)
		s.until(id, "CREATE_COMPLETE")
		s.parameters(size)
		if _, err := s.cfn.UpdateStack(t.Context(), &cfn.UpdateStackInput{StackName: "s", TemplateBody: new(template(1))}); err != nil {
			t.Fatal(err)
		}
		s.killed(id, "UPDATE_COMPLETE", at/4+1)
		s.until(id, "UPDATE_COMPLETE")
		s.parameters(size)
		if err := s.cfn.DeleteStack(t.Context(), &cfn.DeleteStackInput{StackName: id}); err != nil {
			t.Fatal(err)
		}
		s.killed(id, "DELETE_COMPLETE", at)
		s.until(id, "DELETE_COMPLETE")
		s.parameters(0)
	}
}
