package redis_test

import (
	"context"
	"fmt"
	"time"

	"github.com/alicebob/miniredis/v2"

	"recsys/featurestore"
	"recsys/featurestore/redis"
)

func Example() {
	server, err := miniredis.Run()
	if err != nil {
		panic(err)
	}
	defer server.Close()

	ctx := context.Background()
	store, err := redis.Open("redis://"+server.Addr()+"/0", "shop", redis.WithTimeout(time.Second))
	if err != nil {
		panic(err)
	}
	defer store.Close() //nolint:errcheck // The example ends.
	err = store.AddEvents(ctx, []featurestore.Event{
		{ID: "e1", UserID: "42", ItemID: "17", Type: "view", Time: time.Unix(100, 0)},
		{ID: "e2", UserID: "42", ItemID: "99", Type: "cart", Time: time.Unix(160, 0)},
	})
	if err != nil {
		panic(err)
	}
	user, err := store.User(ctx, "42", 50)
	if err != nil {
		panic(err)
	}
	fmt.Println(user.History)
	// Output: [17 99]
}
