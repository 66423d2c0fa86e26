package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
)

// machine says where the figures come from.
type machine struct {
	CPUs        int    `json:"cpus"`
	Kernel      string `json:"kernel"`
	Load        string `json:"load"` // the load averages at the start
	Interpreter string `json:"interpreter"`
	Root        bool   `json:"root"`
}

func thisMachine(interpreter string) machine {
	read := func(name string) string {
		text, err := os.ReadFile(name)
		if err != nil {
			return "unknown"
		}
		return strings.TrimSpace(string(text))
	}
	load, _, _ := strings.Cut(read("/proc/loadavg"), "/")
	if at := strings.LastIndexByte(load, ' '); at > 0 {
		load = load[:at] // behind the averages is the number of running tasks
	}
	return machine{CPUs: runtime.NumCPU(), Kernel: read("/proc/sys/kernel/osrelease"), Load: load,
		Interpreter: interpreter, Root: os.Geteuid() == 0}
}

func (m machine) String() string {
	who := "root"
	if !m.Root {
		who = "NOT ROOT: sandboxes without limits and users of their own"
	}
	return fmt.Sprintf("%d CPUs, kernel %s, load before %s, %s, %s", m.CPUs, m.Kernel, m.Load, m.Interpreter, who)
}
