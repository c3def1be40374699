package redis_test

import (
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"recsys/featurestore"
	"recsys/featurestore/redis"
	"recsys/featurestore/storetest"
	redistest "recsys/test/redis"
)

// A cluster of one node refuses scripts and pipelines whose keys are in several slots, as a cluster of many does.
func TestStoreOnACluster(t *testing.T) {
	server := redistest.Start(t, "--cluster-enabled", "yes")
	admin := goredis.NewClient(&goredis.Options{Addr: server.Addr(), Password: server.Password()})
	t.Cleanup(func() { _ = admin.Close() })
	if err := admin.ClusterAddSlotsRange(t.Context(), 0, 16383).Err(); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(20 * time.Second)
	for info := ""; !strings.Contains(info, "cluster_state:ok"); {
		var err error
		if info, err = admin.ClusterInfo(t.Context()).Result(); err != nil || time.Now().After(deadline) {
			t.Fatalf("the cluster does not come up: %v\n%s", err, info)
		}
	}
	storetest.TestStore(t, func(t *testing.T) featurestore.Store {
		t.Helper()
		if err := admin.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		s, err := redis.Open(server.URL()[:strings.LastIndex(server.URL(), "/")]+"?addr="+server.Addr(), "shop",
			redis.WithTimeout(10*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}
