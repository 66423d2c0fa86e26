package isolation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"furl/internal/sandbox"
)

// What can be asked for.
const (
	// Required is Namespace or nothing.
	Required = "required"
	// BestEffort is the strongest driver that works.
	BestEffort = "best-effort"
	// Namespace, Confined and Process are drivers, strongest first.
	Namespace = "namespace"
	Confined  = "confined"
	Process   = "process"
)

// Levels are all that can be asked for.
func Levels() []string { return []string{Required, BestEffort, Namespace, Confined, Process} }

// Options say what is asked for, and of which server.
type Options struct {
	// Level is one of Levels.
	Level string
	// Because says why it is that level, where it was not asked for by name.
	Because string
	// Command is the command line of a program whose main calls Main first.
	// Without one there is only the process driver.
	Command []string
	// Dir is a directory of the server's own, for what drivers keep in files.
	Dir    string
	Logger *slog.Logger
}

// Choice is a driver that was found to work.
type Choice struct {
	Driver sandbox.Driver
	// Passed are the reports of stronger drivers, in that order, that were tried
	// and do not work.
	Passed []sandbox.Report
}

// Why is what the strongest driver lacks, and Remedy what helps; both are empty
// when it was chosen, or not tried.
func (c Choice) Why() string { return firstLack(c.Passed).why() }

// Remedy is what would make the strongest driver work, if that is known.
func (c Choice) Remedy() string { return firstLack(c.Passed).Hint }

type lack struct {
	driver string
	sandbox.Feature
}

func (l lack) why() string {
	if l.driver == "" {
		return ""
	}
	return l.driver + ": " + describe(l.Feature)
}

func firstLack(reports []sandbox.Report) lack {
	for _, r := range reports {
		for _, f := range Lacks(r) {
			return lack{r.Driver, f}
		}
	}
	return lack{}
}

// Lacks are the features without which a driver does not work.
func Lacks(r sandbox.Report) []sandbox.Feature {
	return slices.DeleteFunc(slices.Clone(r.Features), func(f sandbox.Feature) bool { return f.OK || f.Optional })
}

// describe names a feature that is missing, with the reason where one is known.
func describe(f sandbox.Feature) string {
	if f.Detail == "" {
		return f.Name
	}
	return f.Name + ": " + f.Detail
}

// Open makes the driver that was asked for. The error is an *Error when it
// cannot be had here. The driver is the caller's to close.
func Open(ctx context.Context, o Options) (Choice, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	var passed []sandbox.Report
	for _, k := range candidates(o.Level) {
		d, err := k.try(ctx, o)
		if err == nil {
			return Choice{Driver: d, Passed: passed}, nil
		}
		if ctx.Err() != nil {
			return Choice{}, fmt.Errorf("isolation: %w", ctx.Err())
		}
		passed = append(passed, k.explain(ctx, o, err))
	}
	if len(passed) == 0 {
		return Choice{}, fmt.Errorf("isolation: there is no level %q", o.Level)
	}
	return Choice{}, &Error{Level: o.Level, Because: o.Because, Reports: passed}
}

// Diagnose tries every driver, strongest first.
func Diagnose(ctx context.Context, o Options, progress func(driver string)) []sandbox.Report {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	var all []sandbox.Report
	for _, k := range kinds() {
		progress(k.name)
		d, err := k.open(o)
		if err != nil {
			all = append(all, k.explain(ctx, o, err))
			continue
		}
		r := d.Probe(ctx)
		if err := d.Close(); err != nil {
			r.Features = append(r.Features, sandbox.Feature{Name: "an orderly end", Detail: err.Error()})
		}
		all = append(all, r)
	}
	return all
}

// kind is a driver that may be chosen.
type kind struct {
	name string
	// meaning is what functions are kept from, and what not.
	meaning string
	open    func(Options) (sandbox.Driver, error)
	// diagnose says what is missing when open fails; nil where there is nothing
	// to be found out.
	diagnose func(context.Context, Options) sandbox.Report
}

// candidates are the drivers that a level allows, strongest first; none where
// there is no such level.
func candidates(level string) []kind {
	all := kinds()
	switch level {
	case BestEffort:
		return all
	case Required:
		level = Namespace
	}
	return slices.DeleteFunc(all, func(k kind) bool { return k.name != level })
}

// try makes a driver and has it make a sandbox.
func (k kind) try(ctx context.Context, o Options) (sandbox.Driver, error) {
	d, err := k.open(o)
	if err != nil {
		return nil, err
	}
	if whole, ok := d.(interface{ Try(context.Context) error }); ok {
		if err := whole.Try(ctx); err != nil {
			return nil, errors.Join(err, d.Close())
		}
	}
	return d, nil
}

// explain says what a driver that failed with err lacks.
func (k kind) explain(ctx context.Context, o Options, err error) sandbox.Report {
	r := sandbox.Report{Driver: k.name}
	if k.diagnose != nil && len(o.Command) > 0 {
		r = k.diagnose(ctx, o)
	}
	if r.Works() || len(r.Features) == 0 { // each thing works by itself, or nothing was tried
		r.Features = append(r.Features, sandbox.Feature{Name: "a whole sandbox", Detail: err.Error()})
	}
	return r
}

// errNoCommand is for programs that cannot be started again as part of a sandbox.
var errNoCommand = errors.New("the program that runs the server was not named (Config.Supervisor)")

// Error says that what was asked for cannot be had, and why.
type Error struct {
	Level string
	// Because is that of the Options.
	Because string
	Reports []sandbox.Report
}

// Error names everything that is missing, a line each.
func (e *Error) Error() string {
	var b strings.Builder
	driver := ""
	if len(e.Reports) > 0 {
		driver = e.Reports[0].Driver
	}
	because := ""
	if e.Because != "" {
		because = ", because " + e.Because
	}
	fmt.Fprintf(&b, "isolation %s%s: the %s driver does not work here", e.Level, because, driver)
	for _, r := range e.Reports {
		for _, f := range Lacks(r) {
			fmt.Fprintf(&b, "\n  %s", describe(f))
		}
	}
	return b.String()
}

// Hints are remedies, and what else could be asked for.
func (e *Error) Hints() []string {
	var hints []string
	for _, r := range e.Reports {
		for _, f := range Lacks(r) {
			if f.Hint != "" && !slices.Contains(hints, f.Hint) {
				hints = append(hints, f.Hint)
			}
		}
	}
	hints = append(hints, "furl doctor tells what works on this machine")
	if e.Level == Process {
		return hints
	}
	hints = append(hints, "or choose less: --isolation best-effort, the strongest that works here")
	for _, k := range kinds() {
		if k.name != Namespace && k.name != e.Level {
			hints = append(hints, "or --isolation "+k.name+": "+k.meaning)
		}
	}
	return hints
}

// Meaning is what functions that a driver runs are kept from, and what not.
func Meaning(driver string) string {
	for _, k := range kinds() {
		if k.name == driver {
			return k.meaning
		}
	}
	return ""
}

// Verdict is the driver that best-effort takes, given what Diagnose found; ""
// when none works.
func Verdict(reports []sandbox.Report) string {
	for _, r := range reports {
		if r.Works() {
			return r.Driver
		}
	}
	return ""
}
