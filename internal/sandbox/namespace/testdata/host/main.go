// Command host is the program that the tests' drivers start again. With the
// argument "serve" it is a server that has sandboxes and can only be killed, with
// "diagnose" it says what a driver finds on a machine that lacks something.
package main

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"

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
	if len(os.Args) == 3 && os.Args[1] == "diagnose" {
		if err := diagnose(os.Args[2]); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
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
	case "whole proc":
		err = syscall.Mount("tmpfs", "/proc/acpi", "tmpfs", 0, "")
	}
	if err != nil {
		return err
	}
	r := namespace.Diagnose(context.Background(), namespace.Options{})
	if d, err := namespace.New(namespace.Options{}); err == nil {
		r = d.Probe(context.Background())
		d.Close()
	}
	for _, f := range r.Features {
		if !f.OK {
			fmt.Printf("%s: %s (%s)\n", f.Name, f.Detail, f.Hint)
		}
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
