package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"furl"
)

// settings are what a server is started with.
type settings struct {
	furl.Config
	// LogFormat is text, json, or empty for what suits stderr.
	LogFormat string
	// sources say where each setting came from, by name; defaults are missing.
	sources map[string]string
}

// given are values by the name of their setting.
type given map[string][]string

// flagValue collects what a flag is given.
type flagValue struct {
	name  string
	arg   string
	given given
}

// String is what was given.
func (v *flagValue) String() string { return strings.Join(v.given[v.name], ",") }

// Type is what stands for the value in help texts.
func (v *flagValue) Type() string {
	if v.arg == "" {
		return "bool"
	}
	return v.arg
}

// Set implements the flag. Later occurrences replace earlier ones, except of
// settings that have several values.
func (v *flagValue) Set(text string) error {
	if !settingOf(v.name).many {
		v.given[v.name] = nil
	}
	v.given[v.name] = append(v.given[v.name], text)
	return nil
}

// addSettingFlags gives a command the flags of the named settings; the result
// fills when the command line is parsed.
func addSettingFlags(cmd *cobra.Command, names ...string) given {
	g := given{}
	for _, name := range names {
		s := settingOf(name)
		usage := s.usage + " (" + s.variable() + ")"
		if s.standard != "" {
			usage = s.usage + " (" + s.variable() + ", default " + s.standard + ")"
		}
		flag := cmd.Flags().VarPF(&flagValue{name, s.arg, g}, s.flagName(), "", usage)
		if s.arg == "" {
			flag.NoOptDefVal = "true"
		}
	}
	return g
}

// loadSettings gathers the settings of a server: flags first, then FURL_
// variables, then the file, then defaults.
func (a *app) loadSettings(flags given) (*settings, error) {
	vars, err := a.variables()
	if err != nil {
		return nil, err
	}
	out := &settings{sources: map[string]string{}}
	// Without a home directory a file may still say where the data is.
	dir, dirErr := a.dataDir(flags, vars)
	file, path, err := a.settingsFile(flags, vars, dir)
	if err != nil {
		return nil, err
	}
	for _, s := range allSettings() {
		values, source := pick(s, flags, vars, file, path)
		if source == "" {
			continue
		}
		out.sources[s.name] = source
		if err := s.set(out, values); err != nil {
			return nil, usagef("%s: %w", source, err)
		}
	}
	if out.DataDir == "" && dirErr != nil {
		return nil, dirErr
	}
	if out.DataDir, err = filepath.Abs(cmp.Or(out.DataDir, dir)); err != nil {
		return nil, err
	}
	if err := out.Validate(); err != nil {
		return nil, &usageError{out.sourced(err)}
	}
	return out, nil
}

// sourced names of each setting that cannot be meant where it was given.
func (s *settings) sourced(err error) error {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		var errs []error
		for _, one := range many.Unwrap() {
			errs = append(errs, s.sourced(one))
		}
		return errors.Join(errs...)
	}
	if bad, ok := errors.AsType[*furl.SettingError](err); ok && s.sources[bad.Setting] != "" {
		return fmt.Errorf("%s: %s", s.sources[bad.Setting], bad.Text)
	}
	return err
}

// pick takes a setting's values from where they count first, and says where
// that is; source is empty where it is not set.
func pick(s *setting, flags, vars, file given, path string) (values []string, source string) {
	switch {
	case flags[s.name] != nil:
		return flags[s.name], "--" + s.flagName()
	case vars[s.name] != nil:
		return vars[s.name], s.variable()
	case file[s.name] != nil:
		return file[s.name], path + ": " + s.name
	}
	return nil, ""
}

// variables reads the FURL_ variables. One that is set to nothing is not set;
// one that is not known is an error, because it was meant to do something.
func (a *app) variables() (given, error) {
	g := given{}
	known := make([]string, 0, len(a.env))
	byVariable := map[string]*setting{}
	for _, s := range allSettings() {
		known = append(known, s.variable())
		byVariable[s.variable()] = s
	}
	for name, value := range a.env {
		if !strings.HasPrefix(name, "FURL_") || value == "" {
			continue
		}
		s := byVariable[name]
		if s == nil {
			return nil, withHint(usagef("unknown variable %s in the environment", name), didYouMean(name, known, "")...)
		}
		g[s.name] = []string{value}
	}
	return g, nil
}

// dataDir is where the data directory is, unless a settings file named by the
// user says otherwise.
func (a *app) dataDir(flags, vars given) (string, error) {
	for _, g := range []given{flags, vars} {
		if v := g["data-dir"]; len(v) > 0 {
			return v[len(v)-1], nil
		}
	}
	return a.defaultDataDir()
}

// settingsFile reads the file named by --config or FURL_CONFIG, which must be
// there, or else config.toml in the data directory, which need not.
func (a *app) settingsFile(flags, vars given, dir string) (g given, path string, err error) {
	named := slices.Concat(vars["config"], flags["config"])
	switch {
	case len(named) > 0:
		path = named[len(named)-1]
	case dir == "":
		return nil, "", nil
	default:
		path = filepath.Join(dir, "config.toml")
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && len(named) == 0 {
		return nil, path, nil
	}
	if err != nil {
		return nil, path, fmt.Errorf("settings: %w", err)
	}
	if g, err = parseSettingsFile(text); err != nil {
		return nil, path, &usageError{fmt.Errorf("%s: %w", path, err)}
	}
	if len(named) == 0 && g["data-dir"] != nil {
		return nil, path, usagef("%s: data-dir: a file in the data directory cannot say where that is", path)
	}
	return g, path, nil
}

// defaultDataDir is the user's directory for state that furl keeps to itself.
func (a *app) defaultDataDir() (string, error) {
	if dir := a.env["XDG_STATE_HOME"]; filepath.IsAbs(dir) {
		return filepath.Join(dir, "furl"), nil
	}
	home := a.env["HOME"]
	if home == "" {
		return "", withHint(errors.New("there is no home directory to keep data in: HOME is not set"), "name a directory with --data-dir")
	}
	return filepath.Join(home, defaultStateDir, "furl"), nil
}
