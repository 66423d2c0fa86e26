package ssm

import (
	"fmt"
	"strings"
	"time"
)

// The store's keys, below state's:
//
//	ssm/ACCOUNT/REGION/pa/NAME           parameter, ":" for each "/" of the name
//	ssm/ACCOUNT/REGION/ve/NAME/NUMBER    version, ten digits
//
// A name has no character that would need another escape: checkName refuses all others.

// parameterID names a parameter. Name is as it was created, with or without a slash before it.
type parameterID struct{ Account, Region, Name string }

func (id parameterID) key() string {
	return "ssm/" + id.Account + "/" + id.Region + "/pa/" + token(id.Name)
}

// versions is what the keys of all versions begin with.
func (id parameterID) versions() string {
	return "ssm/" + id.Account + "/" + id.Region + "/ve/" + token(id.Name) + "/"
}

func (id parameterID) versionKey(number int64) string {
	return fmt.Sprintf("%s%010d", id.versions(), number)
}

func token(name string) string { return strings.ReplaceAll(name, "/", ":") }

// ARN is the parameter's ARN, in which names with and without a slash before them look alike.
func (id parameterID) ARN() string {
	return "arn:aws:ssm:" + id.Region + ":" + id.Account + ":parameter/" + strings.TrimPrefix(id.Name, "/")
}

// parameter is the record of a parameter: what its versions have in common, and the newest of them.
type parameter struct {
	Account string            `json:"account"`
	Region  string            `json:"region"`
	Name    string            `json:"name"`
	Tags    map[string]string `json:"tags,omitempty"`
	// Oldest is the number of the oldest version that is kept.
	Oldest int64 `json:"oldest"`
	// Labels are the versions that labels stand for.
	Labels  map[string]int64 `json:"labels,omitempty"`
	Current version          `json:"current"`
}

func (p *parameter) id() parameterID { return parameterID{p.Account, p.Region, p.Name} }

// labels are the labels of a version, in no order.
func (p *parameter) labels(number int64) []string {
	var out []string
	for label, n := range p.Labels {
		if n == number {
			out = append(out, label)
		}
	}
	return out
}

// version is one version of a parameter.
type version struct {
	Number int64         `json:"number"`
	Type   ParameterType `json:"type"`
	// Value is the value of a parameter that is no SecureString, Sealed that of one that is.
	Value          string        `json:"value,omitempty"`
	Sealed         []byte        `json:"sealed,omitempty"`
	Description    string        `json:"description,omitempty"`
	AllowedPattern string        `json:"allowedPattern,omitempty"`
	KeyID          string        `json:"keyId,omitempty"`
	Tier           ParameterTier `json:"tier"`
	DataType       string        `json:"dataType"`
	Modified       time.Time     `json:"modified"`
	// User is the ARN of who wrote it.
	User string `json:"user"`
}
