// Command stacks makes many CloudFormation stacks of ten resources each and measures, at each size, what a client sees:
// how long one more takes to be made and to be deleted, how many are made a second, how long the server takes to start,
// and how much memory it has.
//
//	go run ./test/bench/stacks -furl bin/furl -sizes 100,300,500
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"furl"
	"furl/internal/awsapi"
	"furl/internal/cfn"
	"furl/internal/sigv4"
	"furl/test/bench/measure"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "stacks:", err)
		os.Exit(1)
	}
}

// bench is one run.
type bench struct {
	binary, data string
	env          []string
	server       *measure.Furl
	cfn          *cfn.Client
	made         int
}

// row is what was seen at one size.
type row struct {
	size             int
	start            time.Duration
	rss              int64
	create, takeDown []time.Duration
	perSecond        float64
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("stacks", flag.ContinueOnError)
	binary := flags.String("furl", "bin/furl", "the `program` to measure")
	list := flags.String("sizes", "100,300,500", "numbers of stacks, ascending")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var sizes []int
	for field := range strings.SplitSeq(*list, ",") {
		n, err := strconv.Atoi(field)
		if err != nil || n < 1 {
			return fmt.Errorf("-sizes %q: want numbers such as 100,500", *list)
		}
		sizes = append(sizes, n)
	}
	slices.Sort(sizes)
	work, err := os.MkdirTemp("", "furl-stacks-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	path, err := filepath.Abs(*binary)
	if err != nil {
		return err
	}
	b := &bench{binary: path, data: filepath.Join(work, "data"),
		env: []string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + work, "TMPDIR=" + work}}
	rows, err := b.grow(ctx, sizes)
	return errors.Join(err, report(out, rows))
}

// grow measures at each size, with the server started anew.
func (b *bench) grow(ctx context.Context, sizes []int) ([]row, error) {
	var rows []row
	if err := b.start(ctx); err != nil {
		return nil, err
	}
	defer func() { b.server.Stop() }()
	for _, size := range sizes {
		began, had := time.Now(), b.made
		if err := b.fill(ctx, size); err != nil {
			return rows, err
		}
		r := row{size: size, perSecond: float64(size-had) / time.Since(began).Seconds()}
		b.server.Stop()
		began = time.Now()
		if err := b.start(ctx); err != nil {
			return rows, err
		}
		if _, err := b.status(ctx, name(0)); err != nil {
			return rows, err
		}
		r.start = time.Since(began)
		if err := b.measure(ctx, &r); err != nil {
			return rows, err
		}
		rows = append(rows, r)
		fmt.Fprintf(os.Stderr, "%d stacks are measured\n", size)
	}
	return rows, nil
}

// start starts the server on the data there is, and makes a client of it.
func (b *bench) start(ctx context.Context) error {
	var err error
	if b.server, err = measure.StartFurl(ctx, "furl", b.binary, b.data, b.env, []string{"--isolation", "process"}); err != nil {
		return err
	}
	key, err := furl.ReadRootKey(b.data)
	if err != nil {
		return err
	}
	b.cfn, err = cfn.NewClient(awsapi.ClientConfig{
		Endpoint: b.server.Info.Endpoint,
		HTTP:     &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: fillers}},
		Sign: func(r *http.Request, service string, body []byte) error {
			creds := sigv4.Credentials{AccessKeyID: key.AccessKeyID, SecretAccessKey: key.SecretAccessKey.Reveal()}
			sigv4.Sign(r, creds, b.server.Info.Region, service, time.Now(), body)
			return nil
		},
	})
	return err
}

// fillers is how many clients make stacks at once where that is not measured.
const fillers = 4

// fill makes stacks until there are size.
func (b *bench) fill(ctx context.Context, size int) error {
	var next atomic.Int64
	next.Store(int64(b.made))
	errs := make([]error, fillers)
	var wg sync.WaitGroup
	for i := range fillers {
		wg.Go(func() {
			for n := int(next.Add(1)) - 1; n < size && errs[i] == nil; n = int(next.Add(1)) - 1 {
				errs[i] = b.create(ctx, n)
			}
		})
	}
	wg.Wait()
	b.made = size
	return errors.Join(errs...)
}

func name(n int) string { return fmt.Sprintf("stack-%06d", n) }

// template has ten resources: a role, a log group and a parameter that refers to both, and seven that refer to that.
func template() string {
	var b strings.Builder
	b.WriteString(`Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement: [{Effect: Allow, Action: "sts:AssumeRole", Principal: {Service: lambda.amazonaws.com}}]
  Logs:
    Type: AWS::Logs::LogGroup
  First:
    Type: AWS::SSM::Parameter
    Properties: {Type: String, Value: !Sub "${Role.Arn} ${Logs}"}
`)
	for i := range 7 {
		fmt.Fprintf(&b, "  P%d:\n    Type: AWS::SSM::Parameter\n    Properties: {Type: String, Value: !Ref First}\n", i)
	}
	return b.String()
}

// create makes a stack and waits for it.
func (b *bench) create(ctx context.Context, n int) error {
	_, err := b.cfn.CreateStack(ctx, &cfn.CreateStackInput{StackName: name(n), TemplateBody: new(template()),
		Capabilities: []cfn.Capability{cfn.CapabilityCapabilityIam}})
	if err != nil {
		return err
	}
	return b.wait(ctx, n, "CREATE_COMPLETE")
}

// wait waits until a stack is in a state, and fails where it ends in another.
func (b *bench) wait(ctx context.Context, n int, want string) error {
	for ctx.Err() == nil {
		status, err := b.status(ctx, name(n))
		switch {
		case err != nil && want == "DELETE_COMPLETE": // there is no stack of that name any more
			return nil
		case err != nil || status == want:
			return err
		case !strings.HasSuffix(status, "_IN_PROGRESS"):
			return fmt.Errorf("%s is %s", name(n), status)
		}
		time.Sleep(5 * time.Millisecond)
	}
	return ctx.Err()
}

func (b *bench) status(ctx context.Context, name string) (string, error) {
	out, err := b.cfn.DescribeStacks(ctx, &cfn.DescribeStacksInput{StackName: &name})
	if err != nil {
		return "", err
	}
	if len(out.Stacks) != 1 {
		return "", fmt.Errorf("%s is described as %d stacks", name, len(out.Stacks))
	}
	return string(out.Stacks[0].StackStatus), nil
}

const samples = 20

// measure makes some more stacks, one after the other, and deletes them.
func (b *bench) measure(ctx context.Context, r *row) error {
	for i := range samples {
		n, began := 900_000+i, time.Now()
		if err := b.create(ctx, n); err != nil {
			return err
		}
		r.create = append(r.create, time.Since(began))
		began = time.Now()
		if err := b.cfn.DeleteStack(ctx, &cfn.DeleteStackInput{StackName: name(n)}); err != nil {
			return err
		}
		if err := b.wait(ctx, n, "DELETE_COMPLETE"); err != nil {
			return err
		}
		r.takeDown = append(r.takeDown, time.Since(began))
	}
	var err error
	r.rss, err = resident(b.server.PID())
	return err
}

// resident is a process's resident memory in bytes.
func resident(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	var size, pages int64
	if _, err := fmt.Sscan(string(text), &size, &pages); err != nil {
		return 0, err
	}
	return pages * int64(os.Getpagesize()), nil
}

func report(out io.Writer, rows []row) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "stacks\tresources\tstart-up\tmemory\tcreate p50\tp99\tdelete p50\tp99\tmade a second by 4\t")
	for _, r := range rows {
		fmt.Fprintf(w, "%d\t%d\t%s\t%d MB\t%s\t%s\t%s\t%s\t%.1f\t\n", r.size, 10*r.size, r.start.Round(time.Millisecond), r.rss>>20,
			measure.Percentile(r.create, 50).Round(time.Millisecond), measure.Percentile(r.create, 99).Round(time.Millisecond),
			measure.Percentile(r.takeDown, 50).Round(time.Millisecond), measure.Percentile(r.takeDown, 99).Round(time.Millisecond), r.perSecond)
	}
	return w.Flush()
}
