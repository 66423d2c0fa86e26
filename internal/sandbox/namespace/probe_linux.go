package namespace

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"furl/internal/sandbox"
	"furl/internal/sandbox/cgroup"
	"furl/internal/sandbox/seccomp"
)

// stepVar names the step that a process of roleProbe tries.
const stepVar = "FURL_SANDBOX_PROBE"

// egressFeature is the Feature of the way out of sandboxes' networks.
const egressFeature = "egress"

// step is one thing that sandboxes are made with. It is tried by a process that
// has nothing else to do, for some can be done only once or not undone.
type step struct {
	name string
	// flags are the namespaces in which it is tried, beside the user's.
	flags uintptr
	try   func() error
	hint  func(errno syscall.Errno, contained bool) string
	// optional is set when sandboxes can be made without it.
	optional bool
}

func steps() []step {
	const mounts = unix.CLONE_NEWNS
	return []step{
		{"user namespaces", 0, func() error { return nil }, hintUser, false},
		{"mounts", mounts, tryMounts, hintMount, false},
		{"own /proc", mounts | unix.CLONE_NEWPID, tryProc, hintProc, true},
		{"own network", unix.CLONE_NEWNET, loopbackUp, hintNetwork, false},
		{egressFeature, unix.CLONE_NEWNET, tryExit, hintExit, true},
		{"system call filter", 0, tryFilter, hintFilter, false},
	}
}

// Diagnose tries one after the other what the driver needs here, and says what
// helps where something is missing. It needs no Driver.
func Diagnose(ctx context.Context, opts Options) sandbox.Report {
	r := sandbox.Report{Driver: "namespace"}
	opts.complete()
	command := opts.Command
	if len(command) == 0 {
		command = []string{selfProgram}
	}
	u, err := newUsers(&opts, command)
	if err != nil {
		r.Features = append(r.Features, sandbox.Feature{Name: "user ids", Detail: err.Error()})
		return r
	}
	contained := inContainer()
	for i, s := range steps() {
		f := sandbox.Feature{Name: s.name, OK: true, Optional: s.optional}
		if err := tryStep(ctx, command, u, s); err != nil {
			var errno syscall.Errno
			errors.As(err, &errno)
			f.OK, f.Detail, f.Hint = false, err.Error(), s.hint(errno, contained)
		}
		r.Features = append(r.Features, f)
		if i == 0 && !f.OK {
			break // the others are tried in one
		}
	}
	own := sandbox.Feature{Name: "a user of its own per sandbox", OK: u.count > 0, Optional: true}
	if !own.OK {
		own.Detail = fmt.Sprintf("all sandboxes run as the server's user, kept apart by their namespaces: %v", u.why)
		own.Hint = "install newuidmap and newgidmap and give the user ids: usermod --add-subuids 300000-365535 --add-subgids 300000-365535 USER, " +
			"with a range that /etc/subuid does not have yet; or run the server as root; the sandboxes then run as users of their own, not as root"
	}
	r.Features = append(r.Features, own)
	return r
}

// Probe does what Diagnose does, and then makes a whole sandbox.
func (d *Driver) Probe(ctx context.Context) sandbox.Report {
	r := Diagnose(ctx, d.opts)
	whole := sandbox.Feature{Name: "a whole sandbox", OK: true}
	if err := d.Try(ctx); err != nil {
		whole.OK, whole.Detail = false, err.Error()
	}
	r.Features = append(r.Features, whole)
	r.Features = append(r.Features, cgroup.Features(d.groups, d.groupsErr, "memory is limited per process, processes per user", "")...)
	if l, err := d.current(); err == nil && l.noExit != "" {
		for i := range r.Features {
			if f := &r.Features[i]; f.Name == egressFeature && f.OK { // perhaps only since then
				f.OK, f.Detail, f.Hint = false, l.noExit, "start the server again"
			}
		}
	}
	return r
}

// Try makes a sandbox and has it do nothing: the shortest way to know that the
// driver works.
func (d *Driver) Try(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "furl-probe-")
	if err != nil {
		return fmt.Errorf("namespace: %w", err)
	}
	defer os.Remove(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // the sandbox's user is another one
		return fmt.Errorf("namespace: %w", err)
	}
	b, err := d.Blank(ctx, sandbox.Spec{Name: "probe"})
	if err != nil {
		return err
	}
	env, err := b.Assign(ctx, sandbox.Assignment{Code: dir, Launch: func(sandbox.Layout) sandbox.Launch {
		return sandbox.Launch{Path: guardPath, Env: []string{roleVar + "=" + roleNothing}}
	}})
	if err != nil {
		return err
	}
	defer env.Retire(0)
	select {
	case <-env.Exited():
	case <-ctx.Done():
		return ctx.Err()
	}
	if x := env.Exit(); x.Code != 0 || x.Signal != 0 {
		return fmt.Errorf("namespace: the probe ended with %v", x)
	}
	return nil
}

// tryStep runs a step in a process of its own.
func tryStep(ctx context.Context, command []string, u users, s step) error {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = []string{roleVar + "=" + roleProbe, stepVar + "=" + s.name}
	cmd.WaitDelay = time.Second
	var out bytes.Buffer
	cmd.Stdout = &out
	err := u.start(cmd, s.flags)
	if failed, ok := errors.AsType[*os.PathError](err); ok {
		return failed.Err // the kernel's word: that we began a process is no news
	}
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		return fmt.Errorf("namespace: %s: %w", s.name, err)
	}
	number, text, ok := strings.Cut(strings.TrimSpace(out.String()), " ")
	errno, err := strconv.Atoi(number)
	switch {
	case !ok || err != nil:
		return fmt.Errorf("namespace: %s does not try what it is told; its main must call namespace.Main first", command[0])
	case text == "ok":
		return nil
	}
	return fmt.Errorf("%s: %w", text, syscall.Errno(errno))
}

// probe is the other side of tryStep.
func probe() error {
	name := os.Getenv(stepVar)
	for _, s := range steps() {
		if s.name != name {
			continue
		}
		text := "0 ok"
		if err := s.try(); err != nil {
			errno := unix.EINVAL
			errors.As(err, &errno)
			text = fmt.Sprintf("%d %s", int(errno), strings.TrimSuffix(err.Error(), ": "+errno.Error()))
		}
		_, err := fmt.Println(text)
		return err
	}
	return fmt.Errorf("namespace: there is no step %q", name)
}

// tryMounts does with mounts what images and sandboxes do.
func tryMounts() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("mount: %w", err)
	}
	return apart(func() error {
		tree, err := openTree("/usr", shown, true)
		if err != nil {
			return err
		}
		defer tree.Close()
		root, err := newTmpfs(private, 64<<10, 16)
		if err != nil {
			return err
		}
		defer root.Close()
		if err := attach(root, "/proc"); err != nil {
			return err
		}
		if err := os.Mkdir("/proc/usr", 0o755); err != nil {
			return err
		}
		return attach(tree, "/proc/usr")
	})
}

func tryProc() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("mount: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	return nil
}

func tryFilter() error {
	filter, err := seccomp.Build(seccomp.Options{})
	if err != nil {
		return err
	}
	return apart(func() error { return seccomp.Install(filter) })
}

func inContainer() bool {
	for _, name := range [...]string{"/.dockerenv", "/run/.containerenv"} {
		if _, err := os.Stat(name); err == nil {
			return true
		}
	}
	return os.Getenv("KUBERNETES_SERVICE_HOST") != ""
}

const hintDocker = "the container does not allow namespaces; Docker: --security-opt seccomp=unconfined --security-opt systempaths=unconfined, " +
	"with --security-opt apparmor=unconfined where the host has AppArmor, or --privileged; " +
	"Kubernetes: seccompProfile Unconfined, procMount Unmasked and hostUsers: false"

// sysctl is the value of a setting, empty where the kernel does not have it.
func sysctl(name string) string {
	b, err := os.ReadFile("/proc/sys/" + name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

func hintUser(errno syscall.Errno, contained bool) string {
	switch {
	case errno == unix.ENOSPC:
		return "user.max_user_namespaces is 0 or used up: sysctl user.max_user_namespaces=15000"
	case errno == unix.EPERM && contained:
		return hintDocker
	case errno == unix.EPERM && os.Geteuid() != 0 && sysctl("kernel/unprivileged_userns_clone") == "0":
		return "the system allows them to root only: sysctl kernel.unprivileged_userns_clone=1, or run the server as root; the sandboxes then run as users of their own, not as root"
	case errno == unix.EPERM:
		return "a system call filter or a security module refuses them to this process; in a systemd unit, RestrictNamespaces= and SystemCallFilter= must allow them"
	case errno == unix.EACCES:
		return "others must be allowed to execute the furl program: chmod o+rx"
	case errno == unix.ENOSYS || errno == unix.EINVAL:
		return "the kernel is built without user namespaces"
	}
	return ""
}

func hintMount(errno syscall.Errno, contained bool) string {
	switch {
	case errno == unix.ENOSYS:
		return "needs Linux 5.12 or later"
	case os.Geteuid() != 0 && sysctl("kernel/apparmor_restrict_unprivileged_userns") == "1":
		return "AppArmor takes the rights from user namespaces; give the furl program a profile with the rule \"userns,\", or run the server as root; the sandboxes then run as users of their own, not as root"
	case contained:
		return hintDocker
	}
	return ""
}

func hintProc(errno syscall.Errno, contained bool) string {
	if errno != unix.EPERM {
		return hintMount(errno, contained)
	}
	return "parts of /proc are hidden here, so the kernel refuses another one, and functions have none; Docker: --security-opt systempaths=unconfined, " +
		"Kubernetes: hostUsers: false with procMount: Unmasked"
}

func hintNetwork(errno syscall.Errno, contained bool) string {
	if errno == unix.ENOSPC {
		return "user.max_net_namespaces is 0 or used up: sysctl user.max_net_namespaces=15000"
	}
	return hintUser(errno, contained)
}

func hintFilter(syscall.Errno, bool) string {
	return "the kernel is built without CONFIG_SECCOMP_FILTER"
}
