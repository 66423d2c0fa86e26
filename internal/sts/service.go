// Package sts tells callers who they are: AWS STS's API, so far
// GetCallerIdentity.
package sts

import (
	"context"

	"furl/internal/authz"
)

// Service carries out the operations.
type Service struct{}

var _ API = (*Service)(nil)

// New makes a Service.
func New() *Service { return &Service{} }

// GetCallerIdentity says who the caller is. It needs no permission and no
// policy can deny it.
func (s *Service) GetCallerIdentity(ctx context.Context, _ *GetCallerIdentityRequest) (*GetCallerIdentityResponse, error) {
	p := authz.FromContext(ctx).Principal
	return &GetCallerIdentityResponse{Account: &p.Account, Arn: &p.ARN, UserId: &p.ID}, nil
}

// Access asks for nothing: GetCallerIdentity is open to every signed caller.
func (s *Service) Access(context.Context, any) ([]authz.Access, error) { return nil, nil }
