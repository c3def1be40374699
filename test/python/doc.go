// Package python holds the scripts that make test fixtures with Python's own libraries, and a test that the committed
// fixtures are what they make.
package python
