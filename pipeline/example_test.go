package pipeline_test

import (
	"fmt"

	"recsys/pipeline"
)

func ExampleParseConfig() {
	c, err := pipeline.ParseConfig([]byte(`
name: library
data:
  interactions: {path: loans.csv, user: reader, item: book, time: time}
features:
  - categorify: {columns: [reader, book]}
retrieval:
  - mf: {dim: 16}
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.Name, c.Split.By, c.Candidates, c.Retrieval[0].Name)
	_, err = pipeline.ParseConfig([]byte("name: library\ndata: {interactions: {path: loans.csv, user: reader, item: book}}\nfeatures: [categorify]\n"))
	fmt.Println(err)
	// Output:
	// library last 300 mf
	// retrieval, ranking: both are missing; give one model or more
}
