package demo

import "context"

func (s *story) replay(ctx context.Context, why error) error { return why }
