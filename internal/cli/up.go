package cli

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"furl"
	"furl/internal/isolation"
	"furl/internal/lambda"
)

// urlIDLetters are the letters of a url-id that a user chooses.
const urlIDLetters = "abcdefghijklmnopqrstuvwxyz0123456789"

func newUpCommand(a *app) *cobra.Command {
	auth, urlID := "", ""
	cmd := &cobra.Command{
		Use:   "up DIR|FILE",
		Short: "Serve a function at a URL of its own, in one step",
		Long: `Create or update a function from a directory, a file, or a deployment package (.zip), give
it a URL and open it to everyone, and print the URL. Doing it again updates the function at
the same URL, which keeps its AuthType unless --auth-type names another.

Where no server runs, one is started in this process with the settings of furl serve (from
FURL_ variables and the settings file), and up stays until Ctrl-C.

Handler and runtime are guessed: lambda_function.lambda_handler, handler.handler and the
like with this machine's Python, index.handler of index.mjs or index.js with its Node.js, or
a custom runtime where an executable is called bootstrap.`,
		Example: `  furl up examples/hello
  furl up hello.py --name greeter --watch
  furl up examples/hello --auth-type AWS_IAM      for signed calls only
  curl "$(furl up examples/hello)?name=John"      with a server running`,
		Args: oneArg("a directory or file"),
	}
	target := addTargetFlags(cmd)
	flags := addDeployFlags(cmd)
	cmd.Flags().StringVar(&auth, "auth-type", "", "`AUTH` type of the URL: NONE (open to everyone) or AWS_IAM (signed); default what the URL has, NONE for a new one")
	completeFlag(cmd, "auth-type", authTypes()...)
	cmd.Flags().StringVar(&urlID, "url-id", "", "`ID` that a new URL's name begins with, 1 to 32 lower-case letters and digits (default a random one)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var err error
		if flags.given("auth-type") {
			if auth, err = authType("auth-type", auth); err != nil {
				return err
			}
		}
		if strings.ContainsFunc(urlID, func(r rune) bool { return !strings.ContainsRune(urlIDLetters, r) }) || len(urlID) > 32 {
			return usagef("--url-id %q: want 1 to 32 lower-case letters and digits", urlID)
		}
		s, err := flags.spec(args[0], auth, cmp.Or(auth, string(lambda.FunctionUrlAuthTypeNone)))
		if err != nil {
			return err
		}
		s.urlID = urlID
		return a.up(cmd.Context(), target, flags, s)
	}
	return cmd
}

// up deploys to the running server, or to one that it starts and stays with.
func (a *app) up(ctx context.Context, target given, flags *deployFlags, s *spec) error {
	c, err := a.connect(target)
	if errors.Is(err, furl.ErrNoServer) {
		return a.upHere(ctx, target, flags, s)
	}
	if err != nil {
		return err
	}
	return a.deployAndWatch(ctx, a.newDeployer(c), s, flags)
}

// upHere starts a server in this process, deploys to it, and serves until ctx
// ends.
func (a *app) upHere(ctx context.Context, target given, flags *deployFlags, s *spec) (err error) {
	settings, err := a.loadSettings(target)
	if err != nil {
		return err
	}
	node, closeNode, err := a.openNode(ctx, settings, true)
	// The server speaks of the flags of furl serve, which up does not have.
	if refused, ok := errors.AsType[*isolation.Error](err); ok {
		hints := refused.Hints()
		for i, hint := range hints {
			hints[i] = strings.ReplaceAll(hint, "--isolation ", "FURL_ISOLATION=")
		}
		return withHint(err, hints...)
	}
	if errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, syscall.EACCES) {
		return errors.New(strings.ReplaceAll(err.Error(), "with --listen", "with FURL_LISTEN=ADDRESS"))
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeNode()) }()

	serving, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() {
		defer stop() // a server that fails ends the deployment too
		ended <- a.runServer(ctx, serving, node.Run)
	}()
	err = a.deployHere(serving, node, settings, flags, s)
	stop()
	if runErr := <-ended; runErr != nil {
		return runErr
	}
	if ctx.Err() != nil {
		return nil // it was told to stop
	}
	return err
}

// deployHere deploys to the node and stays until ctx ends.
func (a *app) deployHere(ctx context.Context, node *furl.Node, settings *settings, flags *deployFlags, s *spec) error {
	key, _ := node.RootKey()
	c, err := a.newClientsAs(node.Info(), rootCredentials(key))
	if err != nil {
		return err
	}
	a.progress("furl serves on %s from %s until Ctrl-C", node.Info().Endpoint, settings.DataDir)
	if err := a.deployAndWatch(ctx, a.newDeployer(c), s, flags); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}
