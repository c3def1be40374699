package synthetic

import (
	"math"
	"strings"

	"recsys/internal/portable"
)

// leaf is a category without children.
type leaf struct {
	path   []string // department, category, leaf
	taste  vector
	price  float64 // mean of the log price
	items  []int
	nearby []int // leaves of the same department, without itself
}

type item struct {
	leaf   int
	brand  int
	taste  vector
	weight float64 // popularity
	price  float32 // in the shop's currency, to the cent
	dear   float64 // log price over that of its leaf, in standard deviations
}

type catalogue struct {
	leaves []leaf
	brands []string
	items  []item
}

// tree lists the categories with the typical price of their leaves. Departments alternate, so that a smaller shop,
// which has only the first of them, has all departments.
func tree() (paths []string, prices []float64) {
	rows := []struct {
		path  string
		price float64
	}{
		{"electronics|phones|smartphones", 420},
		{"clothing|shoes|sneakers", 75},
		{"home|kitchen|cookware", 48},
		{"sports|outdoor|tents", 140},
		{"books|fiction|crime", 12},
		{"beauty|skin|creams", 22},
		{"electronics|phones|cases", 16},
		{"clothing|shoes|boots", 110},
		{"home|kitchen|knives", 35},
		{"sports|outdoor|backpacks", 85},
		{"books|fiction|fantasy", 14},
		{"beauty|skin|sunscreen", 15},
		{"electronics|audio|headphones", 90},
		{"clothing|tops|shirts", 32},
		{"home|furniture|lamps", 55},
		{"sports|fitness|weights", 60},
		{"books|science|history", 24},
		{"beauty|hair|shampoo", 9},
		{"electronics|audio|speakers", 130},
		{"clothing|tops|sweaters", 58},
		{"home|furniture|chairs", 160},
		{"sports|fitness|mats", 28},
		{"books|science|nature", 26},
		{"beauty|hair|dryers", 45},
		{"electronics|computers|keyboards", 65},
		{"clothing|bags|handbags", 95},
		{"home|garden|tools", 30},
		{"sports|cycling|helmets", 70},
		{"books|children|picture", 11},
		{"beauty|perfume|eau", 62},
	}
	for _, row := range rows {
		paths = append(paths, row.path)
		prices = append(prices, row.price)
	}
	return paths, prices
}

func newCatalogue(c Config) *catalogue {
	paths, prices := tree()
	n := min(len(paths), max(6, c.Items/15))
	cat := &catalogue{leaves: make([]leaf, n)}
	for i := range cat.leaves {
		cat.leaves[i] = newLeaf(c.Seed, paths[i], prices[i])
	}
	for i := range cat.leaves {
		for j := range cat.leaves {
			if i != j && cat.leaves[i].path[0] == cat.leaves[j].path[0] {
				cat.leaves[i].nearby = append(cat.leaves[i].nearby, j)
			}
		}
	}
	cat.brands = []string{
		"Acorn", "Birch", "Cobalt", "Delta", "Ember", "Fjord", "Garnet", "Harbor", "Indigo", "Juniper", "Krill", "Lumen",
		"Meadow", "Nimbus", "Onyx", "Pilot", "Quill", "Raven", "Sable", "Tundra", "Umber", "Vesper", "Willow", "Zephyr",
	}
	cat.stock(c)
	return cat
}

// newLeaf sums the vectors of the three levels: leaves of one department, and more so of one category, are alike.
func newLeaf(seed uint64, path string, price float64) leaf {
	parts := strings.Split(path, "|")
	var taste vector
	for depth, factor := range []float64{0.65, 0.5, 0.45} {
		taste = taste.plus(factor, random(portable.New(seed, "category/"+strings.Join(parts[:depth+1], "|"))))
	}
	return leaf{path: parts, taste: taste, price: portable.Log(price)}
}

// stock makes the items: a leaf and a brand that the leaf's department knows, and a place in the popularity's order.
func (cat *catalogue) stock(c Config) {
	brands := make([]vector, len(cat.brands))
	levels := make([]float64, len(cat.brands))
	r := portable.New(c.Seed, "brands")
	for i := range brands {
		brands[i], levels[i] = random(r), float64(0.3*r.Normal())
	}
	r = portable.New(c.Seed, "items")
	ranks := r.Perm(c.Items)
	cat.items = make([]item, c.Items)
	for i := range cat.items {
		l := i % len(cat.leaves) // every leaf has items
		if i >= 2*len(cat.leaves) {
			l = r.IntN(len(cat.leaves))
		}
		// Every department knows 8 of the 24 brands, overlapping.
		b := (l%6*4 + r.IntN(8)) % len(brands)
		dear := levels[b] + float64(0.4*r.Normal())
		cents := math.Floor(float64(100*portable.Exp(cat.leaves[l].price+dear)) + 0.5)
		cat.items[i] = item{
			leaf: l, brand: b,
			taste:  vector{}.plus(1, cat.leaves[l].taste).plus(0.45, brands[b]).plus(0.5, random(r)),
			weight: portable.Pow(float64(ranks[i]+3), -0.8),
			price:  float32(cents / 100),
			dear:   dear / 0.5,
		}
		cat.leaves[l].items = append(cat.leaves[l].items, i)
	}
}
