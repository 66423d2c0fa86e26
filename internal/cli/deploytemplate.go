package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"furl/internal/template"
)

// maxStackName is the length that names of stacks may have.
const maxStackName = 128

// templateFlags are the flags of deploy that are for templates alone.
type templateFlags struct {
	parameters []string
	diff       bool
}

func addTemplateFlags(cmd *cobra.Command) *templateFlags {
	f := &templateFlags{}
	fs := cmd.Flags()
	fs.StringArrayVar(&f.parameters, "parameter", nil, "parameter of the template, `NAME=VALUE`; may be repeated, others keep their values")
	fs.BoolVar(&f.diff, "diff", false, "show what a template would change; on a terminal ask whether to do it, else end there")
	return f
}

// refuseFlags refuses flags that what is deployed has no use for.
func refuseFlags(cmd *cobra.Command, what string, names ...string) error {
	for _, name := range names {
		if cmd.Flags().Changed(name) {
			return usagef("--%s is not for %s", name, what)
		}
	}
	return nil
}

// templateFile is a template on this machine.
type templateFile struct {
	path string // absolute
	body []byte
	doc  map[string]any
}

// openTemplate reads a template, or returns nil for what is something else: a directory, a file of code. YAML is taken
// for a template whatever it holds, JSON if it has resources.
func openTemplate(name string) (*templateFile, error) {
	ending := strings.ToLower(filepath.Ext(name))
	if !slices.Contains([]string{".yaml", ".yml", ".json", ".template"}, ending) {
		return nil, nil
	}
	if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() {
		return nil, nil // openSource tells
	}
	path, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	body, err := readLimited(path, template.MaxObject)
	if err != nil {
		return nil, err
	}
	doc, err := template.Read(body)
	if ending == ".json" && doc["Resources"] == nil {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &templateFile{path: path, body: body, doc: doc}, nil
}

// readLimited reads a file of at most limit bytes.
func readLimited(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%s has %s, more than the %s that a template may have", path, size(int(info.Size())), size(int(limit)))
	}
	return os.ReadFile(path)
}

// stackName is a stack's name made of the template's: the file's, or the directory's where the file's says nothing.
func (t *templateFile) stackName() (string, error) {
	base := strings.TrimSuffix(filepath.Base(t.path), filepath.Ext(t.path))
	if slices.Contains([]string{"template", "stack", "cloudformation", "packaged", "sam"}, strings.ToLower(base)) {
		dir := filepath.Dir(t.path)
		if filepath.Base(dir) == "build" && filepath.Base(filepath.Dir(dir)) == ".aws-sam" {
			dir = filepath.Dir(filepath.Dir(dir)) // what sam build made, of the directory that it is in
		}
		base = filepath.Base(dir)
	}
	name := regexp.MustCompile(`[^A-Za-z0-9]+`).ReplaceAllString(base, "-")
	name = strings.TrimLeft(name, "-0123456789")
	if len(name) > maxStackName {
		name = name[:maxStackName]
	}
	if name = strings.TrimRight(name, "-"); name == "" {
		return "", withHint(fmt.Errorf("%s gives no name for a stack", t.path), "give one with --name")
	}
	return name, nil
}

// stackSpec is the stack that is to be deployed.
type stackSpec struct {
	file       *templateFile
	name       string
	parameters map[string]string
	diff, json bool
}

// stackSpec makes of the flags what is to be deployed.
func (f *templateFlags) stackSpec(file *templateFile, flags *deployFlags) (*stackSpec, error) {
	s := &stackSpec{file: file, name: flags.name, parameters: map[string]string{}, diff: f.diff, json: flags.json}
	for _, pair := range f.parameters {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, usagef("--parameter %q: want NAME=VALUE", pair)
		}
		s.parameters[name] = value
	}
	var err error
	if s.name == "" {
		s.name, err = file.stackName()
	}
	return s, err
}

// runDeployTemplate is the command for a template.
func (a *app) runDeployTemplate(cmd *cobra.Command, target given, f *templateFlags, flags *deployFlags, file *templateFile) error {
	if err := refuseFlags(cmd, "templates", "runtime", "handler", "role", "memory", "timeout", "env", "watch", "url"); err != nil {
		return err
	}
	s, err := f.stackSpec(file, flags)
	if err != nil {
		return err
	}
	c, err := a.connect(target)
	if err != nil {
		return err
	}
	return a.deployTemplate(cmd.Context(), c, s)
}

// deployTemplate packs a template with what it names on this machine, and makes the server's stack of it.
func (a *app) deployTemplate(ctx context.Context, c *clients, s *stackSpec) error {
	d := &stackDeployer{clients: c, spec: s, progress: a.progress}
	body, err := d.pack(ctx)
	if err != nil {
		return err
	}
	plan, err := d.plan(ctx, body)
	if err != nil {
		return err
	}
	if s.diff {
		if err := a.printPlan(plan, s.json); err != nil {
			return err
		}
		if plan.changed && !(isTerminal(a.stdin) && !s.json && a.confirm("Carry these changes out?")) {
			return d.drop(ctx, plan)
		}
	}
	out, err := d.execute(ctx, plan)
	if err != nil {
		return err
	}
	if s.diff && !plan.changed {
		return nil
	}
	return a.printStack(out, s.json)
}

// confirm asks a question on stderr; no answer is no.
func (a *app) confirm(question string) bool {
	fmt.Fprintf(a.stderr, "%s [y/N] ", question)
	var answer string
	if _, err := fmt.Fscanln(a.stdin, &answer); err != nil {
		return false
	}
	return slices.Contains([]string{"y", "yes"}, strings.ToLower(answer))
}

// deployedStack is the JSON of deploy for a template.
type deployedStack struct {
	StackName   string `json:"StackName"`
	StackId     string `json:"StackId"`
	StackStatus string `json:"StackStatus"`
	// Action is created, updated or unchanged.
	Action  string            `json:"Action"`
	Outputs map[string]string `json:"Outputs"`
}

// printStack prints a stack's outputs on stdout, or JSON.
func (a *app) printStack(out *deployedStack, asJSON bool) error {
	a.progress("stack %s %s", out.StackName, out.Action)
	if asJSON {
		return a.printJSON(out)
	}
	width := 0
	names := sortedNames(out.Outputs)
	for _, name := range names {
		width = max(width, len(name))
	}
	for _, name := range names {
		fmt.Fprintf(a.stdout, "%-*s  %s\n", width, name, out.Outputs[name])
	}
	return nil
}

// marshalTemplate writes a template whose code was packed.
func marshalTemplate(doc map[string]any) ([]byte, error) {
	body, err := json.Marshal(doc)
	if err == nil && len(body) > template.MaxObject {
		err = errors.New("cli: the template is too large")
	}
	return body, err
}
