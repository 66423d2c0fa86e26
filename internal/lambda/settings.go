package lambda

import (
	"bytes"
	"encoding/json"
	"maps"
	"strings"

	"furl/internal/state"
)

// settings are the members that creating a function and updating its
// configuration have in common. Nil members keep what is there.
type settings struct {
	Timeout, MemorySize *int
	EphemeralStorage    *EphemeralStorage
	Environment         *Environment
	DeadLetter          *DeadLetterConfig
	Tracing             *TracingConfig
	SnapStart           *SnapStart
	Logging             *LoggingConfig
	VPC                 *VpcConfig
}

// apply writes the settings that were given into a version.
func (s settings) apply(v *state.Version) {
	set(&v.Timeout, s.Timeout)
	set(&v.MemorySize, s.MemorySize)
	if s.EphemeralStorage != nil {
		v.EphemeralStorage = s.EphemeralStorage.Size
	}
	if s.Environment != nil {
		v.Environment = maps.Clone(s.Environment.Variables)
		if v.Environment == nil {
			v.Environment = map[string]string{}
		}
	}
	if s.DeadLetter != nil {
		v.DeadLetter = value(s.DeadLetter.TargetArn)
	}
	if s.Tracing != nil && s.Tracing.Mode != nil {
		v.TracingMode = string(*s.Tracing.Mode)
	}
	if s.SnapStart != nil && s.SnapStart.ApplyOn != nil {
		v.SnapStart = string(*s.SnapStart.ApplyOn)
	}
	if s.Logging != nil {
		applyLogging(&v.Logging, s.Logging)
	}
	if s.VPC != nil {
		v.VPC = &state.VPC{
			SubnetIDs:        s.VPC.SubnetIds,
			SecurityGroupIDs: s.VPC.SecurityGroupIds,
			IPv6AllowedDual:  s.VPC.Ipv6AllowedForDualStack,
		}
	}
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// applyLogging follows AWS: the JSON format has levels, INFO where none is
// given, and the Text format has none; what is not named stays.
func applyLogging(l *state.Logging, in *LoggingConfig) {
	if in.LogFormat != nil {
		l.Format = string(*in.LogFormat)
	}
	if in.LogGroup != nil {
		l.Group = *in.LogGroup
	}
	if l.Format == string(LogFormatText) {
		l.ApplicationLevel, l.SystemLevel = "", ""
		return
	}
	l.ApplicationLevel = orDefault(l.ApplicationLevel, string(ApplicationLogLevelInfo))
	l.SystemLevel = orDefault(l.SystemLevel, string(SystemLogLevelInfo))
	if in.ApplicationLogLevel != nil {
		l.ApplicationLevel = string(*in.ApplicationLogLevel)
	}
	if in.SystemLogLevel != nil {
		l.SystemLevel = string(*in.SystemLogLevel)
	}
}

func compactJSON(v any) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return strings.TrimSuffix(b.String(), "\n"), err
}
