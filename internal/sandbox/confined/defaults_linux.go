package confined

import (
	"log/slog"
	"time"
)

const (
	// firstUser begins a range of ids that is neither for users, nor for containers,
	// nor for services, nor for package namespace.
	firstUser = 1_900_200_000
	manyUsers = 65536

	defaultTemp      = 512 << 20
	defaultFiles     = 64 << 10
	defaultProcesses = 1024
)

const (
	// killWait bounds the end of a sandbox that was killed.
	killWait = 10 * time.Second
	// lastWords is how long those of a program that could not start are awaited.
	lastWords = 100 * time.Millisecond
	// stepWait bounds a step of Diagnose.
	stepWait = 20 * time.Second

	// leftAfter is how old a directory without a lock must be to be nobody's.
	leftAfter = time.Minute

	memoryPeriod = 100 * time.Millisecond
	threadPeriod = 5 * time.Second
	// killPause is between two rounds against processes that fork faster than they are
	// killed.
	killPause  = 5 * time.Millisecond
	tempPeriod = time.Second
)

func (o *Options) complete() {
	if len(o.Command) == 0 {
		o.Command = []string{"/proc/self/exe"} // this very program even when its file was replaced
	}
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
