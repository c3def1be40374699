package draft

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"recsys/data"
	"recsys/data/profile"
	"recsys/tensor"
)

// tables are the parts that data files play.
type tables struct {
	interactions, users, items *table
	user, item                 string // columns of interactions
	userKey, itemKey           string // of users and items
	unused                     []string
}

// assign finds out which table is which.
func assign(all []*table, o Options) (*tables, error) {
	t, err := findInteractions(all, o)
	if err != nil {
		return nil, err
	}
	for _, other := range all {
		if other == t.interactions {
			continue
		}
		if u, ok := entityKey(other, userRole(), t.interactions.profile.Column(t.user)); ok && t.users == nil {
			t.users, t.userKey = other, u
		} else if i, ok := entityKey(other, itemRole(), t.interactions.profile.Column(t.item)); ok && t.items == nil {
			t.items, t.itemKey = other, i
		} else {
			t.unused = append(t.unused, strings.Join(other.paths, ", "))
		}
	}
	return t, t.collisions()
}

// findInteractions takes the table that has users and items, and if several have, the one that looks most like interactions: users
// and items come back, there is something to predict, the name says so, and it has the most rows.
func findInteractions(all []*table, o Options) (*tables, error) {
	var best *tables
	top := [4]int{-1}
	for _, t := range all {
		user, item := keyColumn(t, o.User, userRole()), keyColumn(t, o.Item, itemRole())
		if user == nil || item == nil || user.Name == item.Name {
			continue
		}
		score := [4]int{0, 0, 0, t.profile.Rows}
		if !unique(user) && !unique(item) {
			score[0] = 1
		}
		if l, ok := labelOf(t.profile); ok && l.event {
			score[1] = 1 // of several rows that one of another table may sum up
		} else if ok {
			score[1] = 2
		}
		if among(t.stem(), []string{"interactions", "ratings", "events", "clicks", "views", "purchases", "orders", "reviews", "plays", "train"}) {
			score[2] = 1
		}
		if slices.Compare(score[:], top[:]) > 0 {
			top, best = score, &tables{interactions: t, user: user.Name, item: item.Name}
		}
	}
	if best != nil {
		return best, nil
	}
	var have []string
	for _, t := range all {
		var columns []string
		for _, c := range t.profile.Columns {
			columns = append(columns, c.Name)
		}
		have = append(have, fmt.Sprintf("%s has %s", strings.Join(t.paths, ", "), strings.Join(columns, ", ")))
	}
	return nil, fmt.Errorf("no file has a column of users and one of items, int64 or text without nulls; name them with --user and --item: %s",
		strings.Join(have, "; "))
}

// keyColumn finds the column with a given name, or one of the role; the first whose name says id before others.
func keyColumn(t *table, name string, r role) *profile.Column {
	if name != "" {
		if c := t.profile.Column(name); c != nil && key(c) {
			return c
		}
		return nil
	}
	var found *profile.Column
	for i := range t.profile.Columns {
		c := &t.profile.Columns[i]
		if key(c) && r.says(c.Name) && (found == nil || among(c.Name, keyWords()) && !among(found.Name, keyWords())) {
			found = c
		}
	}
	return found
}

// entityKey finds the column of a table of users or items that holds the keys of interactions.
func entityKey(t *table, r role, of *profile.Column) (string, bool) {
	for i := range t.profile.Columns {
		c := &t.profile.Columns[i]
		named := c.Name == of.Name || r.says(c.Name) || strings.EqualFold(c.Name, "id") && slices.ContainsFunc(words(t.stem()), r.is)
		if named && unique(c) && (of.Estimated || c.Estimated || shared(of, c) > 0) {
			return c.Name, true
		}
	}
	return "", false
}

// collisions are columns of users and of items with one name.
func (t *tables) collisions() error {
	if t.users == nil || t.items == nil {
		return nil
	}
	var errs []error
	for _, c := range t.users.profile.Columns {
		if c.Name != t.userKey && c.Name != t.itemKey && t.items.profile.Column(c.Name) != nil && c.Name != t.user {
			errs = append(errs, fmt.Errorf("%s and %s both have a column %q: rename one, for a column has one name in all tables",
				strings.Join(t.users.paths, ", "), strings.Join(t.items.paths, ", "), c.Name))
		}
	}
	return errors.Join(errs...)
}

// moment is how interactions are ordered.
type moment struct {
	time, order string
	why         []string
}

// Times that are taken for Unix seconds: 1990 to 2100.
const earliest, latest = 631_152_000, 4_102_444_800

func momentOf(p *profile.Table, user, item string) moment {
	var m moment
	for _, c := range p.Columns {
		if c.List || c.Name == user || c.Name == item || c.Values == 0 {
			continue
		}
		named := among(c.Name, timeWords())
		switch {
		case c.DType.DType == tensor.Int64 && named && m.time == "" && c.Numbers.Min >= earliest && c.Numbers.Max <= latest:
			m.time = c.Name
			m.why = append(m.why, fmt.Sprintf("time: %s, Unix seconds from %s to %s", c.Name, date(c.Numbers.Min), date(c.Numbers.Max)))
		case c.DType.DType == tensor.Int64 && m.order == "" && (among(c.Name, orderWords()) || named):
			m.order = c.Name
			m.why = append(m.why, fmt.Sprintf("order: %s, integers from %s to %s by which a user's interactions are ordered",
				c.Name, profile.Text(c.Numbers.Min), profile.Text(c.Numbers.Max)))
		case c.DType.DType == tensor.String && named && textTime(c.Top):
			m.why = append(m.why, c.Name+" looks like a time written as text: convert it to Unix seconds to use it")
		}
	}
	if m.time != "" {
		m.order = "" // The time orders.
	}
	return m
}

func date(seconds float64) string { return time.Unix(int64(seconds), 0).UTC().Format(time.DateOnly) }

// textTime reports whether values are times.
func textTime(values []profile.Count) bool {
	for _, v := range values {
		ok := false
		for _, layout := range []string{time.RFC3339, time.DateTime, time.DateOnly, "2006/01/02", "01/02/2006"} {
			_, err := time.Parse(layout, v.Value)
			ok = ok || err == nil
		}
		if !ok {
			return false
		}
	}
	return len(values) > 0
}

// splitColumns are the columns that hold the names of parts, those first that test about one row a user.
func splitColumns(p *profile.Table, users int) []string {
	var last, others []string
	for _, c := range p.Columns {
		if c.DType.DType != tensor.String || c.List || c.Estimated {
			continue
		}
		counts := map[string]int{}
		known := true
		for _, v := range c.Every() {
			counts[v.Value] = v.Count
			known = known && slices.Contains([]string{data.Train.String(), data.Valid.String(), data.Test.String()}, v.Value)
		}
		switch {
		case !known || counts[data.Train.String()] == 0 || counts[data.Test.String()] == 0:
		case counts[data.Test.String()] <= users:
			last = append(last, c.Name)
		default:
			others = append(others, c.Name)
		}
	}
	return slices.Concat(last, others)
}

// label is what a ranker can predict.
type label struct {
	column, task, binary, why string
	event                     bool // a kind of event
}

// labelOf finds what the interactions tell beside that they were: a flag, stars, or a kind of event.
func labelOf(p *profile.Table) (label, bool) {
	var flag, stars, event label
	for i := range p.Columns {
		c := &p.Columns[i]
		if c.List || c.Estimated || !plain(c.Name) {
			continue
		}
		switch c.DType.DType {
		case tensor.Int64, tensor.Float32:
			switch {
			case c.DType.DType == tensor.Int64 && c.Distinct == 2 && c.Numbers.Min == 0 && c.Numbers.Max == 1:
				if flag.column == "" {
					flag = label{column: c.Name, task: "is_" + c.Name, binary: c.Name + " == 1", why: fmt.Sprintf("%s is 1 in %s of the rows, else 0",
						c.Name, percent(int(c.Numbers.Mean*float64(c.Values)+0.5), c.Rows))}
				}
			case stars.column == "" && among(c.Name, starWords()) && c.Distinct >= 2 && c.Distinct <= maxStars:
				at, share := upperHalf(c)
				stars = label{
					column: c.Name, task: "like", binary: fmt.Sprintf("%s >= %s", c.Name, profile.Text(at)),
					why: fmt.Sprintf("%s has %d values from %s to %s; %.0f %% of the rows have %s or more",
						c.Name, c.Distinct, profile.Text(c.Numbers.Min), profile.Text(c.Numbers.Max), 100*share, profile.Text(at)),
				}
			}
		default:
			if event.column == "" && among(c.Name, eventWords()) && c.Distinct >= 2 && c.Distinct <= maxStars {
				event = eventLabel(c)
			}
		}
	}
	for _, l := range []label{flag, stars, event} {
		if l.column != "" {
			return l, true
		}
	}
	return label{}, false
}

// maxStars is the most values of what is taken for stars, or for kinds of events.
const maxStars = 101

// upperHalf returns the least value that at most 60 % of the values reach, and their share; with stars, the better half.
func upperHalf(c *profile.Column) (at, share float64) {
	const most = 0.6
	type value struct {
		number float64
		count  int
	}
	values := make([]value, 0, len(c.Every()))
	for _, v := range c.Every() {
		x, _ := strconv.ParseFloat(v.Value, 64) // A profile writes numbers that can be read.
		values = append(values, value{x, v.Count})
	}
	slices.SortFunc(values, func(a, b value) int { return cmp.Compare(b.number, a.number) })
	above := 0
	for i, v := range values {
		above += v.count
		if i > 0 && float64(above) > most*float64(c.Values) {
			break
		}
		at, share = v.number, float64(above)/float64(c.Values)
	}
	return at, share
}

// eventLabel takes the strongest kind of event that not all rows are.
func eventLabel(c *profile.Column) label {
	for _, strong := range eventValues() {
		for _, v := range c.Every() {
			if strings.EqualFold(v.Value, strong) && v.Count < c.Rows {
				return label{
					event: true, column: c.Name, task: "is_" + strings.ToLower(v.Value), binary: c.Name + " == " + v.Value,
					why: fmt.Sprintf("%s is %q in %s of the rows", c.Name, v.Value, percent(v.Count, c.Rows)),
				}
			}
		}
	}
	return label{}
}
