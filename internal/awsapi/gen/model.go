package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// model is the part of a botocore service-2.json that the generator reads.
type model struct {
	Metadata   metadata
	Operations map[string]*operation
	Shapes     map[string]*shape
}

type metadata struct {
	APIVersion     string
	EndpointPrefix string
	Protocol       string
	SigningName    string
	XMLNamespace   string
	TargetPrefix   string
	JSONVersion    string
}

type operation struct {
	HTTP struct {
		Method       string
		RequestURI   string
		ResponseCode int
	}
	Input  *ref
	Output *ref
	Errors []ref
	// AuthType is "none" for operations that take no signature.
	AuthType string
}

// shape is a type of the model. Min and Max keep the number as written.
type shape struct {
	Type      string
	Required  []string
	Members   members
	Member    *ref
	Key       *ref
	Value     *ref
	Enum      []string
	Min       *json.Number
	Max       *json.Number
	Pattern   string
	Payload   string
	Sensitive bool
	Exception bool
	Fault     bool
	Error     struct {
		Code           string
		HTTPStatusCode int
		SenderFault    bool
	}
	Flattened   bool
	Streaming   bool
	EventStream bool
	Event       bool // a member of an event stream
	Document    bool
	Union       bool
}

// ref is a use of a shape, as a member or as an element.
type ref struct {
	Shape           string
	Location        string
	LocationName    string
	TimestampFormat string
	ResultWrapper   string
	Flattened       bool
	JSONValue       bool
	HostLabel       bool
	XMLAttribute    bool
	Streaming       bool
	EventPayload    bool
}

type member struct {
	Name string
	ref
}

// members keeps the model's order, in which the code declares fields and validation reports violations.
type members []member

// UnmarshalJSON reads a JSON object of references in its order.
func (m *members) UnmarshalJSON(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	if _, err := d.Token(); err != nil {
		return err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		one := member{Name: name.(string)}
		if err := d.Decode(&one.ref); err != nil {
			return err
		}
		*m = append(*m, one)
	}
	return nil
}

// loadModel reads the newest model of a service below botocore's data directory.
func loadModel(data, service string) (*model, error) {
	versions, err := filepath.Glob(filepath.Join(data, service, "*", "service-2.json*"))
	if err != nil || len(versions) == 0 {
		return nil, fmt.Errorf("no model of %s in %s", service, data)
	}
	path := slices.Max(versions)
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the model: %w", err)
	}
	defer f.Close()
	var r io.Reader = f
	if filepath.Ext(path) == ".gz" {
		if r, err = gzip.NewReader(f); err != nil {
			return nil, fmt.Errorf("unpack %s: %w", path, err)
		}
	}
	return parseModel(r)
}

// parseModel reads one service-2.json.
func parseModel(r io.Reader) (*model, error) {
	m := new(model)
	if err := json.NewDecoder(r).Decode(m); err != nil {
		return nil, fmt.Errorf("parse the model: %w", err)
	}
	if m.Metadata.SigningName == "" {
		m.Metadata.SigningName = m.Metadata.EndpointPrefix
	}
	return m, nil
}
