package lambda

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"

	"furl/internal/state"
)

// Reasons that AWS gives for a function that is not ready. The words are the
// same for updates as for creation.
const (
	reasonCreating     = "The function is being created."
	reasonCodeCreating = "Creating"
	reasonFailed       = "The deployment package could not be unpacked on this server; its log says why."
	reasonCodeFailed   = "InternalError"
)

// renderConfiguration is a version as every operation shows it, with the ARN
// that the caller used.
func (s *Service) renderConfiguration(f *state.Function, v *state.Version, functionARN string) *FunctionConfiguration {
	c := s.renderListed(f, v, functionARN)
	c.RuntimeVersionConfig = s.renderRuntimeVersion(v)
	c.State = new(State(v.State))
	switch v.State {
	case state.StatePending:
		c.StateReason, c.StateReasonCode = new(reasonCreating), new(StateReasonCode(reasonCodeCreating))
	case state.StateFailed:
		c.StateReason, c.StateReasonCode = new(reasonFailed), new(StateReasonCode(reasonCodeFailed))
	}
	c.LastUpdateStatus = nonEmpty(LastUpdateStatus(v.UpdateStatus))
	switch v.UpdateStatus {
	case state.UpdateInProgress:
		c.LastUpdateStatusReason, c.LastUpdateStatusReasonCode = new(reasonCreating), new(LastUpdateStatusReasonCode(reasonCodeCreating))
	case state.UpdateFailed:
		c.LastUpdateStatusReason, c.LastUpdateStatusReasonCode = new(reasonFailed), new(LastUpdateStatusReasonCode(reasonCodeFailed))
	}
	return c
}

// renderListed is a version as list operations show it: without its state and
// the version of its runtime.
func (s *Service) renderListed(f *state.Function, v *state.Version, functionARN string) *FunctionConfiguration {
	c := &FunctionConfiguration{
		FunctionName:     &f.Name,
		FunctionArn:      &functionARN,
		Runtime:          nonEmpty(Runtime(v.Runtime)),
		Role:             &v.Role,
		Handler:          nonEmpty(v.Handler),
		CodeSize:         &v.CodeSize,
		Description:      &v.Description,
		Timeout:          &v.Timeout,
		MemorySize:       &v.MemorySize,
		LastModified:     new(lastModified(v.LastModified)),
		CodeSha256:       new(codeSha256(v.CodeBlob)),
		Version:          &v.Number,
		TracingConfig:    &TracingConfigResponse{Mode: new(TracingMode(v.TracingMode))},
		RevisionId:       &v.RevisionID,
		PackageType:      new(PackageType(v.PackageType)),
		Architectures:    []Architecture{Architecture(v.Architecture)},
		EphemeralStorage: &EphemeralStorage{Size: v.EphemeralStorage},
		SnapStart: &SnapStartResponse{
			ApplyOn:            new(SnapStartApplyOn(v.SnapStart)),
			OptimizationStatus: new(SnapStartOptimizationStatus("Off")),
		},
		LoggingConfig: renderLogging(v.Logging),
	}
	if v.Environment != nil {
		c.Environment = &EnvironmentResponse{Variables: v.Environment}
	}
	c.Layers = renderLayers(v.Layers)
	if v.DeadLetter != "" {
		c.DeadLetterConfig = &DeadLetterConfig{TargetArn: &v.DeadLetter}
	}
	if v.VPC != nil {
		c.VpcConfig = &VpcConfigResponse{
			SubnetIds:               v.VPC.SubnetIDs,
			SecurityGroupIds:        v.VPC.SecurityGroupIDs,
			VpcId:                   new(""),
			Ipv6AllowedForDualStack: v.VPC.IPv6AllowedDual,
		}
	}
	return c
}

func renderLogging(l state.Logging) *LoggingConfig {
	return &LoggingConfig{
		LogFormat:           new(LogFormat(l.Format)),
		LogGroup:            new(l.Group),
		ApplicationLogLevel: nonEmpty(ApplicationLogLevel(l.ApplicationLevel)),
		SystemLogLevel:      nonEmpty(SystemLogLevel(l.SystemLevel)),
	}
}

func (s *Service) renderRuntimeVersion(v *state.Version) *RuntimeVersionConfig {
	if v.Runtime == "" {
		return nil
	}
	return &RuntimeVersionConfig{RuntimeVersionArn: new(RuntimeVersionARN(s.region, v.Runtime))}
}

// RuntimeVersionARN gives a runtime an ARN of AWS's form, the same for the same
// identifier everywhere.
func RuntimeVersionARN(region, runtime string) string {
	sum := sha256.Sum256([]byte("furl runtime " + runtime))
	return "arn:aws:lambda:" + region + "::runtime:" + hex.EncodeToString(sum[:])
}

// codeSha256 turns a blob's name into the form of the API.
func codeSha256(blob string) string {
	sum, err := hex.DecodeString(blob)
	if err != nil {
		return blob
	}
	return base64.StdEncoding.EncodeToString(sum)
}
