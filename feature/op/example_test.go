package op_test

import (
	"encoding/json"
	"fmt"

	"recsys/feature/op"
)

func ExampleRegistry() {
	settings := []byte(`{"columns": ["movie_id"], "min_frequency": 5}`)
	o, err := op.Registry().Decode("categorify", func(into any) error { return json.Unmarshal(settings, into) })
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s %+v\n", o.Name(), *o.(*op.Categorify))
	// Output: categorify {Columns:[movie_id] MinFrequency:5 MaxSize:0 OOVBuckets:0 Share: Vocabulary:[] VocabularyFile:}
}
