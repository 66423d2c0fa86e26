package resource

import (
	"archive/zip"
	"bytes"
	"fmt"
	"strings"

	"furl/internal/lambda"
)

// maxInline is the most that a template holds of a function's source, in bytes.
const maxInline = 4 << 20

// functionCode is the property Code of a function as the operations take it. What stands in ZipFile is the source itself,
// and becomes a deployment package: index.py for Python, index.js for Node.js, which then tells by itself whether that is a
// CommonJS module. AWS adds its module cfnresponse to a source that imports it, for custom resources; there are none here,
// and no such module.
func functionCode(properties map[string]any) (lambda.FunctionCode, error) {
	given := object(properties["Code"])
	var code lambda.FunctionCode
	if err := fill(&code, given, "ZipFile"); err != nil {
		return code, err
	}
	source, inline := given["ZipFile"].(string)
	if !inline {
		return code, nil
	}
	runtime := text(properties["Runtime"])
	var name string
	switch {
	case strings.HasPrefix(runtime, "python"):
		name = "index.py"
	case strings.HasPrefix(runtime, "nodejs"):
		name = "index.js"
	default:
		return code, fmt.Errorf("ZipFile can only be used when Runtime is set to one of nodejs or python, not to %q", runtime)
	}
	if len(source) > maxInline {
		return code, fmt.Errorf("#/Code/ZipFile: expected maxLength: %d, actual: %d", maxInline, len(source))
	}
	var err error
	code.ZipFile, err = packed(name, source)
	return code, err
}

// packed is a deployment package with one file: the same bytes for the same source.
func packed(name, source string) ([]byte, error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	header := &zip.FileHeader{Name: name, Method: zip.Deflate}
	header.SetMode(0o644)
	f, err := w.CreateHeader(header)
	if err == nil {
		_, err = f.Write([]byte(source))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("resource: pack %s: %w", name, err)
	}
	return b.Bytes(), nil
}
