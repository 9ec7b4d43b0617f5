// Package report prints what the programs found, a line per feature, for the tests to read.
package report

import (
	"errors"
	"fmt"
	"strings"
	"sync"
)

var lock sync.Mutex

// Try runs one feature and says whether it worked.
func Try(feature string, run func() error) bool {
	err := run()
	lock.Lock()
	defer lock.Unlock()
	if err != nil {
		fmt.Printf("failed %s: %s\n", feature, strings.ReplaceAll(err.Error(), "\n", " "))
		return false
	}
	fmt.Printf("ok %s\n", feature)
	return true
}

// Note prints a feature that was seen, for handlers.
func Note(feature string) {
	Try(feature, func() error { return nil })
}

// Say prints any other line.
func Say(format string, values ...any) {
	lock.Lock()
	defer lock.Unlock()
	fmt.Printf(format+"\n", values...)
}

// Expect is an error unless the two texts are the same.
func Expect(what, got, want string) error {
	if got == want {
		return nil
	}
	return fmt.Errorf("%s is %q, not %q", what, got, want)
}

// Refused is an error unless err is one that says all the words.
func Refused(err error, words ...string) error {
	if err == nil {
		return errors.New("it was not refused")
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			return fmt.Errorf("it was refused without %q: %w", word, err)
		}
	}
	return nil
}
