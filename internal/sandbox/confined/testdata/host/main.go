// Command host is the program that the driver under test starts again, the
// program that its sandboxes run, and a server that has sandboxes until it is killed.
package main

import (
	"context"
	"fmt"
	"os"

	"furl/internal/sandbox"
	"furl/internal/sandbox/confined"
	"furl/internal/sandbox/sandboxtest"
)

func main() {
	if confined.Main() || sandbox.Supervise() {
		return
	}
	if code, ok := sandboxtest.Program(); ok {
		os.Exit(code)
	}
	if err := serve(os.Args[2], os.Args[3], os.Args[4]); err != nil {
		fmt.Println(err)
	}
}

const lingers = `
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execve("/bin/sh", ["sh", "-c", "sleep 1000; : " + os.getcwd()], {})
time.sleep(1000)
`

func serve(dir, code, python string) error {
	d, err := confined.New(confined.Options{Dir: dir})
	if err != nil {
		return err
	}
	for range 2 {
		b, err := d.Blank(context.Background(), sandbox.Spec{Name: "server"})
		if err != nil {
			return err
		}
		env, err := b.Assign(context.Background(), sandbox.Assignment{Code: code, Launch: func(l sandbox.Layout) sandbox.Launch {
			return sandbox.Launch{Path: python, Args: []string{"-c", "import os; os.chdir('" + l.Temp + "')" + lingers}}
		}})
		if err != nil {
			return err
		}
		defer env.Retire(0)
	}
	fmt.Println("ready")
	select {}
}
