package iam

import (
	"context"
	"slices"

	"furl/internal/authz"
)

// Nobody has passwords, second factors, certificates, SSH keys, credentials of
// single services or instance profiles here. Clients ask for them before they
// delete a user or a role, so the answers are true ones: none.

// GetLoginProfile refuses: no user has a password.
func (s *Service) GetLoginProfile(ctx context.Context, in *GetLoginProfileRequest) (*GetLoginProfileResponse, error) {
	return nil, s.noLoginProfile(ctx, in.UserName)
}

// DeleteLoginProfile refuses: no user has a password.
func (s *Service) DeleteLoginProfile(ctx context.Context, in *DeleteLoginProfileRequest) error {
	return s.noLoginProfile(ctx, in.UserName)
}

func (s *Service) noLoginProfile(ctx context.Context, name *string) error {
	u, err := s.existingUser(ctx, name)
	if err != nil {
		return err
	}
	return NoSuchEntityException("Login Profile for User %s cannot be found.", u.Name)
}

// ListMFADevices lists no device for any user.
func (s *Service) ListMFADevices(ctx context.Context, in *ListMFADevicesRequest) (*ListMFADevicesResponse, error) {
	if err := s.userOrRoot(ctx, in.UserName); err != nil {
		return nil, err
	}
	return &ListMFADevicesResponse{MFADevices: []MFADevice{}, IsTruncated: new(false)}, nil
}

// userOrRoot wants the user to be there that a request names; one that names
// none is about its caller, whoever that is.
func (s *Service) userOrRoot(ctx context.Context, name *string) error {
	if name == nil {
		return nil
	}
	_, err := s.existingUser(ctx, name)
	return err
}

// ListVirtualMFADevices lists no device.
func (s *Service) ListVirtualMFADevices(context.Context, *ListVirtualMFADevicesRequest) (*ListVirtualMFADevicesResponse, error) {
	return &ListVirtualMFADevicesResponse{VirtualMFADevices: []VirtualMFADevice{}, IsTruncated: new(false)}, nil
}

// ListSSHPublicKeys lists no key for any user.
func (s *Service) ListSSHPublicKeys(ctx context.Context, in *ListSSHPublicKeysRequest) (*ListSSHPublicKeysResponse, error) {
	if err := s.userOrRoot(ctx, in.UserName); err != nil {
		return nil, err
	}
	return &ListSSHPublicKeysResponse{SSHPublicKeys: []SSHPublicKeyMetadata{}, IsTruncated: new(false)}, nil
}

// ListSigningCertificates lists no certificate for any user.
func (s *Service) ListSigningCertificates(ctx context.Context, in *ListSigningCertificatesRequest) (*ListSigningCertificatesResponse, error) {
	if err := s.userOrRoot(ctx, in.UserName); err != nil {
		return nil, err
	}
	return &ListSigningCertificatesResponse{Certificates: []SigningCertificate{}, IsTruncated: new(false)}, nil
}

// ListServiceSpecificCredentials lists no credential for any user. A service that
// has none on AWS either is refused, as recorded there.
func (s *Service) ListServiceSpecificCredentials(ctx context.Context, in *ListServiceSpecificCredentialsRequest) (*ListServiceSpecificCredentialsResponse, error) {
	if err := s.userOrRoot(ctx, in.UserName); err != nil {
		return nil, err
	}
	known := []string{"codecommit.amazonaws.com", "cassandra.amazonaws.com", "bedrock.amazonaws.com", "logs.amazonaws.com"}
	if in.ServiceName != nil && !slices.Contains(known, *in.ServiceName) {
		return nil, NoSuchEntityException("No such service %s is supported for Service Specific Credentials", *in.ServiceName)
	}
	return &ListServiceSpecificCredentialsResponse{ServiceSpecificCredentials: []ServiceSpecificCredentialMetadata{}}, nil
}

// GetInstanceProfile refuses: there are no instances, so no profiles.
func (s *Service) GetInstanceProfile(_ context.Context, in *GetInstanceProfileRequest) (*GetInstanceProfileResponse, error) {
	return nil, NoSuchEntityException("Instance Profile %s cannot be found.", in.InstanceProfileName)
}

// ListInstanceProfiles lists no profile.
func (s *Service) ListInstanceProfiles(context.Context, *ListInstanceProfilesRequest) (*ListInstanceProfilesResponse, error) {
	return &ListInstanceProfilesResponse{InstanceProfiles: []InstanceProfile{}, IsTruncated: new(false)}, nil
}

// ListInstanceProfilesForRole lists no profile for any role.
func (s *Service) ListInstanceProfilesForRole(ctx context.Context, in *ListInstanceProfilesForRoleRequest) (*ListInstanceProfilesForRoleResponse, error) {
	if s.state.Snapshot().Role(account(ctx), in.RoleName) == nil {
		return nil, noRole(in.RoleName)
	}
	return &ListInstanceProfilesForRoleResponse{InstanceProfiles: []InstanceProfile{}, IsTruncated: new(false)}, nil
}

// GetAccountPasswordPolicy refuses: there are no passwords.
func (s *Service) GetAccountPasswordPolicy(ctx context.Context, _ *GetAccountPasswordPolicyRequest) (*GetAccountPasswordPolicyResponse, error) {
	return nil, NoSuchEntityException("The Password Policy with domain name %s cannot be found.", authz.FromContext(ctx).Principal.Account)
}
