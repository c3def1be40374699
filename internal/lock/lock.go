// Package lock keeps processes from working on the same thing at the same time: one file, locked by the operating system, so that the
// lock ends with its owner however that ends. Where there is no flock(2) nothing is locked.
package lock

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// ErrHeld is wrapped by the error of Acquire when another process has the lock.
var ErrHeld = errors.New("locked")

// maxOwner bounds what is read of an owner's name, in bytes.
const maxOwner = 1 << 10

// Lock is a lock that this process has.
type Lock struct {
	file *os.File
	path string
}

// Acquire locks the file at path, which it makes, for owner: the error of others who try names it. It does not wait. A file that an
// owner left behind is taken over.
func Acquire(path, owner string) (*Lock, error) {
	for {
		l, err := open(path, owner)
		if l != nil || err != nil {
			return l, err
		}
	}
}

// open returns nil and nil when the file was removed by its owner between opening and locking it.
func open(path, owner string) (*Lock, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	if err := tryLock(f); err != nil {
		holder, _ := io.ReadAll(io.LimitReader(f, maxOwner)) // an owner whose name cannot be read has the lock all the same
		if errors.Is(err, ErrHeld) {
			err = fmt.Errorf("%w by %s", err, holder)
		}
		return nil, errors.Join(fmt.Errorf("%s is %w", path, err), f.Close())
	}
	mine, errMine := f.Stat()
	there, errThere := os.Stat(path)
	if errMine == nil && (errors.Is(errThere, os.ErrNotExist) || errThere == nil && !os.SameFile(mine, there)) {
		return nil, f.Close()
	}
	err = errors.Join(errMine, errThere, f.Truncate(0))
	if err == nil {
		_, err = f.WriteAt([]byte(owner), 0)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock: %w", err), f.Close())
	}
	return &Lock{f, path}, nil
}

// Release removes the file and unlocks it.
func (l *Lock) Release() error { return errors.Join(os.Remove(l.path), l.file.Close()) }
