package lambda

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"furl/internal/awsapi"
	"furl/internal/code"
	"furl/internal/state"
)

// UpdateFunctionCode replaces a function's code.
func (s *Service) UpdateFunctionCode(ctx context.Context, in *UpdateFunctionCodeRequest) (*FunctionConfiguration, error) {
	r, f, err := s.findForUpdate(ctx, in.FunctionName)
	if err != nil {
		return nil, err
	}
	if err := checkUpdateCode(in); err != nil {
		return nil, err
	}
	if err := checkUpdatable(&f.Function.Latest, r.unqualified(), in.RevisionId); err != nil {
		return nil, err
	}
	pack, err := s.checkCode(ctx, updated(in))
	if err != nil {
		return nil, err
	}
	if err := s.checkTotal(f.Function.Latest.Layers, pack.unzipped); err != nil {
		return nil, err
	}
	change := func(v *state.Version) {
		v.CodeBlob, v.CodeSize, v.Unzipped = pack.blob, pack.size, pack.unzipped
		if len(in.Architectures) > 0 {
			v.Architecture = string(in.Architectures[0])
		}
	}
	if value(in.DryRun) {
		v := f.Function.Latest
		change(&v)
		return s.renderConfiguration(f.Function, &v, r.unqualified()), nil
	}
	if err := s.storeCode(ctx, pack); err != nil {
		return nil, err
	}
	if value(in.Publish) {
		return s.updateAndPublish(ctx, r, in.RevisionId, change)
	}
	return s.update(ctx, r, in.RevisionId, change)
}

// UpdateFunctionConfiguration changes the settings that the request names.
func (s *Service) UpdateFunctionConfiguration(ctx context.Context, in *UpdateFunctionConfigurationRequest) (*FunctionConfiguration, error) {
	r, f, err := s.findForUpdate(ctx, in.FunctionName)
	if err != nil {
		return nil, err
	}
	if err := s.checkUpdate(in, &f.Function.Latest); err != nil {
		return nil, err
	}
	if err := checkUpdatable(&f.Function.Latest, r.unqualified(), in.RevisionId); err != nil {
		return nil, err
	}
	layers, err := s.layerUses(in.Layers, f.Function.Latest.Unzipped)
	if err != nil {
		return nil, err
	}
	return s.update(ctx, r, in.RevisionId, func(v *state.Version) {
		if in.Layers != nil { // an empty list takes them off
			v.Layers = layers
		}
		set(&v.Role, in.Role)
		set(&v.Handler, in.Handler)
		set(&v.Description, in.Description)
		if in.Runtime != nil {
			v.Runtime = string(*in.Runtime)
		}
		environment := in.Environment
		if environment != nil && environment.Variables == nil {
			environment = nil // without variables it changes nothing (seen on AWS); an empty map takes them away
		}
		settings{
			Timeout: in.Timeout, MemorySize: in.MemorySize, EphemeralStorage: in.EphemeralStorage,
			Environment: environment, DeadLetter: in.DeadLetterConfig, Tracing: in.TracingConfig,
			SnapStart: in.SnapStart, Logging: in.LoggingConfig, VPC: in.VpcConfig,
		}.apply(v)
		if environment != nil && len(environment.Variables) == 0 {
			v.Environment = nil // taken away; only a function created with none of them shows an empty one
		}
	})
}

// update changes $LATEST under the preconditions of every update.
func (s *Service) update(ctx context.Context, r ref, revision *string, change func(*state.Version)) (*FunctionConfiguration, error) {
	f, err := s.state.UpdateFunction(ctx, r.id, s.edit(r, revision, change))
	if err != nil {
		return nil, stateError(err, functionNotFound(r.unqualified()))
	}
	s.activator.add(r.id)
	return s.renderConfiguration(f, &f.Latest, r.unqualified()), nil
}

// edit is what an update does to a function's record.
func (s *Service) edit(r ref, revision *string, change func(*state.Version)) func(*state.Function) error {
	return func(f *state.Function) error {
		if err := checkUpdatable(&f.Latest, r.unqualified(), revision); err != nil {
			return err
		}
		change(&f.Latest)
		f.Latest.RevisionID, f.Latest.LastModified = uuid.NewString(), s.now()
		f.Latest.State, f.Latest.UpdateStatus = state.StateActive, state.UpdateInProgress
		return nil
	}
}

// checkUpdatable refuses updates of a function that is changing already and
// those made for another revision.
func checkUpdatable(v *state.Version, functionARN string, revision *string) error {
	switch {
	case v.State == state.StatePending:
		return ResourceConflictException("The operation cannot be performed at this time. The function is currently in the following state: Pending")
	case v.UpdateStatus == state.UpdateInProgress:
		return ResourceConflictException("The operation cannot be performed at this time. An update is in progress for resource: %s", functionARN)
	case revision != nil && *revision != v.RevisionID:
		return PreconditionFailedException("The Revision Id provided does not match the latest Revision Id. " +
			"Call the GetFunction/GetAlias API to retrieve the latest Revision Id")
	}
	return nil
}

// codeError words what is wrong with a deployment package as AWS does. What
// AWS does not say, namely which entry is bad, follows its sentence.
func codeError(err error) error {
	var tooLarge *code.TooLargeError
	if errors.As(err, &tooLarge) {
		if tooLarge.Zipped {
			return awsapi.Errorf(*RequestEntityTooLargeException(""), "Zipped size must be smaller than %d bytes", tooLarge.Limit)
		}
		return InvalidParameterValueException("Unzipped size must be smaller than %d bytes", tooLarge.Limit)
	}
	if errors.Is(err, code.ErrEmpty) {
		return InvalidParameterValueException("Uploaded file must be a non-empty zip")
	}
	var invalid *code.InvalidError
	if errors.As(err, &invalid) {
		return InvalidParameterValueException("Could not unzip uploaded file. Please check your file, then try to upload again.")
	}
	return err
}
