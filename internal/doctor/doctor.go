// Package doctor examines whether a server would work on this machine, without
// one: what functions can run in, which interpreters there are, addresses, data
// directory, clock. It tries what can be tried, says what helps where something
// is missing, and changes nothing.
package doctor

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"furl/internal/environment"
	"furl/internal/isolation"
	"furl/internal/sandbox"
)

// State is how a check went.
type State string

// States of a check.
const (
	OK State = "ok"
	// Without is something that a server does without.
	Without State = "without"
	// Missing is something that what the section is about needs.
	Missing State = "missing"
)

// Check is one thing that was tried.
type Check struct {
	Name  string `json:"Name"`
	State State  `json:"State"`
	// Detail says more, Hint what helps.
	Detail string `json:"Detail,omitempty"`
	Hint   string `json:"Hint,omitempty"`
}

// Runtimes is the name of the section of interpreters.
const Runtimes = "runtimes"

// Section is what was tried for one purpose.
type Section struct {
	Name string `json:"Name"`
	// Works is whether nothing is missing.
	Works  bool    `json:"Works"`
	Checks []Check `json:"Checks"`
}

// Report is what was found.
type Report struct {
	// Isolation is the driver that functions would run in, "" for none.
	Isolation string `json:"Isolation"`
	// Strongest is the strongest driver that works.
	Strongest string `json:"Strongest"`
	// Level is what the settings ask for, Because why where it only follows from
	// them.
	Level   string `json:"Level"`
	Because string `json:"Because,omitempty"`
	// Required is whether a server that requires isolation would start.
	Required bool `json:"Required"`
	// Starts is whether a server with these settings would start.
	Starts   bool      `json:"Starts"`
	Sections []Section `json:"Sections"`
}

// Options say which server is meant.
type Options struct {
	Isolation isolation.Options
	// Listen are the addresses that it would serve on, Metrics the one of its
	// figures, if any.
	Listen  []string
	Metrics string
	// DataDir is its data directory, Served whether it serves already.
	DataDir string
	Served  bool
	// Runtimes are interpreters that were chosen.
	Runtimes map[string]string
	// Progress, if any, is told what is tried next.
	Progress func(what string)
	// Now is the time.
	Now func() time.Time
}

// Examine tries everything.
func Examine(ctx context.Context, o Options) Report {
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	r := Report{Level: o.Isolation.Level, Because: o.Isolation.Because}
	reports := isolation.Diagnose(ctx, o.Isolation, func(driver string) { o.Progress("trying the " + driver + " driver") })
	for _, one := range reports {
		r.Sections = append(r.Sections, driverSection(one))
	}
	o.Progress("looking for interpreters")
	runtimes := section(Runtimes, runtimes(ctx, o.Runtimes))
	o.Progress("trying addresses and the data directory")
	server := section("server", slices.Concat(addresses(ctx, o), []Check{dataDirectory(o.DataDir), clock(o.Now())}))
	r.Sections = append(r.Sections, runtimes, server)

	r.Strongest = isolation.Verdict(reports)
	r.Required = r.Strongest == isolation.Namespace
	r.Isolation = chosen(o.Isolation.Level, reports)
	r.Starts = r.Isolation != "" && server.Works
	return r
}

// chosen is the driver that a level leads to, "" for none.
func chosen(level string, reports []sandbox.Report) string {
	switch level {
	case isolation.BestEffort:
		return isolation.Verdict(reports)
	case isolation.Required:
		level = isolation.Namespace
	}
	for _, r := range reports {
		if r.Driver == level && r.Works() {
			return level
		}
	}
	return ""
}

func section(name string, checks []Check) Section {
	missing := slices.ContainsFunc(checks, func(c Check) bool { return c.State == Missing })
	return Section{Name: name, Works: !missing, Checks: checks}
}

func driverSection(r sandbox.Report) Section {
	checks := make([]Check, 0, len(r.Features))
	for _, f := range r.Features {
		c := Check{Name: f.Name, State: OK, Detail: f.Detail, Hint: f.Hint}
		switch {
		case f.OK:
			c.Hint = ""
		case f.Optional:
			c.State = Without
		default:
			c.State = Missing
		}
		checks = append(checks, c)
	}
	s := section(r.Driver, checks)
	s.Works = r.Works()
	return s
}

// runtimes are the managed runtimes and their interpreters.
func runtimes(ctx context.Context, chosen map[string]string) []Check {
	var checks []Check
	for _, i := range environment.NewInterpreters(chosen).List(ctx) {
		if i.Err == nil {
			checks = append(checks, Check{Name: i.Runtime, State: OK, Detail: i.Version + " " + i.Path})
			continue
		}
		c := Check{Name: i.Runtime, State: Without}
		if why, ok := errors.AsType[*environment.InterpreterError](i.Err); ok {
			if why.Cause != nil {
				c.Detail, _, _ = strings.Cut(why.Cause.Error(), "\n") // a shim says more than can be read
			}
			c.Hint = why.Install()
		}
		checks = append(checks, c)
	}
	return checks
}

// clock: signatures are refused when they are more than five minutes off.
func clock(now time.Time) Check {
	c := Check{Name: "clock", State: OK, Detail: now.UTC().Format(time.RFC3339)}
	switch {
	case now.Year() < firstYear:
		c.State, c.Hint = Missing, "set the clock: signatures are judged by it"
	case !synchronised():
		c.State = Without
		c.Detail += ", which nothing keeps right"
		c.Hint = "clients must agree with it within five minutes: run a time service (systemd-timesyncd, chrony), here or on the host of this machine"
	}
	return c
}

// firstYear is when this program was written.
const firstYear = 2026
