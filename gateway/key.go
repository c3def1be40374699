package gateway

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Limits of a file of API keys.
const (
	// MaxKeys bounds the keys: each request is compared with all of them, and each name is a label's value.
	MaxKeys     = 1000
	maxKeyBytes = 256 << 10
	// keyRecheck is the least time between two readings of the file.
	keyRecheck = time.Second
)

// Keys are the API keys that callers may have. A file holds a key a line: its name, and the SHA-256 of the key in
// hexadecimal digits; empty lines and those that begin with # are passed over. A name may have several keys, so
// that one can be replaced in peace. Requests have the file read again, at most once a second; while it is not
// usable the last keys that were hold. Keys are safe for concurrent use; make them with OpenKeys.
type Keys struct {
	path  string
	table atomic.Pointer[[]apiKey]

	reading sync.Mutex // Guards what follows. Nobody waits for it: the others use the table that there is.
	text    []byte
	next    time.Time
}

type apiKey struct {
	name string
	hash [sha256.Size]byte
}

// OpenKeys reads a file of API keys. Its error has all lines at fault, and never what stands in the hash's place:
// it might be the key.
func OpenKeys(path string) (*Keys, error) {
	k := &Keys{path: path}
	if _, err := k.read(); err != nil {
		return nil, fmt.Errorf("API keys: %w", err)
	}
	return k, nil
}

// read reads the file, and reports whether it holds something else than before.
func (k *Keys) read() (bool, error) {
	f, err := os.Open(k.path)
	if err != nil {
		return false, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyBytes+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return false, err
	}
	if k.table.Load() != nil && bytes.Equal(text, k.text) {
		return false, nil
	}
	table, err := parseKeys(text)
	if err != nil {
		return false, fmt.Errorf("%s: %w", k.path, err)
	}
	k.text = text
	k.table.Store(&table)
	return true, nil
}

// refresh reads the file again where it is time to, and reports whether there are other keys now.
func (k *Keys) refresh(now time.Time) (bool, error) {
	if !k.reading.TryLock() {
		return false, nil
	}
	defer k.reading.Unlock()
	if now.Before(k.next) {
		return false, nil
	}
	k.next = now.Add(keyRecheck)
	return k.read()
}

// find returns the name of a key, "" for none. It takes the same time for all keys of a length.
func (k *Keys) find(key string) string {
	hash := sha256.Sum256([]byte(key))
	found := -1
	table := *k.table.Load()
	for i := range table {
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(hash[:], table[i].hash[:]), i, found)
	}
	if found < 0 {
		return ""
	}
	return table[found].name
}

var goodKeyName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

func parseKeys(text []byte) ([]apiKey, error) {
	if len(text) > maxKeyBytes {
		return nil, fmt.Errorf("over %d bytes", maxKeyBytes)
	}
	var keys []apiKey
	var errs []error
	lines := map[[sha256.Size]byte]int{}
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		key, err := parseKey(words)
		switch {
		case err != nil:
		case lines[key.hash] > 0:
			err = fmt.Errorf("the key is that of line %d", lines[key.hash])
		default:
			lines[key.hash] = number
			keys = append(keys, key)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("line %d: %w", number, err))
		}
	}
	switch {
	case len(errs) > 0:
	case len(keys) == 0:
		errs = append(errs, errors.New("no keys: nobody could use the gateway"))
	case len(keys) > MaxKeys:
		errs = append(errs, fmt.Errorf("%d keys, and at most %d are taken", len(keys), MaxKeys))
	}
	return keys, errors.Join(errs...)
}

// parseKey reads the words of a line.
func parseKey(words []string) (apiKey, error) {
	key := apiKey{name: words[0]}
	if len(words) != 2 {
		return key, fmt.Errorf("%d words, not a name and the SHA-256 of a key", len(words))
	}
	if !goodKeyName.MatchString(key.name) {
		return key, errors.New("a name has 1 to 64 letters, digits and ._-")
	}
	hash, err := hex.DecodeString(words[1])
	if err != nil || len(hash) != sha256.Size {
		return key, fmt.Errorf("what follows %s is not %d hexadecimal digits, the SHA-256 of a key", key.name, hex.EncodedLen(sha256.Size))
	}
	copy(key.hash[:], hash)
	if key.hash == sha256.Sum256(nil) || key.hash == sha256.Sum256([]byte("\n")) {
		return key, fmt.Errorf("the hash of %s is that of an empty key", key.name)
	}
	return key, nil
}
