package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"furl"
	"furl/internal/admin"
	"furl/internal/isolation"
)

func newServeCommand(a *app) *cobra.Command {
	check := false
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run a server",
		Long: `Run a server: the AWS API and the function URLs, on one port, from one data directory.
It prints where it serves once it is ready and runs until Ctrl-C or SIGTERM; requests
under way may then finish.

Every setting can be given by a flag, by a variable (FURL_ and the name in capitals), or
in a file (--config, else config.toml in the data directory), in this order. The root
access key can be given by FURL_ROOT_ACCESS_KEY_ID and FURL_ROOT_SECRET_ACCESS_KEY;
otherwise one is made at the first start and kept in the data directory.`,
		Example: `  furl serve
  furl serve --data-dir ./data --listen 127.0.0.1:8080
  furl serve --domain on.aws --tls           the addresses that AWS gives
  FURL_URL_AUTH=dual furl serve              permissions as on today's AWS
  furl serve --check                         print the settings and where each is from`,
		Args: noArgs,
	}
	flags := addSettingFlags(cmd, serverSettings()...)
	cmd.Flags().BoolVar(&check, "check", false, "check and print the settings, then exit")
	completeSettings(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s, err := a.loadSettings(flags)
		if err != nil {
			return err
		}
		if check {
			return writeSettings(a.stdout, s)
		}
		return a.serve(cmd.Context(), s)
	}
	return cmd
}

// completeSettings completes the flags of settings that have few values.
func completeSettings(cmd *cobra.Command) {
	completeFlag(cmd, "url-auth", urlAuthModes()...)
	completeFlag(cmd, "log-format", logText, logJSON)
	completeFlag(cmd, "isolation", isolation.Levels()...)
	completeFlag(cmd, "egress", furl.EgressDevelopment, furl.EgressProduction, furl.EgressNone)
}

// serve runs a server until ctx ends.
func (a *app) serve(ctx context.Context, s *settings) (err error) {
	node, closeNode, err := a.openNode(ctx, s, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeNode()) }()
	a.announce(node, s)
	return a.runServer(ctx, ctx, node.Run)
}

// drainPatience is how long requests may take to finish before it is told what
// the server waits for.
const drainPatience = 300 * time.Millisecond

// runServer runs a server until ctx ends, and tells what it waits for when it
// takes its time after an interrupt.
func (a *app) runServer(interrupted, ctx context.Context, run func(context.Context) error) error {
	ended, told := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(told)
		select {
		case <-ended:
			return
		case <-interrupted.Done():
		}
		select {
		case <-ended:
		case <-time.After(drainPatience):
			a.progress("furl: finishing requests; Ctrl-C again stops now")
		}
	}()
	err := run(ctx)
	close(ended)
	<-told
	return err
}

// openNode makes a server with the loggers that suit stderr. One beside
// something else can be quiet about API calls.
func (a *app) openNode(ctx context.Context, s *settings, quiet bool) (*furl.Node, func() error, error) {
	furl.TuneRuntime()
	operator, access, w := a.newLoggers(s.LogFormat)
	if quiet {
		access = slog.New(withoutAPI{access.Handler()})
	}
	c := s.Config
	c.Version, c.Logger, c.Access = readVersion().Version, operator, access
	supervisor, err := furl.SelfSupervisor()
	if err != nil {
		return nil, nil, errors.Join(err, w.Close())
	}
	c.Supervisor = supervisor
	node, err := furl.New(ctx, c)
	if err != nil {
		return nil, nil, errors.Join(err, w.Close())
	}
	return node, func() error { return errors.Join(node.Close(), w.Close()) }, nil
}

// announce prints what to do with a server that is ready. The root's secret is
// shown to a person at the first start, and otherwise only where it is.
func (a *app) announce(node *furl.Node, s *settings) {
	info := node.Info()
	flag := ""
	if s.sources["data-dir"] != "" {
		flag = " --data-dir " + admin.ShellQuote(s.DataDir)
	}
	fmt.Fprintf(a.stdout, "furl serves on %s\n", info.Endpoint)
	fmt.Fprintf(a.stdout, "  AWS CLI and SDKs:  eval \"$(furl env%s)\"\n", flag)
	fmt.Fprintf(a.stdout, "  a function's URL:  furl up DIR%s\n", flag)
	driver, egress := node.Runs()
	if driver != isolation.Namespace {
		egress = "the server's network"
	} else {
		egress = "egress " + egress
	}
	fmt.Fprintf(a.stdout, "  functions run in:  %s; %s\n", driver, egress)
	if beyond := s.InForce().BeyondLoopback(); beyond != "" {
		fmt.Fprintf(a.stdout, "  who can connect:   others than this machine, too (%s)\n", beyond)
	}
	key, made := node.RootKey()
	switch {
	case s.RootAccessKeyID != "":
		fmt.Fprintf(a.stdout, "  root access key:   %s, as given\n", key.AccessKeyID)
	case made && isTerminal(a.stdout):
		fmt.Fprintf(a.stdout, "  root access key:   %s  %s\n", key.AccessKeyID, key.SecretAccessKey.Reveal())
		fmt.Fprintf(a.stdout, "                     shown this once, kept in %s\n", rootKeyPath(s.DataDir))
	default:
		fmt.Fprintf(a.stdout, "  root access key:   in %s\n", rootKeyPath(s.DataDir))
	}
}

func rootKeyPath(dir string) string { return filepath.Join(dir, "root-access-key") }
