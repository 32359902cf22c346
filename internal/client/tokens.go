// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// maxTokenFile bounds files that hold a token or a login, in bytes.
const maxTokenFile = 1 << 20

// StaticToken always gives the same token.
func StaticToken(token string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return token, nil }
}

// FileToken gives what a file holds, without outer white space. The file is
// read again when its time or size has changed, as CI systems renew tokens
// while a run lasts.
func FileToken(path string) func(context.Context) (string, error) {
	f := &tokenFile{path: path}
	return func(context.Context) (string, error) { return f.read() }
}

type tokenFile struct {
	path string

	mu    sync.Mutex
	token string
	at    time.Time
	size  int64
}

func (f *tokenFile) read() (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := os.Stat(f.path)
	if err != nil {
		return "", fmt.Errorf("the token file cannot be read: %w", err)
	}
	if f.token != "" && info.ModTime().Equal(f.at) && info.Size() == f.size {
		return f.token, nil
	}
	content, err := readSmallFile(f.path)
	if err != nil {
		return "", fmt.Errorf("the token file cannot be read: %w", err)
	}
	token := strings.TrimSpace(string(content))
	if token == "" {
		return "", fmt.Errorf("the token file %s is empty", f.path)
	}
	f.token, f.at, f.size = token, info.ModTime(), info.Size()
	return token, nil
}

// readSmallFile reads a file and refuses one that cannot be what is expected.
func readSmallFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxTokenFile+1))
	if err == nil && len(content) > maxTokenFile {
		err = errors.New(path + " is larger than 1 MiB")
	}
	return content, err
}
