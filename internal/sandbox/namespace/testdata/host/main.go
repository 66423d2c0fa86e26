// Command host is the program that the tests' drivers start again. With the
// argument "serve" it is a server that has sandboxes and can only be killed, with
// "diagnose" it says what a driver finds on a machine that lacks something, and with
// "lookup" what it finds out about a name from within a sandbox.
package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"furl/internal/sandbox"
	"furl/internal/sandbox/namespace"
)

func main() {
	if namespace.Main() {
		return
	}
	if len(os.Args) == 3 && os.Args[1] == "serve" {
		if err := serve(os.Args[2]); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	if len(os.Args) == 3 && os.Args[1] == "lookup" {
		fmt.Println(lookup(os.Args[2]))
	}
	if len(os.Args) == 3 && os.Args[1] == "diagnose" {
		if err := diagnose(os.Args[2]); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
}

// lookup asks Go's own resolver for a name's addresses, and connects to it.
func lookup(name string) string {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupHost(ctx, name)
	if err != nil {
		return err.Error()
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(name, "443"))
	if err != nil {
		return err.Error()
	}
	defer conn.Close()
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(addresses, " ", line)
}

// diagnose prints what is not there. It runs as root of a user namespace of its
// own, so it can take things away.
func diagnose(missing string) error {
	var err error
	switch missing {
	case "user namespaces":
		err = os.WriteFile("/proc/sys/user/max_user_namespaces", []byte("0"), 0)
	case "network namespaces":
		err = os.WriteFile("/proc/sys/user/max_net_namespaces", []byte("0"), 0)
	case "nf_tables":
		err = withoutNetfilter()
	case "whole proc":
		err = syscall.Mount("tmpfs", "/proc/acpi", "tmpfs", 0, "")
	}
	if err != nil {
		return err
	}
	r := namespace.Diagnose(context.Background(), namespace.Options{})
	if d, err := namespace.New(namespace.Options{}); err == nil {
		r = d.Probe(context.Background())
		if missing == "nf_tables" {
			fmt.Println(lookupWithin(d))
		}
		d.Close()
	}
	for _, f := range r.Features {
		if !f.OK {
			fmt.Printf("%s: %s (%s)\n", f.Name, f.Detail, f.Hint)
		}
	}
	return nil
}

// lookupWithin does what lookup does, in a sandbox that has a Network.
func lookupWithin(d *namespace.Driver) string {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	b, err := d.Blank(ctx, sandbox.Spec{Name: "lookup"})
	if err != nil {
		return err.Error()
	}
	e, err := b.Assign(ctx, sandbox.Assignment{Code: "/usr", Network: nowhere{}, Launch: func(sandbox.Layout) sandbox.Launch {
		return sandbox.Launch{Path: "/var/runtime/init", Args: []string{"lookup", "example.com"}}
	}})
	if err != nil {
		return err.Error()
	}
	defer e.Retire(0)
	said, err := io.ReadAll(e.Output())
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(said))
}

// nowhere is a Network that nobody comes to.
type nowhere struct{}

func (nowhere) Connect(_ context.Context, conn *net.TCPConn, _ netip.AddrPort) { conn.Close() }
func (nowhere) Resolve(context.Context, []byte) []byte                         { return nil }

// withoutNetfilter makes the kernel look as if it were built without netfilter, to
// this process and all that it starts.
func withoutNetfilter() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const family, protocol = 16, 32 // of the arguments, in struct seccomp_data
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_SOCKET, Jf: 5},
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: family},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.AF_NETLINK, Jf: 3},
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: protocol},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.NETLINK_NETFILTER, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPROTONOSUPPORT)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog)))
	runtime.KeepAlive(filter)
	if errno != 0 {
		return errno
	}
	return nil
}

// serve starts sandboxes that sleep for so many seconds, in a process that left
// its session.
func serve(seconds string) error {
	d, err := namespace.New(namespace.Options{})
	if err != nil {
		return err
	}
	code, err := os.MkdirTemp("", "furl-serve-")
	if err != nil {
		return err
	}
	defer os.Remove(code)
	if err := os.Chmod(code, 0o755); err != nil {
		return err
	}
	for range 2 {
		b, err := d.Blank(context.Background(), sandbox.Spec{Name: "sleeper"})
		if err != nil {
			return err
		}
		_, err = b.Assign(context.Background(), sandbox.Assignment{Code: code, Launch: func(sandbox.Layout) sandbox.Launch {
			return sandbox.Launch{Path: "/bin/sh", Args: []string{"-c", "setsid sleep " + seconds + " & echo; sleep " + seconds}}
		}})
		if err != nil {
			return err
		}
		if err := b.(sandbox.Env).Output().SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			return err
		}
		if _, err := b.(sandbox.Env).Output().Read(make([]byte, 1)); err != nil {
			return err
		}
		if err := b.(sandbox.Env).Freeze(); err != nil {
			return err
		}
	}
	os.Remove(code)
	fmt.Println("ready")
	select {}
}
