package environment

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"furl/internal/sandbox"
	"furl/internal/state"
)

// Options are what a Pool needs. Driver, CodeDir and Output are required.
type Options struct {
	// Driver makes the sandboxes. It stays the caller's, who closes it after
	// the pool.
	Driver sandbox.Driver
	Region string
	// Dir is a directory of this server's own where the files of runtimes are
	// kept from one run to the next. When it is empty they are made anew in a
	// temporary directory, which a server that is killed leaves behind.
	Dir string
	// Runtimes maps runtime identifiers to interpreters that were chosen by
	// the user; others are searched for.
	Runtimes map[string]string
	// CodeDir is the directory that holds a version's unpacked code. It is
	// called on cold starts.
	CodeDir func(context.Context, *state.Version) (string, error)
	// LayersDir is the directory that holds a version's layers, one over the other. It
	// is called for versions that have layers only; nil where none has.
	LayersDir func(context.Context, *state.Version) (string, error)
	// Credentials are the variables that hold the execution role's
	// credentials. Nil, or an empty answer: the function gets none.
	Credentials func(context.Context, *state.Target) map[string]string
	// Network is what lies beyond a function's sandbox; see sandbox.Network. Nil, or
	// a nil answer: nothing.
	Network func(*state.Target) sandbox.Network
	// Strict forbids sandboxes that are forked from a process they share memory
	// with. Otherwise functions of one account may get such, and share what its
	// interpreter made up at its start: where things lie in memory, and the secret
	// of its hash tables.
	Strict bool
	// Output receives what an environment prints and the platform's records,
	// in order, one call at a time for each stream. It is called on the path
	// of requests: it must hand over to its own goroutine what takes time,
	// and must not keep the slice.
	Output func(t *state.Target, stream string, events []Event)
	// Format appends the text of an event as the log shows it, with its line
	// end. It is used for the log tail only; without it tails are empty.
	Format func(dst []byte, t *state.Target, e *Event) []byte

	// MaxConcurrency is the number of invocations of all functions without
	// reserved concurrency that may be under way; 1000 when zero.
	MaxConcurrency int
	// MaxEnvironments is the number of environments this node keeps; 64 when
	// zero.
	MaxEnvironments int
	// MaxQueue is how many invocations may wait for an environment when the
	// node is full, and MaxWait how long: 1000 and 30 s when zero.
	MaxQueue int
	MaxWait  time.Duration
	// InitTimeout is the limit for the Init phase; AWS's 10 s when zero. An Init
	// phase that fails is repeated by the first invocation.
	InitTimeout time.Duration
	// IdleTimeout is how long an environment is kept without invocations, and
	// MaxAge after how long it is replaced: 10 min and 4 h when zero.
	IdleTimeout time.Duration
	MaxAge      time.Duration
	// BlankMemory is how much memory sandboxes that wait for a function may occupy
	// together, in bytes, by estimate; 64 MiB or 3 % of this machine's, whichever is
	// more, when zero.
	BlankMemory int64
	// MaxStream is how many bytes an answer may have that goes to an
	// Invocation.Stream; AWS's 200 MB when zero.
	MaxStream int64
	// StreamRate is how many bytes per second of it a function may send after the
	// first 6 MB. Zero: as many as its client takes. AWS has 2 MB.
	StreamRate int64
	// MaxOutput is how many bytes of output are kept per invocation; 8 MiB
	// when zero. OutputRate is how many an environment may print per second in
	// the long run, whatever its invocations; 4 MiB when zero.
	MaxOutput, OutputRate int

	Logger *slog.Logger
}

func (o *Options) check() error {
	if o.Driver == nil || o.CodeDir == nil || o.Output == nil {
		return fmt.Errorf("environment: Driver, CodeDir and Output are required")
	}
	setDefault(&o.MaxConcurrency, 1000)
	setDefault(&o.MaxEnvironments, 64)
	setDefault(&o.MaxQueue, 1000)
	setDefault(&o.MaxWait, 30*time.Second)
	setDefault(&o.InitTimeout, 10*time.Second)
	setDefault(&o.IdleTimeout, 10*time.Minute)
	setDefault(&o.MaxAge, 4*time.Hour)
	setDefault(&o.BlankMemory, max(64<<20, totalMemory()*3/100))
	setDefault(&o.MaxStream, 200<<20)
	setDefault(&o.MaxOutput, 8<<20)
	setDefault(&o.OutputRate, 4<<20)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// Invocation is one event for a function.
type Invocation struct {
	RequestID  string // UUID; also AWS's x-amzn-RequestId
	TraceID    string // "Root=1-…", or empty
	InvokedARN string // the ARN as it was invoked, qualifier included
	// Event is JSON. It is not changed and not kept.
	Event []byte
	// ClientContext and Identity are JSON, or empty.
	ClientContext []byte
	Identity      []byte
	// Tail asks for Result.LogTail.
	Tail bool
	// Buffer, if any, is where Result.Payload is put when it fits.
	Buffer []byte
	// Stream, if any, gets the answer of a function that streams, as it comes. Nil:
	// it is collected into Result.Payload, as far as that may be long.
	Stream Stream
}

// Stream takes the answer of one invocation as the function makes it. Its methods
// are called one at a time, and not after Invoke has returned.
type Stream interface {
	// Begin is called once, before the first Write, when the function begins to
	// answer in streaming mode. contentType is what its runtime says the stream is:
	// not a header of the answer's.
	Begin(contentType string) error
	// Write takes the next bytes and returns when they are on their way: a slow
	// client slows the function. It must not keep p. After an error of either method
	// nothing more is written: what the function still says is discarded, and it is
	// told where its runtime can be.
	Write(p []byte) (int, error)
}

// A Cutter is a Stream whose Write can be ended from outside. When the function's time
// is up while its client takes nothing, Cut makes Write return with an error; it is
// called during a Write, from another goroutine, and has returned before the next call.
type Cutter interface{ Cut() }

// Result is how an invocation ended, as far as the function is concerned.
type Result struct {
	// Payload is what the runtime answered, byte for byte. It belongs to the
	// caller.
	Payload []byte
	// ContentType is what a runtime that answered in streaming mode, or a custom
	// one, said its payload is. Streamed is whether it did. What went to
	// Invocation.Stream is not in Payload, which is then empty, or says how the
	// function failed.
	ContentType string
	Streamed    bool
	// FunctionError is "Unhandled" when the function failed, else empty;
	// ErrorType then names the failure, such as "Runtime.ExitError".
	FunctionError string
	ErrorType     string
	// LogTail is the end of the invocation's log, at most 4096 bytes.
	LogTail []byte
	// Version is the version that ran: "$LATEST" or a number.
	Version string
	// Duration is the time the invocation took and Billed the same in whole
	// milliseconds; Init is the time of the Init phase when it began with one.
	Duration, Billed, Init time.Duration
	MaxMemoryMB            int
}

// EventKind tells the platform's records and the function's lines apart.
type EventKind uint8

// The kinds of events, in the order in which an invocation has them.
const (
	// InitStart begins the log of an environment.
	InitStart EventKind = iota
	// InitReport ends an Init phase that failed.
	InitReport
	// Start begins an invocation.
	Start
	// Line is output of the function: one line, or one record of its logger.
	Line
	// Timeout says that the invocation exceeded the function's timeout.
	Timeout
	// End and Report end an invocation.
	End
	Report
)

// Event is one entry of an environment's log.
type Event struct {
	Kind EventKind
	Time time.Time
	// RequestID is empty outside of invocations.
	RequestID string
	// Text is the output, without its line end. It is set for Line only.
	Text string
	// Figures are set for InitReport, Timeout and Report.
	Figures Figures
}

// Figures are what a Report says.
type Figures struct {
	Duration, Billed time.Duration
	// Init is zero unless the invocation began with an Init phase.
	Init                    time.Duration
	MemorySize, MaxMemoryMB int
	// Status is empty, "error" or "timeout". ErrorType names the failure when
	// the platform or the runtime found it, such as "Runtime.ExitError"; it is
	// empty for an error of the function's own.
	Status, ErrorType string
	TraceID           string
}
