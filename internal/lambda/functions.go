package lambda

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"furl/internal/awsapi"
	"furl/internal/state"
)

// maxName is the longest bare function name; the model allows for ARNs too.
const maxName = 64

// listPage is the most that a page of functions holds, whatever MaxItems asks
// for.
const listPage = 50

// CreateFunction makes a function from a deployment package. It is Pending
// until its code is ready on this server.
func (s *Service) CreateFunction(ctx context.Context, in *CreateFunctionRequest) (*FunctionConfiguration, error) {
	r, err := s.findUnpublished(ctx, in.FunctionName)
	if err != nil {
		return nil, err
	}
	if len(r.id.Name) > maxName {
		return nil, InvalidParameterValueException("1 validation error detected: Value '%s' at 'functionName' failed to satisfy constraint: "+
			"Member must have length less than or equal to %d", in.FunctionName, maxName)
	}
	if err := checkCreate(in); err != nil {
		return nil, err
	}
	if err := s.checkRole(in.Role); err != nil {
		return nil, err
	}
	if s.state.Snapshot().Function(r.id) != nil {
		return nil, functionExists(r.id.Name)
	}
	pack, err := s.checkCode(ctx, created(in))
	if err != nil {
		return nil, err
	}
	layers, err := s.layerUses(in.Layers, pack.unzipped)
	if err != nil {
		return nil, err
	}
	if err := s.storeCode(ctx, pack); err != nil {
		return nil, err
	}
	f := s.newFunction(r.id, in)
	f.Latest.CodeBlob, f.Latest.CodeSize, f.Latest.Unzipped = pack.blob, pack.size, pack.unzipped
	f.Latest.Layers = layers
	shown := f.Latest
	if value(in.Publish) {
		first := s.newVersion(&f.Latest)
		err = s.state.CreatePublished(ctx, f, &first)
		shown.Number = first.Number // and nothing else of the version (recorded)
	} else {
		err = s.state.CreateFunction(ctx, f)
	}
	if errors.Is(err, state.ErrExists) {
		return nil, functionExists(r.id.Name)
	}
	if err != nil {
		return nil, err
	}
	s.activator.add(r.id)
	return s.renderConfiguration(f, &shown, r.unqualified()), nil
}

func functionExists(name string) *awsapi.Error {
	return ResourceConflictException("Function already exist: %s", name)
}

func (s *Service) newFunction(id state.FunctionID, in *CreateFunctionRequest) *state.Function {
	now := s.now()
	v := state.Version{
		Number:           state.LatestVersion,
		Description:      value(in.Description),
		Runtime:          string(value(in.Runtime)),
		Handler:          value(in.Handler),
		Role:             in.Role,
		Timeout:          3,
		MemorySize:       128,
		PackageType:      string(PackageTypeZip),
		Architecture:     string(ArchitectureX8664),
		EphemeralStorage: 512,
		TracingMode:      string(TracingModePassThrough),
		SnapStart:        string(SnapStartApplyOnNone),
		Logging:          state.Logging{Format: string(LogFormatText), Group: "/aws/lambda/" + id.Name},
		State:            state.StatePending,
		RevisionID:       uuid.NewString(),
		LastModified:     now,
	}
	if len(in.Architectures) > 0 {
		v.Architecture = string(in.Architectures[0])
	}
	settings{
		Timeout: in.Timeout, MemorySize: in.MemorySize, EphemeralStorage: in.EphemeralStorage,
		Environment: in.Environment, DeadLetter: in.DeadLetterConfig, Tracing: in.TracingConfig,
		SnapStart: in.SnapStart, Logging: in.LoggingConfig, VPC: in.VpcConfig,
	}.apply(&v)
	return &state.Function{
		Account: id.Account,
		Region:  id.Region,
		Name:    id.Name,
		Created: now,
		Tags:    in.Tags,
		Latest:  v,
	}
}

// GetFunction shows a function with where its code can be downloaded.
func (s *Service) GetFunction(ctx context.Context, in *GetFunctionRequest) (*GetFunctionResponse, error) {
	r, f, t, err := s.find(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	v := t.Version
	out := &GetFunctionResponse{
		Configuration: s.renderConfiguration(f.Function, v, r.arn()),
		Code:          &FunctionCodeLocation{RepositoryType: new("S3"), Location: new(s.codeURL(v.CodeBlob))},
	}
	if len(f.Function.Tags) > 0 {
		out.Tags = f.Function.Tags
	}
	if n := f.Function.ReservedConcurrency; n != nil {
		out.Concurrency = &Concurrency{ReservedConcurrentExecutions: n}
	}
	return out, nil
}

// GetFunctionConfiguration shows a function's configuration.
func (s *Service) GetFunctionConfiguration(ctx context.Context, in *GetFunctionConfigurationRequest) (*FunctionConfiguration, error) {
	r, f, t, err := s.find(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	return s.renderConfiguration(f.Function, t.Version, r.arn()), nil
}

// ListFunctions lists the account's functions by name.
func (s *Service) ListFunctions(ctx context.Context, in *ListFunctionsRequest) (*ListFunctionsResponse, error) {
	everything := in.FunctionVersion != nil // all versions
	var all []*state.Target
	for _, f := range s.state.Snapshot().Functions(account(ctx), s.region) {
		all = append(all, f.Latest)
		if everything {
			all = append(all, f.Published()...)
		}
	}
	page, next, err := awsapi.Page(all,
		func(t *state.Target) string { return t.Function.Name + "\x00" + versionOrder(t) }, // in the order of the names
		awsapi.Paging{Operation: "ListFunctions", Marker: in.Marker, MaxItems: in.MaxItems, Size: listPage, Most: listPage})
	if err != nil {
		return nil, err
	}
	out := &ListFunctionsResponse{Functions: make([]FunctionConfiguration, 0, len(page)), NextMarker: next}
	for _, t := range page {
		listed := t.ARN
		if everything {
			listed = versionARN(t)
		}
		out.Functions = append(out.Functions, *s.renderListed(t.Function, t.Version, listed))
	}
	return out, nil
}

// DeleteFunction removes a function with its URLs and policies.
func (s *Service) DeleteFunction(ctx context.Context, in *DeleteFunctionRequest) (*DeleteFunctionResponse, error) {
	r, err := s.resolve(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	missing := functionNotFound(r.unqualified())
	f := s.state.Snapshot().Function(r.id)
	switch {
	case f == nil:
		return nil, missing
	case r.qualifier == state.LatestVersion:
		return nil, InvalidParameterValueException("$LATEST version cannot be deleted without deleting the function.")
	case r.qualifier != "" && !state.IsVersion(r.qualifier):
		return nil, InvalidParameterValueException("Deletion of aliases is not currently supported.")
	case r.qualifier != "":
		return s.deleteVersion(ctx, r)
	}
	if err := s.state.DeleteFunction(ctx, r.id); err != nil {
		return nil, stateError(err, missing)
	}
	return &DeleteFunctionResponse{StatusCode: new(204)}, nil
}
