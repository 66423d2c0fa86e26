package lambda

import "context"

// maxTotalCode is AWS's quota for the deployment packages of an account, in bytes.
const maxTotalCode = 80530636800

// GetAccountSettings shows the account's limits and what it uses of them.
func (s *Service) GetAccountSettings(ctx context.Context, _ *GetAccountSettingsRequest) (*GetAccountSettingsResponse, error) {
	var size, count int64
	reserved := 0
	for _, f := range s.state.Snapshot().Functions(account(ctx), s.region) {
		count++
		reserved += value(f.Function.ReservedConcurrency)
		size += f.Function.Latest.CodeSize
		for _, t := range f.Versions {
			size += t.Version.CodeSize
		}
	}
	return &GetAccountSettingsResponse{
		AccountLimit: &AccountLimit{
			TotalCodeSize:                  new(int64(maxTotalCode)),
			CodeSizeUnzipped:               new(s.limits.Unzipped),
			CodeSizeZipped:                 new(s.limits.Zipped),
			ConcurrentExecutions:           new(AccountConcurrency),
			UnreservedConcurrentExecutions: new(AccountConcurrency - reserved),
		},
		AccountUsage: &AccountUsage{TotalCodeSize: &size, FunctionCount: &count},
	}, nil
}

// GetFunctionCodeSigningConfig answers that a function has none, as AWS does where
// there is none: there is no code signing here.
func (s *Service) GetFunctionCodeSigningConfig(ctx context.Context, in *GetFunctionCodeSigningConfigRequest) (*GetFunctionCodeSigningConfigResponse, error) {
	r, err := s.resolve(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	if s.state.Snapshot().Function(r.id) == nil {
		return nil, functionNotFound(r.unqualified())
	}
	return &GetFunctionCodeSigningConfigResponse{}, nil
}
