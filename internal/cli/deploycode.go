package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"furl/internal/template"
)

// packedForm is how a property names an object in a bucket.
type packedForm int

const (
	asURI      packedForm = iota // "s3://BUCKET/KEY"
	asLocation                   // {S3Bucket, S3Key}
	asTemplate                   // the address of a template, which is packed itself
)

// localProperty is the property of a resource type that may name a path on this machine, as for
// `aws cloudformation package`.
type localProperty struct {
	name string
	form packedForm
}

func localProperties() map[string]localProperty {
	return map[string]localProperty{
		"AWS::Serverless::Function":     {"CodeUri", asURI},
		"AWS::Serverless::LayerVersion": {"ContentUri", asURI},
		"AWS::Lambda::Function":         {"Code", asLocation},
		"AWS::Lambda::LayerVersion":     {"Content", asLocation},
		"AWS::CloudFormation::Stack":    {"TemplateURL", asTemplate},
	}
}

// codePacker puts what templates name on this machine into a bucket. Objects are named by their contents: what did not
// change is the same object, and changes no stack.
type codePacker struct {
	put func(ctx context.Context, key string, body []byte) error
	// bucket is where put puts; region says how templates are addressed there.
	bucket, region string
	progress       func(format string, args ...any)
	// packed are the objects by absolute path.
	packed map[string]string
	open   []string // templates that are being packed, outer ones first
}

// template packs one template and returns its body: as written if it names nothing on this machine.
func (p *codePacker) template(ctx context.Context, t *templateFile) ([]byte, error) {
	if slices.Contains(p.open, t.path) {
		return nil, fmt.Errorf("%s is a stack of itself", t.path)
	}
	p.open = append(p.open, t.path)
	defer func() { p.open = p.open[:len(p.open)-1] }()
	dir, changed := filepath.Dir(t.path), false
	globals := functionGlobals(t.doc)
	if uri, ok := globals["CodeUri"].(string); ok && isLocal(uri) {
		if err := p.property(ctx, dir, globals, localProperty{"CodeUri", asURI}); err != nil {
			return nil, fmt.Errorf("globals: %w", err)
		}
		changed = true
	}
	resources, _ := t.doc["Resources"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(resources)) {
		r, _ := resources[name].(map[string]any)
		kind, _ := r["Type"].(string)
		property, ok := localProperties()[kind]
		if !ok {
			continue
		}
		properties, _ := r["Properties"].(map[string]any)
		if kind == "AWS::Serverless::Function" && besideTemplate(properties, globals) {
			if properties == nil {
				properties = map[string]any{}
				r["Properties"] = properties
			}
			properties["CodeUri"] = "."
		}
		if value, ok := properties[property.name].(string); !ok || !isLocal(value) {
			continue
		}
		if err := p.property(ctx, dir, properties, property); err != nil {
			return nil, fmt.Errorf("resource %s: %w", name, err)
		}
		changed = true
	}
	if !changed {
		return t.body, nil
	}
	return marshalTemplate(t.doc)
}

// functionGlobals are the properties that a template gives all its serverless functions, or nil.
func functionGlobals(doc map[string]any) map[string]any {
	globals, _ := doc["Globals"].(map[string]any)
	function, _ := globals["Function"].(map[string]any)
	return function
}

// besideTemplate reports whether a serverless function says nothing of its code, which then is what lies beside the
// template.
func besideTemplate(properties, globals map[string]any) bool {
	for _, m := range []map[string]any{properties, globals} {
		for _, name := range []string{"CodeUri", "InlineCode", "ImageUri", "PackageType"} {
			if m[name] != nil {
				return false
			}
		}
	}
	return true
}

// isLocal reports whether the value of such a property is a path.
func isLocal(value string) bool {
	return value != "" && !strings.HasPrefix(value, "s3://") && !strings.HasPrefix(value, "https://") &&
		!strings.HasPrefix(value, "http://") && !strings.HasPrefix(value, "arn:") && !strings.HasPrefix(value, "{{resolve:")
}

// property puts what a property names into the bucket and the object's name into its place.
func (p *codePacker) property(ctx context.Context, dir string, properties map[string]any, property localProperty) error {
	path := properties[property.name].(string)
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	key, err := p.object(ctx, filepath.Clean(path), property.form)
	if err != nil {
		return fmt.Errorf("%s: %w", property.name, err)
	}
	switch property.form {
	case asURI:
		properties[property.name] = "s3://" + p.bucket + "/" + key
	case asLocation:
		properties[property.name] = map[string]any{"S3Bucket": p.bucket, "S3Key": key}
	case asTemplate:
		properties[property.name] = p.address(key)
	}
	return nil
}

// address is that of an object, in the form that operations want for templates.
func (p *codePacker) address(key string) string {
	return "https://s3." + p.region + ".amazonaws.com/" + p.bucket + "/" + key
}

// object packs a path and returns the key of the object.
func (p *codePacker) object(ctx context.Context, path string, form packedForm) (string, error) {
	if key, ok := p.packed[path]; ok {
		return key, nil
	}
	var body []byte
	ending := ".zip"
	if form == asTemplate {
		ending = ".template"
		inner, err := nestedTemplate(path)
		if err != nil {
			return "", err
		}
		if body, err = p.template(ctx, inner); err != nil {
			return "", err
		}
	} else {
		source, err := openSource(path)
		if err != nil {
			return "", err
		}
		if body, err = source.pack(); err != nil {
			return "", err
		}
	}
	key, err := p.keep(ctx, body, ending)
	if err != nil {
		return "", err
	}
	p.packed[path] = key
	p.progress("packed %s (%s)", path, size(len(body)))
	return key, nil
}

func nestedTemplate(path string) (*templateFile, error) {
	body, err := readLimited(path, template.MaxObject)
	if err != nil {
		return nil, err
	}
	doc, err := template.Read(body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &templateFile{path: path, body: body, doc: doc}, nil
}

// keep puts contents into the bucket under a name made of them.
func (p *codePacker) keep(ctx context.Context, body []byte, ending string) (string, error) {
	sum := sha256.Sum256(body)
	key := hex.EncodeToString(sum[:]) + ending
	return key, p.put(ctx, key, body)
}

// namesLocal reports whether a template names anything on this machine, and so needs a bucket. Nested templates count.
func namesLocal(t *templateFile) bool {
	globals := functionGlobals(t.doc)
	if uri, ok := globals["CodeUri"].(string); ok && isLocal(uri) {
		return true
	}
	resources, _ := t.doc["Resources"].(map[string]any)
	for _, r := range resources {
		m, _ := r.(map[string]any)
		kind, _ := m["Type"].(string)
		properties, _ := m["Properties"].(map[string]any)
		value, _ := properties[localProperties()[kind].name].(string)
		if isLocal(value) || kind == "AWS::Serverless::Function" && besideTemplate(properties, globals) {
			return true
		}
	}
	return len(t.body) > template.MaxBody
}
