package pipeline

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"

	"recsys/data"
	"recsys/eval"
	"recsys/schema"
	"recsys/tensor"
	"recsys/train"
)

// scoreBlock is the number of rows that are read and scored at once.
const scoreBlock = 16384

// Score calls yield with the probabilities of every row of files like the interactions', one table, by task in the order of Tasks,
// a block of rows at a time in the files' order: values holds a slice for each task. The files need the keys of user and
// item, and the columns that the ranker reads as context. Users and items that the data does not have are scored as
// unknown ones. Histories are those before the row's order where the files have that column, otherwise all that is not held
// out last.
func (p *Pipeline) Score(ctx context.Context, files []string, yield func(done, total int, values [][]float32) error) error {
	ranking, err := p.readRanking()
	if err != nil {
		return fmt.Errorf("score: %w", err)
	}
	if err := p.prepare(ctx); err != nil {
		return err
	}
	in := p.config.Data.Interactions
	s := &scorer{p: p}
	if s.wide, err = (encoder{p.config, p.tables, p.workflow}).wide(); err != nil {
		return err
	}
	path := strings.Join(files, ", ")
	spec := data.Spec{Path: path, Files: files, Columns: map[string]tensor.DType{}}
	for _, key := range []string{in.User, in.Item} {
		c, _ := p.tables.Raw.Column(key)
		spec.Columns[key] = c.DType.DType
	}
	for _, c := range p.tables.Raw.Select(schema.Context) {
		if s.wide.reads(c.Name) || c.Name == in.Time {
			spec.Columns[c.Name] = c.DType.DType
		}
	}
	f, err := data.Open(ctx, spec)
	if err != nil {
		return fmt.Errorf("score: %w", err)
	}
	if err := s.open(ctx); err != nil {
		return err
	}
	p.phase("score")
	done := 0
	for batch, err := range f.Batches(ctx, scoreBlock) {
		if err != nil {
			return err
		}
		e, err := s.examples(ctx, batch)
		if err != nil {
			return fmt.Errorf("%s: rows from %d on: %w", path, done+1, err)
		}
		rows := make([]int32, e.Len())
		for i := range rows {
			rows[i] = int32(i)
		}
		scores, err := eval.Scores(ctx, ranking.Graph, e, rows, p.evalOptions())
		if err != nil {
			return err
		}
		values := make([][]float32, len(ranking.Tasks))
		for i, task := range ranking.Tasks {
			values[i] = scores[task]
		}
		done += len(rows)
		if err := yield(done, f.Rows(), values); err != nil {
			return err
		}
	}
	return nil
}

// Tasks are the names of the ranker's tasks, none without one.
func (p *Pipeline) Tasks() []string {
	names := make([]string, len(p.tasks))
	for i, t := range p.tasks {
		names[i] = t.Name
	}
	return names
}

// scorer makes examples of rows.
type scorer struct {
	p *Pipeline
	// users and itemRows give the rows of every key, items the item index, nobody the row of a user that is not known.
	users, itemRows, items map[string]int32
	nobody                 int32
	wide                   wide
	base                   *train.Examples
	known                  []int32   // the length of each user's sequence that is not held out last
	orders                 [][]int64 // of each user's sequence, ascending
}

func (s *scorer) open(ctx context.Context) error {
	p, in := s.p, s.p.config.Data.Interactions
	var err error
	if s.users, err = keyIndex(p.tables.Users, in.User); err != nil {
		return err
	}
	if s.itemRows, err = keyIndex(p.tables.Items, in.Item); err != nil {
		return err
	}
	e := p.examples
	s.items = map[string]int32{}
	keys := p.itemColumn()
	for i := e.First; i < keys.Len(); i++ {
		s.items[keyText(keys, i)] = int32(i)
	}
	s.nobody = int32(p.tables.Users.Len())
	if s.base, err = p.withNobody(ctx); err != nil {
		return err
	}
	all := make([]int32, p.tables.Users.Len())
	for i := range all {
		all[i] = int32(i)
	}
	m, err := p.at(ctx, all, false)
	if err != nil {
		return err
	}
	s.known = m.places
	return s.readOrders()
}

// readOrders finds the order of every entry of the sequences.
func (s *scorer) readOrders() error {
	e := s.p.examples
	order, err := orderOf(s.p.tables.Interactions, s.p.config.Data.Interactions.Order)
	if err != nil {
		return err
	}
	s.orders = make([][]int64, len(s.known))
	for u := range s.orders {
		s.orders[u] = make([]int64, len(e.Sequences.Of(int32(u))))
	}
	for r, u := range e.User {
		if place := int(e.Position[r]); place < len(s.orders[u]) {
			s.orders[u][place] = order[r]
		}
	}
	return nil
}

// withNobody returns the examples' tables with a further user row, all of whose columns are null.
func (p *Pipeline) withNobody(ctx context.Context) (*train.Examples, error) {
	rows := make([]int, p.tables.Users.Len()+1)
	for i := range rows {
		rows[i] = i
	}
	rows[len(rows)-1] = -1
	raw := tensor.Map{}
	for _, c := range p.tables.Users.Columns() {
		described, ok := p.tables.Raw.Column(c.Name())
		if ok {
			raw[c.Name()] = taken(c, rows, described.Length)
		}
	}
	users, err := encoder{p.config, p.tables, p.workflow}.transform(ctx, schema.User, raw)
	if err != nil {
		return nil, fmt.Errorf("encode users: %w", err)
	}
	e := *p.examples
	e.Users = users
	e.Sequences.Offsets = append(slices.Clone(e.Sequences.Offsets), e.Sequences.Offsets[len(e.Sequences.Offsets)-1])
	return &e, nil
}

// examples are the rows of a block as interactions.
func (s *scorer) examples(ctx context.Context, batch *data.Table) (*train.Examples, error) {
	in := s.p.config.Data.Interactions
	users, err := batch.Column(in.User)
	if err != nil {
		return nil, err
	}
	items, err := batch.Column(in.Item)
	if err != nil {
		return nil, err
	}
	e := *s.base
	e.Labels, e.Blocks = nil, nil
	at := places{events: batch, own: make([]int, batch.Len())}
	e.User, e.Item, e.Position = make([]int32, batch.Len()), make([]int32, batch.Len()), make([]int32, batch.Len())
	var order []int64
	if in.Order != "" && batch.Has(in.Order) {
		if order, err = data.Values[int64](batch, in.Order); err != nil {
			return nil, err
		}
	}
	unknown := int32(s.p.examples.First - 1)
	for i := range batch.Len() {
		user, known := s.users[keyText(users, i)]
		row := int(user)
		if !known {
			user, row = s.nobody, -1
		}
		item, ok := s.items[keyText(items, i)]
		if !ok {
			item = unknown
		}
		itemRow, ok := s.itemRows[keyText(items, i)]
		if !ok {
			itemRow = -1
		}
		at.own[i], at.users, at.items = i, append(at.users, row), append(at.items, int(itemRow))
		at.numbers = append(at.numbers, tensor.NullInt64)
		e.User[i], e.Item[i] = user, item
		switch {
		case !known:
		case order != nil && order[i] >= 0:
			e.Position[i] = int32(sort.Search(len(s.orders[user]), func(at int) bool { return s.orders[user][at] >= order[i] }))
		default:
			e.Position[i] = s.known[user]
		}
	}
	at.ends = e.Position
	e.Context, err = s.wide.encode(ctx, at)
	return &e, err
}
