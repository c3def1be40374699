package synthetic

import (
	"math"
	"strconv"

	"recsys/internal/portable"
)

type user struct {
	age      int64
	gender   string // "" is unknown
	city     int
	taste    vector
	thrift   float64 // how much a high price deters, around 1
	sessions int
}

func cities() []string {
	return []string{
		"Aldmoor", "Brightport", "Caldera", "Dunwick", "Eastvale", "Farrow", "Glenhaven", "Highmere", "Ironbridge", "Jarrow",
		"Kingsford", "Larkspur",
	}
}

// newPeople draws users whose tastes are those of their gender, age group and city, and their own.
func newPeople(c Config) []user {
	group := func(kind string, i int) vector {
		return random(portable.New(c.Seed, "taste/"+kind+"/"+strconv.Itoa(i)))
	}
	r := portable.New(c.Seed, "activity")
	order, total := r.Perm(c.Users), 0.0
	activity := make([]float64, c.Users)
	for i := range activity {
		activity[i] = portable.Pow(float64(order[i]+c.Users/20+1), -0.7)
		total += activity[i]
	}
	places := portable.Zipf(len(cities()), 0.8)
	people := make([]user, c.Users)
	for i := range people {
		r := portable.New(c.Seed, "users/"+strconv.Itoa(i))
		age := min(80, max(16, math.Floor(38+float64(14*r.Normal()))))
		sex, city := r.IntN(2), places.Sample(r)
		taste := vector{}.plus(0.5, group("gender", sex)).plus(0.55, group("age", int(age)/12)).
			plus(0.25, group("city", city)).plus(0.65, random(r))
		people[i] = user{
			age: int64(age), gender: []string{"F", "M"}[sex], city: city, taste: taste,
			// The young look at prices more.
			thrift:   portable.Exp(float64(0.35*r.Normal()) + float64(0.015*(38-age))),
			sessions: max(2, int(math.Floor(float64(c.Sessions)*activity[i]/total+r.Float64()))),
		}
		if r.IntN(20) == 0 {
			people[i].gender = "" // did not say; the taste remains
		}
	}
	return people
}
