package authz

// Knows reports whether a token is one of these Sessions'.
func (s *Sessions) Knows(keyID, token string) bool {
	_, err := s.open(keyID, token)
	return err == nil
}
