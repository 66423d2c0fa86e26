package namespace

import (
	"log/slog"
	"time"
)

const (
	// firstUser begins a range of ids that is neither for users, nor for containers,
	// nor for services.
	firstUser = 1_900_000_000
	manyUsers = 65536

	defaultTemp      = 512 << 20
	defaultFiles     = 64 << 10
	defaultProcesses = 1024
)

// Where things are in a sandbox.
const (
	codeDir    = "/var/task"
	layersDir  = "/opt"
	tempDir    = "/tmp"
	runtimeDir = "/var/runtime"
	guardPath  = runtimeDir + "/init"
	reaperPath = runtimeDir + "/reaper"
	runtimeAPI = "127.0.0.1:9001"
	hostName   = "sandbox"
)

const (
	// killWait bounds the end of a sandbox that was killed.
	killWait = 10 * time.Second
	// farewell is how long a program that closed its channel may take to end.
	farewell = 500 * time.Millisecond
	// zygoteWait bounds the start of a zygote.
	zygoteWait = 15 * time.Second
	// callWait bounds an answer of the supervisor.
	callWait = 20 * time.Second
)

func (o *Options) complete() {
	if o.TempSize == 0 {
		o.TempSize = defaultTemp
	}
	if o.TempFiles == 0 {
		o.TempFiles = defaultFiles
	}
	if o.Processes == 0 {
		o.Processes = defaultProcesses
	}
	if o.FirstUser == 0 {
		o.FirstUser = firstUser
	}
	if o.Users == 0 {
		o.Users = manyUsers
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}
