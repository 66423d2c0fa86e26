package furl

import (
	"context"
	"log/slog"
	"net/http"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"furl/internal/authz"
	"furl/internal/s3"
)

// objectHandler answers requests for buckets and objects.
type objectHandler interface {
	http.Handler
	// Handles reports whether a request is for it, one that is for no function URL.
	Handles(r *http.Request) bool
}

// openObjects opens the artefact buckets.
func (n *Node) openObjects(ctx context.Context, judge *authz.Authorizer) error {
	var err error
	n.objects, err = s3.New(ctx, s3.Options{
		Store: n.blobs, Blobs: n.blobs, State: n.state, Authz: judge, Dir: filepath.Join(n.config.DataDir, bodyDir),
		Region: n.config.Region, Domain: n.config.Domain, MaxObject: n.config.MaxObject, Now: time.Now,
		Access: n.config.Access, Logger: n.config.Logger, RequestID: uuid.NewString, Attributes: attributes,
	})
	return err
}

// attributes are what the record of a request says beside its caller.
func attributes(ctx context.Context) []slog.Attr {
	attrs := session(authz.FromContext(ctx))
	if source, ok := ctx.Value(sourceKey{}).(string); ok {
		attrs = append(attrs, slog.String("stack", source))
	}
	return attrs
}

// objectBlob makes one blob of an object for the caller in ctx: what Lambda makes functions and layers of.
func (n *Node) objectBlob(ctx context.Context, bucket, key, version string, most int64) (blob string, size int64, err error) {
	ctx = forService(ctx, authz.FromContext(ctx), "lambda.amazonaws.com")
	return n.objects.Package(ctx, &s3.GetObjectRequest{Bucket: bucket, Key: key, VersionID: version}, most)
}

// forService is the context of what a service asks of another in a caller's name:
// nothing of that leaves this process, so it counts as encrypted.
func forService(ctx context.Context, caller *authz.Caller, service string) context.Context {
	env := authz.EnvFromContext(ctx)
	env.Secure, env.Via = true, service
	return authz.WithCaller(ctx, caller, env)
}

// maxReferred is the most that is read of an object that a request refers to by
// its URL: a template, a stack policy.
const maxReferred = 2 << 20

// readObject reads an object of a bucket by its URL in the name of a caller.
func (n *Node) readObject(ctx context.Context, caller *authz.Caller, url string) ([]byte, error) {
	return n.objects.ReadURL(forService(ctx, caller, "cloudformation.amazonaws.com"), url, maxReferred)
}
