package engine

import (
	"container/list"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"slices"
	"sync"
	"time"

	"recsys/tensor"
)

const (
	// entryCost is what an answer takes in bytes beside its tensors: its key, its places in the list and the table, a map; tensorCost is what a
	// tensor takes beside its elements. 100,000 answers of one tensor of 8 bytes take 534 bytes each, those of three such tensors 758.
	entryCost, tensorCost = 416, 112
	// stringCost is what a string takes beside its bytes.
	stringCost = 16
)

// fingerprint stands for bytes. Two that are the same stand for the same bytes, as far as anybody knows a way.
type fingerprint [sha256.Size]byte

// cache holds answers of models with response_cache until it is full; then those go that were not asked for the longest time. It is safe
// for concurrent use.
type cache struct {
	size int64 // bytes, at most

	mu      sync.Mutex // guards the rest
	stats   CacheStatistics
	entries map[fingerprint]*list.Element
	recent  *list.List // of *cached, the last asked first
}

// CacheStatistics counts what the cache of answers did. The zero value is that of an engine without one.
type CacheStatistics struct {
	// Size and Used are bytes: the bound, and what the answers take that are kept now, which are Entries.
	Size, Used int64
	Entries    int
	// Hits and Misses are the lookups; Evictions are answers that made place for others.
	Hits, Misses, Evictions uint64
	// Lookup and Insertion are the times of all lookups and of all answers that were put in.
	Lookup, Insertion time.Duration
}

// CacheStatistics returns the counts of the cache.
func (e *Engine) CacheStatistics() CacheStatistics {
	if e.cache == nil {
		return CacheStatistics{}
	}
	e.cache.mu.Lock()
	defer e.cache.mu.Unlock()
	s := e.cache.stats
	s.Size, s.Entries = e.cache.size, len(e.cache.entries)
	return s
}

// cached is an answer in a cache. Its tensors do not change.
type cached struct {
	key     fingerprint
	outputs tensor.Map
	bytes   int64
}

// newCache returns nil for a size of 0.
func newCache(size int64) *cache {
	if size <= 0 {
		return nil
	}
	return &cache{size: size, entries: map[fingerprint]*list.Element{}, recent: list.New()}
}

// get returns an answer, which must not be changed, or nil.
func (c *cache) get(key fingerprint) tensor.Map {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[key]
	if e == nil {
		c.stats.Misses++
		return nil
	}
	c.stats.Hits++
	c.recent.MoveToFront(e)
	return e.Value.(*cached).outputs
}

// put keeps a copy of an answer, unless that is larger than the cache.
func (c *cache) put(key fingerprint, outputs tensor.Map) {
	bytes := int64(entryCost)
	for _, t := range outputs {
		bytes += tensorCost + tensorBytes(t)
	}
	if bytes > c.size {
		return
	}
	x := &cached{key, copyMap(outputs), bytes}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries[key] != nil {
		return // of a request that ran beside this one
	}
	for c.stats.Used+bytes > c.size {
		oldest := c.recent.Remove(c.recent.Back()).(*cached)
		delete(c.entries, oldest.key)
		c.stats.Used -= oldest.bytes
		c.stats.Evictions++
	}
	c.entries[key] = c.recent.PushFront(x)
	c.stats.Used += bytes
}

// took adds to the times.
func (c *cache) took(lookup, insertion time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stats.Lookup += lookup
	c.stats.Insertion += insertion
}

func copyMap(m tensor.Map) tensor.Map {
	if m == nil {
		return nil
	}
	out := make(tensor.Map, len(m))
	for name, t := range m {
		out[name] = t.Clone()
	}
	return out
}

func tensorBytes(t *tensor.Tensor) int64 {
	if t.DType() != tensor.String {
		return int64(t.Len()) * int64(t.DType().Size())
	}
	n := int64(0)
	for _, s := range tensor.MustData[string](t) {
		n += stringCost + int64(len(s))
	}
	return n
}

// keep gives a version the cache if its configuration wants one.
func (v *version) keep(name string, c *cache) {
	v.identify(name)
	if v.config.ResponseCache {
		v.cache = c
	}
}

// cached answers a task from the cache, or with do.
func (v *version) cached(t *task, do func() error) error {
	if v.cache == nil {
		return do()
	}
	begin := time.Now()
	key := v.question(t.inputs, t.outputs)
	out := copyMap(v.cache.get(key))
	looked := time.Since(begin)
	v.cache.took(looked, 0)
	if out == nil {
		err := do()
		if err == nil {
			put := time.Now()
			v.cache.put(key, t.out)
			inserted := time.Since(put)
			v.cache.took(0, inserted)
			v.stats.missed(looked + inserted)
		}
		return err
	}
	if t.out, t.begin, t.started = out, begin, begin; v.queue != nil {
		if err := v.queue.inTurn(t); err != nil {
			v.stats.fail(begin, err)
			return err
		}
	}
	v.stats.hit(begin, looked)
	return nil
}

// identify says which model answers: an answer holds for a version with the same name, configuration, file and parts only.
func (v *version) identify(name string) {
	h := sha256.New()
	fmt.Fprintf(h, "%q %d\n", name, v.number)
	write(h, v.config.Marshal())
	if v.file != nil {
		h.Write(v.file.sum[:])
	}
	for _, s := range v.steps {
		h.Write(s.part.identity[:])
	}
	v.identity = fingerprint(h.Sum(nil))
}

// question is the fingerprint of a request: of the model, the wanted outputs, and the inputs with their shapes.
func (v *version) question(inputs tensor.Map, outputs []string) fingerprint {
	h := sha256.New()
	h.Write(v.identity[:])
	fmt.Fprintf(h, "%q\n", slices.Sorted(slices.Values(outputs)))
	for _, name := range inputs.Names() {
		t := inputs[name]
		fmt.Fprintf(h, "%q %s %v\n", name, t.DType(), t.Shape())
		if t.DType() != tensor.String {
			// The tensor's data is a slice of numbers or truth values, which Append takes.
			data, _ := binary.Append(nil, binary.LittleEndian, t.Any())
			write(h, data)
			continue
		}
		for _, s := range tensor.MustData[string](t) {
			write(h, []byte(s))
		}
	}
	return fingerprint(h.Sum(nil))
}

// write hashes bytes and their number, so that no others make the same hash together with what follows.
func write(h hash.Hash, data []byte) {
	h.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(data))))
	h.Write(data)
}
