package confined

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"furl/internal/sandbox"
	"furl/internal/sandbox/cgroup"
	"furl/internal/sandbox/seccomp"
)

// Steps are tried by a process that has nothing else to do, for what it tries
// cannot be undone.
const (
	stepVar     = "FURL_SANDBOX_PROBE"
	argumentVar = "FURL_SANDBOX_PROBE_ARGUMENT"

	stepLandlock = "landlock"
	stepFilter   = "filter"
	stepUser     = "user"
)

// versions are what Landlock learned, and what its lack means.
var versions = [...]struct {
	version        int
	name, without  string
	kernel         string
	matters        string // said when sandboxes run as the server's user
	onlySharedUser bool
}{
	{2, "Landlock: moving files", "files cannot be moved or linked from one directory to another", "5.19", "", false},
	{3, "Landlock: truncating files", "truncate is not restricted", "6.2", "functions can empty files of the server's user", true},
	{4, "Landlock: TCP ports", "functions can listen on any TCP port", "6.7", "", false},
	{5, "Landlock: devices", "ioctl on devices is not restricted", "6.10", "", false},
	{6, "Landlock: signals and abstract sockets", "functions can connect to abstract sockets of the host", "6.12",
		"functions can end processes of the server's user, the server too", false},
	{9, "Landlock: sockets in files", "functions can connect to sockets in files that every user may use", "7.1",
		"so functions have no sockets in files at all", false},
}

// Diagnose tries one after the other what the driver needs here, and says what
// helps where something is missing. It needs no Driver.
func Diagnose(ctx context.Context, opts Options) sandbox.Report {
	opts.complete()
	r := sandbox.Report{Driver: "confined"}
	domain := sandbox.Feature{Name: "Landlock", OK: true}
	version, err := landlockVersion()
	if err == nil {
		domain.Detail = "version " + strconv.Itoa(version) + " of its interface"
		err = tryStep(ctx, opts.Command, stepLandlock, strconv.Itoa(version))
	}
	if err != nil {
		domain.OK, domain.Detail, domain.Hint = false, err.Error(), hintLandlock(err)
	}
	filter := sandbox.Feature{Name: "system call filter", OK: true}
	if err := tryStep(ctx, opts.Command, stepFilter, ""); err != nil {
		filter.OK, filter.Detail = false, err.Error()
		filter.Hint = "the kernel is built without CONFIG_SECCOMP_FILTER"
	}
	r.Features = append(r.Features, domain, filter)
	u, err := chooseUsers(&opts)
	own := sandbox.Feature{Name: "a user of its own per sandbox", OK: u != nil, Optional: true}
	if !own.OK {
		own.Detail = "sandboxes run as the server's user, and can change the rights and times of that user's files"
		if err != nil {
			own.Detail += ": " + err.Error()
		}
		own.Hint = "run the server as root: sandboxes do not"
	} else if err := u.close(); err != nil {
		own.Detail = err.Error()
	}
	r.Features = append(r.Features, own)
	if domain.OK {
		r.Features = append(r.Features, versionFeatures(version, own.OK)...)
	}
	return r
}

// versionFeatures are what Landlock can do here beyond its first version.
func versionFeatures(version int, ownUser bool) []sandbox.Feature {
	var features []sandbox.Feature
	for _, v := range versions {
		f := sandbox.Feature{Name: v.name, OK: version >= v.version, Optional: true}
		if !f.OK {
			f.Detail, f.Hint = v.without, "Linux "+v.kernel+" or later"
			switch {
			case v.onlySharedUser && ownUser:
				f.Detail += ", but sandboxes' users own nothing"
			case !ownUser && v.matters != "":
				f.Detail += ": " + v.matters
			}
		}
		features = append(features, f)
	}
	return features
}

func hintLandlock(err error) string {
	switch {
	case errors.Is(err, unix.ENOSYS):
		return "Linux 5.13 or later, built with CONFIG_SECURITY_LANDLOCK; in a container, a runtime whose system call filter knows landlock"
	case errors.Is(err, unix.EOPNOTSUPP):
		return "boot the kernel with landlock among its security modules: lsm=landlock,… with what /sys/kernel/security/lsm lists"
	case errors.Is(err, unix.EPERM):
		return "the container's system call filter blocks Landlock; use a newer container runtime, or --security-opt seccomp=unconfined"
	}
	return ""
}

// Probe does what Diagnose does, and then makes a whole sandbox.
func (d *Driver) Probe(ctx context.Context) sandbox.Report {
	r := Diagnose(ctx, d.opts)
	whole := sandbox.Feature{Name: "a whole sandbox", OK: true}
	if err := d.Try(ctx); err != nil {
		whole.OK, whole.Detail = false, err.Error()
	}
	r.Features = append(r.Features, whole)
	r.Features = append(r.Features, cgroup.Features(d.groups, d.groupsErr,
		"memory and processes are watched ten times a second, CPU is not limited", "processes run on")...)
	r.Features = append(r.Features,
		sandbox.Feature{Name: "own network", Optional: true,
			Detail: "functions reach every address that the server reaches, its own loopback too",
			Hint:   "the namespace driver has networks of its own"},
		sandbox.Feature{Name: "own /tmp", Optional: true,
			Detail: "functions may write below TMPDIR only, and its size is watched, not limited",
			Hint:   "the namespace driver has file systems of its own"})
	return r
}

// Try makes a sandbox, runs nothing in it, and ends it.
func (d *Driver) Try(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "furl-probe-")
	if err != nil {
		return fmt.Errorf("confined: %w", err)
	}
	defer os.Remove(dir)
	b, err := d.Blank(ctx, sandbox.Spec{Name: "probe"})
	if err != nil {
		return err
	}
	nothing := sandbox.Launch{Path: "/bin/sh", Args: []string{"-c", "exit 0"}}
	if _, err := os.Stat(nothing.Path); err != nil { // a container with nothing but furl in it
		if nothing.Path, err = os.Executable(); err != nil {
			b.Discard()
			return fmt.Errorf("confined: %w", err)
		}
		nothing.Args, nothing.Env = nil, []string{roleVar + "=" + roleNothing}
	}
	env, err := b.Assign(ctx, sandbox.Assignment{Code: dir, Launch: func(sandbox.Layout) sandbox.Launch { return nothing }})
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
		return fmt.Errorf("confined: the probe ended with %v", x)
	}
	return nil
}

// tryStep runs a step in a process of its own.
func tryStep(ctx context.Context, command []string, step, argument string) error {
	ctx, cancel := context.WithTimeout(ctx, stepWait)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = []string{roleVar + "=" + roleProbe, stepVar + "=" + step, argumentVar + "=" + argument}
	cmd.WaitDelay = time.Second
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("confined: %s: %w", step, err)
	}
	number, text, ok := strings.Cut(strings.TrimSpace(out.String()), " ")
	errno, err := strconv.Atoi(number)
	switch {
	case !ok || err != nil:
		return fmt.Errorf("confined: %s does not try what it is told; its main must call confined.Main first", command[0])
	case text == "ok":
		return nil
	}
	return fmt.Errorf("%s: %w", text, syscall.Errno(errno))
}

// probe is the other side of tryStep.
func probe() error {
	runtime.LockOSThread()
	argument, err := strconv.Atoi(os.Getenv(argumentVar))
	switch step := os.Getenv(stepVar); step {
	case stepLandlock:
		if err == nil {
			err = tryDomain(argument)
		}
	case stepFilter:
		err = tryFilter()
	case stepUser:
		if err == nil {
			err = surrender(argument)
		}
	default:
		return fmt.Errorf("confined: there is no step %q", step)
	}
	text := "0 ok"
	if err != nil {
		errno := unix.EINVAL
		errors.As(err, &errno)
		text = fmt.Sprintf("%d %s", int(errno), strings.TrimSuffix(err.Error(), ": "+errno.Error()))
	}
	_, err = fmt.Println(text)
	return err
}

func tryDomain(version int) error {
	domain, err := newDomain(version, []place{{Path: "/dev/null", Device: true}})
	if err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("confined: no_new_privs: %w", err)
	}
	if err := enterDomain(domain); err != nil {
		return err
	}
	if fd, err := unix.Open("/", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != unix.EACCES {
		unix.Close(fd)
		return errors.New("confined: Landlock: files outside of the domain can be read")
	}
	return nil
}

func tryFilter() error {
	filter, err := seccomp.Build(seccomp.Options{IPC: true})
	if err != nil {
		return err
	}
	return seccomp.Install(filter)
}
