package synthetic

import (
	"cmp"
	"errors"
	"fmt"
)

// Config sets the size of a shop. Zero fields mean the defaults: 2,000 users, 1,000 items and 13,500 sessions, which
// make about 120,000 events.
type Config struct {
	// Users is the number of users, at least 2.
	Users int
	// Items is the number of items, at least 30.
	Items int
	// Sessions is about how many sessions all users have together; every user has at least 2.
	Sessions int
	// Seed gives another shop for each value.
	Seed uint64
	// StringKeys makes item_id a string such as "sku-00042" instead of an int64.
	StringKeys bool
}

// Golden returns the size of the shop behind the committed model repository: 200 users, 300 items and about 10,000
// events.
func Golden() Config { return Config{Users: 200, Items: 300, Sessions: 1250, Seed: 1} }

// Validate checks the sizes; it reports all faults.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	if c.Users < 2 {
		errs = append(errs, fmt.Errorf("a shop of %d users: at least 2 are needed", c.Users))
	}
	if c.Items < 30 {
		errs = append(errs, fmt.Errorf("a shop of %d items: at least 30 are needed", c.Items))
	}
	if c.Sessions < 0 {
		errs = append(errs, fmt.Errorf("a shop of %d sessions: the number cannot be negative", c.Sessions))
	}
	return errors.Join(errs...)
}

func (c Config) withDefaults() Config {
	c.Users = cmp.Or(c.Users, 2_000)
	c.Items = cmp.Or(c.Items, 1_000)
	c.Sessions = cmp.Or(c.Sessions, 13_500)
	return c
}
