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
)

// stepVar names the step that a process of roleProbe tries.
const stepVar = "FURL_SANDBOX_PROBE"

// step is one thing that sandboxes are made with. It is tried by a process that
// has nothing else to do, for some can be done only once or not undone.
type step struct {
	name string
	// flags are the namespaces in which it is tried, beside the user's.
	flags uintptr
	try   func() error
	hint  func(errno syscall.Errno, contained bool) string
}

func steps() []step {
	const mounts = unix.CLONE_NEWNS
	return []step{
		{"user namespaces", 0, func() error { return nil }, hintUser},
		{"mounts", mounts, tryMounts, hintMount},
		{"own /proc", mounts | unix.CLONE_NEWPID, tryProc, hintProc},
		{"own network", unix.CLONE_NEWNET, loopbackUp, hintNetwork},
		{"system call filter", 0, tryFilter, hintFilter},
	}
}

// Diagnose tries one after the other what the driver needs here, and says what
// helps where something is missing. It needs no Driver.
func Diagnose(ctx context.Context, opts Options) sandbox.Report {
	r := sandbox.Report{Driver: "namespace"}
	opts.complete()
	command := opts.Command
	if len(command) == 0 {
		command = []string{"/proc/self/exe"}
	}
	u, err := newUsers(&opts)
	if err != nil {
		r.Features = append(r.Features, sandbox.Feature{Name: "user ids", Detail: err.Error()})
		return r
	}
	contained := inContainer()
	for i, s := range steps() {
		f := sandbox.Feature{Name: s.name, OK: true}
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
	own := sandbox.Feature{Name: "a user of its own per sandbox", OK: u.count > 0}
	if !own.OK {
		own.Detail = "all sandboxes run as the server's user, kept apart by their namespaces"
		own.Hint = "run the server as root: sandboxes do not"
	}
	r.Features = append(r.Features, own)
	return r
}

// Probe does what Diagnose does, and then makes a whole sandbox.
func (d *Driver) Probe(ctx context.Context) sandbox.Report {
	r := Diagnose(ctx, d.opts)
	whole := sandbox.Feature{Name: "a whole sandbox", OK: true}
	if err := d.tryWhole(ctx); err != nil {
		whole.OK, whole.Detail = false, err.Error()
	}
	limits := sandbox.Feature{Name: "limits of memory, processes and CPU", OK: d.groups != nil}
	const hint = "let the service own its cgroup: Delegate=yes in the unit, or systemd-run --user --scope -p Delegate=yes"
	switch {
	case d.groups == nil:
		limits.Detail = d.groupsErr.Error() + "; memory is limited per process, processes per user"
		limits.Hint = hint
	case len(d.groups.missing) > 0:
		limits.OK = false
		limits.Detail = "missing: " + strings.Join(d.groups.missing, ", ")
		limits.Hint = hint
	}
	freeze := sandbox.Feature{Name: "freezing between invocations", OK: d.groups != nil && d.groups.canFreeze()}
	if !freeze.OK {
		freeze.Hint = hint
	}
	r.Features = append(r.Features, whole, limits, freeze,
		sandbox.Feature{Name: "egress", Detail: "sandboxes have no network but their own loopback"})
	return r
}

// tryWhole runs nothing in a sandbox.
func (d *Driver) tryWhole(ctx context.Context) error {
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
	cmd.SysProcAttr = u.attributes()
	cmd.SysProcAttr.Cloneflags = unix.CLONE_NEWUSER | s.flags
	cmd.WaitDelay = time.Second
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
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
	filter, err := buildFilter()
	if err != nil {
		return err
	}
	return apart(func() error { return installFilter(filter) })
}

func inContainer() bool {
	for _, name := range [...]string{"/.dockerenv", "/run/.containerenv"} {
		if _, err := os.Stat(name); err == nil {
			return true
		}
	}
	return os.Getenv("KUBERNETES_SERVICE_HOST") != ""
}

const hintDocker = "the container's system call filter blocks namespaces; start it with " +
	"--security-opt seccomp=unconfined --security-opt systempaths=unconfined, or --privileged"

func hintUser(errno syscall.Errno, contained bool) string {
	switch {
	case errno == unix.ENOSPC:
		return "the system allows none: sysctl user.max_user_namespaces=15000"
	case errno == unix.EPERM && contained:
		return hintDocker
	case errno == unix.EPERM:
		return "the system allows them to root only (sysctl kernel.unprivileged_userns_clone=1), or run the server as root"
	case errno == unix.EACCES:
		return "others must be allowed to execute the furl program: chmod o+rx"
	case errno == unix.ENOSYS || errno == unix.EINVAL:
		return "the kernel is built without user namespaces"
	}
	return ""
}

func hintMount(errno syscall.Errno, contained bool) string {
	b, _ := os.ReadFile("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") // not there: not restricted
	switch {
	case errno == unix.ENOSYS:
		return "needs Linux 5.12 or later"
	case strings.TrimSpace(string(b)) == "1":
		return "AppArmor takes the rights from user namespaces; give the furl program a profile with the rule \"userns,\", or run the server as root"
	case contained:
		return hintDocker
	}
	return ""
}

func hintProc(errno syscall.Errno, contained bool) string {
	if errno != unix.EPERM {
		return hintMount(errno, contained)
	}
	return "parts of /proc are hidden here, so the kernel refuses another one; Docker: --security-opt systempaths=unconfined, " +
		"Kubernetes: hostUsers: false with procMount: Unmasked"
}

func hintNetwork(errno syscall.Errno, contained bool) string {
	if errno == unix.ENOSPC {
		return "the system allows no more: sysctl user.max_net_namespaces=15000"
	}
	return hintUser(errno, contained)
}

func hintFilter(syscall.Errno, bool) string {
	return "the kernel is built without CONFIG_SECCOMP_FILTER"
}
