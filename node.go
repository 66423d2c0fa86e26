package furl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"furl/internal/admin"
	"furl/internal/async"
	"furl/internal/authz"
	"furl/internal/code"
	"furl/internal/cwlogs"
	"furl/internal/dataplane"
	"furl/internal/egress"
	"furl/internal/environment"
	"furl/internal/iam"
	"furl/internal/isolation"
	"furl/internal/lambda"
	"furl/internal/localca"
	"furl/internal/logs"
	"furl/internal/metrics"
	"furl/internal/s3"
	"furl/internal/sigv4"
	"furl/internal/ssm"
	"furl/internal/state"
	"furl/internal/store/sqlite"
	"furl/internal/sts"
)

// Node is a furl server: everything that runs on one data directory.
type Node struct {
	config  Config
	info    ServerInfo
	rootKey RootKey
	newRoot bool

	front *front
	state *state.State
	// sessions makes and knows temporary credentials.
	sessions *authz.Sessions
	// parameters seals those that are secret.
	parameters *state.Box
	// stackSecrets seals what stacks know of their resources.
	stackSecrets *state.Box
	// control is the control plane, for what stacks do.
	control *control
	blobs   *sqlite.Store
	// objects are the artefact buckets.
	objects *s3.Service
	trees   *code.Cache
	ca      *localca.Authority
	logs    *logs.Log
	pool    *environment.Pool
	// compiled is the code of functions in the form that starts fastest.
	compiled *compiler
	// runs is what functions run in, egress what they reach.
	runs   isolation.Choice
	egress *egress.Gateway
	// async runs the events of asynchronous invocations; metrics are read before it
	// is there.
	async atomic.Pointer[async.Runner]
	// metrics is nil where nobody is to read them.
	metrics *metrics.Metrics

	// closers undo New in reverse order.
	closers []closer
	// served is when Run ended: requests have had their time to finish.
	served time.Time
	// draining is when Run was told to end.
	draining atomic.Pointer[time.Time]
}

type closer struct {
	what string
	f    func() error
}

// New opens a data directory, starts what runs in the background and binds the
// listeners, but answers no request before Run. What it fails at leaves
// nothing behind that runs.
func New(ctx context.Context, c Config) (*Node, error) {
	c = c.withDefaults()
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("furl: configuration: %w", err)
	}
	n := &Node{config: c}
	for _, step := range []func(context.Context) error{
		n.openState, n.openKeys, n.openFront, n.openEgress, n.openEngine, n.openMetrics, n.openServices,
	} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, n.Close())
		}
	}
	return n, nil
}

// onClose has f called when the node closes, after everything that was opened
// later.
func (n *Node) onClose(what string, f func() error) {
	n.closers = append(n.closers, closer{what, f})
}

// Close ends everything that the node runs. It is safe to call more than once.
func (n *Node) Close() error {
	var errs []error
	for i := len(n.closers) - 1; i >= 0; i-- {
		if err := n.closers[i].f(); err != nil {
			errs = append(errs, fmt.Errorf("furl: close the %s: %w", n.closers[i].what, err))
		}
	}
	n.closers = nil
	return errors.Join(errs...)
}

// Info says how to reach the server.
func (n *Node) Info() ServerInfo { return n.info }

// Runs is what functions run in, and what they reach over the network: the
// driver's name, and Config.Egress.
func (n *Node) Runs() (isolation, egress string) { return n.runs.Driver.Name(), n.config.Egress }

// RootKey is the access key of the account's root; made reports whether this
// start made it.
func (n *Node) RootKey() (key RootKey, made bool) { return n.rootKey, n.newRoot }

// openState opens the store and loads the state from it.
func (n *Node) openState(ctx context.Context) error {
	dir := n.config.DataDir
	st, err := sqlite.Open(ctx, dir, sqlite.Options{
		Logger: n.config.Logger,
		Names:  []string{serverFile, rootKeyFile, sealKeyFile, caDir, codeDir, logsDir, workDir, bodyDir, "config.toml"},
	})
	if err != nil {
		return err
	}
	n.blobs = st
	n.onClose("store", st.Close)

	known, err := st.List(ctx, "", "", 1)
	if err != nil {
		return err
	}
	seal, err := openSealKey(dir, len(known) == 0)
	if err != nil {
		return err
	}
	if n.state, err = state.Open(ctx, st, state.Options{SealKey: seal, Logger: n.config.Logger}); err != nil {
		return err
	}
	n.onClose("state", n.state.Close)
	if n.sessions, err = authz.NewSessions(seal, time.Now); err != nil {
		return err
	}
	if n.parameters, err = state.NewBox(seal, "parameter"); err != nil {
		return err
	}
	if n.stackSecrets, err = state.NewBox(seal, "stack"); err != nil {
		return err
	}
	return n.bindAccount(ctx)
}

// bindAccount fixes the account and the region that the directory belongs to
// at the first start. Later they need not be named, and others are refused:
// every ARN in the directory names them.
func (n *Node) bindAccount(ctx context.Context) error {
	c := &n.config
	rec, err := n.state.InitServer(ctx, &state.Server{
		Account: orDefault(c.Account, defaultAccount),
		Region:  orDefault(c.Region, defaultRegion),
		Created: time.Now().UTC(),
	})
	if err != nil {
		return err
	}
	for _, one := range []struct {
		what, asked, bound string
	}{{"account", c.Account, rec.Account}, {"region", c.Region, rec.Region}} {
		if one.asked != "" && one.asked != one.bound {
			return fmt.Errorf("furl: the data directory %s belongs to %s %s, not %s; use another --data-dir, or leave out --%s",
				c.DataDir, one.what, one.bound, one.asked, one.what)
		}
	}
	c.Account, c.Region = rec.Account, rec.Region
	return nil
}

// openKeys opens the root key and the certificate authority.
func (n *Node) openKeys(context.Context) error {
	c := n.config
	var err error
	if n.rootKey, n.newRoot, err = openRootKey(c); err != nil {
		return err
	}
	// An authority may sign for one domain only, so each domain has its own.
	dir := filepath.Join(c.DataDir, caDir, c.Region+"."+c.Domain)
	n.ca, err = localca.Open(dir, n.caDomains(), time.Now())
	return err
}

// openFront binds the listeners. What runs functions needs their addresses.
func (n *Node) openFront(ctx context.Context) error {
	var err error
	if n.front, err = newFront(ctx, n.config); err != nil {
		return err
	}
	n.onClose("listeners", n.front.close)
	return n.writeInfo()
}

// openServices wires the operations to the state.
func (n *Node) openServices(ctx context.Context) error {
	c := n.config
	judge := authz.New(authz.Options{
		Root:        n.rootKey.authz(c.Account),
		Sessions:    n.sessions,
		Verifier:    sigv4.NewVerifier(time.Now),
		Region:      c.Region,
		DualURLAuth: c.URLAuth == URLAuthDual,
		Used:        func(id, service, region string) { n.state.NoteUse(id, service, region, time.Now()) },
	})
	identities, err := c.identities()
	if err != nil {
		return err
	}
	if err := n.openAsync(ctx, judge); err != nil {
		return err
	}
	if err := n.openObjects(ctx, judge); err != nil {
		return err
	}
	downloads := lambda.NewDownloads(n.blobs, n.info.Endpoint, time.Now)
	functions := lambda.New(lambda.Options{
		State:       n.state,
		Blobs:       n.blobs,
		Pool:        n.pool,
		Unpack:      n.ready,
		Compile:     n.compiled.deploy,
		Region:      c.Region,
		FunctionURL: n.front.functionURL,
		CodeURL:     downloads.URL,
		Object:      n.objectBlob,
		Enqueued:    n.async.Load().Enqueued,
		MayInvoke:   n.mayInvoke(judge),
		Limits:      code.DefaultLimits(),
		Logger:      c.Logger,
		Now:         time.Now,
	})
	n.onClose("functions", functions.Close)
	n.startSweeper()
	groups := cwlogs.New(cwlogs.Options{State: n.state, Logs: n.logs, Home: n.home(), Now: time.Now, Logger: c.Logger,
		Draining: func() bool { return n.draining.Load() != nil }})
	n.onClose("log groups", groups.Close)
	stacks := n.newStacks(judge)
	api, err := n.newControl(judge, controlServices{
		cfn:    stacks,
		lambda: functions,
		logs:   groups,
		ssm:    ssm.New(ssm.Options{Store: n.blobs, Box: n.parameters, Region: c.Region, Now: time.Now}),
		iam:    iam.New(n.state, time.Now),
		sts: sts.New(sts.Options{
			State: n.state, Sessions: n.sessions, Authz: judge, Identities: identities, RootKey: n.rootKey.AccessKeyID, Logger: c.Logger, Now: time.Now,
		}),
		admin: admin.New(admin.Options{
			State: n.state, Authz: judge, Logs: n.logs, Home: n.home(), Pool: n.pool,
			Region: c.Region, Domain: c.Domain, Version: c.Version, RootKeyID: n.rootKey.AccessKeyID,
			Isolation: n.isolationStatus(), Egress: n.egressStatus, Queue: n.asyncStatus, Probe: n.runs.Driver.Probe,
			FunctionURL: n.front.functionURL, Now: time.Now,
		}),
	})
	if err != nil {
		return err
	}
	if err := n.openStacks(ctx, stacks, api); err != nil {
		return err
	}
	urls := dataplane.New(dataplane.Options{
		Snapshot: n.state.Snapshot, Authz: judge, Invoke: n.pool.Invoke, Region: c.Region, Domain: c.Domain,
		Access: c.Access, Answered: n.answered(), Logger: c.Logger, Now: time.Now,
	})
	h := &handler{
		urls: urls, api: api.server, objects: n.objects, downloads: downloads, domain: c.Domain,
		proxies: n.front.proxies, paths: !c.NoPathURLs, access: c.Access,
	}
	return n.front.prepare(h, n.ca, n.certNames())
}

// codeOf returns the tree that a version runs from. One that is not compiled yet
// will be, for later starts.
func (n *Node) codeOf(ctx context.Context, v *state.Version) (string, error) {
	if path, ok := n.compiled.tree(ctx, v.Runtime, v.CodeBlob); ok {
		return path, nil
	}
	path, err := n.unpack(ctx, v.CodeBlob)
	if err == nil {
		n.compiled.begin(ctx, v.Runtime, v.CodeBlob, false)
	}
	return path, err
}

// layersOf returns the tree that holds a version's layers, the first one lowest.
func (n *Node) layersOf(ctx context.Context, v *state.Version) (string, error) {
	shas := layerBlobs(v)
	if path, ok := n.trees.Merged(shas); ok {
		return path, nil
	}
	for _, sha := range shas {
		if _, err := n.unpack(ctx, sha); err != nil {
			return "", err
		}
	}
	return n.trees.Merge(ctx, shas)
}

func layerBlobs(v *state.Version) []string {
	shas := make([]string, 0, len(v.Layers))
	for _, l := range v.Layers {
		shas = append(shas, l.CodeBlob)
	}
	return shas
}

// ready makes all that a version runs from ready.
func (n *Node) ready(ctx context.Context, v *state.Version) error {
	if len(v.Layers) > 0 {
		if _, err := n.layersOf(ctx, v); err != nil {
			return err
		}
	}
	_, err := n.unpack(ctx, v.CodeBlob)
	return err
}

// unpack makes the tree of a deployment package ready and returns its path.
func (n *Node) unpack(ctx context.Context, sha string) (string, error) {
	if path, ok := n.trees.Path(sha); ok {
		return path, nil
	}
	return n.trees.Ensure(ctx, sha, func() (rc io.ReadCloser, err error) { return n.blobs.Open(ctx, sha) })
}

// Run serves until ctx ends, then lets the requests under way finish. It is to
// be called once.
func (n *Node) Run(ctx context.Context) error {
	if err := n.info.write(n.config.DataDir); err != nil {
		return fmt.Errorf("furl: %s: %w", serverFile, err)
	}
	defer os.Remove(filepath.Join(n.config.DataDir, serverFile))
	n.config.Logger.Info("serving", slog.String("endpoint", n.info.Endpoint), slog.String("account", n.info.Account),
		slog.String("region", n.info.Region), slog.String("url_auth", n.config.URLAuth))
	defer context.AfterFunc(ctx, func() {
		n.draining.Store(new(time.Now()))
		n.async.Load().Stop() // what is queued is for the next run
	})()
	err := n.front.run(ctx, n.config.DrainTimeout)
	n.served = time.Now()
	return err
}

func (n *Node) writeInfo() error {
	bundle, err := n.ca.WriteBundle()
	if err != nil {
		return err
	}
	n.info = ServerInfo{
		PID:      os.Getpid(),
		Endpoint: n.front.endpoint(),
		Account:  n.config.Account,
		Region:   n.config.Region,
		Domain:   n.config.Domain,
		TLS:      n.config.TLS,
		CABundle: bundle,
		CACert:   n.ca.CertFile(),
		Version:  n.config.Version,
	}
	return nil
}

// caDomains are the domains that the local authority may sign for, with all
// names below them: the function URLs' and the names of the API.
func (n *Node) caDomains() []string {
	domains := []string{"lambda-url." + n.config.Region + "." + n.config.Domain, "localhost"}
	return append(domains, "api."+n.config.Domain)
}

// certNames are the names that the server answers to over TLS.
func (n *Node) certNames() []string {
	names := []string{
		"*.lambda-url." + n.config.Region + "." + n.config.Domain,
		"localhost",
		"api." + n.config.Domain,
	}
	if n.config.Domain == "localhost" { // an authority for another domain may not sign for buckets
		names = append(names, "s3.localhost", "*.s3.localhost")
	}
	return names
}
