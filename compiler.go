package furl

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"furl/internal/code"
	"furl/internal/environment"
)

const (
	// deployWait is how long a deployment waits for its code to be compiled, and
	// turnWait how long for that to begin: few large packages must not hold up all
	// small ones.
	deployWait = 20 * time.Second
	turnWait   = 2 * time.Second
	// compileTime is how long a package may be compiled; it keeps what was
	// compiled until then.
	compileTime = 2 * time.Minute
	// compilers is how many packages are compiled at once.
	compilers = 2
)

// compiler keeps the code of functions compiled for the interpreters of this
// machine. It never makes a request wait: code that is not compiled yet runs as
// it is, and starts more slowly.
type compiler struct {
	trees *code.Cache
	pool  interface {
		CompiledForm(ctx context.Context, runtime string) string
		Compile(ctx context.Context, runtime, dir string, add func(name string, content []byte) error) (environment.Compiled, error)
	}
	logger *slog.Logger
	slots  chan struct{}
	ctx    context.Context // done when the compiler is closed
	stop   context.CancelFunc
	wg     sync.WaitGroup

	mu     sync.Mutex
	closed bool
	jobs   map[string]*compileJob // under way or failed, by package and form
}

// compileJob is the compilation of one package.
type compileJob struct {
	runtime, sha, form string
	begun, done        chan struct{} // closed once it does not wait any more, and at its end
}

func newCompiler(trees *code.Cache, pool *environment.Pool, logger *slog.Logger) *compiler {
	c := &compiler{trees: trees, pool: pool, logger: logger,
		slots: make(chan struct{}, compilers), jobs: make(map[string]*compileJob)}
	c.ctx, c.stop = context.WithCancel(context.Background())
	return c
}

// close ends what is under way.
func (c *compiler) close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.stop()
	c.wg.Wait()
	return nil
}

// tree returns the compiled tree of a package, if there is one for a runtime.
func (c *compiler) tree(ctx context.Context, runtime, sha string) (string, bool) {
	form := c.pool.CompiledForm(ctx, runtime)
	if form == "" {
		return "", false
	}
	return c.trees.Derived(sha, form)
}

// begin has a package compiled in the background, if it needs to be. It returns
// the job, or nil if there is nothing to wait for. What failed before is left
// alone, except in a new deployment.
func (c *compiler) begin(ctx context.Context, runtime, sha string, deployment bool) *compileJob {
	form := c.pool.CompiledForm(ctx, runtime)
	if form == "" {
		return nil
	}
	if _, ok := c.trees.Derived(sha, form); ok {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	key := sha + "." + form
	if job := c.jobs[key]; job != nil && !(deployment && job.over()) {
		return job
	}
	if c.closed {
		return nil
	}
	job := &compileJob{runtime, sha, form, make(chan struct{}), make(chan struct{})}
	c.jobs[key] = job
	c.wg.Go(func() {
		defer close(job.done)
		if c.run(job) {
			c.mu.Lock()
			delete(c.jobs, key)
			c.mu.Unlock()
		}
	})
	return job
}

// over reports whether the job ended.
func (j *compileJob) over() bool {
	select {
	case <-j.done:
		return true
	default:
		return false
	}
}

// run carries out a job and reports whether the tree is there.
func (c *compiler) run(job *compileJob) bool {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-c.ctx.Done():
		close(job.begun)
		return false
	}
	close(job.begun)
	begin := time.Now()
	var made environment.Compiled
	_, err := c.trees.Derive(c.ctx, job.sha, job.form,
		func(ctx context.Context, tree string, add func(string, []byte) error) (err error) {
			ctx, cancel := context.WithTimeout(ctx, compileTime)
			defer cancel()
			made, err = c.pool.Compile(ctx, job.runtime, tree, add)
			return err
		})
	took := slog.Duration("took", time.Since(begin))
	switch {
	case c.ctx.Err() != nil:
	case err != nil:
		c.logger.Warn("code was not compiled; its functions start more slowly", "runtime", job.runtime, "code", job.sha, took, "err", err)
	case made.Partial:
		c.logger.Warn("code was compiled in part; its functions start more slowly", "runtime", job.runtime, "code", job.sha,
			took, "files", made.Files, "bytes", made.Bytes)
	default:
		c.logger.Debug("code was compiled", "runtime", job.runtime, "code", job.sha, took, "files", made.Files, "bytes", made.Bytes)
	}
	return err == nil
}

// deploy compiles a package whose deployment waits for it, within reason.
func (c *compiler) deploy(ctx context.Context, runtime, sha string) {
	job := c.begin(ctx, runtime, sha, true)
	if job == nil {
		return
	}
	if within(ctx, turnWait, job.begun) && within(ctx, deployWait, job.done) || ctx.Err() != nil {
		return
	}
	c.logger.Warn("code takes long to compile; until it is done, its functions start more slowly", "runtime", runtime, "code", sha)
}

// within waits for an event and reports whether it came before a time had passed
// and ctx had ended.
func within(ctx context.Context, d time.Duration, event <-chan struct{}) bool {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	select {
	case <-event:
		return true
	case <-ctx.Done():
		return false
	}
}

// forget allows what failed to be tried once more.
func (c *compiler) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, job := range c.jobs {
		if job.over() {
			delete(c.jobs, key)
		}
	}
}
