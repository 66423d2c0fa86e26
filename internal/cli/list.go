package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"furl/internal/lambda"
)

// maxListCalls is how many functions are asked for their URLs at a time.
const maxListCalls = 8

// listed is a function as `furl list --json` prints it.
type listed struct {
	FunctionName string      `json:"FunctionName"`
	FunctionArn  string      `json:"FunctionArn"`
	Runtime      string      `json:"Runtime"`
	Handler      string      `json:"Handler"`
	CodeSize     int64       `json:"CodeSize"`
	LastModified string      `json:"LastModified"`
	FunctionUrls []listedURL `json:"FunctionUrls"`
}

// listedURL is a function's URL: its own, or one of its aliases'.
type listedURL struct {
	FunctionUrl string `json:"FunctionUrl"`
	FunctionArn string `json:"FunctionArn"`
	AuthType    string `json:"AuthType"`
}

func newListCommand(a *app) *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the functions and their URLs",
		Long:    "List the functions of the running server with their URLs.",
		Example: `  furl list
  furl list --json | jq -r '.[].FunctionUrls[].FunctionUrl'`,
		Args: noArgs,
	}
	target := addTargetFlags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON array: FunctionName, FunctionArn, Runtime, Handler, CodeSize, LastModified, FunctionUrls (FunctionUrl, FunctionArn, AuthType)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := a.connect(target)
		if err != nil {
			return err
		}
		all, err := c.list(cmd.Context())
		if err != nil {
			return err
		}
		if asJSON {
			return a.printJSON(all)
		}
		a.printList(all)
		return nil
	}
	return cmd
}

func (a *app) printList(all []listed) {
	if len(all) == 0 {
		a.progress("there is no function yet; furl up DIR makes one")
		return
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tRUNTIME\tAUTH\tURL")
	for _, f := range all {
		urls := f.FunctionUrls
		if len(urls) == 0 {
			urls = []listedURL{{AuthType: "-", FunctionUrl: "-"}}
		}
		for _, u := range urls {
			name := f.FunctionName
			if alias, ok := strings.CutPrefix(u.FunctionArn, f.FunctionArn+":"); ok {
				name += ":" + alias
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", name, cmp.Or(f.Runtime, "-"), u.AuthType, u.FunctionUrl)
		}
	}
	w.Flush() // an error shows at stdout
}

// list gathers the functions and their URLs.
func (c *clients) list(ctx context.Context) ([]listed, error) {
	all := []listed{}
	in := &lambda.ListFunctionsRequest{}
	for {
		page, err := c.lambda.ListFunctions(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, f := range page.Functions {
			all = append(all, listed{
				FunctionName: value(f.FunctionName),
				FunctionArn:  value(f.FunctionArn),
				Runtime:      string(value(f.Runtime)),
				Handler:      value(f.Handler),
				CodeSize:     value(f.CodeSize),
				LastModified: value(f.LastModified),
				FunctionUrls: []listedURL{},
			})
		}
		if in.Marker = page.NextMarker; in.Marker == nil {
			return all, c.addURLs(ctx, all)
		}
	}
}

// addURLs asks for the URLs of the functions, of several at a time.
func (c *clients) addURLs(ctx context.Context, all []listed) error {
	errs := make([]error, len(all))
	slots := make(chan struct{}, maxListCalls)
	var wg sync.WaitGroup
	for i := range all {
		slots <- struct{}{}
		wg.Go(func() {
			all[i].FunctionUrls, errs[i] = c.urls(ctx, all[i].FunctionName)
			<-slots
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// urls lists the URLs of a function. One that was removed meanwhile has none.
func (c *clients) urls(ctx context.Context, name string) ([]listedURL, error) {
	urls := []listedURL{}
	in := &lambda.ListFunctionUrlConfigsRequest{FunctionName: name}
	for {
		page, err := c.lambda.ListFunctionUrlConfigs(ctx, in)
		if isCode(err, "ResourceNotFoundException") {
			return urls, nil
		}
		if err != nil {
			return urls, err
		}
		for _, u := range page.FunctionUrlConfigs {
			urls = append(urls, listedURL{u.FunctionUrl, u.FunctionArn, string(u.AuthType)})
		}
		if in.Marker = page.NextMarker; in.Marker == nil {
			return urls, nil
		}
	}
}
