// Command cold measures what isolation costs: cold starts with sandboxes that wait and without, cold starts a second, the
// memory of idle environments, what many cold starts leave behind, and the warm path with isolation and without. What
// counts is mostly a ratio to `python3 -c pass`, run in turn with the rest, since times do not travel from one machine to
// another. Function handlers run on this machine and nothing is called beyond it.
//
//	go run ./test/bench/cold -furl bin/furl -python .venv/bench/bin/python [-short] [-json] [-check]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"furl"
	"furl/internal/environment"
	"furl/internal/sandbox"
	"furl/internal/sandbox/namespace"
)

const provided = "provided.al2023"

// options are the command line, and the amounts that follow from it.
type options struct {
	furl, hello, modules    string
	interpreter, node, venv string
	only                    string
	asJSON, check, short    bool

	rounds   int           // of latencies
	slices   int           // of rates and of warm requests
	slice    time.Duration // of rates
	requests int           // warm ones in a slice
	idle     int           // environments at once, at most
	starts   int           // after which nothing may be left
}

func main() {
	furl.TuneRuntime() // as the server runs
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "cold:", err)
		os.Exit(1)
	}
}

// bench is one run.
type bench struct {
	o              options
	work           string
	code           *packages
	driver         sandbox.Driver
	python, nodejs string // runtime identifiers; nodejs is empty where there is no Node.js
	report         report
	log            io.Writer
	closers        []func() error
}

func run(args []string, out, log io.Writer) (err error) {
	o, err := parse(args)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	b := &bench{o: o, log: log}
	defer func() { err = errors.Join(err, b.close()) }()
	if err := b.open(ctx); err != nil {
		return err
	}
	for _, part := range []struct {
		name    string
		measure func(context.Context) error
	}{
		{"latency", b.measureLatencies}, {"rate", b.measureRates}, {"memory", b.measureMemory},
		{"leaks", b.measureLeaks}, {"warm", b.measureWarm},
	} {
		if o.only != "" && !slices.Contains(strings.Split(o.only, ","), part.name) {
			continue
		}
		b.progress("%s", part.name)
		opened := len(b.closers)
		err = errors.Join(part.measure(ctx), b.closeTo(opened))
		if err != nil {
			err = fmt.Errorf("%s: %w", part.name, err)
			break // what was measured until then is still worth a table
		}
	}
	print := b.report.table
	if o.asJSON {
		print = b.report.json
	}
	err = errors.Join(err, print(out))
	if names := b.report.missed(); o.check && len(names) > 0 {
		err = errors.Join(err, fmt.Errorf("missed: %s", strings.Join(names, "; ")))
	}
	return err
}

func parse(args []string) (options, error) {
	o := options{rounds: 60, slices: 5, slice: time.Second, requests: 4000, idle: 40, starts: 500}
	flags := flag.NewFlagSet("cold", flag.ContinueOnError)
	flags.StringVar(&o.furl, "furl", "bin/furl", "the furl binary, static")
	flags.StringVar(&o.hello, "hello", "examples/hello", "the hello function")
	flags.StringVar(&o.venv, "python", ".venv/bench/bin/python", "interpreter of the virtual environment with the handlers' modules")
	flags.StringVar(&o.interpreter, "interpreter", "", "interpreter that runs functions and is the reference (default /usr/bin/python3, or that of -python)")
	flags.StringVar(&o.node, "node", "/usr/bin/node", "the same for Node.js; left out where there is none")
	flags.StringVar(&o.only, "only", "", "comma-separated: latency, rate, memory, leaks, warm (default all)")
	flags.IntVar(&o.rounds, "rounds", o.rounds, "how often each latency is taken")
	flags.BoolVar(&o.short, "short", false, "little of everything, to try the harness")
	flags.BoolVar(&o.asJSON, "json", false, "print JSON")
	flags.BoolVar(&o.check, "check", false, "fail when a figure misses what it must reach")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.short {
		o.rounds, o.slices, o.slice, o.requests, o.idle, o.starts = min(o.rounds, 5), 2, 300*time.Millisecond, 1500, 8, 50
	}
	return o, o.locate()
}

// locate makes paths absolute: a name on PATH may be a shim that costs more than what is measured.
func (o *options) locate() error {
	for _, p := range []*string{&o.furl, &o.hello, &o.venv} {
		abs, err := filepath.Abs(*p)
		if err != nil {
			return err
		}
		if _, err := os.Stat(abs); err != nil {
			return fmt.Errorf("%w (make bench-cold builds and installs what it needs)", err)
		}
		*p = abs
	}
	if _, err := os.Stat(o.node); err != nil {
		o.node = ""
	}
	return nil
}

// choose finds the interpreter that runs functions: one of the same version as that of the virtual environment, whose
// modules would not fit another. It returns the runtime's identifier.
func (o *options) choose(ctx context.Context) (string, error) {
	ask := func(interpreter, expression string) (string, error) {
		out, err := exec.CommandContext(ctx, interpreter, "-c", "import sys; print("+expression+")").Output()
		if err != nil {
			return "", fmt.Errorf("%s: %w", interpreter, err)
		}
		return strings.TrimSpace(string(out)), nil
	}
	const version = "'python%d.%d' % sys.version_info[:2]"
	installed, err := ask(o.venv, version)
	if err != nil {
		return "", err
	}
	if o.interpreter == "" {
		o.interpreter = "/usr/bin/python3"
		if own, err := ask(o.interpreter, version); err != nil || own != installed {
			if o.interpreter, err = ask(o.venv, "sys._base_executable"); err != nil {
				return "", err
			}
		}
	}
	if o.interpreter, err = filepath.EvalSymlinks(o.interpreter); err != nil {
		return "", err
	}
	own, err := ask(o.interpreter, version)
	if err == nil && own != installed {
		err = fmt.Errorf("%s is %s and %s is %s: modules of the one do not fit the other", o.interpreter, own, o.venv, installed)
	}
	return own, err
}

// open finds the runtimes, makes the functions' code and starts the driver.
func (b *bench) open(ctx context.Context) error {
	if os.Geteuid() != 0 {
		fmt.Fprintln(b.log, "cold: NOT ROOT. Sandboxes have no limits and share one user here; the figures are not those of a server that runs as root.")
	}
	var err error
	if b.python, err = b.o.choose(ctx); err != nil {
		return err
	}
	b.report.Machine = thisMachine(b.o.interpreter)
	b.o.modules = filepath.Join(filepath.Dir(filepath.Dir(b.o.venv)), "lib", b.python, "site-packages")
	if b.o.node != "" {
		out, err := exec.CommandContext(ctx, b.o.node, "-p", "process.versions.node.split('.')[0]").Output()
		if err != nil {
			return fmt.Errorf("%s: %w", b.o.node, err)
		}
		b.nodejs = "nodejs" + strings.TrimSpace(string(out)) + ".x"
	}
	if b.work, err = os.MkdirTemp("", "furl-cold-"); err != nil {
		return err
	}
	b.onClose(func() error { return os.RemoveAll(b.work) })
	b.progress("copy and compile the functions' code")
	if b.code, err = makePackages(ctx, b.o, b.work); err != nil {
		return err
	}
	if b.code.C == "" {
		fmt.Fprintln(b.log, "cold: there is no C compiler (cc); what is measured with a bootstrap in C is left out")
	}
	driver, err := namespace.New(namespace.Options{Command: []string{b.o.furl}})
	if err != nil {
		return fmt.Errorf("sandboxes cannot be made here: %w", err)
	}
	b.driver = driver
	b.onClose(driver.Close)
	return nil
}

// engine makes an engine that is closed with the part that needs it.
func (b *bench) engine(ctx context.Context, runtime, interpreter string, empty bool, change func(*environment.Options)) (*engine, error) {
	e, err := newEngine(ctx, b.driver, runtime, interpreter, empty, change)
	if e != nil {
		b.onClose(e.close)
	}
	return e, err
}

// env is the environment of the servers.
func (b *bench) env() []string {
	return []string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + b.work, "TMPDIR=" + b.work}
}

func (b *bench) progress(format string, args ...any) { fmt.Fprintf(b.log, format+"\n", args...) }

func (b *bench) onClose(f func() error) { b.closers = append(b.closers, f) }

func (b *bench) close() error { return b.closeTo(0) }

// closeTo closes what was opened last, down to the first n.
func (b *bench) closeTo(n int) error {
	var errs []error
	for len(b.closers) > n {
		last := len(b.closers) - 1
		errs = append(errs, b.closers[last]())
		b.closers = b.closers[:last]
	}
	return errors.Join(errs...)
}
