// Command scale registers many functions with URLs and measures, at each size, what a client sees: how long it takes to
// make one more, to look a URL up and to start the server again, and how much memory the server has.
//
//	go run ./test/bench/scale -furl bin/furl -sizes 1000,10000,100000
package main

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
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
	"furl/internal/iam"
	"furl/internal/lambda"
	"furl/internal/sigv4"
	"furl/test/bench/measure"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

// bench is one run.
type bench struct {
	binary, data string
	env          []string
	server       *measure.Furl
	lambda       *lambda.Client
	code         []byte
	ids          []string // of the URLs, in the order of their functions
}

// row is what was seen at one size.
type row struct {
	size           int
	start          time.Duration
	rss            int64
	create, lookUp []time.Duration
	perSecond      float64
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("scale", flag.ContinueOnError)
	binary := flags.String("furl", "bin/furl", "the `program` to measure")
	list := flags.String("sizes", "1000,10000,100000", "numbers of functions, ascending")
	if err := flags.Parse(args); err != nil {
		return err
	}
	sizes, err := parseSizes(*list)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "furl-scale-")
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
	if b.code, err = hello(); err != nil {
		return err
	}
	rows, err := b.grow(ctx, sizes)
	return errors.Join(err, report(out, rows))
}

func parseSizes(list string) ([]int, error) {
	var sizes []int
	for field := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(field)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("-sizes %q: want numbers such as 1000,10000", list)
		}
		sizes = append(sizes, n)
	}
	slices.Sort(sizes)
	return sizes, nil
}

// grow measures at each size, with the server started anew.
func (b *bench) grow(ctx context.Context, sizes []int) ([]row, error) {
	var rows []row
	if err := b.start(ctx); err != nil {
		return nil, err
	}
	defer func() { b.server.Stop() }()
	if err := b.role(ctx); err != nil {
		return nil, err
	}
	for _, size := range sizes {
		began, had := time.Now(), len(b.ids)
		if err := b.fill(ctx, size); err != nil {
			return rows, err
		}
		r := row{size: size, perSecond: float64(size-had) / time.Since(began).Seconds()}
		b.server.Stop()
		began = time.Now()
		if err := b.start(ctx); err != nil {
			return rows, err
		}
		if _, err := b.look(ctx, b.ids[size/2]); err != nil {
			return rows, err
		}
		r.start = time.Since(began)
		if err := b.measure(ctx, &r); err != nil {
			return rows, err
		}
		rows = append(rows, r)
		fmt.Fprintf(os.Stderr, "%d functions are measured\n", size)
	}
	return rows, nil
}

// start starts the server on the data there is, and makes a client of it.
func (b *bench) start(ctx context.Context) error {
	var err error
	if b.server, err = measure.StartFurl(ctx, "furl", b.binary, b.data, b.env, []string{"--isolation", "process"}); err != nil {
		return err
	}
	b.lambda, err = lambda.NewClient(b.config())
	return err
}

func (b *bench) config() awsapi.ClientConfig {
	key, err := furl.ReadRootKey(b.data)
	return awsapi.ClientConfig{
		Endpoint: b.server.Info.Endpoint,
		HTTP:     &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: fillers}},
		Sign: func(r *http.Request, service string, body []byte) error {
			creds := sigv4.Credentials{AccessKeyID: key.AccessKeyID, SecretAccessKey: key.SecretAccessKey.Reveal()}
			sigv4.Sign(r, creds, b.server.Info.Region, service, time.Now(), body)
			return err
		},
	}
}

func (b *bench) role(ctx context.Context) error {
	c, err := iam.NewClient(b.config())
	if err == nil {
		_, err = c.CreateRole(ctx, &iam.CreateRoleRequest{RoleName: "scale", AssumeRolePolicyDocument: lambda.TrustPolicy})
	}
	return err
}

// fillers is how many clients make functions at once where that is not measured.
const fillers = 16

// fill makes functions until there are size.
func (b *bench) fill(ctx context.Context, size int) error {
	from := len(b.ids)
	b.ids = append(b.ids, make([]string, size-from)...)
	var next atomic.Int64
	next.Store(int64(from))
	errs := make([]error, fillers)
	var wg sync.WaitGroup
	for i := range fillers {
		wg.Go(func() {
			for n := int(next.Add(1)) - 1; n < size && errs[i] == nil; n = int(next.Add(1)) - 1 {
				b.ids[n], errs[i] = b.create(ctx, n)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// create makes a function with a URL and returns its url-id.
func (b *bench) create(ctx context.Context, n int) (string, error) {
	name := fmt.Sprintf("function-%06d", n)
	_, err := b.lambda.CreateFunction(ctx, &lambda.CreateFunctionRequest{
		FunctionName: name, Runtime: new(lambda.RuntimePython312), Handler: new("app.handler"),
		Role: "arn:aws:iam::" + b.server.Info.Account + ":role/scale", Code: lambda.FunctionCode{ZipFile: b.code},
	})
	if err != nil {
		return "", err
	}
	made, err := b.lambda.CreateFunctionUrlConfig(ctx, &lambda.CreateFunctionUrlConfigRequest{FunctionName: name, AuthType: lambda.FunctionUrlAuthTypeAwsIam})
	if err != nil {
		return "", err
	}
	_, host, _ := strings.Cut(made.FunctionUrl, "://")
	id, _, _ := strings.Cut(host, ".")
	return id, nil
}

const (
	samples = 100
	lookUps = 2000
)

// measure makes some more functions, one after the other, and asks for URLs at random. The ones it made stay: they are
// too few to matter.
func (b *bench) measure(ctx context.Context, r *row) error {
	for i := range samples {
		began := time.Now()
		if _, err := b.create(ctx, 900_000+r.size%7919*100+i); err != nil {
			return err
		}
		r.create = append(r.create, time.Since(began))
	}
	for range lookUps {
		took, err := b.look(ctx, b.ids[rand.IntN(r.size)])
		if err != nil {
			return err
		}
		r.lookUp = append(r.lookUp, took)
	}
	var err error
	r.rss, err = resident(b.server.PID())
	return err
}

// look asks for a URL without a signature: the server finds the route and refuses.
func (b *bench) look(ctx context.Context, id string) (time.Duration, error) {
	rq, err := http.NewRequestWithContext(ctx, http.MethodGet, b.server.Info.Endpoint, nil)
	if err != nil {
		return 0, err
	}
	rq.Host = id + ".lambda-url." + b.server.Info.Region + ".localhost"
	began := time.Now()
	resp, err := http.DefaultClient.Do(rq)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	if string(body) != `{"Message":"Forbidden"}` { // what is unknown is refused in other words
		return 0, fmt.Errorf("a URL answers %s %s without a signature", resp.Status, body)
	}
	return time.Since(began), nil
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

// hello is a deployment package.
func hello() ([]byte, error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.Create("app.py")
	if err == nil {
		_, err = io.WriteString(f, "def handler(event, context):\n    return {}\n")
	}
	err = errors.Join(err, w.Close())
	return b.Bytes(), err
}

func report(out io.Writer, rows []row) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "functions\tstart-up\tmemory\tcreate p50\tp99\tlook-up p50\tp99\tmade a second by 16\t")
	for _, r := range rows {
		fmt.Fprintf(w, "%d\t%s\t%d MB\t%s\t%s\t%s\t%s\t%.0f\t\n", r.size, r.start.Round(time.Millisecond), r.rss>>20,
			measure.Percentile(r.create, 50).Round(10*time.Microsecond), measure.Percentile(r.create, 99).Round(10*time.Microsecond),
			measure.Percentile(r.lookUp, 50).Round(time.Microsecond), measure.Percentile(r.lookUp, 99).Round(time.Microsecond), r.perSecond)
	}
	return w.Flush()
}
